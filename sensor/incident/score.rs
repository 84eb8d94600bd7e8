//! How bad an incident is: severity and risk, from constants that stand here and nowhere else.
//!
//! Owns: the arithmetic. Never does: state.

use crate::leaver::{Leaving, leaving};
use crate::open::{Evidence, Open};
use egret_context::{Context, GroupKind};
use egret_model::{Anomaly, Confidence, Policy, PolicyVerdict, RiskShare, Severity};
use std::collections::BTreeSet;

/// Many small transfers add up: distinct values over all transfers, this many times as many as in the largest single object,
/// raise the severity a step.
const ACCUMULATION_FACTOR: u64 = 10;

/// Severity of one signature's evidence, accumulated over the incident's transfers.
pub(crate) fn accumulated(evidence: &Evidence) -> Severity {
    let grown = evidence.unique() >= evidence.largest.saturating_mul(ACCUMULATION_FACTOR);
    if evidence.transfers > 1 && grown { raise(evidence.severity) } else { evidence.severity }
}

/// How sure a detector must be for its anomaly to decide the severity.
const SURE: f32 = 0.45;

/// Severity of an incident: the worst evidence or anomaly decides. Three anomalies of different kinds, each of medium severity at
/// least, raise it to high: each may have a harmless explanation, hardly all of them together.
pub(crate) fn severity(open: &Open) -> Severity {
    let content = open.evidence.values().map(accumulated).max().unwrap_or(Severity::Info);
    let sure = || open.anomalies.values().filter(|anomaly| anomaly.score >= SURE);
    let unusual = sure().map(|anomaly| anomaly.severity).max().unwrap_or(Severity::Info);
    let severity = content.max(unusual);
    let kinds: BTreeSet<_> =
        sure().filter(|anomaly| anomaly.severity >= Severity::Medium).map(|anomaly| anomaly.kind).collect();
    if kinds.len() >= 3 { severity.max(Severity::High) } else { severity }
}

/// What is allowed is told all the same, and stands far behind; what is forbidden is a step worse.
pub(crate) fn judged(severity: Severity, policy: &Policy) -> Severity {
    match policy.verdict {
        PolicyVerdict::Allowed => severity.min(Severity::Low),
        PolicyVerdict::Forbidden => raise(severity),
        PolicyVerdict::Unregulated => severity,
    }
}

