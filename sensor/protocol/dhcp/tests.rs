//! Messages and the evidence in them.

use super::parse::{is_v4, v4, v6};
use crate::testing::Scene;
use egret_model::{Evidence, FlowKind};
use proptest::prelude::*;

/// A DHCP message: operation, client and own address, options.
fn message(operation: u8, client: [u8; 4], yours: [u8; 4], options: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![operation, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0];
    bytes.extend(client);
    bytes.extend(yours);
    bytes.extend([0; 8]);
    bytes.extend([0, 0x0b, 0x82, 1, 0xfc, 0x42]);
    bytes.resize(236, 0);
    bytes.extend([99, 130, 83, 99]);
    bytes.extend(options.concat());
    bytes
}

#[test]
fn a_request_and_its_answer_are_evidence() {
    let mut scene = Scene::new();
    let request = scene.flow(FlowKind::Udp, "0.0.0.0:68", "255.255.255.255:67");
    scene.client(
        request,
        message(1, [0; 4], [0; 4], &[&[53, 1, 3], &[50, 4, 192, 168, 0, 10], b"\x0c\x08ALICE-LT", &[255]]),
    );
    let answer = scene.flow(FlowKind::Udp, "192.168.0.1:67", "192.168.0.10:68");
    scene.client(
        answer,
        message(2, [0; 4], [192, 168, 0, 10], &[&[53, 1, 5], &[51, 4, 0, 0, 0x0e, 0x10], &[255]]),
    );
    let record = scene.end();
    let [asked, granted] = record.sightings.as_slice() else { panic!("{record:?}") };
    assert_eq!(
        (asked.ip.unwrap().to_string().as_str(), asked.host.as_deref()),
        ("192.168.0.10", Some("ALICE-LT"))
    );
    assert_eq!((asked.evidence, asked.confirmed, asked.until), (Evidence::Dhcp, false, None));
    assert_eq!((granted.ip, granted.mac, granted.confirmed), (asked.ip, asked.mac, true));
    assert_eq!(granted.mac.map(|mac| mac.to_string()).as_deref(), Some("00:0b:82:01:fc:42"));
    assert_eq!(granted.until.map(|until| until.since(granted.at)), Some(3_600_000_000_000));
    assert!(record.transfers.is_empty());
}

#[test]
fn which_messages_tell_an_address() {
    let ours = [10, 0, 0, 5];
    let requested: &[u8] = &[50, 4, 10, 0, 0, 5];
    let cases: Vec<(Vec<u8>, Option<bool>)> = vec![
        (message(1, [0; 4], [0; 4], &[&[53, 1, 1], requested, &[255]]), None),
        (message(2, [0; 4], ours, &[&[53, 1, 2], &[255]]), None),
        (message(1, [0; 4], [0; 4], &[&[53, 1, 3], requested, &[255]]), Some(false)),
        (message(1, ours, [0; 4], &[&[53, 1, 3], &[255]]), Some(false)),
        (message(2, [0; 4], ours, &[&[53, 1, 5], &[255]]), Some(true)),
        (message(2, ours, [0; 4], &[&[53, 1, 5], &[255]]), Some(true)),
        (message(1, ours, [0; 4], &[&[53, 1, 8], &[255]]), Some(false)),
        (message(1, ours, [0; 4], &[&[53, 1, 7], &[255]]), Some(true)),
        (message(2, [0; 4], [0; 4], &[&[53, 1, 5], &[255]]), None),
        (message(1, ours, [0; 4], &[&[255]]), None),
        // What stands before a damaged option counts.
        (message(2, [0; 4], ours, &[&[53, 1, 5], &[12, 200, b'a']]), Some(true)),
    ];
    for (bytes, expected) in cases {
        assert!(is_v4(&bytes));
        // A DISCOVER tells a name, and no address.
        let lease = v4(&bytes).filter(|lease| lease.ip.is_some());
        assert_eq!(lease.as_ref().map(|lease| lease.granted), expected, "{:?}", bytes.get(240..));
        assert!(lease.is_none_or(|lease| lease.ip.unwrap().to_string() == "10.0.0.5"));
    }
}

#[test]
fn names_of_hosts() {
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"\x0c\x06BOB-PC", Some("BOB-PC")),
        (b"\x0c\x07BOB-PC\0", Some("BOB-PC")),
        (b"\x0c\x03\xff\xfe\xfd", None),
        (b"\x0c\x00", None),
        (b"\x51\x0a\x00\x00\x00BOB.a.b", Some("BOB")),
        (b"\x51\x0b\x04\x00\x00\x03BOB\x01a\x00\x00", Some("BOB")),
        (b"\x51\x04\x04\x00\x00\x40", None),
        (b"\x0c\x01a\x51\x06\x00\x00\x00BOB", Some("a")),
    ];
    for (options, expected) in cases {
        let lease =
            v4(&message(2, [0; 4], [10, 0, 0, 5], &[&[53, 1, 5], options, &[255]])).expect("an address");
        assert_eq!(lease.host.as_deref(), *expected, "{options:?}");
    }
}

