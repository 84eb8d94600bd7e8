//! One captured frame of each header family, then what no capture at hand holds, and what is no content at all.

use super::build::{self, CLIENT, SERVER, ethernet, ip, tcp, udp};
use super::{ETHERNET, RAW, Seen, decode};
use crate::{Cause, Decoder, Part};
use egret_model::{Checksum, DecodeLimits, LinkType, Packet, Transport};

/// Frames and what is in them; see the file's own head.
const FRAMES: &str = include_str!("../../../tests/data/decode/frames.txt");

struct Case<'a> {
    name: &'a str,
    link: u16,
    original_length: u32,
    segment: &'a str,
    lengths: &'a str,
    tunnels: &'a str,
    frame: Vec<u8>,
}

fn cases() -> Vec<Case<'static>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in FRAMES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(hexadecimal) = line.strip_prefix("  ") {
            let frame = &mut cases.last_mut().expect("a head before the bytes").frame;
            frame.extend(
                (0..hexadecimal.len()).step_by(2).map(|at| {
                    u8::from_str_radix(&hexadecimal[at..at + 2], 16).expect("two hexadecimal digits")
                }),
            );
        } else {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let [name, link, original_length, segment, lengths, tunnels] = fields[..] else {
                panic!("six fields: {line}");
            };
            let (link, original_length) =
                (link.parse().expect("a number"), original_length.parse().expect("a number"));
            cases.push(Case { name, link, original_length, segment, lengths, tunnels, frame: Vec::new() });
        }
    }
    cases
}

fn told(seen: &Seen) -> String {
    let (source, destination) = (seen.source, seen.destination);
    match seen.transport {
        Transport::Tcp { source_port, destination_port, .. } => {
            format!("tcp {source} {source_port} > {destination} {destination_port}")
        }
        Transport::Udp { source_port, destination_port } => {
            format!("udp {source} {source_port} > {destination} {destination_port}")
        }
        Transport::IcmpEcho { .. } => format!("icmp {source} > {destination}"),
        Transport::Other { protocol } => format!("{protocol} {source} > {destination}"),
    }
}

#[test]
fn captured_frames() {
    let cases = cases();
    assert!(cases.len() > 30);
    for case in cases {
        let mut decoder = Decoder::new(&DecodeLimits::default());
        let packet = Packet {
            original_length: case.original_length,
            ..super::packet(LinkType(case.link), &case.frame)
        };
        let mut seen: Vec<Seen> = Vec::new();
        decoder.decode(&packet, &mut |segment| {
            let (inside, whole) = (segment.payload.as_ptr_range(), case.frame.as_ptr_range());
            assert!(
                inside.is_empty() || whole.start <= inside.start && inside.end <= whole.end,
                "{}: borrowed",
                case.name
            );
            seen.push(segment.into());
        });
        let [seen] = &seen[..] else { panic!("{}: {} segments", case.name, seen.len()) };
        assert_eq!(told(seen), case.segment, "{}", case.name);
        assert_eq!(format!("{}+{}", seen.payload.len(), seen.missing), case.lengths, "{}", case.name);
        assert_eq!(seen.tunnel.join(", "), case.tunnels, "{}", case.name);
        assert_ne!(seen.checksum, Checksum::Wrong, "{}", case.name);
        assert_eq!(decoder.tally().counts().count(), 0, "{}", case.name);
    }
}

fn one(link: u16, frame: &[u8]) -> Seen {
    let (seen, counts) = decode(LinkType(link), frame);
    assert_eq!(counts, [], "link type {link}");
    let [seen] = <[Seen; 1]>::try_from(seen).expect("one segment");
    seen
}

