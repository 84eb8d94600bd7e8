//! Conversations and what is made of them, whatever the cuts.

mod described;
mod pieces;

use crate::testing::{Record, Recorded, Scene};
use egret_model::{Evidence, Protocol, Side};
use proptest::prelude::*;

/// One side's part of a conversation.
#[derive(Clone, Copy)]
enum Turn {
    C(&'static str),
    S(&'static str),
    GapC(u64),
    GapS(u64),
    EndC,
    EndS,
    /// The flow closes, and with it the story: `cut` without FIN.
    Cut,
}
use Turn::{C, Cut, EndC, EndS, GapC, GapS, S};

fn play(turns: &[Turn], midstream: bool, step: usize) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(8080);
    if midstream {
        scene.midstream(flow);
    }
    for turn in turns {
        match turn {
            C(text) => text.as_bytes().chunks(step).for_each(|piece| scene.client(flow, piece)),
            S(text) => text.as_bytes().chunks(step).for_each(|piece| scene.server(flow, piece)),
            GapC(bytes) => scene.gap(flow, Side::Initiator, *bytes),
            GapS(bytes) => scene.gap(flow, Side::Responder, *bytes),
            EndC => scene.finish(flow, Side::Initiator),
            EndS => scene.finish(flow, Side::Responder),
            Cut => {}
        }
    }
    if !matches!(turns.last(), Some(Cut)) {
        scene.close(flow);
    } else {
        scene.cut(flow);
    }
    scene.end()
}

/// `> POST /x = body`, with `~` for what is not complete and the missing bytes; tcp transfers are told as such.
fn show(transfer: &Recorded) -> String {
    let arrow = if transfer.start.from == Side::Initiator { '>' } else { '<' };
    let protocol = match transfer.start.protocol {
        Protocol::Http => String::new(),
        other => format!("[{other}] "),
    };
    let missing = if transfer.gaps > 0 { format!(" -{}", transfer.missing) } else { String::new() };
    let mark = if transfer.ended == Some(true) { "" } else { " ~" };
    let body = String::from_utf8_lossy(&transfer.body);
    format!("{arrow} {protocol}{} = {body}{missing}{mark}", transfer.start.operation)
}

fn shown(record: &Record) -> Vec<String> {
    record.transfers.iter().map(show).collect()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Conversations of which every cut must come to the same.
fn conversations() -> Vec<(&'static str, Vec<Turn>, Vec<&'static str>)> {
    vec![
        (
            "a post and its answer",
            vec![
                C("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ],
            vec!["> POST /up = hello", "< POST /up = ok"],
        ),
        (
            "bare line feeds, small letters, blank lines between, HTTP/1.0",
            vec![C(
                "\r\nput /a HTTP/1.0\nhost:h\ncontent-length:3\n\nabc\r\n\r\npost /b HTTP/1.1\r\ncontent-length: 1\r\n\r\nd",
            )],
            vec!["> PUT /a = abc", "> POST /b = d"],
        ),
        (
            "a get without body, an answer up to the close",
            vec![C("GET /f.txt HTTP/1.0\r\n\r\n"), S("HTTP/1.0 200 OK\r\n\r\nall the rest")],
            vec!["< GET /f.txt = all the rest"],
        ),
        (
            "chunks with extensions and trailers, then pipelined",
            vec![
                C(
                    "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
                ),
                S(
                    "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\ny",
                ),
            ],
            vec!["> POST /c = abcde", "< POST /c = x", "< GET /x = y"],
        ),
        (
            "answers without body: HEAD, 204, 304, 1xx",
            vec![
                C(
                    "HEAD /h HTTP/1.1\r\n\r\nGET /n HTTP/1.1\r\n\r\nGET /m HTTP/1.1\r\n\r\nGET /e HTTP/1.1\r\n\r\n",
                ),
                S(
                    "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 N\r\n\r\nHTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 O\r\nContent-Length: 1\r\n\r\ne",
                ),
            ],
            vec!["< GET /e = e"],
        ),
        (
            "a folded field and a field that no parser likes",
            vec![C("POST /f HTTP/1.1\r\nX: a\r\n b\r\nno colon\r\nContent-Length :\r\n 2\r\n\r\nhi")],
            vec!["> POST /f = hi"],
        ),
        (
            "the client waits for 100 and gets it",
            vec![
                C("PUT /w HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
                S("HTTP/1.1 100 Continue\r\n\r\n"),
                C("hi"),
                S(OK),
            ],
            vec!["> PUT /w = hi"],
        ),
        (
            "the client does not wait and is refused",
            vec![
                C("PUT /w HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
                S("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"),
                C("hi"),
            ],
            vec!["> PUT /w = hi"],
        ),
        (
            "both length and chunks",
            vec![C(
                "POST /s HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nPOST /t HTTP/1.1\r\nContent-Length: 1\r\n\r\nc",
            )],
            vec!["> POST /s = ab", "> POST /t = c"],
        ),
        (
            "an answer that comes before the request has ended",
            vec![
                C("POST /e HTTP/1.1\r\nContent-Length: 4\r\n\r\nab"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
                C("cd"),
            ],
            vec!["> POST /e = abcd", "< POST /e = x"],
        ),
        (
            "an empty body makes no transfer",
            vec![
                C(
                    "POST /0 HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                ),
                S(OK),
            ],
            vec![],
        ),
        (
            "only requests were captured",
            vec![C(
                "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\naPOST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nb",
            )],
            vec!["> POST /a = a", "> POST /b = b"],
        ),
        (
            "only responses were captured",
            vec![S(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nb",
            )],
            vec!["< response 200 = a", "< response 404 = b"],
        ),
        (
            "a query that carries data",
            vec![
                C("GET /c?ssn=078-05-1120&n=x HTTP/1.1\r\n\r\nGET /p?page=2 HTTP/1.1\r\n\r\n"),
                S(OK),
                S(OK),
            ],
            vec!["> GET /c?… = ssn=078-05-1120&n=x"],
        ),
        (
            "clear HTTP through CONNECT",
            vec![
                C("CONNECT Inner.example:80 HTTP/1.1\r\nHost: Inner.example:80\r\n\r\n"),
                S("HTTP/1.1 200 Established\r\n\r\n"),
                C("POST /in HTTP/1.1\r\nHost: inner.example\r\nContent-Length: 2\r\n\r\nhi"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nyo"),
            ],
            vec!["> POST /in = hi", "< POST /in = yo"],
        ),
        (
            "CONNECT refused, another request follows",
            vec![
                C("CONNECT a:443 HTTP/1.1\r\n\r\n"),
                S("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"),
                C("PUT /x HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"),
            ],
            vec!["< CONNECT a:443 = no", "> PUT /x = x"],
        ),
        (
            "an upgrade to something unknown",
            vec![
                C("GET /u HTTP/1.1\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n"),
                S("HTTP/1.1 101 Switching\r\n\r\n***"),
                C("+++"),
            ],
            vec!["< [tcp] tcp 8080 = ***", "> [tcp] tcp 8080 = +++"],
        ),
        (
            "an upgrade that the server ignores",
            vec![
                C("POST /u HTTP/1.1\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"),
                C("PUT /v HTTP/1.1\r\nContent-Length: 1\r\n\r\nc"),
            ],
            vec!["> POST /u = a", "< POST /u = b", "> PUT /v = c"],
        ),
        (
            "lengths that contradict each other: nothing is lost",
            vec![
                C("POST /s HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 6\r\n\r\nab"),
                C("\x01\x02\x03\x04"),
            ],
            vec!["> POST /s = ab", "> [tcp] tcp 8080 = \x01\x02\x03\x04 ~"],
        ),
        (
            "the end comes too early",
            vec![
                C("POST /t HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"),
                EndC,
                S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
                EndS,
                Cut,
            ],
            vec!["> POST /t = abc ~", "< POST /t = ab ~"],
        ),
        (
            "a gap within a body of known length",
            vec![
                C("POST /g HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"),
                GapC(4),
                C("hij"),
                C("POST /n HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"),
            ],
            vec!["> POST /g = abchij -4 ~", "> POST /n = x"],
        ),
        (
            "a gap within a chunk",
            vec![
                C("POST /g HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc"),
                GapC(4),
                C("hij\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
                S(OK),
            ],
            vec!["> POST /g = abchij -4 ~"],
        ),
    ]
}

#[test]
fn conversations_come_to_the_same_however_they_are_cut() {
    for (name, turns, expected) in conversations() {
        for step in [usize::MAX, 1, 2, 3, 7, 16] {
            assert_eq!(shown(&play(&turns, false, step)), expected, "{name}, in pieces of {step}");
        }
    }
}

/// Conversations that find back into step at segment starts: the cut matters.
#[test]
fn out_of_step_everything_is_read_and_the_next_head_found() {
    let cases: Vec<(&str, bool, Vec<Turn>, Vec<&str>)> = vec![
        (
            "chunks that break",
            false,
            vec![
                C("POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nxyz"),
                C("more"),
                C("PUT /n HTTP/1.1\r\nContent-Length: 1\r\n\r\nn"),
            ],
            vec!["> POST /b = abxyzmore ~", "> PUT /n = n"],
        ),
        (
            "a body whose length is not told",
            false,
            vec![C("POST /u HTTP/1.0\r\n\r\nabc"), C("def"), EndC],
            vec!["> POST /u = abcdef"],
        ),
        (
            "a post without body and length, another follows",
            false,
            vec![C("POST /u HTTP/1.1\r\n\r\n"), C("POST /v HTTP/1.1\r\nContent-Length: 1\r\n\r\nv")],
            vec!["> POST /v = v"],
        ),
        (
            "a length that is no number",
            false,
            vec![C("POST /u HTTP/1.1\r\nContent-Length: x\r\n\r\nabc"), EndC],
            vec!["> POST /u = abc"],
        ),
        (
            "a refused client goes on with another request",
            false,
            vec![
                C("PUT /w HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
                S("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
                C("PUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"),
            ],
            vec!["> PUT /x = hi"],
        ),
        (
            "a gap over a head",
            false,
            vec![
                C("POST /a HTTP/1.1\r\nContent-Le"),
                GapC(20),
                C("body"),
                C("POST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nb"),
            ],
            vec!["> [tcp] tcp 8080 = POST /a HTTP/1.1\r\nContent-Lebody -20 ~", "> POST /b = b"],
        ),
        (
            "a gap beyond the end of a body",
            false,
            vec![
                C("POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nab"),
                GapC(20),
                C("rest"),
                C("POST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nb"),
            ],
            vec!["> POST /a = ab -2 ~", "> [tcp] tcp 8080 = rest ~", "> POST /b = b"],
        ),
        (
            "a gap between chunks",
            false,
            vec![
                C("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab"),
                GapC(20),
                C("rest"),
                C("POST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nb"),
            ],
            vec!["> POST /a = abrest -20 ~", "> POST /b = b"],
        ),
        (
            "responses missed: the newest request is answered",
            false,
            vec![
                C("GET /a HTTP/1.1\r\n\r\n"),
                GapS(100),
                C("GET /b HTTP/1.1\r\n\r\n"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"),
            ],
            vec!["< GET /b = b"],
        ),
        (
            "the capture begins within a body",
            true,
            vec![
                C("\x01\x02 of a file"),
                C(" and its end"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
                C("POST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nb"),
                S("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"),
            ],
            vec![
                "> [tcp] tcp 8080 = \x01\x02 of a file and its end ~",
                "< response 200 = x",
                "> POST /b = b",
                "< POST /b = y",
            ],
        ),
        (
            "the capture begins within an answer, sides mixed up",
            true,
            vec![
                C("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
                S("POST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nb"),
            ],
            vec!["> response 200 = x", "< POST /b = b"],
        ),
        (
            "cut within a head",
            false,
            vec![C("POST /a HTTP/1.1\r\nContent-Le"), Cut],
            vec!["> [tcp] tcp 8080 = POST /a HTTP/1.1\r\nContent-Le ~"],
        ),
        (
            "CONNECT of which only the client was captured",
            false,
            vec![C("CONNECT a:80 HTTP/1.1\r\n\r\n"), C("PUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")],
            vec!["> PUT /x = hi"],
        ),
    ];
    for (name, midstream, turns, expected) in cases {
        assert_eq!(shown(&play(&turns, midstream, usize::MAX)), expected, "{name}");
    }
}

#[test]
fn a_head_beyond_the_limit_is_read_as_raw_content() {
    let mut scene = Scene::with_limits(&egret_model::ProtocolLimits { head_bytes: 64, ..Default::default() });
    let flow = scene.tcp(80);
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100));
    scene.client(flow, &long[..40]);
    scene.client(flow, &long[40..]);
    scene.client(flow, "PUT /x HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    scene.close(flow);
    assert_eq!(shown(&scene.end()), [format!("> [tcp] tcp 80 = {long} ~"), "> PUT /x = x".to_owned()]);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_bodies(choice in 0usize..64, cuts in proptest::collection::vec(1usize..40, 1..20)) {
        let all = conversations();
        let (name, turns, expected) = &all[choice % all.len()];
        let mut scene = Scene::new();
        let flow = scene.tcp(8080);
        let mut lengths = cuts.iter().cycle();
        for turn in turns {
            let (text, from) = match turn {
                C(text) => (*text, Side::Initiator),
                S(text) => (*text, Side::Responder),
                GapC(bytes) => { scene.gap(flow, Side::Initiator, *bytes); continue }
                GapS(bytes) => { scene.gap(flow, Side::Responder, *bytes); continue }
                EndC => { scene.finish(flow, Side::Initiator); continue }
                EndS => { scene.finish(flow, Side::Responder); continue }
                Cut => continue,
            };
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let (head, behind) = rest.split_at(lengths.next().copied().unwrap_or(1).min(rest.len()));
                match from {
                    Side::Initiator => scene.client(flow, head),
                    Side::Responder => scene.server(flow, head),
                }
                rest = behind;
            }
        }
        if matches!(turns.last(), Some(Cut)) { scene.cut(flow) } else { scene.close(flow) }
        prop_assert_eq!(&shown(&scene.end()), expected, "{}", name);
    }

    /// Whatever is sent, nothing panics, and with one request line in front no byte of the rest goes by unread or unexplained.
    #[test]
    fn any_bytes_are_survived(
        parts in proptest::collection::vec((any::<bool>(), prop_oneof![
            Just("POST /x HTTP/1.1\r\n".to_owned()), Just("HTTP/1.1 200 OK\r\n".to_owned()), Just("\r\n".to_owned()),
            Just("Content-Length: 7\r\n".to_owned()), Just("Transfer-Encoding: chunked\r\n".to_owned()),
            Just("CONNECT a:1 HTTP/1.1\r\n\r\n".to_owned()), Just("Upgrade: x\r\n".to_owned()), Just("5\r\n".to_owned()),
            Just("Content-Range: bytes 3-5/9\r\n".to_owned()), Just("HTTP/1.1 101 S\r\n\r\n".to_owned()), ".{0,20}",
        ], 0u64..6), 0..24),
    ) {
        let mut scene = Scene::new();
        let flow = scene.tcp(80);
        for (client, text, gap) in &parts {
            let side = if *client { Side::Initiator } else { Side::Responder };
            if *gap == 5 {
                scene.gap(flow, side, 9);
            }
            if *client { scene.client(flow, text) } else { scene.server(flow, text) }
        }
        scene.close(flow);
        scene.end();
    }
}

#[test]
fn the_first_user_agent_of_a_connection_tells_the_device_of_what_it_sends() {
    const GET: &str =
        "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n\r\n";
    const POST: &str = "POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello";
    const RELAYED: &str = "POST /up HTTP/1.1\r\nHost: a.example\r\nVia: 1.1 proxy\r\nUser-Agent: x (Macintosh)\r\n\
                           Content-Length: 5\r\n\r\nhello";
    let answer = S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let device = |turns: &[Turn]| {
        let record = play(turns, false, 1000);
        let sent = record.transfers.iter().find(|transfer| transfer.body == b"hello").expect("an upload");
        sent.start.facts.iter().find(|(name, _)| *name == "device").map(|(_, device)| device.clone())
    };
    assert_eq!(device(&[C(GET), answer, C(POST), answer, Cut]).as_deref(), Some("windows"));
    assert_eq!(device(&[C(POST), answer, Cut]), None);
    assert_eq!(device(&[C(RELAYED), answer, Cut]), None, "whose device it is, a proxy hides");
}
