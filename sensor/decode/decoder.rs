//! The walk through a packet.
//!
//! Owns: the order of things: the short way, then header by header, reassembly, the next datagram. Never does: parsing.

use crate::fragment::{Arrival, Fragment, Fragments, Reassembled};
use crate::frame::{Datagram, Frame, Header, Step};
use crate::layer::{Fault, Layer};
use crate::tally::{Cause, Tally};
use crate::transport;
use crate::tunnel::{Hop, Paths};
use crate::{
    cooked, ethernet, extension, fast, frame_relay, gre, ip, loopback, mpls, ppp, prefix, udp_tunnel,
    wireless,
};
use egret_model::{Coverage, DecodeLimits, LinkFrame, LinkKind, LinkType, Packet, Segment, Transport};

/// Decodes packets to the segments of their innermost addresses.
pub struct Decoder {
    limits: DecodeLimits,
    fragments: Fragments,
    paths: Paths,
    tally: Tally,
    /// Emptied and used for each packet.
    hops: Vec<Hop>,
    /// Frames that tell who is on the network, where somebody asks for them.
    link_frames: Option<Vec<LinkFrame>>,
}

impl Decoder {
    /// A decoder that keeps within `limits`.
    #[must_use]
    pub fn new(limits: &DecodeLimits) -> Self {
        Self {
            limits: limits.clone(),
            fragments: Fragments::new(limits),
            paths: Paths::default(),
            tally: Tally::default(),
            hops: Vec::new(),
            link_frames: None,
        }
    }

    /// Keeps what [`Self::take_link_frames`] gives, from now on.
    pub fn keep_link_frames(&mut self) {
        self.link_frames.get_or_insert_default();
    }

    /// The frames since the last call that carry no segment and yet tell who is on the network. To be called after each batch.
    pub fn take_link_frames(&mut self) -> Vec<LinkFrame> {
        self.link_frames.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Decodes one packet: one segment, or none where it holds no content, is a fragment of a datagram that is not complete
    /// yet, or can't be read; the last is counted. The payload lies in `packet.data`, except where fragments were put together.
    pub fn decode(&mut self, packet: &Packet<'_>, sink: &mut impl FnMut(Segment<'_>)) {
        if packet.link == LinkType::ETHERNET
            && self.limits.tunnel_depth > 0
            && let Some(plain) = fast::read(packet.data)
        {
            sink(self.plain(packet, &plain));
        } else {
            self.decode_any(packet, sink);
        }
    }

