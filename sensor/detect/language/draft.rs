//! A checked signature, before it is built into the engine beside others.
//!
//! Owns: the shape. Never does: checks.

use super::{exception::Exception, expression::Evidence, levels::Levels, schema::Escalation, source::Source};
use crate::{
    engine::{fingerprints::FileRule, numbers::Written, pattern::Pattern, redact::Mask, words::Phrase},
    validators::{Validator, ValueForm},
};
use egret_fingerprint::{
    documents::{DocumentIndex, DocumentRule},
    records::{RecordIndex, Rule},
};
use egret_model::{Confidence, Severity};
use std::{ops::Range, sync::Arc};
use toml::Spanned;

/// A checked signature.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) source: Arc<Source>,
    pub(crate) id: Spanned<String>,
    pub(crate) title: String,
    pub(crate) owner: String,
    pub(crate) description: String,
    pub(crate) severity: Severity,
    pub(crate) tags: Vec<String>,
    pub(crate) finds: Vec<DraftFind>,
    pub(crate) near: Vec<Phrase>,
    pub(crate) near_words: Vec<String>,
    pub(crate) within: usize,
    pub(crate) levels: Levels,
    pub(crate) report: Report,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) tests: Vec<Test>,
    /// False: an override has switched it off.
    pub(crate) enabled: bool,
    /// Names of the files whose overrides changed it, in order.
    pub(crate) tuned_by: Vec<String>,
}

/// One find, ready for the engine.
#[derive(Clone, Debug)]
pub(crate) struct DraftFind {
    pub(crate) name: String,
    pub(crate) counts: bool,
    /// A match may stand inside a longer word or number.
    pub(crate) inside: bool,
    /// Without this its matches are never above low.
    pub(crate) needs: Option<Evidence>,
    /// Context words of this find alone.
    pub(crate) near: Option<FindNear>,
    pub(crate) what: What,
    pub(crate) validators: Vec<&'static Validator>,
    pub(crate) value: ValueForm,
    pub(crate) mask: Mask,
}

/// `near` of a find.
#[derive(Clone, Debug)]
pub(crate) struct FindNear {
    pub(crate) phrases: Vec<Phrase>,
    pub(crate) words: Vec<String>,
    pub(crate) within: usize,
}

/// How it finds.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Phrases(Vec<Phrase>),
    Pattern {
        pattern: Box<Pattern>,
        text: String,
    },
    Numbers(Vec<Written>),
    /// Records of a set.
    Records {
        index: Arc<RecordIndex>,
        rule: Rule,
    },
    /// Documents of a set.
    Documents {
        index: Arc<DocumentIndex>,
        rule: DocumentRule,
    },
    /// Files by what they are as a whole.
    Files(FileRule),
    /// All finds of another signature, or one of them.
    Use {
        id: String,
        find: Option<String>,
        span: Range<usize>,
        source: Arc<Source>,
    },
}

/// Thresholds.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) at: Confidence,
    pub(crate) unique: u64,
    pub(crate) count: u64,
    pub(crate) escalate: Vec<Escalation>,
    /// Distinct values of one sender in a day from which they are reported together.
    pub(crate) per_sender_day: Option<u64>,
    pub(crate) yields_to: Option<String>,
}

/// A text and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) text: String,
    /// Media type of the object that stands in place of a text; empty for a text.
    pub(crate) media_type: &'static str,
    pub(crate) matches: bool,
    pub(crate) span: Range<usize>,
    pub(crate) source: Arc<Source>,
}
