//! One regular expression: the literals that it requires, and its verification around one of them.
//!
//! Owns: the choice of the literals that the matcher looks for, the window, the search in it. Expressions are
//! linear-time (no back-references or look-around). Never does: a search over all text, unless the expression requires no
//! literal at all; then [`Pattern::literals`] is empty and `signatures check` shows the cost.

mod anchor;

use super::{
    guard::{Guard, Guards},
    halves::{self, Begin, Halves},
    line_ends,
    matcher::Literal,
};
use crate::language::problem::Fault;
use anchor::{Anchor, anchor};
use regex_automata::{Anchored, Input, meta, nfa::thompson::WhichCaptures, util::syntax};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// Bytes to either side of its literal that a match may cover; a longer match is cut there.
pub(crate) const WINDOW_BYTES: usize = 4 << 10;
/// Memory that one compiled expression may take.
const COMPILED_BYTES: usize = 1 << 20;
/// Parentheses within each other.
const NESTING: u32 = 64;

/// Weight from which an expression is measured, to see whether it fits; a lighter one always does. Both wait for their first use
/// before they are compiled: most of a library's expressions are never led to.
const LIGHT: usize = 2_000;
/// The group that is the match, where an expression has one of this name; the rest only leads to it.
const VALUE: &str = "value";

/// An expression, compiled when it is first used.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Arc<str>,
    facts: Arc<Facts>,
    /// Read when the facts are not known yet, or when it is first used.
    parts: OnceLock<Arc<Parts>>,
    regex: OnceLock<Box<meta::Regex>>,
    /// What stands before the literal and what begins with it.
    halves: OnceLock<Box<Halves>>,
}

/// What an expression shows of itself before it is used. They follow from its text, so that they may be kept beside it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    anchor: Option<Anchor>,
    longest: usize,
    /// The number of the group that is the match.
    value: Option<usize>,
}

/// An expression taken apart.
#[derive(Debug)]
struct Parts {
    whole: Hir,
    /// What stands before a literal.
    before: Hir,
    /// What begins with a literal.
    rest: Hir,
}

/// An expression that was read.
pub(crate) struct Compiled {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// It matches the empty text.
    pub(crate) matches_nothing: bool,
}

impl Pattern {
    /// Compiles an expression. Without characters beyond ASCII, `\w`, `\d`, `\b` and `.` are ASCII too.
    pub(crate) fn compile(text: &str) -> Result<Compiled, (Option<std::ops::Range<usize>>, Fault)> {
        let whole = read(text)?;
        let look = whole.properties().look_set();
        if [Look::Start, Look::End].iter().any(|edge| look.contains(*edge)) {
            let fault = Fault::new(
                "the start and end of a whole text (\\A, \\z) can't be matched in a stream",
                "use ^ and $, which stand for the start and end of a line",
            );
            return Err((None, fault));
        }
        let value = group(&whole, VALUE);
        let (anchor, parts) = anchored(whole);
        if weight(&parts.whole) >= LIGHT && !fits(&parts.whole, value.is_some()) {
            return Err((None, Fault::new("the expression is too large", "use fewer or smaller repeats")));
        }
        let properties = parts.whole.properties();
        let longest = properties.maximum_len().unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
        let matches_nothing = properties.minimum_len() == Some(0);
        let pattern = Self::known(text, Arc::new(Facts { anchor, longest, value }));
        let _ = pattern.parts.set(Arc::new(parts));
        Ok(Compiled { pattern, matches_nothing })
    }

    /// An expression that has been compiled before, of which these facts were kept.
    pub(crate) fn known(text: &str, facts: Arc<Facts>) -> Self {
        Self {
            text: text.into(),
            facts,
            parts: OnceLock::new(),
            regex: OnceLock::new(),
            halves: OnceLock::new(),
        }
    }

    /// What it has shown of itself.
    pub(crate) const fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    fn parts(&self) -> &Parts {
        self.parts.get_or_init(|| {
            // What was compiled once can be read again. A hand that forged kept facts gets an expression that never matches.
            let never = || Hir::fail();
            Arc::new(anchored(read(&self.text).unwrap_or_else(|_| never())).1)
        })
    }

    fn regex(&self) -> &meta::Regex {
        self.regex.get_or_init(|| {
            let fixed = self.facts.anchor.as_ref().is_some_and(Anchor::has_its_place);
            let whole = &self.parts().whole;
            let regex = compiled_regex(whole, self.facts.value.is_some(), fixed);
            // Its automata are light, or were measured when it was read for the first time.
            let regex = regex.or_else(|| compiled_regex(&Hir::fail(), false, false));
            Box::new(regex.expect("an expression that never matches is small"))
        })
    }

