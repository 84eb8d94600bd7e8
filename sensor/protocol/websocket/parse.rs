//! Frame headers (RFC 6455 section 5.2).
//!
//! Owns: stateless reading. Never does: unmasking.

/// Header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The last frame of its message.
    pub(super) last: bool,
    /// Its message is compressed (RFC 7692 section 6); only on the first frame.
    pub(super) compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) length: u64,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Control,
}

/// What bytes say of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Header(FrameHeader),
    /// More bytes are needed.
    Unfinished,
    /// No frame begins so.
    Wrong,
}

/// Length of the header that begins with these two bytes.
fn header_length(second: u8) -> usize {
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + extended + if second & 0x80 == 0 { 0 } else { 4 }
}

/// Reads `bytes`, which begin at a header and reach at most to its end.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let [first, second, rest @ ..] = bytes else { return Parsed::Unfinished };
    let opcode = match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8..=10 => Opcode::Control,
        _ => return Parsed::Wrong,
    };
    // Two of the reserved bits have no meaning in any extension; control frames are short and whole (section 5.5).
    if first & 0x30 != 0 || (opcode == Opcode::Control && (first & 0x80 == 0 || second & 0x7f > 125)) {
        return Parsed::Wrong;
    }
    if bytes.len() < header_length(*second) {
        return Parsed::Unfinished;
    }
    let (length, rest) = match (second & 0x7f, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (short, rest) => (u64::from(short), rest),
    };
    let mask = if second & 0x80 == 0 { None } else { rest.first_chunk().copied() };
    Parsed::Header(FrameHeader {
        last: first & 0x80 != 0,
        compressed: first & 0x40 != 0,
        opcode,
        mask,
        length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let header = |last, compressed, opcode, mask, length| {
            Parsed::Header(FrameHeader { last, compressed, opcode, mask, length })
        };
        let cases: &[(&[u8], Parsed)] = &[
            (&[0x81, 5], header(true, false, Opcode::Text, None, 5)),
            (&[0x42, 0x85, 1, 2, 3, 4], header(false, true, Opcode::Binary, Some([1, 2, 3, 4]), 5)),
            (&[0x00, 126, 1, 0], header(false, false, Opcode::Continuation, None, 256)),
            (&[0x80, 127, 0, 0, 0, 1, 0, 0, 0, 0], header(true, false, Opcode::Continuation, None, 1 << 32)),
            (&[0x89, 0], header(true, false, Opcode::Control, None, 0)),
            (&[0x81], Parsed::Unfinished),
            (&[0x81, 0x85, 1, 2, 3], Parsed::Unfinished),
            (&[0x80, 127, 0], Parsed::Unfinished),
            (&[0x83, 0], Parsed::Wrong),
            (&[0x91, 0], Parsed::Wrong),
            (&[0x09, 0], Parsed::Wrong),
            (&[0x89, 126], Parsed::Wrong),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes), *expected, "{bytes:x?}");
        }
    }
}
