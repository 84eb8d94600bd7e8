//! Sessions of clients and daemons.

use crate::testing::{Record, Scene};
use egret_model::{Protocol, Side};
use flate2::{Compress, Compression, FlushCompress};

/// A message that carries the stream.
fn message(stream: &[u8]) -> Vec<u8> {
    let length = u32::try_from(stream.len()).unwrap().to_le_bytes();
    [&length[..3], &[7], stream].concat()
}

/// Entries of a list as with -r: a folder, then files, each as long as is told.
fn list() -> Vec<u8> {
    let folder = [&[0x81, 0x98, 1][..], b"d", &[0, 0, 0x10, 0xed, 0x41, 0, 0]].concat();
    let file = |name: &str, length: u8, mode: &[u8]| {
        let same_mode = if mode.is_empty() { 2 } else { 0 };
        let flags = [0x81, 0xb8 | same_mode, 1, u8::try_from(name.len()).unwrap()];
        [&flags[..], name.as_bytes(), &[0, length, 0], mode].concat()
    };
    [folder, file("/b.csv", 9, &[0xa4, 0x81, 0, 0]), file("/a.txt", 5, &[]), file("/c", 4, &[]), vec![0, 0]]
        .concat()
}

/// The number of a file, one further on than the one before, and the head of sums of one that is new.
fn next(blocks: u8) -> Vec<u8> {
    let sums = [u32::from(blocks), if blocks > 0 { 700 } else { 0 }, 0, 0].map(u32::to_le_bytes).concat();
    [&[1, 0, 0xa0][..], &sums].concat()
}

fn greetings(options: &str) -> [(bool, Vec<u8>); 6] {
    [
        (false, b"@RSYNCD: 31.0 md5\n".to_vec()),
        (true, b"@RSYNCD: 32.0 sha1 md5\nshare\n".to_vec()),
        (false, b"Welcome\n@RSYNCD: AUTHREQD x\n".to_vec()),
        (true, b"alice 0123\n".to_vec()),
        (false, b"@RSYNCD: OK\n".to_vec()),
        (
            true,
            format!("--server {options} . share/")
                .replace(' ', "\0")
                .into_bytes()
                .into_iter()
                .chain([0, 0])
                .collect(),
        ),
    ]
}

fn play(turns: &[(bool, Vec<u8>)], step: usize) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(873);
    scene.dialogue(flow, turns, step);
    scene.close(flow);
    scene.end()
}

/// Side, operation, name, content, missing bytes and completeness.
type File<'a> = (Side, &'a str, Option<&'a str>, String, u64, bool);

fn files(record: &Record) -> Vec<File<'_>> {
    let shown = record.transfers.iter().filter(|t| !t.start.operation.starts_with("tcp ")).map(|t| {
        assert_eq!(t.start.protocol, Protocol::Rsync);
        let body = String::from_utf8_lossy(&t.body).into_owned();
        let name = t.start.filename.as_deref();
        (t.start.from, t.start.operation.as_str(), name, body, t.missing, t.ended == Some(true))
    });
    shown.collect()
}

#[test]
fn files_that_are_put_have_names_and_content() {
    let plain = |pieces: &[&str]| {
        let pieces = pieces
            .iter()
            .map(|piece| [&u32::try_from(piece.len()).unwrap().to_le_bytes()[..], piece.as_bytes()].concat());
        [pieces.collect::<Vec<_>>().concat(), vec![0; 4], vec![7; 16]].concat()
    };
    // Numbers 1 to 4 stand for d, a.txt, b.csv and c: in the order of their names, not of the list.
    let stream = [
        list(),
        vec![2, 0, 0x60],
        next(0),
        plain(&["he", "llo"]),
        next(0),
        plain(&["row 1\nrow"]),
        vec![0],
        // Of the last file the receiver has a part.
        next(1),
        [&2_u32.to_le_bytes()[..], b"xy", &(-1_i32).to_le_bytes(), &[0; 4], &[7; 16]].concat(),
        vec![0],
    ];
    let stream = stream.concat();
    for (step, length) in [(1, 7), (3, 100), (10_000, 10_000)] {
        let messages: Vec<u8> = stream.chunks(length).flat_map(message).collect();
        let opening = [
            (false, [&[0x81, 0xff][..], b"\x07#md5 x1", &[1, 2, 3, 4]].concat()),
            (true, b"\x06md5 x1".to_vec()),
        ];
        let turns = [&greetings("-tre.iLsfxCIvu")[..], &opening, &[(true, messages)]].concat();
        let record = play(&turns, step);
        let put = |name, body: &str, missing, complete| {
            (Side::Initiator, "put to share", Some(name), body.to_owned(), missing, complete)
        };
        let expected =
            [put("a.txt", "hello", 0, true), put("b.csv", "row 1\nrow", 0, true), put("c", "xy", 700, false)];
        assert_eq!(files(&record), expected, "in pieces of {step}");
    }
}

