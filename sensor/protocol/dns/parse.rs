//! Messages (RFC 1035 section 4.1): the first question, and how much the answer carries.
//!
//! Owns: stateless reading. Never does: following a name beyond the question; names in questions are not compressed.

use egret_model::{Cursor, Truncated};

pub(super) const HEADER_LENGTH: usize = 12;
/// Longest name, bytes on the wire (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 255;
/// Resource records looked at in one message.
const MOST_RECORDS: u16 = 64;

/// What is wanted of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) response: bool,
    /// RCODE 3.
    pub(super) missing: bool,
    /// As it is spelled, one character a byte, without the last dot.
    pub(super) spelled: String,
    pub(super) kind: u16,
    /// Bytes of resource data in the answer section.
    pub(super) answer_bytes: u32,
    class: u16,
    /// Where what was read ends.
    end: usize,
    /// Resource records that the header announces.
    records: u16,
}

impl Message {
    /// True for a message of `length` bytes that nothing else would be: a question of the Internet class and nothing behind it
    /// but the records that are announced.
    pub(super) fn is_ordinary(&self, length: usize) -> bool {
        self.class == 1 && !self.spelled.is_empty() && (self.records > 0 || self.end == length)
    }
}

/// Reads a message. None: it is none, or it asks nothing.
pub(super) fn message(bytes: &[u8]) -> Option<Message> {
    read(bytes).ok().flatten()
}

fn read(bytes: &[u8]) -> Result<Option<Message>, Truncated> {
    let mut cursor = Cursor::new(bytes);
    let _id = cursor.u16_be()?;
    let flags = cursor.u16_be()?;
    let [questions, answers, authorities, additions] =
        [cursor.u16_be()?, cursor.u16_be()?, cursor.u16_be()?, cursor.u16_be()?];
    let (response, opcode, code) = (flags & 0x8000 != 0, flags >> 11 & 0xf, flags & 0xf);
    let records = answers.saturating_add(authorities).saturating_add(additions);
    // One question is asked at a time; a query (opcode 0) carries no answers, and few additions.
    if questions != 1 || opcode != 0 || records > 512 || (!response && answers > 0) {
        return Ok(None);
    }
    let Some(spelled) = name(&mut cursor)? else { return Ok(None) };
    let (kind, class) = (cursor.u16_be()?, cursor.u16_be()?);
    let end = cursor.position();
    // A cut answer still tells its question.
    let answer_bytes = resource_data(&mut cursor, answers);
    Ok(Some(Message { response, missing: code == 3, spelled, kind, answer_bytes, class, end, records }))
}

/// A name of plain labels; None when it is none.
fn name(cursor: &mut Cursor<'_>) -> Result<Option<String>, Truncated> {
    let mut name = String::new();
    let begin = cursor.position();
    loop {
        let length = usize::from(cursor.u8()?);
        if length == 0 {
            return Ok(Some(name));
        }
        if length > 63 || cursor.position() - begin + length > LONGEST_NAME {
            return Ok(None);
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(cursor.take(length)?.iter().map(|byte| char::from(*byte)));
    }
}

/// Bytes of resource data in the next `records` records, as far as they can be read.
fn resource_data(cursor: &mut Cursor<'_>, records: u16) -> u32 {
    let mut bytes: u32 = 0;
    for _ in 0..records.min(MOST_RECORDS) {
        let Ok(length) = skip_to_data(cursor) else { break };
        let held = length.min(u16::try_from(cursor.remaining()).unwrap_or(u16::MAX));
        bytes = bytes.saturating_add(u32::from(held));
        if cursor.skip(usize::from(length)).is_err() {
            break;
        }
    }
    bytes
}

/// Passes a record's head (section 4.1.3); returns the length of its data.
fn skip_to_data(cursor: &mut Cursor<'_>) -> Result<u16, Truncated> {
    loop {
        let length = cursor.u8()?;
        match length {
            0 => break,
            0xc0.. => {
                cursor.skip(1)?;
                break;
            }
            _ => cursor.skip(usize::from(length))?,
        }
    }
    cursor.skip(8)?;
    cursor.u16_be()
}

/// A query for `name`.
#[cfg(test)]
pub(crate) fn query(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions_are_read_and_answers_measured() {
        let mut bytes = query("A.Example", 16);
        let asked = message(&bytes).unwrap();
        assert_eq!((asked.spelled.as_str(), asked.kind, asked.response), ("A.Example", 16, false));
        assert!(asked.is_ordinary(bytes.len()) && !asked.is_ordinary(bytes.len() + 1));
        bytes[2] = 0x81;
        bytes[3] = 3;
        bytes[7] = 1;
        bytes.extend_from_slice(&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0, 5, 4, b't', b'e', b'x', b't']);
        let answered = message(&bytes).unwrap();
        assert_eq!((answered.answer_bytes, answered.missing, answered.response), (5, true, true));
        assert_eq!(message(&bytes[..bytes.len() - 3]).unwrap().answer_bytes, 2);
    }

    #[test]
    fn other_bytes_are_no_message() {
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0; 12], &query("a", 1)[..15]] {
            assert_eq!(message(bytes), None, "{bytes:?}");
        }
        // A pointer in a question.
        let mut bytes = query("a.example", 1);
        bytes[12] = 0xc0;
        assert_eq!(message(&bytes), None);
    }

    proptest! {
        #[test]
        fn any_name_comes_back(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..30), 1..6)) {
            let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for label in &labels {
                bytes.push(u8::try_from(label.len()).unwrap());
                bytes.extend_from_slice(label);
            }
            bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
            let read = message(&bytes).unwrap();
            let expected: Vec<u8> = labels.join(&b'.');
            prop_assert_eq!(read.spelled.chars().map(|c| c as u32).collect::<Vec<_>>(),
                expected.iter().map(|b| u32::from(*b)).collect::<Vec<_>>());
        }
    }
}
