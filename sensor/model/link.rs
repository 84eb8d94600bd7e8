//! Frames that carry no IP and yet tell who is on the network.

use crate::{MacAddress, PacketRef, Timestamp};
use std::net::IpAddr;

/// One such frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFrame {
    /// Its packet.
    pub packet: PacketRef,
    /// When it was captured.
    pub at: Timestamp,
    /// Who sent it.
    pub source: MacAddress,
    /// To whom.
    pub destination: MacAddress,
    /// What it is.
    pub kind: LinkKind,
    /// Its content, cut to [`LinkFrame::LONGEST`].
    pub payload: Box<[u8]>,
}

/// What a link frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Admission to a port (IEEE 802.1X).
    Eapol,
    /// Which link address has an IPv4 address (RFC 826).
    Arp,
    /// The same of IPv6, sent by this address (RFC 4861): an ICMPv6 message.
    Neighbour(IpAddr),
}

impl LinkFrame {
    /// Bytes kept of the content: a name is told within.
    pub const LONGEST: usize = 512;
}
