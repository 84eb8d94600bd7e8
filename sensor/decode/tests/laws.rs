//! What holds for every frame: fragments and tunnels change nothing, both paths agree, a cut is a gap, and no input does harm.

use super::build::{client, ether_type, ethernet, fragment, ip, server, tcp, udp};
use super::{ETHERNET, Seen, counts, decode, decode_with, packet};
use crate::Decoder;
use egret_model::{DecodeLimits, LinkType, Packet, Uninspected};
use proptest::collection::vec;
use proptest::prelude::*;

/// Every link type that is read, and one that is not.
const LINKS: [u16; 20] =
    [0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 227, 228, 229, 276];

const GRE: u8 = 47;
const UDP: u8 = 17;

/// An IP packet in a tunnel, which is an IP packet again.
struct Wrapped {
    packet: Vec<u8>,
    /// Outermost first.
    path: &'static [&'static str],
    /// The inner packet stands in an Ethernet frame of its own.
    framed: bool,
}

fn gre(flags: u8, kind: u16, rest: &[&[u8]]) -> Vec<u8> {
    ip(false, GRE, &[&[flags, 0][..], &kind.to_be_bytes(), &rest.concat()].concat())
}

fn over_udp(six: bool, source: u16, destination: u16, rest: &[&[u8]]) -> Vec<u8> {
    ip(six, UDP, &udp(source, destination, &rest.concat()))
}

/// Tunnels that carry Ethernet.
fn wrap_framed(kind: usize, packet: &[u8]) -> Wrapped {
    let number = ether_type(packet);
    let inner = number.to_be_bytes();
    let frame = ethernet(number, packet);
    let tagged = |outer: u16, head: &[u8]| ethernet(outer, &[head, &inner, packet].concat());
    let bridged = |frame: &[u8]| gre(0, 0x6558, &[frame]);
    let (packet, path): (_, &'static [&'static str]) = match kind {
        0 => (bridged(&tagged(0x8100, &[0x20, 10])), &["gre", "vlan 10"]),
        1 => {
            let stacked = [&[0, 10, 0x81, 0, 0, 20][..], &inner, packet].concat();
            (bridged(&ethernet(0x88a8, &stacked)), &["gre", "vlan 10", "vlan 20"])
        }
        2 => (bridged(&tagged(0x8926, &[0x80, 3, 0, 0])), &["gre", "vntag 3"]),
        3 => (gre(0x20, 0x6558, &[&[0, 0, 5, 1], &frame]), &["nvgre 5"]),
        4 => (gre(0, 0x88be, &[&frame]), &["erspan"]),
        5 => (gre(0x10, 0x88be, &[&[0, 0, 0, 9, 0x10, 0, 0, 2, 0, 0, 0, 0], &frame]), &["erspan 2"]),
        6 => {
            let head = [0, 0, 0, 9, 0x20, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];
            (gre(0x10, 0x22eb, &[&head, &frame]), &["erspan 3"])
        }
        7 => (over_udp(true, 9, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame]), &["vxlan 42"]),
        8 => (over_udp(false, 9, 8472, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame]), &["vxlan 42"]),
        9 => (over_udp(false, 9, 6081, &[&[0, 0, 0x65, 0x58, 0, 0, 8, 0], &frame]), &["geneve 8"]),
        10 => (
            bridged(&ethernet(0x8847, &[&[0, 1, 0x11, 64, 0, 0, 0, 0], &frame[..]].concat())),
            &["gre", "mpls 17"],
        ),
        11 => (bridged(&ethernet(0x8847, &[&[0, 1, 0x11, 64], &frame[..]].concat())), &["gre", "mpls 17"]),
        // IEEE 802.2 and SNAP.
        12 => {
            let snap = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &inner, packet].concat();
            (bridged(&ethernet(snap.len() as u16, &snap)), &["gre"])
        }
        // A MACsec tag without encryption, and a priority tag of no VLAN.
        _ => (
            bridged(&tagged(0x88e5, &[0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x81, 0, 0, 0])),
            &["gre"],
        ),
    };
    Wrapped { packet, path, framed: true }
}

