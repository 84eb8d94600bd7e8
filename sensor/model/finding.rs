//! What `detect` hands on: redacted matches. The clear text of a match never leaves that stage.

use serde::Serialize;
use std::{fmt, sync::Arc};

/// How bad it is when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "an ordered scale that explains itself")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// How sure a signature is that it found what it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "an ordered scale that explains itself")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One place that matched, already redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Bytes from the start of the object's extracted text.
    pub offset: u64,
    /// Length in bytes of that text.
    pub length: u64,
    /// The match with its middle masked.
    pub redacted: String,
    /// Text around it: the match itself shown as `▮`, digits masked, other matches hidden.
    pub context: String,
    /// The keyed token of its value, where the folder of signatures has a key for it: names the value in exceptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Why it counts: validators and corroborating evidence.
    pub why: Vec<String>,
}

/// Matches that an exception let pass: counted still, but no reason for an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excepted {
    /// Matches let pass.
    pub matches: u64,
    /// All matches of the finding were.
    pub all: bool,
    /// Why the exception was made.
    pub reason: String,
    /// Its last day.
    pub until: String,
}

/// One signature that matched in one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Signature id: `payment-card`, `acme/patient-record`, `records/customers`.
    pub signature: Arc<str>,
    /// Its title.
    pub title: Arc<str>,
    /// Its owner, or empty.
    pub owner: Arc<str>,
    /// Its tags.
    pub tags: Arc<[String]>,
    /// Severity after escalation by count.
    pub severity: Severity,
    /// Confidence reached.
    pub confidence: Confidence,
    /// Matches, repeated values included.
    pub count: u64,
    /// Distinct normalised values.
    pub unique: u64,
    /// The first matches, at most [`crate::DetectLimits::matches_reported`].
    pub matches: Vec<Match>,
    /// What exceptions of the signature let pass. Where it is all, the counts are those of what was let pass.
    pub excepted: Option<Excepted>,
    /// Fewer values or matches than the signature reports by themselves: counts only together with others of the same sender and day.
    pub below: bool,
    /// Distinct values of one sender and day from which they are reported together, where the signature says so.
    pub per_sender_day: Option<u64>,
    /// Keyed hashes of distinct values, at most [`crate::DetectLimits::values_tracked`], sorted: lets later stages count
    /// distinct values over many transfers. Never written anywhere.
    pub values: Vec<u64>,
}
