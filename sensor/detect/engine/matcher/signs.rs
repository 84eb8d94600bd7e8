//! Short literals of signs, such as `::` and `@`: found by comparing two bytes of theirs with the whole text at once.
//!
//! Owns: the choice of the two bytes, the walk over a text. Never does: more than [`MOST`] different pairs, which an automaton
//! finds faster ([`super::lanes`]).

use super::{Literal, Search, filter::Place, frequency};
use crate::engine::instructions::{CHUNK, Classes, Instructions, Work};

/// Pairs of bytes that are looked for.
pub(super) const MOST: usize = 24;
/// Chunks looked at at once.
const CHUNKS: usize = 16;
/// Bytes of them.
const PIECE: usize = CHUNKS * CHUNK;

/// Two bytes in lower case, or one.
type Pair = (u8, Option<u8>);

/// The compiled pairs.
#[derive(Debug, Default)]
pub(super) struct Signs {
    pairs: Vec<(Pair, Vec<Place>)>,
}

impl Signs {
    /// Takes a literal, unless there are too many pairs.
    pub(super) fn add(&mut self, index: u32, literal: &Literal) -> bool {
        let Some((pair, offset)) = rarest(&literal.bytes) else { return false };
        let place = Place { literal: index, offset: u32::try_from(offset).unwrap_or(u32::MAX) };
        if let Some((_, places)) = self.pairs.iter_mut().find(|(known, _)| *known == pair) {
            places.push(place);
            return true;
        }
        let has_room = self.pairs.len() < MOST;
        if has_room {
            self.pairs.push((pair, vec![place]));
        }
        has_room
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(super) fn find(&self, search: &mut Search<'_>, set: Instructions) {
        if self.is_empty() {
            return;
        }
        let text = search.text;
        let mut found = [[0; CHUNKS]; MOST];
        let mut padded = [0; PIECE + 1];
        let mut at = search.begin;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let piece = rest.first_chunk().unwrap_or_else(|| {
                let (end, nothing) = padded.split_at_mut(rest.len());
                end.copy_from_slice(rest);
                nothing.fill(0);
                &padded
            });
            let length = rest.len().min(PIECE);
            let chunks = length.div_ceil(CHUNK);
            set.run(Walk { pairs: &self.pairs, piece, chunks, found: &mut found });
            for ((_, places), bits) in self.pairs.iter().zip(&found) {
                for (chunk, bits) in bits.iter().take(chunks).enumerate() {
                    let mut bits = *bits;
                    while bits != 0 {
                        let here = chunk * CHUNK + bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        // Nothing stands in the padding.
                        if here < length {
                            places.iter().for_each(|place| search.compare(*place, at + here));
                        }
                    }
                }
            }
            at += length;
        }
    }
}

/// The two bytes next to each other that are the rarest, and where they begin.
fn rarest(bytes: &[u8]) -> Option<(Pair, usize)> {
    let pairs = bytes.windows(2).enumerate().filter_map(|(at, pair)| match pair {
        [first, second] => Some(((*first, Some(*second)), at, frequency::rarity(pair))),
        _ => None,
    });
    let best = pairs.max_by_key(|(.., rarity)| *rarity).map(|(pair, at, _)| (pair, at));
    best.or_else(|| bytes.first().map(|only| ((*only, None), 0)))
}

/// A byte in both cases.
const fn cases(byte: u8) -> [u8; 2] {
    [byte, byte.to_ascii_uppercase()]
}

struct Walk<'a> {
    pairs: &'a [(Pair, Vec<Place>)],
    piece: &'a [u8; PIECE + 1],
    chunks: usize,
    found: &'a mut [[u64; CHUNKS]; MOST],
}

impl Work for Walk<'_> {
    type Output = ();

    /// Notes for each pair and byte whether the pair begins there, a bit each.
    #[inline(always)]
    fn run(self, classes: impl Classes) {
        let Self { pairs, piece, chunks, found } = self;
        let chunk_at = |at: usize| piece.get(at..).and_then(<[u8]>::first_chunk::<CHUNK>);
        // The piece stays in the first-level cache, the two bytes in registers.
        for (((first, second), _), found) in pairs.iter().zip(found.iter_mut()) {
            // A pair of one byte is compared with the same place twice.
            let distance = usize::from(second.is_some());
            let (first, second) = (cases(*first), cases(second.unwrap_or(*first)));
            for (chunk, slot) in found.iter_mut().take(chunks).enumerate() {
                let (here, next) = (chunk_at(chunk * CHUNK), chunk_at(chunk * CHUNK + distance));
                if let (Some(here), Some(next)) = (here, next) {
                    *slot = classes.pairs([here, next], first, second);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_pair_is_compared() {
        assert_eq!(rarest(b"@"), Some(((b'@', None), 0)));
        assert_eq!(rarest(b"::"), Some(((b':', Some(b':')), 0)));
        assert_eq!(rarest(b""), None);
        let mut signs = Signs::default();
        assert!(signs.is_empty());
        for first in 0..MOST as u8 {
            assert!(signs.add(0, &Literal::anywhere([first, b'!'])));
        }
        assert!(!signs.add(0, &Literal::anywhere("??")));
        assert!(signs.add(1, &Literal::anywhere([3, b'!'])));
    }
}
