//! Who acts, with whom, and what detectors say.
//!
//! Owns: the words between the detectors and the stage. Never does: detecting.

use egret_context::{Context, Destination, zone_of};
use egret_model::{AnomalyKind, BehaviorLimits, FlowSummary, Person, Severity, Timestamp, Volume};
use std::net::IpAddr;

/// A user, host or address inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    /// User, where attributed.
    pub user: Option<String>,
    /// Host, where attributed.
    pub host: Option<String>,
    /// Address.
    pub ip: IpAddr,
    /// Attribution confidence.
    pub confidence: Option<f32>,
    /// What the directory knows of the user.
    pub person: Option<Person>,
}

impl Actor {
    /// Whose habits they are: the user's if known, else the host's, else the address's.
    pub(crate) fn key(&self) -> String {
        match (&self.user, &self.host) {
            (Some(user), _) => format!("user {}", user.to_lowercase()),
            (None, Some(host)) => format!("host {}", host.to_lowercase()),
            (None, None) => self.ip.to_string(),
        }
    }

    /// For sentences.
    pub(crate) fn name(&self) -> String {
        self.user.clone().or_else(|| self.host.clone()).unwrap_or_else(|| self.ip.to_string())
    }
}

/// The other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Address.
    pub ip: IpAddr,
    /// Name that the protocol gave it.
    pub name: Option<String>,
    /// It is inside too.
    pub internal: bool,
}

impl Peer {
    /// Name, else address.
    pub(crate) fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| self.ip.to_string(), |name| name.to_lowercase())
    }

    /// A host name, not an address written as one.
    pub(crate) fn host_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| name.trim_matches(['[', ']']).parse::<IpAddr>().is_err())
    }

    /// What habits are remembered for: the registered domain, else the address, so that the many names of one service are one.
    pub(crate) fn habit(&self) -> String {
        match self.host_name() {
            Some(name) => zone_of(&name.to_lowercase()).1.to_owned(),
            None => self.ip.to_string(),
        }
    }
}

/// A flow, or part of one, seen from an actor.
#[derive(Clone, Copy, Debug)]
pub struct Contact<'a> {
    /// Whose.
    pub actor: &'a Actor,
    /// With whom.
    pub peer: &'a Peer,
    /// The flow.
    pub flow: &'a FlowSummary,
    /// The actor opened it.
    pub opened: bool,
}

impl Contact<'_> {
    /// What the actor sent.
    pub(crate) const fn out(&self) -> Volume {
        if self.opened { self.flow.up } else { self.flow.down }
    }

    /// What came back.
    pub(crate) const fn back(&self) -> Volume {
        if self.opened { self.flow.down } else { self.flow.up }
    }
}

/// What detectors may look at besides.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) limits: &'a BehaviorLimits,
    pub(crate) context: &'a Context,
    /// Time of the event.
    pub(crate) now: Timestamp,
}

impl Setting<'_> {
    pub(crate) fn destination(&self, peer: &Peer) -> Option<&Destination> {
        self.context.destination(Some(peer.ip), peer.name.as_deref())
    }

    pub(crate) fn is_sanctioned(&self, peer: &Peer) -> bool {
        self.destination(peer).is_some_and(Destination::is_sanctioned)
    }
}

/// What a detector says: an anomaly without the actor.
#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    pub(crate) kind: AnomalyKind,
    pub(crate) severity: Severity,
    pub(crate) score: f32,
    pub(crate) since: Timestamp,
    pub(crate) destination: Option<String>,
    pub(crate) baseline: Option<f64>,
    pub(crate) observed: f64,
    pub(crate) unit: &'static str,
    pub(crate) bytes: u64,
    pub(crate) explanation: String,
    pub(crate) transfers: Vec<String>,
}

impl Suspicion {
    /// Of medium severity, about bytes.
    pub(crate) fn of_bytes(kind: AnomalyKind, setting: Setting<'_>, bytes: u64, explanation: String) -> Self {
        Self {
            kind,
            severity: Severity::Medium,
            score: 0.6,
            since: setting.now,
            destination: None,
            baseline: None,
            observed: as_f64(bytes),
            unit: "bytes",
            bytes,
            explanation,
            transfers: Vec::new(),
        }
    }

    pub(crate) fn to(self, peer: &Peer) -> Self {
        Self { destination: Some(peer.label()), ..self }
    }

    pub(crate) fn with_baseline(self, baseline: f64) -> Self {
        Self { baseline: Some(baseline), ..self }
    }

    pub(crate) fn scored(self, score: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
        let score = ((score.clamp(0.0, 1.0) * 100.0).round() / 100.0) as f32;
        Self { score, ..self }
    }
}

/// Counts as fractions; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes stay far below 2^53")]
pub(crate) const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// A size for people: `1.5 MB`.
pub(crate) fn size(bytes: f64) -> String {
    match bytes {
        0.0..1e3 => format!("{bytes:.0} bytes"),
        1e3..1e6 => format!("{:.1} kB", bytes / 1e3),
        1e6..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use egret_model::{Endpoint, FlowKind};

    /// A flow without anything special.
    pub(crate) fn flow(now: Timestamp) -> FlowSummary {
        FlowSummary {
            kind: FlowKind::Tcp,
            initiator: Endpoint { ip: [10, 0, 0, 1].into(), port: 50_000 },
            responder: Endpoint { ip: [192, 0, 2, 1].into(), port: 443 },
            macs: (None, None),
            opened_at: now,
            last_at: now,
            up: Volume::default(),
            down: Volume::default(),
            protocol: None,
            server_name: None,
            ja4: None,
            via_proxy: false,
            midstream: false,
            continued: false,
        }
    }
}
