//! Limits of the `behavior` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `behavior` stage: how much it remembers. The thresholds of its detectors stand with the detectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BehaviorLimits {
    /// Indicators of all feeds together that are kept; further ones are refused, and said to be. Default 2,000,000.
    pub indicators: usize,
    /// Users and hosts whose habits are remembered; the one idle longest is forgotten first. Default 10,000.
    pub actors: usize,
    /// Destinations remembered for each of them; the one unused longest is forgotten, and is new when it returns. Default 256.
    pub destinations_per_actor: usize,
    /// Destinations remembered with how many use them. Default 200,000.
    pub destinations: usize,
    /// Pairs of client and zone whose names are added up, for resolvers and for server names; the one idle longest is forgotten.
    /// Default 100,000.
    pub zones: usize,
    /// Clients of a zone told apart, to know a service that many ask. Default 16.
    pub clients_per_zone: usize,
    /// Things counted one by one where their number matters (names under a zone, destinations of a day); beyond it a sketch of a kilobyte
    /// estimates it within 3 %, and the figures told are estimates. Default 128.
    pub distinct_exact: usize,
    /// Users of a destination told apart, to know a rare one; beyond it the destination is common all the same. Default 32.
    pub users_per_destination: usize,
    /// Contacts of an actor with one destination whose times are remembered, the latest; a beacon is told by them. Default 24.
    pub contacts_per_destination: usize,
    /// Addresses of an actor that are remembered; the one unused longest is forgotten, and is new when it returns. Default 16.
    pub addresses_per_actor: usize,
    /// Spans of 10 minutes in which an actor's reads from inside are added up; older ones no longer count for staging. Default 144,
    /// a day.
    pub read_slots: usize,
    /// Departments and groups whose usual days are remembered; the one without activity longest is forgotten. Default 2,000.
    pub peer_groups: usize,
    /// Members of each of them; the one without activity longest is forgotten, and is no peer until another day. Default 200.
    pub peers_per_group: usize,
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
            indicators: 2_000_000,
            actors: 10_000,
            destinations_per_actor: 256,
            destinations: 200_000,
            zones: 100_000,
            clients_per_zone: 16,
            distinct_exact: 128,
            users_per_destination: 32,
            contacts_per_destination: 24,
            addresses_per_actor: 16,
            read_slots: 144,
            peer_groups: 2_000,
            peers_per_group: 200,
            pairs: 20_000,
            contents: 100_000,
            raised: 100_000,
        }
    }
}
