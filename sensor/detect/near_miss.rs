//! What nearly matched and why it did not: for people who tune signatures.
//!
//! Owns: the reasons in words, a few redacted examples of each. Never does: decisions; a scan that explains itself finds what
//! any other scan finds.

use crate::{
    Signature,
    language::expression::{Evidence, Expression},
    object::Signs,
};
use egret_model::{Confidence, Match};
use std::{collections::BTreeMap, sync::Arc};

/// Examples kept of each reason.
const EXAMPLES: usize = 3;
/// Reasons kept for one object; further ones are dropped.
const REASONS: usize = 1_000;

/// Something that looks like what a signature finds, and why it is not reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Signature id.
    pub signature: Arc<str>,
    /// Which of its finds.
    pub find: String,
    /// Why not, in words.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// The first few, redacted.
    pub examples: Vec<Match>,
}

/// Why a match is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It stands inside a longer word or number.
    Inside,
    /// This validator objects.
    Invalid(&'static str),
    /// What is known of it reaches no level.
    Unlikely(Signs),
}

/// Reasons while an object is scanned, by signature and find.
#[derive(Debug, Default)]
pub(crate) struct NearMisses {
    seen: BTreeMap<(u32, u8, Reason), Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    count: u64,
    examples: Vec<Match>,
}

impl NearMisses {
    /// Counts one; `example` is asked for while few are kept.
    pub(crate) fn add(&mut self, signature: u32, find: u8, reason: Reason, example: impl FnOnce() -> Match) {
        if self.seen.len() >= REASONS && !self.seen.contains_key(&(signature, find, reason)) {
            return;
        }
        let seen = self.seen.entry((signature, find, reason)).or_default();
        seen.count += 1;
        if seen.examples.len() < EXAMPLES {
            seen.examples.push(example());
        }
    }

    /// In words, in order of signatures.
    pub(crate) fn told(self, signatures: &[Signature]) -> Vec<NearMiss> {
        let one = |((signature, find, reason), seen): ((u32, u8, Reason), Seen)| {
            let signature = signatures.get(signature as usize)?;
            let reason = match reason {
                Reason::Inside => "stands inside a longer word or number".to_owned(),
                Reason::Invalid(validator) => format!("fails the check `{validator}`"),
                Reason::Unlikely(signs) => unlikely(signature, find, signs, &|_| None),
            };
            let find = signature.compiled.finds.get(usize::from(find))?.name.clone();
            Some(NearMiss {
                signature: Arc::clone(&signature.id),
                find,
                reason,
                count: seen.count,
                examples: seen.examples,
            })
        };
        self.seen.into_iter().filter_map(one).collect()
    }
}

/// Why a match with these signs does not reach the confidence that its signature reports; `whole` tells what the whole object
/// says about evidence that it decides.
pub(crate) fn unlikely(
    signature: &Signature,
    find: u8,
    signs: Signs,
    whole: &dyn Fn(Evidence) -> Option<bool>,
) -> String {
    if signs.sample {
        return "is a published example or a placeholder".to_owned();
    }
    let compiled = &signature.compiled;
    let levels = &compiled.levels;
    let wanted = match compiled.report.at {
        Confidence::High => [levels.high.as_ref(), None],
        Confidence::Medium => [levels.medium.as_ref(), levels.high.as_ref()],
        Confidence::Low => [levels.low.as_ref(), levels.medium.as_ref()],
    };
    let holds = |evidence| signs.known(evidence, find).or_else(|| whole(evidence)).unwrap_or(false);
    let mut lacking = Vec::new();
    for expression in wanted.into_iter().flatten() {
        let mut reasons = Vec::new();
        lacks(expression, true, &holds, &mut reasons);
        let words: Vec<String> =
            reasons.iter().map(|(evidence, wanted)| say(signature, find, *evidence, *wanted)).collect();
        if !words.is_empty() && !lacking.contains(&words) {
            lacking.push(words);
        }
    }
    if lacking.is_empty() {
        return format!("its confidence stays below {}", compiled.report.at);
    }
    let way = lacking.iter().min_by_key(|words| words.len()).map(|words| words.join(", "));
    format!("not sure enough: {}", way.unwrap_or_default())
}

/// The least evidence that would have to be otherwise for `expression` to be `wanted`.
fn lacks(
    expression: &Expression,
    wanted: bool,
    holds: &impl Fn(Evidence) -> bool,
    reasons: &mut Vec<(Evidence, bool)>,
) {
    if expression.holds(&mut |evidence| holds(evidence)) == wanted {
        return;
    }
    match expression {
        Expression::Is(evidence) => {
            if !reasons.contains(&(*evidence, wanted)) {
                reasons.push((*evidence, wanted));
            }
        }
        Expression::Not(inner) => lacks(inner, !wanted, holds, reasons),
        Expression::All(parts) | Expression::Any(parts)
            if matches!(expression, Expression::All(_)) == wanted =>
        {
            for part in parts {
                lacks(part, wanted, holds, reasons);
            }
        }
        // One of them is enough: that which lacks least.
        Expression::All(parts) | Expression::Any(parts) => {
            let ways = parts.iter().map(|part| {
                let mut way = reasons.clone();
                lacks(part, wanted, holds, &mut way);
                way
            });
            if let Some(way) = ways.min_by_key(Vec::len) {
                *reasons = way;
            }
        }
    }
}

fn say(signature: &Signature, find: u8, evidence: Evidence, wanted: bool) -> String {
    let compiled = &signature.compiled;
    let info = compiled.finds.get(usize::from(find));
    let words = || {
        let all = || info.into_iter().flat_map(|info| compiled.words_of(info));
        let shown: Vec<&str> = all().take(3).collect();
        let more = if all().count() > shown.len() { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    match (evidence, wanted) {
        (Evidence::Near, true) => {
            let within = info.map_or(compiled.within, |info| compiled.widest(info));
            format!("no context word ({}) within {within} characters", words())
        }
        (Evidence::Near, false) => format!("a context word ({}) stands near", words()),
        (Evidence::Label, true) => format!("no context word ({}) directly before it", words()),
        (Evidence::Label, false) => "a context word stands directly before it".to_owned(),
        (Evidence::Mentioned, true) => format!("no context word ({}) anywhere before it or near it", words()),
        (Evidence::Mentioned, false) => "a context word stands before it".to_owned(),
        (Evidence::Many, true) => "too few distinct values of it in this object".to_owned(),
        (Evidence::Many, false) => "many distinct values of it in this object".to_owned(),
        (Evidence::Doubtful, true) => "no validator has doubts".to_owned(),
        (Evidence::Doubtful, false) => "a validator has doubts".to_owned(),
        (Evidence::Consistent, true) => {
            "too few numbers like it in this object are valid, or it is the only one".to_owned()
        }
        (Evidence::Consistent, false) => "most numbers like it are valid".to_owned(),
        (Evidence::Mixed, true) => "its look-alikes are valid too".to_owned(),
        (Evidence::Mixed, false) => "few of many numbers like it in this object are valid".to_owned(),
        (Evidence::Find(find), wanted) => {
            let name = compiled.finds.get(find).map_or("", |find| find.name.as_str());
            if wanted {
                format!("`{name}` does not stand within {} characters", compiled.within)
            } else {
                format!("`{name}` stands near")
            }
        }
    }
}
