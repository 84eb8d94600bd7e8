//! The two halves of an expression, before its literal and from it on: each is read away from the literal, and most occurrences
//! end within a few bytes there, where a search for the whole would look through its window.
//!
//! Owns: the automata of both. A no is right; a yes says nothing, but that of a first half which can't run into the literal: it tells
//! where the match begins. Never does: the search for the match.

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson::{self, NFA, WhichCaptures},
    util::pool::Pool,
};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Memory of an automaton before it is determinised.
const AUTOMATON_BYTES: usize = 256 << 10;
/// Memory for the part of an automaton that texts lead through.
const CACHE_BYTES: usize = 128 << 10;

/// Times of a repetition that are counted by an automaton of a half; where more are allowed, any number is.
const COUNTED: u32 = 8;

/// Both halves; None where one can't be compiled in little memory, or has nothing to tell.
#[derive(Debug)]
pub(super) struct Halves {
    before: Option<Half>,
    /// The first half tells where a match begins, see [`apart`].
    tells_begin: bool,
    rest: Option<Half>,
}

/// What is known before a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// No match holds the literal.
    Nowhere,
    /// One that does begins here.
    At(usize),
    /// A search must tell.
    Somewhere,
}

impl Clone for Halves {
    /// Memory of searches is not shared.
    fn clone(&self) -> Self {
        let half = |half: &Option<Half>| half.as_ref().map(|half| Half::of(half.dfa.clone()));
        Self { before: half(&self.before), tells_begin: self.tells_begin, rest: half(&self.rest) }
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
    /// Those of an expression. `literals`: what the second half begins with. `fixed`: the first one has a fixed length.
    pub(super) fn new<'a>(
        before: &Hir,
        rest: &Hir,
        literals: impl Iterator<Item = &'a [u8]>,
        fixed: bool,
    ) -> Self {
        let tells_begin = !fixed && apart(before, literals);
        let first = match (fixed, tells_begin) {
            (true, _) => None,
            (false, true) => Half::new(before, true, MatchKind::All),
            (false, false) => Half::new(&relaxed(before), true, MatchKind::LeftmostFirst),
        };
        let tells_begin = tells_begin && first.is_some();
        // Where the search that follows begins at its place, and nothing is left out, it tells the same as soon.
        let loose = relaxed(rest);
        let second = (loose != *rest || !(fixed || tells_begin)).then_some(loose);
        let rest = second.and_then(|rest| Half::new(&rest, false, MatchKind::LeftmostFirst));
        Self { before: first, tells_begin, rest }
    }

    /// Whether a match that begins at `from` or later, and ends at `stop` at most, may hold a literal at `at`.
    pub(super) fn begin(&self, text: &[u8], from: usize, at: usize, stop: usize) -> Begin {
        let input = |span: std::ops::Range<usize>| Input::new(text).span(span).anchored(Anchored::Yes);
        let begin = self.before.as_ref().map_or(Begin::Somewhere, |half| {
            let input = input(from..at).earliest(!self.tells_begin);
            half.look(|dfa, cache| match dfa.try_search_rev(cache, &input) {
                Ok(None) => Begin::Nowhere,
                Ok(Some(found)) if self.tells_begin => Begin::At(found.offset()),
                Ok(Some(_)) | Err(_) => Begin::Somewhere,
            })
        });
        let goes_on = begin != Begin::Nowhere
            && self.rest.as_ref().is_none_or(|half| {
                let input = input(at..stop).earliest(true);
                half.look(|dfa, cache| {
                    dfa.try_search_fwd(cache, &input).map_or(true, |found| found.is_some())
                })
            });
        if goes_on { begin } else { Begin::Nowhere }
    }
}

/// Whether the first half takes no byte that a literal begins with: it ends where the literal begins then, so that the longest way
/// back is where the match begins.
fn apart<'a>(before: &Hir, mut literals: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut taken = [false; 256];
    take(before, &mut taken);
    let taken = |byte: u8| taken.get(usize::from(byte)).is_none_or(|taken| *taken);
    literals.all(|literal| {
        literal
            .first()
            .is_some_and(|byte| !taken(byte.to_ascii_lowercase()) && !taken(byte.to_ascii_uppercase()))
    })
}

/// Notes the bytes that an expression takes.
fn take(hir: &Hir, taken: &mut [bool; 256]) {
    let mut note = |from: u32, to: u32| {
        // What is beyond ASCII takes several bytes, all of them beyond ASCII.
        let beyond = if to > 0x7f { (from.min(0x80) as usize, 0xff) } else { (from as usize, to as usize) };
        taken.iter_mut().take(beyond.1 + 1).skip(beyond.0).for_each(|taken| *taken = true);
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|byte| note((*byte).into(), (*byte).into())),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().for_each(|range| note(range.start().into(), range.end().into()));
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().for_each(|range| note(range.start().into(), range.end().into()));
        }
        HirKind::Repetition(repetition) => take(&repetition.sub, taken),
        HirKind::Capture(capture) => take(&capture.sub, taken),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| take(part, taken));
        }
    }
}

/// An expression that matches wherever the given one does, and needs fewer states: what may be repeated many times may be
/// repeated for ever. A state for each number of times would cost more than looking at a few bytes too many.
fn relaxed(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let mut loose = repetition.with(relaxed(&repetition.sub));
            loose.max = loose.max.filter(|most| *most <= COUNTED || loose.min == *most);
            Hir::repetition(loose)
        }
        HirKind::Capture(capture) => relaxed(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(relaxed).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(relaxed).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

impl Half {
    fn new(hir: &Hir, reverse: bool, kind: MatchKind) -> Option<Self> {
        // Where a word border asks for more than ASCII, text beyond it ends the look without an answer.
        let config = DFA::config()
            .match_kind(kind)
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

    fn look<T>(&self, look: impl FnOnce(&DFA, &mut Cache) -> T) -> T {
        look(&self.dfa, &mut self.caches.get())
    }
}
