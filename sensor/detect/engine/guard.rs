//! Which bytes may stand beside a literal: eight masks that tell most occurrences of a common word to be nothing, before an
//! expression or a phrase is compared.
//!
//! Owns: the masks of an expression, taken from its automaton, and of phrases; the look at a text. A guard that says no is right;
//! one that says yes says nothing. Never does: searching, the comparison itself.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::{look::Look, primitives::StateID};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::ops::Range;

/// Bytes that are looked at.
pub(crate) const WIDTH: usize = 8;
/// States of an automaton that may be alive at once; with more, the rest of the bytes is not guarded.
const STATES: usize = 512;

/// Which bytes may stand at each of the first places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Guard {
    /// By byte, a bit for each place at which it may stand; None while none is guarded.
    places: Option<Box<[u8; 256]>>,
    /// Places that are guarded; behind them anything may be, or nothing.
    certain: usize,
    /// A bit for each place where the text may end instead.
    ends: u8,
}

/// The looks beside a literal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guards {
    /// Its own first bytes, where their case matters.
    pub(crate) own: Guard,
    /// The bytes after it.
    pub(crate) after: Guard,
    /// The bytes before it, the nearest first.
    pub(crate) before: Guard,
}

impl Guards {
    /// Whether an occurrence at `range` of `text` may be what is meant. `whole`: the text ends where it ends; otherwise there may
    /// be more of it that is not known.
    pub(crate) fn admit(&self, text: &[u8], range: &Range<usize>, whole: bool) -> bool {
        self.after.admits(text.get(range.end..).unwrap_or_default().iter(), whole)
            && self.before.admits(text.get(..range.start).unwrap_or_default().iter().rev(), whole)
            && self.own.admits(text.get(range.clone()).unwrap_or_default().iter(), whole)
    }

    /// Admits what either of them admits.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self {
            own: self.own.or(&other.own),
            after: self.after.or(&other.after),
            before: self.before.or(&other.before),
        }
    }

    /// Whether they admit anything.
    pub(crate) fn are_open(&self) -> bool {
        [&self.own, &self.after, &self.before].into_iter().all(Guard::is_open)
    }
}

impl Guard {
    /// Admits anything.
    pub(crate) fn open() -> Self {
        Self { places: None, certain: 0, ends: 0 }
    }

    /// A guard of a blank, and of another blank or one of these letters behind it. Made for each of a hundred thousand phrases.
    pub(crate) fn after_a_blank(is_blank: impl Fn(u8) -> bool, letters: &[u8]) -> Self {
        let mut places = Box::new([u8::MAX << 2; 256]);
        for (byte, place) in (0..=u8::MAX).zip(places.iter_mut()) {
            *place |= u8::from(is_blank(byte)) * 0b11;
        }
        for letter in letters {
            places.iter_mut().skip(usize::from(*letter)).take(1).for_each(|place| *place |= 0b10);
        }
        Self { places: Some(places), certain: 2, ends: 0 }
    }

    /// Adds a place at which one of these bytes must stand.
    fn require(&mut self, holds: impl Fn(u8) -> bool) {
        let places = self.places.get_or_insert_with(|| Box::new([u8::MAX; 256]));
        for (byte, places) in (0..=u8::MAX).zip(places.iter_mut()) {
            if !holds(byte) {
                *places &= !(1 << self.certain);
            }
        }
        self.certain += 1;
    }

    /// Whether bytes, from the nearest on, may stand there.
    #[inline]
    fn admits<'a>(&self, mut bytes: impl Iterator<Item = &'a u8>, whole: bool) -> bool {
        let Some(places) = &self.places else { return true };
        for place in 0..self.certain {
            let Some(byte) = bytes.next() else { return !whole || self.ends >> place & 1 == 1 };
            if places.get(usize::from(*byte)).is_none_or(|places| places >> place & 1 == 0) {
                return false;
            }
        }
        true
    }

    /// Whether a byte may stand at a place, whatever stands at the others.
    pub(crate) fn admits_at(&self, place: usize, byte: u8) -> bool {
        let places = self.places.as_ref().and_then(|places| places.get(usize::from(byte)));
        place >= self.certain || places.is_none_or(|places| places >> place & 1 == 1)
    }

    /// What may follow `literal`, either case of its letters, in a match of `nfa` that begins with it, and which of its own
    /// first bytes are admitted in which case.
    pub(crate) fn after(nfa: &NFA, literal: &[u8]) -> (Self, Self) {
        let mut walk = Walk::new(nfa);
        let mut own = Self::open();
        let mut narrow = false;
        for byte in literal {
            let (lower, upper) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
            let Some(bytes) = walk.bytes() else { break };
            narrow |= !bytes.holds(lower) || !bytes.holds(upper);
            let admitted = |byte: u8| (byte == lower || byte == upper) && bytes.holds(byte);
            if own.certain < WIDTH {
                own.require(admitted);
            }
            walk.step(&admitted);
        }
        (if narrow { own } else { Self::open() }, walk.guard())
    }

    /// What may stand before the end of a match of `nfa`, which reads backwards.
    pub(crate) fn before(nfa: &NFA) -> Self {
        Walk::new(nfa).guard()
    }

    /// Admits what either of them admits.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let (Some(mine), Some(others)) = (&self.places, &other.places) else { return Self::open() };
        let certain = self.certain.min(other.certain);
        let beyond = u8::MAX.checked_shl(certain as u32).unwrap_or(0);
        let mut places = mine.clone();
        places.iter_mut().zip(others.iter()).for_each(|(mine, other)| *mine |= other | beyond);
        Self { places: Some(places), certain, ends: (self.ends | other.ends) & !beyond }
    }

    /// Whether every byte may stand at every place.
    pub(crate) fn is_open(&self) -> bool {
        self.certain == 0
    }
}

