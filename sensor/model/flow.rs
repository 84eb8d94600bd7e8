//! What `stream` hands to `protocol`: flows and their in-order bytes.

use crate::{MacAddress, PacketRef, Timestamp, TunnelPath, Uninspected};
use std::net::IpAddr;

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port; the echo identifier for ICMP, 0 where the transport has none.
    pub port: u16,
}

impl Endpoint {
    /// Sixteen bytes of address (IPv4 mapped into IPv6) and two of port: a stable form for ids.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 18] {
        let ip = match self.ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut bytes = [0; 18];
        let (address, port) = bytes.split_at_mut(16);
        address.copy_from_slice(&ip.octets());
        port.copy_from_slice(&self.port.to_be_bytes());
        bytes
    }
}

/// Which end of a flow: the one that opened it or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Opened the flow: sent the SYN or the first datagram. In a mid-stream pick-up, the better guess.
    Initiator,
    /// The other end.
    Responder,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// The transport a flow runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowKind {
    /// A TCP connection: bytes without message boundaries.
    Tcp,
    /// A UDP session: every `Data` event is one datagram.
    Udp,
    /// An ICMP echo exchange: every `Data` event is one echo payload.
    Icmp,
}

/// What is known of a flow; passed along with each of its events.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Transport.
    pub kind: FlowKind,
    /// The end that opened it.
    pub initiator: Endpoint,
    /// The other end.
    pub responder: Endpoint,
    /// Link address of the initiator, where seen.
    pub initiator_mac: Option<MacAddress>,
    /// Link address of the responder, where seen.
    pub responder_mac: Option<MacAddress>,
    /// Tunnels of its first packet.
    pub tunnel: TunnelPath,
    /// Its first packet: with the endpoints, what deterministic ids are made of.
    pub first_packet: PacketRef,
    /// Time of its first packet.
    pub opened_at: Timestamp,
    /// Time of its latest packet.
    pub last_at: Timestamp,
    /// The start of the connection was not captured.
    pub midstream: bool,
    /// Overlapping segments carried different bytes: an evasion, or a broken capture.
    pub inconsistent_overlap: bool,
}

impl Flow {
    /// The endpoint on `side`.
    #[must_use]
    pub const fn endpoint(&self, side: Side) -> Endpoint {
        match side {
            Side::Initiator => self.initiator,
            Side::Responder => self.responder,
        }
    }

    /// The link address on `side`, where seen.
    #[must_use]
    pub const fn mac(&self, side: Side) -> Option<MacAddress> {
        match side {
            Side::Initiator => self.initiator_mac,
            Side::Responder => self.responder_mac,
        }
    }
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides sent FIN.
    Finished,
    /// A valid RST.
    Reset,
    /// No packet for longer than the time-out.
    Idle,
    /// Evicted to stay within the memory budget.
    Evicted,
    /// The same addresses and ports began a new connection.
    Replaced,
    /// The input ended.
    EndOfInput,
}

/// What happened on a flow. Each payload byte is reported exactly once, as `Data` or as part of a `Gap`.
#[derive(Clone, Copy, Debug)]
pub enum StreamEvent<'a> {
    /// The next bytes of one side, in order (TCP), or one datagram (UDP, ICMP).
    Data {
        /// Who sent them.
        from: Side,
        /// The bytes.
        data: &'a [u8],
    },
    /// Bytes of one side that will never come.
    Gap {
        /// Who sent them.
        from: Side,
        /// How many are missing.
        bytes: u64,
        /// Why.
        reason: Uninspected,
    },
    /// One side sends no more (FIN); the other may go on.
    Finished {
        /// The side that has finished.
        from: Side,
    },
    /// The flow is over; no event follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}
