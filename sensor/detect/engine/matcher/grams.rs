//! Literals of ASCII letters and digits: found by four bytes of theirs, looked up at every byte of the text.
//!
//! A text is folded first: letters are made small, and whatever is no ASCII letter or digit becomes 0. So the edges of a
//! word that must stand for itself are bytes like others, and each literal has a run of four bytes, its *gram*, wherever it
//! stands. Of its grams the one is in the set that is the rarest in ordinary text. Looking up takes a vector instruction for
//! sixteen places where the processor has it, so that any number of literals costs the same, and words cost no walk over
//! words. What passes the filter is compared in full.
//!
//! Owns: the choice of the gram, the walk over a text. Never does: literals that have no gram worth looking up, see
//! [`super::signs`].

use super::{
    Literal, Search,
    filter::{Filter, Place, Table},
    frequency,
};
use crate::engine::guard::Guards;
use crate::engine::instructions::{CHUNK, Classes, GRAM, GramFilter, Instructions, Work};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// Bytes from the gram of a longer literal on that are its key.
const RUN: usize = 8;
/// Fewest letters and digits of a gram that is worth looking up.
const LETTERS: usize = 2;
/// Chunks looked at at once.
const CHUNKS: usize = 32;
/// Bytes of them.
const PIECE: usize = CHUNKS * CHUNK;
/// Sixteenths of bits from which a gram is met so seldom that rarer ones are no better: one place in a million.
const RARE_ENOUGH: u32 = 20 * 16;

/// A letter or digit in lower case, 0 for any other byte.
#[inline(always)]
const fn folded(byte: u8) -> u8 {
    let small = byte | 0x20;
    let letter = small.wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    if letter | digit { small } else { 0 }
}

/// What may stand in a folded text.
fn alphabet() -> impl Iterator<Item = u8> {
    std::iter::once(0).chain(b'a'..=b'z').chain(b'0'..=b'9')
}

/// A literal with the edges that it must have, folded.
fn edged(literal: &Literal) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(literal.bytes.len() + 2);
    bytes.extend(literal.left.then_some(0));
    bytes.extend(literal.bytes.iter().map(|byte| folded(*byte)));
    bytes.extend(literal.right.then_some(0));
    bytes
}

/// Whether a literal has a gram that is worth looking up.
pub(super) fn has_gram(literal: &Literal) -> bool {
    choose(literal, &HashMap::default()).is_some()
}

/// Where the gram of a literal is that has the least to be compared, counted with its left edge: rare, and with few other literals
/// at it.
fn choose(literal: &Literal, shared: &HashMap<[u8; GRAM], u32, FixedState>) -> Option<usize> {
    let bytes = edged(literal);
    // One byte too few: the byte behind may be any.
    let width = GRAM.min(bytes.len());
    // Where a literal is long enough, more of it stands behind its gram, which tells most others apart.
    let last = bytes.len() - if bytes.len() < RUN { width } else { RUN };
    if !literal.bytes.is_ascii() || width + 1 < GRAM {
        return None;
    }
    let letters = |gram: &[u8]| gram.iter().filter(|byte| **byte != 0).count();
    // One letter is little, but enough where the bytes behind the gram hold another.
    let worth = |offset: usize, gram: &[u8]| {
        letters(gram) >= LETTERS
            || letters(gram) > 0 && bytes.get(offset..offset + RUN).is_some_and(|run| letters(run) >= LETTERS)
    };
    let cost = |gram: &[u8]| {
        let rarity = gram.first_chunk().map_or(0, |gram| frequency::gram_rarity(*gram));
        let company = gram.first_chunk().and_then(|gram| shared.get(gram)).copied().unwrap_or(0);
        // Sixteenths of bits: twice the company weighs as much as standing in text twice as often.
        i64::from((company + 1).ilog2() * 16) - i64::from(rarity.min(RARE_ENOUGH))
    };
    let grams = bytes.windows(width).enumerate().take(last + 1).filter(|(offset, gram)| worth(*offset, gram));
    grams.min_by_key(|(_, gram)| cost(gram)).map(|(offset, _)| offset)
}

