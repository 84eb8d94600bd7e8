//! Limits of the `incident` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `incident` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentLimits {
    /// Findings of one sender to one destination within this time of the last one join one incident. Default 24 h.
    pub window_ns: i64,
    /// Incidents kept open at once; the one idle longest is closed first. Default 10,000.
    pub open: usize,
    /// Transfers and findings listed in one incident; all are counted. Default 10,000.
    pub members: usize,
    /// Moments on the timeline of one incident; the first ones are kept. Default 500.
    pub moments: usize,
    /// Distinct values of one signature remembered for one incident; beyond it the count given is a lower bound. Default 10,000.
    pub values: usize,
    /// Users whose risk is remembered; the one quiet longest is forgotten first. Default 100,000.
    pub users: usize,
    /// Anomalies listed in one incident; the first ones are kept. Default 200.
    pub anomalies: usize,
    /// Destinations named of one incident that goes to several; further ones are left out. Default 256.
    pub destinations: usize,
    /// Incidents that count for the risk of one user; of more, those that weigh least are forgotten. Default 64.
    pub incidents_per_user: usize,
    /// Sums by sender, day and signature kept for thresholds over a day; beyond it the oldest is given up, and counted. Default
    /// 100,000.
    pub sender_days: usize,
    /// Distinct values held by all of those sums; beyond it the oldest sum is given up, and counted. Default 4,000,000 (some 200 MB).
    pub sender_day_values: usize,
}

impl Default for IncidentLimits {
    fn default() -> Self {
        Self {
            window_ns: 86_400_000_000_000,
            open: 10_000,
            members: 10_000,
            moments: 500,
            values: 10_000,
            users: 100_000,
            anomalies: 200,
            destinations: 256,
            incidents_per_user: 64,
            sender_days: 100_000,
            sender_day_values: 4_000_000,
        }
    }
}
