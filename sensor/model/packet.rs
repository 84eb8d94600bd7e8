//! What `capture` hands to `decode`.

use crate::Timestamp;

/// A link-layer type as numbered in the LINKTYPE_ registry of the pcap formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a 4-byte family in the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC framing.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing (RFC 1662).
    pub const PPP_HDLC: Self = Self(50);
    /// Raw IP, version in the first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a 4-byte family, big-endian.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Where a packet stands in the input: names the packet in errors and orders everything that follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketRef {
    /// Position in the merged input of the whole run, from 0. A total order, the same at any worker count.
    pub ordinal: u64,
    /// Index of the capture (file or interface) in the run's list.
    pub capture: u16,
    /// Number of the packet in its capture, from 1, as Wireshark counts.
    pub number: u64,
}

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where it stands.
    pub reference: PacketRef,
    /// When it was captured.
    pub at: Timestamp,
    /// What the first header is.
    pub link: LinkType,
    /// Bytes the frame had on the wire; more than `data.len()` when a snap length cut it.
    pub original_length: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}
