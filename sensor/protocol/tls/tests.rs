//! Connections without keys, and with them: the latter between a real client and server.

use super::*;
use crate::KeyLog;
use crate::testing::{Record, Scene};
use egret_model::ProtocolLimits;
use rustls::crypto::ring as provider;
use rustls::{ClientConnection, Connection, RootCertStore, ServerConnection, SupportedCipherSuite};
use std::io::Write as _;
use std::sync::{Arc, Mutex};

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &length[..], payload].concat()
}

#[test]
fn application_data_is_opaque_and_named_however_it_is_cut() {
    let client = [
        record(22, &parse::hello_for("Mail.Example")),
        record(20, &[1]),
        record(22, &[9; 40]),
        record(23, &[7; 300]),
    ]
    .concat();
    let server = [record(22, b"\x02\x00\x00\x01x"), record(23, &[8; 50])].concat();
    for step in [1, 3, 7, 1000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(8443);
        for piece in client.chunks(step) {
            scene.client(flow, piece);
        }
        for piece in server.chunks(step) {
            scene.server(flow, piece);
        }
        scene.close(flow);
        let record = scene.end();
        let seen: Vec<_> = record
            .transfers
            .iter()
            .map(|t| {
                (
                    t.start.protocol,
                    t.start.from,
                    t.start.server_name.as_deref(),
                    t.opaque,
                    t.body.len(),
                    t.ended,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (Protocol::Tls, Side::Initiator, Some("mail.example"), 300, 0, Some(true)),
                (Protocol::Tls, Side::Responder, Some("mail.example"), 50, 0, Some(true)),
            ],
            "step {step}"
        );
        assert_eq!(record.not_inspected.iter().map(|(_, bytes)| bytes).sum::<u64>(), 40);
    }
}

#[test]
fn answers_that_are_held_back_are_counted() {
    let mut scene = Scene::new();
    let flow = scene.tcp(853);
    scene.client(flow, record(22, &parse::hello_for("Dns.Example")));
    scene.server(flow, record(22, b"\x02\x00\x00\x01x"));
    for _ in 0..4 {
        scene.client(flow, record(23, &[7; 80]));
        // However it is cut, and with a ping beside it.
        scene.pass(2);
        for piece in record(23, &[8; 200]).chunks(50) {
            scene.server(flow, piece);
        }
        scene.server(flow, record(23, &[9; 34]));
    }
    scene.close(flow);
    let held: Vec<_> = scene
        .end()
        .observed
        .into_iter()
        .filter_map(|observed| match observed {
            Observation::HeldAnswers { server_name, port, held, rounds, waits_ns, sent, .. } => {
                Some((server_name, port, held, rounds, waits_ns, sent))
            }
            _ => None,
        })
        .collect();
    let second = 1_000_000_000;
    let expected = (Some("dns.example".to_owned()), 853, 3, 3, (2 * second, 2 * second), 3 * 56);
    assert_eq!(held, [expected]);
}

#[test]
fn what_only_begins_like_tls_is_read() {
    let mut scene = Scene::new();
    let flow = scene.tcp(443);
    scene.client(flow, [record(22, &parse::hello_for("a.example")), b"plain text".to_vec()].concat());
    scene.close(flow);
    let record = scene.end();
    assert_eq!(record.transfers[0].body, b"plain text");
}

#[test]
fn a_gap_is_survived_and_midstream_is_recognised() {
    let mut scene = Scene::new();
    let flow = scene.tcp(443);
    scene.midstream(flow);
    scene.client(flow, record(23, &[1; 100]));
    scene.client(flow, &record(23, &[1; 100])[..50]);
    scene.gap(flow, Side::Initiator, 60);
    scene.client(flow, [5; 20]);
    scene.client(flow, record(23, &[1; 10]));
    scene.close(flow);
    let record = scene.end();
    assert_eq!(record.transfers.len(), 1);
    let transfer = &record.transfers[0];
    assert_eq!((transfer.opaque, transfer.missing, transfer.ended), (100 + 45 + 20 + 10, 60, Some(false)));
}

/// Keeps the secrets of the connections that it is told of, as a key log.
#[derive(Debug, Default)]
struct Written(Mutex<String>);

impl rustls::KeyLog for Written {
    fn log(&self, label: &str, random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(random), hex(secret));
        self.0.lock().unwrap().push_str(&line);
    }
}