#[test]
fn options_go_on_in_other_fields() {
    let mut bytes = message(2, [0; 4], [10, 0, 0, 5], &[&[53, 1, 5], &[52, 1, 3], &[255]]);
    bytes[108..116].copy_from_slice(b"\x0c\x06BOB-PC");
    bytes[44..50].copy_from_slice(&[51, 4, 0, 0, 0, 60]);
    let lease = v4(&bytes).expect("an address");
    assert_eq!((lease.host.as_deref(), lease.seconds), (Some("BOB-PC"), Some(60)));
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

fn v6_message_of(kind: u8, lifetime: u32) -> Vec<u8> {
    let address =
        [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[5], &[0, 0, 0, 60], &lifetime.to_be_bytes()].concat();
    let association = [&[0; 12][..], &option(5, &address)].concat();
    let duid = [0, 3, 0, 1, 2, 0, 0, 0, 0, 9];
    let fqdn = b"\0\x08ALICE-LT\x04corp\x07example\0";
    [&[kind, 1, 2, 3][..], &option(1, &duid), &option(3, &association), &option(39, fqdn)].concat()
}

#[test]
fn dhcp_for_ipv6() {
    let leases = v6(&v6_message_of(7, 120)).expect("a message");
    let [lease] = leases.as_slice() else { panic!("{leases:?}") };
    assert_eq!(
        (lease.ip.unwrap().to_string().as_str(), lease.granted, lease.seconds),
        ("2001:db8::5", true, Some(120))
    );
    assert_eq!(lease.host.as_deref(), Some("ALICE-LT"));
    assert_eq!(lease.mac.map(|mac| mac.to_string()).as_deref(), Some("02:00:00:00:00:09"));

    let relayed = [&[13, 1][..], &[0; 32], &option(9, &v6_message_of(7, 120))].concat();
    assert_eq!(v6(&relayed), Some(leases));
    let ends = |message: &[u8]| {
        v6(message).map(|leases| leases.iter().map(|lease| lease.seconds).collect::<Vec<_>>())
    };
    assert_eq!(ends(&v6_message_of(7, 0)), Some(vec![Some(0)]), "taken away");
    assert_eq!(ends(&v6_message_of(8, 120)), Some(vec![Some(0)]), "given back");
    assert_eq!(v6(&v6_message_of(1, 120)), Some(Vec::new()), "solicit");
    assert_eq!(v6(&v6_message_of(3, 0)).map(|leases| leases.len()), Some(1), "request");
    assert_eq!(v6(&v6_message_of(14, 0)), None);
    let deep =
        (0..9).fold(v6_message_of(7, 120), |inner, _| [&[13, 1][..], &[0; 32], &option(9, &inner)].concat());
    assert_eq!(v6(&deep), None, "more relays than there may be");
}

#[test]
fn dhcp_for_ipv6_is_known_by_its_ports() {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "[fe80::1]:547", "[fe80::2]:546");
    scene.client(flow, v6_message_of(7, 120));
    assert_eq!(scene.record.sightings.len(), 1);
    let other = scene.flow(FlowKind::Udp, "[fe80::1]:5000", "[fe80::2]:5001");
    scene.client(other, v6_message_of(7, 120));
    assert_eq!(scene.record.sightings.len(), 1);
}

proptest! {
    #[test]
    fn anything_is_survived(
        damaged in proptest::collection::vec((0usize..300, any::<u8>()), 0..20),
        length in 0usize..300,
    ) {
        let mut v4_bytes = message(2, [0; 4], [10, 0, 0, 5], &[&[53, 1, 5], b"\x0c\x03BOB", &[81, 4, 4, 0, 0, 9], &[52, 1, 3]]);
        let mut v6_bytes = [&[13, 1][..], &[0; 32], &option(9, &v6_message_of(7, 120))].concat();
        for bytes in [&mut v4_bytes, &mut v6_bytes] {
            for (place, value) in &damaged {
                if let Some(byte) = bytes.get_mut(*place) {
                    *byte = *value;
                }
            }
            bytes.truncate(length);
            let _ = (is_v4(bytes), v4(bytes), v6(bytes));
        }
    }
}
