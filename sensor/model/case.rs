//! Native records read back: what the store keeps, and what reports and exports are made of.
//!
//! Owns: the reading side of the records of DESIGN. A field that a record lacks takes its default and one that is not known here is
//! passed over, so that records of older and newer releases can be read. Never does: I/O; deciding.

use crate::{Confidence, Moment, RiskShare, Severity, Timestamp, UserRisk};
use serde::Deserialize;

/// An incident with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the sensor said.
    pub incident: IncidentView,
    /// The incident's record as it was written: JSON.
    pub record: String,
    /// What analysts have made of it.
    pub handling: Handling,
    /// Its transfers, as far as they were kept, in order of time.
    pub transfers: Vec<TransferView>,
    /// Its findings, likewise.
    pub findings: Vec<FindingView>,
    /// The records of those transfers, in the same order, as they were written.
    pub transfer_records: Vec<String>,
    /// The records of those findings, likewise.
    pub finding_records: Vec<String>,
}

/// What analysts have made of an incident. Outlives every update by the sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handling {
    /// Whether somebody still has to look at it.
    pub state: CaseState,
    /// What it turned out to be; None while it is open.
    pub verdict: Option<Verdict>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// When the sensor or an analyst last changed it, by the clock.
    pub updated_at: Timestamp,
    /// Notes, the oldest first.
    pub notes: Vec<Note>,
}

/// Whether somebody still has to look at an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaseState {
    /// Yes.
    #[default]
    Open,
    /// No.
    Closed,
}

/// What an incident turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Data left that should not have.
    Confirmed,
    /// It was no sensitive data.
    FalseAlarm,
    /// It was, and it was allowed to leave.
    Accepted,
}

impl CaseState {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// From what [`Self::name`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|state| state.name() == name)
    }
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Confirmed, Self::FalseAlarm, Self::Accepted];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::FalseAlarm => "false-alarm",
            Self::Accepted => "accepted",
        }
    }

    /// From what [`Self::name`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// What somebody wrote about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When, by the clock.
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// What.
    pub text: String,
}

/// An incident's record.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the record `Incident`")]
pub struct IncidentView {
    pub id: String,
    pub kind: String,
    pub severity: Severity,
    pub risk: u8,
    pub title: String,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub host: Option<String>,
    #[serde(default)]
    pub destination: String,
    #[serde(default)]
    pub attack: Vec<String>,
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub reasons: Vec<String>,
    #[serde(default)]
    pub bytes: u64,
    #[serde(default)]
    pub transfers: Vec<String>,
    #[serde(default)]
    pub findings: Vec<String>,
    #[serde(default)]
    pub risk_shares: Vec<RiskShare>,
    #[serde(default)]
    pub user_risk: Option<UserRisk>,
    #[serde(default)]
    pub anomalies: Vec<AnomalyView>,
    #[serde(default)]
    pub timeline: Vec<Moment>,
    #[serde(default)]
    pub profile: Option<ProfileView>,
    #[serde(default)]
    pub policy: PolicyView,
    #[serde(default)]
    pub attribution_confidence: Option<f32>,
}

/// An anomaly of an incident.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the record `Anomaly`")]
pub struct AnomalyView {
    pub id: String,
    pub kind: String,
    pub severity: Severity,
    #[serde(default)]
    pub score: f32,
    pub since: Timestamp,
    pub at: Timestamp,
    #[serde(default)]
    pub destination: Option<String>,
    #[serde(default)]
    pub baseline: Option<f64>,
    #[serde(default)]
    pub observed: f64,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub bytes: u64,
    #[serde(default)]
    pub attack: String,
    #[serde(default)]
    pub explanation: String,
}

/// Which kind of insider an incident fits best.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the record `Profile`")]
pub struct ProfileView {
    pub kind: String,
    pub share: f32,
    pub reasons: Vec<String>,
}

/// Whether an incident is allowed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the record `Policy`")]
pub struct PolicyView {
    pub verdict: String,
    pub rule: Option<String>,
    pub reason: String,
}

/// A transfer's record.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the record `TransferRecord`")]
pub struct TransferView {
    pub id: String,
    #[serde(default)]
    pub capture: String,
    pub protocol: String,
    #[serde(default)]
    pub operation: String,
    pub direction: String,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    #[serde(default)]
    pub tunnel: Vec<String>,
    pub sender: PartyView,
    pub receiver: PartyView,
    #[serde(default)]
    pub bytes: u64,
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub readable: bool,
    #[serde(default)]
    pub facts: Vec<(String, String)>,
    #[serde(default)]
    pub objects: Vec<ObjectView>,
    #[serde(default)]
    pub findings: Vec<String>,
}

/// One end of a transfer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the record `Party`")]
pub struct PartyView {
    pub ip: String,
    pub port: u16,
    pub mac: Option<String>,
    pub name: Option<String>,
    pub host: Option<String>,
    pub user: Option<String>,
    pub domain: Option<String>,
    pub evidence: Option<String>,
    pub confidence: Option<f32>,
}

/// One object of a transfer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the record `ObjectRecord`")]
pub struct ObjectView {
    pub path: String,
    pub filename: Option<String>,
    pub media_type: Option<String>,
    pub size: u64,
    pub sha256: String,
    pub state: String,
}

/// A finding's record.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the record `FindingRecord`")]
pub struct FindingView {
    pub id: String,
    pub transfer: String,
    #[serde(default)]
    pub object: String,
    pub signature: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub tags: Vec<String>,
    pub severity: Severity,
    pub confidence: Confidence,
    #[serde(default)]
    pub count: u64,
    #[serde(default)]
    pub unique: u64,
    #[serde(default)]
    pub matches: Vec<MatchView>,
}

/// One redacted match of a finding.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the record `Match`")]
pub struct MatchView {
    pub offset: u64,
    pub length: u64,
    pub redacted: String,
    pub context: String,
    pub why: Vec<String>,
}

impl IncidentView {
    /// The user if known, else the host, else nobody.
    #[must_use]
    pub fn who(&self) -> &str {
        self.user.as_deref().or(self.host.as_deref()).unwrap_or("unknown")
    }
}
