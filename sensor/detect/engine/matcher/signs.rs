//! Short literals of signs, such as `::` and `@`: found by two bytes of theirs, asked for at every byte.
//!
//! Owns: the choice of the two bytes, the walk over a text. Never does: more than [`MOST`] different pairs, which an automaton
//! finds faster ([`super::lanes`]).

use super::{Literal, Search, filter::Place, frequency};
use crate::engine::instructions::{CHUNK, Classes, Instructions, PairFilter, Work};

/// Pairs of bytes that are looked for.
pub(super) const MOST: usize = 64;
/// Chunks looked at at once.
const CHUNKS: usize = 16;
/// Bytes of them.
const PIECE: usize = CHUNKS * CHUNK;

/// Two bytes in lower case, or one.
type Pair = (u8, Option<u8>);

/// The compiled pairs.
#[derive(Debug, Default)]
pub(super) struct Signs {
    filter: PairFilter,
    /// By the first byte, in order.
    firsts: Vec<(u8, Vec<Sign>)>,
    /// By byte, the index of the one that it is, in either case; `u8::MAX` where it is none.
    first_of: Vec<u8>,
    pairs: usize,
}

#[derive(Debug)]
struct Sign {
    second: Option<u8>,
    places: Vec<Place>,
}

impl Signs {
    /// Takes a literal, unless there are too many pairs.
    pub(super) fn add(&mut self, index: u32, literal: &Literal) -> bool {
        let Some(((first, second), offset)) = rarest(&literal.bytes) else { return false };
        let place = Place { literal: index, offset: u32::try_from(offset).unwrap_or(u32::MAX) };
        let at = self.firsts.iter().position(|(known, _)| *known == first);
        let signs = at.and_then(|at| self.firsts.get_mut(at)).map(|(_, signs)| signs);
        let known = signs.and_then(|signs| signs.iter_mut().find(|sign| sign.second == second));
        if let Some(known) = known {
            known.places.push(place);
            return true;
        }
        if self.pairs >= MOST {
            return false;
        }
        self.pairs += 1;
        let at = at.unwrap_or_else(|| {
            self.firsts.push((first, Vec::new()));
            self.firsts.len() - 1
        });
        if let Some((_, signs)) = self.firsts.get_mut(at) {
            signs.push(Sign { second, places: vec![place] });
        }
        self.first_of.resize(256, u8::MAX);
        for byte in cases(first) {
            if let Some(slot) = self.first_of.get_mut(usize::from(byte)) {
                *slot = u8::try_from(at).unwrap_or(u8::MAX);
            }
        }
        true
    }

    /// Shares the pairs out to the buckets of the filter, once all are known. One of a bucket's first bytes followed by a second
    /// one of another pair passes too: so those with the same second byte belong together, and of these groups those that such
    /// mixtures are the rarest of.
    pub(super) fn finish(&mut self) {
        let mut groups: Vec<(Option<u8>, PairFilter)> = Vec::new();
        let signs =
            self.firsts.iter().flat_map(|(first, signs)| signs.iter().map(|sign| (*first, sign.second)));
        for (first, second) in signs {
            let known = groups.iter_mut().find(|(known, _)| *known == second);
            let mut pair = PairFilter::default();
            pair.add(0, &cases(first), second.map(cases).as_ref().map(<[u8; 2]>::as_slice));
            match known {
                Some((_, group)) => group.merge(&pair),
                None => groups.push((second, pair)),
            }
        }
        let mut groups: Vec<PairFilter> = groups.into_iter().map(|(_, group)| group).collect();
        while groups.len() > PairFilter::BUCKETS {
            let merged = |one: &PairFilter, other: &PairFilter| {
                let mut both = one.clone();
                both.merge(other);
                both
            };
            let pairs = (0..groups.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
            let dearer = pairs.filter_map(|(one, other)| {
                let (first, second) = (groups.get(one)?, groups.get(other)?);
                Some((rate(&merged(first, second)) - rate(first) - rate(second), one, other))
            });
            let Some((_, one, other)) = dearer.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
            let taken = groups.swap_remove(one);
            groups.get_mut(other).into_iter().for_each(|group| group.merge(&taken));
        }
        self.filter = PairFilter::default();
        for (bucket, group) in groups.into_iter().enumerate() {
            self.filter.merge(&group.moved(bucket));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }

    pub(super) fn find(&self, search: &mut Search<'_>, set: Instructions) {
        if self.is_empty() {
            return;
        }
        let text = search.text;
        let mut found = [0; CHUNKS];
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
            set.run(Walk { filter: &self.filter, piece, chunks, found: &mut found });
            for (chunk, bits) in found.iter().take(chunks).enumerate() {
                let mut bits = *bits;
                while bits != 0 {
                    let here = chunk * CHUNK + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    // Nothing stands in the padding.
                    if here < length {
                        self.verify(search, at + here);
                    }
                }
            }
            at += length;
        }
    }

    /// Compares the literals whose pair stands at `at`.
    #[inline]
    fn verify(&self, search: &mut Search<'_>, at: usize) {
        let byte = |at: usize| search.text.get(at).copied();
        let (first, second) = (byte(at).unwrap_or(0), byte(at + 1).map(|byte| byte.to_ascii_lowercase()));
        let which = self.first_of.get(usize::from(first)).copied().unwrap_or(u8::MAX);
        let signs = self.firsts.get(usize::from(which)).into_iter().flat_map(|(_, signs)| signs);
        for sign in signs.filter(|sign| sign.second.is_none() || sign.second == second) {
            sign.places.iter().for_each(|place| search.compare(*place, at));
        }
    }
}

/// How much of ordinary text passes a bucket.
fn rate(bucket: &PairFilter) -> f64 {
    let pass = |place: usize| move |byte: u8| bucket.halves_pass(byte).get(place).copied().unwrap_or(false);
    frequency::rate(&pass(0), &pass(1))
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
    filter: &'a PairFilter,
    piece: &'a [u8; PIECE + 1],
    chunks: usize,
    found: &'a mut [u64; CHUNKS],
}

impl Work for Walk<'_> {
    type Output = ();

    /// Notes for each byte whether a pair may begin there, a bit each.
    #[inline(always)]
    fn run(self, classes: impl Classes) {
        let Self { filter, piece, chunks, found } = self;
        let chunk_at = |at: usize| piece.get(at..).and_then(<[u8]>::first_chunk::<CHUNK>);
        for (chunk, slot) in found.iter_mut().take(chunks).enumerate() {
            if let (Some(here), Some(next)) = (chunk_at(chunk * CHUNK), chunk_at(chunk * CHUNK + 1)) {
                *slot = classes.pairs([here, next], filter);
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
