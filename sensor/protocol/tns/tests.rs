//! Connection requests to Oracle databases.

use crate::testing::Scene;
use proptest::prelude::*;

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&length[..], &[0, 0, kind, 0, 0, 0], body].concat()
}

fn request(description: &str) -> Vec<u8> {
    let mut body = vec![0x01, 0x3a, 0x01, 0x2c, 0, 0, 8, 0, 0x7f, 0xff];
    body.resize(50, 0);
    packet(1, &[&body, description.as_bytes()].concat())
}

fn description(identity: &str) -> String {
    format!(
        "(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=orcl)(CID={identity}))(ADDRESS=(PROTOCOL=TCP)(HOST=10.0.0.9)(PORT=1521)))"
    )
}

fn told(dialogue: &[(bool, Vec<u8>)], step: usize) -> Vec<(String, Option<String>, bool)> {
    let mut scene = Scene::new();
    let flow = scene.tcp(1521);
    scene.dialogue(flow, dialogue, step);
    scene.close(flow);
    scene.end().sightings.into_iter().map(|s| (s.user.unwrap(), s.host, s.confirmed)).collect()
}

#[test]
fn the_request_tells_user_and_computer() {
    let alice = |host: Option<&str>| vec![("alice".to_owned(), host.map(str::to_owned), false)];
    for (identity, expected) in [
        ("(PROGRAM=sqlplus@lt)(HOST=alice-lt)(USER=alice)", alice(Some("alice-lt"))),
        ("(PROGRAM=C:\\app (x86)\\toad.exe)(HOST=CORP\\ALICE-LT)(USER=alice)", alice(Some("ALICE-LT"))),
        ("(PROGRAM=x)(HOST=10.0.0.9)(USER=alice)", alice(None)),
        ("(program=x)(host=__jdbc__)(user=alice)", alice(None)),
        ("(PROGRAM=x)(HOST=h)(USER=)", vec![]),
        ("(PROGRAM=x)(HOST=h)", vec![]),
    ] {
        let whole = request(&description(identity));
        let again = [
            (true, whole.clone()),
            (false, packet(11, &[])),
            (true, whole.clone()),
            (false, packet(2, &[0; 24])),
        ];
        for step in [1, 9, 10_000] {
            assert_eq!(told(&again, step), expected, "{identity} in pieces of {step}");
        }
        let apart =
            [(true, request("")), (true, packet(6, &[b"\0\0", description(identity).as_bytes()].concat()))];
        assert_eq!(told(&apart, 10_000), expected, "{identity} in a packet of its own");
    }
}

#[test]
fn other_connections_are_not_taken() {
    let like = [&[0, 60, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9][..], description("(USER=alice)").as_bytes()].concat();
    assert_eq!(told(&[(true, like)], 10_000), vec![]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(prop::sample::select(b"()=CIDUSERHOST\0x".to_vec()), 0..200)) {
        let _ = super::client(&bytes);
        let _ = told(&[(true, [request(""), packet(6, &bytes)].concat())], 50);
    }
}
