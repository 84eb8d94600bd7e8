//! Dialogues and what is reported of them.

#![expect(clippy::type_complexity, reason = "tables of cases")]

use crate::testing::{Record, Recorded, Scene};
use egret_model::{Evidence, Protocol, Side, Uninspected};
use proptest::prelude::*;

/// Who speaks, and what. `Gap` bytes of the client are missing; of the server with `ServerGap`.
#[derive(Clone, Copy, Debug)]
enum Turn<'a> {
    Client(&'a str),
    Server(&'a str),
    Gap(u64),
    ServerGap(u64),
}
use Turn::{Client as C, Gap, Server as S, ServerGap};

fn play(turns: &[Turn<'_>], midstream: bool, cuts: &[usize]) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(2525);
    if midstream {
        scene.midstream(flow);
    }
    let mut cuts = cuts.iter().copied().cycle();
    for turn in turns {
        match *turn {
            C(text) | S(text) => {
                let mut rest = text.as_bytes();
                while !rest.is_empty() {
                    let (piece, behind) =
                        rest.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
                    match turn {
                        C(_) => scene.client(flow, piece),
                        _ => scene.server(flow, piece),
                    }
                    rest = behind;
                }
            }
            Gap(bytes) => scene.gap(flow, Side::Initiator, bytes),
            ServerGap(bytes) => scene.gap(flow, Side::Responder, bytes),
        }
    }
    scene.close(flow);
    scene.end()
}

fn facts(transfer: &Recorded) -> Vec<String> {
    transfer.start.facts.iter().map(|(name, value)| format!("{name} {value}")).collect()
}

/// Body and completeness of every transfer.
fn mails(record: &Record) -> Vec<(String, bool)> {
    let told = |mail: &Recorded| (String::from_utf8_lossy(&mail.body).into_owned(), mail.ended == Some(true));
    record.transfers.iter().map(told).collect()
}

fn mail(body: &str) -> (String, bool) {
    (body.to_owned(), true)
}

fn part(body: &str) -> (String, bool) {
    (body.to_owned(), false)
}

const GREETING: Turn<'_> = S("220 mx.postbox.example ESMTP ready\r\n");
const HELLO: [Turn<'_>; 3] =
    [GREETING, C("EHLO vm\r\n"), S("250-MX.Postbox.Example Hello vm\r\n250-PIPELINING\r\n250 CHUNKING\r\n")];
const ENVELOPE: [Turn<'_>; 5] = [
    C("MAIL FROM:<alice@corp.example>\r\n"),
    S("250 OK\r\n"),
    C("RCPT TO:<friend@postbox.example>\r\n"),
    S("250 OK\r\n"),
    C("DATA\r\n"),
];
const GO: Turn<'_> = S("354 go ahead\r\n");
const TAKEN: Turn<'_> = S("250 queued\r\n");

fn session(rest: &[Turn<'static>]) -> Vec<Turn<'static>> {
    HELLO.iter().chain(&ENVELOPE).chain(rest).copied().collect()
}

#[test]
fn a_mail_is_a_transfer() {
    let record = play(
        &session(&[GO, C("From: a\r\n\r\n..hi\r\n.\r\n"), TAKEN, C("QUIT\r\n"), S("221 bye\r\n")]),
        false,
        &[],
    );
    let [transfer] = record.transfers.as_slice() else { panic!("{record:?}") };
    assert_eq!(transfer.body, b"From: a\r\n\r\n.hi\r\n");
    assert_eq!(transfer.ended, Some(true));
    let start = &transfer.start;
    assert_eq!(
        (start.protocol, start.operation.as_str(), start.from),
        (Protocol::Smtp, "DATA", Side::Initiator)
    );
    assert_eq!((start.server, start.server_name.as_deref()), (Side::Responder, Some("mx.postbox.example")));
    assert_eq!((start.mail, start.media_type.as_deref()), (true, Some("message/rfc822")));
    assert_eq!(start.user, None);
    assert_eq!(facts(transfer), ["mail-from alice@corp.example", "rcpt-to friend@postbox.example"]);
    let [claim] = record.sightings.as_slice() else { panic!("{record:?}") };
    assert_eq!((claim.evidence, claim.confirmed), (Evidence::MailFrom, false));
    assert_eq!((claim.user.as_deref(), claim.domain.as_deref()), (Some("alice"), Some("corp.example")));
    assert_eq!(record.not_inspected, []);
}

#[test]
fn a_relay_claims_nothing() {
    let record =
        play(&session(&[GO, C("Received: from x\r\nFrom: a\r\n\r\nhi\r\n.\r\n"), TAKEN]), false, &[]);
    assert_eq!(record.sightings, []);
    assert_eq!(facts(&record.transfers[0])[0], "mail-from alice@corp.example");
}

/// Dialogues and the mails in them.
fn dialogues() -> Vec<(&'static str, Vec<Turn<'static>>, Vec<(String, bool)>)> {
    let second = [
        C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
        S("250 OK\r\n250 OK\r\n354 go\r\n"),
        C("two\r\n.\r\nQUIT\r\n"),
        S("250 OK\r\n221 bye\r\n"),
    ];
    let with = |turns: &[Turn<'static>]| session(turns);
    vec![
        (
            "two mails, the second pipelined",
            with(&[&[GO, C("one\r\n.\r\n"), TAKEN][..], &second].concat()),
            vec![mail("one\r\n"), mail("two\r\n")],
        ),
        ("an empty mail", with(&[GO, C(".\r\n"), TAKEN]), vec![mail("")]),
        (
            "DATA is refused",
            with(&[&[S("503 no recipients\r\n")][..], &second].concat()),
            vec![mail("two\r\n")],
        ),
        (
            "DATA is refused, the client does not wait",
            with(&[&second[..1], &[S("503 no\r\n")], &second[1..]].concat()),
            vec![mail("two\r\n")],
        ),
        (
            "RSET between mails",
            with(&[&[GO, C("one\r\n.\r\n"), TAKEN, C("RSET\r\n"), S("250 OK\r\n")][..], &second].concat()),
            vec![mail("one\r\n"), mail("two\r\n")],
        ),
        (
            "BDAT in chunks",
            with(&[
                S("503 no\r\n"),
                C("BDAT 5\r\none.\r"),
                C("BDAT 7\r\n\n.\r\ntwoBDAT 0 LAST\r\n"),
                S("250 OK\r\n250 OK\r\n250 OK\r\n"),
            ]),
            vec![mail("one.\r\n.\r\ntwo")],
        ),
        (
            "BDAT is broken off",
            with(&[S("503 no\r\n"), C("BDAT 3\r\noneRSET\r\nBDAT 3 LAST\r\ntwo")]),
            vec![part("one"), mail("two")],
        ),
        (
            "bare line feeds, the server decides",
            with(&[GO, C("one\n.\n"), TAKEN, C("QUIT\r\n")]),
            vec![mail("one\n")],
        ),
        (
            "bare line feeds, smuggled mail",
            with(&[GO, C("one\n.\nMAIL FROM:<x@y>\nRCPT TO:<z@y>\nDATA\n4539\r\n.\r\n"), TAKEN]),
            vec![mail("one\n.\nMAIL FROM:<x@y>\nRCPT TO:<z@y>\nDATA\n4539\r\n")],
        ),
        ("bare line feeds to the end", with(&[GO, C("one\n.\n")]), vec![mail("one\n")]),
        ("cut in the content", with(&[GO, C("one\r\n.")]), vec![part("one\r\n.")]),
        ("cut behind DATA", with(&[]), vec![]),
        (
            "a gap in the content",
            with(&[GO, C("one\r\n"), Gap(9), C("x\r\n.\r\n"), TAKEN, C("QUIT\r\n"), S("221 x\r\n")]),
            vec![part("one\r\nx\r\n")],
        ),
        (
            "a gap over the end",
            with(&[&[GO, C("one\r\n"), Gap(9), TAKEN][..], &second].concat()),
            vec![part("one\r\n"), mail("two\r\n")],
        ),
        (
            "a gap over the start",
            [&HELLO[..], &[Gap(60), GO, C("one\r\n.\r\n"), TAKEN], &second].concat(),
            vec![mail("one\r\n"), mail("two\r\n")],
        ),
        (
            "a gap over the start and into the content",
            [&HELLO[..], &[Gap(90), C("rest\r\nof one\r\n.\r\n")], &second].concat(),
            vec![part("rest\r\nof one\r\n"), mail("two\r\n")],
        ),
        (
            "a gap among commands",
            [&HELLO[..], &[Gap(4), C("r\r\n")], &second].concat(),
            vec![mail("two\r\n")],
        ),
        (
            "a gap of the server",
            with(&[&[ServerGap(9), C("one\r\n.\r\n"), TAKEN][..], &second].concat()),
            vec![mail("one\r\n"), mail("two\r\n")],
        ),
        (
            "a gap in a chunk",
            with(&[S("503 no\r\n"), C("BDAT 9 LAST\r\none"), Gap(4), C("twRSET\r\n"), TAKEN]),
            vec![part("onetw")],
        ),
        (
            "lines that are no commands",
            [&HELLO[..], &[C("hi\r\nthere\r\n4539\r\n1488\r\n")]].concat(),
            vec![part("4539\r\n1488\r\n")],
        ),
        (
            "LMTP answers for each recipient",
            [
                &[GREETING][..],
                &[
                    C("LHLO vm\r\n"),
                    S("250 mx.postbox.example\r\n"),
                    C("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
                    S("250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n"),
                    C("one\r\n.\r\n"),
                    S("250 OK\r\n452 full\r\n"),
                ],
                &second,
            ]
            .concat(),
            vec![mail("one\r\n"), mail("two\r\n")],
        ),
    ]
}

#[test]
fn dialogues_give_their_mails() {
    for (name, turns, expected) in dialogues() {
        assert_eq!(mails(&play(&turns, false, &[])), expected, "{name}");
    }
}

#[test]
fn one_side_is_enough() {
    let client_only = [
        C("EHLO vm\r\n"),
        C("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
        C("MAIL FROM:<alice@corp.example>\r\nRCPT TO:<a@b>\r\nDATA\r\n"),
        C("one\r\n..\r\n.\r\n"),
        C("MAIL FROM:<alice@corp.example>\r\n"),
        C("RCPT TO:<a@b>\r\n"),
        C("DATA\r\n"),
        C("two\n.\n"),
        C("QUIT\n"),
    ];
    let record = play(&client_only, false, &[]);
    assert_eq!(mails(&record), [mail("one\r\n.\r\n"), mail("two\n")]);
    let told: Vec<_> =
        record.sightings.iter().map(|s| (s.user.as_deref(), s.evidence, s.confirmed)).collect();
    assert_eq!(told, [(Some("alice"), Evidence::SmtpAuth, false)]);
    assert_eq!(record.transfers[0].start.user.as_deref(), Some("alice"));
    assert_eq!(mails(&play(&client_only, false, &[1])), mails(&record));
}

#[test]
fn a_session_may_begin_in_the_middle() {
    let cases: Vec<(Vec<Turn<'_>>, Vec<(String, bool)>)> = vec![
        (
            vec![
                S("250 OK\r\n"),
                C("RCPT TO:<a@b>\r\n"),
                S("250 OK\r\n"),
                C("DATA\r\n"),
                GO,
                C("one\r\n.\r\n"),
                TAKEN,
            ],
            vec![mail("one\r\n")],
        ),
        (vec![GO, C("one\r\n.\r\n"), TAKEN, C("QUIT\r\n")], vec![mail("one\r\n")]),
        (
            vec![S("250 OK\r\n"), C("RCPT TO:<a@b>\r\n"), Gap(2), C("TA\r\n"), GO, C("one\r\n.\r\n"), TAKEN],
            vec![mail("one\r\n")],
        ),
        // Nothing is recognised here; the bytes are plain content.
        (vec![C("one\r\n.\r\n"), S("250 OK\r\n")], vec![]),
    ];
    for (turns, expected) in cases {
        let record = play(&turns, true, &[]);
        let smtp: Vec<_> = mails(&record)
            .into_iter()
            .zip(&record.transfers)
            .filter(|(_, transfer)| transfer.start.protocol == Protocol::Smtp)
            .map(|(mail, _)| mail)
            .collect();
        assert_eq!(smtp, expected, "{turns:?}");
        // Whoever has it, nothing is lost.
        let seen: usize = record.transfers.iter().map(|transfer| transfer.body.len()).sum();
        assert!(seen >= 5, "{turns:?}");
    }
}

#[test]
fn users_are_told_once_they_are_let_in() {
    let plain = "AUTH PLAIN AGFsaWNlQGNvcnAuZXhhbXBsZQBzZWNyZXQ=\r\n";
    let cases: &[(&[Turn<'_>], Option<(&str, bool)>)] = &[
        (&[C(plain), S("235 OK\r\n")], Some(("alice", true))),
        (&[C(plain), S("535 no\r\n"), C("MAIL FROM:<a@b>\r\n")], None),
        (
            &[C("AUTH PLAIN\r\n"), S("334 \r\n"), C("AGFsaWNlAHNlY3JldA==\r\n"), S("235 OK\r\n")],
            Some(("alice", true)),
        ),
        (
            &[
                C("AUTH LOGIN\r\n"),
                S("334 VXNlcm5hbWU6\r\n"),
                C("YWxpY2U=\r\n"),
                S("334 UGFzc3dvcmQ6\r\n"),
                C("c2VjcmV0\r\n"),
                S("235 OK\r\n"),
            ],
            Some(("alice", true)),
        ),
        (
            &[C("AUTH LOGIN YWxpY2U=\r\n"), S("334 x\r\n"), C("c2VjcmV0\r\n"), S("235 OK\r\n")],
            Some(("alice", true)),
        ),
        (&[C("AUTH LOGIN\r\n"), S("334 x\r\n"), C("*\r\n"), S("501 cancelled\r\n")], None),
        (&[C(plain), ServerGap(8), C("MAIL FROM:<a@b>\r\n")], Some(("alice", false))),
        (&[C("AUTH NTLM TlRMTVNTUAAB\r\n"), S("334 x\r\n"), C("TlRMTVNTUAAD\r\n"), S("235 OK\r\n")], None),
    ];
    for (turns, expected) in cases {
        let turns = [&HELLO[..], turns].concat();
        let record = play(&turns, false, &[]);
        let told = record
            .sightings
            .first()
            .map(|sighting| (sighting.user.as_deref().unwrap_or(""), sighting.confirmed));
        assert_eq!(told, *expected, "{turns:?}");
        assert!(record.sightings.len() <= 1 && record.transfers.is_empty(), "{record:?}");
        assert!(!format!("{record:?}").contains("secret"));
    }
}

#[test]
fn a_reply_that_comes_late_still_confirms() {
    let late =
        [C("AUTH LOGIN YWxpY2U=\r\nc2VjcmV0\r\nMAIL FROM:<a@b>\r\n"), S("334 x\r\n235 OK\r\n250 OK\r\n")];
    let record = play(&[&HELLO[..], &late].concat(), false, &[]);
    let told: Vec<_> = record.sightings.iter().map(|s| (s.user.as_deref(), s.confirmed)).collect();
    assert_eq!(told, [(Some("alice"), false), (Some("alice"), true)]);
}

#[test]
fn refused_recipients_are_no_facts() {
    let record = play(
        &[
            &HELLO[..],
            &[
                C("MAIL FROM:<a@b>\r\nRCPT TO:<no@b>\r\nRCPT TO:<yes@b>\r\nDATA\r\n"),
                S("250 OK\r\n550 no\r\n250 OK\r\n354 go\r\n"),
                C("one\r\n.\r\n"),
            ],
        ]
        .concat(),
        false,
        &[],
    );
    assert_eq!(facts(&record.transfers[0]), ["mail-from a@b", "rcpt-to yes@b"]);
}

#[test]
fn recipients_beyond_the_limit_are_counted() {
    let limits = egret_model::ProtocolLimits { smtp_recipients: 1, ..Default::default() };
    let mut scene = Scene::with_limits(&limits);
    let flow = scene.tcp(25);
    scene.client(flow, "EHLO vm\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nRCPT TO:<g@h>\r\nDATA\r\none\r\n.\r\n");
    scene.close(flow);
    assert_eq!(facts(&scene.end().transfers[0]), ["mail-from a@b", "rcpt-to c@d", "rcpt-to-omitted 2"]);
}

#[test]
fn behind_starttls_nothing_is_read_as_smtp() {
    for answer in [S("220 go\r\n"), ServerGap(8)] {
        let hello = "\x16\x03\x01\x00\x02MAIL FROM:<a@b>\r\n";
        let record = play(&[&HELLO[..], &[C("STARTTLS\r\n"), answer, C(hello)]].concat(), false, &[]);
        assert!(
            record.transfers.iter().all(|transfer| transfer.start.protocol != Protocol::Smtp),
            "{record:?}"
        );
        assert_eq!(record.sightings, []);
    }
    let unasked =
        play(&[&HELLO[..], &[C("\x16\x03\x01\x00\x02QUIT\r\nx\r\ny\r\nz\r\n")]].concat(), false, &[]);
    assert!(
        unasked.transfers.iter().all(|transfer| transfer.start.protocol != Protocol::Smtp),
        "{unasked:?}"
    );
    let refused =
        [&HELLO[..], &[C("STARTTLS\r\n"), S("454 no\r\n")], &ENVELOPE, &[GO, C("one\r\n.\r\n")]].concat();
    assert_eq!(mails(&play(&refused, false, &[])), [mail("one\r\n")]);
}

#[test]
fn an_endless_line_is_content_after_all() {
    let long = "x".repeat(70_000);
    let record = play(&[&HELLO[..], &[C(&long)]].concat(), false, &[]);
    let held: usize = record.transfers.iter().map(|transfer| transfer.body.len()).sum();
    let refused: u64 =
        record.not_inspected.iter().filter(|(why, _)| *why == Uninspected::Malformed).map(|(_, n)| n).sum();
    assert_eq!(held as u64 + refused, 70_000);
}

proptest! {
    #[test]
    fn cuts_change_nothing(cuts in proptest::collection::vec(1usize..20, 1..6)) {
        for (name, turns, expected) in dialogues() {
            prop_assert_eq!(mails(&play(&turns, false, &cuts)), expected, "{}", name);
        }
    }

    #[test]
    fn anything_ends_what_it_begins(
        turns in proptest::collection::vec((0u8..4, prop_oneof![
            Just("EHLO vm\r\n"), Just("MAIL FROM:<a@b>\r\n"), Just("RCPT TO:<a@b>\r\n"), Just("DATA\r\n"), Just(".\r\n"),
            Just("BDAT 4\r\n"), Just("BDAT 0 LAST\r\n"), Just("text\r\n"), Just("\n.\n"), Just("AUTH LOGIN\r\n"),
            Just("STARTTLS\r\n"), Just("RSET\r\n"), Just("220 x ESMTP\r\n"), Just("250 OK\r\n"), Just("354 go\r\n"),
            Just("334 x\r\n"), Just("235 OK\r\n"), Just("550 no\r\n"),
        ]), 0..24),
        midstream: bool,
    ) {
        let turns: Vec<Turn<'_>> = turns.iter().map(|(kind, text)| match kind {
            0 => C(text),
            1 => S(text),
            2 if text.starts_with('R') => Gap(5),
            3 if text.starts_with('R') => ServerGap(5),
            _ => if text.as_bytes()[0].is_ascii_digit() { S(text) } else { C(text) },
        }).collect();
        let record = play(&turns, midstream, &[]);
        prop_assert!(record.transfers.iter().all(|transfer| transfer.ended.is_some()));
    }
}
