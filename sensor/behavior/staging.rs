//! A bulk read from inside, then a like volume out, also after compression.
//!
//! Owns: the thresholds. Never does: following single files.

use crate::profile::{DAY_NS, Habit, Profile};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Severity, Timestamp};

/// Least bytes read within a day before, and least bytes sent.
const READ: u64 = 500_000;
const SENT: u64 = 200_000;
/// What was read, divided by what was sent: from a little less (encryption, encodings) to strong compression.
const RATIO: std::ops::Range<f64> = 0.8..12.0;

/// `asset` is the worth of the most valuable asset that was read.
pub(crate) fn out_after_read(
    contact: &Contact<'_>,
    profile: &Profile,
    habit: &Habit,
    asset: f32,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let (sent, read) = (habit.today.out, profile.read_within(DAY_NS, setting.now));
    let like = RATIO.contains(&(as_f64(read) / as_f64(sent.max(1))));
    let valuable = asset >= 2.0;
    let noteworthy = habit.is_new(setting.now) || valuable;
    let unusual = as_f64(sent) >= 1.5 * profile.volumes.usual();
    if !contact.opened
        || sent < SENT
        || read < READ
        || !like
        || !noteworthy
        || !unusual
        || !habit.today.is_lopsided(3)
    {
        return None;
    }
    if setting.is_sanctioned(contact.peer) {
        return None;
    }
    let from = if valuable { " from a high-value asset" } else { " from inside" };
    let explanation = format!(
        "{} were read{from} within a day, then {} left to a destination that is new to the sender",
        size(as_f64(read)),
        size(as_f64(sent))
    );
    Some(Suspicion {
        severity: if valuable { Severity::High } else { Severity::Medium },
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::Staging, setting, sent, explanation)
            .to(contact.peer)
            .scored(if profile.days_before >= 3 { 0.75 } else { 0.55 } + if valuable { 0.15 } else { 0.0 })
    })
}
