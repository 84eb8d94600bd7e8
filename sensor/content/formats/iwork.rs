//! The parts of documents of Pages, Numbers and Keynote (`.iwa`): blocks of Snappy without checksums, within them records of Protocol
//! Buffers (protobuf.dev, "Encoding"). Apple has not published which field is what; strings are told by being strings.
//!
//! Owns: blocks, records, and the strings in them. Never does: the meaning of fields. The numbers in cells of a table are not text, so
//! that a part with cells is partial.

use super::text::Text;
use crate::Output;
use egret_model::{Cursor, ObjectState};

/// Bytes that one block may unpack to; a part that says more is damaged. Applications write 64 KiB. 1 MiB.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that one part may unpack to; the rest is over-limit. 64 MiB.
const PART_BYTES: usize = 64 << 20;
/// Messages within messages; what is deeper is over-limit. 24.
const DEPTH: usize = 24;
/// Strings of fewer characters are chance more often than text. 2.
const SHORTEST: usize = 2;
/// The type of a message that holds cells of a table.
const CELLS: u64 = 6002;

/// Whether bytes may begin such a part.
pub(crate) fn begins(prefix: &[u8]) -> bool {
    let mut rest = Cursor::new(prefix);
    block(&mut rest).is_some_and(|block| {
        snap::raw::decompress_len(block).is_ok_and(|length| (1..=BLOCK_BYTES).contains(&length))
    })
}

/// Reads a part. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut text = Text::new(output);
    let (records, state) = unpacked(data);
    if state != ObjectState::Inspected {
        text.output().degrade(state, data.len() as u64);
    }
    let mut shown = Shown { text: &mut text, has_cells: false, is_too_deep: false };
    let is_whole = shown.records(&records).is_some();
    let (has_cells, is_too_deep) = (shown.has_cells, shown.is_too_deep);
    if is_too_deep {
        text.output().degrade(ObjectState::OverLimit, 0);
    }
    if has_cells || !is_whole {
        // Records that don't end where they say leave out what follows.
        text.output().degrade(ObjectState::Partial, 0);
    }
    text.finish(data.len());
}

/// The next block as it is packed: a zero, its length in three bytes, Snappy.
fn block<'a>(rest: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let [0, low, middle, high] = *rest.take(4).ok()?.first_chunk()? else { return None };
    let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
    // The first bytes of a part may end within its block; so does a part that was cut.
    rest.take(length.min(rest.rest().len())).ok()
}

/// All blocks, unpacked, and what became of them.
fn unpacked(data: &[u8]) -> (Vec<u8>, ObjectState) {
    let mut rest = Cursor::new(data);
    let mut records = Vec::new();
    let mut decoder = snap::raw::Decoder::new();
    while !rest.is_empty() {
        let Some(block) = block(&mut rest) else { return (records, ObjectState::Malformed) };
        let length = snap::raw::decompress_len(block).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES {
            return (records, ObjectState::Malformed);
        }
        if records.len() + length > PART_BYTES {
            return (records, ObjectState::OverLimit);
        }
        match decoder.decompress_vec(block) {
            Ok(block) => records.extend(block),
            Err(_) => return (records, ObjectState::Malformed),
        }
    }
    (records, ObjectState::Inspected)
}

/// What has been shown of a part.
struct Shown<'t, 'o> {
    text: &'t mut Text<'o>,
    has_cells: bool,
    is_too_deep: bool,
}

impl Shown<'_, '_> {
    /// Shows the strings of all records: each is a header, which tells types and lengths, and the messages. None: they do not
    /// end where they say.
    fn records(&mut self, records: &[u8]) -> Option<()> {
        let mut rest = Cursor::new(records);
        while !rest.is_empty() && !self.text.is_full() {
            let length = number(&mut rest)?;
            let mut header = Cursor::new(rest.take(usize::try_from(length).ok()?).ok()?);
            while !header.is_empty() {
                // Field 2: a message, with its type as field 1 and its length as field 3.
                let Value::Bytes(2, about) = value(&mut header)? else { continue };
                let mut about = Cursor::new(about);
                let mut length = 0;
                while !about.is_empty() {
                    match value(&mut about)? {
                        Value::Number(1, kind) => self.has_cells |= kind == CELLS,
                        Value::Number(3, bytes) => length = usize::try_from(bytes).ok()?,
                        _ => {}
                    }
                }
                self.strings(rest.take(length).ok()?, 0);
            }
        }
        Some(())
    }