/// What the risk of an incident is made of: a base by severity; up to 12 for how many distinct values left, and as much less for a few of
/// what people have of their own; up to 12 for how much left that nobody has read; up to 5 for kinds of data beyond the first; 3 for an evasion;
/// up to 4 for each kind of anomaly, by how sure its detector is, 12 at most; up to 8 for the worth of the asset; 5 for a sender who is about to
/// leave or belongs to a third party, and 5 more where that goes with something unusual, 10 for one whose employment has ended; all of it less a
/// tenth where the best evidence is of medium confidence only.
pub(crate) fn shares(open: &Open, severity: Severity, policy: &Policy, context: &Context) -> Vec<RiskShare> {
    let base: f32 = match severity {
        Severity::Info => 5.0,
        Severity::Low => 20.0,
        Severity::Medium => 40.0,
        Severity::High => 60.0,
        Severity::Critical => 80.0,
    };
    let mut shares = vec![share(format!("{severity} severity"), base)];
    let unique: u64 = open.evidence.values().map(Evidence::unique).sum();
    if unique >= 10 {
        let points = [3.0, 6.0, 9.0, 12.0][(unique.ilog10().min(4) - 1) as usize];
        shares.push(share(format!("{unique} distinct values"), points));
    } else if let Some(points) = few_of_ones_own(open, unique) {
        let what = if unique == 1 { "value" } else { "values" };
        shares.push(share(format!("only {unique} distinct {what}, as people have of their own"), points));
    }
    let unread = open.bytes_out();
    if open.evidence.is_empty() && unread >= MUCH_BYTES {
        let points = [3.0, 6.0, 9.0, 12.0][(unread.ilog10() - MUCH_BYTES.ilog10()).min(3) as usize];
        shares.push(share(format!("{} MB that nobody has read", unread / 1_000_000), points));
    }
    let kinds = open.evidence.len().saturating_sub(1).min(5);
    if kinds > 0 {
        let points = [1.0, 2.0, 3.0, 4.0, 5.0][kinds - 1];
        shares.push(share(format!("{} kinds of data", open.evidence.len()), points));
    }
    if open.evasion {
        shares.push(share("overlapping segments: an evasion".to_owned(), 3.0));
    }
    let mut left = 12.0_f32;
    let mut told = BTreeSet::new();
    for anomaly in open.anomalies.values() {
        let points = (4.0 * anomaly.score).min(left);
        if points > 0.0 && told.insert(anomaly.kind) {
            left -= points;
            shares.push(share(anomaly.kind.to_string(), points));
        }
    }
    if let Some((name, worth)) = open.asset.as_ref().filter(|(_, worth)| *worth > 1.0) {
        shares.push(share(format!("from the asset {name}"), 2.0 * (worth - 1.0)));
    }
    let groups = open.user.as_ref().map(|user| context.groups_of(user, &open.groups)).unwrap_or_default();
    if let Some(leaving) = leaving(open) {
        let points = if matches!(leaving, Leaving::Gone(_)) { 10.0 } else { 5.0 };
        shares.push(share(format!("the sender {}", leaving.told()), points));
        unusual_too(open, &mut shares);
    } else if let Some((name, _)) =
        groups.iter().find(|(_, kind)| matches!(kind, GroupKind::Leaver | GroupKind::ThirdParty))
    {
        shares.push(share(format!("the sender belongs to {name}"), 5.0));
        unusual_too(open, &mut shares);
    }
    if policy.verdict == PolicyVerdict::Forbidden {
        shares.push(share("a rule of acceptable use forbids it".to_owned(), 3.0));
    }
    let content = !open.evidence.is_empty();
    if content && !open.evidence.values().any(|evidence| evidence.confidence == Confidence::High) {
        let sum: f32 = shares.iter().map(|share| share.points).sum();
        shares.push(share("all evidence is of medium confidence only".to_owned(), -sum / 10.0));
    }
    shares.sort_by(|a, b| b.points.total_cmp(&a.points));
    shares
}

/// Bytes from which on what left unread weighs more, and again with every power of ten: more than a picture or two, less than a film.
const MUCH_BYTES: u64 = 10_000_000;

/// Tags of signatures of what people carry about and write into forms of their own: a card, a tax number, an account.
const OWN: [&str; 3] = ["pii", "pci", "financial"];

/// Points for few values of that kind, most likely the sender's own; None for what is grave as a single one (a key, a document).
fn few_of_ones_own(open: &Open, unique: u64) -> Option<f32> {
    let own = |evidence: &Evidence| evidence.tags.iter().any(|tag| OWN.contains(&tag.as_str()));
    let all_own = !open.evidence.is_empty() && open.evidence.values().all(own);
    match unique {
        _ if !all_own => None,
        1 => Some(-12.0),
        2..=3 => Some(-8.0),
        _ => Some(-4.0),
    }
}

/// Who leaves or is no employee sends things as anybody does; it is what is unusual that makes it a story.
fn unusual_too(open: &Open, shares: &mut Vec<RiskShare>) {
    let unusual = |anomaly: &Anomaly| anomaly.score >= SURE && anomaly.severity >= Severity::Medium;
    if open.anomalies.values().any(unusual) {
        shares.push(share("and what is done is unusual".to_owned(), 5.0));
    }
}

/// The risk that shares come to, 0 to 100.
pub(crate) fn risk(shares: &[RiskShare]) -> u8 {
    let sum: f32 = shares.iter().map(|share| share.points).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held between 0 and 100")]
    let risk = sum.clamp(0.0, 100.0) as u8;
    risk
}

fn share(what: String, points: f32) -> RiskShare {
    RiskShare { what, points }
}

const fn raise(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}