    /// The general path; see [`Self::decode`].
    pub(crate) fn decode_any(&mut self, packet: &Packet<'_>, sink: &mut impl FnMut(Segment<'_>)) {
        self.hops.clear();
        let mut frame = Frame::new(std::mem::take(&mut self.hops), &self.limits);
        let missing = (packet.original_length as usize).saturating_sub(packet.data.len());
        let layer = Layer::new(packet.data, missing);
        let mut outcome = first_header(packet.link)
            .ok_or_else(|| layer.refuse(Cause::LinkType(packet.link.0)))
            .and_then(|header| self.walk(Step::Header(header, layer), packet, &mut frame, sink));
        // Each round has passed a fragment header or gone into a tunnel, both of which the frame limits.
        while let Ok(Some(reassembled)) = outcome {
            outcome = extension::pass(reassembled.datagram(), &mut frame)
                .and_then(|datagram| self.walk(Step::Datagram(datagram), packet, &mut frame, sink));
        }
        if let Err(fault) = outcome {
            self.tally.add(fault, packet.reference);
        }
        self.hops = frame.hops;
    }

    /// Ends the input: unfinished datagrams are given up and counted.
    pub fn finish(&mut self) {
        self.fragments.finish(&mut self.tally);
    }

    /// What was not decoded since the last call, for the coverage ledger. `inspected_bytes` stays 0.
    pub fn take_coverage(&mut self) -> Coverage {
        self.tally.take_coverage()
    }

    /// What was not decoded since the start, by cause.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    fn plain<'a>(&mut self, packet: &Packet<'_>, plain: &fast::Plain<'a>) -> Segment<'a> {
        let hop = Hop::Vlan(plain.vlan);
        let hops = if plain.vlan == 0 { &[][..] } else { std::slice::from_ref(&hop) };
        Segment {
            packet: packet.reference,
            at: packet.at,
            source_mac: Some(plain.source_mac),
            destination_mac: Some(plain.destination_mac),
            tunnel: self.paths.of(hops),
            source: plain.source,
            destination: plain.destination,
            transport: plain.transport,
            tcp_checksum: Some(plain.tcp_checksum),
            payload: plain.payload,
            missing: 0,
        }
    }

    /// Reads on to the segment. Gives a datagram that was completed on the way and is to be read next.
    fn walk<'a>(
        &mut self,
        mut step: Step<'a>,
        packet: &Packet<'_>,
        frame: &mut Frame,
        sink: &mut impl FnMut(Segment<'_>),
    ) -> Result<Option<Reassembled>, Fault> {
        loop {
            step = match step {
                Step::Header(header, layer) => read_header(header, layer, frame)?,
                Step::Control => return Ok(None),
                Step::Link(kind, layer) => {
                    self.keep(kind, &layer, packet, frame);
                    return Ok(None);
                }
                Step::Datagram(datagram) => {
                    if let Some(fragment) = datagram.fragment {
                        return self.hold(fragment, &datagram, packet, frame);
                    }
                    let inner = match ip::tunnel(&datagram, frame)? {
                        Some(inner) => Some(inner),
                        None => self.transport(&datagram, packet, frame, sink)?,
                    };
                    match inner {
                        Some(inner) => inner,
                        None => return Ok(None),
                    }
                }
            };
        }
    }

    fn hold(
        &mut self,
        fragment: Fragment,
        datagram: &Datagram<'_>,
        packet: &Packet<'_>,
        frame: &Frame,
    ) -> Result<Option<Reassembled>, Fault> {
        let path = self.paths.of(&frame.hops);
        let arrival =
            Arrival { fragment, datagram: *datagram, path, at: packet.at, packet: packet.reference };
        self.fragments.add(&arrival, &mut self.tally)
    }

    /// Keeps a frame that tells who is on the network, if anybody asks.
    fn keep(&mut self, kind: LinkKind, layer: &Layer<'_>, packet: &Packet<'_>, frame: &Frame) {
        let (Some(frames), Some(source), Some(destination)) =
            (&mut self.link_frames, frame.source_mac, frame.destination_mac)
        else {
            return;
        };
        let payload = layer.bytes().get(..LinkFrame::LONGEST).unwrap_or(layer.bytes()).into();
        let (packet, at) = (packet.reference, packet.at);
        frames.push(LinkFrame { packet, at, source, destination, kind, payload });
    }

    /// Reads the transport header and reports the segment, or gives the tunnel that the datagram turns out to be.
    fn transport<'a>(
        &mut self,
        datagram: &Datagram<'a>,
        packet: &Packet<'_>,
        frame: &mut Frame,
        sink: &mut impl FnMut(Segment<'_>),
    ) -> Result<Option<Step<'a>>, Fault> {
        let Some(read) = transport::read(datagram)? else {
            if transport::is_neighbour_discovery(datagram) {
                self.keep(LinkKind::Neighbour(datagram.source), &datagram.payload, packet, frame);
            }
            return Ok(None);
        };
        if let Transport::Udp { source_port, destination_port } = read.transport
            && let Some(opened) = udp_tunnel::open(source_port, destination_port, read.payload)
        {
            if let Some(hop) = opened.hop {
                frame.enter(hop, &opened.inside)?;
            }
            frame.forget_macs();
            return Ok(Some(Step::Header(opened.header, opened.inside)));
        }
        sink(Segment {
            packet: packet.reference,
            at: packet.at,
            source_mac: frame.source_mac,
            destination_mac: frame.destination_mac,
            tunnel: self.paths.of(&frame.hops),
            source: datagram.source,
            destination: datagram.destination,
            transport: read.transport,
            tcp_checksum: read.tcp_checksum,
            payload: read.payload.bytes(),
            missing: u32::try_from(read.payload.missing()).unwrap_or(u32::MAX),
        });
        Ok(None)
    }
}

