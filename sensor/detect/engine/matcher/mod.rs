//! Finds every occurrence of a set of literals in a block, ignoring ASCII case.
//!
//! Owns: the one multi-literal pass. Never does: windows of signatures, validation, decisions.
//!
//! Ordinary text holds hardly any of the literals. So most of the work is to say "not here" quickly, and each literal is
//! looked for in the way that says so the fastest:
//!
//! | literal | looked for by | |
//! |---|---|---|
//! | two letters or digits within four bytes, edges that must be free among them | its rarest two such fours, at every second byte | [`grams`] |
//! | other signs | two bytes next to each other, at every byte | [`signs`] |
//! | beyond ASCII, at least [`windows::SHORTEST`] bytes | its rarest eight bytes, at every fourth byte | [`windows`] |
//! | anything else | an Aho-Corasick automaton, in four lanes | [`lanes`] |
//!
//! The first is a filter that stays in cache and a table of exact keys behind it; what it lets through is compared byte by
//! byte. The automaton is small then, so that its tables stay in cache too. Literals beyond ASCII, such as words in Cyrillic,
//! are looked for only in parts of a text that are not ASCII.
//!
//! All of them give exactly what Aho-Corasick alone gives: property tests hold them to it, at any blocking, on every
//! instruction set of the processor.

mod filter;
mod frequency;
mod grams;
mod lanes;
mod signs;
mod windows;

use super::{guard::Guards, instructions::Instructions};
use grams::Grams;
use lanes::Lanes;
use serde::{Deserialize, Serialize};
use signs::Signs;
use windows::Windows;

/// Bytes of a literal that are compared at once.
const HEAD: usize = 8;
/// Text that is looked at for bytes beyond ASCII at once.
const PIECE: usize = 1 << 10;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Literal {
    bytes: Vec<u8>,
    left: bool,
    right: bool,
}

impl Literal {
    /// A literal. `left`, `right`: where it begins or ends with an ASCII letter or digit, no other one stands beside it.
    #[must_use]
    pub fn new(text: impl AsRef<[u8]>, left: bool, right: bool) -> Self {
        let bytes = text.as_ref().to_ascii_lowercase();
        let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let (left, right) = (left && alphanumeric(bytes.first()), right && alphanumeric(bytes.last()));
        Self { bytes, left, right }
    }

    /// A literal that stands for itself, not for a part of a longer word.
    #[must_use]
    pub fn word(text: impl AsRef<[u8]>) -> Self {
        Self::new(text, true, true)
    }

    /// A literal whatever stands beside it.
    #[must_use]
    pub fn anywhere(text: impl AsRef<[u8]>) -> Self {
        Self::new(text, false, false)
    }

    /// Its bytes, in lower case.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// One literal found: which one, and the offset after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// Offset after its last byte.
    pub end: usize,
    /// Index of the literal in the set.
    pub literal: u32,
}

/// Literals are too many or too long for the automaton.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MatcherError(#[from] aho_corasick::BuildError);

/// A compiled set of literals.
///
/// ```
/// use egret_detect::{Literal, Matcher};
///
/// let matcher = Matcher::new(&[Literal::word("heron"), Literal::anywhere("-us")])?;
/// let text = b"Herons, a HERON, eu-us1";
/// let mut found = Vec::new();
/// matcher.find_all(text, 0, text.len(), &mut found);
/// assert_eq!(found.iter().map(|found| (found.end, found.literal)).collect::<Vec<_>>(), [(15, 0), (22, 1)]);
/// # Ok::<(), egret_detect::MatcherError>(())
/// ```
#[derive(Debug)]
pub struct Matcher {
    literals: Literals,
    grams: Grams,
    signs: Signs,
    lanes: Lanes,
    /// Of literals that stand in text beyond ASCII only.
    wide_windows: Windows,
    wide_lanes: Lanes,
    instructions: Instructions,
}

impl Matcher {
    /// Compiles a set of distinct, non-empty literals.
    ///
    /// # Errors
    /// When those for the automaton are too many.
    pub fn new(literals: &[Literal]) -> Result<Self, MatcherError> {
        Self::guarded(literals, Vec::new())
    }

