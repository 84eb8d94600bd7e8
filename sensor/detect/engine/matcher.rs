//! Finds every occurrence of a set of literals in a block, ignoring ASCII case.
//!
//! Owns: the one multi-literal pass. The interface is [`Matcher::new`] and [`Matcher::find_all`], so that a faster
//! pass can take its place. Never does: boundaries, windows, decisions.
//!
//! An automaton's speed is bound by the latency of one table look-up a byte. So four parts of a block are walked in
//! lockstep: four look-ups are in flight at once, and the result is the same as that of one walk.

use aho_corasick::{
    Anchored, MatchKind, StartKind,
    automaton::{Automaton, StateID},
    dfa, nfa,
};

/// Bytes of literals up to which the table automaton is built; beyond, its tables leave the cache and the compact one is
/// as fast.
const TABLE_BYTES: usize = 48 << 10;
/// Blocks shorter than this are walked in one lane.
const LANES_FROM: usize = 2 << 10;

/// One literal found: which one, and the offset after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Occurrence {
    /// Offset after its last byte.
    pub(crate) end: usize,
    /// Index of the literal in the set.
    pub(crate) literal: u32,
}

/// A compiled set of literals.
#[derive(Debug)]
pub(crate) struct Matcher {
    walk: Walk,
    longest: usize,
}

#[derive(Debug)]
enum Walk {
    Nothing,
    Table(dfa::DFA),
    Compact(nfa::contiguous::NFA),
}

impl Matcher {
    /// Compiles a set of distinct, non-empty literals. `Err` when they are too many for an automaton.
    pub(crate) fn new(literals: &[Vec<u8>]) -> Result<Self, aho_corasick::BuildError> {
        let longest = literals.iter().map(Vec::len).max().unwrap_or(0);
        let walk = if literals.is_empty() {
            Walk::Nothing
        } else if literals.iter().map(Vec::len).sum::<usize>() <= TABLE_BYTES {
            Walk::Table(
                dfa::DFA::builder()
                    .match_kind(MatchKind::Standard)
                    .start_kind(StartKind::Unanchored)
                    .ascii_case_insensitive(true)
                    .prefilter(false)
                    .build(literals)?,
            )
        } else {
            Walk::Compact(
                nfa::contiguous::NFA::builder()
                    .match_kind(MatchKind::Standard)
                    .ascii_case_insensitive(true)
                    .prefilter(false)
                    .build(literals)?,
            )
        };
        Ok(Self { walk, longest })
    }

    /// Length of the longest literal, bytes.
    pub(crate) const fn longest(&self) -> usize {
        self.longest
    }

    /// Appends every occurrence that ends after `from`, overlapping ones too, in order of their ends. A caller that goes
    /// on in a block keeps `longest() - 1` bytes before `from`.
    pub(crate) fn find_all(&self, text: &[u8], from: usize, found: &mut Vec<Occurrence>) {
        match &self.walk {
            Walk::Nothing => {}
            Walk::Table(automaton) => walk(automaton, self.longest, text, from, found),
            Walk::Compact(automaton) => walk(automaton, self.longest, text, from, found),
        }
    }
}

fn walk<A: Automaton>(automaton: &A, longest: usize, text: &[u8], from: usize, found: &mut Vec<Occurrence>) {
    // The automata are built for unanchored searches without restriction, so that a start state exists.
    let Ok(start) = automaton.start_state(Anchored::No) else { return };
    let lanes = Lanes { automaton, start, overlap: longest.saturating_sub(1), text };
    let Some(fresh) = text.len().checked_sub(from) else { return };
    if fresh < LANES_FROM.max(16 * longest) {
        lanes.one(from, text.len(), found);
    } else {
        lanes.four(from, fresh / 4, found);
    }
}

struct Lanes<'a, A> {
    automaton: &'a A,
    start: StateID,
    overlap: usize,
    text: &'a [u8],
}

