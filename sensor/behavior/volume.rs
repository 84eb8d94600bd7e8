//! How much a user uploads in a day: against the user's own weekdays or weekends, and for slow leaks over days.
//!
//! Owns: the totals of the last days. Never does: telling where it went.
//!
//! Uploads of one person spread over orders of magnitude, so logarithms are compared: the median and the median absolute deviation
//! of the last 28 days of the same kind. Since one day in a hundred is a harmless exception (a film, a backup), a single high day
//! must be far out to count; more than usual together with more destinations than usual counts earlier, and so does a little more
//! day after day (CUSUM).

use crate::distinct::Distinct;
use crate::peers::Baseline;
use crate::profile::{DAY_NS, Profile};
use crate::statistics::{median, median_and_deviation};
use crate::suspicion::{Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Days remembered.
const HISTORY: usize = 28;
/// Days of the same kind before anything is judged: three weeks of working days, three weekends.
const WEEKDAYS_NEEDED: usize = 15;
const WEEKEND_DAYS_NEEDED: usize = 6;
/// Least deviation that is believed, in natural logarithms: with few days it is easily too small, and everybody's days differ by a
/// factor of two.
const LEAST_DEVIATION: f64 = 0.7;
/// The same for the number of destinations.
const LEAST_SPREAD: f64 = 3.0;
/// A single day counts in full when it is this many deviations up.
const FAR_OUT: f64 = 8.5;
/// Geometric mean of the deviations of volume (6 at most) and destinations that counts in full.
const BOTH_UP: f64 = 3.2;
/// What a day adds to the sum of a slow leak: its deviations, held to this, less what is allowed.
const STEP_MOST: f64 = 2.5;
const STEP_ALLOWED: f64 = 0.5;
/// The sum of a slow leak that counts in full, and the most that is kept of it, so that it ends when the leak ends.
const LEAK: f64 = 9.0;
/// Time in which somebody comes to know the usual destinations, nanoseconds (7 days).
const KNOWN_NS: i64 = 7 * DAY_NS;
/// Days before today on which one destination took some of a leak.
const DAYS_OF_LEAK: u32 = 3;
/// Uploads of a day below this are never unusual by their volume, bytes.
const LEAST_BYTES: u64 = 1_000_000;

/// The totals of one user's days.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Volumes {
    today: Day,
    history: VecDeque<Total>,
    leak: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Day {
    day: i64,
    bytes: u64,
    destinations: Distinct,
}

/// A day that is over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Total {
    day: i64,
    bytes: u64,
    destinations: u64,
}

/// How unusual a day is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assessment {
    /// 1 is where it counts in full.
    pub(crate) score: f64,
    /// A single day is far out.
    pub(crate) volume: f64,
    /// More bytes to more destinations.
    pub(crate) both: f64,
    /// Sum of a slow leak.
    pub(crate) leak: f64,
    usual_bytes: f64,
}

const fn is_weekend(day: i64) -> bool {
    // Day 0 was a Thursday.
    matches!((day + 3).rem_euclid(7), 5 | 6)
}

impl Volumes {
    /// Adds an upload; returns what the days before have come to, if this begins another one. Of more destinations than
    /// `exact_most`, their number is an estimate.
    pub(crate) fn add(
        &mut self,
        day: i64,
        bytes: u64,
        destination: u64,
        exact_most: usize,
    ) -> Option<Assessment> {
        let mut closed = None;
        if day > self.today.day {
            closed = self.close();
            self.today = Day { day, ..Day::default() };
        }
        self.today.bytes = self.today.bytes.saturating_add(bytes);
        self.today.destinations.insert(destination, exact_most);
        closed
    }

    /// Ends the present day.
    fn close(&mut self) -> Option<Assessment> {
        let Day { day, bytes, ref destinations } = self.today;
        if bytes == 0 {
            return None;
        }
        let total = Total { day, bytes, destinations: destinations.count() };
        let assessment = self.assess(total);
        self.leak = assessment.map_or(self.leak, |assessment| assessment.leak * LEAK);
        self.history.push_back(total);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        assessment
    }

    /// How unusual the present day is so far.
    pub(crate) fn today(&self) -> Option<Assessment> {
        let Day { day, bytes, ref destinations } = self.today;
        self.assess(Total { day, bytes, destinations: destinations.count() })
    }

    pub(crate) const fn today_bytes(&self) -> u64 {
        self.today.bytes
    }

    /// Destinations of the present day so far.
    pub(crate) fn today_destinations(&self) -> u64 {
        self.today.destinations.count()
    }

