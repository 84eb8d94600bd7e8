//! JSON (RFC 8259) as text while it streams by: escapes undone, embedded base64 taken out as objects.
//!
//! Owns: reading strings wherever they stand, so that damaged and line-delimited JSON is read as well. Never does: a tree; holding more
//! than a string, a long one only where it may be a file.

mod marks;

use crate::kind::{self, Kind};
use crate::{Inner, Output, path};
use base64::Engine as _;
use egret_model::ObjectState;
use marks::{BASE64_CHARACTERS, Glance, Marks, URI_BASE64, in_base64};

/// Text handed on at once where escapes are undone in it, bytes; a string that is no file is not held beyond it.
const PIECE_BYTES: usize = 16 << 10;

/// Longest escape, bytes: a surrogate pair.
const ESCAPE_BYTES: usize = 12;

/// Of a longer name, its end is kept, bytes: a path shows no more of it.
const NAME_BYTES: usize = 4096;

/// JSON that is being read. Text without escapes passes through without a copy.
pub(crate) struct Json {
    /// Longest string that is held because it may be a file, bytes.
    most: usize,
    /// The beginning of a character that the last piece cut.
    partial: Vec<u8>,
    /// The string that the last piece cut.
    open: Option<Open>,
    /// The last string, where nothing behind it has told yet whether it is a name.
    behind: Option<String>,
    /// The name of the value at hand, as it is written.
    name: String,
    /// Text in which escapes were undone, on its way out.
    text: String,
}

/// A string that goes on.
#[derive(Default)]
struct Open {
    /// What of it was not handed out.
    held: String,
    /// The next byte is escaped.
    escaped: bool,
    /// It is no file: its beginning was handed out.
    text: bool,
}

impl Json {
    /// `most`: the longest string that is held because it may be a file, bytes.
    pub(crate) fn new(most: usize) -> Self {
        let (name, text) = (String::new(), String::new());
        Self { most, partial: Vec::new(), open: None, behind: None, name, text }
    }

