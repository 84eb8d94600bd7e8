//! `[confidence]`: what evidence makes of a match, and what may be known of that beforehand.
//!
//! Owns: the levels, and which finds wait for a context word. Never does: evaluation over an object (see `verdict`).

use super::{
    check::Placed,
    expression::{Evidence, Expression},
    schema,
};
use crate::engine::numbers::Lasts;
use egret_model::Confidence;
use toml::Spanned;

/// The expressions of `[confidence]`.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    /// None holds never.
    pub(crate) high: Option<Expression>,
    /// None holds never.
    pub(crate) medium: Option<Expression>,
    /// None holds always.
    pub(crate) low: Option<Expression>,
    /// The signature has no `[confidence]`: medium, and high beside a context word.
    pub(crate) usual: bool,
}

impl Levels {
    /// Without `[confidence]`, a match is medium, and high beside a context word.
    pub(crate) fn usual(near: bool) -> Self {
        let high = near.then_some(Expression::Is(Evidence::Near));
        Self { high, medium: Some(Expression::All(Vec::new())), low: None, usual: true }
    }

    /// Whether a level from `least` on may be reached, given what is known of the evidence.
    fn may_reach_from(&self, least: Confidence, evidence: &impl Fn(Evidence) -> Option<bool>) -> bool {
        let may = |level: &Option<Expression>| level.as_ref().is_some_and(|level| level.may_hold(evidence));
        may(&self.high)
            || least <= Confidence::Medium && may(&self.medium)
            || least <= Confidence::Low && self.low.as_ref().is_none_or(|low| low.may_hold(evidence))
    }

    /// Whether matches of the find say nothing before a context word has been seen: they can't be reported, and no other
    /// find can become more or less by them.
    pub(crate) fn are_bound(
        &self,
        finds: &[(bool, Option<Evidence>)],
        find: usize,
        least: Confidence,
    ) -> bool {
        self.says_nothing(finds, find, least, &|_, evidence| match evidence {
            Evidence::Near | Evidence::Label | Evidence::Mentioned => Some(false),
            _ => None,
        })
    }

    /// How long numbers of a bound find are to be looked at behind a context word.
    pub(crate) fn lasts(&self, finds: &[(bool, Option<Evidence>)], find: usize, least: Confidence) -> Lasts {
        let far = |consistent: Option<bool>| {
            move |of: usize, evidence: Evidence| match evidence {
                Evidence::Near | Evidence::Label => Some(false),
                Evidence::Mentioned => Some(true),
                Evidence::Consistent if of == find => consistent,
                _ => None,
            }
        };
        let all = [&self.high, &self.medium, &self.low];
        // Where look-alikes are compared with each other, it takes more of them than stand beside the words.
        let compared = all.into_iter().flatten().any(|level| {
            level.mentions(&|evidence| matches!(evidence, Evidence::Consistent | Evidence::Mixed))
        });
        if !compared && self.says_nothing(finds, find, least, &far(None)) {
            Lasts::Beside
        } else if self.says_nothing(finds, find, least, &far(Some(false))) {
            Lasts::WhileValid
        } else {
            Lasts::ToTheEnd
        }
    }

    fn says_nothing(
        &self,
        finds: &[(bool, Option<Evidence>)],
        find: usize,
        least: Confidence,
        far: &impl Fn(usize, Evidence) -> Option<bool>,
    ) -> bool {
        let alone = |of: usize, evidence: Evidence| match evidence {
            Evidence::Find(other) if other == of => Some(true),
            evidence => far(of, evidence),
        };
        let reported = |of: usize| {
            let (counts, needs) = finds.get(of).copied().unwrap_or((true, None));
            let missing = needs.is_some_and(|needs| alone(of, needs) == Some(false));
            let capped = missing && least > Confidence::Low;
            counts && !capped && self.may_reach_from(least, &|evidence| alone(of, evidence))
        };
        let (counts, _) = finds.get(find).copied().unwrap_or((true, None));
        // What may be reported of others must be the same with and without this find beside them.
        let indifferent = |of: usize| {
            let settled = |beside: bool, bits: u8| {
                let known = |evidence| match evidence {
                    Evidence::Find(other) if other == find => Some(beside),
                    evidence => alone(of, evidence).or(match evidence {
                        Evidence::Doubtful => Some(bits & 1 != 0),
                        Evidence::Consistent => Some(bits & 2 != 0),
                        Evidence::Mixed => Some(bits & 4 != 0),
                        Evidence::Many => Some(bits & 8 != 0),
                        _ => None,
                    }),
                };
                [&self.high, &self.medium, &self.low]
                    .map(|level| level.as_ref().map(|level| level.known(&known)))
            };
            (0..16).all(|bits| {
                let with = settled(true, bits);
                with == settled(false, bits) && !with.contains(&Some(None))
            })
        };
        counts && !reported(find) && (0..finds.len()).all(|of| of == find || !reported(of) || indifferent(of))
    }

    /// Whether any level may be reached, given what is known of the evidence.
    pub(crate) fn may_reach(&self, evidence: &impl Fn(Evidence) -> Option<bool>) -> bool {
        let may = |level: &Option<Expression>| level.as_ref().is_some_and(|level| level.may_hold(evidence));
        self.low.as_ref().is_none_or(|low| low.may_hold(evidence)) || may(&self.high) || may(&self.medium)
    }
}

/// The expressions of `[confidence]`, or the usual ones without it.
pub(crate) fn levels(levels: Option<&schema::Levels>, finds: &[&str], near: bool) -> Result<Levels, Placed> {
    let Some(levels) = levels else {
        return Ok(Levels::usual(near));
    };
    let parse = |text: &Option<Spanned<String>>| {
        text.as_ref()
            .map(|text| Expression::parse(text.get_ref(), finds).map_err(|fault| (text.span(), fault)))
            .transpose()
    };
    Ok(Levels {
        high: parse(&levels.high)?,
        medium: parse(&levels.medium)?,
        low: parse(&levels.low)?,
        usual: false,
    })
}
