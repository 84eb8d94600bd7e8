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

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), flags in any::<u16>()) {
        let bytes = message(flags, [1, 2, 1, 1], &[&bytes]);
        for dialect in [Dialect::Multicast, Dialect::LinkLocal, Dialect::NetBios] {
            let _ = announced(dialect, &bytes);
        }
    }
}