    /// Shows the strings of a message and of those within it, a line each; up to what is no message.
    fn strings(&mut self, message: &[u8], depth: usize) {
        if depth >= DEPTH {
            self.is_too_deep = true;
            return;
        }
        let mut rest = Cursor::new(message);
        while !rest.is_empty() && !self.text.is_full() {
            let Some(value) = value(&mut rest) else { return };
            let Value::Bytes(_, bytes) = value else { continue };
            if let Some(string) = string(bytes) {
                self.text.line();
                self.text.push(string);
                self.text.line();
            } else if !bytes.is_empty() {
                self.strings(bytes, depth + 1);
            }
        }
    }
}

/// Bytes that are a string. What has control characters is a message, or something else.
fn string(bytes: &[u8]) -> Option<&str> {
    let string = std::str::from_utf8(bytes).ok()?;
    let is_text =
        |character: char| !character.is_control() || matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    (string.len() >= SHORTEST && string.chars().all(is_text)).then_some(string)
}

/// What a field holds, with its number.
enum Value<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
    /// Of a fixed length.
    Other,
}

fn value<'a>(rest: &mut Cursor<'a>) -> Option<Value<'a>> {
    let tag = number(rest)?;
    let field = tag >> 3;
    Some(match tag & 7 {
        0 => Value::Number(field, number(rest)?),
        1 => rest.take(8).ok().map(|_| Value::Other)?,
        2 => {
            let length = number(rest)?;
            Value::Bytes(field, rest.take(usize::try_from(length).ok()?).ok()?)
        }
        5 => rest.take(4).ok().map(|_| Value::Other)?,
        _ => return None,
    })
}

/// A number of seven bits a byte, the lowest first.
fn number(rest: &mut Cursor<'_>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = rest.u8().ok()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat()
    }

    /// A part with one message of this type.
    fn part(kind: u8, message: &[u8]) -> Vec<u8> {
        let about = [&[
            1 << 3,
            kind | 0x80,
            if kind == 0x72 { 0x2e } else { 0 },
            3 << 3,
            u8::try_from(message.len()).expect("short"),
        ][..]]
        .concat();
        let header = [&[1 << 3, 7][..], &field(2, &about)].concat();
        let record = [&[u8::try_from(header.len()).expect("short")][..], &header, message].concat();
        let packed = snap::raw::Encoder::new().compress_vec(&record).expect("packs");
        let [low, middle, high, _] = u32::try_from(packed.len()).expect("short").to_le_bytes();
        [&[0, low, middle, high][..], &packed].concat()
    }

    #[test]
    fn strings_of_messages_are_text() {
        let inner =
            [field(3, "Überweisung, confidential".as_bytes()), field(5, b"DE89 3704"), vec![6 << 3, 1]]
                .concat();
        let data = part(0x51, &field(1, &inner));
        assert!(begins(&data) && begins(&data[..12]) && !begins(b"PK\x03\x04") && !begins(b""));
        let recording = Recording::of(read, &data);
        assert_eq!(recording.text, "Überweisung, confidential\nDE89 3704\n");
        assert_eq!(recording.degraded, []);
    }

    #[test]
    fn cells_and_damage_are_told() {
        let cells = Recording::of(read, &part(0x72, &field(1, b"text")));
        assert_eq!(cells.degraded, [(ObjectState::Partial, 0)]);
        let mut data = part(0x51, &field(1, b"kept"));
        data.extend(b"\x07more");
        let recording = Recording::of(read, &data);
        assert_eq!((recording.text.as_str(), recording.degraded.len()), ("kept\n", 1));
        assert!(recording.degraded.iter().all(|(state, _)| *state == ObjectState::Malformed));
    }

    #[test]
    fn records_that_do_not_end_and_messages_too_deep_are_told() {
        let packed = |record: &[u8]| {
            let block = snap::raw::Encoder::new().compress_vec(record).expect("packs");
            [&[0, u8::try_from(block.len()).expect("short"), 0, 0][..], &block].concat()
        };
        let cut = Recording::of(read, &packed(b"\x09\x08"));
        assert_eq!(cut.degraded, [(ObjectState::Partial, 0)]);
        let nested = (0..30).fold(vec![6 << 3, 1], |inner, _| field(1, &inner));
        let deep = Recording::of(read, &part(0x51, &nested));
        assert_eq!(deep.degraded, [(ObjectState::OverLimit, 0)]);
    }

    #[test]
    fn no_bytes_are_too_strange() {
        for data in
            [&b"\0\0\0\0"[..], b"\0\x05\0\0\xff\xff\xff\xff\x0f", b"\0\xff\xff\xff\x01\0a", &[0xff; 40]]
        {
            assert_eq!(Recording::of(read, data).text, "");
        }
    }
}
