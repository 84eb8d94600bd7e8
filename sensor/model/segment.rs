//! What `decode` hands to `stream`: the innermost transport header and its payload.

use crate::{PacketRef, TcpChecksum, Timestamp};
use std::{fmt, net::IpAddr, sync::Arc};

/// A 48-bit link address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The tunnels a packet travelled in, outermost first, as DESIGN prints them: `vlan 10`, `gre`, `vxlan 42`.
/// Cheap to clone; none is the common case and costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TunnelPath(Option<Arc<[String]>>);

impl TunnelPath {
    /// A path of the given layers, outermost first.
    #[must_use]
    pub fn new(layers: Vec<String>) -> Self {
        if layers.is_empty() { Self(None) } else { Self(Some(layers.into())) }
    }

    /// The layers, outermost first.
    #[must_use]
    pub fn layers(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// The control bits of a TCP header (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN: the sender sends no more.
    pub const FIN: u8 = 0x01;
    /// SYN: synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// RST: reset the connection.
    pub const RST: u8 = 0x04;
    /// PSH: push.
    pub const PSH: u8 = 0x08;
    /// ACK: the acknowledgment field is significant.
    pub const ACK: u8 = 0x10;

    /// True when every bit of `bits` is set.
    #[must_use]
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// The innermost transport header, as far as later stages need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp {
        /// Sender's port.
        source_port: u16,
        /// Receiver's port.
        destination_port: u16,
        /// Sequence number of the first payload byte (of the SYN, where that is set).
        sequence: u32,
        /// Acknowledgment number; meaningful with ACK.
        acknowledgment: u32,
        /// Control bits.
        flags: TcpFlags,
        /// Window as in the header, unscaled.
        window: u16,
    },
    /// UDP (RFC 768).
    Udp {
        /// Sender's port.
        source_port: u16,
        /// Receiver's port.
        destination_port: u16,
    },
    /// ICMP or ICMPv6 echo (RFC 792, RFC 4443): the only ICMP messages that carry free payload.
    IcmpEcho {
        /// Identifier of the echo exchange.
        identifier: u16,
        /// True for the reply.
        reply: bool,
    },
    /// Any other transport; the payload starts behind the IP header.
    Other {
        /// IP protocol number.
        protocol: u8,
    },
}

/// One transport segment or datagram with the addresses that matter: the innermost ones.
#[derive(Clone, Debug)]
pub struct Segment<'a> {
    /// The packet that carried it; of a reassembled datagram, the packet that completed it.
    pub packet: PacketRef,
    /// Capture time of that packet.
    pub at: Timestamp,
    /// Link address of the sender: of the innermost link header, where no routed tunnel (GRE, IP in IP) lies between that and
    /// the innermost address.
    pub source_mac: Option<MacAddress>,
    /// Link address of the receiver.
    pub destination_mac: Option<MacAddress>,
    /// Tunnels, outermost first.
    pub tunnel: TunnelPath,
    /// Innermost source address.
    pub source: IpAddr,
    /// Innermost destination address.
    pub destination: IpAddr,
    /// Innermost transport header.
    pub transport: Transport,
    /// For [`Segment::checksum`]; None where there is no TCP checksum, or nothing to verify it with.
    pub tcp_checksum: Option<TcpChecksum>,
    /// Transport payload that was captured; never link padding or a trailer.
    pub payload: &'a [u8],
    /// Payload bytes that the IP length promises and the capture does not hold (snap length).
    pub missing: u32,
}
