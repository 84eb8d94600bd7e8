//! Limits of the `behavior` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `behavior` stage: how much it remembers. The thresholds of its detectors stand with the detectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BehaviorLimits {
    /// Users and hosts whose habits are remembered; the one idle longest is forgotten first. Default 10,000.
    pub actors: usize,
    /// Destinations remembered for each of them; the one unused longest is forgotten, and is new when it returns. Default 256.
    pub destinations_per_actor: usize,
    /// Destinations remembered with how many use them. Default 200,000.
    pub destinations: usize,
    /// Pairs of client and zone whose names are added up, for resolvers and for server names; the one idle longest is forgotten.
    /// Default 100,000.
    pub zones: usize,
    /// Distinct names remembered for each such pair; beyond it every name counts as new. Default 1,024.
    pub names_per_zone: usize,
    /// Pairs of hosts whose echo and time exchanges are added up. Default 20,000.
    pub pairs: usize,
    /// Contents remembered with who sent them. Default 100,000.
    pub contents: usize,
    /// Anomalies remembered, so that they are told again only when they have grown. Default 100,000.
    pub raised: usize,
}

impl Default for BehaviorLimits {
    fn default() -> Self {
        Self {
            actors: 10_000,
            destinations_per_actor: 256,
            destinations: 200_000,
            zones: 100_000,
            names_per_zone: 1_024,
            pairs: 20_000,
            contents: 100_000,
            raised: 100_000,
        }
    }
}
