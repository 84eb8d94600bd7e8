//! Literals of ASCII letters and digits: found by four bytes of theirs, looked up at every second byte of the text.
//!
//! A text is folded first: letters are made small, and whatever is no ASCII letter or digit becomes 0. So the edges of a
//! word that must stand for itself are bytes like others, and each literal has runs of four bytes, its *grams*, wherever it
//! stands. Two of them that follow each other are in the set, so that one is met at an even place wherever the literal stands;
//! they are those that are the rarest in ordinary text. A literal that is too short for two has the byte beside it in one, which
//! may be any. Looking up takes a vector instruction for sixteen places where the processor has it, so that any number of
//! literals costs the same, and words cost no walk over words. What passes the filter is compared in full.
//!
//! Owns: the choice of the grams, the walk over a text. Never does: literals that have no gram worth looking up, see
//! [`super::signs`].

use super::{
    Literal, Search,
    filter::{Filter, Place, Table},
    frequency,
};
use crate::engine::guard::{Guard, Guards};
use crate::engine::instructions::{
    CHUNK, Classes, GRAM, GRAM_STRIDE as STRIDE, GramFilter, Instructions, Work,
};
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
/// Places noted at once.
const AT_ONCE: usize = 4;
/// Places of a piece that may be noted, and those that are written beyond the last.
const CANDIDATES: usize = PIECE / STRIDE + AT_ONCE;
/// Sixteenths of bits from which a gram is met so seldom that rarer ones are no better: one place in a million.
const RARE_ENOUGH: u32 = 20 * 16;
/// What the table of runs holds back of what passes the filter, sixteenths of bits.
const RUN_GAIN: i64 = 3 * 16;

/// A letter or digit in lower case, 0 for any other byte.
#[inline(always)]
const fn folded(byte: u8) -> u8 {
    let small = byte | 0x20;
    let letter = small.wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    if letter | digit { small } else { 0 }
}

/// Bytes of a folded text, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set(u64);

impl Set {
    const ALL: Self = Self((1 << 37) - 1);

    /// A single folded byte.
    const fn only(byte: u8) -> Self {
        Self(match byte {
            b'a'..=b'z' => 2 << (byte - b'a'),
            b'0'..=b'9' => 1 << 27 << (byte - b'0'),
            _ => 1,
        })
    }

    /// What a guard admits next to a literal. Where it lets the text end it admits line ends, which are 0 like the end.
    fn beside(guard: Option<&Guard>) -> Self {
        let Some(guard) = guard.filter(|guard| !guard.is_open()) else { return Self::ALL };
        let admitted = (0..=u8::MAX).filter(|byte| guard.admits_at(0, *byte)).map(folded);
        admitted.fold(Self(0), |set, byte| Self(set.0 | Self::only(byte).0))
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        let bits = std::iter::successors(Some(self.0), |bits| Some(bits & bits.wrapping_sub(1)));
        bits.take_while(|bits| *bits != 0).map(Self::lowest)
    }

    /// The folded byte of the lowest bit.
    const fn lowest(bits: u64) -> u8 {
        match bits.trailing_zeros() as u8 {
            0 => 0,
            letter @ 1..27 => letter - 1 + b'a',
            digit => digit - 27 + b'0',
        }
    }

    const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The byte of a set that holds one.
    const fn single(self) -> Option<u8> {
        if self.0.is_power_of_two() { Some(Self::lowest(self.0)) } else { None }
    }
}

/// A literal, folded, with what may stand beside it: a byte before it and one behind; where such a byte is the edge that the literal
/// must have, one more, which may be any. Guards are asked only for literals that have not enough bytes of their own.
fn padded(literal: &Literal, guards: Option<&Guards>) -> Vec<Set> {
    let guards = guards.filter(|_| literal.bytes.len() < GRAM + STRIDE - 1);
    let edge = |is_edge: bool, guard| if is_edge { Set::only(0) } else { Set::beside(guard) };
    let before = edge(literal.left, guards.map(|guards| &guards.before));
    let behind = edge(literal.right, guards.map(|guards| &guards.after));
    let own = literal.bytes.iter().map(|byte| Set::only(folded(*byte)));
    [Set::ALL, before].into_iter().chain(own).chain([behind, Set::ALL]).collect()
}

/// Whether a literal has grams that are worth looking up.
pub(super) fn have_grams(literal: &Literal, guards: Option<&Guards>) -> bool {
    literal.bytes.is_ascii() && choose(&padded(literal, guards), &HashMap::default()).is_some()
}

