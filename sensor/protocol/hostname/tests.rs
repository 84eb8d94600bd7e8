//! Announcements of all three protocols.

use super::parse::{Announced, Dialect, announced};
use crate::testing::Scene;
use egret_model::{Evidence, FlowKind};
use proptest::prelude::*;

fn labels(name: &str) -> Vec<u8> {
    let labels =
        name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

fn message(flags: u16, counts: [u16; 4], body: &[&[u8]]) -> Vec<u8> {
    let head =
        [1, 2].into_iter().chain(flags.to_be_bytes()).chain(counts.into_iter().flat_map(u16::to_be_bytes));
    head.chain(body.concat()).collect()
}

fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [name, &kind.to_be_bytes(), &[0x80, 1, 0, 0, 0, 120], &length, data].concat()
}

fn netbios(name: &str, suffix: u8) -> Vec<u8> {
    let octets = format!("{name:<15}").into_bytes().into_iter().chain([suffix]);
    let letters: Vec<u8> = octets.flat_map(|octet| [b'A' + (octet >> 4), b'A' + (octet & 15)]).collect();
    [&[32], letters.as_slice(), &[0]].concat()
}

/// A NetBIOS datagram to a workgroup, with the start of its content.
fn datagram(kind: u8, flags: u8, name: &str, suffix: u8) -> Vec<u8> {
    let head = [kind, flags, 0, 1, 10, 0, 0, 7, 0, 138, 0, 72, 0, 0];
    [&head[..], &netbios(name, suffix), &netbios("CORP", 0x1d), b"\xffSMB"].concat()
}

fn one(host: &str, ip: [u8; 4]) -> Option<Vec<Announced>> {
    Some(vec![Announced { host: host.to_owned(), ip: ip.into() }])
}

#[test]
fn who_announces_itself_is_known() {
    let ip = [10, 0, 0, 7];
    let own = record(&labels("ALICE-LT.local"), 1, &ip);
    let probe =
        message(0, [1, 0, 1, 0], &[&labels("ALICE-LT.local"), &[0, 255, 0, 1], &record(&[0xc0, 12], 1, &ip)]);
    let question = message(0, [1, 0, 0, 0], &[&labels("wpad"), &[0, 1, 0, 1]]);
    let foreign = record(&labels("www.corp.example"), 1, &ip);
    for (dialect, bytes, expected) in [
        (Dialect::Multicast, message(0x8400, [0, 1, 0, 0], &[&own]), one("ALICE-LT", ip)),
        (Dialect::Multicast, probe, one("ALICE-LT", ip)),
        (Dialect::Multicast, question.clone(), Some(vec![])),
        (Dialect::Multicast, message(0x8400, [0, 1, 0, 0], &[&foreign]), Some(vec![])),
        (
            Dialect::LinkLocal,
            message(0x8000, [0, 1, 0, 0], &[&record(&labels("ALICE-LT"), 1, &ip)]),
            one("ALICE-LT", ip),
        ),
        (Dialect::LinkLocal, question, Some(vec![])),
        (
            Dialect::NetBios,
            message(
                0x2910,
                [1, 0, 0, 1],
                &[&netbios("ALICE-LT", 0), &[0, 32, 0, 1], &record(&[0xc0, 12], 32, &[0, 0, 10, 0, 0, 7])],
            ),
            one("ALICE-LT", ip),
        ),
        // A workgroup, and a program's name.
        (
            Dialect::NetBios,
            message(0x2910, [0, 0, 0, 1], &[&record(&netbios("CORP", 0), 32, &[0x80, 0, 10, 0, 0, 7])]),
            Some(vec![]),
        ),
        (
            Dialect::NetBios,
            message(0x2910, [0, 0, 0, 1], &[&record(&netbios("ALICE", 3), 32, &[0, 0, 10, 0, 0, 7])]),
            Some(vec![]),
        ),
        (Dialect::NetBiosDatagram, datagram(0x11, 2, "ALICE-LT", 0x20), one("ALICE-LT", ip)),
        // A user's name, a later fragment, an error.
        (Dialect::NetBiosDatagram, datagram(0x11, 2, "ALICE", 3), Some(vec![])),
        (Dialect::NetBiosDatagram, datagram(0x11, 0, "ALICE-LT", 0), None),
        (Dialect::NetBiosDatagram, datagram(0x13, 2, "ALICE-LT", 0), None),
        (Dialect::NetBiosDatagram, datagram(0x11, 2, "ALICE-LT", 0)[..60].to_vec(), None),
        (Dialect::Multicast, vec![0; 12], None),
        (Dialect::Multicast, message(0x8400, [0, 1, 0, 0], &[&[0xc0, 12, 0, 1]]), Some(vec![])),
        (Dialect::Multicast, vec![0; 5], None),
    ] {
        assert_eq!(announced(dialect, &bytes), expected, "{bytes:?}");
    }
}