#[test]
fn links_by_number() {
    let packet = ip(false, 17, &udp(5000, 6000, b"ping"));
    let six = ip(true, 17, &udp(5000, 6000, b"ping"));
    let with = |head: &[u8], packet: &[u8]| [head, packet].concat();
    let frames = [
        (0, with(&[2, 0, 0, 0], &packet)),
        (0, with(&[0, 0, 0, 2], &packet)),
        (0, with(&[30, 0, 0, 0], &six)),
        (108, with(&[0, 0, 0, 28], &six)),
        (9, with(&[0xff, 3, 0, 0x21], &packet)),
        (9, with(&[0x57], &six)),
        (50, with(&[0x0f, 0, 8, 0], &packet)),
        (104, with(&[0x8f, 0, 0x86, 0xdd], &six)),
        (51, with(&[0x11, 0, 0, 3, 0, 33, 0x21], &packet)),
        (12, packet.clone()),
        (14, six.clone()),
        (101, six.clone()),
        (228, packet.clone()),
        (229, six),
    ];
    for (link, frame) in frames {
        assert_eq!(one(link, &frame).payload, b"ping", "link type {link}");
    }
    let (_, counts) = decode(LinkType(227), &packet);
    assert_eq!(counts, [(Cause::LinkType(227), 32)]);
}

/// A data frame of IEEE 802.11 with these two bytes of frame control, behind its three addresses the rest of the header.
fn wireless(control: [u8; 2], rest: &[u8], body: &[u8]) -> Vec<u8> {
    let address = |last: u8| [2, 0, 0, 0, 0, last];
    [&control[..], &[0, 0], &address(1), &address(2), &address(3), &[0x10, 0], rest, body].concat()
}

fn snap(packet: &[u8]) -> Vec<u8> {
    [&[0xaa, 0xaa, 3, 0, 0, 0], &build::ether_type(packet).to_be_bytes()[..], packet].concat()
}

#[test]
fn wireless_frames_however_they_were_captured() {
    let body = snap(&ip(false, 17, &udp(5000, 6000, b"ping")));
    let plain = wireless([0x08, 1], &[], &body);
    let quality = wireless([0x88, 2], &[0, 0], &body);
    let padded = wireless([0x88, 2], &[0, 0, 0, 0], &body);
    let between = wireless([0x88, 0x83], &[2, 0, 0, 0, 0, 4, 0, 0, 9, 9, 9, 9], &body);
    let decrypted = wireless([0x08, 0x41], &[], &body);
    let with = |head: &[u8], frame: &[u8]| [head, frame].concat();
    let timed = [0, 0, 18, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let two_words = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20];
    let mut prism = vec![0, 0, 0, 0x44, 144, 0, 0, 0];
    prism.resize(144, 0);
    let avs = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
    let cooked = [&[0, 0, 3, 0x21, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0, 4][..], &plain].concat();
    for (link, frame) in [
        (105, plain.clone()),
        (105, quality.clone()),
        (105, between),
        (105, decrypted),
        (127, with(&[0, 0, 8, 0, 0, 0, 0, 0], &plain)),
        (127, with(&[0, 0, 9, 0, 2, 0, 0, 0, 0x10], &quality)),
        (127, with(&[&timed[..], &[0x20, 0]].concat(), &padded)),
        (127, with(&two_words, &padded)),
        (192, with(&[0, 0, 12, 0, 105, 0, 0, 0, 9, 9, 9, 9], &plain)),
        (192, with(&[0, 0, 8, 0, 1, 0, 0, 0], &ethernet(0x0800, &ip(false, 17, &udp(5000, 6000, b"ping"))))),
        (119, with(&prism, &plain)),
        (119, with(&avs, &plain)),
        (163, with(&avs, &plain)),
        (113, cooked),
    ] {
        let seen = one(link, &frame);
        assert_eq!((seen.payload.as_slice(), seen.macs), (&b"ping"[..], true), "link type {link}");
    }
    for (what, frame, counted) in [
        ("beacon", wireless([0x80, 0], &[], &body), vec![]),
        ("acknowledgment", vec![0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1], vec![]),
        ("power saving", wireless([0x48, 1], &[], &[]), vec![]),
        ("encrypted", wireless([0x08, 0x41], &[], &[7; 40]), vec![(Cause::EncryptedWireless, 40)]),
        ("aggregate", wireless([0x88, 1], &[0x80, 0], &[7; 40]), vec![(Cause::WirelessParts, 40)]),
        ("fragment", wireless([0x08, 5], &[], &[7; 40]), vec![(Cause::WirelessParts, 40)]),
        ("another version", vec![0x0b; 30], vec![(Cause::Malformed(Part::Wireless), 30)]),
    ] {
        assert_eq!(decode(LinkType(105), &frame), (vec![], counted), "{what}");
    }
    let damaged = with(&[0, 0, 9, 0, 2, 0, 0, 0, 0x40], &plain);
    assert_eq!(decode(LinkType(127), &damaged).1, [(Cause::Malformed(Part::Wireless), plain.len() as u64)]);
}

