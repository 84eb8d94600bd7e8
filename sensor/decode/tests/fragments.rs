//! Fragments: overlaps, contradictions, time, budget, and what tells two datagrams apart.

use super::build::{ethernet, fragment, part, tcp, udp};
use super::{ETHERNET, RAW, Seen, counts, decode_with};
use crate::{Cause, Decoder, Part};
use egret_model::{Coverage, DecodeLimits, Packet, PacketRef, Timestamp};

const UDP: u8 = 17;

/// A UDP datagram of 8 + 40 bytes.
fn datagram() -> Vec<u8> {
    udp(5000, 6000, b"0123456789abcdefghijklmnopqrstuvwxyzABCD")
}

fn decoder() -> Decoder {
    Decoder::new(&DecodeLimits::default())
}

fn run(decoder: &mut Decoder, frames: &[Vec<u8>]) -> Vec<Seen> {
    decode_with(decoder, RAW, frames.iter().map(Vec::as_slice))
}

#[test]
fn repeats_are_ignored() {
    for six in [false, true] {
        let whole = datagram();
        let piece = |start, end| fragment(six, UDP, &whole, start, end);
        let mut decoder = decoder();
        let frames = [piece(16, 32), piece(16, 32), piece(0, 16), piece(16, 24), piece(8, 32), piece(32, 48)];
        let seen = run(&mut decoder, &frames);
        assert_eq!(seen.len(), 1, "IPv6: {six}");
        assert_eq!(seen[0].payload, whole[8..]);
        assert_eq!(counts(&decoder), []);
    }
}

#[test]
fn in_ipv4_the_first_copy_wins_and_the_other_is_counted() {
    let whole = datagram();
    let mut decoder = decoder();
    let seen = run(
        &mut decoder,
        &[
            fragment(false, UDP, &whole, 8, 24),
            // 8 bytes agree in nothing, the next 8 fill a hole.
            part(false, UDP, b"XXXXXXXXopqrstuv", 16, true),
            fragment(false, UDP, &whole, 0, 8),
            fragment(false, UDP, &whole, 32, 48),
        ],
    );
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].payload, b"0123456789abcdefopqrstuvopqrstuvwxyzABCD"[..].to_vec());
    assert_eq!(counts(&decoder), [(Cause::FragmentConflict, 8)]);
}

#[test]
fn in_ipv6_an_overlap_discards_the_datagram_and_what_still_comes() {
    let whole = datagram();
    let mut decoder = decoder();
    let seen = run(
        &mut decoder,
        &[
            fragment(true, UDP, &whole, 0, 16),
            fragment(true, UDP, &whole, 8, 32),
            fragment(true, UDP, &whole, 0, 16),
            fragment(true, UDP, &whole, 16, 48),
        ],
    );
    assert_eq!(seen, []);
    assert_eq!(counts(&decoder), [(Cause::FragmentOverlap, 16 + 24 + 16 + 32)]);
    decoder.finish();
    assert_eq!(counts(&decoder).len(), 1, "it is counted once");
}

#[test]
fn a_known_end_stands() {
    let whole = datagram();
    let mut decoder = decoder();
    let seen = run(
        &mut decoder,
        &[
            fragment(false, UDP, &whole, 32, 48),
            part(false, UDP, &[b'X'; 16], 40, true),
            part(false, UDP, &[b'X'; 4], 16, false),
            fragment(false, UDP, &whole, 0, 32),
        ],
    );
    assert_eq!(seen[0].payload, whole[8..]);
    assert_eq!(counts(&decoder), [(Cause::FragmentConflict, 20)]);
}

#[test]
fn fragments_that_no_host_takes_are_malformed() {
    let mut decoder = decoder();
    let frames = [
        // Beyond the longest datagram, empty, and an odd IPv6 length before the end.
        part(false, UDP, &[1; 64], 65_528, false),
        part(false, UDP, &[], 8, true),
        part(true, UDP, &[1; 15], 0, true),
    ];
    assert_eq!(run(&mut decoder, &frames), []);
    assert_eq!(counts(&decoder), [(Cause::Malformed(Part::Fragment), 64 + 15)]);
}

