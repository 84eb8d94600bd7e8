//! Letters that stand in lines of one length, as everything that encodes files breaks them: between `-----BEGIN` and `-----END`, in a
//! script's here-document, in a message.
//!
//! Owns: where such lines begin and end within other text. Never does: what they are.

use super::stretches::{Stretch, Stretches, is_letter};

/// Letters of a line: `xxd -p` breaks at 60, PEM and certutil at 64, MIME at 76.
const LENGTHS: std::ops::RangeInclusive<usize> = 48..=128;
/// Letters that belong together in base64; its last line has a multiple of them too.
const GROUP: usize = 4;

/// Looks for lines in a text that streams by.
pub(super) struct Lines {
    stretches: Stretches,
    block: Block,
}

/// Lines of which some may belong together.
#[derive(Default)]
struct Block {
    /// The line that is being read, up to one byte more than a line may have.
    line: Vec<u8>,
    previous: Vec<u8>,
    /// Letters of all lines but the last, once two of them have been as long.
    length: Option<usize>,
}

impl Default for Lines {
    fn default() -> Self {
        let stretches = Stretches::of(|byte| is_letter(byte) || matches!(byte, b'\r' | b'\n'));
        Self { stretches, block: Block::default() }
    }
}

impl Lines {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(Stretch<'_>)) {
        let Self { stretches, block } = self;
        stretches.push(data, &mut |stretch| block.take(stretch, sink));
    }

    /// The text ends here, or bytes are missing.
    pub(super) fn end(&mut self, sink: &mut dyn FnMut(Stretch<'_>)) {
        let Self { stretches, block } = self;
        stretches.end(&mut |stretch| block.take(stretch, sink));
    }
}

impl Block {
    fn take(&mut self, stretch: Stretch<'_>, sink: &mut dyn FnMut(Stretch<'_>)) {
        match stretch {
            Stretch::Letters(mut letters) => {
                while let Some(end) = memchr::memchr(b'\n', letters) {
                    let (line, rest) = letters.split_at(end);
                    self.letters(line);
                    self.line_ends(sink);
                    letters = rest.get(1..).unwrap_or_default();
                }
                self.letters(letters);
            }
            Stretch::End => {
                self.line_ends(sink);
                if self.length.take().is_some() {
                    sink(Stretch::End);
                }
                self.previous.clear();
            }
        }
    }

    /// Takes letters of the line; how long a line is that is too long does not matter.
    fn letters(&mut self, letters: &[u8]) {
        let room = (LENGTHS.end() + 1).saturating_sub(self.line.len());
        self.line.extend(letters.iter().filter(|letter| **letter != b'\r').take(room));
    }

    fn line_ends(&mut self, sink: &mut dyn FnMut(Stretch<'_>)) {
        let line = std::mem::take(&mut self.line);
        match self.length {
            Some(length) if line.len() == length => sink(Stretch::Letters(&line)),
            Some(length) => {
                if line.len() < length && line.len().is_multiple_of(GROUP) {
                    sink(Stretch::Letters(&line));
                }
                sink(Stretch::End);
                self.length = None;
            }
            None if line.len() == self.previous.len() && LENGTHS.contains(&line.len()) => {
                self.length = Some(line.len());
                sink(Stretch::Letters(&self.previous));
                sink(Stretch::Letters(&line));
            }
            None => {}
        }
        // Its room serves the next one.
        self.line = std::mem::replace(&mut self.previous, line);
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks(text: &[u8], cut: usize) -> Vec<String> {
        let (mut lines, mut found, mut open) = (Lines::default(), Vec::new(), Vec::new());
        let mut sink = |stretch: Stretch<'_>| match stretch {
            Stretch::Letters(letters) => open.extend_from_slice(letters),
            Stretch::End => found.push(String::from_utf8(std::mem::take(&mut open)).unwrap()),
        };
        for piece in text.chunks(cut) {
            lines.push(piece, &mut sink);
        }
        lines.end(&mut sink);
        found
    }

    fn lines(letters: &str, length: usize, end: &str) -> String {
        letters.as_bytes().chunks(length).map(|line| format!("{}{end}", line.escape_ascii())).collect()
    }

    #[test]
    fn lines_of_one_length_are_found_however_they_come() {
        let (short, long) = ("QUJD".repeat(90), "Zm9v".repeat(500));
        let single = "A".repeat(400);
        let text = format!(
            "Here it is:\n\n{}\nregards\n-----BEGIN CERTIFICATE-----\r\n{}-----END CERTIFICATE-----\r\n{single}\n{}",
            lines(&short, 76, "\n"),
            lines(&long, 64, "\r\n"),
            lines(&short, 60, "\n").trim_end(),
        );
        for cut in [1, 7, 255, 256, 257, 100_000] {
            assert_eq!(blocks(text.as_bytes(), cut), [&*short, &*long, &*short], "in pieces of {cut}");
        }
    }

    #[test]
    fn other_lines_are_left() {
        let words = "word\nanother\nthird\n".repeat(99);
        let numbers: String = (1_000_000..1_001_000).map(|number| format!("{number}\r\n")).collect();
        let wide = lines(&"Ab1/".repeat(200), 160, "\n");
        for text in [words, numbers, wide, "\n".repeat(999), "\r".repeat(999)] {
            assert_eq!(blocks(text.as_bytes(), 99), [""; 0]);
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(parts in prop::collection::vec(("[a-zA-Z0-9+/=]{0,300}", 40..140_usize, "[ \r\n,]{0,2}"), 0..8), cut in 1..400_usize) {
            let text: String = parts.into_iter().map(|(letters, length, other)| lines(&letters, length, "\n") + &other).collect();
            prop_assert_eq!(blocks(text.as_bytes(), cut), blocks(text.as_bytes(), usize::MAX));
        }
    }
}
