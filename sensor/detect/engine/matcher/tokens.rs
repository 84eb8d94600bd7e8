//! Literals that hold a whole word, or begin with a word: found by one look-up a word of the text.
//!
//! A word is a run of ASCII letters and digits. Of each word of the text, its first eight letters are hashed (which also
//! tells short words whole) and its first four. Ordinary text has a word in six bytes, and hardly any that is looked for: so
//! this takes any number of words and phrases at the same speed. What passes the filter is compared in full.
//!
//! Owns: the choice of the word in a literal, the walk over the words of a text. Never does: literals whose words may be
//! parts of longer ones on their left.

use super::{
    Literal, Search,
    filter::{Filter, Place, Probe, Table},
    frequency,
};
use crate::engine::guard::Guards;
use crate::engine::instructions::{CHUNK, Classes, Instructions, Work};

/// Bytes of a word that are its key.
const KEY: usize = 8;
/// Words of a bit for each two bytes.
const PAIRS: usize = (1 << 16) / 64;
/// Bytes of the beginning of a word that are the key of literals that end within it.
const HEAD: usize = 4;
/// Set in keys of beginnings; no ASCII word has it.
const HEAD_MARK: u64 = 1 << 63;
/// Shortest beginning of a word that is looked for.
const SHORTEST_HEAD: usize = 2;
/// Set in keys of beginnings of two letters; no ASCII word has it.
const PAIR_MARK: u64 = 1 << 62;
/// A shorter beginning than [`HEAD`] is never rare: sixteenths of bits.
const SHORT_HEAD: u32 = 12 * 16;
/// Chunks walked at once.
const CHUNKS: usize = 32;
/// Bytes of them.
const PIECE: usize = CHUNKS * CHUNK;
/// Bytes behind a piece that decide about the words in it.
const AHEAD: usize = CHUNK + KEY;
/// Words that a piece may hold, and seven more that may be written and are not meant.
const WORDS: usize = PIECE / 2 + 7;
/// The bits of a noted word that say where in the piece it begins.
const PLACE: u16 = PIECE as u16 - 1;
/// Set in a noted word whose first eight letters passed the filter.
const WHOLE: u16 = 1 << 11;
/// Set in one whose first four letters did.
const BEGINNING: u16 = 1 << 12;
/// Set in one whose first two letters did.
const PAIR: u16 = 1 << 13;

/// The words of a piece.
struct Words {
    /// Where they begin, and what of them passed the filter.
    at: [u16; WORDS],
    /// Their first eight letters, see [`whole_key`].
    keys: [u64; WORDS],
}

/// Where a literal is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    offset: usize,
    length: usize,
    /// The word ends where the run does; otherwise it may go on.
    whole: bool,
    /// Sixteenths of bits.
    pub(super) rarity: u32,
}

/// The rarest word of a literal, if it has one.
pub(super) fn anchor(literal: &Literal) -> Option<Anchor> {
    let bytes = literal.bytes.as_slice();
    let mut at = 0;
    let mut best: Option<Anchor> = None;
    for run in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
        let (offset, end) = (at, at + run.len());
        at = end + 1;
        let begins = offset > 0 || literal.left;
        let whole = end < bytes.len() || literal.right;
        if run.is_empty() || !begins || !whole && run.len() < SHORTEST_HEAD {
            continue;
        }
        let rarity = if whole {
            let word = run.get(..KEY).unwrap_or(run);
            frequency::word_rarity(whole_key(word), word)
        } else {
            match run.get(..HEAD) {
                Some(head) => frequency::word_rarity(head_key(head), head),
                None => frequency::rarity(&[b" ", run].concat()).min(SHORT_HEAD),
            }
        };
        if best.is_none_or(|best| rarity > best.rarity) {
            best = Some(Anchor { offset, length: run.len(), whole, rarity });
        }
    }
    best
}

/// The compiled words.
#[derive(Debug)]
pub(super) struct Tokens {
    filter: Filter,
    table: Table,
    heads: bool,
    /// A bit for each beginning of two letters that is looked for, in the case in which it is; empty when there is none.
    pairs: Vec<u64>,
}