    /// The same, without the occurrences of a literal that have other bytes beside them than its guards admit. In the order of
    /// the literals; those that have none are not guarded.
    pub(crate) fn guarded(literals: &[Literal], guards: Vec<Option<Guards>>) -> Result<Self, MatcherError> {
        let (mut by_gram, mut signs, mut short) = (Vec::new(), Signs::default(), Vec::new());
        let (mut wide_windows, mut wide_short) = (Vec::new(), Vec::new());
        let beside = |literal: u32| guards.get(literal as usize).and_then(Option::as_ref);
        for (index, literal) in (0_u32..).zip(literals) {
            if grams::have_grams(literal, beside(index)) {
                by_gram.push((index, literal));
            } else if literal.bytes.is_ascii() {
                if !signs.add(index, literal) {
                    short.push((index, literal));
                }
            } else if let Some(window) = windows::anchor(literal) {
                wide_windows.push((index, literal, window));
            } else {
                wide_short.push((index, literal));
            }
        }
        signs.finish();
        Ok(Self {
            grams: Grams::new(&by_gram, &beside),
            literals: Literals::new(literals, guards),
            signs,
            lanes: Lanes::new(&short)?,
            wide_windows: Windows::new(&wide_windows),
            wide_lanes: Lanes::new(&wide_short)?,
            instructions: Instructions::best(),
        })
    }

    /// One for each instruction set that this processor has, with its name, the poorest first; they find the same.
    ///
    /// # Errors
    /// As [`Matcher::new`].
    pub fn on_each_instruction_set(literals: &[Literal]) -> Result<Vec<(&'static str, Self)>, MatcherError> {
        let capped = |set: Instructions| Ok((set.name(), Self { instructions: set, ..Self::new(literals)? }));
        Instructions::available().map(capped).collect()
    }

    /// Bytes before `from` that [`Matcher::find_all`] needs, so that it misses nothing that began there.
    #[must_use]
    pub fn overlap(&self) -> usize {
        // One byte more tells whether the first of them goes on with a word.
        self.literals.longest + 1
    }

    /// Appends every occurrence that ends after `from` and up to `to`, overlapping ones too, in order of their ends, the
    /// longest first. A caller that goes on in a block keeps [`Matcher::overlap`] bytes before `from`, and leaves at
    /// least a byte behind `to` while there is more to come, which may be a part of the last word.
    pub fn find_all(&self, text: &[u8], from: usize, to: usize, found: &mut Vec<Occurrence>) {
        self.find_with(self.instructions, text, from, to, found);
    }

    fn find_with(&self, set: Instructions, text: &[u8], from: usize, to: usize, found: &mut Vec<Occurrence>) {
        let old = found.len();
        let begin = from.saturating_sub(self.literals.longest);
        let mut search =
            Search { text, begin, from, to: to.min(text.len()), literals: &self.literals, found };
        if search.from >= search.to {
            return;
        }
        self.grams.find(&mut search, set);
        self.signs.find(&mut search, set);
        self.lanes.find(&mut search);
        self.wide(&mut search, set);
        let literals = &self.literals;
        if let Some(new) = found.get_mut(old..) {
            let length = |at: &Occurrence| literals.stored(at.literal).map_or(0, |literal| literal.length);
            let longest_first = |a: &Occurrence, b: &Occurrence| length(b).cmp(&length(a));
            new.sort_unstable_by(|a, b| {
                a.end.cmp(&b.end).then_with(|| longest_first(a, b)).then(a.literal.cmp(&b.literal))
            });
        }
    }

    /// Looks for literals beyond ASCII, where the text is.
    fn wide(&self, search: &mut Search<'_>, set: Instructions) {
        if self.wide_windows.is_empty() && self.wide_lanes.is_empty() {
            return;
        }
        let (begin, from, to) = (search.begin, search.from, search.to);
        let longest = self.literals.longest;
        let mut at = begin;
        while at < to {
            let is_wide = |at: usize| {
                let piece = search.text.get(at..search.text.len().min(at + PIECE)).unwrap_or_default();
                !piece.is_ascii()
            };
            if !is_wide(at) {
                at += PIECE;
                continue;
            }
            let mut end = at + PIECE;
            while end < to && is_wide(end) {
                end += PIECE;
            }
            // A literal that begins in these pieces may end behind them; one that ends in them, begin before. Where two
            // stretches come so near to each other, the second leaves to the first what that has seen.
            search.from = from.max(at).max(search.from);
            search.to = to.min(end + longest);
            search.begin = begin.max(at.saturating_sub(longest));
            if search.from < search.to {
                self.wide_windows.find(search, set);
                self.wide_lanes.find(search);
                search.from = search.to;
            }
            at = end;
        }
        (search.begin, search.from, search.to) = (begin, from, to);
    }
}

/// One search of one text.
#[derive(Debug)]
pub(super) struct Search<'a> {
    text: &'a [u8],
    /// Nothing before it can be part of what is looked for.
    begin: usize,
    from: usize,
    to: usize,
    literals: &'a Literals,
    found: &'a mut Vec<Occurrence>,
}

