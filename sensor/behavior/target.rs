//! Data in the targets of requests: content that no body carries.
//!
//! Owns: the thresholds. Never does: decoding; the bytes are scanned as content like any other.

use crate::profile::{Habit, Profile};
use crate::suspicion::{Peer, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Severity, Timestamp, TransferRecord};

/// Encoded bytes in targets to one destination in a day, and requests that carry them: measurements of pages carry a few long keys.
const LEAST: u64 = 4_096;
const REQUESTS: u32 = 8;

/// Encoded bytes in the target of the request that a transfer is.
pub(crate) fn encoded(transfer: &TransferRecord) -> Option<u64> {
    let (_, value) = transfer.facts.iter().find(|(name, _)| *name == "encoded-in-target")?;
    value.parse().ok()
}

pub(crate) fn channel(
    transfer: &TransferRecord,
    bytes: u64,
    profile: &mut Profile,
    peer: &Peer,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let habit: Habit = profile.note_encoded(&peer.habit(), bytes, setting);
    let (sum, requests) = habit.today.encoded;
    if sum < LEAST || requests < REQUESTS || habit.days_before >= 5 || setting.is_sanctioned(peer) {
        return None;
    }
    let explanation = format!(
        "{requests} requests of a day carry {} of encoded data in their targets: content leaves where none is looked for",
        size(as_f64(sum))
    );
    Some(Suspicion {
        severity: if sum >= 25 * LEAST { Severity::High } else { Severity::Medium },
        since: Timestamp::from_nanos(habit.today.since),
        transfers: vec![transfer.id.clone()],
        ..Suspicion::of_bytes(AnomalyKind::TargetChannel, setting, sum, explanation).to(peer).scored(0.65)
    })
}