#[test]
fn what_is_put_before_a_packet_is_passed() {
    let packet = ip(false, 17, &udp(5000, 6000, b"ping"));
    let frame = ethernet(0x0800, &packet);
    let with = |head: &[u8], packet: &[u8]| [head, packet].concat();
    let record = |kind: u8, length: usize| [&[0; 8][..], &[kind, 0, 0, 0, 0, 0, 0, length as u8]].concat();
    // Netfilter's values in either byte order; the address of the sender is one of them.
    let payload_value = |little: bool| {
        let length = packet.len() as u16 + 4;
        if little { [length.to_le_bytes(), [9, 0]].concat() } else { [length.to_be_bytes(), [0, 9]].concat() }
    };
    let address = [16, 0, 8, 0, 0, 6, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0];
    let little = [&[2, 0, 0, 5][..], &[5, 0, 10, 0, 0, 0, 0, 0], &address, &payload_value(true)].concat();
    let big = [&[2, 0, 0, 5][..], &[0, 5, 0, 10, 0, 0, 0, 0], &payload_value(false)].concat();
    let tap = |kind: u8, link: u8| [&[20, 0, 0, 0, kind, 0, 0, 0, link, 0, 0, 0][..], &[0; 8]].concat();
    for (link, frame) in [
        (107, with(&[0x18, 0x61, 0x03, 0xcc], &packet)),
        (107, with(&[0x18, 0x61, 0x03, 0x00, 0xcf, 0x00, 0x21], &packet)),
        (107, with(&[0x18, 0x60, 0x60, 0x61, 0x08, 0x00], &packet)),
        (107, with(&[0x18, 0x61, 0x03, 0x00, 0x80, 0x00, 0x80, 0xc2, 0x00, 0x07], &frame)),
        (107, with(&[0x18, 0x61, 0x03, 0x00, 0x80, 0x00, 0x00, 0x00, 0x08, 0x00], &packet)),
        (204, with(&[1, 0xff, 3, 0, 0x21], &packet)),
        (197, with(&[&record(2, frame.len())[..], &[0, 0]].concat(), &frame)),
        (197, with(&[&record(0x82, frame.len())[..], &[0x80; 8], &[0; 8], &[0, 0]].concat(), &frame)),
        (197, with(&record(1, packet.len() + 4), &with(&[0x0f, 0, 8, 0], &packet))),
        (197, with(&record(22, packet.len()), &packet)),
        (239, with(&little, &packet)),
        (239, with(&big, &packet)),
        (258, with(&tap(1, 1), &frame)),
        (149, with(&tap(1, 12), &packet)),
        (258, with(&tap(1, 0), &with(&[2, 0, 0, 0], &packet))),
        (113, with(&[0, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x18, 0x61, 0x03, 0xcc], &packet)),
    ] {
        assert_eq!(one(link, &frame).payload, b"ping", "link type {link}: {frame:02x?}");
    }
    assert!(one(239, &with(&little, &packet)).macs);
    let tagged = [&frame[..12], &[0x80, 0, 0, 7], &frame[12..]].concat();
    assert_eq!(one(284, &tagged).tunnel, ["vlan 7"]);
    for (what, link, frame, counted) in [
        ("link management", 107, vec![0x00, 0x01, 0x03, 0x08, 0x00], vec![]),
        ("signalling", 107, vec![0x18, 0x61, 0x03, 0x08, 0x02], vec![]),
        ("fragments", 107, vec![0x18, 0x61, 0x03, 0xb1, 7], vec![(Cause::NetworkLayerProtocol(0xb1), 1)]),
        ("no address", 107, vec![0x19, 0x61, 7], vec![(Cause::Malformed(Part::FrameRelay), 3)]),
        ("padding", 197, record(48, 0), vec![]),
        ("another card", 197, record(5, 0), vec![(Cause::LinkType(197), 16)]),
        ("no packet", 239, vec![2, 0, 0, 5], vec![(Cause::Malformed(Part::NetfilterLog), 0)]),
        ("a short value", 239, vec![2, 0, 0, 5, 3, 0, 9, 0], vec![(Cause::Malformed(Part::NetfilterLog), 8)]),
        ("a tap in a tap", 258, tap(1, 149), vec![(Cause::Malformed(Part::PacketTap), 20)]),
        ("of a private kind", 149, vec![7; 30], vec![(Cause::LinkType(149), 30)]),
        ("of an unread link", 258, tap(1, 227), vec![(Cause::LinkType(227), 0)]),
    ] {
        assert_eq!(decode(LinkType(link), &frame), (vec![], counted), "{what}");
    }
}