#[test]
fn compressed_files_are_read() {
    let coded = |pieces: &[&[u8]]| {
        let mut state = Compress::new(Compression::default(), false);
        let mut stream = Vec::new();
        for (place, piece) in pieces.iter().enumerate() {
            // Only what stands before a piece that the receiver has, or before the end, is flushed.
            let flush = if place + 1 == pieces.len() { FlushCompress::Sync } else { FlushCompress::None };
            let mut out = Vec::with_capacity(piece.len() + 64);
            state.compress_vec(piece, &mut out, flush).unwrap();
            if flush == FlushCompress::Sync {
                out.truncate(out.len() - 4);
            }
            for part in out.chunks(5) {
                stream.extend([0x40, u8::try_from(part.len()).unwrap()]);
                stream.extend_from_slice(part);
            }
        }
        [stream, vec![0], vec![7; 16]].concat()
    };
    let stream =
        [list(), vec![2, 0, 0x60], next(0), coded(&[b"hello"]), next(0), coded(&[b"row 1\n", b"row"])]
            .concat();
    let answer = [&[0x81, 0xff][..], b"\x07#md5 x1", &[1, 2, 3, 4]].concat();
    for step in [1, 10_000] {
        let opening = [(false, answer.clone()), (true, b"\x06md5 x1".to_vec()), (false, message(&stream))];
        let turns = [&greetings("--sender -tre.iLsfxCIvu --new-compress")[..], &opening].concat();
        let record = play(&turns, step);
        let got =
            |name, body: &str| (Side::Responder, "get from share", Some(name), body.to_owned(), 0, true);
        assert_eq!(
            files(&record),
            [got("a.txt", "hello"), got("b.csv", "row 1\nrow")],
            "in pieces of {step}"
        );
    }
}

#[test]
fn files_in_one_stream_of_zstandard_are_told_apart() {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    // Three files are one frame; what of it stands between two files is no matter.
    let frame = compress_to_vec(&b"hellorow 1\nrowrest"[..], CompressionLevel::Fastest);
    let (first, second) = frame.split_at(frame.len() / 2);
    let coded =
        |piece: &[u8]| [&[0x40, u8::try_from(piece.len()).unwrap()][..], piece, &[0], &[7; 16]].concat();
    let stream = [
        list(),
        vec![2, 0, 0x60],
        next(0),
        coded(first),
        next(0),
        vec![0],
        vec![7; 16],
        next(0),
        coded(second),
    ]
    .concat();
    let answer = [&[0x81, 0xff][..], b"\x07#md5 x1\x09zstd zlib", &[1, 2, 3, 4]].concat();
    for step in [1, 10_000] {
        let opening =
            [(false, answer.clone()), (true, b"\x06md5 x1\x04zstd".to_vec()), (false, message(&stream))];
        let record = play(&[&greetings("--sender -rtze.iLsfxCIvu")[..], &opening].concat(), step);
        let got =
            |name, body: &str| (Side::Responder, "get from share", Some(name), body.to_owned(), 0, true);
        let expected = [got("a.txt", "hello"), got("b.csv", "row 1\nrow"), got("c", "rest")];
        assert_eq!(files(&record), expected, "in pieces of {step}");
    }
}

#[test]
fn what_cannot_be_followed_is_inspected_as_it_is() {
    let opening = [
        (false, [&[0x81, 0xff][..], b"\x07#md5 x1", &[1, 2, 3, 4]].concat()),
        (true, b"\x06md5 x1".to_vec()),
    ];
    let stream = message(b"some list that nobody knows");
    for options in ["-trHe.iLsfxCIvu", "-tre.iLsfxCIvu"] {
        let turns = [&greetings(options)[..], &opening, &[(true, stream.clone())]].concat();
        let record = play(&turns, 10_000);
        let said: Vec<u8> = record.transfers.iter().flat_map(|t| t.body.clone()).collect();
        assert!(String::from_utf8_lossy(&said).contains("some list that nobody knows"), "{options}");
    }
    // What the server can do comes to light only behind what the client says to that.
    let [flags, names] = opening.clone();
    let late =
        [&greetings("-tre.iLsfxCIvu")[..], &[(true, names.1), (true, stream.clone()), flags, (true, stream)]]
            .concat();
    for step in [1, 10_000] {
        let said: Vec<u8> = play(&late, step).transfers.iter().flat_map(|t| t.body.clone()).collect();
        assert!(String::from_utf8_lossy(&said).contains("some list that nobody knows"));
    }
    // A gap: what follows cannot be read.
    let mut scene = Scene::new();
    let flow = scene.tcp(873);
    scene.dialogue(flow, &[&greetings("-tre.iLsfxCIvu")[..], &opening].concat(), 1000);
    scene.client(flow, message(&list()));
    scene.gap(flow, Side::Initiator, 5);
    scene.client(flow, "behind");
    scene.close(flow);
    let said: Vec<u8> = scene.end().transfers.iter().flat_map(|t| t.body.clone()).collect();
    assert!(String::from_utf8_lossy(&said).ends_with("behind"));
}
