//! Session set-ups of both dialects, and files.

use crate::ntlm::samples;
use crate::testing::{Record, Scene};
use egret_model::{Protocol, ProtocolLimits, Side, Uninspected};

const MORE: u32 = 0xc000_0016;
const PENDING: u32 = 0x103;
const END_OF_FILE: u32 = 0xc000_0011;
const FILE: [u8; 16] = [7; 16];
const RELATED: [u8; 16] = [0xff; 16];

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut chain = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let mut message = message.clone();
        if at + 1 < messages.len() {
            message.resize(message.len().next_multiple_of(8), 0);
            let next = u32::try_from(message.len()).unwrap();
            message[20..24].copy_from_slice(&next.to_le_bytes());
        }
        if at > 0 {
            message[16] |= 4;
        }
        chain.extend(message);
    }
    [&u32::try_from(chain.len()).unwrap().to_be_bytes()[..], &chain].concat()
}

/// A message of the new dialect; `status` of a response.
fn message(command: u8, id: u64, status: Option<u32>, body: &[u8]) -> Vec<u8> {
    let flags = u32::from(status.is_some());
    let head = [
        b"\xfeSMB".as_slice(),
        &[64, 0, 0, 0],
        &status.unwrap_or_default().to_le_bytes(),
        &[command, 0, 1, 0],
        &flags.to_le_bytes(),
        &[0; 4],
        &id.to_le_bytes(),
        &[0; 4],
        &5_u32.to_le_bytes(),
        &9_u64.to_le_bytes(),
        &[0; 16],
    ];
    [&head.concat(), body].concat()
}

fn smb2(command: u8, id: u64, status: Option<u32>, body: &[u8]) -> Vec<u8> {
    framed(&[message(command, id, status, body)])
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn tree_connect(id: u64, path: &str) -> Vec<u8> {
    let path = wide(path);
    let length = u16::try_from(path.len()).unwrap().to_le_bytes();
    message(3, id, None, &[&[9, 0, 0, 0, 72, 0][..], &length, &path].concat())
}

fn create(id: u64, name: &str) -> Vec<u8> {
    let name = wide(name);
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    message(5, id, None, &[&[0; 44][..], &[120, 0], &length, &[0; 8], &name].concat())
}

fn created(id: u64, size: u64, file: [u8; 16]) -> Vec<u8> {
    message(5, id, Some(0), &[&[0; 48][..], &size.to_le_bytes(), &[0; 8], &file, &[0; 8]].concat())
}

fn write(id: u64, file: [u8; 16], offset: u64, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    message(
        9,
        id,
        None,
        &[&[49, 0, 112, 0][..], &length, &offset.to_le_bytes(), &file, &[0; 16], data].concat(),
    )
}

fn read(id: u64, file: [u8; 16], offset: u64, length: u32) -> Vec<u8> {
    message(
        8,
        id,
        None,
        &[&[49, 0, 80, 0][..], &length.to_le_bytes(), &offset.to_le_bytes(), &file, &[0; 17]].concat(),
    )
}

fn content(id: u64, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    message(8, id, Some(0), &[&[17, 0, 80, 0][..], &length, &[0; 8], data].concat())
}

fn close(id: u64, file: [u8; 16]) -> Vec<u8> {
    message(6, id, None, &[&[24, 0, 0, 0, 0, 0, 0, 0][..], &file].concat())
}

fn one(message: Vec<u8>) -> Vec<u8> {
    framed(&[message])
}

/// What comes before any file: a share.
fn connected() -> Vec<(bool, Vec<u8>)> {
    vec![(true, one(tree_connect(1, "\\\\files.example\\drop"))), (false, smb2(3, 1, Some(0), &[0; 16]))]
}

fn play(exchange: &[(bool, Vec<u8>)], step: usize) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(445);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    scene.end()
}

/// Operation, name, sender, content and completeness of a transfer.
type Told<'a> = (&'a str, Option<&'a str>, Side, &'a [u8], bool);

fn files(record: &Record) -> Vec<Told<'_>> {
    let told = |t: &'_ crate::testing::Recorded| t.ended == Some(true);
    record
        .transfers
        .iter()
        .map(|t| {
            assert_eq!(t.start.protocol, Protocol::Smb);
            (t.start.operation.as_str(), t.start.filename.as_deref(), t.start.from, &t.body[..], told(t))
        })
        .collect()
}

