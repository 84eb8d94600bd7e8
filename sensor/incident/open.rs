//! An incident that may still grow, and what joins it.
//!
//! Owns: what is kept of transfers, findings and anomalies. Never does: deciding what belongs together; wording and scoring.

use crate::explain;
use egret_context::Context;
use egret_model::{
    Anomaly, Attribution, Basis, Confidence, FindingRecord, IdHasher, IncidentLimits, Moment, Person,
    Severity, Timestamp, TransferRecord,
};
use foldhash::{HashSet, HashSetExt as _};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Who sent, and to whom: what one incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Story {
    pub(crate) sender: String,
    /// All hosts of one service are one destination, see [`Context::service`].
    pub(crate) destination: String,
}

impl Story {
    pub(crate) fn new(sender: String, host: &str, context: &Context) -> Self {
        Self { sender, destination: context.service(host).to_owned() }
    }
}

/// What one signature found over all transfers of an incident.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    /// Tags of the signature.
    pub(crate) tags: BTreeSet<String>,
    pub(crate) count: u64,
    /// Most distinct values in one object; where values overflowed, a better bound than `values`.
    pub(crate) largest: u64,
    pub(crate) values: HashSet<u64>,
    pub(crate) transfers: u64,
    /// Objects in which it was found, the first few.
    pub(crate) objects: Vec<String>,
}

impl Evidence {
    /// Distinct values over all transfers.
    pub(crate) fn unique(&self) -> u64 {
        self.largest.max(self.values.len() as u64)
    }
}

/// An incident that may still grow.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) id: String,
    pub(crate) story: Story,
    pub(crate) user: Option<String>,
    pub(crate) host: Option<String>,
    /// Address of the sender.
    pub(crate) sender_ip: Option<IpAddr>,
    pub(crate) attribution: Option<String>,
    /// How that evidence reaches the moment, where it was not seen before it.
    pub(crate) basis: Option<Basis>,
    pub(crate) attribution_confidence: f32,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) bytes: u64,
    pub(crate) complete: bool,
    pub(crate) evasion: bool,
    pub(crate) protocols: BTreeSet<String>,
    pub(crate) transfer_count: u64,
    pub(crate) transfers: Vec<String>,
    pub(crate) findings: Vec<String>,
    pub(crate) evidence: BTreeMap<String, Evidence>,
    /// Tags of the signatures.
    pub(crate) tags: BTreeSet<String>,
    /// What was unusual, by id: a later state of an anomaly takes the place of the earlier one.
    pub(crate) anomalies: BTreeMap<String, Anomaly>,
    /// Groups of the user, as identity tells them.
    pub(crate) groups: Vec<String>,
    /// When the user's employment ends or ended, as identity tells it.
    pub(crate) employment_ends: Option<Timestamp>,
    /// Address of the receiver.
    pub(crate) receiver: Option<IpAddr>,
    /// The most valuable asset that sent, and its worth.
    pub(crate) asset: Option<(String, f32)>,
    /// What happened, in order of arrival.
    pub(crate) timeline: Vec<Moment>,
    /// Hosts to which it went; the first few hundred.
    pub(crate) destinations: BTreeSet<String>,
}

/// Objects named in the reasons for one signature.
const OBJECTS_NAMED: usize = 3;

/// A user, as one who sends.
pub(crate) fn sender_named(user: &str) -> String {
    format!("user {}", user.to_lowercase())
}

/// The user if known, else the host, else the address: one person's traffic joins whatever address it comes from.
pub(crate) fn sender_of(transfer: &TransferRecord) -> String {
    let sender = &transfer.sender;
    match (&sender.user, &sender.host) {
        (Some(user), _) => sender_named(user),
        (None, Some(host)) => format!("host {}", host.to_lowercase()),
        (None, None) => sender.ip.to_string(),
    }
}

pub(crate) fn destination_of(transfer: &TransferRecord) -> String {
    transfer
        .receiver
        .name
        .as_ref()
        .map_or_else(|| transfer.receiver.ip.to_string(), |name| name.to_lowercase())
}

/// Where nobody can tell one destination.
pub(crate) const SEVERAL: &str = "several destinations";

/// Who sent, as [`sender_of`] tells it of a transfer.
pub(crate) fn actor_of(anomaly: &Anomaly) -> String {
    match (&anomaly.user, &anomaly.host) {
        (Some(user), _) => sender_named(user),
        (None, Some(host)) => format!("host {}", host.to_lowercase()),
        (None, None) => anomaly.ip.to_string(),
    }
}

