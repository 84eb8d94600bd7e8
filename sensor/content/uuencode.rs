//! Uuencoded files within text (POSIX.1, `uuencode`, historical algorithm), found line by line as the text streams by.
//!
//! Owns: telling a file's lines from text, and decoding them. Never does: anything to other text, which passes through
//! without a copy.

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Longest line that can open a file, bytes.
const BEGIN_BYTES: usize = 512;

/// Longest line of a file, bytes: a count, 84 letters for 63 bytes, a check letter of some encoders, a line end.
const LINE_BYTES: usize = 96;

const BEGIN: &[u8] = b"begin ";

/// What comes out of a text.
#[derive(Debug)]
pub(crate) enum TextEvent<'a> {
    /// Text that is no part of a file.
    Text(&'a [u8]),
    /// A file of that name begins.
    Begin(&'a str),
    /// Its next bytes, decoded.
    Data(&'a [u8]),
    /// It ended; false where its end line is missing.
    End(bool),
}

/// The machine.
#[derive(Default)]
pub(crate) struct Uuencoded {
    state: State,
    /// The unfinished line, if it matters.
    held: Vec<u8>,
    /// The text so far ended inside a line.
    inside_line: bool,
    decoded: Vec<u8>,
}

#[derive(Default)]
enum State {
    #[default]
    Text,
    /// Behind a line that may open a file: the next line decides.
    Begun(Vec<u8>),
    File,
    /// In a file behind a gap: the line that it cuts is passed over.
    Cut,
}

impl Uuencoded {
    pub(crate) fn push(&mut self, mut data: &[u8], sink: &mut dyn FnMut(TextEvent<'_>)) {
        while !data.is_empty() {
            if matches!(self.state, State::Text) && self.held.is_empty() {
                data = self.text(data, sink);
                if data.is_empty() {
                    return;
                }
            }
            let end = memchr::memchr(b'\n', data).map(|at| at + 1);
            let (line, rest) = data.split_at_checked(end.unwrap_or(data.len())).unwrap_or((data, &[]));
            data = rest;
            let longest = if matches!(self.state, State::Text) { BEGIN_BYTES } else { LINE_BYTES };
            self.held.extend_from_slice(line);
            if end.is_some() {
                self.line(sink);
            } else if self.held.len() > longest
                || (matches!(self.state, State::Text) && !may_begin(&self.held))
            {
                self.give_up(sink);
            }
        }
    }

    /// True inside a file.
    pub(crate) const fn in_file(&self) -> bool {
        matches!(self.state, State::File | State::Cut)
    }

    /// Bytes are missing here.
    pub(crate) fn gap(&mut self, sink: &mut dyn FnMut(TextEvent<'_>)) {
        if self.in_file() {
            self.held.clear();
            self.state = State::Cut;
        } else {
            self.give_up(sink);
        }
    }

    /// The end of the text.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(TextEvent<'_>)) {
        if !self.held.is_empty() {
            self.line(sink);
        }
        self.give_up(sink);
    }

    /// Hands out text up to a line that may open a file, and returns the rest.
    fn text<'a>(&mut self, data: &'a [u8], sink: &mut dyn FnMut(TextEvent<'_>)) -> &'a [u8] {
        let starts_line = |at: usize| match at.checked_sub(1) {
            Some(before) => data.get(before) == Some(&b'\n'),
            None => !self.inside_line,
        };
        static BEGINS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEGIN));
        let found = BEGINS.find_iter(data).find(|at| starts_line(*at)).or_else(|| {
            let at = memchr::memrchr(b'\n', data).map_or(0, |at| at + 1);
            let tail = data.get(at..).unwrap_or_default();
            (!tail.is_empty() && BEGIN.starts_with(tail) && starts_line(at)).then_some(at)
        });
        let (text, rest) = data.split_at_checked(found.unwrap_or(data.len())).unwrap_or((data, &[]));
        if !text.is_empty() {
            self.inside_line = !text.ends_with(b"\n");
            sink(TextEvent::Text(text));
        }
        rest
    }

    /// A whole line is held.
    fn line(&mut self, sink: &mut dyn FnMut(TextEvent<'_>)) {
        let line = std::mem::take(&mut self.held);
        match std::mem::take(&mut self.state) {
            State::Text if name(&line).is_some() => self.state = State::Begun(line),
            State::Text => self.pass(&line, sink),
            State::Begun(begin) => {
                if decode(&line, &mut self.decoded) && !self.decoded.is_empty() {
                    sink(TextEvent::Text(&begin));
                    sink(TextEvent::Begin(&name(&begin).unwrap_or_default()));
                    sink(TextEvent::Data(&self.decoded));
                    self.state = State::File;
                } else {
                    self.pass(&begin, sink);
                    self.held = line;
                    self.line(sink);
                }
            }
            State::File if line.trim_ascii_end() == b"end" => sink(TextEvent::End(true)),
            State::File => {
                if decode(&line, &mut self.decoded) {
                    sink(TextEvent::Data(&self.decoded));
                    self.state = State::File;
                } else {
                    sink(TextEvent::End(false));
                    self.pass(&line, sink);
                }
            }
            State::Cut => self.state = State::File,
        }
    }

    /// What was held is text; a file that is open ends.
    fn give_up(&mut self, sink: &mut dyn FnMut(TextEvent<'_>)) {
        match std::mem::take(&mut self.state) {
            State::Begun(begin) => self.pass(&begin, sink),
            State::File | State::Cut => sink(TextEvent::End(false)),
            State::Text => {}
        }
        let held = std::mem::take(&mut self.held);
        self.pass(&held, sink);
    }

    fn pass(&mut self, text: &[u8], sink: &mut dyn FnMut(TextEvent<'_>)) {
        if !text.is_empty() {
            self.inside_line = !text.ends_with(b"\n");
            sink(TextEvent::Text(text));
        }
    }
}

fn may_begin(line: &[u8]) -> bool {
    BEGIN.starts_with(line) || line.starts_with(BEGIN)
}

/// The file name in `begin 644 report.csv`.
fn name(line: &[u8]) -> Option<String> {
    let mut words = line.strip_prefix(BEGIN)?.trim_ascii().splitn(2, |byte| *byte == b' ');
    let mode = words.next()?;
    let name = words.next()?.trim_ascii();
    let octal = (3..=4).contains(&mode.len()) && mode.iter().all(|byte| matches!(byte, b'0'..=b'7'));
    (octal && !name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Decodes a line into `out`. False where it is no line of a file: its length must fit its count. Blanks at its end may
/// have been lost on the way.
fn decode(line: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some((count, letters)) = line.split_first() else { return true };
    let value = |letter: u8| letter.wrapping_sub(b' ') & 63;
    let count = usize::from(value(*count));
    let length = count.div_ceil(3) * 4;
    let fits = letters.len() <= length + 2 && (letters.len() + 8 >= length || count == 0);
    if !fits || !line.iter().all(|byte| matches!(byte, b' '..=b'`')) {
        return false;
    }
    let mut letters = letters.iter().copied().chain(std::iter::repeat(b' ')).map(value);
    for _ in 0..count.div_ceil(3) {
        let word = letters.by_ref().take(4).fold(0_u32, |word, letter| word << 6 | u32::from(letter));
        let [_, bytes @ ..] = word.to_be_bytes();
        out.extend_from_slice(&bytes);
    }
    out.truncate(count);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(data: &[u8]) -> String {
        let letter = |value: u32| char::from(if value == 0 { b'`' } else { value as u8 + 32 });
        let mut out = String::from("begin 644 q3 report.csv\r\n");
        for line in data.chunks(45) {
            out.push(letter(line.len() as u32));
            for three in line.chunks(3) {
                let word =
                    (0..3).fold(0, |word, at| word << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
                out.extend((0..4).rev().map(|at| letter(word >> (6 * at) & 63)));
            }
            out.push_str("\r\n");
        }
        out + "`\r\nend\r\n"
    }

    /// Text, and name, content and end of files.
    fn read(text: &str, cut: usize) -> (String, Vec<(String, Vec<u8>, bool)>) {
        let mut machine = Uuencoded::default();
        let (mut out, mut files) = (Vec::new(), Vec::new());
        let mut sink = |event: TextEvent<'_>| match event {
            TextEvent::Text(text) => out.extend_from_slice(text),
            TextEvent::Begin(name) => files.push((name.to_owned(), Vec::new(), false)),
            TextEvent::Data(data) => files.last_mut().unwrap().1.extend_from_slice(data),
            TextEvent::End(good) => files.last_mut().unwrap().2 = good,
        };
        for piece in text.as_bytes().chunks(cut) {
            machine.push(piece, &mut sink);
        }
        machine.finish(&mut sink);
        (String::from_utf8(out).unwrap(), files)
    }

    #[test]
    fn a_file_is_taken_out_of_its_text() {
        let data = b"customer,card\n1,4111111111111111\n".repeat(9);
        let text = format!("Hello,\nbegin with this\nbegin 644 you\nbeg\n{}bye\nbegin", encoded(&data));
        for cut in [1, 2, 3, 7, 61, 10_000] {
            let (out, files) = read(&text, cut);
            assert_eq!(files, [("q3 report.csv".to_owned(), data.clone(), true)], "{cut}");
            assert_eq!(
                out, "Hello,\nbegin with this\nbegin 644 you\nbeg\nbegin 644 q3 report.csv\r\nbye\nbegin",
                "{cut}"
            );
        }
    }

    #[test]
    fn a_file_that_breaks_off_goes_on_as_text() {
        let whole = encoded(&b"abc".repeat(40));
        let cut: String = whole.lines().take(3).map(|line| format!("{line}\n")).collect();
        let (out, files) = read(&format!("{cut}a sentence in lower case\n"), 5);
        assert_eq!(files, [("q3 report.csv".to_owned(), b"abc".repeat(30), false)]);
        assert_eq!(out, "begin 644 q3 report.csv\na sentence in lower case\n");
    }
}