#[test]
fn a_session_names_its_user_once_it_is_granted() {
    let alice = samples::authenticate("alice", "CORP", "ALICE-LT");
    let exchange = [
        (true, smb2(0, 0, None, &[0; 300])),
        (true, smb2(1, 1, None, b"NTLMSSP\0\x01\0\0\0")),
        (false, smb2(1, 1, Some(MORE), b"NTLMSSP\0\x02\0\0\0")),
        (true, smb2(1, 2, None, &alice)),
        (false, smb2(1, 2, Some(0), &[])),
        (true, one(create(3, "a.txt"))),
        (false, one(created(3, 0, FILE))),
        (true, one(write(4, FILE, 0, &[7; 5000]))),
    ];
    for step in [1, 50, 100_000] {
        let record = play(&exchange, step);
        let users: Vec<_> =
            record.sightings.iter().map(|s| (s.user.as_deref(), s.host.as_deref(), s.confirmed)).collect();
        assert_eq!(users, [(Some("alice"), Some("ALICE-LT"), true)], "in pieces of {step}");
        assert_eq!(record.transfers[0].start.user.as_deref(), Some("alice"));
    }
    let refused = [(true, smb2(1, 0, None, &alice)), (false, smb2(1, 0, Some(0xc000_006d), &[]))];
    assert!(play(&refused, 100).sightings.is_empty());
}

#[test]
fn the_old_dialect_names_users_in_the_open_and_an_unsound_write_is_read_as_it_passes() {
    let smb1 = |command: u8, reply: u8, body: &[u8]| {
        let mut head = [b"\xffSMB".as_slice(), &[command, 0, 0, 0, 0, 0x18 | reply]].concat();
        head.extend_from_slice(&0x8000_u16.to_le_bytes());
        head.resize(32, 0);
        one([&head, body].concat())
    };
    let mut words = vec![13, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 24, 0];
    words.extend([0; 8]);
    let bytes = [vec![0; 48], vec![0], wide("bob\0"), wide("CORP\0")].concat();
    words.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
    let setup = smb1(0x73, 0, &[words, bytes].concat());
    let written = smb1(0x2f, 0, b"... written in the open");
    let exchange = [(true, setup), (false, smb1(0x73, 0x80, &[0; 3])), (true, written.clone())];
    for step in [1, 10, 1000] {
        let record = play(&exchange, step);
        assert_eq!(record.sightings[0].user.as_deref(), Some("bob"));
        assert_eq!(files(&record), [("tcp 445", None, Side::Initiator, &written[4..], true)]);
    }
}

#[test]
fn files_are_told_by_name_in_order_however_they_are_cut() {
    let mut exchange = connected();
    exchange.extend([
        (true, one(create(2, "in\\q3.csv"))),
        (false, one(created(2, 0, FILE))),
        (true, [one(write(3, FILE, 10, b"klmno")), one(write(4, FILE, 0, b"abcdefghij"))].concat()),
        (false, smb2(9, 3, Some(0), &[0; 16])),
        // The answer comes in two steps.
        (true, one(read(5, FILE, 0, 100))),
        (false, smb2(8, 5, Some(PENDING), &[0; 8])),
        (false, one(content(5, b"abcdefghij"))),
        (true, one(close(6, FILE))),
        (false, smb2(6, 6, Some(0), &[0; 60])),
    ]);
    let expected: [Told<'_>; 2] = [
        ("WRITE drop\\in\\q3.csv", Some("q3.csv"), Side::Initiator, b"abcdefghijklmno", true),
        ("READ drop\\in\\q3.csv", Some("q3.csv"), Side::Responder, b"abcdefghij", true),
    ];
    for step in [1, 7, 100_000] {
        let record = play(&exchange, step);
        assert_eq!(files(&record), expected, "in pieces of {step}");
        assert!(record.transfers.iter().all(|t| t.start.server_name.as_deref() == Some("files.example")));
        assert!(record.not_inspected.is_empty());
    }
}

