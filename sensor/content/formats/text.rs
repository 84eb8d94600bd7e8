//! Collects extracted text into pieces of a reasonable size and keeps it within [`TEXT_BYTES`].
//!
//! Owns: white space between words, cells, lines; the limit on the text of one document. Never does: reading of any format.

use crate::Output;
use egret_model::ObjectState;

/// Text of one document, in bytes of UTF-8; a document that yields more (a spreadsheet whose cells all point at one long
/// string, say) is over-limit. 256 MiB.
pub(super) const TEXT_BYTES: usize = 256 << 20;

/// Text is handed on in pieces of about this many bytes. 16 KiB.
const PIECE_BYTES: usize = 16 << 10;

/// Text on its way to an [`Output`].
pub(super) struct Text<'a> {
    output: &'a mut dyn Output,
    piece: String,
    left: usize,
    /// The last character handed over, so that white space is not repeated.
    last: char,
    /// Whether the limit was reached and text was dropped.
    full: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(output: &'a mut dyn Output) -> Self {
        Self { output, piece: String::new(), left: TEXT_BYTES, last: '\n', full: false }
    }

    /// Adds `text` as it stands.
    pub(super) fn push(&mut self, text: &str) {
        let Some(last) = text.chars().next_back() else { return };
        if text.len() > self.left {
            self.full = true;
            return;
        }
        self.left -= text.len();
        self.last = last;
        self.piece.push_str(text);
        if self.piece.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    /// Adds one character.
    pub(super) fn push_char(&mut self, character: char) {
        self.push(character.encode_utf8(&mut [0; 4]));
    }

    /// Ends a line, unless one has just ended.
    pub(super) fn line(&mut self) {
        if self.last != '\n' {
            self.push("\n");
        }
    }

    /// Takes back a hyphen that ends a line within a word. False if the text does not end with one.
    pub(super) fn take_back_hyphen(&mut self) -> bool {
        let Some(word) = self.piece.strip_suffix('-').filter(|word| word.ends_with(char::is_alphabetic))
        else {
            return false;
        };
        self.last = word.chars().next_back().unwrap_or('-');
        self.piece.pop();
        true
    }

    /// Ends a table cell.
    pub(super) fn cell(&mut self) {
        self.push("\t");
    }

    /// Separates words, unless white space already does.
    pub(super) fn space(&mut self) {
        if !self.last.is_whitespace() {
            self.push(" ");
        }
    }

    /// A line `name: value`, if there is a value.
    pub(super) fn property(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if !value.is_empty() {
            self.line();
            self.push(name);
            self.push(": ");
            self.push(value);
            self.line();
        }
    }

    /// True once the limit is reached: nothing more is taken.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    /// The output itself, for inner objects and states; text so far is handed on first.
    pub(super) fn output(&mut self) -> &mut dyn Output {
        self.flush();
        self.output
    }

    /// Hands on what is left; `stored` is the size of the document, reported if its text exceeded the limit.
    pub(super) fn finish(mut self, stored: usize) {
        self.flush();
        if self.full {
            self.output.degrade(ObjectState::OverLimit, stored as u64);
        }
    }

    fn flush(&mut self) {
        if !self.piece.is_empty() {
            self.output.text(&self.piece);
            self.piece.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    #[test]
    fn white_space_is_not_repeated() {
        let mut output = Recording::default();
        let mut text = Text::new(&mut output);
        text.line();
        text.push("a");
        text.space();
        text.space();
        text.push("b");
        text.line();
        text.line();
        text.space();
        text.push_char('c');
        assert!(!text.take_back_hyphen());
        text.push("on-");
        assert!(text.take_back_hyphen());
        text.push("e 1-");
        assert!(!text.take_back_hyphen());
        text.property("name", " value ");
        text.property("empty", "  ");
        text.finish(0);
        assert_eq!(output.text, "a b\ncone 1-\nname: value\n");
    }

    #[test]
    fn too_much_text_is_over_limit() {
        let mut output = Recording::default();
        let mut text = Text::new(&mut output);
        let megabyte = "x".repeat(1 << 20);
        for _ in 0..257 {
            text.push(&megabyte);
        }
        assert!(text.is_full());
        text.finish(7);
        assert_eq!(output.text.len(), TEXT_BYTES);
        assert_eq!(output.degraded, [(ObjectState::OverLimit, 7)]);
    }
}
