//! Quoted-printable undone as the bytes stream by.
//!
//! Owns: escapes, soft line breaks, white space at the end of lines. Never does: character sets.

/// Quoted-printable (RFC 2045 section 6.7).
#[derive(Default)]
pub(super) struct QuotedPrintable {
    /// An escape or trailing white space that the next bytes decide about.
    pub(super) held: Vec<u8>,
    decoded: Vec<u8>,
    strange: bool,
}

/// Trailing white space of one line that is held until the line ends; more is kept as content.
const HELD_MOST: usize = 1024;

impl QuotedPrintable {
    pub(super) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.decoded.clear();
        let mut rest = data;
        while let Some((&byte, behind)) = rest.split_first() {
            if !self.held.is_empty() {
                self.byte(byte);
                rest = behind;
                continue;
            }
            // Up to an escape or the end of the line all is content, but for the white space right before it.
            let end = memchr::memchr3(b'=', b'\r', b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            let kept = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
            self.decoded.extend_from_slice(line.get(..kept).unwrap_or_default());
            let behind = (end + 1).min(rest.len());
            rest.get(kept..behind).unwrap_or_default().iter().for_each(|byte| self.byte(*byte));
            rest = rest.get(behind..).unwrap_or_default();
        }
        if !self.decoded.is_empty() {
            sink(&self.decoded);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (self.held.first(), byte) {
            (Some(b'='), _) => self.escape(byte),
            // White space at the end of a line is not content.
            (Some(b' ' | b'\t'), b'\r' | b'\n') => {
                self.held.clear();
                self.decoded.push(byte);
            }
            (Some(_), b' ' | b'\t') if self.held.len() < HELD_MOST => self.held.push(byte),
            (first, b'=' | b' ' | b'\t') => {
                if first.is_some() {
                    self.decoded.append(&mut self.held);
                }
                self.held.push(byte);
            }
            _ => {
                self.decoded.append(&mut self.held);
                self.decoded.push(byte);
            }
        }
    }

    /// What follows an equals sign: a line end (soft break, maybe behind white space) or two hexadecimal digits.
    fn escape(&mut self, byte: u8) {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (self.held.as_slice(), byte) {
            (_, b'\n') => self.held.clear(),
            ([b'='], b'\r' | b' ' | b'\t') => self.held.push(byte),
            ([b'=', b'\r' | b' ' | b'\t', ..], b' ' | b'\t' | b'\r') if self.held.len() < HELD_MOST => {
                self.held.push(byte);
            }
            ([b'='], _) if digit(byte).is_some() => self.held.push(byte),
            ([b'=', high], _) if digit(*high).is_some() && digit(byte).is_some() => {
                let value = digit(*high).unwrap_or_default() << 4 | digit(byte).unwrap_or_default();
                self.held.clear();
                self.decoded.push(value);
            }
            _ => {
                self.strange = true;
                self.decoded.append(&mut self.held);
                self.byte(byte);
            }
        }
    }

    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        // A soft break at the very end loses its line end to the boundary.
        if !self.held.is_empty() && self.held.first() != Some(&b'=') {
            sink(&self.held);
        }
        !self.strange
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(encoded: &[u8], cut: usize) -> (Vec<u8>, bool) {
        let (mut decoder, mut out) = (QuotedPrintable::default(), Vec::new());
        for piece in encoded.chunks(cut) {
            decoder.push(piece, &mut |decoded| out.extend_from_slice(decoded));
        }
        let good = decoder.finish(&mut |decoded| out.extend_from_slice(decoded));
        (out, good)
    }

    proptest! {
        #[test]
        fn lines_decode_as_bytes_do(
            pieces in prop::collection::vec(
                prop_oneof!["[a-c.]{1,9}", "[ \\t]{1,3}", "\\r?\\n", "\\r", "=[0-9A-Fa-fx]{0,2}", "= ?\\r?\\n"],
                0..24,
            ),
            cut in 2_usize..64,
        ) {
            let encoded = pieces.concat();
            prop_assert_eq!(decoded(encoded.as_bytes(), cut), decoded(encoded.as_bytes(), 1));
        }
    }
}