#[test]
fn a_chain_opens_writes_and_closes_in_one_frame() {
    let mut exchange = connected();
    exchange.extend([
        (true, framed(&[create(2, "a.bin"), write(3, RELATED, 0, b"chained"), close(4, RELATED)])),
        (
            false,
            framed(&[
                created(2, 0, FILE),
                message(9, 3, Some(0), &[0; 16]),
                message(6, 4, Some(0), &[0; 60]),
            ]),
        ),
        // Read to its end, which the size at its opening did not tell.
        (true, framed(&[create(5, "b.bin"), read(6, RELATED, 0, 4)])),
        (false, framed(&[created(5, 999, FILE), content(6, b"four")])),
        (true, one(read(7, FILE, 4, 4))),
        (false, smb2(8, 7, Some(END_OF_FILE), &[0; 9])),
        (true, one(close(8, FILE))),
        (false, smb2(6, 8, Some(0), &[0; 60])),
    ]);
    for step in [1, 33, 100_000] {
        let expected: [Told<'_>; 2] = [
            ("WRITE drop\\a.bin", Some("a.bin"), Side::Initiator, b"chained", true),
            ("READ drop\\b.bin", Some("b.bin"), Side::Responder, b"four", true),
        ];
        assert_eq!(files(&play(&exchange, step)), expected, "in pieces of {step}");
    }
}

#[test]
fn parts_of_files_are_incomplete_and_what_is_appended_is_not() {
    let mut exchange = connected();
    exchange.extend([
        (true, one(create(2, "log.txt"))),
        (false, one(created(2, 100, FILE))),
        (true, one(write(3, FILE, 100, b"appended"))),
        (true, one(read(4, FILE, 0, 5))),
        (false, one(content(4, b"first"))),
        (true, one(close(5, FILE))),
        (false, smb2(6, 5, Some(0), &[0; 60])),
        // Opened before the capture began.
        (true, one(write(6, [3; 16], 0, b"nameless"))),
    ]);
    let expected: [Told<'_>; 3] = [
        ("WRITE drop\\log.txt", Some("log.txt"), Side::Initiator, b"appended", true),
        ("READ drop\\log.txt", Some("log.txt"), Side::Responder, b"first", false),
        ("WRITE", None, Side::Initiator, b"nameless", false),
    ];
    assert_eq!(files(&play(&exchange, 50)), expected);
}

#[test]
fn pipes_have_no_offsets() {
    let transceive = |id, status: Option<u32>, data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let offset = if status.is_some() { 112_u32 } else { 120 }.to_le_bytes();
        let none = [0; 4];
        let mut body = [&[57, 0, 0, 0, 0x17, 0xc0, 0x11, 0][..], &FILE].concat();
        let fields: &[&[u8; 4]] = match status {
            None => &[&offset, &length, &none, &none, &none, &none, &none, &none],
            Some(_) => &[&none, &none, &offset, &length, &none, &none],
        };
        fields.iter().for_each(|field| body.extend(field.iter()));
        body.extend(data);
        one(message(11, id, status, &body))
    };
    let exchange = [
        (true, one(tree_connect(1, "\\\\10.0.0.9\\IPC$"))),
        (false, smb2(3, 1, Some(0), &[0; 16])),
        (true, one(create(2, "spoolss"))),
        (false, one(created(2, 0, FILE))),
        (true, one(write(3, FILE, 0, b"bind "))),
        (true, one(read(4, FILE, 0, 9))),
        (false, one(content(4, b"bound "))),
        (true, transceive(5, None, b"page one ")),
        (false, transceive(5, Some(0), b"thanks")),
        (true, one(write(6, FILE, 0, b"page two"))),
    ];
    let record = play(&exchange, 11);
    let expected: [Told<'_>; 2] = [
        ("WRITE IPC$\\spoolss", Some("spoolss"), Side::Initiator, b"bind page one page two", false),
        ("READ IPC$\\spoolss", Some("spoolss"), Side::Responder, b"bound thanks", false),
    ];
    assert_eq!(files(&record), expected);
}