    /// The literals one of which stands in every match; empty when it requires none.
    pub(crate) fn literals(&self) -> &[Literal] {
        self.facts.anchor.as_ref().map_or(&[], |anchor| &anchor.literals)
    }

    /// What stands beside each of the literals in a match, in their order.
    pub(crate) fn guards(&self) -> &[Guards] {
        self.facts.anchor.as_ref().map_or(&[], |anchor| &anchor.guards)
    }

    /// Greatest number of bytes before and after the start of a literal that decide about a match.
    pub(crate) fn reach(&self) -> (usize, usize) {
        self.facts
            .anchor
            .as_ref()
            .map_or((0, self.facts.longest), |anchor| (anchor.before_most, anchor.after_most))
    }

    /// The match around a literal found at `start..end`. Looks at nothing outside the reach but the characters next to it.
    pub(crate) fn at(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
        let anchor = self.facts.anchor.as_ref()?;
        let stop = text.len().min(start.saturating_add(anchor.after_most).max(end));
        let from = start.saturating_sub(anchor.before_most);
        let fixed = anchor.has_its_place();
        if fixed && start < anchor.before_most {
            return None;
        }
        let halves = self.halves.get_or_init(|| {
            let parts = self.parts();
            let literals = anchor.literals.iter().map(Literal::bytes);
            Box::new(Halves::new(&parts.before, &parts.rest, literals, fixed))
        });
        match halves.begin(text, from, start, stop) {
            Begin::Nowhere => return None,
            Begin::At(begin) => return self.whole(text, begin, stop),
            Begin::Somewhere if fixed => return self.whole(text, from, stop),
            Begin::Somewhere => {}
        }
        let mut from = from;
        loop {
            let found = self.regex().search(&Input::new(text).span(from..stop))?;
            if found.end() > start {
                if found.start() > start {
                    return None;
                }
                return self.narrowed(text, found.start(), found.end(), stop);
            }
            from = found.end().max(from + 1);
        }
    }

    /// The first match that begins at or after `from`, for an expression without literals. `Err(at)`: none begins before
    /// `at`, and later ones need more text, unless this is the `last`.
    pub(crate) fn scan(&self, text: &[u8], from: usize, last: bool) -> Result<(usize, usize), usize> {
        let mut from = from;
        loop {
            let undecided =
                if last { text.len() } else { text.len().saturating_sub(self.facts.longest + 8).max(from) };
            let Some(found) = self.regex().search(&Input::new(text).span(from..text.len())) else {
                return Err(undecided);
            };
            let begin = found.start();
            if begin >= undecided && !last {
                return Err(undecided);
            }
            // Read again with the text that is there in every case, so that blocks make no difference.
            let stop = text.len().min(begin + self.facts.longest);
            let found = self.begins_at(text, begin, stop);
            if let Some(found) = found.and_then(|(begin, end)| self.narrowed(text, begin, end, stop)) {
                return Ok(found);
            }
            from = begin + 1;
        }
    }

    /// Number of matches in a short text.
    pub(crate) fn count_in(&self, text: &[u8]) -> usize {
        self.regex().find_iter(text).count()
    }

    /// The group that is the match, of a match at `begin..end` that was found up to `stop`; the whole match without one.
    fn narrowed(&self, text: &[u8], begin: usize, end: usize, stop: usize) -> Option<(usize, usize)> {
        let Some(group) = self.facts.value else { return Some((begin, end)) };
        let mut captures = self.regex().create_captures();
        let input = Input::new(text).span(begin..stop).anchored(Anchored::Yes);
        self.regex().search_captures(&input, &mut captures);
        captures.get_group(group).map(|span| (span.start, span.end))
    }

    /// The match that begins at `begin` and ends up to `stop`.
    fn whole(&self, text: &[u8], begin: usize, stop: usize) -> Option<(usize, usize)> {
        let (_, end) = self.begins_at(text, begin, stop)?;
        self.narrowed(text, begin, end, stop)
    }

    fn begins_at(&self, text: &[u8], begin: usize, stop: usize) -> Option<(usize, usize)> {
        let input = Input::new(text).span(begin..stop).anchored(Anchored::Yes);
        self.regex().search(&input).map(|found| (found.start(), found.end()))
    }
}

/// Reads an expression.
fn read(text: &str) -> Result<Hir, (Option<std::ops::Range<usize>>, Fault)> {
    let unicode = !text.is_ascii() || text.contains("\\p") || text.contains("\\P");
    let config = syntax::Config::new().unicode(unicode).utf8(false).multi_line(true).nest_limit(NESTING);
    let hir = syntax::parse_with(text, &config).map_err(|error| syntax_fault(&error))?;
    Ok(line_ends::widened(&hir))
}