    /// The next bytes.
    pub(crate) fn push(&mut self, data: &[u8], output: &mut dyn Output) {
        let joined;
        let data = if self.partial.is_empty() {
            data
        } else {
            joined = [std::mem::take(&mut self.partial).as_slice(), data].concat();
            &joined
        };
        // Nearly all JSON is valid UTF-8, which is much faster to find out than to repair.
        if let Ok(valid) = std::str::from_utf8(data) {
            return self.piece(valid, output);
        }
        let mut rest = data.len();
        for chunk in data.utf8_chunks() {
            let (valid, invalid) = (chunk.valid(), chunk.invalid());
            self.piece(valid, output);
            rest -= valid.len() + invalid.len();
            if rest == 0 && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none()) {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.piece("\u{fffd}", output);
            }
        }
    }

    /// The end. A string that was not closed is read as far as it goes.
    pub(crate) fn finish(&mut self, output: &mut dyn Output) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.piece("\u{fffd}", output);
        }
        if let Some(open) = self.open.take() {
            self.string(&open.held, open.text, output);
        }
        self.flush(output);
    }

    fn piece(&mut self, data: &str, output: &mut dyn Output) {
        let from = match self.open.take() {
            Some(open) => self.go_on(open, data, output),
            None => Some(0),
        };
        if let Some(from) = from {
            self.settle_name(data.get(from..).unwrap_or_default());
            // The closing quote before that place is text, too.
            self.strings(data, from.saturating_sub(1), from, output);
        }
        self.flush(output);
    }

    /// Goes on with a string that an earlier piece has begun. Where its end is, the place behind it.
    fn go_on(&mut self, mut open: Open, data: &str, output: &mut dyn Output) -> Option<usize> {
        let mut marks = Marks::from(data.as_bytes(), usize::from(std::mem::take(&mut open.escaped)));
        let end = marks.string_end();
        open.held.push_str(data.get(..end.unwrap_or(data.len())).unwrap_or_default());
        if let Some(end) = end {
            self.string(&open.held, open.text, output);
            self.behind = Some(open.held);
            return Some(end + 1);
        }
        open.escaped = marks.from > data.len();
        let long = open.held.len() > PIECE_BYTES && base64_of(&open.held).is_none();
        if open.text || long || open.held.len() > self.most {
            open.text = true;
            let used = unescape(&open.held, true, &mut self.text);
            open.held.drain(..used);
        }
        self.open = Some(open);
        None
    }

    /// A string that came in several pieces is whole, but for its beginning where it is known to be `text`.
    fn string(&mut self, string: &str, text: bool, output: &mut dyn Output) {
        match embedded(string).filter(|_| !text) {
            Some(decoded) => {
                self.flush(output);
                object(&self.name, &decoded, string.len(), output);
            }
            None => {
                unescape(string, false, &mut self.text);
            }
        }
    }

    /// What stands behind the last string tells whether it is a name.
    fn settle_name(&mut self, rest: &str) {
        let Some(last) = self.behind.take() else { return };
        match is_name(rest.as_bytes()) {
            Some(true) => self.name = shown(&last).to_owned(),
            Some(false) => {}
            None => self.behind = Some(last),
        }
    }

    /// Reads the strings of a piece from the place `from` on, which is outside of any; `done` of it was handed out.
    fn strings(&mut self, data: &str, mut done: usize, from: usize, output: &mut dyn Output) {
        let bytes = data.as_bytes();
        let rest = bytes.get(from..).unwrap_or_default();
        let seen = Glance::over(rest);
        if seen.is_plain(rest) {
            return self.plain_strings(data, done, from, seen.quotes, output);
        }
        let mut marks = Marks::from(bytes, from);
        let mut name = None;
        while let Some(open) = marks.quote() {
            let start = open + 1;
            marks.escapes = false;
            let Some(end) = marks.string_end() else {
                self.pass(data.get(done..start).unwrap_or_default(), output);
                let held = data.get(start..).unwrap_or_default().to_owned();
                self.open = Some(Open { held, escaped: marks.from > bytes.len(), text: false });
                done = bytes.len();
                break;
            };
            let string = data.get(start..end).unwrap_or_default();
            if let Some(decoded) = embedded(string) {
                self.pass(data.get(done..start).unwrap_or_default(), output);
                self.flush(output);
                object(name.unwrap_or(&self.name), &decoded, string.len(), output);
                done = end;
            } else if marks.escapes {
                self.text.push_str(data.get(done..start).unwrap_or_default());
                unescape(string, false, &mut self.text);
                done = end;
            }
            match is_name(bytes.get(end + 1..).unwrap_or_default()) {
                Some(true) => name = Some(string),
                Some(false) => {}
                None => self.behind = Some(shown(string).to_owned()),
            }
            if self.text.len() >= PIECE_BYTES {
                self.flush(output);
            }
        }
        if let Some(name) = name {
            self.name.clear();
            self.name.push_str(shown(name));
        }
        self.pass(data.get(done..).unwrap_or_default(), output);
    }

    /// The same where nothing has to be done with them. `count`: of their quotes.
    fn plain_strings(&mut self, data: &str, done: usize, from: usize, count: usize, output: &mut dyn Output) {
        let bytes = data.as_bytes().get(from..).unwrap_or_default();
        let mut quotes = memchr::memchr_iter(b'"', bytes);
        let open = match count % 2 {
            0 => None,
            _ => quotes.next_back().map(|quote| from + quote + 1),
        };
        // What the next string may belong to: the last name, looked for from the end.
        while let (Some(end), Some(quote)) = (quotes.next_back(), quotes.next_back()) {
            let string = data.get(from + quote + 1..from + end).unwrap_or_default();
            match is_name(bytes.get(end + 1..).unwrap_or_default()) {
                Some(true) => {
                    self.name.clear();
                    self.name.push_str(shown(string));
                    break;
                }
                Some(false) => {}
                None => self.behind = Some(shown(string).to_owned()),
            }
        }
        self.pass(data.get(done..open.unwrap_or(data.len())).unwrap_or_default(), output);
        self.open = open
            .map(|open| Open { held: data.get(open..).unwrap_or_default().to_owned(), ..Open::default() });
    }

    /// Hands text on that stands as it is.
    fn pass(&mut self, text: &str, output: &mut dyn Output) {
        match self.text.is_empty() {
            true if text.is_empty() => {}
            true => output.text(text),
            false => self.text.push_str(text),
        }
    }

    fn flush(&mut self, output: &mut dyn Output) {
        if !self.text.is_empty() {
            output.text(&self.text);
            self.text.clear();
        }
    }
}

/// Whether a string is a name with this behind its closing quote; None where that is not told.
fn is_name(behind: &[u8]) -> Option<bool> {
    behind.trim_ascii_start().first().map(|byte| *byte == b':')
}

/// What a path may show of a name.
fn shown(name: &str) -> &str {
    let from = (name.len().saturating_sub(NAME_BYTES)..).find(|at| name.is_char_boundary(*at));
    from.and_then(|from| name.get(from..)).unwrap_or_default()
}

