//! Sessions, their data connections, and the transfers that come of them.

#![expect(clippy::type_complexity, reason = "tables of cases")]

use crate::testing::{Record, Recorded, Scene};
use egret_model::{Evidence, FlowKind, Protocol, Side};
use proptest::prelude::*;

const CLIENT: &str = "10.0.0.1";
const SERVER: &str = "192.0.2.1";

/// A control connection with a user who is logged in.
fn login(scene: &mut Scene) -> usize {
    let control = scene.tcp(2121);
    scene.server(control, "220 ftp.dropfile.example FTP ready\r\n");
    say(scene, control, "USER alice", "331 password?");
    say(scene, control, "PASS secret", "230 in");
    control
}

fn say(scene: &mut Scene, control: usize, command: &str, reply: &str) {
    scene.client(control, format!("{command}\r\n"));
    if !reply.is_empty() {
        scene.server(control, format!("{reply}\r\n"));
    }
}

/// A data connection that the client opens.
fn passive(scene: &mut Scene, port: u16) -> usize {
    scene.flow(FlowKind::Tcp, &format!("{CLIENT}:{}", 40_000 + port % 1000), &format!("{SERVER}:{port}"))
}

fn upload(scene: &mut Scene, control: usize, port: u16, command: &str, content: &str) {
    say(scene, control, "EPSV", &format!("229 Entering (|||{port}|)"));
    let data = passive(scene, port);
    say(scene, control, command, "150 go");
    scene.client(data, content);
    scene.close(data);
    scene.server(control, "226 done\r\n");
}

fn files(record: &Record) -> Vec<&Recorded> {
    record.transfers.iter().filter(|transfer| transfer.start.protocol == Protocol::Ftp).collect()
}

/// Operation, body and completeness.
fn told(record: &Record) -> Vec<(&str, String, bool)> {
    let one = |file: &Recorded| String::from_utf8_lossy(&file.body).into_owned();
    files(record)
        .into_iter()
        .map(|file| (file.start.operation.as_str(), one(file), file.ended == Some(true)))
        .collect()
}

#[test]
fn an_upload_is_a_transfer() {
    let mut scene = Scene::new();
    let control = login(&mut scene);
    upload(&mut scene, control, 50_058, "STOR in/q3.csv", "a,b\r\n");
    scene.close(control);
    let record = scene.end();
    let [file] = files(&record)[..] else { panic!("{record:?}") };
    assert_eq!((file.body.as_slice(), file.ended), (&b"a,b\r\n"[..], Some(true)));
    let start = &file.start;
    assert_eq!((start.operation.as_str(), start.filename.as_deref()), ("STOR in/q3.csv", Some("q3.csv")));
    assert_eq!((start.from, start.server), (Side::Initiator, Side::Responder));
    assert_eq!(
        (start.user.as_deref(), start.server_name.as_deref()),
        (Some("alice"), Some("ftp.dropfile.example"))
    );
    let [sighting] = record.sightings.as_slice() else { panic!("{record:?}") };
    assert_eq!(
        (sighting.evidence, sighting.confirmed, sighting.ip.unwrap().to_string()),
        (Evidence::FtpLogin, true, CLIENT.into())
    );
    assert!(!format!("{record:?}").contains("secret"));
}

#[test]
fn the_server_opens_an_active_connection() {
    for command in ["PORT 10,0,0,1,147,75", "EPRT |1|10.0.0.1|37707|", "PORT 172,16,9,9,147,75"] {
        let mut scene = Scene::new();
        let control = login(&mut scene);
        say(&mut scene, control, command, "200 OK");
        say(&mut scene, control, "STOR q3.csv", "150 go");
        let data = scene.flow(FlowKind::Tcp, &format!("{SERVER}:20"), &format!("{CLIENT}:37707"));
        scene.server(data, "content");
        scene.close(data);
        scene.close(control);
        let record = scene.end();
        let [file] = files(&record)[..] else { panic!("{command}: {record:?}") };
        assert_eq!((file.start.from, file.start.server), (Side::Responder, Side::Initiator), "{command}");
        assert_eq!(
            (file.start.sender.ip.to_string().as_str(), file.ended),
            (CLIENT, Some(true)),
            "{command}"
        );
    }
}

#[test]
fn the_command_may_come_at_any_time() {
    for order in 0..4 {
        let mut scene = Scene::new();
        let control = login(&mut scene);
        let steps: [&dyn Fn(&mut Scene); 2] =
            [&|scene| say(scene, control, "RETR q3.csv", ""), &|scene| say(scene, control, "NOOP", "200 OK")];
        say(&mut scene, control, "PASV", "227 Entering Passive Mode (10,99,99,99,195,138).");
        if order == 0 {
            steps[0](&mut scene);
        }
        let data = passive(&mut scene, 50_058);
        if order == 1 {
            steps[0](&mut scene);
        }
        scene.server(data, "con");
        if order == 2 {
            steps[0](&mut scene);
        }
        scene.server(data, "tent");
        if order == 3 {
            steps[0](&mut scene);
        }
        steps[1](&mut scene);
        scene.close(data);
        scene.close(control);
        assert_eq!(told(&scene.end()), [("RETR q3.csv", "content".to_owned(), true)], "order {order}");
    }
}

