//! Sessions of clients and servers.

use crate::testing::{Record, Scene};
use egret_model::{Evidence, Protocol, Side};
use flate2::{Compress, Compression, FlushCompress};

/// Plays turns (`C: ` or `S: ` in front of each) in pieces of `step`.
fn play(turns: &[&str], step: usize) -> Record {
    let turns: Vec<(bool, Vec<u8>)> =
        turns.iter().map(|turn| (turn.starts_with("C: "), turn.as_bytes()[3..].to_vec())).collect();
    let mut scene = Scene::new();
    let flow = scene.tcp(143);
    scene.dialogue(flow, &turns, step);
    scene.close(flow);
    scene.end()
}

/// Messages: side, operation, content, and whether they were complete.
fn messages(record: &Record) -> Vec<(Side, &str, String, bool)> {
    let message = |t: &&crate::testing::Recorded| !t.start.operation.starts_with("tcp ");
    let shown = record.transfers.iter().filter(message).map(|t| {
        let body = String::from_utf8_lossy(&t.body).into_owned();
        (t.start.from, t.start.operation.as_str(), body, t.ended == Some(true))
    });
    shown.collect()
}

/// What `side` said outside messages.
fn said(record: &Record, side: Side) -> String {
    let outside =
        record.transfers.iter().filter(|t| t.start.operation.starts_with("tcp ") && t.start.from == side);
    outside.map(|t| String::from_utf8_lossy(&t.body).into_owned()).collect()
}

#[test]
fn log_ins_are_told_once_they_succeeded() {
    type Case<'a> = (&'a [&'a str], Option<(&'a str, bool)>);
    const GREETING: &str = "S: * OK ready\r\n";
    let cases: &[Case<'_>] = &[
        (&[GREETING, "C: a1 LOGIN alice secret\r\n", "S: a1 OK done\r\n"], Some(("alice", true))),
        (
            &[GREETING, "C: a1 LOGIN alice secret\r\na2 SELECT x\r\n", "S: a1 OK\r\na2 OK\r\n"],
            Some(("alice", true)),
        ),
        (
            &[GREETING, "C: a1 login \"al\\\"ice\" \"x\"\r\n", "S: * CAPABILITY\r\na1 OK\r\n"],
            Some(("al\"ice", true)),
        ),
        (&[GREETING, "C: a1 LOGIN alice wrong\r\n", "S: a1 NO\r\n"], None),
        (&[GREETING, "C: a1 LOGIN alice secret\r\n"], Some(("alice", false))),
        (
            &[
                GREETING,
                "C: a1 LOGIN {5}\r\n",
                "S: + go\r\n",
                "C: alice {6}\r\n",
                "S: + go\r\n",
                "C: secret\r\n",
                "S: a1 OK\r\n",
            ],
            Some(("alice", true)),
        ),
        (
            &[GREETING, "C: a AUTHENTICATE PLAIN\r\n", "S: + \r\n", "C: AGFsaWNlAHg=\r\n", "S: a OK\r\n"],
            Some(("alice", true)),
        ),
        (&["C: a1 LOGIN alice secret\r\n"], Some(("alice", false))),
    ];
    for (turns, expected) in cases {
        for step in [1, 5, 1000] {
            let record = play(turns, step);
            let told: Vec<_> = record
                .sightings
                .iter()
                .map(|s| (s.user.as_deref().unwrap_or_default(), s.confirmed))
                .collect();
            assert_eq!(told, expected.iter().copied().collect::<Vec<_>>(), "{turns:?} in pieces of {step}");
            assert!(record.sightings.iter().all(|s| s.evidence == Evidence::ImapLogin));
            assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Imap));
        }
    }
}

#[test]
fn what_is_stored_comes_from_the_client() {
    let turns = [
        "S: * OK [CAPABILITY IMAP4rev1] mail.postbox.example ready\r\n",
        "C: a1 LOGIN alice secret\r\n",
        "S: a1 OK\r\n",
        "C: a2 APPEND \"Sent Items\" (\\Seen) {12}\r\n",
        "S: + go on\r\n",
        "C: Subject: a\r\n {13+}\r\nSubject: bc\r\n\r\n",
        "S: a2 OK\r\n",
        // Refused before it is sent: the next line is a command.
        "C: a3 APPEND Sent {9999}\r\n",
        "S: a3 NO too big\r\n",
        "C: a4 APPEND {5}\r\n",
        "S: + go on\r\n",
        "C: Inbox {4}\r\n",
        "S: + go on\r\n",
        "C: mail\r\n",
        "S: a4 OK\r\n",
    ];
    // The first message has twelve octets, of which the last is the return.
    for step in [1, 3, 1000] {
        let record = play(&turns, step);
        let sent = |operation: &'static str, body: &str| (Side::Initiator, operation, body.to_owned(), true);
        assert_eq!(
            messages(&record),
            [
                sent("APPEND Sent Items", "Subject: a\r\n"),
                sent("APPEND Sent Items", "Subject: bc\r\n"),
                sent("APPEND", "mail"),
            ],
            "in pieces of {step}"
        );
        let first = &record.transfers.iter().find(|t| t.start.mail).unwrap().start;
        assert_eq!(first.server_name.as_deref(), Some("mail.postbox.example"));
        assert_eq!(
            (first.user.as_deref(), first.media_type.as_deref()),
            (Some("alice"), Some("message/rfc822"))
        );
        assert!(said(&record, Side::Initiator).ends_with("{4}\r\n\r\n"));
    }
}

