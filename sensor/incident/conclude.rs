//! From an open incident to its record.
//!
//! Owns: what is told, and the risk of each user. Never does: deciding what belongs together.

use crate::open::{Open, SEVERAL};
use crate::user_risk::{self, Event, UserRisks};
use crate::{explain, profile, score};
use egret_context::{Context, DestinationKind, Sending};
use egret_model::{AnomalyKind, Confidence, IdHasher, Incident, IncidentLimits, Policy, PolicyVerdict};
use std::sync::Arc;

/// Makes records, and keeps the users' risks that they bring.
#[derive(Debug)]
pub(crate) struct Concluder {
    pub(crate) context: Arc<Context>,
    risks: UserRisks,
    limits: IncidentLimits,
}

impl Concluder {
    pub(crate) fn new(limits: &IncidentLimits, context: Arc<Context>) -> Self {
        Self { context, risks: UserRisks::default(), limits: limits.clone() }
    }

    /// The incident as it stands.
    pub(crate) fn conclude(&mut self, open: &Open) -> Incident {
        self.told(open, None)
    }

    /// A day's incident: the same story, of many portions.
    pub(crate) fn conclude_day(&mut self, open: &Open, threshold: u64) -> Incident {
        self.told(open, Some(threshold))
    }

    fn told(&mut self, open: &Open, day: Option<u64>) -> Incident {
        let policy = policy(open, &self.context);
        let severity = score::judged(score::severity(open), &policy);
        let shares = score::shares(open, severity, &policy, &self.context);
        let mut timeline = open.timeline.clone();
        timeline.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let mut anomalies: Vec<_> = open.anomalies.values().cloned().collect();
        anomalies.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        let mut incident = Incident {
            id: open.id.clone(),
            kind: kind(open).to_owned(),
            severity,
            risk: score::risk(&shares),
            title: explain::title(open),
            first_at: open.first_at,
            last_at: open.last_at,
            user: open.user.clone(),
            host: open.host.clone(),
            destination: open.destination().to_owned(),
            attack: attack(open, &self.context),
            complete: open.was_read(),
            reasons: explain::reasons(open, &policy),
            bytes: open.bytes_out(),
            transfers: open.transfers.clone(),
            findings: open.findings.clone(),
            risk_shares: shares,
            user_risk: None,
            anomalies,
            timeline,
            profile: profile::best(open, day.is_some(), &self.context),
            policy,
            attribution_confidence: open.user.as_ref().map(|_| open.attribution_confidence),
        };
        if let Some(threshold) = day {
            as_day(&mut incident, open, threshold);
        }
        self.note_risk(&mut incident, open);
        incident
    }

    fn note_risk(&mut self, incident: &mut Incident, open: &Open) {
        let Some(user) = &open.user else { return };
        let sure = open.evidence.values().map(|evidence| match evidence.confidence {
            Confidence::High => 1.0,
            Confidence::Medium => 0.7,
            Confidence::Low => 0.4,
        });
        let detectors = sure.chain(open.anomalies.values().map(|anomaly| anomaly.score)).fold(0.0, f32::max);
        let attribution = Some(open.attribution_confidence).filter(|confidence| *confidence > 0.0);
        let asset = open.asset.as_ref().map_or(1.0, |(_, worth)| *worth);
        let points = user_risk::points(incident.severity, detectors, attribution, asset);
        let event = Event { at: open.last_at, what: incident.title.clone(), points };
        self.risks.note(user, &incident.id, event, &self.limits);
        incident.user_risk = self.risks.of(user, open.last_at);
    }

    /// The users' risks, once all incidents have brought theirs.
    pub(crate) fn settle(&self, incidents: &mut [Incident]) {
        for incident in incidents {
            if let Some(user) = &incident.user {
                incident.user_risk = self.risks.of(user, incident.last_at);
            }
        }
    }
}

/// By content if there is any, else by the gravest anomaly.
fn kind(open: &Open) -> &'static str {
    if !open.evidence.is_empty() {
        return "sensitive-egress";
    }
    let gravest = open
        .anomalies
        .values()
        .max_by(|a, b| a.severity.cmp(&b.severity).then(a.score.total_cmp(&b.score)).then(b.id.cmp(&a.id)));
    match gravest.map(|anomaly| anomaly.kind) {
        Some(
            AnomalyKind::DnsTunnel
            | AnomalyKind::IcmpCovert
            | AnomalyKind::NtpCovert
            | AnomalyKind::SniChannel
            | AnomalyKind::TargetChannel
            | AnomalyKind::ResolverChannel
            | AnomalyKind::HeldAnswers,
        ) => "covert-channel",
        Some(AnomalyKind::Beaconing) => "command-channel",
        Some(AnomalyKind::Collusion) => "collusion",
        Some(AnomalyKind::CompromisedAccount | AnomalyKind::FormerEmployee) => "account-misuse",
        Some(AnomalyKind::Intelligence) => "known-threat",
        _ => "unusual-upload",
    }
}

