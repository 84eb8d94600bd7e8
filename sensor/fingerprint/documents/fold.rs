//! Text as it is compared: letters and digits in lower case, nothing else.
//!
//! Owns: the fold, byte by byte, so that it does not depend on the pieces in which text comes. Never does: keeping of text.

/// What stands for a byte of ASCII; zero for one that is left out.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((slot, others)) = rest.split_first_mut() {
        if byte.is_ascii_alphanumeric() {
            *slot = byte.to_ascii_lowercase();
        }
        byte += 1;
        rest = others;
    }
    table
};

/// The fold of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fold {
    /// Bytes of a left-out character that are still to come.
    skip: u8,
    /// The byte before was the first of a Latin letter with an accent.
    latin: bool,
}

impl Fold {
    /// Appends the fold of `bytes` to `folded`.
    pub(crate) fn append(&mut self, bytes: &[u8], folded: &mut Vec<u8>) {
        if self.skip == 0 && !self.latin && bytes.is_ascii() {
            let from = folded.len();
            folded.resize(from + bytes.len(), 0);
            let mut length = 0;
            let room = folded.get_mut(from..).unwrap_or_default();
            for byte in bytes {
                let form = ASCII.get(usize::from(*byte)).copied().unwrap_or(0);
                if let Some(slot) = room.get_mut(length) {
                    *slot = form;
                }
                length += usize::from(form != 0);
            }
            folded.truncate(from + length);
            return;
        }
        folded.extend(bytes.iter().filter_map(|byte| self.one(*byte)));
    }

    /// What stands for a byte, if anything does.
    fn one(&mut self, byte: u8) -> Option<u8> {
        let latin = std::mem::take(&mut self.latin);
        if byte < 0x80 {
            self.skip = 0;
            return ASCII.get(usize::from(byte)).copied().filter(|form| *form != 0);
        }
        if self.skip > 0 && byte < 0xc0 {
            self.skip -= 1;
            return None;
        }
        self.skip = 0;
        match byte {
            // Signs of Latin-1; punctuation, arrows, bullets, currencies, marks that combine.
            0xc2 => self.skip = 1,
            0xe2 => self.skip = 2,
            0xcc => self.skip = 1,
            0xc3 => {
                self.latin = true;
                return Some(byte);
            }
            // Capital letters of Latin-1.
            0x80..=0x9e if latin => return Some(byte + 0x20),
            _ => return Some(byte),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut fold, mut out) = (Fold::default(), Vec::new());
        for piece in pieces {
            fold.append(piece, &mut out);
        }
        out
    }

    #[test]
    fn layout_and_case_fall_away() {
        for (given, expected) in [
            ("The  Cap-\r\n tain’s\tLOG (2)", "thecaptainslog2"),
            ("• Ärger — 5 €", "ärger5"),
            ("契約書 Nr.7", "契約書nr7"),
        ] {
            assert_eq!(String::from_utf8(folded(&[given.as_bytes()])).expect("UTF-8"), expected);
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xc3), Just(0xe2), Just(b'a')], 0..40), cut in 0_usize..40) {
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(folded(&[&bytes]), folded(&[a, b]));
        }
    }
}
