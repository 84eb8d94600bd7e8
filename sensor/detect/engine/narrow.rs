//! Text of two bytes a character within bytes that are no text: names and notes in databases, note books, dumps, programs.
//!
//! Owns: finding stretches of ASCII in UTF-16, and dropping the zeros in them, so that what is looked for is met there too. Never does:
//! character sets of whole texts, which the walk over content converts; scripts beyond ASCII.

use super::normalise::Normaliser;

/// Characters from which on a stretch is one. Fewer are numbers of two bytes more often than words. 4.
const SHORTEST: usize = 4;

/// What is known of the bytes so far. The result depends on the bytes alone, not on the pieces in which they come.
#[derive(Debug, Default)]
pub(crate) struct Narrowing {
    /// Bytes that may begin or continue a stretch.
    held: Vec<u8>,
    /// Whether the held bytes continue one.
    within: bool,
}

impl Narrowing {
    /// Appends `bytes` to `text`, normalised.
    pub(crate) fn append(&mut self, bytes: &[u8], normaliser: &mut Normaliser, text: &mut Vec<u8>) {
        let joined;
        let bytes = if self.held.is_empty() {
            bytes
        } else {
            joined = [self.held.as_slice(), bytes].concat();
            self.held.clear();
            &joined
        };
        let (mut kept, mut at) = (0, 0);
        loop {
            if !self.within {
                let Some(start) = next_pair(bytes, kept, at) else {
                    // The last byte may be the first of a pair.
                    let end =
                        bytes.len() - usize::from(bytes.len() > kept && bytes.last().is_some_and(is_text));
                    self.hold(bytes, kept, end, normaliser, text);
                    return;
                };
                let end = start + 2 * pairs(bytes.get(start..).unwrap_or_default(), SHORTEST);
                if end - start < 2 * SHORTEST {
                    if is_undecided(bytes.get(end..).unwrap_or_default()) {
                        self.hold(bytes, kept, start, normaliser, text);
                        return;
                    }
                    at = end;
                    continue;
                }
                normaliser.append(bytes.get(kept..start).unwrap_or_default(), text);
                (self.within, kept) = (true, start);
            }
            while let Some([character, 0]) = bytes.get(kept..).and_then(<[u8]>::first_chunk)
                && is_text(character)
            {
                normaliser.append_before(*character, 1, text);
                kept += 2;
            }
            if is_undecided(bytes.get(kept..).unwrap_or_default()) {
                self.held.extend_from_slice(bytes.get(kept..).unwrap_or_default());
                return;
            }
            (self.within, at) = (false, kept);
        }
    }

    /// Appends what was held back.
    pub(crate) fn finish(&mut self, normaliser: &mut Normaliser, text: &mut Vec<u8>) {
        normaliser.append(&std::mem::take(&mut self.held), text);
        self.within = false;
    }

    /// Appends the bytes up to `end` and holds back those behind.
    fn hold(
        &mut self,
        bytes: &[u8],
        kept: usize,
        end: usize,
        normaliser: &mut Normaliser,
        text: &mut Vec<u8>,
    ) {
        normaliser.append(bytes.get(kept..end).unwrap_or_default(), text);
        self.held.extend_from_slice(bytes.get(end..).unwrap_or_default());
    }
}

/// Where a character and a zero stand next, at `at` or behind, not before `kept`.
fn next_pair(bytes: &[u8], kept: usize, mut at: usize) -> Option<usize> {
    loop {
        let zero = at + memchr::memchr(0, bytes.get(at..)?)?;
        let start = zero.checked_sub(1).filter(|start| *start >= kept);
        match start.filter(|start| bytes.get(*start).is_some_and(is_text)) {
            Some(start) => return Some(start),
            None => at = zero + 1,
        }
    }
}

/// How many characters with a zero behind each `bytes` begin with, up to `most`.
fn pairs(bytes: &[u8], most: usize) -> usize {
    bytes
        .as_chunks::<2>()
        .0
        .iter()
        .take(most)
        .take_while(|[character, zero]| is_text(character) && *zero == 0)
        .count()
}

/// Whether more bytes may continue a stretch that ends before these.
fn is_undecided(rest: &[u8]) -> bool {
    rest.is_empty() || rest.len() == 1 && rest.first().is_some_and(is_text)
}

fn is_text(byte: &u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_pieces(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u64>) {
        let (mut narrow, mut normaliser, mut text) =
            (Narrowing::default(), Normaliser::default(), Vec::new());
        for piece in pieces {
            narrow.append(piece, &mut normaliser, &mut text);
        }
        narrow.finish(&mut normaliser, &mut text);
        normaliser.finish(&mut text);
        let back = (0..=text.len() as u64).map(|at| normaliser.original(at)).collect();
        (text, back)
    }

    #[test]
    fn stretches_lose_their_zeros_and_nothing_else_does() {
        let table: [(&[u8], &[u8]); 7] = [
            (b"\x01S\0S\0N\0 \x001\0\x02", b"\x01SSN 1\x02"),
            (b"\0S\0S\0N\0 \x001\xff", b"\0SSN 1\xff"),
            (b"a\0b\0c\0", b"a\0b\0c\0"),
            (b"one\0two\0three\0", b"one\0two\0three\0"),
            (b"xa\0b\0c\0d\0\0\0e\0f\0g\0h\0", b"xabcd\0\0efgh"),
            (b"plain", b"plain"),
            (b"", b""),
        ];
        for (given, expected) in table {
            assert_eq!(in_pieces(&[given]).0, expected, "{given:?}");
        }
        let (_, back) = in_pieces(&[b"-a\0b\0c\0d\0-"]);
        assert_eq!(back, [0, 1, 3, 5, 7, 9, 10]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            bytes in prop::collection::vec(prop::sample::select(b"ab \0\0\0\x01\xc3\xa9".as_slice()), 0..60),
            cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut from = 0;
            let pieces: Vec<&[u8]> = cuts.iter().map(|cut| { let piece = &bytes[from..*cut]; from = *cut; piece }).collect();
            prop_assert_eq!(in_pieces(&[&bytes]), in_pieces(&pieces));
        }
    }
}
