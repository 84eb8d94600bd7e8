//! Contacts as regular as a clock that carry data out.
//!
//! Owns: the thresholds. Never does: minding polls, which bring more than they carry.

use crate::profile::Habit;
use crate::statistics::median_and_deviation;
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Timestamp};

/// Contacts, and how regular: the deviation of their distances, as a part of their median.
const CONTACTS: usize = 12;
const IRREGULARITY: f64 = 0.15;
/// Distances between contacts, seconds: from what nobody does by hand to a day.
const DISTANCE: std::ops::Range<f64> = 10.0..90_000.0;
/// What each carries, bytes.
const CARRIED: f64 = 2_000.0;

pub(crate) fn with_data(
    contact: &Contact<'_>,
    habit: &Habit,
    others: usize,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    if !contact.opened || habit.times.len() < CONTACTS || others >= 3 || setting.is_sanctioned(contact.peer) {
        return None;
    }
    // What has been going on for weeks is a backup.
    if habit.days_before >= 7 || !habit.today.is_lopsided(1) {
        return None;
    }
    let times = habit.times.iter().map(|(at, _)| *at);
    let distances: Vec<f64> =
        times.clone().zip(times.skip(1)).map(|(a, b)| as_f64((b - a).max(0).unsigned_abs()) / 1e9).collect();
    let (distance, deviation) = median_and_deviation(&distances);
    let carried: Vec<f64> = habit.times.iter().map(|(_, bytes)| as_f64(*bytes)).collect();
    let (each, _) = median_and_deviation(&carried);
    if !DISTANCE.contains(&distance) || deviation > IRREGULARITY * distance || each < CARRIED {
        return None;
    }
    let sum: u64 = habit.times.iter().map(|(_, bytes)| bytes).sum();
    let explanation = format!(
        "a contact every {distance:.0} seconds, each carrying {} out and less back: {} in the last {}",
        size(each),
        size(as_f64(sum)),
        habit.times.len()
    );
    let since = habit.times.front().map_or(setting.now, |(at, _)| Timestamp::from_nanos(*at));
    Some(Suspicion {
        since,
        ..Suspicion::of_bytes(AnomalyKind::Beaconing, setting, sum, explanation)
            .to(contact.peer)
            .scored(0.6 + if contact.peer.host_name().is_none() { 0.15 } else { 0.0 })
    })
}
