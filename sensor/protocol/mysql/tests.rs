//! Log-ins, statements, rows and files.

use crate::testing::{Record, Scene};
use egret_model::{Evidence, Protocol, Side, Uninspected};
use std::io::Write as _;

/// No packets between columns and rows; what else both can do.
const DEPRECATE_EOF: u32 = 1 << 24;
const COMPRESS: u32 = 0x20;

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length[..3], &[sequence], body].concat()
}

fn greeting(capabilities: u32) -> Vec<u8> {
    let [a, b, c, d] = (capabilities | 0x200).to_le_bytes();
    packet(0, &[&b"\x0a8.0.36\0\x01\0\0\0saltsalt\0"[..], &[a, b, 33, 2, 0, c, d], &[0; 11]].concat())
}

fn login(capabilities: u32) -> Vec<u8> {
    packet(1, &[&(capabilities | 0x200).to_le_bytes()[..], &[0; 28], b"alice\0\x14"].concat())
}

fn ok(sequence: u8) -> Vec<u8> {
    packet(sequence, &[0, 0, 0, 2, 0, 0, 0])
}

fn end(sequence: u8) -> Vec<u8> {
    packet(sequence, &[0xfe, 0, 0, 2, 0])
}

fn string(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat()
}

fn column(sequence: u8, name: &str, kind: u8) -> Vec<u8> {
    let names =
        [string("def"), string("shop"), string("t"), string("t"), string(name), string(name)].concat();
    packet(sequence, &[&names[..], &[12, 33, 0, 0, 1, 0, 0, kind, 0, 0, 0, 0, 0]].concat())
}

fn row(sequence: u8, values: &[&str]) -> Vec<u8> {
    packet(sequence, &values.iter().flat_map(|value| string(value)).collect::<Vec<u8>>())
}

fn query(text: &str) -> Vec<u8> {
    packet(0, &[b"\x03", text.as_bytes()].concat())
}

/// A session that has been let in.
fn session(capabilities: u32) -> Vec<(bool, Vec<u8>)> {
    vec![(false, greeting(capabilities)), (true, login(capabilities)), (false, ok(2))]
}

fn play(exchange: &[(bool, Vec<u8>)], step: usize) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(3306);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    let record = scene.end();
    assert!(record.sightings.iter().all(|sighting| sighting.evidence == Evidence::DatabaseLogin));
    assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Mysql));
    record
}

/// Operation, sender, content and completeness of each transfer.
fn told(record: &Record) -> Vec<(&str, Side, String, bool)> {
    let content = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    record
        .transfers
        .iter()
        .map(|t| (t.start.operation.as_str(), t.start.from, content(&t.body), t.ended == Some(true)))
        .collect()
}

#[test]
fn the_user_is_named_once_accepted() {
    for step in [1, 9, 1000] {
        let record = play(&session(0), step);
        let users: Vec<_> = record.sightings.iter().map(|s| (s.user.as_deref(), s.confirmed)).collect();
        assert_eq!(users, [(Some("alice"), true)], "in pieces of {step}");
    }
    // Before MySQL 4.1.
    let old = packet(1, b"\x85\x24\0\0\0bob\0saltsalt");
    let record = play(&[(false, greeting(0)), (true, old), (false, packet(2, &[0, 0, 0]))], 99);
    assert_eq!(record.sightings[0].user.as_deref(), Some("bob"));
    let refused = [(false, greeting(0)), (true, login(0)), (false, packet(2, &[0xff, 0, 0]))];
    assert!(play(&refused, 99).sightings.is_empty());
}

#[test]
fn rows_are_lines_and_statements_of_one_kind_are_joined() {
    for capabilities in [0, DEPRECATE_EOF] {
        let mut exchange = session(capabilities);
        for name in ["Ann", "Bob"] {
            exchange.push((true, query(&format!("INSERT INTO people VALUES ('{name}')"))));
            exchange.push((false, ok(1)));
        }
        let columns = [packet(1, &[2]), column(2, "name", 253), column(3, "ssn", 253)].concat();
        let between = if capabilities == 0 { end(4) } else { Vec::new() };
        let rows = [row(5, &["Ann", "733-09-7814"]), packet(6, b"\xfb\x02zz")].concat();
        exchange.push((true, query("SELECT name, ssn FROM people")));
        exchange.push((false, [columns, between, rows, end(7)].concat()));
        exchange.push((true, packet(0, &[0x0e])));
        exchange.push((false, ok(1)));
        for step in [1, 10, 10_000] {
            let record = play(&exchange, step);
            let expected = [
                (
                    "INSERT INTO people",
                    Side::Initiator,
                    "INSERT INTO people VALUES ('Ann')\nINSERT INTO people VALUES ('Bob')",
                    true,
                ),
                ("SELECT name, ssn FROM people", Side::Initiator, "SELECT name, ssn FROM people", true),
                ("SELECT name, ssn FROM people", Side::Responder, "name\tssn\nAnn\t733-09-7814\n\tzz", true),
            ]
            .map(|(name, from, content, complete)| (name, from, content.to_owned(), complete));
            assert_eq!(told(&record), expected, "in pieces of {step}");
            assert_eq!(record.transfers[0].start.user.as_deref(), Some("alice"));
            assert!(record.not_inspected.is_empty());
        }
    }
}

