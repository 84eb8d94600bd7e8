//! Log-ins as clients make them.

use crate::testing::Scene;
use Line::{C, S};
use egret_model::{Evidence, Protocol};

/// A line of the client or of the server.
#[derive(Clone, Copy)]
enum Line {
    C(&'static str),
    S(&'static str),
}

fn told(lines: &[Line], step: usize) -> (Vec<(String, Evidence, bool)>, Vec<Protocol>) {
    let mut scene = Scene::new();
    let flow = scene.tcp(143);
    for line in lines {
        let (C(text) | S(text)) = line;
        for piece in text.as_bytes().chunks(step) {
            if matches!(line, C(_)) { scene.client(flow, piece) } else { scene.server(flow, piece) }
        }
    }
    scene.close(flow);
    let seen = scene.end();
    let protocols = seen.transfers.iter().map(|transfer| transfer.start.protocol).collect();
    let told = seen.sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.evidence, s.confirmed));
    (told.collect(), protocols)
}

#[test]
fn log_ins_are_told_once_they_succeeded() {
    const IMAP: Line = S("* OK ready\r\n");
    const POP: Line = S("+OK ready <1.2@x>\r\n");
    type Case<'a> = (&'a [Line], Option<(&'a str, bool)>);
    let cases: &[Case<'_>] = &[
        (&[IMAP, C("a1 LOGIN alice secret\r\n"), S("a1 OK done\r\n")], Some(("alice", true))),
        (
            &[IMAP, C("a1 login \"al\\\"ice\" \"x\"\r\n"), S("* CAPABILITY\r\na1 OK\r\n")],
            Some(("al\"ice", true)),
        ),
        (&[IMAP, C("a1 LOGIN alice wrong\r\n"), S("a1 NO\r\n")], None),
        (&[IMAP, C("a1 LOGIN alice secret\r\n")], Some(("alice", false))),
        (
            &[
                IMAP,
                C("a1 LOGIN {5}\r\n"),
                S("+ go\r\n"),
                C("alice {6}\r\n"),
                S("+ go\r\n"),
                C("secret\r\n"),
                S("a1 OK\r\n"),
            ],
            Some(("alice", true)),
        ),
        (
            &[IMAP, C("a AUTHENTICATE PLAIN\r\n"), S("+ \r\n"), C("AGFsaWNlAHg=\r\n"), S("a OK\r\n")],
            Some(("alice", true)),
        ),
        (&[C("a1 LOGIN alice secret\r\n")], Some(("alice", false))),
        (&[POP, C("USER alice\r\n"), S("+OK\r\n"), C("PASS x\r\n"), S("+OK\r\n")], Some(("alice", true))),
        (&[POP, C("USER alice\r\n"), S("+OK\r\n"), C("PASS x\r\n"), S("-ERR\r\n")], None),
        (&[POP, C("APOP alice 0123\r\n"), S("+OK\r\n")], Some(("alice", true))),
        (&[POP, C("AUTH PLAIN AGFsaWNlAHg=\r\n"), S("+OK\r\n")], Some(("alice", true))),
    ];
    for (lines, expected) in cases {
        for step in [1, 5, 1000] {
            let (told, protocols) = told(lines, step);
            let users: Vec<_> = told.iter().map(|(user, _, confirmed)| (user.as_str(), *confirmed)).collect();
            assert_eq!(users, expected.iter().copied().collect::<Vec<_>>(), "{step}");
            assert!(protocols.iter().all(|known| matches!(known, Protocol::Imap | Protocol::Pop3)));
        }
    }
}

#[test]
fn what_follows_an_upgrade_is_another_protocol() {
    let (_, protocols) = told(
        &[
            S("* OK\r\n"),
            C("a STARTTLS\r\n"),
            S("a OK\r\n"),
            C("\x16\x03\x01\0\x05\x01\0\0\x01\0"),
            C("\x17\x03\x03\0\x02ab"),
        ],
        1000,
    );
    assert!(protocols.contains(&Protocol::Imap) && protocols.contains(&Protocol::Tls), "{protocols:?}");
}