impl<A: Automaton> Lanes<'_, A> {
    /// The state that a walk over everything before `at` would be in.
    fn enter(&self, at: usize) -> StateID {
        let lead = self.text.get(at.saturating_sub(self.overlap)..at).unwrap_or_default();
        lead.iter().fold(self.start, |state, byte| self.automaton.next_state(Anchored::No, state, *byte))
    }

    fn note(&self, state: StateID, end: usize, found: &mut Vec<Occurrence>) {
        if self.automaton.is_match(state) {
            for index in 0..self.automaton.match_len(state) {
                let literal = self.automaton.match_pattern(state, index).as_u32();
                found.push(Occurrence { end, literal });
            }
        }
    }

    fn one(&self, from: usize, to: usize, found: &mut Vec<Occurrence>) {
        let state = self.enter(from);
        self.run(state, from, to, found);
    }

    fn run(&self, mut state: StateID, from: usize, to: usize, found: &mut Vec<Occurrence>) {
        for (at, byte) in self.text.get(from..to).unwrap_or_default().iter().enumerate() {
            state = self.automaton.next_state(Anchored::No, state, *byte);
            if self.automaton.is_special(state) {
                self.note(state, from + at + 1, found);
            }
        }
    }

    /// Walks four lanes until one of them is in a special state, or to the end; the steps taken. Apart from its caller, so
    /// that the states stay in registers.
    #[inline(never)]
    fn quiet(&self, lanes: [&[u8]; 4], states: &mut [StateID; 4]) -> usize {
        let [a, b, c, d] = lanes;
        let [mut w, mut x, mut y, mut z] = *states;
        let mut steps = 0;
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            w = self.automaton.next_state(Anchored::No, w, *a);
            x = self.automaton.next_state(Anchored::No, x, *b);
            y = self.automaton.next_state(Anchored::No, y, *c);
            z = self.automaton.next_state(Anchored::No, z, *d);
            steps += 1;
            let special = |state| self.automaton.is_special(state);
            if special(w) | special(x) | special(y) | special(z) {
                break;
            }
        }
        *states = [w, x, y, z];
        steps
    }

    /// Four lanes of `length` bytes from `from`, then what is left of the block.
    fn four(&self, from: usize, length: usize, found: &mut Vec<Occurrence>) {
        let begins = [from, from + length, from + 2 * length, from + 3 * length];
        let [a, b, c, d] = begins.map(|begin| self.text.get(begin..begin + length).unwrap_or_default());
        let mut states = begins.map(|begin| self.enter(begin));
        let mut later: [Vec<Occurrence>; 3] = Default::default();
        let mut at = 0;
        while at < length {
            at += self.quiet([a, b, c, d].map(|lane| lane.get(at..).unwrap_or_default()), &mut states);
            let [first, others @ ..] = states;
            self.note(first, from + at, found);
            for ((lane, state), begin) in later.iter_mut().zip(others).zip(begins.iter().skip(1)) {
                self.note(state, begin + at, lane);
            }
        }
        for lane in &later {
            found.extend_from_slice(lane);
        }
        let [.., last] = states;
        self.run(last, from + 4 * length, self.text.len(), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(literals: &[Vec<u8>], text: &[u8], from: usize) -> Vec<Occurrence> {
        let mut found = Vec::new();
        for (literal, bytes) in literals.iter().enumerate() {
            for (at, window) in text.windows(bytes.len()).enumerate() {
                let end = at + bytes.len();
                if end > from && window.eq_ignore_ascii_case(bytes) {
                    found.push(Occurrence { end, literal: u32::try_from(literal).expect("few") });
                }
            }
        }
        found.sort_unstable();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn lanes_find_what_a_naive_search_finds(
            literals in prop::collection::btree_set("[ab]{1,4}", 1..6),
            seed in "[abAB]{40,60}",
            repeats in 1_usize..120,
            from in 0_usize..3_000,
        ) {
            let literals: Vec<Vec<u8>> = literals.into_iter().map(String::into_bytes).collect();
            let text = seed.repeat(repeats).into_bytes();
            let matcher = Matcher::new(&literals).expect("compiles");
            let mut found = Vec::new();
            matcher.find_all(&text, from, &mut found);
            prop_assert!(found.is_sorted_by_key(|occurrence| occurrence.end));
            found.sort_unstable();
            prop_assert_eq!(found, naive(&literals, &text, from));
        }
    }

    #[test]
    fn the_compact_automaton_agrees() {
        let literals: Vec<Vec<u8>> = (0..6_000).map(|n| format!("phrase-{n:05}").into_bytes()).collect();
        let matcher = Matcher::new(&literals).expect("compiles");
        assert!(matches!(matcher.walk, Walk::Compact(_)));
        let text = "x".repeat(5_000) + "Phrase-04711" + &"y".repeat(5_000);
        let mut found = Vec::new();
        matcher.find_all(text.as_bytes(), 0, &mut found);
        assert_eq!(found, [Occurrence { end: 5_012, literal: 4_711 }]);
    }

    #[test]
    fn an_empty_set_finds_nothing() {
        let mut found = Vec::new();
        Matcher::new(&[]).expect("compiles").find_all(b"text", 0, &mut found);
        assert!(found.is_empty());
    }
}
