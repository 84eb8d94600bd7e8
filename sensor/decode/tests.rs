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

fn counts(decoder: &Decoder) -> Vec<(Cause, u64)> {
    decoder.tally().counts().map(|(cause, count)| (cause, count.bytes)).collect()
}