/// The first header of a link type; None for one that is not read.
const fn first_header(link: LinkType) -> Option<Header> {
    /// Raw IP by the numbers that BSD systems and OpenBSD gave it in memory, which some programs write to files.
    const RAW_BSD: LinkType = LinkType(12);
    const RAW_OPENBSD: LinkType = LinkType(14);
    const PPP_OVER_ETHERNET: LinkType = LinkType(51);
    const CISCO_HDLC: LinkType = LinkType(104);
    const FRAME_RELAY: LinkType = LinkType(107);
    Some(match link {
        LinkType::ETHERNET => Header::Ethernet,
        LinkType::LINUX_SLL => Header::CookedOne,
        LinkType::LINUX_SLL2 => Header::CookedTwo,
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | RAW_BSD | RAW_OPENBSD => Header::Ip,
        LinkType::NULL | LinkType::LOOP => Header::Loopback,
        LinkType::PPP | LinkType::PPP_HDLC | CISCO_HDLC => Header::Hdlc,
        LinkType(prefix::PPP_WITH_DIRECTION) => Header::PppWithDirection,
        PPP_OVER_ETHERNET => Header::Pppoe,
        FRAME_RELAY => Header::FrameRelay,
        LinkType(wireless::IEEE_802_11) => Header::Wireless,
        LinkType(wireless::RADIOTAP) => Header::Radiotap,
        LinkType(wireless::PPI) => Header::PerPacket,
        LinkType(wireless::PRISM) => Header::Prism,
        LinkType(wireless::AVS) => Header::Avs,
        LinkType(prefix::NFLOG) => Header::NetfilterLog,
        LinkType(number @ (prefix::PKTAP | prefix::PKTAP_BEFORE)) => Header::PacketTap(number),
        LinkType(prefix::ERF) => Header::ExtensibleRecord,
        LinkType(prefix::BROADCOM_TAG) => Header::BroadcomTag,
        LinkType(prefix::BROADCOM_TAG_BEFORE) => Header::BroadcomTagBefore,
        LinkType(prefix::MARVELL_TAG) => Header::MarvellTag,
        LinkType(prefix::MARVELL_ETHERTYPE_TAG) => Header::MarvellEtherTypeTag,
        _ => return None,
    })
}

fn read_header<'a>(header: Header, layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    match header {
        Header::Ethernet => ethernet::read(layer, frame),
        Header::EtherType(number) => ethernet::ether_type(number, layer, frame),
        Header::Llc => ethernet::llc(layer),
        Header::Ip => ip::read(layer, frame),
        Header::Ppp => ppp::read(layer),
        Header::Hdlc => ppp::hdlc(layer),
        Header::PppWithDirection => prefix::ppp_with_direction(layer),
        Header::FrameRelay => frame_relay::read(layer, frame),
        Header::Pppoe => ppp::over_ethernet(layer, frame),
        Header::Gre => gre::read(layer, frame),
        Header::Mpls => mpls::read(layer, frame),
        Header::CookedOne => cooked::version_one(layer, frame),
        Header::CookedTwo => cooked::version_two(layer, frame),
        Header::Loopback => loopback::read(layer),
        Header::Wireless => wireless::read(layer, frame, false),
        Header::WirelessSwapped => wireless::swapped(layer, frame),
        Header::Radiotap => wireless::radiotap(layer, frame),
        Header::PerPacket => wireless::per_packet(layer, frame),
        Header::Prism => wireless::prism(layer, frame),
        Header::Avs => wireless::avs(layer, frame),
        Header::NetfilterLog => prefix::netfilter_log(layer, frame),
        Header::PacketTap(number) => {
            let mut layer = layer;
            let link = prefix::packet_tap(&mut layer, number)?;
            first_header(LinkType(link))
                .map(|header| Step::Header(header, layer))
                .ok_or_else(|| layer.refuse(Cause::LinkType(link)))
        }
        Header::ExtensibleRecord => prefix::extensible_record(layer),
        Header::BroadcomTag => prefix::broadcom_tag(layer, frame),
        Header::BroadcomTagBefore => prefix::broadcom_tag_before(layer),
        Header::MarvellTag => prefix::marvell_tag(layer, frame, false),
        Header::MarvellEtherTypeTag => prefix::marvell_tag(layer, frame, true),
    }
}