#[test]
fn transfers_in_sequence_are_told_apart() {
    let mut scene = Scene::new();
    let control = login(&mut scene);
    say(&mut scene, control, "EPSV", "229 Entering (|||50001|)");
    let data = passive(&mut scene, 50_001);
    say(&mut scene, control, "LIST", "150 go");
    scene.server(data, "-rw- q3.csv\r\n");
    scene.close(data);
    scene.server(control, "226 done\r\n");
    upload(&mut scene, control, 50_002, "STOR a.txt", "a");
    say(&mut scene, control, "EPSV", "229 Entering (|||50003|)");
    let refused = passive(&mut scene, 50_003);
    say(&mut scene, control, "RETR none", "550 no such file");
    scene.close(refused);
    upload(&mut scene, control, 50_004, "STOR b.txt", "");
    scene.close(control);
    let record = scene.end();
    assert_eq!(
        told(&record),
        [
            ("LIST", "-rw- q3.csv\r\n".to_owned(), true),
            ("STOR a.txt", "a".to_owned(), true),
            ("STOR b.txt", String::new(), true),
        ]
    );
    assert_eq!(files(&record)[0].start.filename, None);
}

#[test]
fn pieces_of_a_file_are_one_transfer() {
    let mut scene = Scene::new();
    let control = login(&mut scene);
    upload(&mut scene, control, 50_001, "STOR q3.csv", "one,");
    scene.close(control);
    scene.pass(20);
    let control = login(&mut scene);
    upload(&mut scene, control, 50_002, "APPE q3.csv", "two,");
    scene.pass(20);
    say(&mut scene, control, "REST 8", "350 OK");
    upload(&mut scene, control, 50_003, "STOR /q3.csv", "three");
    scene.pass(31);
    upload(&mut scene, control, 50_004, "APPE q3.csv", "late");
    say(&mut scene, control, "CWD /in", "250 OK");
    upload(&mut scene, control, 50_005, "APPE q3.csv", "other");
    let record = scene.end();
    assert_eq!(
        told(&record),
        [
            ("STOR q3.csv", "one,two,three".to_owned(), true),
            ("APPE q3.csv", "late".to_owned(), true),
            ("APPE q3.csv", "other".to_owned(), true),
        ]
    );
}

#[test]
fn a_resumed_upload_is_put_together() {
    // What was sent of the first attempt, where the second one begins, what it sends; the transfers.
    let cases: &[(&str, u64, &str, &[(&str, bool)])] = &[
        ("abcdef", 6, "ghi", &[("abcdefghi", true)]),
        ("abcdef", 4, "efghi", &[("abcdefghi", true), ("ef", false)]),
        ("abcdef", 4, "e", &[("abcdef", true), ("e", false)]),
        ("abcdef", 8, "i", &[("abcdef", false), ("i", false)]),
        ("abcdef", 0, "abcdefghi", &[("abcdef", false), ("abcdefghi", true)]),
    ];
    for (first, offset, second, expected) in cases {
        let mut scene = Scene::new();
        let control = login(&mut scene);
        say(&mut scene, control, "EPSV", "229 Entering (|||50001|)");
        let data = passive(&mut scene, 50_001);
        say(&mut scene, control, "STOR a.zip", "150 go");
        scene.client(data, first);
        scene.cut(data);
        scene.server(control, "426 broken off\r\n");
        say(&mut scene, control, &format!("REST {offset}"), "350 OK");
        upload(&mut scene, control, 50_002, "STOR a.zip", second);
        let record = scene.end();
        let bodies: Vec<_> = told(&record).into_iter().map(|(_, body, complete)| (body, complete)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(body, complete)| ((*body).to_owned(), *complete)).collect();
        assert_eq!(bodies, expected, "{first} {offset} {second}");
    }
}