#[test]
fn a_lone_ipv6_fragment_is_a_whole_datagram() {
    let whole = datagram();
    let seen = run(&mut decoder(), &[part(true, UDP, &whole, 0, false)]);
    assert_eq!(seen[0].payload, whole[8..]);
}

#[test]
fn two_vlans_do_not_mix() {
    let whole = datagram();
    let in_vlan = |vlan: u8, start, end| {
        ethernet(0x8100, &[&[0, vlan, 8, 0][..], &fragment(false, UDP, &whole, start, end)].concat())
    };
    let frames = [in_vlan(1, 0, 16), in_vlan(2, 16, 48), in_vlan(2, 0, 16)];
    let seen = decode_with(&mut decoder(), ETHERNET, frames.iter().map(Vec::as_slice));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].tunnel, ["vlan 2"]);
}

#[test]
fn what_the_snap_length_cut_is_missing_in_the_whole() {
    let whole = tcp(&[b'x'; 100]);
    let (first, second) = (fragment(false, 6, &whole, 0, 64), fragment(false, 6, &whole, 64, 124));
    let mut decoder = decoder();
    let mut seen: Vec<Seen> = Vec::new();
    for frame in [&first, &second] {
        let packet = Packet {
            reference: PacketRef::default(),
            at: Timestamp::EPOCH,
            link: RAW,
            original_length: frame.len() as u32,
            data: &frame[..60],
        };
        decoder.decode(&packet, &mut |segment| seen.push(segment.into()));
    }
    // 40 bytes of the first fragment were captured, 24 of them header; the second is behind the hole.
    assert_eq!((seen[0].payload.len(), seen[0].missing), (16, 84));
}

#[test]
fn time_gives_up_by_the_packets_own_clock() {
    let whole = datagram();
    let limits = DecodeLimits { fragment_timeout_ns: 1_000, ..DecodeLimits::default() };
    for (later, segments) in [(1_000, 1), (1_001, 0), (-5_000, 1)] {
        let mut decoder = Decoder::new(&limits);
        let mut segments_seen = 0;
        for (at, frame) in
            [(0, fragment(false, UDP, &whole, 0, 16)), (later, fragment(false, UDP, &whole, 16, 48))]
        {
            let packet = Packet { at: Timestamp::from_nanos(at), ..super::packet(RAW, &frame) };
            decoder.decode(&packet, &mut |_| segments_seen += 1);
        }
        assert_eq!(segments_seen, segments, "{later} ns later");
        decoder.finish();
        let lost = decoder.take_coverage();
        assert_eq!(lost, Coverage { gap: if segments == 1 { 0 } else { 16 + 48 }, ..Coverage::default() });
    }
}

#[test]
fn the_budget_drops_the_oldest() {
    let limits = DecodeLimits { fragment_bytes: 10_000, ..DecodeLimits::default() };
    let mut decoder = Decoder::new(&limits);
    let whole = udp(5000, 6000, &[7; 1016]);
    // The identification stands in bytes 4 and 5 of an IPv4 header.
    let numbered = |number: u8, start, end| {
        let mut frame = fragment(false, UDP, &whole, start, end);
        frame[4] = number;
        frame
    };
    let firsts: Vec<Vec<u8>> = (0..20).map(|number| numbered(number, 0, 512)).collect();
    assert_eq!(run(&mut decoder, &firsts), []);
    let seconds: Vec<Vec<u8>> = (0..20).rev().map(|number| numbered(number, 512, 1024)).collect();
    let complete = run(&mut decoder, &seconds).len();
    // Each takes 512 bytes and some bookkeeping.
    assert!((8..=12).contains(&complete), "{complete}");
    assert!(decoder.take_coverage().over_limit >= 8 * 512);
}

#[test]
fn a_second_copy_that_stays_unfinished_is_no_loss() {
    let whole = datagram();
    let (first, second) = (fragment(false, UDP, &whole, 0, 16), fragment(false, UDP, &whole, 16, 48));
    let mut decoder = decoder();
    // Two capture points see each fragment; their copies interleave.
    let seen = run(&mut decoder, &[first.clone(), first, second.clone(), second]);
    assert_eq!(seen.len(), 1);
    decoder.finish();
    assert_eq!(counts(&decoder), []);
}
