//! Sessions of clients and servers.

use super::rpc::testing::{call, opaque, reply};
use crate::testing::{Record, Scene};
use egret_model::{Protocol, Side};

const A: &[u8] = b"handle of a";
const B: &[u8] = b"handle-b";
const ATTRIBUTES: [u8; 84] = [7; 84];

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Side, operation, content, missing bytes and completeness.
fn told(record: &Record) -> Vec<(Side, &str, String, u64, bool)> {
    let shown = record.transfers.iter().filter(|t| !t.start.operation.starts_with("tcp ")).map(|t| {
        assert_eq!(t.start.protocol, Protocol::Nfs);
        let body = String::from_utf8_lossy(&t.body).into_owned();
        (t.start.from, t.start.operation.as_str(), body, t.missing, t.ended == Some(true))
    });
    shown.collect()
}

fn write3(id: u32, file: &[u8], offset: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    call(id, 3, 7, &[opaque(file), words(&[0, offset, length, 2]), opaque(content)].concat())
}

fn read3(id: u32, content: &[u8], end: bool) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    let head = [words(&[0, 1]), ATTRIBUTES.to_vec(), words(&[length, u32::from(end)])].concat();
    reply(id, &[head, opaque(content)].concat())
}

fn asks_read3(id: u32, file: &[u8], offset: u32) -> Vec<u8> {
    call(id, 3, 6, &[opaque(file), words(&[0, offset, 4096])].concat())
}

#[test]
fn files_of_version_3_have_names_and_are_put_in_order() {
    let dialogue = [
        (true, call(1, 3, 8, &[opaque(b"folder"), opaque(b"report.csv"), words(&[0, 0])].concat())),
        (false, reply(1, &[words(&[0, 1]), opaque(A), words(&[0])].concat())),
        (true, [write3(2, A, 0, b"first "), write3(3, A, 12, b"third"), write3(4, A, 6, b"second")].concat()),
        (false, [reply(2, &words(&[0])), reply(3, &words(&[0])), reply(4, &words(&[0]))].concat()),
        (true, call(5, 3, 21, &[opaque(A), words(&[0, 0, 0])].concat())),
        (true, call(6, 3, 3, &[opaque(b"folder"), opaque(b"other.txt")].concat())),
        (false, reply(6, &[words(&[0]), opaque(B)].concat())),
        (true, [asks_read3(7, B, 0), asks_read3(8, B, 4)].concat()),
        // The second part comes first.
        (false, [read3(8, b"5678", true), read3(7, b"1234", false)].concat()),
        (true, asks_read3(9, b"not seen before", 0)),
        (false, read3(9, b"part", false)),
    ];
    for step in [1, 3, 50, 10_000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(2049);
        scene.dialogue(flow, &dialogue, step);
        scene.close(flow);
        let record = scene.end();
        assert_eq!(
            told(&record),
            [
                (Side::Initiator, "WRITE report.csv", "first secondthird".to_owned(), 0, true),
                (Side::Responder, "READ other.txt", "12345678".to_owned(), 0, true),
                (Side::Responder, "READ", "part".to_owned(), 0, false),
            ],
            "in pieces of {step}"
        );
        assert_eq!(record.transfers.len(), 3);
        assert_eq!(record.transfers[0].start.filename.as_deref(), Some("report.csv"));
    }
}