#[test]
fn text_is_told_as_the_host_stores_it() {
    // Commands before, the transfer's command, what the wire carries, what is told.
    let cases: &[(&[(&str, &str)], &str, &str, &str)] = &[
        (&[("TYPE A", "200 A")], "STOR a.csv", "a,b\r\nc\rd\r\r\n\ne\r", "a,b\nc\rd\r\n\ne\r"),
        (&[("type a n", "200 A")], "APPE a.csv", "a\r\n", "a\n"),
        (&[("NOOP\r\nTYPE A", "200 OK\r\n200 A")], "STOR a.csv", "a\r\n", "a\n"),
        (&[("TYPE A", "504 never")], "STOR a.csv", "a\r\n", "a\r\n"),
        (&[("TYPE A", "200 A"), ("TYPE I", "200 I")], "STOR a.csv", "a\r\n", "a\r\n"),
        (&[("TYPE A", "200 A"), ("MODE Z", "200 Z")], "STOR a.csv", "a\r\n", "a\r\n"),
        (&[], "STOR a.csv", "a\r\n", "a\r\n"),
    ];
    for (before, command, wire, content) in cases {
        for cut in [1, 3, 100] {
            let mut scene = Scene::new();
            let control = login(&mut scene);
            before.iter().for_each(|(command, reply)| say(&mut scene, control, command, reply));
            say(&mut scene, control, "EPSV", "229 Entering (|||50001|)");
            let data = passive(&mut scene, 50_001);
            say(&mut scene, control, command, "150 go");
            wire.as_bytes().chunks(cut).for_each(|piece| scene.client(data, piece));
            scene.close(data);
            assert_eq!(
                told(&scene.end()),
                [(*command, (*content).to_owned(), true)],
                "{before:?} {wire:?} in pieces of {cut}"
            );
        }
    }
}

#[test]
fn a_listing_and_what_stands_before_a_gap_stay_as_they_are() {
    let mut scene = Scene::new();
    let control = login(&mut scene);
    say(&mut scene, control, "TYPE A", "200 A");
    say(&mut scene, control, "EPSV", "229 Entering (|||50001|)");
    let data = passive(&mut scene, 50_001);
    say(&mut scene, control, "LIST", "150 go");
    scene.server(data, "-rw- q3.csv\r\n");
    scene.close(data);
    scene.server(control, "226 done\r\n");
    say(&mut scene, control, "EPSV", "229 Entering (|||50002|)");
    let data = passive(&mut scene, 50_002);
    say(&mut scene, control, "RETR a.csv", "150 go");
    scene.server(data, "a\r");
    scene.gap(data, Side::Responder, 4);
    scene.server(data, "\nb\r\n");
    scene.close(data);
    assert_eq!(
        told(&scene.end()),
        [("LIST", "-rw- q3.csv\r\n".to_owned(), true), ("RETR a.csv", "a\r\nb\n".to_owned(), false),]
    );
}

#[test]
fn a_download_that_ended_is_over_at_once() {
    let mut scene = Scene::new();
    let control = login(&mut scene);
    say(&mut scene, control, "EPSV", "229 Entering (|||50001|)");
    let data = passive(&mut scene, 50_001);
    say(&mut scene, control, "RETR a.zip", "150 go");
    scene.server(data, "abc");
    scene.gap(data, Side::Responder, 3);
    scene.finish(data, Side::Responder);
    assert_eq!(scene.record.transfers[0].ended, Some(false));
    assert_eq!(scene.record.transfers[0].missing, 3);
    scene.close(data);
    scene.end();
}

#[test]
fn users_are_told_once_they_are_let_in() {
    let cases: &[(&[(&str, &str)], Option<(&str, bool)>)] = &[
        (&[("USER alice", "331 ?"), ("PASS secret", "230 in")], Some(("alice", true))),
        (&[("USER alice", "230 in")], Some(("alice", true))),
        (&[("USER alice", "331 ?"), ("PASS secret", "530 no"), ("STOR a", "")], None),
        (&[("USER anonymous", "331 ?"), ("PASS a@b", "230 in")], None),
        (&[("USER alice", ""), ("PASS secret", ""), ("PASV", ""), ("STOR a", "")], Some(("alice", false))),
    ];
    for (dialogue, expected) in cases {
        let mut scene = Scene::new();
        let control = scene.tcp(21);
        let captured = dialogue.iter().any(|(_, reply)| !reply.is_empty());
        if captured {
            scene.server(control, "220-welcome\r\n220 to bypass: 230 in\r\n");
        }
        for (command, reply) in *dialogue {
            say(&mut scene, control, command, reply);
        }
        scene.close(control);
        let record = scene.end();
        let user = record.sightings.first().map(|s| (s.user.as_deref().unwrap_or(""), s.confirmed));
        assert_eq!(user, *expected, "{dialogue:?}");
    }
}

#[test]
fn a_reply_that_comes_late_still_confirms() {
    let mut scene = Scene::new();
    let control = scene.tcp(21);
    scene.server(control, "220 FTP\r\n");
    scene.client(control, "USER alice\r\nPASS secret\r\nSTOR a\r\n");
    scene.server(control, "331 ?\r\n230 in\r\n");
    let told: Vec<_> = scene.record.sightings.iter().map(|s| (s.user.as_deref(), s.confirmed)).collect();
    assert_eq!(told, [(Some("alice"), false), (Some("alice"), true)]);
    scene.close(control);
    scene.end();
}

