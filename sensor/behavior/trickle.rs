//! Many small uploads that add up: to one destination, and to many.
//!
//! Owns: the thresholds. Never does: counting contents, whose values the incidents add up.

use crate::profile::{Habit, Profile};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Timestamp};

/// To one destination in a day: number, sum, and how much more than comes back.
const TIMES: u32 = 40;
const SUM: u64 = 500_000;
const LOPSIDED: u64 = 3;
/// To new destinations in a day: number of them, and sum.
const NEW_DESTINATIONS: usize = 10;
const NEW_SUM: u64 = 500_000;

pub(crate) fn one(contact: &Contact<'_>, habit: &Habit, setting: Setting<'_>) -> Option<Suspicion> {
    let (times, sum) = habit.today.small;
    let known = habit.days_before >= 3;
    if !contact.opened || times < TIMES || sum < SUM || !habit.today.is_lopsided(LOPSIDED) || known {
        return None;
    }
    if setting.is_sanctioned(contact.peer) {
        return None;
    }
    let explanation = format!(
        "{times} small uploads of a day come to {}, with little coming back, to a destination that is no habit",
        size(as_f64(sum))
    );
    Some(Suspicion {
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::Trickle, setting, sum, explanation).to(contact.peer).scored(0.5)
    })
}

pub(crate) fn many(profile: &Profile, setting: Setting<'_>) -> Option<Suspicion> {
    if profile.days_before < 5 {
        return None;
    }
    let day = setting.now.day();
    let new: Vec<&Habit> = profile
        .destinations
        .iter()
        .map(|(_, habit)| habit.as_ref())
        .filter(|habit| {
            let today = Timestamp::from_nanos(habit.today.since).day() == day;
            today
                && habit.is_new(setting.now)
                && habit.today.is_lopsided(LOPSIDED)
                && habit.today.small.1 > 4_096
        })
        .collect();
    let sum: u64 = new.iter().map(|habit| habit.today.small.1).sum();
    if new.len() < NEW_DESTINATIONS || sum < NEW_SUM {
        return None;
    }
    let explanation = format!(
        "small uploads to {} destinations that the sender has never used come to {} today",
        new.len(),
        size(as_f64(sum))
    );
    let since = new.iter().map(|habit| habit.today.since).min().unwrap_or_default();
    Some(Suspicion {
        since: Timestamp::from_nanos(since),
        ..Suspicion::of_bytes(AnomalyKind::Trickle, setting, sum, explanation).with_baseline(0.0).scored(0.6)
    })
}