impl Tokens {
    /// `guards` of a literal say in which case it is written.
    pub(super) fn new<'a>(
        anchored: &[(u32, &Literal, Anchor)],
        guards: &impl Fn(u32) -> Option<&'a Guards>,
    ) -> Self {
        let mut pairs = Vec::with_capacity(anchored.len());
        for (index, literal, anchor) in anchored {
            let place = Place { literal: *index, offset: u32::try_from(anchor.offset).unwrap_or(u32::MAX) };
            let run = literal.bytes.get(anchor.offset..anchor.offset + anchor.length).unwrap_or_default();
            if anchor.whole {
                pairs.push((whole_key(run), place));
            } else {
                head_keys(run, &mut |key| pairs.push((key, place)));
            }
        }
        let heads = anchored.iter().any(|(.., anchor)| !anchor.whole);
        let mut bits = Vec::new();
        for (literal, Literal { bytes, .. }, anchor) in anchored {
            let Some([first, second]) = bytes.get(anchor.offset..).and_then(<[u8]>::first_chunk).copied()
            else {
                continue;
            };
            if anchor.whole || anchor.length != 2 {
                continue;
            }
            bits.resize(PAIRS, 0);
            let admitted = |place: usize, byte: u8| {
                guards(*literal).is_none_or(|guards| guards.own.admits_at(place, byte))
            };
            for first in cases(first).filter(|byte| admitted(anchor.offset, *byte)) {
                for second in cases(second).filter(|byte| admitted(anchor.offset + 1, *byte)) {
                    let pair = usize::from(u16::from_le_bytes([first, second]));
                    if let Some(word) = bits.get_mut(pair / 64) {
                        *word |= 1_u64 << (pair % 64);
                    }
                }
            }
        }
        let (table, filter) = Table::new(pairs);
        Self { filter, table, heads, pairs: bits }
    }

    pub(super) fn find(&self, search: &mut Search<'_>, set: Instructions) {
        if self.table.is_empty() {
            return;
        }
        let text = search.text;
        let mut at = search.begin;
        let mut inside = at > 0 && text.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        let mut words = Words { at: [0; WORDS], keys: [0; WORDS] };
        let mut padded = [0; PIECE + AHEAD];
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let piece = rest.first_chunk().unwrap_or_else(|| {
                // The end of the text, with nothing behind it.
                let (end, nothing) = padded.split_at_mut(rest.len());
                end.copy_from_slice(rest);
                nothing.fill(0);
                &padded
            });
            let chunks = rest.len().div_ceil(CHUNK).min(CHUNKS);
            let pairs = self.pairs.first_chunk().unwrap_or(&[0; PAIRS]);
            let walk = Walk { probe: self.filter.probe(), pairs, piece, chunks, inside, words: &mut words };
            let count = if self.heads { set.run(WithHeads(walk)) } else { set.run(WholeOnly(walk)) };
            for (word, key) in words.at.iter().zip(&words.keys).take(count) {
                self.verify(search, at + usize::from(*word & PLACE), *key, *word);
            }
            at += chunks * CHUNK;
            inside = text.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        }
    }

    /// Compares the literals of the word that begins at `at` and has this key, which are those that `passed` the filter.
    fn verify(&self, search: &mut Search<'_>, at: usize, key: u64, passed: u16) {
        let head = key & u64::from(u32::MAX) | HEAD_MARK;
        let pair = key & u64::from(u16::MAX) | PAIR_MARK;
        for (flag, key) in [(WHOLE, key), (BEGINNING, head), (PAIR, pair)] {
            if passed & flag != 0 {
                for place in self.table.places(key) {
                    search.compare(*place, at);
                }
            }
        }
    }
}

/// The first eight letters in lower case, zeros behind a shorter word.
fn whole_key(word: &[u8]) -> u64 {
    let mut key = [0; KEY];
    key.iter_mut().zip(word).for_each(|(to, from)| *to = from | 0x20);
    u64::from_le_bytes(key)
}

fn head_key(head: &[u8]) -> u64 {
    HEAD_MARK | whole_key(head)
}

/// Both cases of a letter.
fn cases(byte: u8) -> impl Iterator<Item = u8> {
    [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()].into_iter()
}

fn pair_key(pair: &[u8]) -> u64 {
    PAIR_MARK | whole_key(pair)
}

/// The keys of all words that begin with `run`.
fn head_keys(run: &[u8], emit: &mut impl FnMut(u64)) {
    if let Some(head) = run.get(..HEAD) {
        emit(head_key(head));
        return;
    }
    if run.len() == 2 {
        emit(pair_key(run));
        return;
    }
    emit(whole_key(run));
    for next in (b'a'..=b'z').chain(b'0'..=b'9') {
        head_keys(&[run, &[next]].concat(), emit);
    }
}

struct Walk<'a> {
    probe: Probe<'a>,
    pairs: &'a [u64; PAIRS],
    piece: &'a [u8; PIECE + AHEAD],
    chunks: usize,
    /// The byte before the piece belongs to a word.
    inside: bool,
    words: &'a mut Words,
}

struct WithHeads<'a>(Walk<'a>);
struct WholeOnly<'a>(Walk<'a>);

impl Work for WithHeads<'_> {
    type Output = usize;
    #[inline(always)]
    fn run(self, classes: impl Classes) -> usize {
        self.0.walk::<true>(classes)
    }
}

impl Work for WholeOnly<'_> {
    type Output = usize;
    #[inline(always)]
    fn run(self, classes: impl Classes) -> usize {
        self.0.walk::<false>(classes)
    }
}

