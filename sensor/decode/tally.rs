//! What was not decoded, and why.
//!
//! Owns: the causes and their counts. Never does: counting control frames (ARP, LLDP, spanning tree, IGMP and their like),
//! which hold no content that could be missed.

use crate::layer::{Fault, Part};
use egret_model::{Coverage, PacketRef, Uninspected};
use std::{collections::BTreeMap, fmt};

/// Why bytes were not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A link type that is not read, by its LINKTYPE_ number.
    LinkType(u16),
    /// An Ethernet payload that is not read, by its EtherType.
    EtherType(u16),
    /// An 802.2 payload that is not read, by its destination access point.
    LlcAccessPoint(u8),
    /// A PPP payload that is not read, by its protocol number.
    PppProtocol(u16),
    /// A Frame Relay payload that is not read, by the number of its protocol (ISO/IEC TR 9577).
    NetworkLayerProtocol(u8),
    /// A loopback payload that is not read, by its address family.
    AddressFamily(u32),
    /// Below an MPLS label stack: neither IP nor Ethernet.
    MplsPayload,
    /// A header that breaks its rules.
    Malformed(Part),
    /// A header that the snap length cut off.
    Cut(Part),
    /// An encapsulating security payload (RFC 4303).
    EncryptedIp,
    /// An encrypted MACsec frame (IEEE 802.1AE).
    EncryptedEthernet,
    /// A compressed or encrypted PPP datagram (RFC 1962, RFC 3078).
    EncryptedPpp,
    /// An encrypted frame of IEEE 802.11.
    EncryptedWireless,
    /// A fragment of a frame of IEEE 802.11, or several in one: read neither way.
    WirelessParts,
    /// More tunnels than [`egret_model::DecodeLimits::tunnel_depth`].
    TunnelDepth,
    /// More IP extension headers than [`egret_model::DecodeLimits::extension_headers`].
    ExtensionHeaders,
    /// A datagram whose other fragments did not come in time.
    FragmentsMissing,
    /// A datagram given up to stay within [`egret_model::DecodeLimits::fragment_bytes`].
    FragmentBudget,
    /// Fragments that contradict one another: other bytes for the same place, or another end.
    FragmentConflict,
    /// Overlapping IPv6 fragments, for which every host discards the datagram (RFC 8200 section 4.5).
    FragmentOverlap,
}

impl Cause {
    /// The reason of the coverage ledger.
    #[must_use]
    pub const fn reason(self) -> Uninspected {
        match self {
            Self::LinkType(_)
            | Self::EtherType(_)
            | Self::LlcAccessPoint(_)
            | Self::PppProtocol(_)
            | Self::NetworkLayerProtocol(_)
            | Self::AddressFamily(_)
            | Self::MplsPayload
            | Self::WirelessParts => Uninspected::Unsupported,
            Self::Malformed(_) | Self::FragmentConflict | Self::FragmentOverlap => Uninspected::Malformed,
            Self::Cut(_) | Self::FragmentsMissing => Uninspected::Gap,
            Self::EncryptedIp | Self::EncryptedEthernet | Self::EncryptedPpp | Self::EncryptedWireless => {
                Uninspected::Encrypted
            }
            Self::TunnelDepth | Self::ExtensionHeaders | Self::FragmentBudget => Uninspected::OverLimit,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(number) => write!(f, "link type {number} is not supported"),
            Self::EtherType(number) => write!(f, "EtherType {number:#06x} is not supported"),
            Self::LlcAccessPoint(number) => write!(f, "LLC access point {number:#04x} is not supported"),
            Self::PppProtocol(number) => write!(f, "PPP protocol {number:#06x} is not supported"),
            Self::NetworkLayerProtocol(number) => {
                write!(f, "network layer protocol {number:#04x} is not supported")
            }
            Self::AddressFamily(number) => write!(f, "address family {number} is not supported"),
            Self::MplsPayload => f.write_str("neither IP nor Ethernet below MPLS"),
            Self::Malformed(part) => write!(f, "malformed {part} header"),
            Self::Cut(part) => write!(f, "{part} header cut off by the snap length"),
            Self::EncryptedIp => f.write_str("IPsec (ESP)"),
            Self::EncryptedEthernet => f.write_str("MACsec"),
            Self::EncryptedPpp => f.write_str("compressed or encrypted PPP"),
            Self::EncryptedWireless => f.write_str("encrypted IEEE 802.11"),
            Self::WirelessParts => f.write_str("fragments or aggregates of IEEE 802.11"),
            Self::TunnelDepth => f.write_str("too many tunnels in one another"),
            Self::ExtensionHeaders => f.write_str("too many IP extension headers"),
            Self::FragmentsMissing => f.write_str("IP fragments missing"),
            Self::FragmentBudget => f.write_str("too many unfinished IP fragments"),
            Self::FragmentConflict => f.write_str("IP fragments contradict one another"),
            Self::FragmentOverlap => f.write_str("IPv6 fragments overlap"),
        }
    }
}

/// How often something was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Packets, or datagrams where fragments are the cause.
    pub packets: u64,
    /// Bytes left unread, those that the snap length cut off included.
    pub bytes: u64,
    /// The first packet.
    pub first: PacketRef,
    /// Where in that packet (or in the datagram reassembled from its fragments) the unread part begins.
    pub first_offset: usize,
}

/// Everything that was not decoded, by cause.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Cause, Count>,
    coverage: Coverage,
}

impl Tally {
    /// The causes in a fixed order, each with its count since the start.
    pub fn counts(&self) -> impl Iterator<Item = (Cause, Count)> {
        self.counts.iter().map(|(cause, count)| (*cause, *count))
    }

    pub(crate) fn add(&mut self, fault: Fault, packet: PacketRef) {
        let Fault { cause, bytes, offset } = fault;
        let new = Count { packets: 0, bytes: 0, first: packet, first_offset: offset };
        let count = self.counts.entry(cause).or_insert(new);
        count.packets = count.packets.saturating_add(1);
        count.bytes = count.bytes.saturating_add(bytes);
        self.coverage.add(cause.reason(), bytes);
    }

    pub(crate) fn take_coverage(&mut self) -> Coverage {
        std::mem::take(&mut self.coverage)
    }
}