const REQUEST: &[u8] = b"POST /up HTTP/1.1\r\nHost: upload.example\r\nContent-Length: 40000\r\n\r\n";

/// What is said over a connection: a request with a body in pieces, with new keys between them where the version has them, and an
/// answer. Gives the key log and what goes over the wire, in turns.
fn conversation(suite: SupportedCipherSuite) -> (String, Vec<(bool, Vec<u8>)>) {
    let made = rcgen::generate_simple_self_signed(vec!["upload.example".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let crypto = Arc::new(rustls::crypto::CryptoProvider {
        cipher_suites: vec![suite],
        ..provider::default_provider()
    });
    let versions = [suite.version()];
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let log = Arc::new(Written::default());
    let mut client = rustls::ClientConfig::builder_with_provider(Arc::clone(&crypto))
        .with_protocol_versions(&versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.key_log = Arc::<Written>::clone(&log);
    let server = rustls::ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let name = "upload.example".try_into().unwrap();
    let mut client = Connection::Client(ClientConnection::new(Arc::new(client), name).unwrap());
    let mut server = Connection::Server(ServerConnection::new(Arc::new(server)).unwrap());
    let mut wire = Vec::new();
    let mut pass = |client: &mut Connection, server: &mut Connection| {
        while client.wants_write() || server.wants_write() {
            for from_client in [true, false] {
                let (from, to) =
                    if from_client { (&mut *client, &mut *server) } else { (&mut *server, &mut *client) };
                let mut bytes = Vec::new();
                while from.wants_write() {
                    from.write_tls(&mut bytes).unwrap();
                }
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    to.read_tls(&mut rest).unwrap();
                    to.process_new_packets().unwrap();
                    let _ = std::io::copy(&mut to.reader(), &mut std::io::sink());
                }
                if !bytes.is_empty() {
                    wire.push((from_client, bytes));
                }
            }
        }
    };
    pass(&mut client, &mut server);
    client.writer().write_all(REQUEST).unwrap();
    for piece in 0_u8..4 {
        client.writer().write_all(&[b'a' + piece; 10_000]).unwrap();
        pass(&mut client, &mut server);
        if suite.version() == &rustls::version::TLS13 {
            client.refresh_traffic_keys().unwrap();
        }
    }
    server.writer().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstored").unwrap();
    client.send_close_notify();
    server.send_close_notify();
    pass(&mut client, &mut server);
    (log.0.lock().unwrap().clone(), wire)
}

/// Plays a conversation with a key log, in pieces; `lost` bytes of the client's are missing.
fn play(log: &str, wire: &[(bool, Vec<u8>)], step: usize, lost: std::ops::Range<usize>) -> Record {
    let mut scene = Scene::new();
    let mut keys = KeyLog::default();
    keys.add(log.as_bytes());
    scene.shared().keys = keys;
    let flow = scene.tcp(443);
    let mut sent = 0;
    for (client, bytes) in wire {
        for piece in bytes.chunks(step) {
            if !*client {
                scene.server(flow, piece);
                continue;
            }
            let at = |offset: usize| offset.saturating_sub(sent).min(piece.len());
            let (start, end) = (at(lost.start), at(lost.end));
            for before in [&piece[..start]].into_iter().filter(|part| !part.is_empty()) {
                scene.client(flow, before);
            }
            if end > start {
                scene.gap(flow, Side::Initiator, (end - start) as u64);
            }
            if end < piece.len() {
                scene.client(flow, &piece[end..]);
            }
            sent += piece.len();
        }
    }
    scene.close(flow);
    scene.end()
}

fn body() -> Vec<u8> {
    (0_u8..4).flat_map(|piece| [b'a' + piece; 10_000]).collect()
}

#[test]
fn what_is_said_is_read_with_the_keys_of_each_suite() {
    for suite in provider::ALL_CIPHER_SUITES.iter().copied() {
        // The certificate's key is of an elliptic curve.
        if format!("{:?}", suite.suite()).contains("_RSA_") {
            continue;
        }
        let (log, wire) = conversation(suite);
        for step in [1, 1000, 100_000] {
            let record = play(&log, &wire, step, 0..0);
            let seen: Vec<_> = record
                .transfers
                .iter()
                .map(|t| (t.start.protocol, t.start.from, t.start.inner_tunnel.join(" "), t.ended, t.opaque))
                .collect();
            let http = |from| (Protocol::Http, from, "tls".to_owned(), Some(true), 0);
            assert_eq!(seen, [http(Side::Initiator), http(Side::Responder)], "{suite:?}, step {step}");
            assert_eq!(record.transfers[0].body, body(), "{suite:?}");
            assert_eq!(record.transfers[1].body, b"stored");
            assert!(record.not_inspected.is_empty(), "{:?}", record.not_inspected);
        }
    }
}

/// Plays a conversation whose keys come before the byte at `keys_at`, of all that goes over the wire; at its length, when the connection
/// is over. The second number is how many seconds later than that.
fn play_late(
    log: &str,
    wire: &[(bool, Vec<u8>)],
    keys_at: usize,
    seconds: i64,
    limits: &ProtocolLimits,
) -> Record {
    let mut scene = Scene::with_limits(limits);
    scene.expect_keys();
    let mut keys = KeyLog::default();
    keys.add(log.as_bytes());
    let flow = scene.tcp(443);
    let (mut sent, mut told) = (0, false);
    for (client, bytes) in wire {
        for piece in bytes.chunks(700) {
            if sent >= keys_at && !told {
                scene.use_keys(&keys);
                told = true;
            }
            sent += piece.len();
            if *client {
                scene.client(flow, piece);
            } else {
                scene.server(flow, piece);
            }
        }
    }
    scene.close(flow);
    scene.pass(seconds);
    if !told {
        scene.use_keys(&keys);
    }
    scene.pass(0);
    scene.end()
}

#[test]
fn keys_that_come_late_open_what_was_said_before_them() {
    let limits = ProtocolLimits::default();
    for suite in [
        provider::cipher_suite::TLS13_AES_128_GCM_SHA256,
        provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        let (log, wire) = conversation(suite);
        let all: usize = wire.iter().map(|(_, bytes)| bytes.len()).sum();
        for (keys_at, seconds) in [(0, 0), (1000, 0), (3000, 0), (20_000, 0), (all, 0), (all, 4)] {
            let record = play_late(&log, &wire, keys_at, seconds, &limits);
            let http: Vec<_> =
                record.transfers.iter().map(|t| (t.start.protocol, t.ended, t.opaque)).collect();
            let whole = (Protocol::Http, Some(true), 0);
            assert_eq!(http, [whole, whole], "{suite:?}, keys at {keys_at} of {all} and {seconds} s");
            assert_eq!(
                (&record.transfers[0].body, &record.transfers[1].body),
                (&body(), &b"stored".to_vec())
            );
        }
    }
}

#[test]
fn keys_that_come_one_after_the_other_are_all_waited_for() {
    for suite in [
        provider::cipher_suite::TLS13_AES_128_GCM_SHA256,
        provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        let (log, wire) = conversation(suite);
        let all: usize = wire.iter().map(|(_, bytes)| bytes.len()).sum();
        let lines: Vec<&str> = log.lines().collect();
        for first in 0..=lines.len() {
            for keys_at in [0, 3000, all] {
                let mut scene = Scene::with_limits(&ProtocolLimits::default());
                scene.expect_keys();
                let flow = scene.tcp(443);
                let (mut keys, mut sent, mut told) = (KeyLog::default(), 0, 0);
                for (client, bytes) in &wire {
                    for piece in bytes.chunks(700) {
                        let to = if sent >= keys_at + 5000 { lines.len() } else { first };
                        for line in lines.iter().take(to).skip(told).filter(|_| sent >= keys_at) {
                            keys.add(format!("{line}\n").as_bytes());
                            scene.use_keys(&keys);
                            told += 1;
                        }
                        sent += piece.len();
                        if *client { scene.client(flow, piece) } else { scene.server(flow, piece) }
                    }
                }
                scene.close(flow);
                keys.add(log.as_bytes());
                scene.use_keys(&keys);
                scene.pass(0);
                let record = scene.end();
                let bodies: Vec<_> = record.transfers.iter().map(|t| t.body.clone()).collect();
                assert_eq!(bodies, [body(), b"stored".to_vec()], "{suite:?}, {first} keys at {keys_at}");
            }
        }
    }
}

#[test]
fn what_has_waited_in_vain_is_counted_as_encrypted_to_the_byte() {
    let (log, wire) = conversation(provider::cipher_suite::TLS13_AES_128_GCM_SHA256);
    let all: usize = wire.iter().map(|(_, bytes)| bytes.len()).sum();
    let counted = |record: &Record| {
        assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Tls && t.body.is_empty()));
        let aside: u64 = record.not_inspected.iter().map(|(_, bytes)| bytes).sum();
        record.transfers.iter().map(|t| t.opaque).sum::<u64>() + aside
    };
    let never = counted(&play("", &wire, 700, 0..0));
    let limits = ProtocolLimits::default();
    assert_eq!(counted(&play_late(&log, &wire, all, 6, &limits)), never, "too late");
    assert_eq!(counted(&play_late("", &wire, all, 0, &limits)), never, "never");
    let narrow = ProtocolLimits { tls_awaited_flow_bytes: 5000, ..ProtocolLimits::default() };
    assert_eq!(counted(&play_late(&log, &wire, all, 0, &narrow)), never, "too much for one connection");
}

