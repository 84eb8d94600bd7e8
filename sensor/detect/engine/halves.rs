//! The two halves of an expression, before its literal and from it on: each is read away from the literal, and most occurrences
//! end within a few bytes there, where a search for the whole would look through its window.
//!
//! Owns: the automata of both. A no is right; a yes says nothing. Never does: the search for the match.

use regex_automata::{
    Anchored, Input,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson::{self, NFA, WhichCaptures},
    util::pool::Pool,
};
use regex_syntax::hir::Hir;

/// Memory of an automaton before it is determinised.
const AUTOMATON_BYTES: usize = 256 << 10;
/// Memory for the part of an automaton that texts lead through.
const CACHE_BYTES: usize = 128 << 10;

/// Both halves; None where one can't be compiled in little memory.
#[derive(Debug)]
pub(super) struct Halves {
    before: Option<Half>,
    rest: Option<Half>,
}

impl Clone for Halves {
    /// Memory of searches is not shared.
    fn clone(&self) -> Self {
        let half = |half: &Option<Half>| half.as_ref().map(|half| Half::of(half.dfa.clone()));
        Self { before: half(&self.before), rest: half(&self.rest) }
    }
}

#[derive(Debug)]
struct Half {
    dfa: DFA,
    caches: Pool<
        Cache,
        Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>,
    >,
}

/// The automaton of half an expression; None where it is large.
pub(super) fn small(hir: &Hir, reverse: bool) -> Option<NFA> {
    automaton(hir, reverse, WhichCaptures::None, AUTOMATON_BYTES)
}

/// The automaton of an expression; None where it takes more memory than that.
pub(super) fn automaton(hir: &Hir, reverse: bool, captures: WhichCaptures, most_bytes: usize) -> Option<NFA> {
    let config =
        thompson::Config::new().reverse(reverse).which_captures(captures).nfa_size_limit(Some(most_bytes));
    thompson::Compiler::new().configure(config).build_from_hir(hir).ok()
}

impl Halves {
    pub(super) fn new(before: &Hir, rest: &Hir) -> Self {
        Self { before: Half::new(before, true), rest: Half::new(rest, false) }
    }

    /// Whether a match that begins at `from` or later and ends at `stop` at most may hold a literal at `at`.
    pub(super) fn may_match(&self, text: &[u8], from: usize, at: usize, stop: usize) -> bool {
        let input =
            |span: std::ops::Range<usize>| Input::new(text).span(span).anchored(Anchored::Yes).earliest(true);
        let before = self.before.as_ref().is_none_or(|half| {
            half.look(|dfa, cache| {
                dfa.try_search_rev(cache, &input(from..at)).map_or(true, |found| found.is_some())
            })
        });
        before
            && self.rest.as_ref().is_none_or(|half| {
                half.look(|dfa, cache| {
                    dfa.try_search_fwd(cache, &input(at..stop)).map_or(true, |found| found.is_some())
                })
            })
    }
}

impl Half {
    fn new(hir: &Hir, reverse: bool) -> Option<Self> {
        // Where a word border asks for more than ASCII, text beyond it ends the look without an answer.
        let config = DFA::config()
            .unicode_word_boundary(true)
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(small(hir, reverse)?).ok()?;
        Some(Self::of(dfa))
    }

    fn of(dfa: DFA) -> Self {
        let create = dfa.clone();
        Self { dfa, caches: Pool::new(Box::new(move || create.create_cache())) }
    }

    fn look(&self, look: impl FnOnce(&DFA, &mut Cache) -> bool) -> bool {
        look(&self.dfa, &mut self.caches.get())
    }
}
