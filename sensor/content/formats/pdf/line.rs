//! One line of text as a page draws it, put into the order in which it is read and into the letters that it is written with.
//!
//! Owns: right-to-left words, which most producers draw from left to right, their last letter first; ligatures and the forms that
//! letters take beside others. Never does: places on the page.

use crate::formats::text::Text;
use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};
use unicode_normalization::UnicodeNormalization as _;

/// A longer line is handed on in parts. 64 KiB.
const LINE_BYTES: usize = 64 << 10;

/// What of a line has been drawn.
#[derive(Default)]
pub(super) struct Line {
    drawn: String,
    /// Right-to-left letters that were drawn to the right of the one before, and to its left.
    rightward: u32,
    leftward: u32,
}

/// Whether a character belongs to a script that is written from right to left.
pub(super) fn is_right_to_left(character: char) -> bool {
    // What lies before the Hebrew script is not asked for.
    character >= '\u{590}' && matches!(bidi_class(character), BidiClass::R | BidiClass::AL)
}

impl Line {
    /// Adds what a glyph stands for.
    pub(super) fn push(&mut self, text: &str, out: &mut Text<'_>) {
        if self.drawn.len() + text.len() > LINE_BYTES {
            self.hand_on(out);
        }
        self.drawn.push_str(text);
    }

    /// Separates words, unless white space already does.
    pub(super) fn space(&mut self) {
        if !self.drawn.is_empty() && !self.drawn.ends_with(char::is_whitespace) {
            self.drawn.push(' ');
        }
    }

    /// Notes that a right-to-left letter was drawn beside another one.
    pub(super) fn went(&mut self, to_the_left: bool) {
        let count = if to_the_left { &mut self.leftward } else { &mut self.rightward };
        *count = count.saturating_add(1);
    }

    /// Hands on what was drawn, as it is read.
    pub(super) fn hand_on(&mut self, out: &mut Text<'_>) {
        let line = std::mem::take(self);
        let is_reversed = line.rightward >= line.leftward && line.drawn.chars().any(is_right_to_left);
        if is_reversed { push_letters(&read_order(&line.drawn), out) } else { push_letters(&line.drawn, out) }
    }
}

/// A line drawn from left to right in the order of reading. What puts letters into the order of drawing (UAX #9, rule L2) also takes
/// them back.
fn read_order(drawn: &str) -> String {
    let leftward = drawn.chars().filter(|character| is_right_to_left(*character)).count();
    let rightward = drawn.chars().filter(|character| bidi_class(*character) == BidiClass::L).count();
    let base = if leftward > rightward { Level::rtl() } else { Level::ltr() };
    let bidi = BidiInfo::new(drawn, Some(base));
    bidi.paragraphs.iter().map(|whole| bidi.reorder_line(whole, whole.range.clone())).collect()
}

/// Ligatures of Latin letters and the forms of Hebrew and Arabic ones are written out, so that words are found.
fn push_letters(text: &str, out: &mut Text<'_>) {
    for character in text.chars() {
        match character {
            'ﬀ' => out.push("ff"),
            'ﬁ' => out.push("fi"),
            'ﬂ' => out.push("fl"),
            'ﬃ' => out.push("ffi"),
            'ﬄ' => out.push("ffl"),
            'ﬅ' | 'ﬆ' => out.push("st"),
            '\u{ad}' => out.push("-"),
            // Control characters are how some fonts number their glyphs.
            character if character.is_control() => out.space(),
            '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => {
                std::iter::once(character).nfkc().for_each(|letter| out.push_char(letter));
            }
            character => out.push_char(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    fn handed_on(drawn: &str, leftward: u32) -> String {
        let mut output = Recording::default();
        let mut text = Text::new(&mut output);
        let mut line = Line { drawn: drawn.to_owned(), rightward: 1, leftward };
        line.hand_on(&mut text);
        text.finish(0);
        output.text
    }

    #[test]
    fn a_line_is_read_from_its_beginning() {
        for (drawn, read) in [
            ("plain (text) 12", "plain (text) 12"),
            ("םלוע םולש", "שלום עולם"),
            ("123 רפסמ", "מספר 123"),
            ("file םולש name", "file שלום name"),
            // Forms of letters, a ligature of two among them.
            ("ﺎﺒﺣﺮﻣ", "مرحبا"),
            ("ﻢﻠﺳﻻا", "الاسلم"),
            ("e\u{1}ﬃcient", "e fficient"),
        ] {
            assert_eq!(handed_on(drawn, 0), read, "{drawn}");
        }
    }

    #[test]
    fn what_was_drawn_in_the_order_of_reading_stays() {
        assert_eq!(handed_on("שלום עולם", 7), "שלום עולם");
    }
}