#[test]
fn parameters_and_rows_in_binary_form_are_lines() {
    let mut exchange = session(0);
    let prepared = [0, 9, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0];
    exchange.push((true, packet(0, b"\x16SELECT id, name FROM cards WHERE id = ? AND name = ?")));
    exchange.push((
        false,
        [
            packet(1, &prepared),
            column(2, "?", 8),
            column(3, "?", 253),
            end(4),
            column(5, "id", 8),
            column(6, "name", 253),
            end(7),
        ]
        .concat(),
    ));
    let number = 4_539_123_412_341_234_u64.to_le_bytes();
    for first in [true, false] {
        let types: &[u8] = if first { &[1, 8, 0, 253, 0] } else { &[0] };
        let arguments = [&[0x17, 9, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], types, &number, b"\x03Ann"].concat();
        exchange.push((true, packet(0, &arguments)));
        let binary = [&[0, 0][..], &number, b"\x03Ann"].concat();
        let null = [&[0, 0x08][..], &7_u64.to_le_bytes()].concat();
        let columns = [packet(1, &[2]), column(2, "id", 8), column(3, "name", 253), end(4)].concat();
        exchange.push((false, [columns, packet(5, &binary), packet(6, &null), end(7)].concat()));
    }
    for step in [1, 10, 10_000] {
        let record = play(&exchange, step);
        let seen = told(&record);
        let lines = "4539123412341234\tAnn";
        let statement = "SELECT id, name FROM cards WHERE id = ? AND name = ?";
        assert_eq!(seen[0].2, format!("{statement}\n{lines}\n{lines}"), "in pieces of {step}");
        let rows = format!("id\tname\n{lines}\n7\t");
        assert_eq!(seen[1].2, format!("{rows}\n{rows}"));
        assert_eq!(seen.len(), 2);
    }
}

#[test]
fn a_loaded_file_is_a_transfer_of_its_own_with_its_name() {
    let mut exchange = session(0);
    exchange.extend([
        (true, query("LOAD DATA LOCAL INFILE '/tmp/q3.csv' INTO TABLE t")),
        (false, packet(1, b"\xfb/tmp/q3.csv")),
        (true, [packet(2, b"Ann,1\n"), packet(3, b"Bob,2\n"), packet(4, b"")].concat()),
        (false, ok(5)),
    ]);
    for step in [1, 10, 10_000] {
        let record = play(&exchange, step);
        let file = &record.transfers[1];
        assert_eq!(file.start.filename.as_deref(), Some("q3.csv"));
        assert_eq!(file.start.operation, "LOAD DATA LOCAL INFILE");
        assert_eq!((file.body.as_slice(), file.ended), (&b"Ann,1\nBob,2\n"[..], Some(true)));
    }
}

#[test]
fn packets_that_go_on_in_the_next_one_are_one_statement() {
    let long = format!("\x03INSERT INTO t VALUES ('{}')", "x".repeat(0x00ff_ffff));
    let (first, rest) = long.as_bytes().split_at(0x00ff_ffff);
    let mut exchange = session(0);
    exchange.push((true, [packet(0, first), packet(1, rest)].concat()));
    let record = play(&exchange, 1 << 20);
    assert_eq!(record.transfers.len(), 1);
    assert!(record.transfers[0].body == long.as_bytes()[1..]);
}

/// A frame of the compressed protocol.
fn frame(content: &[u8], method: &str) -> Vec<u8> {
    let packed = match method {
        "zlib" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest),
        _ => content.to_vec(),
    };
    let length = u32::try_from(packed.len()).unwrap().to_le_bytes();
    let told = if method == "stored" { 0 } else { u32::try_from(content.len()).unwrap() }.to_le_bytes();
    [&length[..3], &[0], &told[..3], &packed].concat()
}

/// A statement of so many bytes.
fn insert(of: &str, bytes: usize) -> String {
    format!("INSERT INTO {of} VALUES ('{}')", "0123456789".repeat(bytes / 10))
}

#[test]
fn what_is_compressed_is_read_however_it_is_cut() {
    let (first, second) = (insert("people", 3000), insert("people", 40_000));
    let sent = [query(&first), query(&second)].concat();
    // Packets begin and end within frames.
    let (head, tail) = sent.split_at(3500);
    for (methods, step) in [("zlib", 1), ("zlib", 1000), ("zstd", 7), ("zstd", 100_000), ("stored", 11)] {
        let mut exchange = session(COMPRESS);
        exchange.push((true, [frame(head, methods), frame(b"", "stored"), frame(tail, methods)].concat()));
        exchange.push((false, frame(&ok(1), "stored")));
        let record = play(&exchange, step);
        let expected = ("INSERT INTO people", Side::Initiator, format!("{first}\n{second}"), true);
        assert_eq!(told(&record), [expected], "{methods} in pieces of {step}");
        assert_eq!(record.not_inspected, []);
    }
}