impl Search<'_> {
    /// Compares a literal whose part stands at `at`.
    fn compare(&mut self, place: filter::Place, at: usize) {
        let Some(stored) = self.literals.stored(place.literal) else { return };
        let Some(start) = at.checked_sub(place.offset as usize) else { return };
        let end = start + stored.length as usize;
        if end > self.from && end <= self.to && self.holds(stored, start..end) {
            self.free(place.literal, stored, start..end);
        }
    }

    /// Whether a literal stands there, but for the case of its letters.
    #[inline]
    fn holds(&self, stored: &Stored, range: std::ops::Range<usize>) -> bool {
        let head = self.text.get(range.start..).and_then(<[u8]>::first_chunk);
        let Some(text) = self.text.get(range) else { return false };
        let literal = self.literals.bytes(stored);
        let Some(head) = head else { return text.eq_ignore_ascii_case(literal) };
        let rest = |bytes| <[u8]>::get(bytes, HEAD..).unwrap_or_default();
        (u64::from_le_bytes(*head) | stored.fold) & stored.mask == stored.head
            && (literal.len() <= HEAD || rest(text).eq_ignore_ascii_case(rest(literal)))
    }

    /// An occurrence of the automaton.
    fn ends(&mut self, literal: u32, end: usize) {
        let Some(stored) = self.literals.stored(literal) else { return };
        if end > self.from && end <= self.to {
            self.free(literal, stored, end.saturating_sub(stored.length as usize)..end);
        }
    }

    /// Takes an occurrence, unless it is a part of a longer word and must not be.
    fn free(&mut self, literal: u32, stored: &Stored, range: std::ops::Range<usize>) {
        let before = range.start.checked_sub(1).and_then(|at| self.text.get(at));
        let after = self.text.get(range.end);
        let joined = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if !(stored.left && joined(before) || stored.right && joined(after))
            && self.literals.admits(stored, self.text, &range)
        {
            self.found.push(Occurrence { end: range.end, literal });
        }
    }
}

/// All literals, next to each other.
#[derive(Debug)]
struct Literals {
    bytes: Vec<u8>,
    stored: Vec<Stored>,
    longest: usize,
    guards: Vec<Guards>,
}

#[derive(Debug)]
struct Stored {
    /// Its first eight bytes, which of their bits count, and those that make a letter small.
    head: u64,
    mask: u64,
    fold: u64,
    begin: u32,
    length: u32,
    left: bool,
    right: bool,
    /// The number of its guards, counted from 1; 0 without.
    guards: u32,
}

impl Literals {
    fn new(literals: &[Literal], guards: Vec<Option<Guards>>) -> Self {
        let mut bytes = Vec::with_capacity(literals.iter().map(|literal| literal.bytes.len()).sum());
        let mut stored = Vec::with_capacity(literals.len());
        let mut kept = Vec::new();
        let guards = guards.into_iter().chain(std::iter::repeat_with(|| None));
        for (Literal { bytes: own, left, right }, guards) in literals.iter().zip(guards) {
            let is_guarded = guards.is_some();
            kept.extend(guards);
            // Sources are at most a megabyte each, and their number is limited by memory long before 2^32 bytes.
            let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            let (mut head, mut fold) = ([0; HEAD], [0; HEAD]);
            head.iter_mut().zip(own).for_each(|(to, from)| *to = *from);
            fold.iter_mut().zip(own).for_each(|(to, from)| *to = u8::from(from.is_ascii_lowercase()) << 5);
            let mask = u64::MAX.checked_shr(64 - 8 * size(own.len().min(HEAD))).unwrap_or(0);
            stored.push(Stored {
                head: u64::from_le_bytes(head),
                mask,
                fold: u64::from_le_bytes(fold),
                begin: size(bytes.len()),
                length: size(own.len()),
                left: *left,
                right: *right,
                guards: if is_guarded { size(kept.len()) } else { 0 },
            });
            bytes.extend_from_slice(own);
        }
        let longest = literals.iter().map(|literal| literal.bytes.len()).max().unwrap_or(0);
        Self { bytes, stored, longest, guards: kept }
    }

    fn admits(&self, stored: &Stored, text: &[u8], range: &std::ops::Range<usize>) -> bool {
        let Some(guards) = (stored.guards as usize).checked_sub(1) else { return true };
        self.guards.get(guards).is_none_or(|guards| guards.admit(text, range, false))
    }

    fn stored(&self, literal: u32) -> Option<&Stored> {
        self.stored.get(literal as usize)
    }

    fn bytes(&self, stored: &Stored) -> &[u8] {
        let begin = stored.begin as usize;
        self.bytes.get(begin..begin + stored.length as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