impl Serialize for Guard {
    /// A row of bytes: how many places are guarded, where the text may end, and the masks, if there are any.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let masks = self.places.as_ref().map_or(&[][..], |places| &places[..]);
        let certain = u8::try_from(self.certain).unwrap_or_default();
        serializer.serialize_bytes(&[&[certain, self.ends], masks].concat())
    }
}

impl<'de> Deserialize<'de> for Guard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = <&[u8]>::deserialize(deserializer)?;
        let (certain, ends, masks) = match *row {
            [certain, ends, ref masks @ ..] if usize::from(certain) <= WIDTH => (certain, ends, masks),
            _ => return Err(D::Error::custom("no guard")),
        };
        let places = <[u8; 256]>::try_from(masks).ok().map(Box::new);
        // Without masks nothing is guarded, and nothing else has another length.
        if places.is_none() && !(masks.is_empty() && certain == 0) {
            return Err(D::Error::custom("no guard"));
        }
        Ok(Self { places, certain: certain.into(), ends })
    }
}

/// The states in which an automaton may be, whatever stands around.
struct Walk<'a> {
    nfa: &'a NFA,
    states: Vec<StateID>,
    /// By state, the step that last came to it.
    seen: Vec<u32>,
    step: u32,
    /// It may have come to an end, or can't be followed any more.
    open: bool,
    /// The end of a line may be what it asks for.
    line_end: bool,
}

/// A set of bytes.
struct Bytes([bool; 256]);

impl Bytes {
    fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }

    fn add(&mut self, from: u8, to: u8) {
        self.0.iter_mut().take(usize::from(to) + 1).skip(usize::from(from)).for_each(|byte| *byte = true);
    }
}

impl<'a> Walk<'a> {
    fn new(nfa: &'a NFA) -> Self {
        let mut walk = Self {
            nfa,
            states: Vec::new(),
            seen: vec![0; nfa.states().len()],
            step: 0,
            open: false,
            line_end: false,
        };
        walk.enter(vec![nfa.start_anchored()]);
        walk
    }

    /// Takes in states and what they lead to without a byte. Assertions count as true, but that a line ends.
    fn enter(&mut self, mut waiting: Vec<StateID>) {
        self.open |= std::mem::take(&mut self.line_end);
        self.states.clear();
        self.step += 1;
        while let Some(id) = waiting.pop() {
            let Some(seen) = self.seen.get_mut(id.as_usize()) else { continue };
            if std::mem::replace(seen, self.step) == self.step {
                continue;
            }
            match self.nfa.state(id) {
                State::Look { look: Look::EndLF | Look::EndCRLF, .. } => self.line_end = true,
                State::Look { next, .. } | State::Capture { next, .. } => waiting.push(*next),
                State::Union { alternates } => waiting.extend(alternates.iter().copied()),
                State::BinaryUnion { alt1, alt2 } => waiting.extend([*alt1, *alt2]),
                State::Match { .. } => self.open = true,
                State::Fail => {}
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => self.states.push(id),
            }
        }
        self.open |= self.states.len() > STATES;
    }

    /// The transitions of a state: ranges of bytes and where they lead.
    fn transitions(&self, id: StateID, each: &mut impl FnMut(u8, u8, StateID)) {
        match self.nfa.state(id) {
            State::ByteRange { trans } => each(trans.start, trans.end, trans.next),
            State::Sparse(sparse) => {
                sparse.transitions.iter().for_each(|trans| each(trans.start, trans.end, trans.next));
            }
            State::Dense(dense) => {
                let next = |byte| dense.matches_byte(byte).map(|next| (byte, next));
                (0..=u8::MAX).filter_map(next).for_each(|(byte, next)| each(byte, byte, next));
            }
            _ => {}
        }
    }