    fn assess(&self, total: Total) -> Option<Assessment> {
        let weekend = is_weekend(total.day);
        let needed = if weekend { WEEKEND_DAYS_NEEDED } else { WEEKDAYS_NEEDED };
        let same = self.history.iter().filter(|past| is_weekend(past.day) == weekend);
        let usual: Vec<f64> = same.map(|past| as_f64(past.bytes).ln_1p()).collect();
        if usual.len() < needed {
            return None;
        }
        let (middle, deviation) = median_and_deviation(&usual);
        let up = (as_f64(total.bytes).ln_1p() - middle) / deviation.max(LEAST_DEVIATION);
        let others: Vec<f64> = self.history.iter().map(|past| as_f64(past.destinations)).collect();
        let (usual_others, spread) = median_and_deviation(&others);
        let more = (as_f64(total.destinations) - usual_others) / spread.max(LEAST_SPREAD);
        let volume = (up.max(0.0) / FAR_OUT).min(1.05);
        let both = (more.max(0.0) * up.clamp(0.0, 6.0)).sqrt() / BOTH_UP;
        let step = up.clamp(-STEP_MOST, STEP_MOST) - STEP_ALLOWED;
        let leak = (self.leak + step).clamp(0.0, 2.0 * LEAK) / LEAK;
        Some(Assessment {
            score: volume.max(both).max(leak),
            volume,
            both,
            leak,
            usual_bytes: middle.exp_m1(),
        })
    }

    /// Bytes of a usual day; 0 without any.
    pub(crate) fn usual(&self) -> f64 {
        let mut past: Vec<f64> = self.history.iter().map(|past| as_f64(past.bytes)).collect();
        median(&mut past)
    }

    /// Destinations of a usual day; 0 without any.
    pub(crate) fn usual_destinations(&self) -> f64 {
        let mut past: Vec<f64> = self.history.iter().map(|past| as_f64(past.destinations)).collect();
        median(&mut past)
    }
}

/// Today is far out. What is usual for `peers` is told with it.
pub(crate) fn day(volumes: &Volumes, peers: Option<&Baseline>, setting: Setting<'_>) -> Option<Suspicion> {
    let assessment = volumes.today()?;
    let bytes = volumes.today_bytes();
    let reached = assessment.volume.max(assessment.both);
    if reached < 1.0 || bytes < LEAST_BYTES {
        return None;
    }
    let more = if assessment.both >= 1.0 { ", and to more destinations than usual" } else { "" };
    let peers = peers.map(|peers| peers.remark(bytes)).unwrap_or_default();
    let explanation = format!(
        "{} uploaded in a day, where {} are usual{more}{peers}",
        size(as_f64(bytes)),
        size(assessment.usual_bytes)
    );
    let score = 0.5 + 0.2 * (assessment.score - 1.0) + if assessment.both >= 1.0 { 0.2 } else { 0.0 };
    Some(Suspicion {
        unit: "bytes a day",
        ..Suspicion::of_bytes(AnomalyKind::UploadVolume, setting, bytes, explanation)
            .with_baseline(assessment.usual_bytes)
            .scored(score)
    })
}

