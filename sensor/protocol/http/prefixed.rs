//! Integers and strings of compressed header fields (RFC 7541 section 5, RFC 9204 section 4.1).
//!
//! Owns: reading one from the front of bytes. Never does: state.

use super::huffman;

/// An integer behind a prefix (section 5.1). None: it is cut, or larger than any that makes sense.
pub(crate) fn integer(rest: &mut &[u8], prefix: u32) -> Option<usize> {
    let (first, mut behind) = rest.split_first()?;
    let most = (1_usize << prefix) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        for shift in [0, 7, 14, 21] {
            let (byte, tail) = behind.split_first()?;
            behind = tail;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *rest = behind;
                return Some(value);
            }
        }
        return None;
    }
    *rest = behind;
    Some(value)
}

/// A string whose length stands behind a prefix of so many bits; the bit before them tells whether it is coded (section 5.2).
pub(crate) fn string(rest: &mut &[u8], prefix: u32) -> Option<Vec<u8>> {
    let coded = rest.first()? & (1 << prefix) != 0;
    let length = integer(rest, prefix)?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    if coded { huffman::decode(bytes) } else { Some(bytes.to_vec()) }
}