/// The compiled grams.
#[derive(Debug)]
pub(super) struct Grams {
    filter: GramFilter,
    /// Of literals that have [`RUN`] bytes from their gram on: these bytes.
    runs: Lookup,
    /// Of shorter ones: the gram.
    short: Lookup,
}

#[derive(Debug)]
struct Lookup {
    filter: Filter,
    table: Table,
}

impl Lookup {
    fn new(pairs: Vec<(u64, Place)>) -> Self {
        let table = Table::new(pairs);
        Self { filter: Filter::new(&table.keys()), table }
    }

    #[inline(always)]
    fn places(&self, key: u64) -> &[Place] {
        if self.filter.probe().passes(key) == 0 { &[] } else { self.table.places(key) }
    }
}

impl Grams {
    /// `guards` of a literal say what may stand behind it.
    pub(super) fn new<'a>(literals: &[(u32, &Literal)], guards: &impl Fn(u32) -> Option<&'a Guards>) -> Self {
        let mut shared: HashMap<[u8; GRAM], u32, FixedState> = HashMap::default();
        let (mut runs, mut short) = (Vec::with_capacity(literals.len()), Vec::new());
        for (index, literal) in literals {
            let Some(offset) = choose(literal, &shared) else { continue };
            // Counted so that the gram may begin at the edge before the literal.
            let from = u32::try_from(offset + 1 - usize::from(literal.left)).unwrap_or(u32::MAX);
            let place = Place { literal: *index, offset: from };
            let bytes = edged(literal);
            let Some(rest) = bytes.get(offset..) else { continue };
            if let Some(gram) = rest.first_chunk() {
                *shared.entry(*gram).or_default() += 1;
            }
            if let Some(run) = rest.first_chunk::<RUN>() {
                runs.push((u64::from_le_bytes(*run), place));
            } else if let Some(gram) = rest.first_chunk() {
                short.push((key(gram), place));
            } else if let [a, b, c] = rest {
                let behind = |next: &u8| {
                    let admitted =
                        |byte: u8| guards(*index).is_none_or(|guards| guards.after.admits_at(0, byte));
                    // Nothing may follow where the text ends, or anything behind an edge.
                    *next == 0
                        || literal.right
                        || (0..=u8::MAX).any(|byte| folded(byte) == *next && admitted(byte))
                };
                short.extend(alphabet().filter(behind).map(|next| (key(&[*a, *b, *c, next]), place)));
            }
        }
        let (runs, short) = (Lookup::new(runs), Lookup::new(short));
        let keys = [runs.table.keys(), short.table.keys()].concat();
        let grams: Vec<u32> = keys.into_iter().map(|key| key as u32).collect();
        Self { filter: GramFilter::new(grams.into_iter()), runs, short }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.table.is_empty() && self.short.table.is_empty()
    }

    pub(super) fn find(&self, search: &mut Search<'_>, set: Instructions) {
        if self.is_empty() {
            return;
        }
        let text = search.text;
        let mut folded = Folded { bytes: [0; PIECE + CHUNK] };
        let mut passed = [0; CHUNKS];
        // A gram may begin at the edge before the text, and end at the one behind it.
        let mut at = search.begin.checked_sub(1);
        loop {
            let from = at.map_or(0, |at| at);
            let lead = usize::from(at.is_none());
            let rest = text.get(from..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            let fresh = rest.get(..PIECE + RUN - 1 - lead).unwrap_or(rest);
            let chunks = (fresh.len() + lead).div_ceil(CHUNK).min(CHUNKS);
            set.run(Walk {
                filter: &self.filter,
                lead,
                fresh,
                chunks,
                folded: &mut folded,
                passed: &mut passed,
            });
            for (chunk, bits) in passed.iter().take(chunks).enumerate() {
                let mut bits = *bits;
                while bits != 0 {
                    let place = chunk * CHUNK + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    self.verify(search, &folded, place, from + place + 1 - lead);
                }
            }
            at = Some(from + PIECE - lead);
        }
    }

    /// Compares the literals whose gram stands at `place` of the folded text, which is before `behind` in the text.
    #[inline]
    fn verify(&self, search: &mut Search<'_>, folded: &Folded, place: usize, behind: usize) {
        let Some(run) = folded.bytes.get(place..).and_then(<[u8]>::first_chunk) else { return };
        let run = u64::from_le_bytes(*run);
        for found in self.runs.places(run).iter().chain(self.short.places(run & u64::from(u32::MAX))) {
            search.compare(*found, behind);
        }
    }
}

