//! Log-ins to Microsoft SQL Server and Sybase.

use crate::ntlm::samples;
use crate::testing::Scene;
use egret_model::Evidence;
use proptest::prelude::*;

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1], &length[..], &[0, 0, 1, 0], body].concat()
}

fn negotiation() -> Vec<u8> {
    packet(0x12, &[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 9, 0, 0, 0, 0, 0, 2])
}

fn log_in(host: &str, user: &str) -> Vec<u8> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (wide_host, wide_user) = (wide(host), wide(user));
    let mut offset = 94_u16;
    let mut places = Vec::new();
    for text in [host, user, "secret"] {
        let characters = u16::try_from(text.encode_utf16().count()).unwrap();
        places.extend([offset.to_le_bytes(), characters.to_le_bytes()].concat());
        offset += characters * 2;
    }
    let texts = [wide_host, wide_user, wide("secret")].concat();
    let length = u32::try_from(94 + texts.len()).unwrap().to_le_bytes();
    let mut body = [&length[..], &[4, 0, 0, 0x74], &[0; 28], &places].concat();
    body.resize(94, 0);
    packet(0x10, &[body, texts].concat())
}

fn token(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(content.len()).unwrap().to_le_bytes(), content].concat()
}

/// Who is named, and whether as proved, of a dialogue of client and server cut into steps.
fn told(dialogue: &[(bool, Vec<u8>)], step: usize) -> Vec<(String, Option<String>, bool, Evidence)> {
    let mut scene = Scene::new();
    let flow = scene.tcp(1433);
    scene.dialogue(flow, dialogue, step);
    scene.close(flow);
    let seen = scene.end().sightings;
    seen.into_iter().map(|s| (s.user.unwrap(), s.host, s.confirmed, s.evidence)).collect()
}

#[test]
fn log_ins_name_user_and_computer() {
    let granted = packet(
        4,
        &[token(0xe3, &[1, 0, 0]), token(0xab, &[0; 9]), token(0xad, &[1, 0x74, 0, 0, 4])].concat(),
    );
    let refused = packet(4, &token(0xaa, &[0; 12]));
    let statement = packet(1, b"s\0e\0l\0e\0c\0t\0");
    let old_field = |text: &str| {
        let mut field = text.as_bytes().to_vec();
        field.resize(30, 0);
        field.push(u8::try_from(text.len()).unwrap());
        field
    };
    let old =
        packet(2, &[old_field("ALICE-LT"), old_field("alice"), old_field("secret"), vec![0; 400]].concat());
    let old_granted = packet(4, &token(0xad, &[5, 5, 0, 0, 0]));
    let old_refused = packet(4, &token(0xad, &[6, 5, 0, 0, 0]));
    let alice = |confirmed| {
        vec![("alice".to_owned(), Some("ALICE-LT".to_owned()), confirmed, Evidence::DatabaseLogin)]
    };
    let asks = || (true, log_in("ALICE-LT", "alice"));
    for (what, dialogue, expected) in [
        (
            "granted",
            vec![(true, negotiation()), (false, negotiation()), asks(), (false, granted.clone())],
            alice(true),
        ),
        ("without negotiation", vec![asks(), (false, granted.clone())], alice(true)),
        ("refused", vec![asks(), (false, refused)], vec![]),
        ("unanswered", vec![asks()], alice(false)),
        ("answer lost", vec![asks(), (true, statement)], alice(false)),
        ("TDS 5.0", vec![(true, old.clone()), (false, old_granted)], alice(true)),
        ("TDS 5.0, refused", vec![(true, old), (false, old_refused)], vec![]),
        (
            "encrypted",
            vec![(true, negotiation()), (false, negotiation()), (true, packet(0x12, &[22, 3, 1, 0, 9]))],
            vec![],
        ),
    ] {
        for step in [1, 7, 10_000] {
            assert_eq!(told(&dialogue, step), expected, "{what}, in pieces of {step}");
        }
    }
}

#[test]
fn windows_vouches_for_users() {
    let dialogue = [
        (true, log_in("ALICE-LT", "")),
        (false, packet(4, &token(0xed, b"NTLMSSP\0\x02\0\0\0"))),
        (true, packet(0x11, &samples::authenticate("alice", "CORP", "ALICE-LT"))),
        (false, packet(4, &token(0xad, &[1, 0x74, 0, 0, 4]))),
    ];
    let expected = vec![("alice".to_owned(), Some("ALICE-LT".to_owned()), true, Evidence::Ntlm)];
    assert_eq!(told(&dialogue, 10_000), expected);
}

#[test]
fn other_connections_are_not_taken() {
    for bytes in [
        &b"\x12\x01\0\x1a\0\0\x01\x09"[..],
        b"\x10\x01\x00\x20\0\0\0\0GET / HTTP/1.1\r\n",
        b"\x02\x01\x00\x0c\0\0\0\0abcd",
    ] {
        assert_eq!(told(&[(true, bytes.to_vec()), (false, packet(4, &token(0xad, &[1])))], 1000), vec![]);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..0x13_u8) {
        let packet = packet(kind, &bytes);
        let _ = super::parse::opens(&packet);
        let _ = super::parse::packet(&packet);
        let _ = told(&[(true, log_in("H", "u")), (false, packet.clone()), (true, packet)], 50);
    }
}
