//! What a run needs to know beyond its captures.
//!
//! Owns: the configuration of a replay. Never does: reading files.

use egret_context::Context;
use egret_detect::SignatureSet;
use egret_identity::People;
use egret_model::{Direction, Limits};
use ipnet::IpNet;
use std::{net::IpAddr, sync::Arc};

/// Everything that decides what a replay finds: same captures, same configuration, same records.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Limits of every stage.
    pub limits: Limits,
    /// Which addresses are inside.
    pub internal: InternalNetworks,
    /// What the operator's files tell of addresses and people.
    pub people: Arc<People>,
    /// What is looked for.
    pub signatures: Arc<SignatureSet>,
    /// What the organisation knows of itself.
    pub context: Arc<Context>,
    /// Threads that inspect, at least 1. Changes the speed, never the records.
    pub workers: usize,
}

/// The organisation's own addresses.
#[derive(Clone, Debug)]
pub struct InternalNetworks(Vec<IpNet>);

impl Default for InternalNetworks {
    /// Private, unique-local, link-local, loopback and carrier-grade shared ranges (RFC 1918, RFC 4193, RFC 3927, RFC 4291, RFC 6598).
    fn default() -> Self {
        const RANGES: [&str; 9] = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "127.0.0.0/8",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ];
        Self(RANGES.iter().filter_map(|range| range.parse().ok()).collect())
    }
}

impl InternalNetworks {
    /// Exactly these networks.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// True for an address inside.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// True for a name that can only be inside: an internal address, a name without a dot, or one under a domain reserved for
    /// local use (RFC 6762, RFC 8375, and `.internal`, reserved by ICANN in 2024).
    #[must_use]
    pub(crate) fn contains_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        if let Ok(ip) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            return self.contains(ip);
        }
        match name.rsplit_once('.') {
            None => true,
            Some((rest, last)) => {
                ["local", "internal", "lan", "localhost"].iter().any(|zone| last.eq_ignore_ascii_case(zone))
                    || (last.eq_ignore_ascii_case("arpa") && rest.to_ascii_lowercase().ends_with("home"))
            }
        }
    }
}

/// Where content went, by who sent it (DESIGN, "Egress").
pub(crate) const fn direction(sender_inside: bool, receiver_inside: bool) -> Direction {
    match (sender_inside, receiver_inside) {
        (true, false) => Direction::Egress,
        (false, true) => Direction::Ingress,
        (true, true) => Direction::Internal,
        (false, false) => Direction::External,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_local_ranges_are_inside_by_default() {
        let networks = InternalNetworks::default();
        for inside in
            ["10.1.2.3", "172.31.255.1", "192.168.0.9", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "127.0.0.1"]
        {
            assert!(networks.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["172.32.0.1", "198.51.100.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert!(!networks.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn names_that_can_only_be_inside() {
        let networks = InternalNetworks::default();
        for inside in
            ["fileserver", "printer.local", "a.b.internal", "10.0.0.9", "[fd00::1]", "nas.home.arpa."]
        {
            assert!(networks.contains_name(inside), "{inside}");
        }
        for outside in ["upload.example", "198.51.100.1", "local.example", "in-addr.arpa"] {
            assert!(!networks.contains_name(outside), "{outside}");
        }
    }
}