#[test]
fn access_points_hand_frames_to_their_controller() {
    let body = snap(&ip(false, 17, &udp(5000, 6000, b"ping")));
    let carried = |head: &[u8], frame: &[u8]| ip(false, 17, &udp(5247, 40000, &[head, frame].concat()));
    let native = [0, 0x10, 0x43, 0, 0, 0, 0, 0];
    let informed = [0, 0x20, 0x43, 0x20, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0];
    let bridged = ethernet(0x0800, &ip(false, 17, &udp(5000, 6000, b"ping")));
    for datagram in [
        carried(&native, &wireless([0x08, 1], &[], &body)),
        carried(&informed, &wireless([1, 0x08], &[], &body)),
        carried(&[0, 0x10, 0x42, 0, 0, 0, 0, 0], &bridged),
    ] {
        let seen = one(101, &datagram);
        assert_eq!((seen.payload.as_slice(), seen.macs), (&b"ping"[..], true));
        assert_eq!(seen.tunnel, ["capwap"]);
    }
    let beacon = carried(&native, &wireless([0, 0x80], &[], &body));
    assert_eq!(decode(RAW, &beacon), (vec![], vec![]));
    // DTLS, a fragment, a header shorter than itself, no frame.
    for payload in [
        &[1, 0, 0, 0, 0x16][..],
        &[0, 0x10, 0x43, 0x80, 0, 0, 0, 0, 8, 1],
        &[0; 20],
        &[0, 0x10, 0x43, 0, 0, 0, 0, 0, 5, 5],
    ] {
        assert_eq!(one(101, &carried(payload, &[])).payload, payload);
    }
}

#[test]
fn layer_two_tunnels_carry_ppp() {
    let packet = ip(false, 17, &udp(5000, 6000, b"ping"));
    let wrap = |head: &[u8], inner: &[u8]| ip(false, 17, &udp(1701, 1701, &[head, inner].concat()));
    let length = (packet.len() + 12) as u8;
    for (what, datagram) in [
        ("least", wrap(&[0, 2, 0, 7, 0, 9, 0xff, 3, 0, 0x21], &packet)),
        ("compressed fields", wrap(&[0, 2, 0, 7, 0, 9, 0x21], &packet)),
        ("length", wrap(&[0x40, 2, 0, length, 0, 7, 0, 9, 0xff, 3, 0, 0x21], &packet)),
        ("all", wrap(&[0x0a, 2, 0, 7, 0, 9, 0, 1, 0, 2, 0, 2, 5, 5, 0xff, 3, 0, 0x21], &packet)),
    ] {
        let seen = one(101, &datagram);
        assert_eq!(
            (seen.payload.as_slice(), seen.tunnel.join(" ")),
            (&b"ping"[..], "l2tp 7/9".to_owned()),
            "{what}"
        );
    }
    let control = [0xc8, 2, 0, 12, 0, 7, 0, 0, 0, 1, 0, 2];
    let encrypted = [0, 2, 0, 7, 0, 9, 0x5a, 0x5b, 0x5c];
    for payload in [&control[..], &encrypted] {
        assert_eq!(
            one(101, &ip(false, 17, &udp(1701, 1701, payload))).payload,
            payload,
            "payload like any other"
        );
    }
    let negotiation = wrap(&[0, 2, 0, 7, 0, 9, 0xff, 3, 0xc0, 0x21], &[1, 1, 0, 4]);
    assert_eq!(decode(RAW, &negotiation), (vec![], vec![]));
}

