//! Sessions of clients and servers.

use crate::testing::{Record, Scene};
use egret_model::{Evidence, Protocol, Side};

/// Plays turns (`C: ` or `S: ` in front of each) in pieces of `step`.
fn play(turns: &[&str], step: usize) -> Record {
    let turns: Vec<(bool, Vec<u8>)> =
        turns.iter().map(|turn| (turn.starts_with("C: "), turn.as_bytes()[3..].to_vec())).collect();
    let mut scene = Scene::new();
    let flow = scene.tcp(110);
    scene.dialogue(flow, &turns, step);
    scene.close(flow);
    scene.end()
}

/// Messages: operation, content, and whether they were complete.
fn messages(record: &Record) -> Vec<(&str, String, bool)> {
    let message = |t: &&crate::testing::Recorded| t.start.mail;
    let shown = record.transfers.iter().filter(message).map(|t| {
        assert_eq!((t.start.from, t.start.protocol), (Side::Responder, Protocol::Pop3));
        let body = String::from_utf8_lossy(&t.body).into_owned();
        (t.start.operation.as_str(), body, t.ended == Some(true))
    });
    shown.collect()
}

#[test]
fn log_ins_are_told_once_they_succeeded() {
    const GREETING: &str = "S: +OK ready <1.2@x>\r\n";
    type Case<'a> = (&'a [&'a str], Option<(&'a str, bool)>);
    let cases: &[Case<'_>] = &[
        (
            &[GREETING, "C: USER alice\r\n", "S: +OK\r\n", "C: PASS x\r\n", "S: +OK\r\n"],
            Some(("alice", true)),
        ),
        (&[GREETING, "C: USER alice\r\n", "S: +OK\r\n", "C: PASS x\r\n", "S: -ERR\r\n"], None),
        (&[GREETING, "C: USER alice\r\nPASS x\r\n", "S: +OK\r\n-ERR\r\n"], None),
        (&[GREETING, "C: APOP alice 0123\r\n", "S: +OK\r\n"], Some(("alice", true))),
        (&[GREETING, "C: AUTH PLAIN AGFsaWNlAHg=\r\n", "S: +OK\r\n"], Some(("alice", true))),
        (
            &[GREETING, "C: AUTH PLAIN\r\n", "S: + \r\n", "C: AGFsaWNlAHg=\r\n", "S: +OK\r\n"],
            Some(("alice", true)),
        ),
        (&["C: APOP alice 0123\r\n"], Some(("alice", false))),
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
            assert!(record.sightings.iter().all(|s| s.evidence == Evidence::Pop3Login));
        }
    }
}

#[test]
fn messages_are_told_from_listings() {
    let turns = [
        "S: +OK mx.postbox.example POP3 ready\r\n",
        "C: USER alice\r\n",
        "S: +OK\r\n",
        "C: PASS secret\r\n",
        "S: +OK\r\n",
        "C: LIST\r\nRETR 1\r\nRETR 9\r\nTOP 2 0\r\nRETR 3\r\n",
        "S: +OK\r\n1 12\r\n2 20\r\n.\r\n+OK 12 octets\r\na\r\n..b\r\n.\r\n-ERR none\r\n+OK\r\nA: b\r\n\r\n.\r\n",
        "S: +OK\r\nbroken off",
    ];
    for step in [1, 3, 1000] {
        let record = play(&turns, step);
        let told = |operation: &'static str, body: &str, complete| (operation, body.to_owned(), complete);
        assert_eq!(
            messages(&record),
            [
                told("RETR 1", "a\r\n.b\r\n", true),
                told("TOP 2 0", "A: b\r\n\r\n", true),
                told("RETR 3", "broken off", false)
            ],
            "in pieces of {step}"
        );
        let first = &record.transfers.iter().find(|t| t.start.mail).unwrap().start;
        assert_eq!(first.server_name.as_deref(), Some("mx.postbox.example"));
        assert_eq!(
            (first.user.as_deref(), first.media_type.as_deref()),
            (Some("alice"), Some("message/rfc822"))
        );
        let said: Vec<u8> = record
            .transfers
            .iter()
            .filter(|t| !t.start.mail && t.start.from == Side::Responder)
            .flat_map(|t| t.body.clone())
            .collect();
        assert!(String::from_utf8_lossy(&said).contains("1 12\r\n2 20\r\n.\r\n"));
    }
}

#[test]
fn one_side_alone_and_gaps_are_read() {
    let mut scene = Scene::new();
    let flow = scene.tcp(110);
    scene.midstream(flow);
    scene.server(flow, "+OK 120 octets\r\nfirst ");
    scene.gap(flow, Side::Responder, 5);
    scene.server(flow, "last\r\n.\r\n+OK\r\n+OK 3 octets\r\nx\n.\n");
    scene.cut(flow);
    let record = scene.end();
    let seen = messages(&record);
    assert_eq!(seen[0], ("RETR", "first last\r\n".to_owned(), false));
    assert_eq!(seen[1], ("RETR", "x\n".to_owned(), true));
}

#[test]
fn what_follows_an_upgrade_is_another_protocol() {
    let mut scene = Scene::new();
    let flow = scene.tcp(110);
    scene.server(flow, "+OK ready\r\n");
    scene.client(flow, "STLS\r\n");
    scene.server(flow, "+OK\r\n");
    scene.client(flow, b"\x16\x03\x01\0\x05\x01\0\0\x01\0");
    scene.client(flow, b"\x17\x03\x03\0\x02ab");
    scene.close(flow);
    let protocols: Vec<Protocol> = scene.end().transfers.iter().map(|t| t.start.protocol).collect();
    assert!(protocols.contains(&Protocol::Pop3) && protocols.contains(&Protocol::Tls), "{protocols:?}");
}
