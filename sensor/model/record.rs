//! The native records of DESIGN: the one source of every output format.

use crate::{
    Anomaly, Basis, Confidence, Coverage, Evidence, Excepted, ObjectRecord, Person, Protocol, Severity,
    Timestamp, Uninspected,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Where content went, seen from the organisation. Decided by who **sent** it, not by who opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From inside to outside.
    Egress,
    /// From outside to inside.
    Ingress,
    /// Both ends inside.
    Internal,
    /// Both ends outside.
    External,
}

/// One end of a transfer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Party {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// Link address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Name the protocol gave this end (Host header, SNI, mail server).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Host by attribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// User by attribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// From what evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How sure, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// How the evidence for `user` reaches the moment, where it was not seen before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// Users that the evidence names as well as, or instead of, `user`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// What the directory knows of `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Box<Person>>,
}

impl Party {
    /// An end of which only the address is known.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self {
            ip,
            port,
            mac: None,
            name: None,
            host: None,
            user: None,
            domain: None,
            evidence: None,
            confidence: None,
            basis: None,
            alternatives: Vec::new(),
            person: None,
        }
    }
}

/// One movement of content: a line of `transfers.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransferRecord {
    /// `t-…`
    pub id: String,
    /// Capture that held its first packet.
    pub capture: String,
    /// Protocol.
    pub protocol: Protocol,
    /// What was asked for.
    pub operation: String,
    /// Where it went.
    pub direction: Direction,
    /// First packet of the exchange.
    pub started_at: Timestamp,
    /// Last packet of the content.
    pub ended_at: Timestamp,
    /// Tunnels, outermost first.
    pub tunnel: Vec<String>,
    /// Who sent the content.
    pub sender: Party,
    /// Who got it.
    pub receiver: Party,
    /// Content bytes on the wire, transfer codings removed.
    pub bytes: u64,
    /// All of it was seen.
    pub complete: bool,
    /// It could be read (not encrypted).
    pub readable: bool,
    /// Overlapping segments carried different bytes: somebody may be evading inspection.
    #[serde(skip_serializing_if = "is_false")]
    pub inconsistent_overlap: bool,
    /// Content bytes that were not inspected, by reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uninspected: Vec<(Uninspected, u64)>,
    /// Facts of the protocol (mail-from, rcpt-to …).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(&'static str, String)>,
    /// The body and everything unpacked from it.
    pub objects: Vec<ObjectRecord>,
    /// Ids of its findings.
    pub findings: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// One redacted match of a finding.
pub type MatchRecord = crate::Match;

/// One signature that matched one object: a line of `findings.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingRecord {
    /// `f-…`
    pub id: String,
    /// Its transfer.
    pub transfer: String,
    /// Path of its object.
    pub object: String,
    /// Signature id.
    pub signature: String,
    /// Signature title.
    pub title: String,
    /// Signature owner.
    pub owner: String,
    /// Tags of the signature.
    pub tags: Vec<String>,
    /// Severity after escalation.
    pub severity: Severity,
    /// Confidence reached.
    pub confidence: Confidence,
    /// Matches.
    pub count: u64,
    /// Distinct values.
    pub unique: u64,
    /// The first matches.
    pub matches: Vec<MatchRecord>,
    /// What exceptions let pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excepted: Option<Excepted>,
    /// Fewer than the signature reports by themselves: no incident of its own, but part of the sender's day.
    #[serde(skip_serializing_if = "is_false")]
    pub below_threshold: bool,
    /// Distinct values of a sender's day from which they are reported together.
    #[serde(skip)]
    pub per_sender_day: Option<u64>,
    /// Keyed hashes of distinct values; never written.
    #[serde(skip)]
    pub values: Vec<u64>,
}

/// One piece of identity evidence: a line of `sightings.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SightingRecord {
    /// When.
    pub at: Timestamp,
    /// Address; null where the evidence tells only the link address.
    pub ip: Option<IpAddr>,
    /// Link address.
    pub mac: Option<String>,
    /// Host name.
    pub host: Option<String>,
    /// User name.
    pub user: Option<String>,
    /// Domain.
    pub domain: Option<String>,
    /// What kind of evidence.
    pub evidence: Evidence,
    /// When it ceases to hold.
    pub until: Option<Timestamp>,
}

