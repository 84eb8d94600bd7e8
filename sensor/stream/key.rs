//! What makes a flow: its endpoints and transport, whichever way a segment travels; and who opened it.

use egret_model::{Endpoint, Flow, FlowKind, Segment, Side, Transport};
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

/// Port from which an FTP server opens data connections (RFC 959 section 3.2): a low port that does open.
const FTP_DATA: u16 = 20;
/// Ports below are those of servers (RFC 6335 section 6).
const SYSTEM_PORTS_END: u16 = 1024;
/// Ports from here on are handed out to clients (the widest of the ranges in use, that of Linux).
const EPHEMERAL_PORTS_BEGIN: u16 = 32_768;

/// The two ends of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) kind: FlowKind,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
}

impl Key {
    /// None for transports that are not tracked.
    #[inline]
    pub(crate) fn of(segment: &Segment<'_>) -> Option<Self> {
        let (kind, source_port, destination_port) = match segment.transport {
            Transport::Tcp { source_port, destination_port, .. } => {
                (FlowKind::Tcp, source_port, destination_port)
            }
            Transport::Udp { source_port, destination_port } => {
                (FlowKind::Udp, source_port, destination_port)
            }
            Transport::IcmpEcho { identifier, .. } => (FlowKind::Icmp, identifier, identifier),
            Transport::Other { .. } => return None,
        };
        Some(Self {
            kind,
            source: Endpoint { ip: segment.source, port: source_port },
            destination: Endpoint { ip: segment.destination, port: destination_port },
        })
    }

    /// The same for both directions.
    #[inline]
    pub(crate) fn hash(&self, state: &foldhash::fast::RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        let kind = self.kind as u64;
        if let (IpAddr::V4(source), IpAddr::V4(destination)) = (self.source.ip, self.destination.ip) {
            let source = u64::from(u32::from(source)) << 16 | u64::from(self.source.port);
            let destination = u64::from(u32::from(destination)) << 16 | u64::from(self.destination.port);
            hasher.write_u64(source.min(destination) | kind << 48);
            hasher.write_u64(source.max(destination));
        } else {
            let source = (bits(self.source.ip), self.source.port);
            let destination = (bits(self.destination.ip), self.destination.port);
            let (low, high) = (source.min(destination), source.max(destination));
            hasher.write_u128(low.0);
            hasher.write_u128(high.0);
            hasher.write_u64(u64::from(low.1) << 16 | u64::from(high.1) | kind << 48);
        }
        hasher.finish()
    }

    /// The key of a flow's packets from its initiator.
    pub(crate) const fn of_flow(flow: &Flow) -> Self {
        Self { kind: flow.kind, source: flow.initiator, destination: flow.responder }
    }

    /// Which side of `flow` sent a segment with this key; None when it belongs to another flow.
    #[inline]
    pub(crate) fn side(&self, flow: &Flow) -> Option<Side> {
        if self.kind != flow.kind {
            None
        } else if self.source == flow.initiator && self.destination == flow.responder {
            Some(Side::Initiator)
        } else if self.source == flow.responder && self.destination == flow.initiator {
            Some(Side::Responder)
        } else {
            None
        }
    }

    /// The better guess at whether the sender opened the flow, from the ports of its first captured packet.
    pub(crate) const fn sender_opened(&self) -> bool {
        let (source, destination) = (self.source.port, self.destination.port);
        if source == destination || source == FTP_DATA || destination == FTP_DATA {
            return destination != FTP_DATA || source == FTP_DATA;
        }
        let source_serves = source < SYSTEM_PORTS_END;
        let destination_serves = destination < SYSTEM_PORTS_END;
        if source_serves != destination_serves {
            return destination_serves;
        }
        let source_is_client = source >= EPHEMERAL_PORTS_BEGIN;
        let destination_is_client = destination >= EPHEMERAL_PORTS_BEGIN;
        source_is_client || !destination_is_client
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: (&str, u16), destination: (&str, u16)) -> Key {
        let endpoint = |(ip, port): (&str, u16)| Endpoint { ip: ip.parse().expect("an address"), port };
        Key { kind: FlowKind::Tcp, source: endpoint(source), destination: endpoint(destination) }
    }

    #[test]
    fn both_directions_hash_alike_and_others_do_not() {
        let state = foldhash::fast::RandomState::default();
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2"), ("10.0.0.1", "2001:db8::2")]
        {
            let there = key((a, 1000), (b, 2000)).hash(&state);
            assert_eq!(there, key((b, 2000), (a, 1000)).hash(&state));
            assert_ne!(there, key((a, 2000), (b, 1000)).hash(&state));
            assert_ne!(there, Key { kind: FlowKind::Udp, ..key((a, 1000), (b, 2000)) }.hash(&state));
        }
    }

    #[test]
    fn the_server_is_told_by_its_port() {
        for (source, destination, sender) in [
            (40_000, 80, true),
            (80, 40_000, false),
            (1_500, 80, true),
            (80, 1_500, false),
            (40_000, 8_080, true),
            (8_080, 40_000, false),
            (20, 40_000, true),
            (40_000, 20, false),
            (40_000, 50_000, true),
            (50_000, 40_000, true),
            (123, 123, true),
            (20, 20, true),
            (67, 68, true),
        ] {
            let guess = key(("10.0.0.1", source), ("10.0.0.2", destination)).sender_opened();
            assert_eq!(guess, sender, "{source} to {destination}");
        }
    }
}
