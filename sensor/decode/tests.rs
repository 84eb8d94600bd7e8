//! Tests of the whole stage: captured frames of each header family, fragments, and the laws that decoding keeps.

mod build;
mod families;
mod fragments;
mod laws;

use crate::{Cause, Decoder};
use egret_model::{DecodeLimits, LinkType, Packet, PacketRef, Segment, Timestamp, Transport};
use std::net::IpAddr;

/// A segment with a payload of its own, without what differs between a datagram whole and in fragments.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    source: IpAddr,
    destination: IpAddr,
    transport: Transport,
    tunnel: Vec<String>,
    macs: bool,
    checksum: egret_model::Checksum,
    payload: Vec<u8>,
    missing: u32,
}

impl From<Segment<'_>> for Seen {
    fn from(segment: Segment<'_>) -> Self {
        Self {
            source: segment.source,
            destination: segment.destination,
            transport: segment.transport,
            tunnel: segment.tunnel.layers().to_vec(),
            macs: segment.source_mac.is_some(),
            checksum: segment.checksum(),
            payload: segment.payload.to_vec(),
            missing: segment.missing,
        }
    }
}

const RAW: LinkType = LinkType::RAW;
const ETHERNET: LinkType = LinkType::ETHERNET;

fn packet(link: LinkType, data: &[u8]) -> Packet<'_> {
    Packet {
        reference: PacketRef::default(),
        at: Timestamp::EPOCH,
        link,
        original_length: data.len() as u32,
        data,
    }
}

/// What a decoder sees in frames one after the other.
fn decode_with<'a>(
    decoder: &mut Decoder,
    link: LinkType,
    frames: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Seen> {
    let mut seen = Vec::new();
    for data in frames {
        decoder.decode(&packet(link, data), &mut |segment| seen.push(segment.into()));
    }
    seen
}

/// What a fresh decoder sees in one frame, and what it counts.
fn decode(link: LinkType, data: &[u8]) -> (Vec<Seen>, Vec<(Cause, u64)>) {
    let mut decoder = Decoder::new(&DecodeLimits::default());
    let seen = decode_with(&mut decoder, link, [data]);
    (seen, counts(&decoder))
}

#[test]
fn frames_that_tell_who_is_there_are_kept_where_somebody_asks() {
    let arp = build::ethernet(0x0806, &[7; 600]);
    let tagged = build::ethernet(0x8100, &[&[0, 9, 0x88, 0x8e][..], &[2, 1, 0, 0]].concat());
    let advertisement = build::ethernet(0x86dd, &build::ipv6(58, &[136, 0, 0, 0, 0, 0, 0, 0]));
    let plain = build::ethernet(0x0800, &build::ip(false, 6, &build::tcp(b"x")));
    let frames = [&arp, &tagged, &advertisement, &plain].map(Vec::as_slice);
    let mut decoder = Decoder::new(&DecodeLimits::default());
    assert_eq!(decode_with(&mut decoder, LinkType::ETHERNET, frames).len(), 1);
    assert!(decoder.take_link_frames().is_empty(), "nobody has asked");
    decoder.keep_link_frames();
    decode_with(&mut decoder, LinkType::ETHERNET, frames);
    let kept = decoder.take_link_frames();
    let seen: Vec<_> =
        kept.iter().map(|frame| (frame.kind, frame.payload.len(), frame.source.0[5])).collect();
    let neighbour = egret_model::LinkKind::Neighbour(build::client(true));
    let (arp, eapol) = (egret_model::LinkKind::Arp, egret_model::LinkKind::Eapol);
    assert_eq!(seen, [(arp, egret_model::LinkFrame::LONGEST, 1), (eapol, 4, 1), (neighbour, 8, 1)]);
    assert!(decoder.take_link_frames().is_empty() && counts(&decoder).is_empty());
}

fn counts(decoder: &Decoder) -> Vec<(Cause, u64)> {
    decoder.tally().counts().map(|(cause, count)| (cause, count.bytes)).collect()
}
