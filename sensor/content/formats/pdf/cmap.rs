//! Character maps: which Unicode text a character code of a font stands for (ISO 32000-2 section 9.10.3).
//!
//! Owns: code lengths and code ranges. Ranges stay ranges, so that a map takes no more memory than its source.

use super::lexer::{Lexer, Token};

/// A map from character codes to text.
#[derive(Debug, Default)]
pub(super) struct CharacterMap {
    /// Lengths of codes in bytes, with the first and last code of each range.
    spaces: Vec<(usize, u32, u32)>,
    /// Sorted by first code.
    ranges: Vec<Range>,
}

#[derive(Debug)]
struct Range {
    first: u32,
    last: u32,
    /// UTF-16; its last unit counts up within the range.
    text: Vec<u16>,
}

impl CharacterMap {
    /// Reads a map. What cannot be read is left out.
    pub(super) fn parse(data: &[u8]) -> Self {
        let mut map = Self::default();
        let mut lexer = Lexer::new(data);
        while let Some(token) = lexer.next() {
            match token {
                Token::Word(b"begincodespacerange") => map.code_spaces(&mut lexer),
                Token::Word(b"beginbfchar") => map.characters(&mut lexer),
                Token::Word(b"beginbfrange") => map.character_ranges(&mut lexer),
                _ => {}
            }
        }
        map.ranges.sort_by_key(|range| range.first);
        map
    }

    /// Whether it maps nothing.
    pub(super) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Length in bytes of the code that `bytes` starts with; `otherwise` where no code space holds it.
    pub(super) fn code_length(&self, bytes: &[u8], otherwise: usize) -> usize {
        let fits = |&&(length, first, last): &&(usize, u32, u32)| {
            bytes.get(..length).is_some_and(|code| (first..=last).contains(&number(code)))
        };
        self.spaces.iter().find(fits).map_or(otherwise, |&(length, ..)| length)
    }

    /// The text of a code.
    pub(super) fn find(&self, code: u32) -> Option<String> {
        let after = self.ranges.partition_point(|range| range.first <= code);
        // Overlapping ranges are wrong, and rare: a few steps back find the one that holds the code.
        let range = self.ranges.get(..after)?.iter().rev().take(8).find(|range| range.last >= code)?;
        let mut units = range.text.clone();
        let step = u16::try_from(code.checked_sub(range.first)?).ok()?;
        let last = units.last_mut()?;
        *last = last.wrapping_add(step);
        let text: String =
            char::decode_utf16(units).flatten().filter(|&character| character != '\0').collect();
        (!text.is_empty()).then_some(text)
    }

    fn code_spaces(&mut self, lexer: &mut Lexer<'_>) {
        while let Some(Token::String(first)) = lexer.next() {
            let Some(Token::String(last)) = lexer.next() else { return };
            if (1..=4).contains(&first.len()) && self.spaces.len() < 256 {
                self.spaces.push((first.len(), number(&first), number(&last)));
            }
        }
    }

    fn characters(&mut self, lexer: &mut Lexer<'_>) {
        while let Some(Token::String(code)) = lexer.next() {
            let Some(Token::String(text)) = lexer.next() else { return };
            let code = number(&code);
            self.ranges.push(Range { first: code, last: code, text: units(&text) });
        }
    }

    fn character_ranges(&mut self, lexer: &mut Lexer<'_>) {
        while let Some(Token::String(first)) = lexer.next() {
            let Some(Token::String(last)) = lexer.next() else { return };
            let (first, last) = (number(&first), number(&last));
            match lexer.next() {
                Some(Token::String(text)) => self.ranges.push(Range { first, last, text: units(&text) }),
                Some(Token::ArrayOpen) => {
                    let mut code = first;
                    while let Some(Token::String(text)) = lexer.next() {
                        self.ranges.push(Range { first: code, last: code, text: units(&text) });
                        code = code.saturating_add(1);
                    }
                }
                _ => return,
            }
        }
    }
}

/// A code as a number, most significant byte first.
pub(super) fn number(code: &[u8]) -> u32 {
    code.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

/// UTF-16BE; a single byte is a character of its own.
fn units(text: &[u8]) -> Vec<u16> {
    match text {
        [byte] => vec![u16::from(*byte)],
        _ => text.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_for_text() {
        let map = CharacterMap::parse(
            b"begincodespacerange <0000> <ffff> endcodespacerange
              beginbfchar <0003> <0020> <0010> <00660069> endbfchar
              2 beginbfrange <0024> <0026> <0041> <0030> <0031> [<0058> <D83DDE00>] endbfrange",
        );
        let found = |code| map.find(code).unwrap_or_default();
        assert_eq!([found(3), found(0x10), found(0x24), found(0x26), found(0x27)], [" ", "fi", "A", "C", ""]);
        assert_eq!([found(0x30), found(0x31)], ["X", "😀"]);
        assert_eq!(map.code_length(b"\0\x24x", 1), 2);
        assert_eq!(map.code_length(b"\0", 1), 1);
    }

    #[test]
    fn damage_is_left_out() {
        let map =
            CharacterMap::parse(b"beginbfrange <00> 5 beginbfchar <41> endbfchar beginbfchar <42> <0042>");
        assert_eq!(map.find(0x42).as_deref(), Some("B"));
        assert!(CharacterMap::parse(b"\xff\xfe<").ranges.is_empty());
    }
}
