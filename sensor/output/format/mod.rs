//! Incidents in the formats of other systems: each a file of its own, all made of the same case.
//!
//! Owns: the registry of formats. Never does: I/O; formats of records that are no incident.
//!
//! Every text in a case may come from an attacker: each format escapes what would mean something to whoever reads it.

mod cef;
mod community_id;
mod csv;
mod ecs;
mod eve;
mod ocsf;
#[cfg(test)]
pub(crate) mod tests;

pub use community_id::community_id;

use crate::case_json;
use egret_model::{Case, IncidentView, Severity};

/// A format for incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Native records with what belongs to them, JSON lines.
    Json,
    /// EVE JSON of Suricata: an alert for each finding.
    Eve,
    /// OCSF Data Security Finding (class 2006), JSON lines.
    Ocsf,
    /// OCSF Detection Finding (class 2004), JSON lines.
    OcsfDetection,
    /// Elastic Common Schema, JSON lines.
    Ecs,
    /// ArcSight Common Event Format.
    Cef,
    /// A table for spreadsheets.
    Csv,
}

/// The sensor that tells, where a format names it.
#[derive(Clone, Debug)]
pub struct Teller {
    /// Its host.
    pub host: String,
    /// Version of egret.
    pub version: String,
}

impl Format {
    /// The formats by their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("json", Self::Json),
        ("eve", Self::Eve),
        ("ocsf", Self::Ocsf),
        ("ocsf-detection", Self::OcsfDetection),
        ("ecs", Self::Ecs),
        ("cef", Self::Cef),
        ("csv", Self::Csv),
    ];

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// What stands before the first case.
    #[must_use]
    pub fn header(self) -> Option<String> {
        (self == Self::Csv).then(csv::header)
    }

    /// A case as lines, without line ends: one for most formats.
    pub fn lines(self, case: &Case, teller: &Teller) -> Result<Vec<String>, serde_json::Error> {
        let line = |value: serde_json::Value| vec![value.to_string()];
        Ok(match self {
            Self::Json => line(case_json(case)?),
            Self::Eve => eve::events(case).iter().map(ToString::to_string).collect(),
            Self::Ocsf => line(ocsf::data_security_finding(case, teller)),
            Self::OcsfDetection => line(ocsf::detection_finding(case, teller)),
            Self::Ecs => line(ecs::event(case, teller)),
            Self::Cef => vec![cef::event(case, teller)],
            Self::Csv => vec![csv::row(case)],
        })
    }
}

/// The number that a severity has in a scale, from info to critical.
fn scaled<T: Copy>(severity: Severity, [info, low, medium, high, critical]: [T; 5]) -> T {
    match severity {
        Severity::Info => info,
        Severity::Low => low,
        Severity::Medium => medium,
        Severity::High => high,
        Severity::Critical => critical,
    }
}

/// What an incident is, for people: its title and every reason.
fn description(incident: &IncidentView) -> String {
    incident.reasons.join("; ")
}

/// Milliseconds since the epoch.
fn milliseconds(at: egret_model::Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000)
}

/// The transport that a protocol usually runs over: what records don't tell and other systems ask for.
fn transport(protocol: &str) -> &'static str {
    match protocol {
        "dns" | "tftp" | "quic" | "udp" | "syslog" => "udp",
        "icmp" => "icmp",
        _ => "tcp",
    }
}

/// An object without the fields that are null, empty, or objects without fields.
fn without_empty(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(name, value)| (name, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(values) => {
            Value::Array(values.into_iter().map(without_empty).filter(|value| !is_empty(value)).collect())
        }
        value => value,
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
