//! Why an incident was raised, in sentences that an analyst can argue with.
//!
//! Owns: the wording. Never does: deciding.

use crate::leaver::leaving;
use crate::open::{Evidence, Open, SEVERAL};
use crate::score;
use egret_model::{
    Anomaly, AnomalyKind, Basis, FindingRecord, Moment, Policy, PolicyVerdict, TransferRecord,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Anomalies told among the reasons; all stand in the record.
const ANOMALIES_TOLD: usize = 8;

/// Hosts named where it went to several.
const HOSTS_TOLD: usize = 4;

/// One line: who, what, where to.
pub(crate) fn title(open: &Open) -> String {
    let who = open.user.as_deref().or(open.host.as_deref()).unwrap_or("somebody");
    let worst = worst_first(open);
    let mut what: Vec<String> = worst.iter().take(2).map(|(_, evidence)| amount(evidence)).collect();
    if worst.len() > 2 {
        what.push(plural(worst.len() as u64 - 2, "more kind"));
    }
    if what.is_empty() {
        let kinds: BTreeSet<&str> =
            gravest_first(open).into_iter().take(3).map(|anomaly| phrase(anomaly.kind)).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let what = kinds.join(", ");
        return match open.destination() {
            SEVERAL => format!("{who}: {what}"),
            destination => format!("{who}: {what} to {destination}"),
        };
    }
    format!("{who} sent {} to {}", what.join(" and "), open.destination())
}

/// What an anomaly is, in a few words.
const fn phrase(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::DnsTunnel => "data in questions to the resolver",
        AnomalyKind::IcmpCovert => "data in pings",
        AnomalyKind::NtpCovert => "data in requests for the time",
        AnomalyKind::EncryptedBulk => "encrypted bulk upload",
        AnomalyKind::SniChannel => "data in server names",
        AnomalyKind::TargetChannel => "data in the targets of requests",
        AnomalyKind::UploadVolume => "far more upload than usual",
        AnomalyKind::SlowLeak => "a little more upload day after day",
        AnomalyKind::NewDestination => "bulk upload to a new destination",
        AnomalyKind::OffHours => "bulk upload outside of the usual hours",
        AnomalyKind::Asymmetry => "upload where none is usual",
        AnomalyKind::Staging => "gathered inside, then sent",
        AnomalyKind::Trickle => "many small uploads",
        AnomalyKind::Beaconing => "regular contacts that carry data",
        AnomalyKind::HiddenArchive => "hidden archive",
        AnomalyKind::OddPort => "protocol on an odd port",
        AnomalyKind::Collusion => "several senders",
        AnomalyKind::CompromisedAccount => "account used from two places",
        AnomalyKind::PeerVolume => "far more upload than peers",
        AnomalyKind::ResolverChannel => "data in encrypted questions to a resolver",
        AnomalyKind::HeldAnswers => "a tunnel through a resolver",
        AnomalyKind::FormerEmployee => "account used after its holder left",
        AnomalyKind::Intelligence => "contact that intelligence warns of",
    }
}

fn gravest_first(open: &Open) -> Vec<&Anomaly> {
    let mut anomalies: Vec<&Anomaly> = open.anomalies.values().collect();
    anomalies
        .sort_by(|a, b| b.severity.cmp(&a.severity).then(b.score.total_cmp(&a.score)).then(a.id.cmp(&b.id)));
    anomalies
}