/// A gram as a key: never 0, since it has letters.
#[inline(always)]
fn key(gram: &[u8; GRAM]) -> u64 {
    u64::from(u32::from_le_bytes(*gram))
}

/// A piece of text, folded, with what is behind it.
struct Folded {
    bytes: [u8; PIECE + CHUNK],
}

struct Walk<'a> {
    filter: &'a GramFilter,
    /// Bytes of the edge before the text.
    lead: usize,
    /// The text of the piece, and as many bytes behind it as a gram takes.
    fresh: &'a [u8],
    chunks: usize,
    folded: &'a mut Folded,
    passed: &'a mut [u64; CHUNKS],
}

impl Work for Walk<'_> {
    type Output = ();

    /// Notes for each byte whether a gram that may be in the set begins there, a bit each.
    #[inline(always)]
    fn run(self, classes: impl Classes) {
        let Self { filter, lead, fresh, chunks, folded: Folded { bytes }, passed } = self;
        let (edge, rest) = bytes.split_at_mut(lead);
        edge.fill(0);
        let (text, behind) = rest.split_at_mut(fresh.len().min(rest.len()));
        for (to, from) in text.iter_mut().zip(fresh) {
            *to = folded(*from);
        }
        behind.fill(0);
        for (chunk, bits) in passed.iter_mut().take(chunks).enumerate() {
            if let Some(window) = bytes.get(chunk * CHUNK..).and_then(<[u8]>::first_chunk) {
                *bits = classes.grams(window, filter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gram(literal: &Literal) -> Option<String> {
        let offset = choose(literal, &HashMap::default())?;
        let gram: Vec<u8> = edged(literal).into_iter().skip(offset).take(GRAM).collect();
        Some(gram.iter().map(|byte| if *byte == 0 { '.' } else { char::from(*byte) }).collect())
    }

    #[test]
    fn the_rarest_gram_is_looked_up() {
        for (literal, expected) in [
            (Literal::word("id"), Some(".id.")),
            (Literal::word("ssn"), Some(".ssn")),
            (Literal::anywhere("s      1 "), Some("s...")),
            (Literal::new("at", true, false), Some(".at")),
            (Literal::anywhere("gho_"), Some("gho.")),
            (Literal::anywhere("::"), None),
            (Literal::anywhere("://"), None),
            (Literal::anywhere("@"), None),
            (Literal::word("карта"), None),
        ] {
            assert_eq!(gram(&literal).as_deref(), expected, "{literal:?}");
        }
    }

    #[test]
    fn letters_that_hardly_ever_meet_are_preferred() {
        let gram = gram(&Literal::anywhere("the information zxqvkwjgqx and the")).expect("long enough");
        assert!(gram.contains(['z', 'x', 'q', 'v', 'j']), "{gram}");
    }

    #[test]
    fn a_family_does_not_share_one_gram() {
        let literals: Vec<Literal> =
            (0..1_000).map(|n| Literal::anywhere(format!("zqxj-vkwq-{n:04}-internal"))).collect();
        let grams = Grams::new(&(0..).zip(&literals).collect::<Vec<_>>(), &|_| None);
        let most = grams.runs.table.keys().into_iter().map(|key| grams.runs.table.places(key).len()).max();
        assert!(most.is_some_and(|most| most < 200), "{most:?}");
    }
}