    /// The bytes of which one must be next; None where there need be none.
    fn bytes(&self) -> Option<Bytes> {
        if self.open {
            return None;
        }
        let mut bytes = Bytes([false; 256]);
        if self.line_end {
            bytes.add(b'\n', b'\n');
            bytes.add(b'\r', b'\r');
        }
        for id in &self.states {
            self.transitions(*id, &mut |from, to, _| bytes.add(from, to));
        }
        Some(bytes)
    }

    /// Goes on by any of the bytes that are admitted.
    fn step(&mut self, admitted: &impl Fn(u8) -> bool) {
        let mut next = Vec::new();
        for id in &self.states {
            self.transitions(*id, &mut |from, to, state| {
                if admitted(from) || (from < to && (from..=to).any(admitted)) {
                    next.push(state);
                }
            });
        }
        self.enter(next);
    }

    /// The bytes that may come now.
    fn guard(mut self) -> Guard {
        let mut guard = Guard::open();
        while guard.certain < WIDTH
            && let Some(bytes) = self.bytes()
        {
            guard.ends |= u8::from(self.line_end) << guard.certain;
            guard.require(|byte| bytes.holds(byte));
            self.step(&|_| true);
        }
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pattern::Pattern;
    use proptest::prelude::*;

    fn guards(expression: &str) -> (Pattern, Vec<Guards>) {
        let pattern = Pattern::compile(expression).unwrap_or_else(|_| panic!("{expression}")).pattern;
        let guards = pattern.guards().to_vec();
        (pattern, guards)
    }

    /// Whether the guards of a literal admit its first occurrence in a text.
    fn admitted(expression: &str, literal: &str, text: &str, whole: bool) -> bool {
        let (pattern, guards) = guards(expression);
        let which = pattern.literals().iter().position(|known| known.bytes() == literal.as_bytes());
        let start = text.to_ascii_lowercase().find(literal).expect("the literal stands in the text");
        guards[which.expect("a literal of the expression")].admit(
            text.as_bytes(),
            &(start..start + literal.len()),
            whole,
        )
    }

    #[test]
    fn what_stands_beside_a_literal_is_told() {
        let key = r"(?i:key|token)\s{0,3}[:=]\s?[A-Z]{4}";
        for (expression, literal, text, expected) in [
            (key, "key", "Key = ABCD", true),
            (key, "key", "key:ABCD", true),
            (key, "key", "keys = ABCD", false),
            (key, "token", "token to", false),
            (key, "key", "key = AbCD", false),
            (r"\bSK[0-9a-f]{32}", "sk", "sk0123", false),
            (r"\bSK[0-9a-f]{32}", "sk", "SK01234567", true),
            (r"(?m)^[ \t]{0,4}import \w+", "import ", "x import y", true),
            (r"(?m)^[ \t]{0,4}import \w+", "import ", "ximport y", false),
            (r"(?m)^import \w+", "import ", " import y", false),
            (r"(?m)^import \w+", "import ", "import y", true),
            (r"(?m)^import \w+", "import ", "\nimport y", true),
            (r"(?m)end$", "end", "end", true),
            (r"(?m)end$", "end", "end\r\n", true),
            (r"(?m)end$", "end", "ends", false),
        ] {
            assert_eq!(admitted(expression, literal, text, true), expected, "{expression} in {text:?}");
        }
    }

    #[test]
    fn what_is_not_known_yet_is_admitted() {
        let expression = r"key\d{3}";
        assert!(!admitted(expression, "key", "key1", true));
        assert!(admitted(expression, "key", "key1", false));
        assert!(!admitted(expression, "key", "keyx", false));
    }

    proptest! {
        #[test]
        fn a_guard_loses_no_match(text in "[ak1 =\\n\"-]{0,60}(key|KEY|ab|@)[ak1 =\\n\"-]{0,60}") {
            for expression in [
                r#"(?i)key"?\s?=\s?"?\w{1,3}"#,
                r"(?m)^[ \t]{0,4}key [a1]{2}",
                r"[ak1]{1,9}@[ak1-]+",
                r"\b[ak]{0,3}[ =]{1,3}(?:key|ab)(?:=|-)?1?$",
                r"(?:KEY|ab)[\s\S]{0,20}?[^\w]1",
            ] {
                let (pattern, guards) = guards(expression);
                let lower = text.to_ascii_lowercase();
                for (literal, guards) in pattern.literals().iter().zip(guards) {
                    let literal = str::from_utf8(literal.bytes()).expect("ASCII");
                    for (start, found) in lower.match_indices(literal) {
                        let range = start..start + found.len();
                        let matched = pattern.at(text.as_bytes(), range.start, range.end);
                        prop_assert!(matched.is_none() || guards.admit(text.as_bytes(), &range, true), "{}", expression);
                    }
                }
            }
        }
    }
}
