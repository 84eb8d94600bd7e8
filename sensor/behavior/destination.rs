//! Bulk uploads to a destination that somebody has never used, and hardly anybody else either.
//!
//! Owns: how many use a destination. Never does: judging without habits.

use crate::bulk::KNOWN_DAYS;
use crate::profile::{Habit, Profile, hash};
use crate::recent::Recent;
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Least upload, bytes a day; and how often the user's usual day.
const LEAST: u64 = 500_000;
const TIMES_USUAL: f64 = 3.0;
/// Upload, bytes a day, and how often the user's usual day, from which on it is grave by itself.
const GRAVE: u64 = 50_000_000;
const GRAVE_TIMES: f64 = 30.0;
/// Users of a destination from which on it is a common one.
const COMMON: usize = 4;

/// Who uses which destination, as far as it matters.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Popularity(Recent<String, BTreeSet<u64>>);

impl Popularity {
    /// Counts a user of a destination; returns how many others there are.
    pub(crate) fn others(&mut self, actor: &str, destination: &str, setting: Setting<'_>) -> usize {
        let limit = setting.limits.destinations;
        let users = self.0.entry(&destination.to_owned(), setting.now.nanos(), limit, BTreeSet::new);
        let actor = hash(actor);
        if users.len() < setting.limits.users_per_destination {
            users.insert(actor);
        }
        users.len() - usize::from(users.contains(&actor))
    }
}

pub(crate) fn new(
    contact: &Contact<'_>,
    profile: &Profile,
    habit: &Habit,
    others: usize,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let bytes = habit.today.out;
    let usual = profile.volumes.usual();
    let known = profile.days_before >= KNOWN_DAYS;
    let much = bytes >= LEAST && as_f64(bytes) >= TIMES_USUAL * usual && habit.today.is_lopsided(3);
    if !(contact.opened && known && much && habit.is_new(setting.now) && others < COMMON)
        || setting.is_sanctioned(contact.peer)
    {
        return None;
    }
    let rare = match others {
        0 => "that nobody has used before".to_owned(),
        others => format!("that {others} others use"),
    };
    let explanation = format!(
        "{} to a destination {rare} and that is new to the sender; {} are usual in a whole day",
        size(as_f64(bytes)),
        size(usual)
    );
    let far = (as_f64(bytes) / usual.max(1e5)).log10();
    let grave = bytes >= GRAVE && as_f64(bytes) >= GRAVE_TIMES * usual;
    Some(Suspicion {
        severity: if grave { Severity::High } else { Severity::Medium },
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::NewDestination, setting, bytes, explanation)
            .to(contact.peer)
            .with_baseline(usual)
            .scored(0.55 + 0.15 * far)
    })
}