#[test]
fn of_what_is_compressed_no_more_is_lost_than_what_is_missing() {
    let (first, second, third) = (insert("a", 3000), insert("b", 500), insert("c", 500));
    let frames = [&first, &second, &third].map(|statement| frame(&query(statement), "zlib"));
    let lines = |scene: Scene| {
        let record = scene.end();
        let lines: Vec<(String, usize, bool)> = told(&record)
            .iter()
            .map(|(name, _, text, whole)| ((*name).to_owned(), text.len(), *whole))
            .collect();
        (lines, record.not_inspected)
    };
    let begun = || {
        let mut scene = Scene::new();
        let flow = scene.tcp(3306);
        scene.dialogue(flow, &session(COMPRESS), 1000);
        (scene, flow)
    };
    // Within a frame: what follows it is known again.
    let (mut scene, flow) = begun();
    scene.client(flow, &frames[0][..20]);
    scene.gap(flow, Side::Initiator, 10);
    scene.client(flow, [&frames[0][30..], &frames[1]].concat());
    scene.close(flow);
    let (seen, counted) = lines(scene);
    assert!(seen.contains(&("INSERT INTO b".to_owned(), second.len(), true)), "{seen:?}");
    assert_eq!(counted.iter().map(|(_, bytes)| bytes).sum::<u64>(), frames[0].len() as u64 - 30);
    // Over the border of frames: the next one that can be told for one.
    let (mut scene, flow) = begun();
    scene.client(flow, &frames[0][..20]);
    scene.gap(flow, Side::Initiator, frames[0].len() as u64);
    scene.client(flow, b"rest of something");
    scene.client(flow, &frames[2]);
    scene.close(flow);
    let (seen, counted) = lines(scene);
    assert!(seen.contains(&("INSERT INTO c".to_owned(), third.len(), true)), "{seen:?}");
    assert!(counted.contains(&(Uninspected::Malformed, 17)), "{counted:?}");
}

/// A frame yields no more than it promises, and one that promises more than it has leaves a trace.
#[test]
fn promises_of_frames_are_kept() {
    let statement = insert("t", 1000);
    for (method, promised) in [("zlib", 100), ("zstd", 100), ("zlib", 5000), ("zstd", 5000)] {
        let mut sent = frame(&query(&statement), method);
        sent[4..6].copy_from_slice(&u16::try_from(promised).unwrap().to_le_bytes());
        let mut exchange = session(COMPRESS);
        exchange.push((true, sent));
        let record = play(&exchange, 10_000);
        let read: usize = record.transfers.iter().map(|t| t.body.len()).sum();
        let unread: u64 = record.not_inspected.iter().map(|(_, bytes)| bytes).sum();
        // A packet that is not whole is counted.
        let expected = if promised == 100 { (0, 100) } else { (statement.len(), 0) };
        assert_eq!((read, unread), expected, "{method}");
        assert!(record.transfers.iter().all(|t| t.ended == Some(false)), "{method} {promised}");
    }
}

#[test]
fn step_is_found_again_behind_a_gap() {
    let mut scene = Scene::new();
    let flow = scene.tcp(3306);
    scene.dialogue(flow, &session(0), 1000);
    let lost = query("INSERT INTO people VALUES ('Ann')");
    scene.client(flow, &lost[..30]);
    scene.gap(flow, Side::Initiator, 100);
    scene.client(flow, b"rest of something");
    scene.client(flow, query("INSERT INTO people VALUES ('Bob')"));
    scene.close(flow);
    let record = scene.end();
    let seen = told(&record);
    assert!(seen.iter().any(|t| t.2.contains("rest of something") && !t.3), "{seen:?}");
    assert!(seen.iter().any(|t| t.2.contains("('Bob')")), "{seen:?}");
}

#[test]
fn what_comes_behind_the_end_of_a_side_goes_to_no_ended_transfer() {
    let mut scene = Scene::new();
    let flow = scene.tcp(3306);
    scene.dialogue(flow, &session(0), 1000);
    let first = packet(0, &[&b"\x03INSERT INTO t VALUES ("[..], &[b'x'; 0x00ff_ffff - 23]].concat());
    scene.client(flow, &first);
    scene.finish(flow, Side::Initiator);
    scene.client(flow, packet(1, b"rest"));
    scene.client(flow, query("SELECT 1"));
    scene.close(flow);
    assert!(scene.end().transfers.iter().any(|t| t.body == b"SELECT 1"));
}
