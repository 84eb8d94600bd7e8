//! What is known of matches when their evidence is complete.
//!
//! Owns: the types that `settle` fills and the verdict reads. Never does: decisions.

use crate::{engine::redact::Excerpt, language::expression::Evidence};
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, HashMap};

/// How many numbers of one finder and length passed its validators.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) valid: u64,
    pub(crate) invalid: u64,
}

/// By finder and length.
pub(crate) type Shapes = HashMap<(u32, u8), Shape, FixedState>;

/// What one signature has found in the object.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kept: Vec<Kept>,
    pub(crate) details: Vec<Detail>,
    pub(super) shown: BTreeMap<(u8, Signs), usize>,
    /// Matches beyond the limit, by what is known of them.
    pub(crate) beyond: BTreeMap<(u32, u8, u8, Signs), u64>,
}

/// What is kept of a match that may be shown. Most never are, so that it is not yet in words.
#[derive(Debug)]
pub(crate) struct Detail {
    /// Place in the given text, bytes.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) redacted: String,
    pub(crate) excerpt: Excerpt,
    /// What the validators say.
    pub(crate) reasons: Vec<&'static str>,
    /// What fingerprints say.
    pub(crate) told: Vec<String>,
    /// The nearest context word of the signature.
    pub(crate) word: Option<u32>,
    /// See [`crate::ValueKey`].
    pub(crate) token: Option<String>,
}

/// One match. Positions are in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) value: u64,
    pub(crate) finder: u32,
    /// Index of its details, `u32::MAX` without.
    pub(crate) detail: u32,
    pub(crate) find: u8,
    pub(crate) digits: u8,
    pub(crate) signs: Signs,
    /// The exception by token that is for its value, counted from 1; 0 without.
    pub(crate) excepted: u16,
}

/// Evidence that belongs to the match itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signs {
    pub(crate) near: bool,
    pub(crate) label: bool,
    pub(crate) mentioned: bool,
    pub(crate) doubtful: bool,
    pub(crate) sample: bool,
}

impl Signs {
    /// Every combination, in order of [`Signs::index`].
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..32_u16).map(|bits| Self {
            near: bits & 1 != 0,
            label: bits & 2 != 0,
            mentioned: bits & 4 != 0,
            doubtful: bits & 8 != 0,
            sample: bits & 16 != 0,
        })
    }

    /// The number of the combination, below 32.
    pub(crate) fn index(self) -> u16 {
        let Self { near, label, mentioned, doubtful, sample } = self;
        let bits = [near, label, mentioned, doubtful, sample];
        bits.iter().rev().fold(0, |number, bit| number << 1 | u16::from(*bit))
    }

    /// What they say of evidence for a match of `find`; None where the whole object decides.
    pub(crate) fn known(self, evidence: Evidence, find: u8) -> Option<bool> {
        match evidence {
            Evidence::Near => Some(self.near),
            Evidence::Label => Some(self.label),
            Evidence::Mentioned => Some(self.mentioned),
            Evidence::Doubtful => Some(self.doubtful),
            Evidence::Find(other) if other == usize::from(find) => Some(true),
            Evidence::Consistent | Evidence::Many | Evidence::Mixed | Evidence::Find(_) => None,
        }
    }
}