#[test]
fn modes_of_transmission() {
    for (mode, codings, readable) in [("Z", vec!["deflate"], true), ("B", vec![], false), ("S", vec![], true)]
    {
        let mut scene = Scene::new();
        let control = login(&mut scene);
        say(&mut scene, control, &format!("MODE {mode}"), "200 OK");
        upload(&mut scene, control, 50_001, "STOR a", "abc");
        let record = scene.end();
        let file = files(&record)[0];
        assert_eq!(file.start.codings, codings, "{mode}");
        assert_eq!((file.body.is_empty(), file.opaque), (!readable, if readable { 0 } else { 3 }), "{mode}");
    }
}

#[test]
fn an_unnamed_upload_begins_when_too_much_is_held() {
    let limits = egret_model::ProtocolLimits { ftp_unnamed_bytes: 4, ..Default::default() };
    let mut scene = Scene::with_limits(&limits);
    let control = login(&mut scene);
    say(&mut scene, control, "EPSV", "229 Entering (|||50001|)");
    let data = passive(&mut scene, 50_001);
    scene.client(data, "abc");
    scene.client(data, "def");
    say(&mut scene, control, "STOR in/q3.csv", "150 go");
    scene.client(data, "ghi");
    scene.close(data);
    let record = scene.end();
    assert_eq!(told(&record), [("STOR", "abcdefghi".to_owned(), true)]);
    assert_eq!(files(&record)[0].start.filename.as_deref(), Some("q3.csv"));
}

#[test]
fn behind_auth_tls_nothing_is_read_as_ftp() {
    let mut scene = Scene::new();
    let control = scene.tcp(21);
    scene.server(control, "220 FTP\r\n");
    say(&mut scene, control, "AUTH TLS", "234 go");
    scene.client(control, "\x16\x03\x01\x00\x02USER alice\r\nPASS secret\r\n");
    scene.server(control, "230 in\r\n");
    scene.close(control);
    assert_eq!(scene.end().sightings, []);
}

proptest! {
    #[test]
    fn cuts_change_nothing(cuts in proptest::collection::vec(1usize..12, 1..6)) {
        let mut scene = Scene::new();
        let control = scene.tcp(21);
        let mut cuts = cuts.into_iter().cycle();
        let turns = [
            (false, "220-hello\r\n220 ftp.dropfile.example FTP ready\r\n"),
            (true, "USER alice\r\n"), (false, "331 ?\r\n"), (true, "PASS secret\r\n"), (false, "230 in\r\n"),
            (true, "PWD\r\nTYPE I\r\nEPSV\r\n"), (false, "257 \"/in\" here\r\n200 OK\r\n229 Entering (|||50001|)\r\n"),
            (true, "STOR q3.csv\r\n"), (false, "150 go\r\n"),
        ];
        for (client, text) in turns {
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                if client { scene.client(control, piece) } else { scene.server(control, piece) }
                rest = behind;
            }
        }
        let data = passive(&mut scene, 50_001);
        for piece in "some content".as_bytes().chunks(cuts.next().unwrap_or(1)) {
            scene.client(data, piece);
        }
        scene.close(data);
        scene.close(control);
        let record = scene.end();
        prop_assert_eq!(told(&record), [("STOR q3.csv", "some content".to_owned(), true)]);
        prop_assert_eq!(files(&record)[0].start.user.as_deref(), Some("alice"));
    }

    #[test]
    fn anything_ends_what_it_begins(
        steps in proptest::collection::vec((0usize..4, any::<bool>(), prop_oneof![
            Just("220 FTP\r\n"), Just("USER a\r\n"), Just("230 in\r\n"), Just("EPSV\r\n"), Just("229 (|||50001|)\r\n"),
            Just("STOR a\r\n"), Just("APPE a\r\n"), Just("RETR a\r\n"), Just("REST 3\r\n"), Just("550 no\r\n"),
            Just("226 OK\r\n"), Just("MODE B\r\n"), Just("200 OK\r\n"), Just("AUTH TLS\r\n"), Just("234 go\r\n"),
        ]), 0..40),
    ) {
        let mut scene = Scene::new();
        let control = scene.tcp(21);
        let mut data = passive(&mut scene, 50_001);
        for (kind, side, text) in steps {
            match kind {
                0 if side => scene.client(data, text),
                0 => scene.gap(data, Side::Initiator, 3),
                1 if side => {
                    scene.close(data);
                    data = passive(&mut scene, 50_001);
                }
                1 => scene.gap(control, Side::Responder, 3),
                _ if text.as_bytes()[0].is_ascii_digit() => scene.server(control, text),
                _ => scene.client(control, text),
            }
        }
        scene.close(data);
        scene.close(control);
        scene.end();
    }
}