/// Undoes escapes (RFC 8259 section 7). Returns how many bytes were read: all, unless there is `more`, of which the last
/// escape may need some.
fn unescape(string: &str, more: bool, text: &mut String) -> usize {
    let mut used = 0;
    let rest = |used: usize| string.get(used..).unwrap_or_default();
    while let Some(at) = memchr::memchr(b'\\', rest(used).as_bytes()) {
        text.push_str(rest(used).get(..at).unwrap_or_default());
        used += at;
        let escape = rest(used);
        if more && escape.len() < ESCAPE_BYTES {
            return used;
        }
        let mut characters = escape.chars().skip(1);
        let (character, length) = match characters.next() {
            Some('n') => (Some('\n'), 2),
            Some('t') => (Some('\t'), 2),
            Some('r') => (Some('\r'), 2),
            Some('b' | 'f') => (Some(' '), 2),
            Some('u') => {
                let (character, length) = unicode(escape.as_bytes());
                (Some(character), length)
            }
            Some(other) => (Some(other), 1 + other.len_utf8()),
            None => (None, 1),
        };
        text.extend(character);
        used += length;
    }
    text.push_str(rest(used));
    string.len()
}

/// `\u00e4`, or a surrogate pair; the character and how many bytes stand for it.
fn unicode(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u16> {
        let text = std::str::from_utf8(escape.get(at..at + 6)?).ok()?;
        u16::from_str_radix(text.strip_prefix("\\u")?, 16).ok()
    };
    let Some(first) = unit(0) else { return ('u', 2) };
    let pair = [first, unit(6).unwrap_or_default()];
    let units = if (0xd800..0xdc00).contains(&first) { &pair[..] } else { &pair[..1] };
    match char::decode_utf16(units.iter().copied()).next() {
        Some(Ok(character)) => (character, 6 * units.len()),
        // Half of a pair, which stands alone.
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The base64 that a string may hold, that of a `data:` URI (RFC 2397) included, as far as its beginning tells.
fn base64_of(string: &str) -> Option<&str> {
    if string.len() < BASE64_CHARACTERS {
        return None;
    }
    let body = match string.strip_prefix("data:") {
        Some(uri) => {
            let head = uri.as_bytes().get(..128.min(uri.len()))?;
            uri.get(memchr::memmem::find(head, URI_BASE64)? + URI_BASE64.len()..)?
        }
        None => string,
    };
    let alphabet = |byte: &u8| in_base64(*byte) || *byte == b'\\';
    let head = body.as_bytes().get(..BASE64_CHARACTERS.min(body.len()))?;
    head.iter().all(alphabet).then_some(body)
}

/// What a string holds as base64, if that is something recognisable.
fn embedded(string: &str) -> Option<Vec<u8>> {
    let body = base64_of(string)?;
    // Slashes may be escaped, and some encoders break lines.
    let mut plain = String::with_capacity(body.len());
    unescape(body, false, &mut plain);
    let mut plain = plain.into_bytes();
    plain.retain(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    let decoded = base64::engine::general_purpose::STANDARD_NO_PAD.decode(&plain).ok()?;
    let prefix = decoded.get(..kind::PREFIX_BYTES.min(decoded.len()))?;
    (kind::recognise(prefix, None, None).kind != Kind::Binary).then_some(decoded)
}

fn object(name: &str, decoded: &[u8], stored: usize, output: &mut dyn Output) {
    let name = path::segment(name);
    let name = if name.is_empty() { "base64".to_owned() } else { name };
    output.begin(Inner { name, filename: None, media_type: None });
    let state = if output.data(decoded) { ObjectState::Inspected } else { ObjectState::OverLimit };
    output.end(state, stored as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;
    use proptest::prelude::*;

    fn read(data: &[u8], cut: usize) -> Recording {
        let (mut json, mut recording) = (Json::new(1 << 20), Recording::default());
        data.chunks(cut).for_each(|piece| json.push(piece, &mut recording));
        json.finish(&mut recording);
        recording
    }

    /// JSON as it is read when all of it is there.
    fn reference(data: &[u8]) -> Recording {
        let (mut recording, mut text) = (Recording::default(), String::new());
        let whole = String::from_utf8_lossy(data);
        let (mut name, mut rest) = ("", &*whole);
        while let Some(quote) = rest.find('"') {
            text.push_str(&rest[..=quote]);
            rest = &rest[quote + 1..];
            let mut escaped = false;
            let end = rest.find(|c| {
                let literal = escaped;
                escaped = !literal && c == '\\';
                !literal && c == '"'
            });
            let (string, behind) = rest.split_at(end.unwrap_or(rest.len()));
            rest = behind;
            match embedded(string) {
                Some(decoded) => object(name, &decoded, string.len(), &mut recording),
                None => drop(unescape(string, false, &mut text)),
            }
            if is_name(rest.get(1..).unwrap_or_default().as_bytes()) == Some(true) {
                name = string;
            }
            text.push_str(rest.get(..1).unwrap_or_default());
            rest = rest.get(1..).unwrap_or_default();
        }
        recording.text = text + rest;
        recording
    }

    #[test]
    fn escapes_are_undone() {
        let json = br#"{"n\u00e4me":"a\/b \"q\" \ud83d\ude00 \u12 \ud83d, then \\", "x": 1}"#;
        for cut in 1..=json.len() {
            assert_eq!(read(json, cut).text, "{\"näme\":\"a/b \"q\" 😀 u12 \u{fffd}, then \\\", \"x\": 1}");
        }
    }

    #[test]
    fn embedded_files_are_objects() {
        let file = base64::engine::general_purpose::STANDARD.encode("customer,card\n".repeat(20));
        let json =
            format!(r#"{{"filename":"a.csv","content" : "{file}","uri":"data:text/csv;base64,{file}"}}"#);
        for cut in [1, 2, 7, 64, 200, 10_000] {
            let recording = read(json.as_bytes(), cut);
            assert_eq!(recording.object("content").data, "customer,card\n".repeat(20).as_bytes());
            assert_eq!(recording.object("uri").data.len(), 280);
            assert_eq!(recording.text, r#"{"filename":"a.csv","content" : "","uri":""}"#);
        }
    }

    #[test]
    fn damaged_json_is_text_all_the_same() {
        assert_eq!(read(b"{\"a\": \"open \\", 3).text, "{\"a\": \"open ");
        assert_eq!(read(b"{\"a\":1}\n{\"a\":2}\n", 3).text, "{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(
            read(b"\"caf\xc3\xa9\" \"caf\xe9\" \xe2\x82", 2).text,
            "\"café\" \"caf\u{fffd}\" \u{fffd}"
        );
    }

    #[test]
    fn a_long_text_is_handed_out_before_it_ends() {
        let text = format!("{{\"note\":\"{}", "two words\\n\\u00e4 ".repeat(9000));
        let (mut json, mut recording) = (Json::new(1 << 20), Recording::default());
        text.as_bytes().chunks(1460).for_each(|piece| json.push(piece, &mut recording));
        assert!(json.open.as_ref().is_some_and(|open| open.held.len() < PIECE_BYTES + 1460));
        assert!(recording.text.len() > 80_000);
        json.finish(&mut recording);
        assert_eq!(recording.text, format!("{{\"note\":\"{}", "two words\nä ".repeat(9000)));
    }

    #[test]
    fn a_string_over_the_limit_is_text() {
        let string = "QUJD".repeat(1000);
        let (mut json, mut recording) = (Json::new(2000), Recording::default());
        format!("[\"{string}\"]").as_bytes().chunks(700).for_each(|piece| json.push(piece, &mut recording));
        json.finish(&mut recording);
        assert_eq!((recording.text, recording.objects.len()), (format!("[\"{string}\"]"), 0));
    }

    proptest! {
        #[test]
        fn any_cut_reads_as_the_whole_does(
            pieces in prop::collection::vec(
                prop_oneof![
                    4 => "[a-z ,:]{0,9}",
                    6 => Just("\"".to_owned()),
                    2 => r#"\\["\\nu/]?"#,
                    1 => r"\\u(00e4|d83d|de00|2[0-9])",
                    1 => "[äß€😀]{1,3}",
                    2 => Just(base64::engine::general_purpose::STANDARD.encode("customer,card\n".repeat(9))),
                ],
                0..40,
            ),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            repeats in prop_oneof![9 => Just(1_usize), 1 => Just(300)],
            cut in prop_oneof![1..9_usize, 9..3000_usize],
        ) {
            let mut bytes = pieces.concat().repeat(repeats).into_bytes();
            for (place, byte) in damage.into_iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let (found, expected) = (read(&bytes, cut), reference(&bytes));
            let objects = |recording: &Recording| format!("{:?}", recording.objects);
            prop_assert_eq!(objects(&found), objects(&expected));
            prop_assert_eq!(found.text, expected.text);
        }
    }
}
