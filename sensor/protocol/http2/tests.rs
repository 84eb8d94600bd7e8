//! Connections and what is made of them.

use super::hpack::testing::literal;
use super::parse::{PREFACE, frame};
use crate::testing::{Record, Recorded, Scene};
use egret_model::{Evidence, Observation, Protocol, Side};
use proptest::prelude::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &block(fields))
}

fn post(stream: u32, path: &str) -> Vec<u8> {
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "Up.example:8080")];
    head(stream, 0, &fields)
}

fn data(stream: u32, flags: u8, content: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, content)
}

fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])
}

/// `> POST /x = body`, with `~` for what is not complete and the missing bytes.
fn show(transfer: &Recorded) -> String {
    assert_eq!(transfer.start.protocol, Protocol::Http2);
    let arrow = if transfer.start.from == Side::Initiator { '>' } else { '<' };
    let missing = if transfer.gaps > 0 { format!(" -{}", transfer.missing) } else { String::new() };
    let mark = if transfer.ended == Some(true) { "" } else { " ~" };
    let body = String::from_utf8_lossy(&transfer.body);
    format!("{arrow} {} = {body}{missing}{mark}", transfer.start.operation)
}

fn shown(record: &Record) -> Vec<String> {
    record.transfers.iter().map(show).collect()
}

/// Plays both sides behind their first words, in pieces of `step`.
fn play(client: &[Vec<u8>], server: &[Vec<u8>], step: usize) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(8080);
    let client = [PREFACE, &settings(), &client.concat()].concat();
    let server = [settings(), server.concat()].concat();
    scene.dialogue(flow, &[(true, client), (false, server)], step);
    scene.close(flow);
    scene.end()
}

#[test]
fn streams_interleave_however_they_are_cut() {
    let client = [
        post(1, "/a"),
        post(3, "/b/report.csv"),
        data(1, 0, b"first "),
        data(3, 0, b"other "),
        data(1, 0, b"second"),
        frame(6, 0, 0, b"pingpong"),
        data(3, END_STREAM, b"end"),
        data(1, 0, b""),
        head(1, END_STREAM, &[("trailer", "x")]),
        head(5, END_STREAM, &[(":method", "GET"), (":path", "/c/d.txt"), (":authority", "up.example")]),
    ];
    let server = [
        head(3, 0, &[(":status", "100")]),
        head(3, END_STREAM, &[(":status", "204")]),
        head(5, 0, &[(":status", "200"), ("content-type", "text/plain"), ("content-encoding", "gzip")]),
        data(5, END_STREAM, b"answer"),
    ];
    for step in [1, 2, 7, 10_000] {
        let record = play(&client, &server, step);
        let expected =
            ["> POST /a = first second", "> POST /b/report.csv = other end", "< GET /c/d.txt = answer"];
        assert_eq!(shown(&record), expected, "in pieces of {step}");
        let [first, _, answer] = &record.transfers[..] else { panic!("three transfers") };
        assert_eq!(first.start.server_name.as_deref(), Some("up.example"));
        assert_eq!((first.start.server, first.start.via_proxy), (Side::Responder, false));
        assert_eq!(answer.start.filename.as_deref(), Some("d.txt"));
        assert_eq!(answer.start.media_type.as_deref(), Some("text/plain"));
        assert_eq!(answer.start.codings, ["gzip"]);
        assert_eq!(answer.start.facts, [("status", "200".to_owned())]);
    }
}

#[test]
fn padding_priority_and_continuations_are_no_content() {
    let fields = block(&[(":method", "PUT"), (":path", "/x"), ("content-type", "text/csv")]);
    let (one, two) = fields.split_at(9);
    let (two, three) = two.split_at(5);
    let first = [&[2], &[0, 0, 0, 0, 16][..], one, &[0, 0]].concat();
    let client = [
        frame(HEADERS, PADDED | PRIORITY, 1, &first),
        frame(CONTINUATION, 0, 1, two),
        frame(CONTINUATION, END_HEADERS, 1, three),
        data(1, PADDED, b"\x03abc\0\0\0"),
        data(1, PADDED, b"\x02\0\0"),
        data(1, PADDED | END_STREAM, b"\x04defhide"),
    ];
    for step in [1, 3, 10_000] {
        let record = play(&client, &[], step);
        assert_eq!(shown(&record), ["> PUT /x = abcdef", "> outside streams = hide"], "in pieces of {step}");
        assert_eq!(record.transfers[0].start.media_type.as_deref(), Some("text/csv"));
    }
}

#[test]
fn streams_that_break_off_are_incomplete() {
    let client =
        [post(1, "/a"), data(1, 0, b"half"), frame(RESET, 0, 1, &[0; 4]), post(3, "/b"), data(3, 0, b"open")];
    let record = play(&client, &[], 10_000);
    assert_eq!(shown(&record), ["> POST /a = half ~", "> POST /b = open ~"]);
}

