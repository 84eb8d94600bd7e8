//! Exchanges with a key distribution centre, as short as the standard allows.

use crate::testing::Scene;
use egret_model::{FlowKind, Timestamp};

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    if length < 0x80 { [&[tag, length], content].concat() } else { [&[tag, 0x81, length], content].concat() }
}

fn integer(tag: u8, value: u8) -> Vec<u8> {
    element(tag, &[2, 1, value])
}

fn principal(tag: u8, name: &str) -> Vec<u8> {
    let names = element(0x30, &element(0x1b, name.as_bytes()));
    element(tag, &element(0x30, &[integer(0xa0, 1), element(0xa1, &names)].concat()))
}

fn realm(tag: u8) -> Vec<u8> {
    element(tag, &element(0x1b, b"CORP"))
}

fn sealed(tag: u8) -> Vec<u8> {
    element(tag, &element(0x30, &[integer(0xa0, 18), element(0xa2, &element(4, b"x"))].concat()))
}

fn request(user: &str, till: &str) -> Vec<u8> {
    let body = [
        element(0xa0, &[3, 5, 0, 0, 0, 0, 0]),
        principal(0xa1, user),
        realm(0xa2),
        principal(0xa3, "krbtgt"),
        element(0xa5, &element(0x18, till.as_bytes())),
        integer(0xa7, 1),
        element(0xa8, &element(0x30, &[2, 1, 18])),
        element(
            0xa9,
            &element(
                0x30,
                &element(0x30, &[integer(0xa0, 20), element(0xa1, &element(4, b"ALICE-LT       "))].concat()),
            ),
        ),
    ]
    .concat();
    element(
        0x6a,
        &element(0x30, &[integer(0xa1, 5), integer(0xa2, 10), element(0xa4, &element(0x30, &body))].concat()),
    )
}

fn reply(tag: u8, user: &str) -> Vec<u8> {
    let ticket = [integer(0xa0, 5), realm(0xa1), principal(0xa2, "krbtgt"), sealed(0xa3)].concat();
    let body = [
        integer(0xa0, 5),
        integer(0xa1, if tag == 0x6b { 11 } else { 13 }),
        realm(0xa3),
        principal(0xa4, user),
        element(0xa5, &element(0x61, &element(0x30, &ticket))),
        sealed(0xa6),
    ]
    .concat();
    element(tag, &element(0x30, &body))
}

fn error() -> Vec<u8> {
    element(0x7e, &element(0x30, &[integer(0xa0, 5), integer(0xa1, 30), integer(0xa6, 25)].concat()))
}

type Told = (String, Option<String>, Option<Timestamp>, bool);

fn told(kind: FlowKind, exchange: &[(bool, Vec<u8>)], step: usize) -> Vec<Told> {
    let mut scene = Scene::new();
    let flow = scene.flow(kind, "10.0.0.1:40000", "10.0.0.2:88");
    if kind == FlowKind::Udp {
        scene.dialogue(flow, exchange, usize::MAX);
    } else {
        let framed =
            |message: &Vec<u8>| [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat();
        let framed: Vec<_> = exchange.iter().map(|(client, message)| (*client, framed(message))).collect();
        scene.dialogue(flow, &framed, step);
    }
    scene.close(flow);
    let seen = scene.end().sightings;
    assert!(seen.iter().all(|sighting| sighting.ip == Some([10, 0, 0, 1].into())));
    seen.into_iter().map(|s| (s.user.unwrap_or_default(), s.host, s.until, s.confirmed)).collect()
}

#[test]
fn a_granted_ticket_names_its_client_until_it_ends() {
    let exchange = [
        (true, request("alice", "19700101100000Z")),
        (false, error()),
        (true, request("alice", "19700101100000Z")),
        (false, reply(0x6b, "alice")),
        (false, reply(0x6d, "alice")),
        (false, reply(0x6d, "alice")),
    ];
    let until = Some(Timestamp::from_seconds(36_000));
    let expected = [
        ("alice".to_owned(), Some("ALICE-LT".to_owned()), until, true),
        ("alice".to_owned(), None, None, true),
    ];
    assert_eq!(told(FlowKind::Udp, &exchange, 1), expected);
    for step in [1, 33, 10_000] {
        assert_eq!(told(FlowKind::Tcp, &exchange, step), expected, "in pieces of {step}");
    }
}

#[test]
fn a_refused_request_is_no_evidence() {
    assert_eq!(told(FlowKind::Udp, &[(true, request("alice", "20370913024805Z")), (false, error())], 1), []);
    let unanswered = told(FlowKind::Udp, &[(true, request("alice", "20370913024805Z"))], 1);
    assert_eq!(unanswered, [("alice".to_owned(), Some("ALICE-LT".to_owned()), None, false)]);
}
