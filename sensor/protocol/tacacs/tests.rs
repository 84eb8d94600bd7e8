//! Sessions with and without obfuscation.

use crate::testing::Scene;

fn packet(kind: u8, number: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0, kind, number, flags, 0, 0, 0, 9][..], &length, body].concat()
}

fn start(user: &str, address: &str) -> Vec<u8> {
    let lengths = [user.len(), 4, address.len(), 0].map(|length| u8::try_from(length).unwrap());
    [&[1, 1, 1, 1][..], &lengths, user.as_bytes(), b"tty1", address.as_bytes()].concat()
}

fn told(exchange: &[(bool, Vec<u8>)], step: usize) -> Vec<(String, String, bool, bool)> {
    let mut scene = Scene::new();
    let flow = scene.tcp(49);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    let seen = scene.end().sightings.into_iter();
    seen.map(|s| (s.user.unwrap(), s.ip.unwrap().to_string(), s.confirmed, s.until.is_some())).collect()
}

#[test]
fn administrators_are_where_they_come_from() {
    let asked = || (true, packet(1, 1, 1, &start("alice", "10.0.0.7")));
    let answer = |status: u8| (false, packet(1, 2, 1, &[status, 0, 0, 0, 0, 0]));
    let alice = |confirmed| ("alice".to_owned(), "10.0.0.7".to_owned(), confirmed, false);
    for step in [1, 7, 1000] {
        assert_eq!(told(&[asked(), answer(1)], step), [alice(true)], "in pieces of {step}");
    }
    // A password is asked for first.
    assert_eq!(
        told(&[asked(), answer(5), (true, packet(1, 3, 1, b"\0\x02\0\0\0pw")), answer(1)], 9),
        [alice(true)]
    );
    assert_eq!(told(&[asked(), answer(2)], 100), []);
    assert_eq!(told(&[asked()], 100), [alice(false)]);
    // A console, and what only the devices can read.
    assert_eq!(told(&[(true, packet(1, 1, 1, &start("alice", "async"))), answer(1)], 100), []);
    assert_eq!(told(&[(true, packet(1, 1, 0, &start("alice", "10.0.0.7"))), answer(1)], 100), []);
}

#[test]
fn accounting_tells_who_has_gone() {
    let record = |flags: u8| [&[flags, 6, 1, 1, 1, 5, 4, 8, 0][..], b"alice", b"tty1", b"10.0.0.7"].concat();
    let exchange = [(true, packet(3, 1, 1, &record(2))), (true, packet(3, 1, 1, &record(4)))];
    let alice = |gone| ("alice".to_owned(), "10.0.0.7".to_owned(), true, gone);
    assert_eq!(told(&exchange, 11), [alice(false), alice(true)]);
}