#[test]
fn gaps_are_told_where_they_are_and_step_is_found_again() {
    let frame = one(write(3, FILE, 0, b"0123456789"));
    let play = |bytes: std::ops::Range<usize>| {
        let mut scene = Scene::new();
        let flow = scene.tcp(445);
        let mut before = connected();
        before.extend([(true, one(create(2, "a.bin"))), (false, one(created(2, 0, FILE)))]);
        scene.dialogue(flow, &before, 1000);
        scene.client(flow, &frame[..bytes.start]);
        scene.gap(flow, Side::Initiator, (bytes.end - bytes.start) as u64);
        scene.client(flow, frame.get(bytes.end..).unwrap_or_default());
        scene.client(flow, one(write(4, FILE, 10, b"abc")));
        scene.client(flow, one(close(5, FILE)));
        scene.server(flow, smb2(6, 5, Some(0), &[0; 60]));
        scene.close(flow);
        scene.end()
    };
    let content = frame.len() - 10;
    // Within the content, in the head, over the end of the frame.
    let record = play(content + 2..content + 5);
    assert_eq!(
        files(&record),
        [("WRITE drop\\a.bin", Some("a.bin"), Side::Initiator, &b"0156789abc"[..], false)]
    );
    assert_eq!(record.transfers[0].missing, 3);
    for lost in [1..2, 40..80, 70..frame.len(), 3..frame.len() + 3, content + 5..frame.len() + 2] {
        let record = play(lost.clone());
        let seen = files(&record);
        assert!(seen.iter().all(|file| !file.4), "nothing is complete without {lost:?}: {seen:?}");
        let found = seen.iter().any(|file| file.0.starts_with("WRITE") && file.3.ends_with(b"abc"));
        assert!(found || lost.end > frame.len(), "step is found behind {lost:?}: {seen:?}");
    }
}

#[test]
fn what_cannot_be_read_is_counted() {
    let encrypted = one([b"\xfdSMB".as_slice(), &[1; 200]].concat());
    let compressed = one([b"\xfcSMB".as_slice(), &[1; 100]].concat());
    let exchange = [(true, smb2(0, 0, None, &[0; 40])), (true, encrypted), (true, compressed)];
    for step in [1, 9, 1000] {
        let record = play(&exchange, step);
        assert_eq!(record.transfers.len(), 1);
        assert_eq!((record.transfers[0].opaque, record.transfers[0].ended), (204, Some(true)));
        let unsupported: u64 = record.not_inspected.iter().map(|(_, bytes)| bytes).sum();
        assert!(record.not_inspected.iter().all(|(reason, _)| *reason == Uninspected::Unsupported));
        assert_eq!(unsupported, 104);
    }
}

#[test]
fn files_and_requests_beyond_the_limit_end_the_oldest() {
    let limits = ProtocolLimits { open_files: 2, file_requests: 2, ..Default::default() };
    let mut scene = Scene::with_limits(&limits);
    let flow = scene.tcp(445);
    for number in 0_u8..4 {
        scene.client(flow, one(write(u64::from(number), [number; 16], 0, &[number])));
    }
    assert_eq!(scene.record.transfers.iter().filter(|t| t.ended.is_some()).count(), 2);
    for number in 0_u8..4 {
        scene.client(flow, one(read(10 + u64::from(number), [3; 16], 0, 1)));
    }
    // The first request is forgotten: what answers it is content of nobody knows what.
    scene.server(flow, one(content(10, b"x")));
    scene.server(flow, one(content(13, b"y")));
    scene.close(flow);
    let record = scene.end();
    let answers: Vec<_> = files(&record).into_iter().filter(|file| file.2 == Side::Responder).collect();
    assert_eq!(
        answers,
        [("tcp 445", None, Side::Responder, &b"x"[..], true), ("READ", None, Side::Responder, b"y", false)]
    );
}

/// A message of the old dialect.
fn old(command: u8, id: u16, reply: bool, words: &[u8], bytes: &[u8]) -> Vec<u8> {
    let head = [
        &b"\xffSMB"[..],
        &[command, 0, 0, 0, 0, if reply { 0x88 } else { 0x18 }, 1, 0xc0],
        &[0; 12],
        &[5, 0, 7, 0, 9, 0],
        &id.to_le_bytes(),
        &[u8::try_from(words.len() / 2).unwrap()],
        words,
        &u16::try_from(bytes.len()).unwrap().to_le_bytes(),
        bytes,
    ]
    .concat();
    one(head)
}

