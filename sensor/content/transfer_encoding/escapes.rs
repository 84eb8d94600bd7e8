//! Characters written by their numbers: `%41`, `\x41`, `\u0041`, `&#65;`, `&#x41;`.
//!
//! Owns: undoing all of these as they stream by. Never does: names of characters, which are for readers of HTML.

/// Longest escape, bytes: `&#x10ffff;`.
const LONGEST: usize = 10;

/// A decoder.
#[derive(Default)]
pub(super) struct Escapes {
    /// What may be the beginning of an escape.
    held: Vec<u8>,
    decoded: Vec<u8>,
}

impl Escapes {
    pub(super) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(data);
        let read = self.read(&bytes, false, sink);
        bytes.drain(..read);
        self.held = bytes;
    }

    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let bytes = std::mem::take(&mut self.held);
        self.read(&bytes, true, sink);
    }

    /// Gives how many bytes were read: an escape at the end may go on.
    fn read(&mut self, bytes: &[u8], last: bool, sink: &mut dyn FnMut(&[u8])) -> usize {
        self.decoded.clear();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let plain =
                rest.iter().position(|byte| matches!(byte, b'%' | b'\\' | b'&')).unwrap_or(rest.len());
            let (before, escape) = rest.split_at(plain);
            self.decoded.extend_from_slice(before);
            at += plain;
            if escape.is_empty() || escape.len() < LONGEST && !last {
                break;
            }
            match one(escape) {
                Some((character, length)) => {
                    at += length;
                    character.append(&mut self.decoded);
                }
                None => {
                    at += 1;
                    self.decoded.extend(escape.first());
                }
            }
        }
        if !self.decoded.is_empty() {
            sink(&self.decoded);
        }
        at
    }
}

/// What an escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escaped {
    Byte(u8),
    Character(char),
}

impl Escaped {
    fn append(self, to: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => to.push(byte),
            Self::Character(character) => {
                to.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

/// The escape that bytes begin with, and its length.
fn one(bytes: &[u8]) -> Option<(Escaped, usize)> {
    let digits = |from: usize, count: usize, radix: u32| -> Option<u32> {
        let digits = std::str::from_utf8(bytes.get(from..from + count)?).ok()?;
        digits
            .bytes()
            .all(|digit| (digit as char).is_digit(radix))
            .then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let byte = |value: u32| u8::try_from(value).ok().map(Escaped::Byte);
    let character =
        |value: u32| Some(Escaped::Character(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)));
    let length_of =
        |from: usize| bytes.get(from..LONGEST.min(bytes.len()))?.iter().position(|byte| *byte == b';');
    match bytes {
        [b'%', ..] => Some((byte(digits(1, 2, 16)?)?, 3)),
        [b'\\', b'x', ..] => Some((byte(digits(2, 2, 16)?)?, 4)),
        [b'\\', b'u', ..] => Some((character(digits(2, 4, 16)?)?, 6)),
        [b'&', b'#', b'x' | b'X', ..] => {
            let length = length_of(3).filter(|length| *length > 0)?;
            Some((character(digits(3, length, 16)?)?, length + 4))
        }
        [b'&', b'#', ..] => {
            let length = length_of(2).filter(|length| *length > 0)?;
            Some((character(digits(2, length, 10)?)?, length + 3))
        }
        _ => None,
    }
}

/// How many of these bytes belong to escapes.
pub(super) fn count(bytes: &[u8]) -> usize {
    let (mut at, mut sum) = (0, 0);
    while let Some(next) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'%' | b'\\' | b'&')))
    {
        at += next;
        let length = bytes.get(at..).and_then(one).map_or(0, |(_, length)| length);
        sum += length;
        at += length.max(1);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_by_their_numbers_come_back_however_they_are_cut() {
        let escaped = br"a%20b\x63\u00e9&#65;&#x1f600;&amp;%zz\\&#;&#99999999;%4";
        let expected = "a bc\u{e9}A\u{1f600}&amp;%zz\\\\&#;&#99999999;%4";
        for cut in 1..=escaped.len() {
            let (mut escapes, mut out) = (Escapes::default(), Vec::new());
            for part in escaped.chunks(cut) {
                escapes.push(part, &mut |decoded| out.extend_from_slice(decoded));
            }
            escapes.finish(&mut |decoded| out.extend_from_slice(decoded));
            assert_eq!(String::from_utf8_lossy(&out), expected, "in pieces of {cut}");
        }
        assert_eq!((count(b"%41%42"), count(b"100% of &#65; and"), count(b"\\u0041")), (6, 5, 6));
    }
}