/// Exfiltration over an unencrypted protocol that is not a command channel, for what was read; to a web service, where the context knows
/// what it is for; and what anomalies say.
fn attack(open: &Open, context: &Context) -> Vec<String> {
    let mut attack = Vec::new();
    if !open.evidence.is_empty() {
        attack.push("T1048.003".to_owned());
    }
    let kind = context.destination(open.receiver, Some(open.destination())).map(|known| known.kind);
    attack.extend(kind.and_then(web_service).map(str::to_owned));
    for anomaly in open.anomalies.values() {
        if !attack.iter().any(|known| known == anomaly.attack) {
            attack.push(anomaly.attack.to_owned());
        }
    }
    attack
}

/// The technique of exfiltration to a web service of the kind (T1567).
const fn web_service(kind: DestinationKind) -> Option<&'static str> {
    match kind {
        DestinationKind::CodeHosting => Some("T1567.001"),
        DestinationKind::FileSharing => Some("T1567.002"),
        DestinationKind::Paste => Some("T1567.003"),
        DestinationKind::Webmail | DestinationKind::Messaging | DestinationKind::Assistant => Some("T1567"),
        DestinationKind::Sanctioned
        | DestinationKind::Partner
        | DestinationKind::Anonymiser
        | DestinationKind::Resolver => None,
    }
}

fn as_day(incident: &mut Incident, open: &Open, threshold: u64) {
    let signatures: Vec<&str> = open.evidence.keys().map(String::as_str).collect();
    incident.id = IdHasher::new()
        .part(b"low-and-slow")
        .number(open.first_at.day().unsigned_abs())
        .part(open.story.sender.as_bytes())
        .part(signatures.join(" ").as_bytes())
        .finish("i");
    "low-and-slow".clone_into(&mut incident.kind);
    // Data Transfer Size Limits: portions below a threshold.
    incident.attack.push("T1030".to_owned());
    incident.reasons.insert(0, explain::day(open, threshold));
    if open.destinations.len() > 1 {
        incident.destination = format!("{} destinations", open.destinations.len());
    }
    incident.title = explain::day_title(open, &incident.destination);
}

/// What the rules of acceptable use say of it.
fn policy(open: &Open, context: &Context) -> Policy {
    let groups = open.user.as_ref().map(|user| context.groups_of(user, &open.groups)).unwrap_or_default();
    let groups: Vec<&str> = groups.iter().map(|(name, _)| *name).collect();
    let mut data: Vec<&str> = open.evidence.keys().map(String::as_str).collect();
    let protocols: Vec<&str> = open.protocols.iter().map(String::as_str).collect();
    let known = context.destination(open.receiver, Some(open.destination()));
    let sending = |data: &[&str]| {
        context.verdict(&Sending {
            groups: &groups,
            user: open.user.as_deref(),
            data,
            destination_group: known.map(|known| known.group.as_str()),
            destination: open.destination(),
            protocols: &protocols,
        })
    };
    // A rule may speak of signatures or of their tags.
    let verdict = sending(&data).or_else(|| {
        data = open.tags.iter().map(String::as_str).collect();
        sending(&data)
    });
    let group = match known {
        _ if open.destination() == SEVERAL => String::new(),
        Some(known) => format!("; the destination belongs to {}", known.group),
        None => "; the destination belongs to no known group".to_owned(),
    };
    match verdict {
        None => {
            Policy { reason: format!("no rule of acceptable use speaks of it{group}"), ..Policy::default() }
        }
        Some(verdict) => {
            let says = if verdict.allowed { "allows" } else { "forbids" };
            let why =
                if verdict.reason.is_empty() { String::new() } else { format!(" ({})", verdict.reason) };
            Policy {
                verdict: if verdict.allowed { PolicyVerdict::Allowed } else { PolicyVerdict::Forbidden },
                rule: Some(verdict.rule.to_owned()),
                reason: format!("the rule {} {says} it{why}{group}", verdict.rule),
            }
        }
    }
}

/// The most urgent first.
pub(crate) fn rank(incidents: &mut [Incident]) {
    incidents.sort_by(|a, b| {
        (b.risk, b.severity, a.first_at, &a.id).cmp(&(a.risk, a.severity, b.first_at, &b.id))
    });
}