/// Words of a command behind which none follows.
fn words(parts: &[&[u8]]) -> Vec<u8> {
    [&[0xff, 0, 0, 0][..], &parts.concat()].concat()
}

fn old_write(id: u16, offset: u64, data: &[u8]) -> Vec<u8> {
    let [low, high] = [offset as u32, (offset >> 32) as u32].map(u32::to_le_bytes);
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    let told = words(&[&[3, 0x40], &low, &[0; 10], &length, &[64, 0], &high]);
    old(0x2f, id, false, &told, &[&[0][..], data].concat())
}

fn old_read(id: u16, offset: u32) -> Vec<u8> {
    old(0x2e, id, false, &words(&[&[3, 0x40], &offset.to_le_bytes(), &[0xff, 0xff], &[0; 8]]), &[])
}

fn old_content(id: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    let told = words(&[&[0; 6], &length, &[60, 0], &[0; 10]]);
    old(0x2e, id, true, &told, &[&[0][..], data].concat())
}

/// Connected to a share, with a file of so many bytes open.
fn old_opened(size: u64) -> Vec<(bool, Vec<u8>)> {
    let share = [&[0][..], &wide("\\\\files.example\\drop\0"), b"?????\0"].concat();
    let name = [&[0][..], &wide("\\plans\\q3.csv\0")].concat();
    let created = words(&[&[0], &[3, 0x40], &[0; 48], &size.to_le_bytes(), &[0; 5]]);
    vec![
        (true, old(0x75, 1, false, &words(&[&[0, 0, 1, 0]]), &share)),
        (false, old(0x75, 1, true, &words(&[&[0; 2]]), b"A:\0")),
        (true, old(0xa2, 2, false, &words(&[&[0; 44]]), &name)),
        (false, old(0xa2, 2, true, &created, &[])),
    ]
}

#[test]
fn files_of_the_old_dialect_are_transfers() {
    let content: Vec<u8> = (0..9000_u32).flat_map(u32::to_le_bytes).collect();
    let (first, second) = content.split_at(20_000);
    let close = |id| old(0x04, id, false, &[3, 0x40, 0xff, 0xff, 0xff, 0xff], &[]);
    let mut written = old_opened(0);
    // Parts come in any order.
    written.extend([
        (true, [old_write(3, 20_000, second), old_write(4, 0, first)].concat()),
        (
            false,
            [old(0x2f, 3, true, &words(&[&[0; 8]]), &[]), old(0x2f, 4, true, &words(&[&[0; 8]]), &[])]
                .concat(),
        ),
        (true, close(5)),
        (false, old(0x04, 5, true, &[], &[])),
    ]);
    let mut read = old_opened(36_000);
    read.extend([
        (true, [old_read(3, 0), old_read(4, 20_000)].concat()),
        (false, [old_content(3, first), old_content(4, second)].concat()),
        (true, close(5)),
        (false, old(0x04, 5, true, &[], &[])),
    ]);
    for step in [1, 50, 100_000] {
        for (exchange, operation, from) in [
            (&written, "WRITE drop\\plans\\q3.csv", Side::Initiator),
            (&read, "READ drop\\plans\\q3.csv", Side::Responder),
        ] {
            let record = play(exchange, step);
            assert_eq!(files(&record), [(operation, Some("q3.csv"), from, &content[..], true)], "{step}");
            assert_eq!(record.transfers[0].start.server_name.as_deref(), Some("files.example"));
        }
    }
    // Not all of it was read.
    read.truncate(5);
    read.push((false, old_content(3, first)));
    let record = play(&read, 1000);
    assert_eq!(files(&record), [("READ drop\\plans\\q3.csv", Some("q3.csv"), Side::Responder, first, false)]);
}

