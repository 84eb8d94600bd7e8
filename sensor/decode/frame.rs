//! What is learnt of one frame on the way in, and what comes next.
//!
//! Owns: the vocabulary that the header families share. Never does: parsing.

use crate::fragment::Fragment;
use crate::layer::{Fault, Layer};
use crate::tally::Cause;
use crate::tunnel::Hop;
use egret_model::{DecodeLimits, LinkKind, MacAddress};
use etherparse::IpNumber;
use std::net::IpAddr;

/// The next header to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// Ethernet II or IEEE 802.3.
    Ethernet,
    /// What an EtherType announces.
    EtherType(u16),
    /// IEEE 802.2.
    Llc,
    /// IPv4 or IPv6, as its first bits say.
    Ip,
    /// PPP, with or without address and control field.
    Ppp,
    /// PPP or Cisco HDLC, as the first byte says.
    Hdlc,
    /// PPP or Cisco HDLC behind a byte that tells the direction.
    PppWithDirection,
    /// Frame Relay.
    FrameRelay,
    /// The content of an 0x8864 frame.
    Pppoe,
    /// GRE.
    Gre,
    /// A label stack.
    Mpls,
    /// Linux cooked, version 1.
    CookedOne,
    /// Linux cooked, version 2.
    CookedTwo,
    /// BSD loopback.
    Loopback,
    /// IEEE 802.11.
    Wireless,
    /// The same with the two bytes of its control in the other order.
    WirelessSwapped,
    /// The same behind radiotap.
    Radiotap,
    /// The same, or Ethernet, behind per-packet information.
    PerPacket,
    /// The same behind Prism.
    Prism,
    /// The same behind AVS.
    Avs,
    /// Netfilter's log.
    NetfilterLog,
    /// Any link behind macOS's PKTAP, by its link type.
    PacketTap(u16),
    /// The records of capture cards.
    ExtensibleRecord,
    /// Ethernet with a tag of Broadcom's in it.
    BroadcomTag,
    /// Ethernet behind such a tag.
    BroadcomTagBefore,
    /// Ethernet with a tag of Marvell's in it.
    MarvellTag,
    /// The same with an EtherType of its own.
    MarvellEtherTypeTag,
}

/// What a header led to.
pub(crate) enum Step<'a> {
    /// Another header.
    Header(Header, Layer<'a>),
    /// An IP datagram, or a fragment of one.
    Datagram(Datagram<'a>),
    /// A frame of the network's own, which holds no content.
    Control,
    /// Such a frame that tells who is on the network.
    Link(LinkKind, Layer<'a>),
}

/// An IP datagram behind its headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// What the payload is.
    pub(crate) protocol: IpNumber,
    /// Set where this is only a part.
    pub(crate) fragment: Option<Fragment>,
    /// A checksum over these addresses can be verified: no source route changes the destination on the way.
    pub(crate) verifiable: bool,
    pub(crate) payload: Layer<'a>,
}

/// What is known of a frame so far.
pub(crate) struct Frame {
    pub(crate) source_mac: Option<MacAddress>,
    pub(crate) destination_mac: Option<MacAddress>,
    /// Tunnels so far, outermost first.
    pub(crate) hops: Vec<Hop>,
    /// Headers opened that another frame or packet is in, named in `hops` or not.
    opened: usize,
    extensions: usize,
    tunnel_depth: usize,
    extension_headers: usize,
}

impl Frame {
    /// A fresh one; `hops` is an emptied buffer to use.
    pub(crate) const fn new(hops: Vec<Hop>, limits: &DecodeLimits) -> Self {
        Self {
            source_mac: None,
            destination_mac: None,
            hops,
            opened: 0,
            extensions: 0,
            tunnel_depth: limits.tunnel_depth,
            extension_headers: limits.extension_headers,
        }
    }

    /// Goes into a tunnel, whose content is `inside`.
    pub(crate) fn enter(&mut self, hop: Hop, inside: &Layer<'_>) -> Result<(), Fault> {
        self.open(inside)?;
        self.hops.push(hop);
        Ok(())
    }

    /// Goes into a tag that is no tunnel of its own.
    pub(crate) const fn open(&mut self, inside: &Layer<'_>) -> Result<(), Fault> {
        if self.opened >= self.tunnel_depth {
            return Err(inside.refuse(Cause::TunnelDepth));
        }
        self.opened += 1;
        Ok(())
    }

    /// Passes over one IP extension header, behind which stands `rest`.
    pub(crate) const fn extend(&mut self, rest: &Layer<'_>) -> Result<(), Fault> {
        if self.extensions >= self.extension_headers {
            return Err(rest.refuse(Cause::ExtensionHeaders));
        }
        self.extensions += 1;
        Ok(())
    }

    /// The addresses so far were those of a router or tunnel end: what follows was sent by someone else.
    pub(crate) const fn forget_macs(&mut self) {
        (self.source_mac, self.destination_mac) = (None, None);
    }
}
