//! The literals that an expression is looked for by.
//!
//! Owns: the choice of the part of an expression whose literals are the rarest. Never does: guards, searching.

use super::WINDOW_BYTES;
use crate::engine::{guard::Guards, matcher::Literal};
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition, literal::Extractor};
use serde::{Deserialize, Serialize};

/// Literals of one expression; with more it counts as having none.
const LITERALS: usize = 64;

/// What the matcher looks for, and where a match may lie around it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) literals: Vec<Literal>,
    /// What stands beside each of them in a match.
    pub(super) guards: Vec<Guards>,
    pub(super) before_least: usize,
    pub(super) before_most: usize,
    pub(super) after_most: usize,
}

impl Anchor {
    /// Whether a match begins at a fixed distance before the literal.
    pub(super) const fn has_its_place(&self) -> bool {
        self.before_least == self.before_most
    }
}

/// Chooses the part of the expression whose literals are the rarest.
///
/// With it come what stands before a literal and what begins with one; the guards are still to be made.
pub(super) fn anchor(hir: &Hir) -> Option<(Anchor, Hir, Hir)> {
    let parts = match uncaptured(hir).into_kind() {
        HirKind::Concat(parts) => parts,
        kind => vec![Hir::concat(vec![rebuild(kind)])],
    };
    // A literal with a bounded part before it keeps the window small, so it is preferred however common.
    let mut best: Option<((bool, i64), usize, Anchor, Hir)> = None;
    let (mut least, mut most) = (0_usize, Some(0_usize));
    for at in 0..parts.len() {
        let last = at.checked_sub(1).and_then(|at| parts.get(at));
        let part = parts.get(at)?;
        // Within a text that is written out nothing begins; what asserts what stands before a literal belongs before it.
        let within = is_text(part) && last.is_some_and(is_text) || matches!(part.kind(), HirKind::Look(_));
        if !within
            && let Some(literals) = required(&Hir::concat(parts.get(at..)?.iter().map(caseless).collect()))
        {
            let rest = Hir::concat(parts.get(at..)?.to_vec());
            let score = rarity(&literals, last.is_some_and(begins_word))
                - i64::from(least != most.unwrap_or(usize::MAX)) * 2;
            let order = (most.is_some_and(|most| most <= WINDOW_BYTES), score);
            if score > 0 && best.as_ref().is_none_or(|(known, ..)| order > *known) {
                let after_most = rest.properties().maximum_len().unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
                let before_most = most.unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
                let before_least = least.min(before_most);
                // A part cut off at the window has no fixed place, whatever its least length.
                let before_least =
                    if most.is_none() { before_least.min(before_most - 1) } else { before_least };
                let left = parts.get(..at).is_some_and(parts_end_a_word) || begins_a_word(part);
                let literals = literals.into_iter().map(|text| Literal::new(text, left, false)).collect();
                let guards = Vec::new();
                let anchor = Anchor { literals, guards, before_least, before_most, after_most };
                best = Some((order, at, anchor, rest));
            }
        }
        let properties = part.properties();
        least = least.saturating_add(properties.minimum_len()?);
        most = most.zip(properties.maximum_len()).and_then(|(sum, more)| sum.checked_add(more));
    }
    let (_, at, anchor, rest) = best?;
    Some((anchor, Hir::concat(parts.get(..at)?.to_vec()), rest))
}

/// Whether it stands for one text, in either case.
fn is_text(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(_) => true,
        HirKind::Class(class) => folded_letter(class).is_some(),
        _ => false,
    }
}

/// Whether no ASCII letter or digit can stand before a letter or digit that follows these parts.
fn parts_end_a_word(parts: &[Hir]) -> bool {
    let Some((last, before)) = parts.split_last() else { return false };
    // Blanks that need not be there leave it to what stands before them.
    let optional = |repetition: &Repetition| match repetition.sub.kind() {
        HirKind::Class(class) => repetition.min == 0 && holds_no_alphanumeric(class),
        _ => false,
    };
    match last.kind() {
        HirKind::Repetition(repetition) if optional(repetition) => parts_end_a_word(before),
        _ => ends_a_word(last),
    }
}

/// Whether the expression asserts, before it takes a letter or digit, that none stands before it.
fn begins_a_word(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(look) => borders(*look),
        HirKind::Concat(parts) => parts.first().is_some_and(begins_a_word),
        HirKind::Alternation(parts) => parts.iter().all(begins_a_word),
        HirKind::Capture(capture) => begins_a_word(&capture.sub),
        _ => false,
    }
}

