//! Short literals that may stand anywhere: found by an Aho-Corasick automaton.
//!
//! An automaton's speed is bound by the latency of one table look-up a byte. So four parts of a block are walked in
//! lockstep: four look-ups are in flight at once, and the result is the same as that of one walk.
//!
//! Owns: the automaton and the walk. Never does: a choice of literals.

use super::{Literal, MatcherError, Search};
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

/// The compiled automaton.
#[derive(Debug)]
pub(super) struct Lanes {
    walk: Walk,
    /// The literal of each pattern of the automaton.
    literals: Vec<u32>,
    longest: usize,
}

#[derive(Debug)]
enum Walk {
    Nothing,
    Table(dfa::DFA),
    Compact(nfa::contiguous::NFA),
}

impl Lanes {
    pub(super) fn new(literals: &[(u32, &Literal)]) -> Result<Self, MatcherError> {
        let texts = literals.iter().map(|(_, literal)| literal.bytes());
        let walk = if literals.is_empty() {
            Walk::Nothing
        } else if texts.clone().map(<[u8]>::len).sum::<usize>() <= TABLE_BYTES {
            Walk::Table(
                dfa::DFA::builder()
                    .match_kind(MatchKind::Standard)
                    .start_kind(StartKind::Unanchored)
                    .ascii_case_insensitive(true)
                    .prefilter(false)
                    .build(texts.clone())?,
            )
        } else {
            Walk::Compact(
                nfa::contiguous::NFA::builder()
                    .match_kind(MatchKind::Standard)
                    .ascii_case_insensitive(true)
                    .prefilter(false)
                    .build(texts.clone())?,
            )
        };
        let longest = texts.map(<[u8]>::len).max().unwrap_or(0);
        Ok(Self { walk, literals: literals.iter().map(|(index, _)| *index).collect(), longest })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.literals.is_empty()
    }

    pub(super) fn find(&self, search: &mut Search<'_>) {
        match &self.walk {
            Walk::Nothing => {}
            Walk::Table(automaton) => self.walk(automaton, search),
            Walk::Compact(automaton) => self.walk(automaton, search),
        }
    }

    fn walk<A: Automaton>(&self, automaton: &A, search: &mut Search<'_>) {
        // The automata are built for unanchored searches without restriction, so that a start state exists.
        let Ok(start) = automaton.start_state(Anchored::No) else { return };
        let (text, from, to) = (search.text, search.from, search.to);
        let block = Block { automaton, start, overlap: self.longest.saturating_sub(1), text };
        let mut found = |state: StateID, end: usize| {
            for index in 0..automaton.match_len(state) {
                let pattern = automaton.match_pattern(state, index).as_usize();
                if let Some(literal) = self.literals.get(pattern) {
                    search.ends(*literal, end);
                }
            }
        };
        let Some(fresh) = to.checked_sub(from) else { return };
        if fresh < LANES_FROM.max(16 * self.longest) {
            block.run(block.enter(from), from, to, &mut found);
        } else {
            block.four(from, fresh / 4, to, &mut found);
        }
    }
}

struct Block<'a, A> {
    automaton: &'a A,
    start: StateID,
    overlap: usize,
    text: &'a [u8],
}

impl<A: Automaton> Block<'_, A> {
    /// The state that a walk over everything before `at` would be in.
    fn enter(&self, at: usize) -> StateID {
        let lead = self.text.get(at.saturating_sub(self.overlap)..at).unwrap_or_default();
        lead.iter().fold(self.start, |state, byte| self.automaton.next_state(Anchored::No, state, *byte))
    }

    fn note(&self, state: StateID, end: usize, found: &mut impl FnMut(StateID, usize)) {
        if self.automaton.is_match(state) {
            found(state, end);
        }
    }

    fn run(&self, mut state: StateID, from: usize, to: usize, found: &mut impl FnMut(StateID, usize)) {
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

    /// Four lanes of `length` bytes from `from`, then what is left up to `to`. In no order: the caller sorts.
    fn four(&self, from: usize, length: usize, to: usize, found: &mut impl FnMut(StateID, usize)) {
        let begins = [from, from + length, from + 2 * length, from + 3 * length];
        let [a, b, c, d] = begins.map(|begin| self.text.get(begin..begin + length).unwrap_or_default());
        let mut states = begins.map(|begin| self.enter(begin));
        let mut at = 0;
        while at < length {
            at += self.quiet([a, b, c, d].map(|lane| lane.get(at..).unwrap_or_default()), &mut states);
            for (state, begin) in states.iter().zip(begins) {
                self.note(*state, begin + at, found);
            }
        }
        let [.., last] = states;
        self.run(last, from + 4 * length, to, found);
    }
}
