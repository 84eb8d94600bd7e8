//! Binds as clients make them.

use super::account;
use crate::ntlm::samples;
use crate::testing::Scene;

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    if length < 0x80 { [&[tag, length], content].concat() } else { [&[tag, 0x81, length], content].concat() }
}

fn message(number: u8, operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&[2, 1, number], operation].concat())
}

fn bind(number: u8, name: &str, choice: &[u8]) -> Vec<u8> {
    let body = [&[2, 1, 3], element(4, name.as_bytes()).as_slice(), choice].concat();
    message(number, &element(0x60, &body))
}

fn simple(name: &str, password: &str) -> Vec<u8> {
    bind(1, name, &element(0x80, password.as_bytes()))
}

fn sasl(number: u8, mechanism: &str, credentials: &[u8]) -> Vec<u8> {
    let body = [element(4, mechanism.as_bytes()), element(4, credentials)].concat();
    bind(number, "", &element(0xa3, &body))
}

fn answer(number: u8, code: u8) -> Vec<u8> {
    message(number, &element(0x61, &[10, 1, code, 4, 0, 4, 0]))
}

type Told = (String, Option<String>, Option<String>, bool);

fn told(exchange: &[(bool, Vec<u8>)], step: usize) -> Vec<Told> {
    let mut scene = Scene::new();
    let flow = scene.tcp(389);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    let seen = scene.end();
    assert_eq!(seen.transfers.len(), 2, "one content a direction");
    seen.sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.domain, s.host, s.confirmed)).collect()
}

#[test]
fn a_simple_bind_names_its_user_once_it_succeeded() {
    let name = "CN=Alice Able,OU=Staff,DC=corp,DC=example";
    for step in [1, 7, 1000] {
        let good = [(true, simple(name, "secret")), (false, answer(1, 0))];
        assert_eq!(told(&good, step), [("Alice Able".to_owned(), None, None, true)], "in pieces of {step}");
    }
    assert_eq!(told(&[(true, simple(name, "wrong")), (false, answer(1, 49))], 100), []);
    assert_eq!(told(&[(true, simple(name, "")), (false, answer(1, 0))], 100), []);
}

#[test]
fn ntlm_within_a_bind_names_user_domain_and_computer() {
    let exchange = [
        (true, sasl(1, "GSS-SPNEGO", b"NTLMSSP\0\x01\0\0\0")),
        (false, answer(1, 14)),
        (true, sasl(2, "GSS-SPNEGO", &samples::authenticate("alice", "CORP", "LT"))),
        (false, answer(2, 0)),
    ];
    assert_eq!(told(&exchange, 9), [("alice".to_owned(), Some("CORP".into()), Some("LT".into()), true)]);
}

#[test]
fn ntlm_as_a_choice_of_its_own_is_read_too() {
    let negotiate = bind(1, "alice", &element(0x8a, b"NTLMSSP\0\x01\0\0\0"));
    let authenticate = bind(2, "alice", &element(0x8b, &samples::authenticate("alice", "CORP", "LT")));
    let exchange = [(true, negotiate), (false, answer(1, 0)), (true, authenticate), (false, answer(2, 0))];
    assert_eq!(told(&exchange, 50), [("alice".to_owned(), Some("CORP".into()), Some("LT".into()), true)]);
}

#[test]
fn names_of_binds() {
    for (name, expected) in [
        ("CORP\\alice", Some("alice")),
        ("alice@corp.example", Some("alice")),
        ("uid=alice,ou=people,dc=x", Some("alice")),
        ("cn=Able\\, Alice,dc=x", Some("Able, Alice")),
        ("ou=people,dc=x", None),
        ("", None),
    ] {
        assert_eq!(account(name).map(|account| account.user).as_deref(), expected, "{name}");
    }
}
