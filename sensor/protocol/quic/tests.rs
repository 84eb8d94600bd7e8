//! Sessions without secrets, their Initials protected by another implementation.

use super::*;
use crate::testing::{Record, Scene};
use egret_model::FlowKind;
use rustls::crypto::ring as provider;
use rustls::quic::{ClientConnection, Version};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The number on the wire of each version, and the type of its Initials.
const VERSIONS: [(Version, [u8; 4], u8); 3] = [
    (Version::V1Draft, [0xff, 0, 0, 0x1d], 0xc0),
    (Version::V1, [0, 0, 0, 1], 0xc0),
    (Version::V2, [0x6b, 0x33, 0x43, 0xcf], 0xd0),
];

/// A client's hello for `files.example`.
fn hello(version: Version) -> Vec<u8> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h3".to_vec()];
    let name = "files.example".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), version, name, vec![1, 2, 0x40, 0x64]).unwrap();
    let mut message = Vec::new();
    client.write_hs(&mut message);
    message
}

/// An Initial of a client that carries these parts of its hello, from one offset to another, in a CRYPTO frame each.
fn initial(
    (version, wire, first): (Version, [u8; 4], u8),
    destination: &[u8],
    number: u8,
    hello: &[u8],
    parts: &[(usize, usize)],
) -> Vec<u8> {
    let two_bytes = |n: usize| (0x4000 | u16::try_from(n).unwrap()).to_be_bytes();
    let mut frames = vec![1];
    for (from, to) in parts {
        frames.push(6);
        frames.extend(two_bytes(*from));
        frames.extend(two_bytes(to - from));
        frames.extend(&hello[*from..*to]);
        frames.push(0);
    }
    frames.resize(frames.len().max(1100), 0);
    let rustls::SupportedCipherSuite::Tls13(suite) = provider::cipher_suite::TLS13_AES_128_GCM_SHA256 else {
        unreachable!("a suite of TLS 1.3")
    };
    let keys = suite.quic_suite().unwrap().keys(destination, rustls::Side::Client, version);
    let id_length = u8::try_from(destination.len()).unwrap();
    // No source id, no token, a packet number of one byte.
    let mut packet = [&[first], &wire[..], &[id_length], destination, &[0, 0]].concat();
    packet.extend(two_bytes(1 + frames.len() + 16));
    let number_at = packet.len();
    packet.push(number);
    let tag = keys.local.packet.encrypt_in_place(u64::from(number), &packet, &mut frames).unwrap();
    packet.extend_from_slice(&frames);
    packet.extend_from_slice(tag.as_ref());
    let sample = packet[number_at + 4..number_at + 20].to_vec();
    let (header, rest) = packet.split_at_mut(number_at);
    keys.local.header.encrypt_in_place(&sample, &mut header[0], &mut rest[..1]).unwrap();
    packet
}

fn play(datagrams: &[(bool, Vec<u8>)]) -> Record {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:443");
    for (client, datagram) in datagrams {
        if *client {
            scene.client(flow, datagram);
        } else {
            scene.server(flow, datagram);
        }
    }
    scene.cut(flow);
    scene.end()
}

/// Name and fingerprint of each hello that was told, and the names of the transfers.
fn told<'a>(record: &'a Record) -> (Vec<(&'a str, &'a str)>, Vec<Option<&'a str>>) {
    let hello = |observed: &'a Observation| match observed {
        Observation::Hello { server_name, ja4 } => Some((server_name.as_deref()?, ja4.as_deref()?)),
        _ => None,
    };
    let names = record.transfers.iter().map(|transfer| transfer.start.server_name.as_deref());
    (record.observed.iter().filter_map(hello).collect(), names.collect())
}

#[test]
fn a_session_is_opaque_from_its_first_long_header_on() {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:443");
    scene.client(flow, [&[0xc3, 0, 0, 0, 1, 8][..], &[1; 8], &[0], &[0; 100]].concat());
    scene.server(flow, [0x41; 60]);
    scene.client(flow, [0x42; 30]);
    scene.cut(flow);
    let other = scene.flow(FlowKind::Udp, "10.0.0.1:50001", "192.0.2.1:443");
    scene.client(other, [&[0xc3, 9, 9, 9, 9, 8][..], &[1; 40]].concat());
    scene.cut(other);
    let record = scene.end();
    let seen: Vec<_> = record.transfers.iter().map(|t| (t.start.protocol, t.opaque, t.body.len())).collect();
    assert_eq!(seen, [(Protocol::Quic, 145, 0), (Protocol::Quic, 60, 0), (Protocol::Udp, 0, 46)]);
    assert!(record.observed.is_empty());
}

#[test]
fn servers_and_software_are_named_however_the_hello_is_cut() {
    for version in VERSIONS {
        let hello = hello(version.0);
        let end = hello.len();
        let whole: &[&[(usize, usize)]] = &[&[(0, end)]];
        // In several frames out of order, with overlaps; over several packets, the last part first.
        let cut: &[&[(usize, usize)]] = &[&[(90, end), (0, 40), (30, 100)]];
        let spread: &[&[(usize, usize)]] = &[&[(150, end)], &[(60, 120), (110, 160)], &[(0, 61)]];
        for packets in [whole, cut, spread] {
            let datagrams: Vec<(bool, Vec<u8>)> = (0..)
                .zip(packets)
                .map(|(number, parts)| (true, initial(version, &[7; 8], number, &hello, parts)))
                .chain([(false, vec![0x41; 60])])
                .collect();
            let record = play(&datagrams);
            let (hellos, names) = told(&record);
            let [(name, ja4)] = hellos[..] else { panic!("{version:?} {packets:?}: {hellos:?}") };
            assert_eq!(name, "files.example");
            assert!(ja4.starts_with("q13d") && ja4[8..].starts_with("h3_"), "{ja4}");
            assert_eq!(names, [Some("files.example"); 2]);
            let sent: usize = datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
            assert_eq!(record.transfers.iter().map(|t| t.opaque).sum::<u64>(), sent as u64);
        }
    }
}

#[test]
fn behind_a_retry_the_keys_are_others_and_the_server_may_come_first() {
    let hello = hello(Version::V1);
    let packet = |id: &[u8], number, part| initial(VERSIONS[1], id, number, &hello, &[part]);
    let again = [(true, packet(&[7; 8], 0, (0, 80))), (true, packet(&[3; 20], 1, (0, hello.len())))];
    assert_eq!(told(&play(&again)).0.len(), 1);
    // A server's first packet opens with no key that is known.
    let mut foreign = packet(&[], 0, (0, 80));
    *foreign.last_mut().unwrap() ^= 1;
    let late = [(false, foreign), (true, packet(&[7; 8], 0, (0, hello.len())))];
    assert_eq!(told(&play(&late)).1, [Some("files.example"); 2]);
}

#[test]
fn what_is_forged_or_never_ends_is_given_up() {
    let hello = hello(Version::V1);
    let mut forged = initial(VERSIONS[1], &[7; 8], 0, &hello, &[(0, hello.len())]);
    forged[200] ^= 1;
    let hole = initial(VERSIONS[1], &[7; 8], 0, &hello, &[(1, hello.len())]);
    for datagram in [forged, hole] {
        let mut datagrams = vec![(true, datagram); 40];
        datagrams.push((true, initial(VERSIONS[1], &[7; 8], 0, &hello, &[(0, hello.len())])));
        assert!(play(&datagrams).observed.is_empty());
    }
}