/// Every fact that counted, the gravest first.
pub(crate) fn reasons(open: &Open, policy: &Policy) -> Vec<String> {
    let mut reasons = Vec::new();
    for (signature, evidence) in worst_first(open) {
        let mut reason = format!(
            "{} ({signature}): {} distinct, {} confidence, {} severity",
            evidence.title,
            evidence.unique(),
            evidence.confidence,
            evidence.severity
        );
        if !evidence.objects.is_empty() {
            let _ = write!(reason, ", in {}", evidence.objects.join(", "));
        }
        if evidence.transfers > 1 {
            let _ = write!(reason, ", over {} transfers", evidence.transfers);
        }
        if score::accumulated(evidence) > evidence.severity {
            let _ =
                write!(reason, "; many small transfers add up: raised to {}", score::accumulated(evidence));
        }
        reasons.push(reason);
    }
    for anomaly in gravest_first(open).into_iter().take(ANOMALIES_TOLD) {
        reasons.push(format!(
            "{} ({}, {}): {}; sure to {:.0} %",
            anomaly.kind,
            anomaly.severity,
            anomaly.attack,
            anomaly.explanation,
            anomaly.score * 100.0
        ));
    }
    let protocols: Vec<&str> = open.protocols.iter().map(String::as_str).collect();
    if open.transfer_count > 0 {
        reasons.push(format!(
            "{} of {} bytes left the internal networks over {}",
            plural(open.transfer_count, "transfer"),
            open.bytes,
            protocols.join(", ")
        ));
    }
    if open.destinations.len() > 1 {
        let named: Vec<&str> = open.destinations.iter().take(HOSTS_TOLD).map(String::as_str).collect();
        let more = if open.destinations.len() > HOSTS_TOLD { ", …" } else { "" };
        let hosts = plural(open.destinations.len() as u64, "host");
        reasons.push(format!("it went to {hosts}: {}{more}", named.join(", ")));
    }
    if policy.verdict != PolicyVerdict::Unregulated {
        reasons.push(policy.reason.clone());
    }
    if let Some((name, worth)) = open.asset.as_ref().filter(|(_, worth)| *worth > 1.0) {
        reasons.push(format!("the sender is the asset {name}, of {worth} times the usual worth"));
    }
    if let (Some(user), Some(leaving)) = (&open.user, leaving(open)) {
        reasons.push(format!("{user} {}", leaving.told()));
    }
    match (&open.user, &open.attribution) {
        (Some(user), None) if open.transfer_count == 0 => {
            reasons.push(format!("attributed to {user} (confidence {:.2})", open.attribution_confidence));
        }
        (Some(user), Some(evidence)) => reasons.push(format!(
            "attributed to {user} by {evidence} (confidence {:.2}){}",
            open.attribution_confidence,
            match open.basis {
                Some(Basis::Afterwards) => ", which was seen only afterwards",
                Some(Basis::OnlyUser) =>
                    ", the only user ever seen at that station, though not near that time",
                None => "",
            }
        )),
        _ => reasons.push("no identity evidence names a user of this address at that time".to_owned()),
    }
    if open.evasion {
        reasons.push(
            "overlapping segments carried different bytes: somebody may be evading inspection".to_owned(),
        );
    }
    if !open.was_read() {
        reasons.push(
            "not all of the content was seen or could be read: there may be more than is listed".to_owned(),
        );
    }
    reasons
}

/// One transfer on the timeline.
pub(crate) fn moment(transfer: &TransferRecord, findings: &[&FindingRecord]) -> Moment {
    let mut what = format!("{} of {} bytes over {}", transfer.operation, transfer.bytes, transfer.protocol);
    for (place, finding) in findings.iter().take(3).enumerate() {
        let _ =
            write!(what, "{} {} {}", if place == 0 { ":" } else { "," }, finding.unique, finding.signature);
    }
    if findings.len() > 3 {
        let _ = write!(what, " and {}", plural(findings.len() as u64 - 3, "more kind"));
    }
    Moment { at: transfer.started_at, what, id: transfer.id.clone() }
}

/// Why a sender's day is an incident though no transfer of it is.
pub(crate) fn day(open: &Open, threshold: u64) -> String {
    let (signature, unique) = open
        .evidence
        .iter()
        .map(|(id, evidence)| (id.as_str(), evidence.values.len()))
        .next()
        .unwrap_or_default();
    format!(
        "{unique} distinct values of {signature} {} in {}, though each alone stays below what the signature reports; {threshold} in \
         a day are reported",
        span(open),
        plural(open.transfer_count, "transfer"),
    )
}

/// One line: who, what, in a day.
pub(crate) fn day_title(open: &Open, destination: &str) -> String {
    let who = open.user.as_deref().or(open.host.as_deref()).unwrap_or("somebody");
    let what = open.evidence.values().next().map(amount).unwrap_or_default();
    let days = if open.first_at.day() == open.last_at.day() { "a day" } else { "days" };
    format!("{who} sent {what} to {destination} in small portions over {days}")
}

/// The day, or the days.
fn span(open: &Open) -> String {
    let (first, last) = (open.first_at.to_the_day(), open.last_at.to_the_day());
    if first == last { format!("on {first}") } else { format!("from {first} to {last}") }
}

fn worst_first(open: &Open) -> Vec<(&str, &Evidence)> {
    let mut evidence: Vec<(&str, &Evidence)> = open.evidence.iter().map(|(id, e)| (id.as_str(), e)).collect();
    evidence.sort_by(|(a, x), (b, y)| {
        (score::accumulated(y), y.confidence, y.unique(), a).cmp(&(
            score::accumulated(x),
            x.confidence,
            x.unique(),
            b,
        ))
    });
    evidence
}

fn amount(evidence: &Evidence) -> String {
    format!("{} ({})", evidence.title, evidence.unique())
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