#[test]
fn what_is_said_of_others_is_hearsay() {
    let mut scene = Scene::new();
    let own = message(0x8400, [0, 1, 0, 0], &[&record(&labels("LT.local"), 1, &[10, 0, 0, 7])]);
    let other = message(0x8400, [0, 1, 0, 0], &[&record(&labels("TV.local"), 1, &[10, 0, 0, 9])]);
    let flow = scene.flow(FlowKind::Udp, "10.0.0.7:5353", "224.0.0.251:5353");
    [&own, &other, &own].into_iter().for_each(|bytes| scene.client(flow, bytes));
    // The same elsewhere is content of an unknown protocol.
    let elsewhere = scene.flow(FlowKind::Udp, "10.0.0.7:5000", "10.0.0.8:6000");
    scene.client(elsewhere, &own);
    scene.cut(flow);
    scene.cut(elsewhere);
    let seen = scene.end().sightings;
    let told: Vec<_> = seen.iter().map(|s| (s.host.as_deref().unwrap(), s.confirmed, s.evidence)).collect();
    let announcement = Evidence::HostAnnouncement;
    assert_eq!(told, [("LT", true, announcement), ("TV", false, announcement)]);
}

/// The datagrams of a capture: Ethernet with IPv4 or IPv6, without options.
fn datagrams(capture: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let (mut rest, mut found) = (&capture[24..], Vec::new());
    while let Some(header) = rest.get(..16) {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let frame = &rest[16..16 + length];
        rest = &rest[16 + length..];
        let udp = if frame[12..14] == [8, 0] { &frame[34..] } else { &frame[54..] };
        let end = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        found.push((u16::from_be_bytes([udp[2], udp[3]]), udp[8..end].to_vec()));
    }
    found
}

#[test]
fn real_hosts_announce_themselves() {
    let told = |capture: &[u8]| {
        let mut told = std::collections::BTreeSet::new();
        for (port, bytes) in datagrams(capture) {
            let dialect = match port {
                137 => Dialect::NetBios,
                5355 => Dialect::LinkLocal,
                _ => Dialect::Multicast,
            };
            let hosts = announced(dialect, &bytes).unwrap_or_else(|| panic!("a message: {bytes:?}"));
            told.extend(hosts.into_iter().map(|host| format!("{} {}", host.ip, host.host)));
        }
        told.into_iter().collect::<Vec<_>>()
    };
    let netbios = told(include_bytes!("../../../tests/data/hostname/netbios.pcap"));
    assert_eq!(netbios, ["192.168.239.129 MDJR98"]);
    let multicast = told(include_bytes!("../../../tests/data/hostname/mdns-llmnr.pcap"));
    assert!(multicast.contains(&"10.0.0.2 Yaels-iPhone".to_owned()), "{multicast:?}");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), flags in any::<u16>()) {
        let bytes = message(flags, [1, 2, 1, 1], &[&bytes]);
        for dialect in [Dialect::Multicast, Dialect::LinkLocal, Dialect::NetBios, Dialect::NetBiosDatagram] {
            let _ = announced(dialect, &bytes);
        }
    }
}