/// Takes an expression apart at its literals.
fn anchored(whole: Hir) -> (Option<Anchor>, Parts) {
    let Some((mut anchor, before, rest)) = anchor(&whole) else {
        return (None, Parts { whole, before: Hir::empty(), rest: Hir::empty() });
    };
    anchor.guards = guards(&anchor.literals, &before, &rest);
    (Some(anchor), Parts { whole, before, rest })
}

/// What stands beside each of the literals in a match.
fn guards(literals: &[Literal], before: &Hir, rest: &Hir) -> Vec<Guards> {
    let before = halves::small(before, true).map_or_else(Guard::open, |nfa| Guard::before(&nfa));
    let rest = halves::small(rest, false);
    let guards = literals.iter().map(|literal| {
        let (own, after) = match &rest {
            Some(nfa) => Guard::after(nfa, literal.bytes()),
            None => (Guard::open(), Guard::open()),
        };
        Guards { own, after, before: before.clone() }
    });
    guards.collect()
}

/// Whether the automata of both directions are small enough, which is all that compiling asks for.
fn fits(hir: &Hir, captures: bool) -> bool {
    let captures = if captures { WhichCaptures::All } else { WhichCaptures::Implicit };
    halves::automaton(hir, false, captures, COMPILED_BYTES)
        .and(halves::automaton(hir, true, WhichCaptures::None, COMPILED_BYTES))
        .is_some()
}

/// None: too large.
fn compiled_regex(hir: &Hir, captures: bool, anchored: bool) -> Option<meta::Regex> {
    let captures = if captures { WhichCaptures::All } else { WhichCaptures::Implicit };
    let config = meta::Config::new()
        .nfa_size_limit(Some(COMPILED_BYTES))
        .onepass_size_limit(Some(COMPILED_BYTES))
        .hybrid_cache_capacity(COMPILED_BYTES / 4)
        // Where the literal has its place in a match, the search begins where the match does.
        .auto_prefilter(!anchored)
        .utf8_empty(false)
        .which_captures(captures);
    meta::Regex::builder().configure(config).build_from_hir(hir).ok()
}

/// An upper estimate of what an expression becomes when compiled, in transitions.
fn weight(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        // A range beyond ASCII becomes a handful of ranges of bytes.
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().map(|range| if range.end().is_ascii() { 1 } else { 12 }).sum()
        }
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Capture(capture) => weight(&capture.sub).saturating_add(2),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or_else(|| repetition.min.saturating_add(1));
            weight(&repetition.sub).saturating_add(1).saturating_mul(times as usize)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(weight).fold(1, usize::saturating_add)
        }
    }
}

/// The number of the group of that name.
fn group(hir: &Hir, name: &str) -> Option<usize> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some(name) => {
            usize::try_from(capture.index).ok()
        }
        HirKind::Capture(capture) => group(&capture.sub, name),
        HirKind::Repetition(repetition) => group(&repetition.sub, name),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().find_map(|part| group(part, name))
        }
        _ => None,
    }
}

