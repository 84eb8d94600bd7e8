//! How much of a risk each user is, from everything that happened of late.
//!
//! Owns: the points of a user's incidents and what they come to. Never does: judging an incident.
//!
//! An incident brings points once, however often it is told: severity, times how sure the detectors are, times how sure the
//! attribution is, times the worth of the asset, at most 100. Points halve in a week. Of a user's incidents the gravest counts in
//! full, the second by 2^-1.5, the third by 3^-1.5 …, so that a hundred trifles don't come to one grave matter.

use egret_model::{IncidentLimits, RiskShare, Severity, Timestamp, UserRisk};
use std::collections::{BTreeMap, BTreeSet};

/// Time in which points halve, nanoseconds (7 days).
const HALF_LIFE_NS: f64 = 7.0 * 86_400e9;
/// How sure nobody is of a user without evidence.
const UNSURE: f32 = 0.5;

/// What an incident brings.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) what: String,
    pub(crate) points: f32,
}

/// Points of an incident, 0 to 100.
pub(crate) fn points(severity: Severity, detectors: f32, attribution: Option<f32>, asset: f32) -> f32 {
    let base: f32 = match severity {
        Severity::Info => 2.0,
        Severity::Low => 10.0,
        Severity::Medium => 30.0,
        Severity::High => 60.0,
        Severity::Critical => 90.0,
    };
    (base * detectors * attribution.unwrap_or(UNSURE) * asset).clamp(0.0, 100.0)
}

/// The points of all users.
#[derive(Debug, Default)]
pub(crate) struct UserRisks {
    users: BTreeMap<String, BTreeMap<String, Event>>,
    /// By last event, for forgetting the one quiet longest.
    order: BTreeSet<(Timestamp, String)>,
    last: BTreeMap<String, Timestamp>,
}

impl UserRisks {
    /// An incident as it stands now.
    pub(crate) fn note(&mut self, user: &str, incident: &str, event: Event, limits: &IncidentLimits) {
        let user = user.to_lowercase();
        if let Some(last) = self.last.get(&user) {
            self.order.remove(&(*last, user.clone()));
        }
        let last = self.last.get(&user).copied().unwrap_or(event.at).max(event.at);
        self.last.insert(user.clone(), last);
        self.order.insert((last, user.clone()));
        while self.users.len() > limits.users.max(1)
            && let Some((_, quiet)) = self.order.pop_first()
        {
            self.users.remove(&quiet);
            self.last.remove(&quiet);
        }
        let events = self.users.entry(user).or_default();
        events.insert(incident.to_owned(), event);
        if events.len() > limits.incidents_per_user.max(1) {
            let least = events.iter().min_by(|(_, a), (_, b)| a.left(last).total_cmp(&b.left(last)));
            if let Some(id) = least.map(|(id, _)| id.clone()) {
                events.remove(&id);
            }
        }
    }

    /// What a user's events come to at `now`.
    pub(crate) fn of(&self, user: &str, now: Timestamp) -> Option<UserRisk> {
        let events = self.users.get(&user.to_lowercase())?;
        let mut left: Vec<(f32, &str, &str)> =
            events.iter().map(|(id, event)| (event.left(now), id.as_str(), event.what.as_str())).collect();
        left.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let mut shares = Vec::new();
        let mut sum = 0.0;
        let mut rank = 1.0_f32;
        for (points, id, what) in left {
            let counted = points / rank.powf(1.5);
            rank += 1.0;
            sum += counted;
            if counted >= 0.05 {
                shares.push(RiskShare {
                    what: format!("{what} ({id})"),
                    points: (counted * 10.0).round() / 10.0,
                });
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held between 0 and 100")]
        let score = sum.clamp(0.0, 100.0).round() as u8;
        Some(UserRisk { score, at: now, shares })
    }
}

impl Event {
    /// What is left of the points at `now`.
    fn left(&self, now: Timestamp) -> f32 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a few digits are enough"
        )]
        let factor = 0.5_f64.powf(now.since(self.at).max(0) as f64 / HALF_LIFE_NS) as f32;
        self.points * factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: i64 = 86_400_000_000_000;

    fn event(day: i64, points: f32) -> Event {
        Event { at: Timestamp::from_nanos(day * DAY_NS), what: "x".to_owned(), points }
    }

    fn score(events: &[Event], day: i64) -> u8 {
        let mut risks = UserRisks::default();
        for (number, event) in events.iter().enumerate() {
            risks.note("Alice", &format!("i-{number}"), event.clone(), &IncidentLimits::default());
        }
        risks.of("alice", Timestamp::from_nanos(day * DAY_NS)).map_or(0, |risk| risk.score)
    }

    #[test]
    fn points_halve_in_a_week_and_trifles_stay_trifles() {
        assert_eq!(score(&[event(0, 80.0)], 0), 80);
        assert_eq!(score(&[event(0, 80.0)], 7), 40);
        let trifles: Vec<Event> = (0..60).map(|_| event(0, 10.0)).collect();
        assert!(score(&trifles, 0) < 27, "{}", score(&trifles, 0));
        assert_eq!(score(&[event(0, 60.0), event(0, 60.0)], 0), 81);
        assert_eq!(score(&(0..60).map(|_| event(0, 90.0)).collect::<Vec<_>>(), 0), 100);
    }

    #[test]
    fn an_incident_that_grows_counts_once_and_shares_make_the_sum() {
        let mut risks = UserRisks::default();
        let limits = IncidentLimits::default();
        risks.note("bob", "i-1", event(0, 30.0), &limits);
        risks.note("bob", "i-1", event(0, 60.0), &limits);
        risks.note("bob", "i-2", event(0, 20.0), &limits);
        let risk = risks.of("bob", Timestamp::EPOCH).unwrap();
        assert_eq!((risk.score, risk.shares.len()), (67, 2));
        assert!((risk.shares.iter().map(|share| share.points).sum::<f32>() - 67.1).abs() < 0.11);
    }

    #[test]
    fn points_grow_with_the_asset_and_shrink_with_doubt() {
        assert_eq!(points(Severity::High, 1.0, Some(1.0), 1.0), 60.0);
        assert_eq!(points(Severity::High, 0.5, Some(0.5), 2.0), 30.0);
        assert_eq!(points(Severity::Critical, 1.0, None, 5.0), 100.0);
    }
}
