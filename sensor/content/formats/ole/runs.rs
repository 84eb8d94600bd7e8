//! The readable runs of characters in bytes whose structure is not read.
//!
//! Owns: telling text of one and of two bytes a character from other bytes. Never does: anything with structures.

use crate::formats::text::Text;

/// Runs of fewer characters are chance more often than text. 4.
const SHORTEST_RUN: usize = 4;
/// The same for characters beyond the alphabets, most byte pairs being one of those. 8.
const SHORTEST_WIDE_RUN: usize = 8;

/// Shows the runs, a line each.
pub(in crate::formats) fn show(data: &[u8], text: &mut Text<'_>) {
    let mut position = 0;
    while let Some(rest) = data.get(position..).filter(|rest| !rest.is_empty()) {
        let (wide, narrow) = (wide_run(rest), narrow_run(rest));
        position += if wide > 0 {
            char::decode_utf16(units(rest).take(wide))
                .flatten()
                .for_each(|character| text.push_char(character));
            text.line();
            wide * 2
        } else if narrow > 0 {
            let bytes = rest.get(..narrow).unwrap_or_default();
            text.push(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0);
            text.line();
            narrow
        } else {
            1
        };
    }
}

/// Length in units of the UTF-16LE text that `data` starts with; 0 if it is too short to be one.
fn wide_run(data: &[u8]) -> usize {
    let mut is_alphabetic = true;
    let (mut length, mut shifted) = (0, 0);
    for unit in units(data) {
        match unit {
            0x09
            | 0x0a
            | 0x0d
            | 0x20..=0x7e
            | 0xa0..=0x24f
            | 0x370..=0x52f
            | 0x5d0..=0x6ff
            | 0x2010..=0x2044
            | 0x20ac => {}
            0xe00..=0xe7f | 0x3000..=0x30ff | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xff00..=0xffef => {
                is_alphabetic = false;
            }
            _ => break,
        }
        length += 1;
        shifted += usize::from(unit & 0xff == 0);
    }
    let shortest = if is_alphabetic { SHORTEST_RUN } else { SHORTEST_WIDE_RUN };
    // Pairs of ASCII letters are ideographs too, if one wants them to be; so are letters read a byte too early.
    let is_chance = !is_alphabetic && (narrow_run(data) >= length || shifted > length / 2);
    if length >= shortest && !is_chance { length } else { 0 }
}

fn units(data: &[u8]) -> impl Iterator<Item = u16> {
    data.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair))
}

/// Length of the single-byte text that `data` starts with; 0 if it is too short to be one. Letters beyond ASCII stand
/// alone or in pairs among others: more of them are compressed data.
fn narrow_run(data: &[u8]) -> usize {
    let mut beyond_ascii = 0;
    let mut length = 0;
    for byte in data {
        match byte {
            0x09 | 0x0a | 0x0d | 0x20..=0x7e => beyond_ascii = 0,
            0x91..=0x97 | 0xa0..=0xff if beyond_ascii < 2 => beyond_ascii += 1,
            _ => break,
        }
        length += 1;
    }
    if length >= SHORTEST_RUN { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    #[test]
    fn runs_of_both_widths_are_text() {
        let mut data = vec![1, 2, 0, 0];
        data.extend("Grüße 42".encode_utf16().flat_map(u16::to_le_bytes));
        data.extend([0, 0, 3]);
        data.extend("日本語の文書です。".encode_utf16().flat_map(u16::to_le_bytes));
        data.extend([0, 0, 3]);
        data.extend(b"plain \xe9t\xe9\x00abc\x01");
        let mut recording = Recording::default();
        let mut text = Text::new(&mut recording);
        show(&data, &mut text);
        text.finish(data.len());
        assert_eq!(recording.text, "Grüße 42\n日本語の文書です。\nplain été\n");
    }
}
