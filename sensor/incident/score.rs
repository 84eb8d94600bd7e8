//! How bad an incident is: severity and risk, from constants that stand here and nowhere else.
//!
//! Owns: the arithmetic. Never does: state.

use crate::correlate::{Evidence, Open};
use egret_model::{Confidence, Severity};

/// Many small transfers add up: distinct values over all transfers, this many times as many as in the largest single object,
/// raise the severity a step.
const ACCUMULATION_FACTOR: u64 = 10;

/// Severity of one signature's evidence, accumulated over the incident's transfers.
pub(crate) fn accumulated(evidence: &Evidence) -> Severity {
    let grown = evidence.unique() >= evidence.largest.saturating_mul(ACCUMULATION_FACTOR);
    if evidence.transfers > 1 && grown { raise(evidence.severity) } else { evidence.severity }
}

/// Severity of an incident: the worst evidence decides.
pub(crate) fn severity(open: &Open) -> Severity {
    open.evidence.values().map(accumulated).max().unwrap_or(Severity::Info)
}

/// Risk, 0 to 100: a base by severity; up to 12 for how many distinct values left; up to 5 for kinds of data beyond the first; 3 for
/// an evasion; all of it less a tenth where the best evidence is of medium confidence only.
pub(crate) fn risk(open: &Open, severity: Severity) -> u8 {
    let base = match severity {
        Severity::Info => 5,
        Severity::Low => 20,
        Severity::Medium => 40,
        Severity::High => 60,
        Severity::Critical => 80,
    };
    let unique: u64 = open.evidence.values().map(Evidence::unique).sum();
    let volume = 3 * unique.max(1).ilog10().min(4);
    let kinds = open.evidence.len().saturating_sub(1).min(5) as u32;
    let evasion = if open.evasion { 3 } else { 0 };
    let points: u32 = base + volume + kinds + evasion;
    let sure = open.evidence.values().any(|evidence| evidence.confidence == Confidence::High);
    let points = if sure { points } else { points * 9 / 10 };
    u8::try_from(points.min(100)).unwrap_or(100)
}

const fn raise(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}