/// Groups and department.
fn groups_of(person: Option<&Person>) -> Vec<String> {
    person.iter().flat_map(|person| person.groups.iter().chain(&person.department)).cloned().collect()
}

impl Open {
    /// Begins with a transfer, which is then to be joined.
    pub(crate) fn of_transfer(story: Story, transfer: &TransferRecord, context: &Context) -> Self {
        let sender = &transfer.sender;
        Self {
            user: sender.user.clone(),
            host: sender.host.clone().or_else(|| Some(sender.ip.to_string())),
            sender_ip: Some(sender.ip),
            attribution: sender.evidence.map(|evidence| evidence.to_string()),
            basis: sender.basis,
            attribution_confidence: sender.confidence.unwrap_or(0.0),
            receiver: Some(transfer.receiver.ip),
            asset: context
                .asset(sender.ip, sender.host.as_deref())
                .map(|asset| (asset.name.clone(), asset.value)),
            groups: groups_of(sender.person.as_deref()),
            employment_ends: sender.person.as_ref().and_then(|person| person.employment_ends),
            ..Self::empty("sensitive-egress", story, &transfer.id, transfer.started_at, transfer.ended_at)
        }
    }

    /// Begins with an anomaly, which is then to be joined.
    pub(crate) fn of_anomaly(story: Story, anomaly: &Anomaly, context: &Context) -> Self {
        Self {
            user: anomaly.user.clone(),
            host: anomaly.host.clone().or_else(|| Some(anomaly.ip.to_string())),
            sender_ip: Some(anomaly.ip),
            attribution_confidence: anomaly.confidence.unwrap_or(0.0),
            asset: context
                .asset(anomaly.ip, anomaly.host.as_deref())
                .map(|asset| (asset.name.clone(), asset.value)),
            groups: groups_of(anomaly.person.as_ref()),
            employment_ends: anomaly.person.as_ref().and_then(|person| person.employment_ends),
            ..Self::empty("behavior", story, &anomaly.id, anomaly.since, anomaly.at)
        }
    }

    fn empty(kind: &str, story: Story, first: &str, first_at: Timestamp, last_at: Timestamp) -> Self {
        let id = IdHasher::new()
            .part(kind.as_bytes())
            .part(story.sender.as_bytes())
            .part(story.destination.as_bytes())
            .part(first.as_bytes())
            .finish("i");
        Self {
            id,
            story,
            user: None,
            host: None,
            sender_ip: None,
            attribution: None,
            basis: None,
            attribution_confidence: 0.0,
            first_at,
            last_at,
            bytes: 0,
            complete: true,
            evasion: false,
            protocols: BTreeSet::new(),
            transfer_count: 0,
            transfers: Vec::new(),
            findings: Vec::new(),
            evidence: BTreeMap::new(),
            tags: BTreeSet::new(),
            anomalies: BTreeMap::new(),
            groups: Vec::new(),
            employment_ends: None,
            receiver: None,
            asset: None,
            timeline: Vec::new(),
            destinations: BTreeSet::new(),
        }
    }

    /// Who sent it has become known.
    pub(crate) fn name_sender(&mut self, found: Attribution) {
        self.attribution = found.evidence.map(|evidence| evidence.to_string());
        self.attribution_confidence = found.confidence;
        self.basis = found.basis;
        self.groups = groups_of(found.person.as_ref());
        self.employment_ends = found.person.and_then(|person| person.employment_ends);
        self.user = found.user;
    }

    /// An anomaly belongs to it.
    pub(crate) fn join_anomaly(&mut self, anomaly: &Anomaly, limits: &IncidentLimits) {
        self.first_at = self.first_at.min(anomaly.since);
        self.last_at = self.last_at.max(anomaly.at);
        if self.destinations.len() < limits.destinations {
            self.destinations.extend(anomaly.destination.as_ref().map(|name| name.to_lowercase()));
        }
        let known = self.anomalies.contains_key(&anomaly.id);
        if !known && self.anomalies.len() >= limits.anomalies {
            return;
        }
        for transfer in &anomaly.transfers {
            if self.transfers.len() < limits.members && !self.transfers.contains(transfer) {
                self.transfers.push(transfer.clone());
            }
        }
        self.timeline.retain(|moment| moment.id != anomaly.id);
        if self.timeline.len() < limits.moments {
            let what = format!("{}: {}", anomaly.kind, anomaly.explanation);
            self.timeline.push(Moment { at: anomaly.since, what, id: anomaly.id.clone() });
        }
        self.anomalies.insert(anomaly.id.clone(), anomaly.clone());
    }

