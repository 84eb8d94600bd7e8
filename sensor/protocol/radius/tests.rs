//! Exchanges of RADIUS as access servers have them.

use crate::testing::Scene;
use egret_model::{Evidence, FlowKind, Sighting};

fn message(code: u8, identifier: u8, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = attributes
        .iter()
        .flat_map(|(kind, value)| [&[*kind, u8::try_from(value.len() + 2).unwrap()], *value].concat())
        .collect();
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    [&[code, identifier][..], &length, &[7; 16], &body].concat()
}

fn sightings(messages: &[(bool, Vec<u8>)]) -> Vec<Sighting> {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "10.0.0.5:40000", "10.0.0.2:1813");
    for (client, message) in messages {
        if *client { scene.client(flow, message) } else { scene.server(flow, message) }
    }
    scene.cut(flow);
    scene.end().sightings
}

#[test]
fn an_accepted_user_has_the_address_that_was_given() {
    let seen = sightings(&[
        (true, message(1, 9, &[(1, b"alice@corp.example"), (31, b"02-00-5E-10-00-01")])),
        (false, message(2, 9, &[(8, &[10, 0, 7, 1])])),
    ]);
    let [seen] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((seen.user.as_deref(), seen.domain.as_deref()), (Some("alice"), Some("corp.example")));
    assert_eq!(seen.ip, Some([10, 0, 7, 1].into()));
    assert_eq!(seen.mac.map(|mac| mac.to_string()).as_deref(), Some("02:00:5e:10:00:01"));
    assert!(seen.confirmed && seen.evidence == Evidence::Radius);
}

#[test]
fn a_refused_user_is_not_told() {
    let asked = message(1, 1, &[(1, b"mallory")]);
    assert!(sightings(&[(true, asked.clone()), (false, message(3, 1, &[(18, b"no")]))]).is_empty());
    let seen = sightings(&[(true, asked)]);
    assert!(seen.len() == 1 && !seen[0].confirmed && seen[0].ip.is_none());
}

#[test]
fn a_log_in_in_several_steps_is_told_once() {
    let asked = |identifier| (true, message(1, identifier, &[(1, b"alice")]));
    let more = |identifier| (false, message(11, identifier, &[(24, b"state")]));
    let seen =
        sightings(&[asked(1), more(1), asked(2), more(2), asked(3), (false, message(2, 3, &[(18, b"ok")]))]);
    assert!(seen.len() == 1 && seen[0].confirmed);
    assert!(sightings(&[asked(1), more(1), asked(2), (false, message(3, 2, &[(18, b"no")]))]).is_empty());
    let seen = sightings(&[asked(1), more(1)]);
    assert!(seen.len() == 1 && !seen[0].confirmed);
}

#[test]
fn an_answer_without_its_request_still_names_its_user() {
    let told = |messages: &[(bool, Vec<u8>)]| -> Vec<(Option<String>, bool)> {
        sightings(messages).into_iter().map(|seen| (seen.user, seen.confirmed)).collect()
    };
    let alice: &[(u8, &[u8])] = &[(1, b"alice")];
    assert_eq!(told(&[(false, message(2, 7, alice))]), [(Some("alice".into()), true)]);
    assert_eq!(told(&[(false, message(11, 7, alice))]), [(Some("alice".into()), false)]);
    assert_eq!(told(&[(false, message(5, 7, alice))]), [(Some("alice".into()), false)]);
    assert_eq!(told(&[(false, message(3, 7, alice))]), []);
    assert_eq!(told(&[(false, message(11, 7, alice)), (false, message(3, 8, alice))]), []);
}

#[test]
fn an_identity_that_was_only_given_is_a_claim() {
    let eap = b"\x02\x01\0\x0a\x01alice";
    let seen = sightings(&[(true, message(1, 1, &[(79, eap)])), (false, message(2, 1, &[(18, b"ok")]))]);
    assert!(seen.len() == 1 && seen[0].user.as_deref() == Some("alice") && !seen[0].confirmed, "{seen:?}");
}

#[test]
fn a_damaged_name_is_a_claim() {
    let seen =
        sightings(&[(true, message(1, 9, &[(1, b"al\xffice")])), (false, message(2, 9, &[(18, b"ok")]))]);
    assert!(seen.len() == 1 && !seen[0].confirmed && seen[0].user.as_deref() == Some("al\u{fffd}ice"));
    // The server knows how its user is spelt.
    let seen =
        sightings(&[(true, message(1, 9, &[(1, b"al\xffice")])), (false, message(2, 9, &[(1, b"alice")]))]);
    assert!(seen.len() == 1 && seen[0].confirmed && seen[0].user.as_deref() == Some("alice"));
}

#[test]
fn accounting_tells_from_start_to_stop() {
    let report = |identifier: u8, status: u8| {
        message(4, identifier, &[(40, &[0, 0, 0, status]), (1, b"bob"), (8, &[10, 0, 7, 2])])
    };
    let answer = |identifier| message(5, identifier, &[]);
    let seen = sightings(&[
        (true, report(1, 1)),
        // The same again, since the answer was slow.
        (true, report(1, 1)),
        (false, answer(1)),
        (true, report(2, 2)),
        (false, answer(2)),
    ]);
    let told: Vec<_> = seen.iter().map(|s| (s.user.as_deref(), s.confirmed, s.until.is_some())).collect();
    assert_eq!(told, [(Some("bob"), true, false), (Some("bob"), true, true)]);
}

#[test]
fn addresses_left_to_others_are_none() {
    let seen = sightings(&[
        (true, message(4, 1, &[(1, b"bob"), (8, &[255, 255, 255, 254])])),
        (false, message(5, 1, &[])),
    ]);
    assert!(seen.len() == 1 && seen[0].ip.is_none());
}