#[test]
fn of_connections_that_wait_the_first_makes_room_for_the_others() {
    let limits = ProtocolLimits { tls_awaited_bytes: 60_000, ..ProtocolLimits::default() };
    let (log, wire) = conversation(provider::cipher_suite::TLS13_AES_128_GCM_SHA256);
    let mut scene = Scene::with_limits(&limits);
    scene.expect_keys();
    for _ in 0..2 {
        let flow = scene.tcp(443);
        scene.dialogue(flow, &wire, 700);
        scene.close(flow);
    }
    let mut keys = KeyLog::default();
    keys.add(log.as_bytes());
    scene.use_keys(&keys);
    scene.pass(0);
    let record = scene.end();
    let http = record.transfers.iter().filter(|t| t.start.protocol == Protocol::Http).count();
    let opaque: u64 = record.transfers.iter().map(|t| t.opaque).sum();
    assert_eq!(http, 2, "of one connection, both directions");
    assert!(opaque > 40_000, "the other one counts as encrypted: {opaque}");
}

#[test]
fn without_the_right_keys_all_is_counted_as_encrypted() {
    let suite = provider::cipher_suite::TLS13_AES_256_GCM_SHA384;
    let ((_, wire), (other, _)) = (conversation(suite), conversation(suite));
    let (log, _) = conversation(suite);
    for log in ["", &other, &log] {
        let record = play(log, &wire, 1000, 0..0);
        assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Tls && t.body.is_empty()));
        let sent = record.transfers.iter().find(|t| t.start.from == Side::Initiator).unwrap();
        assert!(sent.opaque > 40_000);
    }
}