#[test]
fn lengths_of_super_frames_and_jumbograms() {
    let payload = vec![b'x'; 3000];
    // Segmentation offload: no length at all.
    let mut four = ip(false, 6, &tcp(&payload));
    (four[2], four[3]) = (0, 0);
    assert_eq!(one(101, &four).payload.len(), 3000);
    let mut six = ip(true, 6, &tcp(&payload));
    (six[4], six[5]) = (0, 0);
    assert_eq!(one(101, &six).payload.len(), 3000);
    // A jumbo payload option (RFC 2675): padding, then the option; the last four bytes are the link's.
    let transport = udp(5000, 6000, b"ping");
    let jumbo = [17, 0, 0xc2, 4, 0, 0, 0, 8 + transport.len() as u8];
    let mut packet = ip(true, 0, &[&jumbo[..], &transport, &[0; 4]].concat());
    (packet[4], packet[5]) = (0, 0);
    assert_eq!(one(101, &packet).payload, b"ping");
    // A UDP length of zero goes with it, a shorter one cuts, a longer one is not believed.
    for (length, payload) in [(0, &b"ping"[..]), (10, b"pi"), (4000, b"ping")] {
        let mut transport = udp(5000, 6000, b"ping");
        transport[4..6].copy_from_slice(&u16::to_be_bytes(length));
        assert_eq!(one(101, &ip(false, 17, &transport)).payload, payload, "{length}");
    }
}

#[test]
fn extension_headers_are_passed() {
    let transport = tcp(b"ping");
    // Hop by hop, routing with nothing left, destination options, authentication, mobility.
    let routing = |left: u8| {
        let chain = [
            &[43, 0, 1, 4, 0, 0, 0, 0][..],
            &[60, 0, 0, left, 0, 0, 0, 0],
            &[51, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[135, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[6, 0, 0, 0, 0, 0, 0, 0],
        ];
        ip(true, 0, &[&chain.concat()[..], &transport].concat())
    };
    assert_eq!(one(101, &routing(0)).payload, b"ping");
    assert_eq!(one(101, &routing(0)).checksum, Checksum::Wrong);
    assert_eq!(one(101, &routing(1)).checksum, Checksum::Unverifiable, "the destination changes on the way");
    let endless: Vec<u8> = [[60, 0, 1, 4, 0, 0, 0, 0]; 100].concat();
    let (seen, counts) = decode(RAW, &ip(true, 60, &endless));
    assert_eq!((seen.len(), counts[0].0), (0, Cause::ExtensionHeaders));
}

#[test]
fn options_before_tcp_are_no_payload() {
    let mut packet = ip(false, 6, &[&[1, 1, 1, 0][..], &tcp(b"ping")].concat());
    packet[0] = 0x46;
    let seen = one(101, &packet);
    assert_eq!((seen.payload, seen.checksum), (b"ping".to_vec(), Checksum::Unverifiable));
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    let near_tunnels: [(u16, &[u8]); 6] = [
        (4789, b"\x08\0\0\0\0\0\x2a\0 some text that is no frame at all, but goes to the port of VXLAN"),
        (6081, b"\0\0\x65\x58\0\0\x08\0 some text that is no frame at all"),
        (2152, b"\x30\xff\0\x10\0\0\0\x01 sixteen bytes.."),
        (3544, b"\x60 some text that begins like IPv6 but is not that long"),
        (4754, b"\0\0\x08\0\x45 no IP either"),
        (4790, b"short"),
    ];
    for (port, payload) in near_tunnels {
        let seen = one(101, &ip(false, 17, &udp(9, port, payload)));
        assert_eq!((seen.payload.as_slice(), seen.tunnel.len()), (payload, 0), "port {port}");
    }
}

#[test]
fn tunnels_beyond_the_limit_are_counted() {
    let mut packet = ip(false, 17, &udp(5000, 6000, b"ping"));
    for _ in 0..16 {
        packet = ip(false, 4, &packet);
    }
    assert_eq!(one(101, &packet).tunnel.len(), 16);
    let (seen, counts) = decode(RAW, &ip(false, 4, &packet));
    assert_eq!((seen.len(), &counts[..]), (0, &[(Cause::TunnelDepth, 32)][..]));
    let labels = [&[0; 4][..]; 40].concat();
    assert_eq!(decode(ETHERNET, &ethernet(0x8847, &labels)).1[0].0, Cause::TunnelDepth);
}

#[test]
fn control_frames_are_no_loss() {
    let bridge_protocol = [0x42, 0x42, 3, 0, 0, 0, 0, 0];
    let discovery = [0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 1, 2, 3];
    let frames = [
        ethernet(0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]),
        ethernet(0x88cc, &[2, 7, 4]),
        ethernet(0x8863, &[0x11, 9, 0, 0, 0, 0]),
        ethernet(0x888e, &[1, 0, 0, 0]),
        ethernet(bridge_protocol.len() as u16, &bridge_protocol),
        ethernet(discovery.len() as u16, &discovery),
        ethernet(0x8864, &[0x11, 0, 0, 1, 0, 4, 0xc0, 0x21, 9, 0]),
        ethernet(0x0800, &ip(false, 2, &[0x16, 0, 0, 0, 224, 0, 0, 5])),
        ethernet(0x0800, &ip(false, 1, &[[3, 3, 0, 0, 0, 0, 0, 0], [0x45, 0, 0, 28, 0, 0, 0, 0]].concat())),
        ethernet(0x86dd, &ip(true, 58, &[135, 0, 0, 0, 0, 0, 0, 0])),
        ethernet(0x86dd, &ip(true, 59, &[])),
        // A GRE keep-alive, and an acknowledgment of PPTP.
        ethernet(0x0800, &ip(false, 47, &[0, 0, 0, 0])),
        ethernet(0x0800, &ip(false, 47, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 1])),
        // A pseudowire's associated channel.
        ethernet(0x8847, &[0, 1, 1, 64, 0x10, 0, 0, 7, 1, 2]),
    ];
    for frame in frames {
        assert_eq!(decode(ETHERNET, &frame), (vec![], vec![]), "{frame:02x?}");
    }
}