#[test]
fn gaps_keep_step_within_a_frame_and_find_it_behind_one() {
    let mut scene = Scene::new();
    let flow = scene.tcp(8080);
    scene.client(flow, [PREFACE, &settings(), &post(1, "/a"), &data(1, 0, b"0123456789")[..12]].concat());
    scene.gap(flow, Side::Initiator, 4);
    scene.client(flow, [b"789".as_slice(), &data(1, 0, b"more"), b"\0\0Q"].concat());
    scene.gap(flow, Side::Initiator, 500);
    scene.client(flow, "in the middle of a frame");
    scene.client(flow, [data(1, END_STREAM, b"last"), post(5, "/c")].concat());
    scene.client(flow, data(5, END_STREAM, b"all of it"));
    scene.close(flow);
    let record = scene.end();
    assert_eq!(
        shown(&record),
        [
            "> POST /a = 012789morelast -4 ~",
            "> outside streams = \0\0Qin the middle of a frame",
            "> POST /c = all of it",
        ]
    );
}

#[test]
fn a_connection_is_read_from_its_middle() {
    let mut scene = Scene::new();
    let flow = scene.tcp(8080);
    scene.midstream(flow);
    // The server is seen first, and as if it had opened the connection.
    let answer = [head(7, 0, &[(":status", "200")]), data(7, END_STREAM, b"answer")].concat();
    scene.client(flow, answer);
    scene.server(flow, [data(9, END_STREAM, b"rest of an upload"), frame(SETTINGS, 1, 0, b"")].concat());
    // The path is an entry from before; the method is in the table that everybody knows.
    scene.server(
        flow,
        [frame(HEADERS, END_HEADERS, 11, &[0x83, 0xc4]), data(11, END_STREAM, b"upload")].concat(),
    );
    scene.cut(flow);
    let record = scene.end();
    assert_eq!(
        shown(&record),
        ["> response 200 = answer", "< stream 9 = rest of an upload ~", "< POST … = upload"]
    );
    assert!(record.transfers.iter().all(|t| t.start.server == Side::Initiator));
}

#[test]
fn a_connection_is_upgraded_from_http1() {
    for step in [1, 10_000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(8080);
        let request = "GET /start HTTP/1.1\r\nHost: up.example\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                       Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
        let answer = [
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec(),
            settings(),
            head(1, 0, &[(":status", "200")]),
            data(1, END_STREAM, b"started"),
        ];
        let upload = [PREFACE.to_vec(), settings(), post(3, "/up"), data(3, END_STREAM, b"upload")];
        let turns = [(true, request.as_bytes().to_vec()), (false, answer.concat()), (true, upload.concat())];
        scene.dialogue(flow, &turns, step);
        scene.close(flow);
        assert_eq!(shown(&scene.end()), ["< GET /start = started", "> POST /up = upload"]);
    }
}