/// Tunnels that carry IP.
fn wrap_routed(kind: usize, packet: &[u8]) -> Wrapped {
    let six = packet[0] >> 4 == 6;
    let number = ether_type(packet);
    let (protocol, in_ppp) = if six { (41, 0x57) } else { (4, 0x21) };
    let length = |more: usize| (packet.len() as u16 + more as u16).to_be_bytes();
    let (packet, path): (_, &'static [&'static str]) = match kind {
        0 => (gre(0, number, &[packet]), &["gre"]),
        1 => (gre(0xb0, number, &[&[0; 12], packet]), &["gre"]),
        2 => {
            // One route entry of four bytes, and the empty one.
            (gre(0x40, number, &[&[0; 4], &[8, 0, 0, 4, 10, 0, 0, 1, 0, 0, 0, 0], packet]), &["gre"])
        }
        3 => {
            let [l0, l1] = length(4);
            let head = [0x30, 0x81, 0x88, 0x0b, l0, l1, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, in_ppp];
            (ip(false, GRE, &[&head, packet].concat()), &["gre"])
        }
        4 => (gre(0, 0x8847, &[&[0, 1, 0x20, 64, 0, 2, 0x31, 64], packet]), &["gre", "mpls 18", "mpls 35"]),
        5 => (ip(true, 137, &[&[0, 1, 0x21, 64], packet].concat()), &["mpls 18"]),
        6 => {
            let [l0, l1] = length(1);
            (gre(0, 0x8864, &[&[0x11, 0, 0, 1, l0, l1, in_ppp], packet]), &["gre", "pppoe 1"])
        }
        7 => (ip(false, protocol, packet), if six { &["6in4"] } else { &["ipip"] }),
        8 => (ip(true, protocol, packet), if six { &["ipip"] } else { &["4in6"] }),
        9 => {
            let [l0, l1] = length(8);
            let head = [0x34, 255, l0, l1, 0, 0, 4, 210, 0, 0, 0, 0x85, 1, 0, 9, 0];
            (over_udp(true, 2152, 2152, &[&head, packet]), &["gtp-u 1234"])
        }
        10 => {
            let [k0, k1] = number.to_be_bytes();
            (over_udp(false, 9, 6081, &[&[1, 0, k0, k1, 0, 0, 7, 0, 1, 2, 3, 4], packet]), &["geneve 7"])
        }
        11 => (over_udp(true, 9, 4754, &[&[0, 0], &number.to_be_bytes(), packet]), &["gre"]),
        12 if six => {
            let head = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6];
            (over_udp(false, 3544, 9, &[&head, packet]), &["teredo"])
        }
        12 => (over_udp(false, 9, 4790, &[&[12, 0, 0, 1, 0, 0, 43, 0], packet]), &["vxlan 43"]),
        // An authentication header before the inner packet.
        _ => {
            let head = [protocol, 4, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            (ip(true, 51, &[&head, packet].concat()), if six { &["ipip"] } else { &["4in6"] })
        }
    };
    Wrapped { packet, path, framed: false }
}

/// Cuts a datagram at eights, in fragments given in the order of `shuffle`.
fn cut(six: bool, protocol: u8, payload: &[u8], cuts: &[usize], shuffle: &[usize]) -> Vec<Vec<u8>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut * 8).filter(|end| *end < payload.len()).collect();
    ends.extend([0, payload.len()]);
    ends.sort_unstable();
    ends.dedup();
    let mut pieces: Vec<Vec<u8>> =
        ends.windows(2).map(|pair| fragment(six, protocol, payload, pair[0], pair[1])).collect();
    for (place, other) in shuffle.iter().enumerate() {
        let count = pieces.len();
        pieces.swap(place % count, other % count);
    }
    pieces
}