fn syntax_fault(error: &regex_syntax::Error) -> (Option<std::ops::Range<usize>>, Fault) {
    let (span, reason) = match error {
        regex_syntax::Error::Parse(error) => (error.span(), error.kind().to_string()),
        regex_syntax::Error::Translate(error) => (error.span(), error.kind().to_string()),
        other => return (None, Fault::new(other.to_string(), "correct the expression")),
    };
    let fix = if reason.contains("look-around") || reason.contains("backreference") {
        "leave it out: such expressions can take unlimited time; use [near], `validate` or \\b instead"
    } else if reason.contains("unclosed") || reason.contains("unopened") {
        "close the bracket, or write \\( or \\[ for the sign itself"
    } else {
        "correct the expression, or put \\ before a sign that stands for itself"
    };
    (
        Some(span.start.offset..span.end.offset),
        Fault::new(format!("invalid regular expression: {reason}"), fix),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        match Pattern::compile(text) {
            Ok(compiled) => compiled.pattern,
            Err((_, fault)) => panic!("{text}: {}", fault.message),
        }
    }

    #[test]
    fn literals_are_the_rarest_required() {
        for (text, expected) in [
            (r"MRN-\d{8}", vec!["mrn-"]),
            (r"\b(AKIA|ASIA)[A-Z2-7]{16}\b", vec!["akia", "asia"]),
            (r"(?i)password\s*=\s*\S+", vec!["password"]),
            (r"[\w.]{1,64}@[\w-]+\.com", vec!["@"]),
            (r"[a-z0-9]{32}-us[0-9]{1,2}", vec!["-us"]),
            (r"\d{9}", vec![]),
            (r"\w+", vec![]),
        ] {
            let literals: Vec<String> = pattern(text)
                .literals()
                .iter()
                .map(|l| String::from_utf8_lossy(l.bytes()).into_owned())
                .collect();
            assert_eq!(literals, expected, "{text}");
        }
    }

    #[test]
    fn a_match_is_found_around_its_literal() {
        let email = pattern(r"[\w.]{1,64}@[\w-]+\.com");
        let text = b"to: a.b@c-d.com, e@f.com";
        assert_eq!(email.at(text, 7, 8), Some((4, 15)));
        assert_eq!(email.at(text, 18, 19), Some((17, 24)));
        let key = pattern(r"\bAKIA[A-Z2-7]{4}\b");
        assert_eq!(key.at(b"xAKIA2345", 1, 5), None);
        assert_eq!(key.at(b"x AKIA2345.", 2, 6), Some((2, 10)));
    }

    #[test]
    fn a_pattern_without_literals_is_scanned_for() {
        let digits = pattern(r"\b\d{2,4}\b");
        assert_eq!(digits.scan(b"ab 12 345", 0, true), Ok((3, 5)));
        assert_eq!(digits.scan(b"ab 12 345", 5, true), Ok((6, 9)));
        assert_eq!(digits.scan(b"ab 12", 0, false), Err(0));
    }

    #[test]
    fn a_group_called_value_is_the_match() {
        let text = br#"x_token = "abc123";"#;
        let assigned = pattern(r#"(?i)[a-z_]{0,9}token ?= ?"(?<value>\w+)""#);
        assert_eq!(assigned.at(text, 2, 7), Some((11, 17)));
        let bare = pattern(r"\d(?<value>\d{2})\d");
        assert_eq!(bare.scan(b"ab 1234", 0, true), Ok((4, 6)));
    }

    #[test]
    fn light_expressions_wait_for_their_use() {
        let waiting = pattern(r"\bAKIA[A-Z2-7]{16}\b");
        assert!(waiting.regex.get().is_none());
        assert!(waiting.at(b"AKIALGEKBWFQ22G2SXHO", 0, 4).is_some());
        assert!(waiting.regex.get().is_some());
        // Whatever is just light enough to wait compiles.
        for text in [r"x[a-z]{1990}", r"x(?:[0-9A-Z_a-z]{3}y){110}", r"\p{Greek}{4}", r"x(?:é|[a-z]{2}){180}"]
        {
            let Ok(compiled) = Pattern::compile(text) else { panic!("{text}") };
            assert!(compiled.pattern.count_in(b"text") == 0, "{text}");
        }
    }

    #[test]
    fn faults_are_placed() {
        for (text, expected) in [
            ("a(b", "unclosed"),
            (r"(?=x)", "look-around"),
            (r"\Ax", "whole text"),
            (r"(a)\1", "backreference"),
        ] {
            let Err((_, fault)) = Pattern::compile(text) else { panic!("{text} compiles") };
            assert!(fault.message.contains(expected), "{text}: {}", fault.message);
        }
        assert!(Pattern::compile(r"\w{900}{900}").is_err());
        assert!(Pattern::compile("x*").is_ok_and(|compiled| compiled.matches_nothing));
    }

    /// The first place from which the whole expression covers the byte at `at`, asked at one place after the other.
    fn asked_everywhere(pattern: &Pattern, text: &[u8], at: usize, stop: usize) -> Option<(usize, usize)> {
        let (before, _) = pattern.reach();
        let found = (at.saturating_sub(before)..=at).filter_map(|begin| pattern.begins_at(text, begin, stop));
        found.into_iter().find(|(_, end)| *end > at)
    }

    proptest! {
        #[test]
        fn what_is_known_beside_a_literal_loses_nothing(
            text in "([a-c.]{0,3}(@|key|def |=|\n|\t)[a-c .(=]{0,12}){1,6}"
        ) {
            for (expression, literal) in [
                // What stands before the literal has one length, or takes no byte that it begins with, or any.
                (r"\bkey={1,2}[a-c]{2,40}", "key"),
                (r"[a-c.]{1,64}@(?:[a-c]{1,12}\.){1,8}[a-c]{1,12}", "@"),
                (r"(?m)^[ \t]{0,16}def [a-c]{1,20}\(", "def "),
                (r"[a-k]{0,9}key[a-c ]{0,20}=", "key"),
            ] {
                let pattern = pattern(expression);
                let bytes = text.as_bytes();
                for (at, _) in text.match_indices(literal) {
                    let stop = bytes.len().min(at + pattern.reach().1);
                    let expected = asked_everywhere(&pattern, bytes, at, stop);
                    prop_assert_eq!(pattern.at(bytes, at, at + literal.len()), expected, "{} in {:?}", expression, text);
                }
            }
        }
    }
}