#[test]
fn content_alone_is_read_with_its_secrets_alone() {
    let (log, wire) = conversation(provider::cipher_suite::TLS13_AES_128_GCM_SHA256);
    let traffic: Vec<&str> = log.lines().filter(|line| line.contains("TRAFFIC_SECRET_0")).collect();
    let record = play(&traffic.join("\n"), &wire, 1000, 0..0);
    let http: Vec<_> = record.transfers.iter().filter(|t| t.start.protocol == Protocol::Http).collect();
    assert_eq!((http.len(), &http[0].body), (2, &body()));
}

#[test]
fn gaps_are_told_within_what_is_said_and_step_is_found_again() {
    let (log, wire) = conversation(provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    let sent: usize = wire.iter().filter(|(client, _)| *client).map(|(_, bytes)| bytes.len()).sum();
    // Records of content stand at the end: three of ten thousand bytes behind the first one, and a notice of the end.
    let third = sent - 31 - 2 * 10_029;
    // Within a record; over the end of one; the whole of one.
    for (lost, missing) in [
        (third + 100..third + 200, 10_000),
        (third + 9000..third + 10_100, 20_000),
        (third..third + 10_029, 10_000),
    ] {
        let record = play(&log, &wire, 1 << 20, lost.clone());
        let upload = record.transfers.iter().find(|t| t.start.protocol == Protocol::Http).unwrap();
        assert_eq!((upload.body.len(), upload.missing), (40_000 - missing, missing as u64), "{lost:?}");
        assert_eq!(upload.ended, Some(false));
    }
}