/// Cuts an IP packet that is whole.
fn cut_packet(packet: &[u8], cuts: &[usize], shuffle: &[usize]) -> Vec<Vec<u8>> {
    if packet[0] >> 4 == 6 {
        cut(true, packet[6], &packet[40..], cuts, shuffle)
    } else {
        cut(false, packet[9], &packet[20..], cuts, shuffle)
    }
}

fn in_ethernet(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| ethernet(ether_type(packet), packet)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fragments_in_any_cut_and_order_make_the_same_segment(
        six: bool,
        is_tcp: bool,
        payload in vec(any::<u8>(), 0..3000),
        cuts in vec(1..400usize, 0..12),
        shuffle in vec(0..12usize, 0..12),
    ) {
        let (protocol, transport) = if is_tcp { (6, tcp(&payload)) } else { (UDP, udp(5000, 6000, &payload)) };
        let whole = ip(six, protocol, &transport);
        let expected = decode(ETHERNET, &in_ethernet(std::slice::from_ref(&whole))[0]).0;
        prop_assert_eq!(expected.len(), 1);
        prop_assert_eq!(&expected[0].payload, &payload);
        let mut decoder = Decoder::new(&DecodeLimits::default());
        let frames = in_ethernet(&cut(six, protocol, &transport, &cuts, &shuffle));
        let seen = decode_with(&mut decoder, ETHERNET, frames.iter().map(Vec::as_slice));
        prop_assert_eq!(seen, expected);
        decoder.finish();
        prop_assert_eq!(counts(&decoder), []);
    }

    #[test]
    fn tunnels_in_fragments_and_fragments_in_tunnels_lead_to_the_same_segment(
        six: bool,
        payload in vec(any::<u8>(), 0..300),
        wraps in vec((any::<bool>(), 0..14usize), 0..5),
        inner_cuts in vec(1..40usize, 0..3),
        outer_cuts in vec(1..80usize, 0..3),
        shuffle in vec(0..6usize, 0..4),
    ) {
        let inner = ip(six, UDP, &udp(5000, 6000, &payload));
        let mut path: Vec<&str> = Vec::new();
        let mut framed = None;
        let mut packets = cut_packet(&inner, &inner_cuts, &shuffle);
        for (over_ethernet, kind) in wraps {
            let wrap = if over_ethernet { wrap_framed } else { wrap_routed };
            let wrapped: Vec<Wrapped> = packets.iter().map(|packet| wrap(kind, packet)).collect();
            path = [wrapped[0].path, &path].concat();
            framed.get_or_insert(wrapped[0].framed);
            packets = wrapped.into_iter().map(|wrapped| wrapped.packet).collect();
        }
        // A fragment that is in no tunnel is not cut again.
        let outer_cuts = if framed.is_some() { outer_cuts } else { Vec::new() };
        let frames: Vec<Vec<u8>> = if outer_cuts.is_empty() {
            in_ethernet(&packets)
        } else {
            packets.iter().flat_map(|packet| in_ethernet(&cut_packet(packet, &outer_cuts, &shuffle))).collect()
        };
        let mut decoder = Decoder::new(&DecodeLimits::default());
        let seen = decode_with(&mut decoder, ETHERNET, frames.iter().map(Vec::as_slice));
        decoder.finish();
        prop_assert_eq!(counts(&decoder), []);
        prop_assert_eq!(seen.len(), 1);
        prop_assert_eq!(&seen[0].payload, &payload);
        prop_assert_eq!(&seen[0].tunnel, &path);
        prop_assert_eq!((seen[0].source, seen[0].destination), (client(six), server(six)));
        prop_assert_eq!(seen[0].macs, framed.unwrap_or(true));
    }

    #[test]
    fn the_short_way_and_the_general_path_agree(
        six: bool,
        vlan: Option<u16>,
        payload in vec(any::<u8>(), 0..40),
        padding in vec(any::<u8>(), 0..8),
        changes in vec((0..100usize, any::<u8>()), 0..3),
        cut in 0..40usize,
    ) {
        let packet = ip(six, 6, &tcp(&payload));
        let number = ether_type(&packet);
        let mut frame = match vlan {
            Some(id) => ethernet(0x8100, &[&id.to_be_bytes()[..], &number.to_be_bytes(), &packet].concat()),
            None => ethernet(number, &packet),
        };
        frame.extend(padding);
        for (place, value) in changes {
            if let Some(byte) = frame.get_mut(place) {
                *byte = value;
            }
        }
        let captured = Packet { data: &frame[..frame.len() - cut.min(frame.len())], ..super::packet(ETHERNET, &frame) };
        let mut both = Vec::new();
        for general in [false, true] {
            let mut decoder = Decoder::new(&DecodeLimits::default());
            let mut seen: Vec<Seen> = Vec::new();
            let mut sink = |segment: egret_model::Segment<'_>| seen.push(segment.into());
            if general { decoder.decode_any(&captured, &mut sink) } else { decoder.decode(&captured, &mut sink) }
            both.push((seen, counts(&decoder)));
        }
        prop_assert_eq!(&both[0], &both[1]);
    }

    #[test]
    fn what_the_snap_length_cuts_is_missing_or_a_gap(
        six: bool,
        is_tcp: bool,
        wrap in proptest::option::of((any::<bool>(), 0..14usize)),
        captured in 0..400usize,
    ) {
        let payload = [b'x'; 200];
        let (protocol, transport) = if is_tcp { (6, tcp(&payload)) } else { (UDP, udp(5000, 6000, &payload)) };
        let mut whole = ip(six, protocol, &transport);
        if let Some((over_ethernet, kind)) = wrap {
            whole = if over_ethernet { wrap_framed(kind, &whole) } else { wrap_routed(kind, &whole) }.packet;
        }
        let frame = ethernet(ether_type(&whole), &whole);
        let cut = Packet { data: &frame[..captured.min(frame.len())], ..packet(ETHERNET, &frame) };
        let mut decoder = Decoder::new(&DecodeLimits::default());
        let mut seen: Vec<Seen> = Vec::new();
        decoder.decode(&cut, &mut |segment| seen.push(segment.into()));
        match seen.first() {
            // Where the tunnel could not be proved any more, the outer datagram is told, as long as it was.
            Some(segment) => {
                let promised = segment.payload.len() + segment.missing as usize;
                prop_assert!(promised >= payload.len());
                prop_assert!(promised == payload.len() || wrap.is_some());
                prop_assert_eq!(counts(&decoder), []);
            }
            None => {
                let counts: Vec<_> = decoder.tally().counts().collect();
                prop_assert_eq!(counts.len(), 1);
                prop_assert_eq!(counts[0].0.reason(), Uninspected::Gap, "{}", counts[0].0);
                prop_assert!(counts[0].1.bytes >= payload.len() as u64);
            }
        }
    }

    #[test]
    fn no_input_does_harm(
        frames in vec((0..LINKS.len(), vec(any::<u8>(), 0..200), 0..100u32, any::<i64>()), 1..8),
        wraps in vec((any::<bool>(), 0..14usize), 0..4),
    ) {
        let mut decoder = Decoder::new(&DecodeLimits::default());
        for (link, data, missing, at) in frames {
            // Half of them are noise within honest headers.
            let (link, data) = if link % 2 == 0 {
                (LINKS[link], data)
            } else {
                let mut packet = ip(link % 3 == 0, data.first().copied().unwrap_or(6), &data);
                for (over_ethernet, kind) in &wraps {
                    packet = if *over_ethernet { wrap_framed(*kind, &packet) } else { wrap_routed(*kind, &packet) }.packet;
                }
                (101, packet)
            };
            let packet = Packet {
                link: LinkType(link),
                original_length: data.len() as u32 + missing,
                at: egret_model::Timestamp::from_nanos(at),
                ..packet(ETHERNET, &data)
            };
            let mut segments = 0;
            decoder.decode(&packet, &mut |segment| {
                segments += 1;
                assert!(segment.payload.len() <= 70_000);
            });
            prop_assert!(segments <= 1);
        }
        decoder.finish();
    }
}