#[test]
fn what_is_fetched_comes_from_the_server() {
    let turns = [
        "S: * OK ready\r\n",
        "C: a1 FETCH 1:3 (FLAGS BODY[] ENVELOPE)\r\n",
        "S: * 1 FETCH (FLAGS (\\Seen) BODY[] {9}\r\nwhole one ENVELOPE (\"d\" {7}\r\nsubject NIL))\r\n",
        "S: * 2 FETCH (RFC822 {3}\r\ntwo)\r\na1 OK\r\n",
        "S: * 3 FETCH (BODY[HEADER] {6}\r\nA: b\r\n BODY[TEXT] {4}\r\ntext)\r\n",
        "S: * 3 FETCH (BODY[2.MIME] {6}\r\nC: d\r\n BODY[2] {4}\r\npart BODY[3] {5}\r\nalone)\r\n",
        "S: * 3 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {12}\r\nSubject: x\r\n)\r\n",
    ];
    for step in [1, 3, 1000] {
        let record = play(&turns, step);
        let sent = |operation: &'static str, body: &str| (Side::Responder, operation, body.to_owned(), true);
        assert_eq!(
            messages(&record),
            [
                sent("FETCH BODY[]", "whole one"),
                sent("FETCH RFC822", "two"),
                sent("FETCH BODY[TEXT]", "A: b\r\ntext"),
                sent("FETCH BODY[2]", "C: d\r\npart"),
                sent("FETCH BODY[3]", "alone"),
                sent("FETCH BODY[HEADER.FIELDS (SUBJECT)]", "Subject: x\r\n"),
            ],
            "in pieces of {step}"
        );
        let mails: Vec<bool> = record
            .transfers
            .iter()
            .filter(|t| t.start.operation.contains("FETCH"))
            .map(|t| t.start.mail)
            .collect();
        assert_eq!(mails, [true, true, true, true, false, true]);
        let said = said(&record, Side::Responder);
        assert!(said.contains("subject NIL") && !said.contains("Subject: x"), "{said}");
    }
}

#[test]
fn parts_that_are_fetched_alone_have_the_names_of_their_structure() {
    let pdf = r#"("application" "pdf" ("name" "a.pdf") NIL NIL "base64" 9 NIL ("attachment" ("filename" {5}"#;
    let structure = format!(
        "S: * 2 FETCH (UID 7 BODYSTRUCTURE ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 1){pdf}\r\nq3\"f) NIL)) \"mixed\"))\r\n"
    );
    let turns = [
        "S: * OK ready\r\n",
        "C: a1 UID FETCH 7 (BODYSTRUCTURE)\r\n",
        structure.as_str(),
        "C: a2 UID FETCH 7 BODY.PEEK[2]\r\n",
        "S: * 2 FETCH (UID 7 BODY[2] {4}\r\nMTIz)\r\n* 1 EXPUNGE\r\n* 1 FETCH (BODY[2] {4}\r\nMTIz UID 7)\r\n",
        "S: * 1 FETCH (UID 7 BINARY[2] {3}\r\n123 BODY[1] {5}\r\nhello)\r\n",
        "C: a3 SELECT other\r\n",
        "S: * 2 FETCH (UID 7 BODY[2] {4}\r\nMTIz)\r\n",
    ];
    for step in [1, 3, 1000] {
        let record = play(&turns, step);
        let told: Vec<_> = record
            .transfers
            .iter()
            .filter(|t| t.start.operation.starts_with("FETCH"))
            .map(|t| {
                let start = &t.start;
                (
                    start.operation.as_str(),
                    start.filename.as_deref(),
                    start.media_type.as_deref(),
                    start.codings.concat(),
                )
            })
            .collect();
        let expected = [
            ("FETCH BODY[2]", Some("q3\"f)"), Some("application/pdf"), "base64".to_owned()),
            ("FETCH BODY[2]", None, None, String::new()),
            ("FETCH BINARY[2]", Some("q3\"f)"), Some("application/pdf"), String::new()),
            ("FETCH BODY[1]", None, Some("text/plain"), "7bit".to_owned()),
            ("FETCH BODY[2]", None, None, String::new()),
        ];
        assert_eq!(told, expected, "in pieces of {step}");
    }
}