impl Walk<'_> {
    /// Notes the words whose keys may be in the set: where, and how many. First all words are noted, then those that
    /// pass the filter are moved to the front: two loops without a branch that depends on the text.
    #[inline(always)]
    fn walk<const HEADS: bool>(self, classes: impl Classes) -> usize {
        let Self { probe, pairs, piece, chunks, inside, words } = self;
        let Words { at: words, keys } = words;
        // Whether each byte belongs to a word, a bit each.
        let mut letters = [0_u8; PIECE / 8 + 8];
        let mut found = 0;
        let mut inside = u64::from(inside);
        let (bytes, _) = piece.as_chunks::<CHUNK>();
        let (eights, _) = letters.as_chunks_mut();
        for ((base, chunk), eight) in
            (0_u16..).step_by(CHUNK).zip(bytes.iter().take(chunks)).zip(&mut *eights)
        {
            let bits = classes.alphanumerics(chunk);
            *eight = bits.to_le_bytes();
            let mut starts = bits & !(bits << 1 | inside);
            inside = bits >> (CHUNK - 1);
            let count = starts.count_ones() as usize;
            // Eight at a time, whether there are so many or not.
            for from in (0..count).step_by(8) {
                let Some(slots) = words.get_mut(found + from..).and_then(<[u16]>::first_chunk_mut::<8>)
                else {
                    break;
                };
                for slot in slots {
                    *slot = base | (starts.trailing_zeros() & 63) as u16;
                    starts &= starts.wrapping_sub(1);
                }
            }
            found += count;
        }
        if let (Some(chunk), Some(eight)) = (bytes.get(chunks), eights.get_mut(chunks)) {
            *eight = classes.alphanumerics(chunk).to_le_bytes();
        }
        let mut kept = 0;
        for at in 0..found {
            let Some(word) = words.get(at).copied() else { break };
            let start = usize::from(word) & (PIECE - 1);
            let run = letters.get(start / 8..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
            let run = u16::from_le_bytes(run) >> (start % 8) & 0xff;
            let text = piece.get(start..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
            let mask = MASKS.get(usize::from(run)).copied().unwrap_or_default();
            let key = (u64::from_le_bytes(text) | FOLD) & mask;
            let mut passed = probe.passes(key) as u16 * WHOLE;
            if HEADS {
                passed |= probe.passes(key & u64::from(u32::MAX) | HEAD_MARK) as u16 * BEGINNING;
                let pair = usize::from(u64::from_le_bytes(text) as u16);
                let pairs = pairs.get(pair / 64).copied().unwrap_or_default();
                passed |= (pairs >> (pair % 64) & 1) as u16 * PAIR;
            }
            if let (Some(slot), Some(slot_of_key)) = (words.get_mut(kept), keys.get_mut(kept)) {
                (*slot, *slot_of_key) = (word | passed, key);
            }
            kept += usize::from(passed != 0);
        }
        kept
    }
}

/// Of eight letters, a bit each, those before the first gap: a byte each.
#[expect(clippy::indexing_slicing, reason = "computed by the compiler, within the bounds of its loop")]
const MASKS: [u64; 256] = {
    let mut masks = [0; 256];
    let mut bits = 1;
    while bits < masks.len() {
        masks[bits] = u64::MAX >> (64 - 8 * (!bits).trailing_zeros());
        bits += 2;
    }
    masks
};

/// What makes letters small, and leaves digits.
const FOLD: u64 = 0x2020_2020_2020_2020;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(literal: &Literal) -> Option<String> {
        let anchor = anchor(literal)?;
        let run = &literal.bytes[anchor.offset..anchor.offset + anchor.length];
        Some(String::from_utf8_lossy(run).into_owned() + if anchor.whole { "" } else { "*" })
    }

    #[test]
    fn the_rarest_word_is_looked_up() {
        for (literal, expected) in [
            (Literal::word("zorgle"), Some("zorgle")),
            (Literal::word("o'brien"), Some("brien")),
            (Literal::anywhere("zorgle"), None),
            (Literal::anywhere("-zorgle-"), Some("zorgle")),
            (Literal::anywhere("-zorgle"), Some("zorgle*")),
            (Literal::new("akia", true, false), Some("akia*")),
            (Literal::new("ak", true, false), Some("ak*")),
            (Literal::new("a", true, false), None),
            (Literal::anywhere("-----begin rsa private key-----"), Some("rsa")),
            (Literal::word("карта"), None),
            (Literal::word("naïve"), Some("na")),
        ] {
            assert_eq!(run(&literal).as_deref(), expected, "{literal:?}");
        }
    }

    #[test]
    fn short_beginnings_stand_for_all_words() {
        let mut keys = Vec::new();
        head_keys(b"eyj", &mut |key| keys.push(key));
        assert_eq!(keys.len(), 1 + 36);
        assert!(keys.contains(&whole_key(b"eyj")));
        assert!(keys.contains(&head_key(b"eyjh")));
        keys.clear();
        head_keys(b"ey", &mut |key| keys.push(key));
        assert_eq!(keys, [pair_key(b"ey")]);
    }
}
