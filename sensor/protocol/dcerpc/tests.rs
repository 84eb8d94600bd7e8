//! Bindings with NTLM.

use crate::ntlm::samples;
use crate::testing::Scene;

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(16 + body.len()).unwrap().to_le_bytes();
    [&[5, 0, kind, 3, 0x10, 0, 0, 0][..], &length, &[0; 6], body].concat()
}

fn told(exchange: &[(bool, Vec<u8>)], step: usize) -> Vec<(String, bool)> {
    let mut scene = Scene::new();
    let flow = scene.tcp(135);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    scene.end().sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.confirmed)).collect()
}

#[test]
fn a_call_that_is_answered_proves_the_log_in() {
    let bind = packet(11, b"NTLMSSP\0\x01\0\0\0");
    let auth = packet(16, &samples::authenticate("alice", "CORP", "LT"));
    let start = [
        (true, bind),
        (false, packet(12, b"NTLMSSP\0\x02\0\0\0")),
        (true, auth),
        (true, packet(0, &[1; 40])),
    ];
    for step in [1, 11, 1000] {
        let good = [&start[..], &[(false, packet(2, &[0; 30]))]].concat();
        assert_eq!(told(&good, step), [("alice".to_owned(), true)], "in pieces of {step}");
    }
    let bad = [&start[..], &[(false, packet(3, &[0; 8]))]].concat();
    assert_eq!(told(&bad, 100), []);
    assert_eq!(told(&start, 100), [("alice".to_owned(), false)]);
}