/// Where the first of the grams of a padded literal is that have the least to be compared: rare, and with few other literals at
/// them. They are as many as there are bytes from one look-up to the next.
fn choose(bytes: &[Set], shared: &HashMap<[u8; GRAM], u32, FixedState>) -> Option<usize> {
    let among = |with_any: bool| {
        let grams = (0..bytes.len().saturating_sub(GRAM - 1)).filter_map(|at| bytes.get(at..));
        let costs: Vec<Option<i64>> = grams.map(|rest| cost(rest, shared, with_any)).collect();
        let dearest = |grams: &[Option<i64>]| grams.iter().copied().reduce(|a, b| Some(a?.max(b?))).flatten();
        let choices = costs.windows(STRIDE).enumerate().filter_map(|(at, grams)| Some((dearest(grams)?, at)));
        choices.min().map(|(_, at)| at)
    };
    among(false).or_else(|| among(true))
}

/// What it costs to look up the gram that `rest` of a literal begins with, if that is worth it, in sixteenths of bits: twice as much
/// is 16 more. `with_any`: a byte of it may be one of several.
fn cost(rest: &[Set], shared: &HashMap<[u8; GRAM], u32, FixedState>, with_any: bool) -> Option<i64> {
    let gram: &[Set; GRAM] = rest.first_chunk()?;
    let letters =
        |bytes: &[Set]| bytes.iter().filter(|set| set.single().is_some_and(|byte| byte != 0)).count();
    // One letter is little, but enough where the bytes behind the gram hold another.
    let are_many = |sets| letters(sets) >= LETTERS;
    if letters(gram) == 0 || !are_many(gram) && !rest.get(..=RUN).is_some_and(are_many) {
        return None;
    }
    let (rarity, company) = match single(gram) {
        Some(gram) => (frequency::gram_rarity(gram), shared.get(&gram).copied().unwrap_or(0)),
        None if with_any => {
            let known: Vec<u8> = gram.iter().filter_map(|set| set.single()).collect();
            if known.len() + 1 < GRAM {
                return None;
            }
            (frequency::folded_rarity(&known), 0)
        }
        None => return None,
    };
    let gain = if rest.first_chunk().and_then(single::<RUN>).is_some() { RUN_GAIN } else { 0 };
    // Twice the company weighs as much as standing in text twice as often.
    Some(i64::from((company + 1).ilog2() * 16) - i64::from(rarity.min(RARE_ENOUGH)) - gain)
}

/// The bytes of sets that hold one each.
fn single<const LENGTH: usize>(sets: &[Set; LENGTH]) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    bytes.iter_mut().zip(sets).try_for_each(|(byte, set)| {
        *byte = set.single()?;
        Some(())
    })?;
    Some(bytes)
}

/// Every gram of sets of which one at most holds several bytes.
fn expanded(gram: &[Set; GRAM]) -> impl Iterator<Item = [u8; GRAM]> {
    let several = gram.iter().copied().find(|set| set.len() > 1).unwrap_or(Set::only(0));
    several.bytes().map(|any| gram.map(|set| set.single().unwrap_or(any)))
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
    /// `guards` of a literal say what may stand beside it.
    pub(super) fn new<'a>(literals: &[(u32, &Literal)], guards: &impl Fn(u32) -> Option<&'a Guards>) -> Self {
        let mut shared: HashMap<[u8; GRAM], u32, FixedState> = HashMap::default();
        let (mut runs, mut short) = (Vec::with_capacity(literals.len() * STRIDE), Vec::new());
        for (index, literal) in literals {
            let bytes = padded(literal, guards(*index));
            let Some(first) = choose(&bytes, &shared) else { continue };
            for at in first..first + STRIDE {
                let Some(rest) = bytes.get(at..) else { continue };
                let Some(gram) = rest.first_chunk::<GRAM>() else { continue };
                // Counted from two bytes before the literal, where the padded one begins.
                let place = Place { literal: *index, offset: u32::try_from(at).unwrap_or(u32::MAX) };
                if let Some(run) = rest.first_chunk().and_then(single::<RUN>) {
                    runs.push((u64::from_le_bytes(run), place));
                } else {
                    short.extend(expanded(gram).map(|gram| (key(&gram), place)));
                }
                if let Some(gram) = single(gram) {
                    *shared.entry(gram).or_default() += 1;
                }
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
        let mut candidates = [0; CANDIDATES];
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
            let count = set.run(Walk {
                grams: self,
                lead,
                fresh,
                chunks,
                folded: &mut folded,
                candidates: &mut candidates,
            });
            for place in candidates.iter().take(count).map(|place| usize::from(*place)) {
                self.verify(search, &folded, place, from + place + 2 - lead);
            }
            at = Some(from + PIECE - lead);
        }
    }

    /// Compares the literals whose gram stands at `place` of the folded text, which is two bytes before `behind` in the text.
    #[inline]
    fn verify(&self, search: &mut Search<'_>, folded: &Folded, place: usize, behind: usize) {
        let run = folded.run(place);
        for found in self.runs.places(run).iter().chain(self.short.places(start(run))) {
            search.compare(*found, behind);
        }
    }

    /// 1 where a literal may have this run, or the gram that it begins with; 0 where surely none has.
    #[inline(always)]
    fn passes(&self, run: u64) -> usize {
        self.runs.filter.probe().passes(run) | self.short.filter.probe().passes(start(run))
    }
}