#[test]
fn pieces_of_a_message_are_put_together() {
    let turns = [
        "S: * OK ready\r\n",
        "C: a1 UID FETCH 7 (BODY.PEEK[]<0.4>)\r\n",
        "S: * 1 FETCH (UID 7 BODY[]<0> {4}\r\n0123)\r\na1 OK\r\n",
        "C: a2 UID FETCH 7 (BODY.PEEK[]<4.4>)\r\n",
        "S: * 1 FETCH (UID 7 BODY[]<4> {4}\r\n4567)\r\na2 OK\r\n",
        "C: a3 UID FETCH 7 (BODY.PEEK[]<8.4>)\r\n",
        "S: * 1 FETCH (UID 7 BODY[]<8> {1}\r\n8)\r\na3 OK\r\n",
        "C: a4 UID FETCH 9 (BODY.PEEK[]<4.4>)\r\n",
        "S: * 2 FETCH (BODY[]<4> {4}\r\nabcd)\r\na4 OK\r\n",
    ];
    let record = play(&turns, 1000);
    assert_eq!(
        messages(&record),
        [
            (Side::Responder, "FETCH BODY[]", "012345678".to_owned(), true),
            (Side::Responder, "FETCH BODY[]", "abcd".to_owned(), false),
        ]
    );
}

#[test]
fn a_gap_within_a_message_keeps_step() {
    let mut scene = Scene::new();
    let flow = scene.tcp(143);
    scene.server(flow, "* OK ready\r\n* 1 FETCH (BODY[] {10}\r\n012");
    scene.gap(flow, Side::Responder, 3);
    scene.server(flow, "6789)\r\n* 2 FETCH (BODY[] {5}\r\nab");
    scene.gap(flow, Side::Responder, 9);
    scene.server(flow, "x\r\n* 3 FETCH (BODY[] {3}\r\nend)\r\n");
    scene.close(flow);
    let record = scene.end();
    let sent = |body: &str, complete| (Side::Responder, "FETCH BODY[]", body.to_owned(), complete);
    assert_eq!(messages(&record), [sent("0126789", false), sent("ab", false), sent("end", true)]);
    let missing: Vec<u64> = record.transfers.iter().map(|t| t.missing).collect();
    assert_eq!(missing.iter().sum::<u64>(), 12);
}

#[test]
fn a_session_is_recognised_in_its_middle() {
    for (client, text, body) in [
        (false, "* 12 FETCH (BODY[] {4}\r\nmail)\r\n", Side::Responder),
        (true, "A12 APPEND Sent {4+}\r\nmail\r\n", Side::Initiator),
    ] {
        let mut scene = Scene::new();
        let flow = scene.tcp(143);
        scene.midstream(flow);
        if client {
            scene.client(flow, text);
        } else {
            scene.server(flow, text);
        }
        scene.cut(flow);
        let record = scene.end();
        let seen = messages(&record);
        assert_eq!((seen[0].0, seen[0].2.as_str()), (body, "mail"));
    }
}

#[test]
fn compressed_sessions_are_read() {
    let mut server = Compress::new(Compression::default(), false);
    let mut compress = |text: &str| {
        let mut out = Vec::with_capacity(text.len() + 64);
        server.compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).unwrap();
        out
    };
    let first = compress("* 1 FETCH (BODY[] {8}\r\ncontents)\r\n");
    for step in [1, 1000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(143);
        scene.server(flow, "* OK ready\r\n");
        scene.client(flow, "a COMPRESS DEFLATE\r\n");
        let answer = [b"a OK active\r\n", first.as_slice()].concat();
        answer.chunks(step).for_each(|piece| scene.server(flow, piece));
        scene.close(flow);
        let record = scene.end();
        assert_eq!(messages(&record), [(Side::Responder, "FETCH BODY[]", "contents".to_owned(), true)]);
    }
}

#[test]
fn what_follows_an_upgrade_is_another_protocol() {
    let mut scene = Scene::new();
    let flow = scene.tcp(143);
    scene.server(flow, "* OK\r\n");
    scene.client(flow, "a STARTTLS\r\n");
    scene.server(flow, "a OK\r\n");
    scene.client(flow, b"\x16\x03\x01\0\x05\x01\0\0\x01\0");
    scene.client(flow, b"\x17\x03\x03\0\x02ab");
    scene.close(flow);
    let protocols: Vec<Protocol> = scene.end().transfers.iter().map(|t| t.start.protocol).collect();
    assert!(protocols.contains(&Protocol::Imap) && protocols.contains(&Protocol::Tls), "{protocols:?}");
}