/// The days up to the one that is over have come to a slow leak.
pub(crate) fn leak(closed: Assessment, profile: &Profile, setting: Setting<'_>) -> Option<Suspicion> {
    let recent: Vec<&Total> = profile.volumes.history.iter().rev().take(7).collect();
    let bytes: u64 = recent.iter().map(|total| total.bytes).sum();
    if closed.leak < 1.0 || bytes < LEAST_BYTES {
        return None;
    }
    let days = recent.len();
    let usual = closed.usual_bytes * as_f64(days as u64);
    let explanation = format!(
        "somewhat more than usual day after day: {} in the last {days} days of activity, where {} are usual",
        size(as_f64(bytes)),
        size(usual)
    );
    let since = recent.last().map_or(setting.now, |total| Timestamp::from_seconds(total.day * 86_400));
    // Where to: the one that has taken most of what is more than usual, of those that are no old habit.
    let first = profile.destinations.iter().map(|(_, habit)| habit.first_at).min().unwrap_or_default();
    let since_ns = (first + KNOWN_NS).max(setting.now.nanos() - HISTORY as i64 * DAY_NS);
    let taken = profile
        .destinations
        .iter()
        .filter(|(_, habit)| habit.first_at > since_ns && habit.days_before >= DAYS_OF_LEAK)
        .map(|(name, habit)| (habit.before.0.saturating_add(habit.today.out), name))
        .max()
        .filter(|(taken, _)| as_f64(*taken) * 2.0 >= as_f64(bytes) - usual);
    let (to, destination) = match taken {
        Some((taken, name)) => (
            format!("; {} of late to {name}, which is no old habit", size(as_f64(taken))),
            Some(name.clone()),
        ),
        None => (String::new(), None),
    };
    let explanation = format!("{explanation}{to}");
    Some(Suspicion {
        // Work that grows goes where work goes.
        severity: if destination.is_some() { Severity::High } else { Severity::Medium },
        since,
        destination,
        unit: "bytes a week",
        ..Suspicion::of_bytes(AnomalyKind::SlowLeak, setting, bytes, explanation)
            .with_baseline(usual)
            .scored(0.45 + 0.2 * closed.leak)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// One row of the table: bytes, distinct destinations.
    fn feed(volumes: &mut Volumes, day: i64, bytes: u64, destinations: u64) -> Option<Assessment> {
        for destination in 0..destinations {
            volumes.add(day, if destination == 0 { bytes } else { 0 }, destination, 128);
        }
        volumes.today()
    }

    #[test]
    fn usual_days_are_quiet_and_a_far_one_is_not() {
        let mut volumes = Volumes::default();
        let mut last = None;
        for day in 4..40 {
            let bytes = if is_weekend(day) { 20_000 } else { 1_000_000 + (day as u64 % 5) * 300_000 };
            last = feed(&mut volumes, day, bytes, 10);
        }
        assert!(last.is_some_and(|assessment| assessment.score < 0.3), "{last:?}");
        let burst = feed(&mut volumes, 42, 900_000_000, 10).unwrap();
        assert!(burst.volume >= 1.0, "{burst:?}");
        // A usual weekend says nothing of a working day, and the other way round.
        assert!(volumes.assess(Total { day: 44, bytes: 20_000_000, destinations: 10 }).unwrap().volume > 0.9);
    }

    #[test]
    fn a_slow_leak_tells_where_it_goes() {
        use egret_context::Context;
        use egret_model::BehaviorLimits;
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let mut told = Vec::new();
        let mut profile = Profile::default();
        // From day 32 on, five times as much as before goes to another place; a film on one day is none of it.
        for day in (4..46).filter(|day| !is_weekend(*day)) {
            let now = Timestamp::from_seconds(day * 86_400 + 36_000);
            let setting = Setting { limits: &limits, context: &context, now };
            let uploads: &[(&str, u64)] = match day {
                39 => {
                    &[("work.example", 1_000_000), ("home.example", 4_000_000), ("film.example", 20_000_000)]
                }
                32.. => &[("work.example", 1_000_000), ("home.example", 4_000_000)],
                _ => &[("work.example", 1_000_000)],
            };
            for (name, bytes) in uploads {
                let closed = profile.note_upload(*bytes, name, setting);
                told.extend(closed.and_then(|closed| leak(closed, &profile, setting)));
                profile.note_encoded(name, 0, setting);
                let habit = profile.destinations.get_mut(&(*name).to_owned(), now.nanos()).unwrap();
                habit.today.out += bytes;
            }
        }
        let last = told.last().expect("a leak");
        assert_eq!((last.destination.as_deref(), last.severity), (Some("home.example"), Severity::High));
        assert!(last.explanation.contains("to home.example, which is no old habit"), "{}", last.explanation);
    }

    #[test]
    fn a_slow_leak_adds_up_and_ends() {
        let mut volumes = Volumes::default();
        let mut seen = Vec::new();
        for day in 4..100 {
            let leaking = (50..70).contains(&day);
            let bytes = 1_000_000 * if leaking { 5 } else { 1 };
            seen.push((day, feed(&mut volumes, day, bytes, 10).map_or(0.0, |assessment| assessment.leak)));
        }
        let most = |from: i64, to: i64| {
            seen.iter().filter(|(day, _)| (from..to).contains(day)).map(|(_, leak)| *leak).fold(0.0, f64::max)
        };
        assert!(most(4, 50) < 0.5 && most(50, 70) >= 1.0 && most(95, 100) < 0.5, "{seen:?}");
    }

    /// Three alerts a day over 300 users: the labelled table, where it is there (../shared/behavior).
    #[test]
    fn three_alerts_a_day_are_worth_reading() {
        let folder = std::env::var("EGRET_DATA").map_or_else(
            |_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/shared"),
            std::path::PathBuf::from,
        );
        let path = folder.join("behavior/user_daily_uploads.csv");
        let Ok(table) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is not there", path.display());
            return;
        };
        let mut by_day: BTreeMap<i64, Vec<(String, u64, u64, bool)>> = BTreeMap::new();
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [user, _, day, bytes, destinations, exfil, ..] = cells[..] else { continue };
            let row = (user.to_owned(), bytes.parse().unwrap(), destinations.parse().unwrap(), exfil == "1");
            by_day.entry(day.parse().unwrap()).or_default().push(row);
        }
        let mut users: BTreeMap<String, Volumes> = BTreeMap::new();
        let (mut alerts, mut right, mut insiders) = (0, 0, BTreeSet::new());
        let wrong_days = by_day.values().flatten().filter(|row| row.3).count();
        for (day, rows) in &by_day {
            let mut scored = Vec::new();
            for (user, bytes, destinations, exfil) in rows {
                // Day 0 of the table is a Monday; so is day 4 here.
                let assessment = feed(users.entry(user.clone()).or_default(), day + 4, *bytes, *destinations);
                scored.extend(assessment.map(|assessment| (assessment.score, user, *exfil)));
            }
            if *day < 28 {
                continue; // what is usual is being learnt
            }
            scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            for (_, user, exfil) in scored.into_iter().take(3) {
                alerts += 1;
                right += usize::from(exfil);
                insiders.extend(exfil.then_some(user));
            }
        }
        println!("{alerts} alerts, {right} right; {right} of {wrong_days} days, {} insiders", insiders.len());
        assert!(right * 2 >= alerts, "precision {right}/{alerts}");
        assert!(
            right >= 50 && insiders.len() >= 12,
            "{right} of {wrong_days} days, {} insiders",
            insiders.len()
        );
    }
}