#[test]
fn compounds_of_version_4_are_read() {
    let compound = |id, operations: &[Vec<u8>]| {
        let count = u32::try_from(operations.len()).unwrap();
        call(id, 4, 1, &[opaque(b"tag"), words(&[0, count]), operations.concat()].concat())
    };
    let answer = |id, results: &[Vec<u8>]| {
        let count = u32::try_from(results.len()).unwrap();
        reply(id, &[words(&[0]), opaque(b"tag"), words(&[count]), results.concat()].concat())
    };
    let put = |file: &[u8]| [words(&[22]), opaque(file)].concat();
    let state = [9; 16].to_vec();
    let open = [
        words(&[18, 0, 1, 0, 0, 1]),
        opaque(b"owner"),
        words(&[1, 0, 1, 2]),
        opaque(b"attributes"),
        words(&[0]),
        opaque(b"q3.csv"),
    ]
    .concat();
    let opened = [words(&[18, 0]), state.clone(), vec![0; 20], words(&[0, 1, 2, 0])].concat();
    let write = [words(&[38]), state.clone(), words(&[0, 0, 2]), opaque(b"content"), words(&[9, 0])].concat();
    let close = [words(&[4, 1]), state.clone()].concat();
    let read = [words(&[25]), state, words(&[0, 0, 100])].concat();
    let dialogue = [
        (true, compound(1, &[put(b"folder"), open, words(&[10]), words(&[9, 1, 2])])),
        (false, answer(1, &[words(&[22, 0]), opened, [words(&[10, 0]), opaque(A)].concat()])),
        (true, compound(2, &[put(A), write])),
        (false, answer(2, &[words(&[22, 0]), words(&[38, 0, 7, 2, 0, 0])])),
        (true, compound(3, &[put(A), close])),
        (true, compound(4, &[put(B), read])),
        (false, answer(4, &[words(&[22, 0]), [words(&[25, 0, 1]), opaque(b"answer")].concat()])),
        // An operation that nobody knows: the message is inspected as it is.
        (true, compound(5, &[words(&[77]), opaque(b"strange")])),
    ];
    for step in [1, 5, 10_000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(2049);
        scene.dialogue(flow, &dialogue, step);
        scene.close(flow);
        let record = scene.end();
        assert_eq!(
            told(&record),
            [
                (Side::Initiator, "WRITE q3.csv", "content".to_owned(), 0, true),
                (Side::Responder, "READ", "answer".to_owned(), 0, true),
            ],
            "in pieces of {step}"
        );
        let strange = record.transfers.iter().find(|t| t.start.operation.starts_with("tcp ")).unwrap();
        assert!(String::from_utf8_lossy(&strange.body).contains("strange"));
    }
}

#[test]
fn gaps_keep_step_within_content_and_find_it_behind() {
    let mut scene = Scene::new();
    let flow = scene.tcp(2049);
    let wire = write3(1, A, 0, b"0123456789ab");
    let (head, tail) = wire.split_at(wire.len() - 8);
    scene.client(flow, head);
    scene.gap(flow, Side::Initiator, 4);
    scene.client(flow, &tail[4..]);
    scene.client(flow, &write3(2, A, 12, b"more")[..20]);
    scene.gap(flow, Side::Initiator, 300);
    scene.client(flow, "somewhere in a record");
    scene.client(flow, write3(3, A, 16, b"last"));
    scene.close(flow);
    let record = scene.end();
    assert_eq!(told(&record), [(Side::Initiator, "WRITE", "012389ablast".to_owned(), 8, false)]);
    let rest: Vec<u8> = record
        .transfers
        .iter()
        .filter(|t| t.start.operation.starts_with("tcp "))
        .flat_map(|t| t.body.clone())
        .collect();
    assert!(String::from_utf8_lossy(&rest).ends_with("somewhere in a record"));
}

#[test]
fn what_is_wrapped_or_not_asked_for_is_inspected_as_it_is() {
    let mut scene = Scene::new();
    let flow = scene.tcp(2049);
    scene.client(flow, call(1, 3, 0, b""));
    scene.server(flow, read3(77, b"unasked", true));
    // A credential of RPCSEC_GSS with privacy.
    let credential = opaque(&words(&[1, 0, 5, 3]));
    let message =
        [words(&[2, 0, 2, 100_003, 3, 7, 6]), credential, words(&[0, 0]), opaque(b"sealed")].concat();
    scene.client(flow, [words(&[0x8000_0000 | u32::try_from(message.len()).unwrap()]), message].concat());
    scene.close(flow);
    let record = scene.end();
    assert_eq!(told(&record), []);
    let read: Vec<u8> = record.transfers.iter().flat_map(|t| t.body.clone()).collect();
    let read = String::from_utf8_lossy(&read).into_owned();
    assert!(read.contains("unasked") && read.contains("sealed"), "{read}");
}