/// Whether the last thing that it takes or asserts is no ASCII letter or digit, or a border before one.
fn ends_a_word(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(look) => borders(*look),
        HirKind::Literal(literal) => literal.0.last().is_some_and(|byte| !byte.is_ascii_alphanumeric()),
        HirKind::Class(class) => holds_no_alphanumeric(class),
        HirKind::Repetition(repetition) => repetition.min > 0 && ends_a_word(&repetition.sub),
        HirKind::Capture(capture) => ends_a_word(&capture.sub),
        HirKind::Concat(parts) => parts_end_a_word(parts),
        HirKind::Alternation(parts) => parts.iter().all(ends_a_word),
        HirKind::Empty => false,
    }
}

/// Whether the look-around keeps a letter or digit from standing before another one.
fn borders(look: Look) -> bool {
    match look {
        Look::StartLF | Look::StartCRLF | Look::WordAscii | Look::WordStartAscii => true,
        // A letter beyond ASCII is part of a word too, so that these ask for more.
        Look::WordUnicode | Look::WordStartUnicode => true,
        _ => false,
    }
}

fn holds_no_alphanumeric(class: &Class) -> bool {
    let touches = |from: u32, to: u32| {
        (0x30..=0x39).chain(0x41..=0x5a).chain(0x61..=0x7a).any(|c| from <= c && c <= to)
    };
    match class {
        Class::Unicode(class) => !class.ranges().iter().any(|r| touches(r.start().into(), r.end().into())),
        Class::Bytes(class) => !class.ranges().iter().any(|r| touches(r.start().into(), r.end().into())),
    }
}

/// Literals one of which every match of `hir` begins with; None when there is no useful set.
fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut extractor = Extractor::new();
    extractor.limit_class(5).limit_total(LITERALS).limit_literal_len(24).limit_repeat(8);
    let sequence = extractor.extract(hir);
    let mut literals: Vec<Vec<u8>> =
        sequence.literals()?.iter().map(|literal| literal.as_bytes().to_ascii_lowercase()).collect();
    literals.sort_unstable();
    literals.dedup();
    (!literals.is_empty() && literals.iter().all(|literal| !literal.is_empty())).then_some(literals)
}

/// Whether a word begins after this.
fn begins_word(hir: &Hir) -> bool {
    matches!(
        hir.kind(),
        HirKind::Look(Look::WordAscii | Look::WordUnicode | Look::WordStartAscii | Look::WordStartUnicode)
    )
}

/// How rare the commonest of the literals is in ordinary text; 0 when it would be found in every line. At the beginning of a
/// word two letters are worth a look where within words they are not.
fn rarity(literals: &[Vec<u8>], begins_word: bool) -> i64 {
    let one = |literal: &Vec<u8>| -> i64 {
        literal
            .iter()
            .map(|byte| match byte {
                b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' => 2,
                b'0'..=b'9' | b'\n' | b'\r' | b'.' | b',' | b'-' => 3,
                b'a'..=b'z' => 4,
                b'"' | b'\'' | b'(' | b')' | b'/' | b':' | b'=' | b'_' | b'<' | b'>' => 4,
                _ => 6,
            })
            .sum::<i64>()
            .saturating_sub(if begins_word && literal.len() > 1 { 1 } else { 3 })
            .min(24)
    };
    let least = literals.iter().map(one).min().unwrap_or(0);
    if least <= 1 {
        0
    } else {
        (least * 4 - i64::from(u32::BITS - (literals.len() as u32).leading_zeros())).max(1)
    }
}

/// The same expression with captures removed.
fn uncaptured(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Capture(capture) => uncaptured(&capture.sub),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(uncaptured(&repetition.sub))),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(uncaptured).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(uncaptured).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

/// The same expression with each class of one letter in both cases replaced by the letter: the matcher ignores case, so its
/// literals may too.
fn caseless(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Class(class) => match folded_letter(class) {
            Some(letter) => Hir::literal([letter]),
            None => hir.clone(),
        },
        HirKind::Capture(capture) => caseless(&capture.sub),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(caseless(&repetition.sub))),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(caseless).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(caseless).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => hir.clone(),
    }
}

fn rebuild(kind: HirKind) -> Hir {
    match kind {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(repetition) => Hir::repetition(repetition),
        HirKind::Capture(capture) => *capture.sub,
        HirKind::Concat(parts) => Hir::concat(parts),
        HirKind::Alternation(parts) => Hir::alternation(parts),
    }
}

/// The lower-case letter of a class that holds one ASCII letter in both cases (and what Unicode folds into it).
fn folded_letter(class: &Class) -> Option<u8> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()
        }
        Class::Bytes(class) => {
            class.ranges().iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()
        }
    };
    match ranges.as_slice() {
        [(a, b), (c, d)] if a == b && c == d && a + 0x20 == *c => {
            u8::try_from(*c).ok().filter(u8::is_ascii_lowercase)
        }
        _ => None,
    }
}