#[test]
fn messages_of_grpc_are_told_apart() {
    let grpc = [
        (":method", "POST"),
        (":path", "/files.Store/Put"),
        (":authority", "up.example"),
        ("content-type", "application/grpc+proto"),
        ("grpc-encoding", "gzip"),
    ];
    let message = |flag: u8, text: &str| {
        [&[flag][..], &u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
    };
    let stream = [message(0, "one "), message(1, "packed"), message(0, "two"), message(0, "")].concat();
    for step in [1, 4, 10_000] {
        let frames: Vec<Vec<u8>> = stream.chunks(step).map(|piece| data(1, 0, piece)).collect();
        let client = [vec![head(1, 0, &grpc)], frames, vec![data(1, END_STREAM, b"")]].concat();
        let record = play(&client, &[], 10_000);
        assert_eq!(shown(&record), ["> POST /files.Store/Put = one two", "> POST /files.Store/Put = packed"]);
        assert_eq!(record.transfers[1].start.codings, ["gzip"]);
        assert_eq!(record.transfers[0].start.codings, [""; 0]);
    }
    let broken = [head(1, 0, &grpc), data(1, END_STREAM, b"no message")];
    assert_eq!(shown(&play(&broken, &[], 10_000)), ["> POST /files.Store/Put = no message ~"]);
}

#[test]
fn queries_and_log_ins_are_told() {
    let login = head(
        1,
        END_STREAM,
        &[
            (":method", "GET"),
            (":path", "/find?ssn=078-05-1120"),
            ("authorization", "Basic YWxpY2U6c2VjcmV0"),
        ],
    );
    let answer = head(1, END_STREAM, &[(":status", "200"), ("set-cookie", "session=0123456789; Path=/")]);
    let by_cookie = head(
        3,
        0,
        &[(":method", "POST"), (":path", "/up"), ("cookie", "theme=dark"), ("cookie", "session=0123456789")],
    );
    let mut scene = Scene::new();
    let flow = scene.tcp(8080);
    scene.client(flow, [PREFACE, &settings(), &login].concat());
    scene.server(flow, [settings(), answer].concat());
    scene.client(flow, [by_cookie, data(3, END_STREAM, b"x")].concat());
    scene.close(flow);
    let record = scene.end();
    assert_eq!(shown(&record), ["> GET /find?… = ssn=078-05-1120", "> POST /up = x"]);
    assert!(record.transfers.iter().all(|t| t.start.user.as_deref() == Some("alice")));
    let told: Vec<_> =
        record.sightings.iter().map(|s| (s.user.as_deref(), s.evidence, s.confirmed)).collect();
    assert_eq!(
        told,
        [
            (Some("alice"), Evidence::HttpBasic, true),
            // No answer to the second request was seen.
            (Some("alice"), Evidence::SessionCookie, false)
        ]
    );
}

#[test]
fn promised_streams_name_what_the_server_sends() {
    let asked = head(1, END_STREAM, &[(":method", "GET"), (":path", "/page"), (":authority", "up.example")]);
    let promise = [&2_u32.to_be_bytes()[..], &block(&[(":method", "GET"), (":path", "/style.css")])].concat();
    let server = [
        frame(PROMISE, END_HEADERS, 1, &promise),
        head(1, END_STREAM, &[(":status", "200")]),
        head(2, 0, &[(":status", "200")]),
        data(2, END_STREAM, b"style"),
    ];
    assert_eq!(shown(&play(&[asked], &server, 10_000)), ["< GET /style.css = style"]);
    // A stream that the client uses already cannot be promised.
    let mut scene = Scene::new();
    let flow = scene.tcp(8080);
    scene.client(flow, [PREFACE, &settings(), &post(2, "/a"), &data(2, 0, b"x")].concat());
    scene.server(flow, frame(PROMISE, END_HEADERS, 1, &promise));
    scene.close(flow);
    assert_eq!(shown(&scene.end()), ["> POST /a = x ~"]);
}

#[test]
fn streams_beyond_the_limit_are_given_up() {
    let limits = egret_model::ProtocolLimits { pending_requests: 2, ..Default::default() };
    let mut scene = Scene::with_limits(&limits);
    let flow = scene.tcp(8080);
    scene.client(flow, [PREFACE, &settings()].concat());
    for stream in [1, 3, 5] {
        scene.client(flow, [post(stream, "/a"), data(stream, 0, b"x")].concat());
    }
    scene.close(flow);
    assert_eq!(shown(&scene.end()), ["> POST /a = x ~"; 3]);
}

#[test]
fn questions_of_dns_are_told_whatever_carries_them() {
    let message = crate::dns::query("www.example", 16);
    let doh = [(":method", "POST"), (":path", "/dns-query"), ("content-type", "application/dns-message")];
    let record = play(&[head(1, 0, &doh), data(1, END_STREAM, &message)], &[], 3);
    let asked = Observation::Question { name: "www.example".to_owned(), kind: 16 };
    assert_eq!(record.observed, std::slice::from_ref(&asked));
    assert_eq!(record.transfers[0].body, message);
    let mut scene = Scene::new();
    let flow = scene.tcp(80);
    let head = format!(
        "POST /dns-query HTTP/1.1\r\nContent-Type: application/dns-message\r\nContent-Length: {}\r\n\r\n",
        message.len()
    );
    scene.client(flow, [head.as_bytes(), &message].concat());
    // The first request of RFC 8484 section 4.1.1.
    scene.client(flow, "GET /dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB HTTP/1.1\r\n\r\n");
    scene.close(flow);
    let second = Observation::Question { name: "www.example.com".to_owned(), kind: 1 };
    assert_eq!(scene.end().observed, [asked, second]);
}

proptest! {
    /// Any frames, gaps and bytes between them: nothing but an orderly account comes of them.
    #[test]
    fn any_frames_are_survived(
        steps in prop::collection::vec(
            (any::<bool>(), 0_u8..12, any::<u8>(), 0_u32..5, prop::collection::vec(any::<u8>(), 0..40), 0_u8..12),
            0..30,
        ),
        midstream in any::<bool>(),
        cut in 1_usize..60,
    ) {
        let mut scene = Scene::with_limits(&egret_model::ProtocolLimits { pending_requests: 3, head_bytes: 64, ..Default::default() });
        let flow = scene.tcp(8080);
        if midstream {
            scene.midstream(flow);
        }
        scene.client(flow, [PREFACE, &settings()].concat());
        for (client, kind, flags, stream, payload, event) in steps {
            let from = if client { Side::Initiator } else { Side::Responder };
            match event {
                0 => scene.gap(flow, from, payload.len() as u64 + 1),
                1 => scene.dialogue(flow, &[(client, payload)], cut),
                _ => scene.dialogue(flow, &[(client, frame(kind, flags, stream, &payload))], cut),
            }
        }
        scene.close(flow);
        scene.end();
    }
}
