//! Several users who send the same content, or bulk to the same rare destination.
//!
//! Owns: contents by hash with their senders, and the senders to rare destinations. Never does: minding what everybody sends.

use crate::profile::DAY_NS;
use crate::recent::Recent;
use crate::suspicion::{Actor, Contact, Peer, Setting, Suspicion, as_f64, size};
use egret_context::DestinationKind;
use egret_model::{AnomalyKind, Confidence, FindingRecord, ObjectState, Severity, Timestamp, TransferRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Smaller objects are everybody's, bytes.
const LEAST: u64 = 4_096;
/// Bulk to a rare destination, bytes a sender.
const BULK: u64 = 500_000;
/// What lies further apart is no concert, nanoseconds (7 days).
const WINDOW_NS: i64 = 7 * DAY_NS;
/// Senders from which on it is what everybody does.
const EVERYBODY: usize = 8;
/// Users that a sensor must know before a destination can be called rare.
const KNOWN_ACTORS: usize = 10;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Collusion {
    contents: Recent<String, Senders>,
    destinations: Recent<String, Senders>,
}

/// Senders, by key: name, time of the first and bytes.
type Senders = BTreeMap<String, (String, i64, u64)>;

impl Collusion {
    /// Content that left and that somebody should mind.
    pub(crate) fn transfer(
        &mut self,
        actor: &Actor,
        peer: &Peer,
        transfer: &TransferRecord,
        findings: &[FindingRecord],
        setting: Setting<'_>,
    ) -> Option<Suspicion> {
        actor.user.as_ref()?;
        let mut large = transfer.objects.iter().filter(|object| object.size >= LEAST).peekable();
        if large.peek().is_none() || setting.is_sanctioned(peer) {
            return None;
        }
        let mut told = None;
        for object in large {
            // What is of little weight, or not sure, is passed around among colleagues all day.
            let sensitive = findings.iter().any(|finding| {
                finding.object == object.path
                    && finding.severity >= Severity::High
                    && finding.confidence == Confidence::High
            });
            if !sensitive && object.state != ObjectState::Encrypted {
                continue;
            }
            let now = setting.now.nanos();
            let senders = self.contents.entry(&object.sha256, now, setting.limits.contents, BTreeMap::new);
            if let Some((names, since)) = join(senders, actor, object.size, now) {
                let explanation = format!(
                    "{names} sent the same {} within a week, the last of them to {}",
                    size(as_f64(object.size)),
                    peer.label()
                );
                told = Some(Suspicion {
                    severity: Severity::Medium,
                    since,
                    observed: as_f64(senders.len() as u64),
                    unit: "senders",
                    transfers: vec![transfer.id.clone()],
                    ..Suspicion::of_bytes(AnomalyKind::Collusion, setting, object.size, explanation)
                        .to(peer)
                        .with_baseline(1.0)
                        .scored(0.65)
                });
            }
        }
        told
    }

    /// Bulk to a destination that nearly nobody uses. `sent` is today's, `known_actors` how many users and hosts are known.
    pub(crate) fn flow(
        &mut self,
        contact: &Contact<'_>,
        sent: u64,
        known_actors: usize,
        setting: Setting<'_>,
    ) -> Option<Suspicion> {
        contact.actor.user.as_ref()?;
        if !contact.opened || sent < BULK || known_actors < KNOWN_ACTORS {
            return None;
        }
        let kind = setting.destination(contact.peer).map(|known| known.kind);
        if kind.is_some_and(|kind| kind != DestinationKind::Anonymiser && kind != DestinationKind::Paste) {
            return None;
        }
        let now = setting.now.nanos();
        let senders =
            self.destinations.entry(&contact.peer.habit(), now, setting.limits.destinations, BTreeMap::new);
        let (names, since) = join(senders, contact.actor, sent, now)?;
        let sum: u64 = senders.values().map(|(_, _, bytes)| bytes).sum();
        let explanation = format!(
            "{names} have sent {} to this destination within a week, and hardly anybody else uses it",
            size(as_f64(sum))
        );
        Some(Suspicion {
            since,
            observed: as_f64(senders.len() as u64),
            unit: "senders",
            ..Suspicion::of_bytes(AnomalyKind::Collusion, setting, sum, explanation)
                .to(contact.peer)
                .with_baseline(1.0)
                .scored(0.5)
        })
    }
}

/// Adds a sender. Names and the first time, once there are several and not everybody.
fn join(senders: &mut Senders, actor: &Actor, bytes: u64, now: i64) -> Option<(String, Timestamp)> {
    senders.retain(|_, (_, at, _)| now - *at <= WINDOW_NS);
    if senders.len() < EVERYBODY || senders.contains_key(&actor.key()) {
        senders.entry(actor.key()).or_insert_with(|| (actor.name(), now, 0)).2 = bytes;
    }
    if !(2..EVERYBODY).contains(&senders.len()) {
        return None;
    }
    let names: Vec<&str> = senders.values().map(|(name, _, _)| name.as_str()).collect();
    let since = senders.values().map(|(_, at, _)| *at).min().unwrap_or(now);
    let (last, others) = names.split_last()?;
    Some((format!("{} and {last}", others.join(", ")), Timestamp::from_nanos(since)))
}