/// A lock may stand before the write that it is for.
#[test]
fn a_write_behind_a_lock_is_a_write() {
    // Eight words of the lock, no bytes, then the write with its bytes.
    let lock =
        |following: u8, at: u16| [&[following, 0][..], &at.to_le_bytes(), &[3, 0x40], &[0; 10]].concat();
    let write = words(&[&[3, 0x40], &[0; 4], &[0; 10], &[5, 0], &[83, 0], &[0; 4]]);
    let chained = [&[14][..], &write, &[6, 0, 0], b"alpha"].concat();
    let mut exchange = old_opened(0);
    let mut message = old(0x24, 3, false, &lock(0x2f, 51), &[]);
    message.extend(&chained);
    let length = u16::try_from(message.len() - 4).unwrap().to_be_bytes();
    message[2..4].copy_from_slice(&length);
    exchange.extend([
        (true, old(0x24, 9, false, &lock(0xff, 0), &[])),
        (true, message),
        (false, old(0x24, 3, true, &words(&[&[0; 8]]), &[])),
        (true, old(0x04, 5, false, &[3, 0x40, 0xff, 0xff, 0xff, 0xff], &[])),
        (false, old(0x04, 5, true, &[], &[])),
    ]);
    for step in [1, 50, 100_000] {
        let record = play(&exchange, step);
        let expected = ("WRITE drop\\plans\\q3.csv", Some("q3.csv"), Side::Initiator, &b"alpha"[..], true);
        assert_eq!(files(&record), [expected], "{step}");
    }
}

/// Chains that point back at themselves end.
#[test]
fn chains_of_the_old_dialect_end() {
    for offset in [0, 32, 33, 0xffff_u16] {
        let [low, high] = offset.to_le_bytes();
        let mut exchange = old_opened(0);
        exchange.push((true, old(0x75, 9, false, &[0x75, 0, low, high, 0, 0, 1, 0], &[0; 40])));
        play(&exchange, 1000);
    }
}

/// A session is set up on a connection; `joins` that of another one.
fn session(id: u64, joins: bool) -> [(bool, Vec<u8>); 2] {
    let asked = [&[25, 0, u8::from(joins), 0][..], &[0; 20]].concat();
    [(true, smb2(1, id, None, &asked)), (false, smb2(1, id, Some(0), &[9, 0, 0, 0, 0, 0, 0, 0]))]
}

#[test]
fn connections_of_one_session_have_their_files_in_common() {
    for (joins, step) in [(true, 1), (true, 1000), (false, 1000)] {
        let mut scene = Scene::new();
        let [first, second, foreign] = [40_001, 40_002, 40_003].map(|port| {
            let client = if port == 40_003 { "10.0.0.2" } else { "10.0.0.1" };
            scene.flow(egret_model::FlowKind::Tcp, &format!("{client}:{port}"), "192.0.2.1:445")
        });
        scene.dialogue(first, &session(0, false), step);
        scene.dialogue(first, &connected(), step);
        scene.dialogue(first, &[(true, one(create(2, "a.txt"))), (false, one(created(2, 8, FILE)))], step);
        for flow in [second, foreign] {
            scene.dialogue(flow, &session(0, joins), step);
        }
        // The second half is read first, on another connection; a client elsewhere may use the same numbers.
        let halves = |id, offset, text: &str| {
            [(true, one(read(id, FILE, offset, 4))), (false, one(content(id, text.as_bytes())))]
        };
        scene.dialogue(second, &halves(5, 4, "5678"), step);
        scene.dialogue(foreign, &halves(5, 0, "else"), step);
        scene.dialogue(first, &halves(3, 0, "1234"), step);
        scene.close(first);
        scene.dialogue(second, &[(true, one(write(6, FILE, 8, b"more"))), (true, one(close(7, FILE)))], step);
        scene.dialogue(second, &[(false, smb2(6, 7, Some(0), &[0; 60]))], step);
        scene.close(second);
        scene.close(foreign);
        let record = scene.end();
        let told = files(&record);
        if joins {
            let expected = [
                ("READ drop\\a.txt", Some("a.txt"), Side::Responder, &b"12345678"[..], true),
                ("READ", None, Side::Responder, b"else", false),
                ("WRITE drop\\a.txt", Some("a.txt"), Side::Initiator, b"more", true),
            ];
            assert_eq!(told, expected, "in pieces of {step}");
        } else {
            assert!(told.iter().all(|(_, _, _, body, _)| *body != b"12345678"), "{told:?}");
        }
    }
}
