//! Bulk uploads outside of somebody's own hours.
//!
//! Owns: the thresholds. Never does: knowing office hours: what counts is when this user, or this nightly job, is active; of somebody who
//! is new, when the peers are.

use crate::peers::Baseline;
use crate::profile::{Habit, Profile, hour_of};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Timestamp};

/// Days of activity before hours are known.
pub(crate) const KNOWN_DAYS: u32 = 5;
/// Least upload, bytes in a night, and how often the user's usual day.
const LEAST: u64 = 500_000;
const TIMES_USUAL: f64 = 1.5;

/// `sent` is what left in hours that were never active, today.
pub(crate) fn off(
    contact: &Contact<'_>,
    profile: &Profile,
    habit: &Habit,
    sent: u64,
    peers: Option<&Baseline>,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let usual = profile.volumes.usual();
    let much = sent >= LEAST && as_f64(sent) >= TIMES_USUAL * usual;
    if !(contact.opened && profile.days_before >= KNOWN_DAYS && much) || setting.is_sanctioned(contact.peer) {
        return None;
    }
    let at = setting.now.to_the_second();
    let peers = peers.map(|peers| peers.remark(sent)).unwrap_or_default();
    let explanation = format!(
        "{} left around {} UTC, when the sender was active on none of {} days; {} are usual in a whole day{peers}",
        size(as_f64(sent)),
        at.get(11..16).unwrap_or_default(),
        profile.days_before,
        size(usual)
    );
    Some(Suspicion {
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::OffHours, setting, sent, explanation)
            .to(contact.peer)
            .with_baseline(usual)
            .scored(0.55 + if habit.is_new(setting.now) { 0.2 } else { 0.0 })
    })
}

/// Somebody whose own hours are not known yet sends in bulk when no peer is ever active.
pub(crate) fn off_of_peers(
    contact: &Contact<'_>,
    profile: &Profile,
    habit: &Habit,
    peers: &Baseline,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let sent = habit.today.out;
    let much = sent >= LEAST && as_f64(sent) >= TIMES_USUAL * peers.bytes;
    let hour = u32::try_from(hour_of(setting.now)).unwrap_or_default();
    let unusual = peers.is_unusual_hour(hour);
    if !(contact.opened && profile.days_before < KNOWN_DAYS && unusual && much)
        || setting.is_sanctioned(contact.peer)
    {
        return None;
    }
    let explanation = format!(
        "{} left around {} UTC, when none of {} peers in {} is ever active; the user's own hours are not known yet",
        size(as_f64(sent)),
        setting.now.to_the_second().get(11..16).unwrap_or_default(),
        peers.peers,
        peers.group
    );
    Some(Suspicion {
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::OffHours, setting, sent, explanation)
            .to(contact.peer)
            .with_baseline(peers.bytes)
            .scored(0.5)
    })
}