    /// Where it went: the host while there is but one, else what they have in common.
    pub(crate) fn destination(&self) -> &str {
        let mut hosts = self.destinations.iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => host,
            _ => &self.story.destination,
        }
    }

    /// All of its content was seen and read; of anomalies alone, nobody has read any.
    pub(crate) const fn was_read(&self) -> bool {
        self.complete && self.transfer_count > 0
    }

    /// Bytes that left: of its transfers, else as far as anomalies count them.
    pub(crate) fn bytes_out(&self) -> u64 {
        let told = self.anomalies.values().map(|anomaly| anomaly.bytes).max().unwrap_or(0);
        self.bytes.max(told)
    }

    /// Another day of the same: what it has is added.
    pub(crate) fn absorb(&mut self, day: Self, limits: &IncidentLimits) {
        fn add<T>(to: &mut Vec<T>, from: Vec<T>, most: usize) {
            to.extend(from);
            to.truncate(most);
        }
        self.first_at = self.first_at.min(day.first_at);
        self.last_at = self.last_at.max(day.last_at);
        self.bytes = self.bytes.saturating_add(day.bytes);
        self.complete &= day.complete;
        self.evasion |= day.evasion;
        self.protocols.extend(day.protocols);
        self.transfer_count += day.transfer_count;
        self.tags.extend(day.tags);
        let left = limits.destinations.saturating_sub(self.destinations.len());
        self.destinations.extend(day.destinations.into_iter().take(left));
        add(&mut self.transfers, day.transfers, limits.members);
        add(&mut self.findings, day.findings, limits.members);
        add(&mut self.timeline, day.timeline, limits.moments);
        for (signature, more) in day.evidence {
            let Some(evidence) = self.evidence.get_mut(&signature) else {
                self.evidence.insert(signature, more);
                continue;
            };
            evidence.severity = evidence.severity.max(more.severity);
            evidence.confidence = evidence.confidence.max(more.confidence);
            evidence.count = evidence.count.saturating_add(more.count);
            evidence.largest = evidence.largest.max(more.largest);
            evidence.transfers += more.transfers;
            let room = limits.values.saturating_sub(evidence.values.len());
            evidence.values.extend(more.values.into_iter().take(room));
            evidence.objects.extend(more.objects);
            evidence.objects.dedup();
            evidence.objects.truncate(OBJECTS_NAMED);
        }
    }

    pub(crate) fn join(
        &mut self,
        transfer: &TransferRecord,
        findings: &[&FindingRecord],
        limits: &IncidentLimits,
    ) {
        self.first_at = self.first_at.min(transfer.started_at);
        self.last_at = self.last_at.max(transfer.ended_at);
        self.bytes = self.bytes.saturating_add(transfer.bytes);
        self.complete &= transfer.complete && transfer.uninspected.is_empty();
        self.evasion |= transfer.inconsistent_overlap;
        self.protocols.insert(transfer.protocol.to_string());
        self.transfer_count += 1;
        if self.destinations.len() < limits.destinations {
            self.destinations.insert(destination_of(transfer));
        }
        if self.transfers.len() < limits.members {
            self.transfers.push(transfer.id.clone());
        }
        if self.timeline.len() < limits.moments {
            self.timeline.push(explain::moment(transfer, findings));
        }
        let mut counted = BTreeSet::new();
        for finding in findings {
            self.tags.extend(finding.tags.iter().cloned());
            if self.findings.len() < limits.members {
                self.findings.push(finding.id.clone());
            }
            let evidence = self.evidence.entry(finding.signature.clone()).or_insert_with(|| Evidence {
                title: finding.title.clone(),
                severity: finding.severity,
                confidence: finding.confidence,
                tags: finding.tags.iter().cloned().collect(),
                count: 0,
                largest: 0,
                values: HashSet::new(),
                transfers: 0,
                objects: Vec::new(),
            });
            evidence.severity = evidence.severity.max(finding.severity);
            evidence.confidence = evidence.confidence.max(finding.confidence);
            evidence.count = evidence.count.saturating_add(finding.count);
            evidence.largest = evidence.largest.max(finding.unique);
            if evidence.values.len() < limits.values {
                evidence.values.extend(&finding.values);
            }
            evidence.transfers += u64::from(counted.insert(&finding.signature));
            if evidence.objects.len() < OBJECTS_NAMED && !evidence.objects.contains(&finding.object) {
                evidence.objects.push(finding.object.clone());
            }
        }
    }
}