#[test]
fn what_cannot_be_read_is_counted_with_its_cause() {
    let encrypted = ip(false, 50, &[7; 48]);
    let four = |bytes: &[u8]| ethernet(0x0800, bytes);
    let mut no_header = tcp(b"ping");
    no_header[12] = 0x40;
    let mut beyond = tcp(b"ping");
    beyond[12] = 0xf0;
    let frames = [
        (four(&encrypted), Cause::EncryptedIp, 48),
        (ethernet(0x88e5, &[0x2c, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]), Cause::EncryptedEthernet, 2),
        (ethernet(0x8864, &[0x11, 0, 0, 1, 0, 6, 0, 0xfd, 9, 9, 9, 9]), Cause::EncryptedPpp, 4),
        (ethernet(0x88a2, &[1; 50]), Cause::EtherType(0x88a2), 50),
        (ethernet(20, &[0xf0; 20]), Cause::LlcAccessPoint(0xf0), 17),
        (ethernet(0x8864, &[0x11, 0, 0, 1, 0, 4, 0, 0x2d, 9, 9]), Cause::PppProtocol(0x2d), 2),
        (ethernet(0x8847, &[0, 1, 1, 64, 0xab, 1, 2, 3]), Cause::MplsPayload, 4),
        (ethernet(0x05ff, &[1; 50]), Cause::Malformed(Part::Ethernet), 50),
        (four(&[0x15; 40]), Cause::Malformed(Part::Ipv4), 40),
        (four(&ip(false, 6, &no_header)), Cause::Malformed(Part::Tcp), 28),
        (four(&ip(false, 6, &beyond)), Cause::Malformed(Part::Tcp), 28),
        (four(&ip(false, 17, &[0, 9, 0, 9, 0, 7, 0, 0])), Cause::Malformed(Part::Udp), 8),
        (four(&ip(false, 47, &[0, 3, 8, 0, 1, 2])), Cause::Malformed(Part::Gre), 6),
        (vec![1; 13], Cause::Malformed(Part::Ethernet), 13),
    ];
    for (frame, cause, bytes) in frames {
        assert_eq!(decode(ETHERNET, &frame), (vec![], vec![(cause, bytes)]), "{cause}");
    }
}

#[test]
fn other_transports_are_handed_on() {
    let seen = one(101, &ip(false, 132, b"chunks"));
    assert_eq!((seen.transport, seen.payload), (Transport::Other { protocol: 132 }, b"chunks".to_vec()));
    assert_eq!((seen.source, seen.destination), (CLIENT.into(), SERVER.into()));
}