/// What an analyst acts on: a line of `incidents.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// `i-…`, stable over updates.
    pub id: String,
    /// `sensitive-egress`, …
    pub kind: String,
    /// Severity.
    pub severity: Severity,
    /// 0 to 100.
    pub risk: u8,
    /// One line for people.
    pub title: String,
    /// First transfer.
    pub first_at: Timestamp,
    /// Last transfer.
    pub last_at: Timestamp,
    /// User, where attributed.
    pub user: Option<String>,
    /// Host, where attributed; else the address.
    pub host: Option<String>,
    /// Where it went: name, else address.
    pub destination: String,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// Everything it speaks of was completely seen.
    pub complete: bool,
    /// Why it was raised, in sentences.
    pub reasons: Vec<String>,
    /// Content bytes of its transfers.
    pub bytes: u64,
    /// Its transfers.
    pub transfers: Vec<String>,
    /// Its findings.
    pub findings: Vec<String>,
    /// What its risk is made of, the largest part first: the parts' sum, held between 0 and 100 and rounded, is the risk.
    pub risk_shares: Vec<RiskShare>,
    /// The user's risk as it stood when this was told; none where no user is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_risk: Option<UserRisk>,
    /// What was unusual about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
    /// What happened, in order of time; the first few hundred.
    pub timeline: Vec<Moment>,
    /// Which kind of insider fits best, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Whether the organisation's rules of acceptable use allow it.
    pub policy: Policy,
    /// How sure the attribution to the user is, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution_confidence: Option<f32>,
}

/// One thing that counted for a risk, with its part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskShare {
    /// What: a phrase.
    pub what: String,
    /// Its part, in points of 0 to 100; may be negative.
    pub points: f32,
}

/// How much of a risk a user is, from everything that happened of late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRisk {
    /// 0 to 100.
    pub score: u8,
    /// When it stood so.
    pub at: Timestamp,
    /// What it is made of, the largest part first.
    pub shares: Vec<RiskShare>,
}

/// One moment of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What happened, a phrase.
    pub what: String,
    /// The transfer, finding or anomaly that it is, by id.
    pub id: String,
}

/// Kinds of insiders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InsiderProfile {
    /// Takes data on purpose: hides, stages, trickles, leaves soon.
    Malicious,
    /// Breaks the rules without hiding it.
    Negligent,
    /// A supplier or partner with access.
    ThirdParty,
    /// Somebody else uses the account or the host.
    Compromised,
    /// Several people act together.
    Collusion,
}

/// Which kind of insider an incident fits best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The kind.
    pub kind: InsiderProfile,
    /// Its part of all that speaks for any kind, 0.0 to 1.0.
    pub share: f32,
    /// What speaks for it, a phrase each.
    pub reasons: Vec<String>,
}

/// What the rules of acceptable use say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyVerdict {
    /// No rule speaks of it.
    #[default]
    Unregulated,
    /// A rule allows it.
    Allowed,
    /// A rule forbids it.
    Forbidden,
}

/// Whether an incident is allowed, and by which rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The verdict.
    pub verdict: PolicyVerdict,
    /// The rule, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why, a sentence.
    pub reason: String,
}

/// What exceptions of one signature let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExceptedSum {
    /// Findings, whole or in part.
    pub findings: u64,
    /// Matches.
    pub matches: u64,
}

/// `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Packets read.
    pub packets: u64,
    /// Bytes of those packets as captured.
    pub bytes: u64,
    /// TCP connections, UDP sessions and ICMP exchanges.
    pub flows: u64,
    /// Transfers recorded.
    pub transfers: u64,
    /// Findings recorded.
    pub findings: u64,
    /// Pieces of identity evidence.
    pub sightings: u64,
    /// Incidents raised.
    pub incidents: u64,
    /// Flows in which overlapping segments carried different bytes.
    pub inconsistent_overlaps: u64,
    /// Time of the first packet.
    pub first_at: Option<Timestamp>,
    /// Time of the last packet.
    pub last_at: Option<Timestamp>,
    /// What exceptions of signatures let pass, by signature.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub excepted: BTreeMap<String, ExceptedSum>,
    /// Exceptions that would have let something pass, had they not ended: signature, subject and last day, a sentence each.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub expired_exceptions: BTreeSet<String>,
    /// The ledger.
    pub coverage: Coverage,
    /// What went wrong with the input, a sentence each: name, place, reason.
    pub problems: Vec<String>,
}