/// The gram that a run begins with, as a key.
#[inline(always)]
const fn start(run: u64) -> u64 {
    run & u32::MAX as u64
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

impl Folded {
    #[inline(always)]
    fn run(&self, place: usize) -> u64 {
        self.bytes.get(place..).and_then(<[u8]>::first_chunk).map_or(0, |run| u64::from_le_bytes(*run))
    }
}

struct Walk<'a> {
    grams: &'a Grams,
    /// Bytes of the edge before the text.
    lead: usize,
    /// The text of the piece, and as many bytes behind it as a run takes.
    fresh: &'a [u8],
    chunks: usize,
    folded: &'a mut Folded,
    candidates: &'a mut [u16; CANDIDATES],
}

impl Work for Walk<'_> {
    type Output = usize;

    /// Notes the places at which a literal may have its gram: how many.
    #[inline(always)]
    fn run(self, classes: impl Classes) -> usize {
        let Self { grams, lead, fresh, chunks, folded: piece, candidates } = self;
        let (edge, rest) = piece.bytes.split_at_mut(lead);
        edge.fill(0);
        let (text, behind) = rest.split_at_mut(fresh.len().min(rest.len()));
        for (to, from) in text.iter_mut().zip(fresh) {
            *to = folded(*from);
        }
        behind.fill(0);
        let mut count = 0;
        for chunk in 0..chunks {
            let begin = chunk * CHUNK;
            let Some(window) = piece.bytes.get(begin..).and_then(<[u8]>::first_chunk) else { break };
            let mut bits = classes.grams(window, &grams.filter);
            let mut next = count;
            count += bits.count_ones() as usize;
            // Several are written whether there are so many or not: no branch to mispredict for each.
            while let Some(slots) = candidates.get_mut(next..).and_then(<[u16]>::first_chunk_mut::<AT_ONCE>) {
                for slot in slots {
                    *slot = (begin + bits.trailing_zeros() as usize) as u16;
                    bits &= bits.wrapping_sub(1);
                }
                if bits == 0 {
                    break;
                }
                next += AT_ONCE;
            }
        }
        // Nor here: written always, and kept where it passes.
        let mut kept = 0;
        for at in 0..count {
            let Some(place) = candidates.get(at).copied() else { break };
            candidates.iter_mut().skip(kept).take(1).for_each(|slot| *slot = place);
            kept += grams.passes(piece.run(usize::from(place)));
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(literal: &Literal) -> Option<String> {
        let bytes = padded(literal, None);
        let first = choose(&bytes, &HashMap::default()).filter(|_| literal.bytes.is_ascii())?;
        let bytes = bytes.into_iter().skip(first).take(GRAM + STRIDE - 1);
        let shown = |set: Set| match set.single() {
            None => '*',
            Some(0) => '.',
            Some(byte) => char::from(byte),
        };
        Some(bytes.map(shown).collect())
    }

    #[test]
    fn the_rarest_grams_are_looked_up() {
        for (literal, expected) in [
            (Literal::word("id"), Some("*.id.")),
            (Literal::word("ssn"), Some(".ssn.")),
            (Literal::anywhere("s      1 "), Some("*s...")),
            (Literal::anywhere("s1    z9k"), Some("..z9k")),
            (Literal::new("at", true, false), Some("*.at*")),
            (Literal::anywhere("gho_"), Some("*gho.")),
            (Literal::anywhere("::"), None),
            (Literal::anywhere("://"), None),
            (Literal::anywhere("@"), None),
            (Literal::word("карта"), None),
        ] {
            assert_eq!(grams(&literal).as_deref(), expected, "{literal:?}");
        }
    }

    #[test]
    fn letters_that_hardly_ever_meet_are_preferred() {
        let grams = grams(&Literal::anywhere("the information zxqvkwjgqx and the")).expect("long enough");
        assert!(grams.contains(['z', 'x', 'q', 'v', 'j']), "{grams}");
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
