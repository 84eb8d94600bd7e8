//! Session set-ups of both dialects.

use crate::ntlm::samples;
use crate::testing::Scene;
use egret_model::{Protocol, Side};

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn smb2(command: u8, status: u32, response: bool, body: &[u8]) -> Vec<u8> {
    let mut head =
        [b"\xfeSMB".as_slice(), &[64, 0, 0, 0], &status.to_le_bytes(), &[command, 0, 1, 0]].concat();
    head.extend_from_slice(&u32::from(response).to_le_bytes());
    head.resize(64, 0);
    framed(&[&head, body].concat())
}

fn smb1(status: u32, reply: bool, body: &[u8]) -> Vec<u8> {
    let mut head =
        [b"\xffSMB\x73".as_slice(), &status.to_le_bytes(), &[if reply { 0x98 } else { 0x18 }]].concat();
    head.extend_from_slice(&0x8000_u16.to_le_bytes());
    head.resize(32, 0);
    framed(&[&head, body].concat())
}

fn told(exchange: &[(bool, Vec<u8>)], step: usize) -> Vec<(String, Option<String>, Option<String>, bool)> {
    let mut scene = Scene::new();
    let flow = scene.tcp(445);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    let seen = scene.end();
    assert!(seen.transfers.iter().all(|transfer| transfer.start.protocol == Protocol::Smb));
    let sent: usize =
        seen.transfers.iter().filter(|t| t.start.from == Side::Initiator).map(|t| t.body.len()).sum();
    assert_eq!(
        sent,
        exchange.iter().filter(|(client, _)| *client).map(|(_, bytes)| bytes.len()).sum::<usize>()
    );
    seen.sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.domain, s.host, s.confirmed)).collect()
}

#[test]
fn a_session_names_its_user_once_it_is_granted() {
    const MORE: u32 = 0xc000_0016;
    let alice = samples::authenticate("alice", "CORP", "ALICE-LT");
    let exchange = [
        (true, smb2(0, 0, false, &[0; 300])),
        (true, smb2(1, 0, false, b"NTLMSSP\0\x01\0\0\0")),
        (false, smb2(1, MORE, true, b"NTLMSSP\0\x02\0\0\0")),
        (true, smb2(1, 0, false, &alice)),
        (false, smb2(1, 0, true, &[])),
        (true, smb2(9, 0, false, &[7; 5000])),
    ];
    let expected = ("alice".to_owned(), Some("CORP".into()), Some("ALICE-LT".into()), true);
    for step in [1, 50, 100_000] {
        assert_eq!(told(&exchange, step), std::slice::from_ref(&expected), "in pieces of {step}");
    }
    let refused = [(true, smb2(1, 0, false, &alice)), (false, smb2(1, 0xc000_006d, true, &[]))];
    assert_eq!(told(&refused, 100), []);
}

#[test]
fn the_old_dialect_names_users_in_the_open() {
    let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut words = vec![13, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 24, 0];
    words.extend([0; 8]);
    let bytes = [vec![0; 48], vec![0], wide("bob"), wide("CORP")].concat();
    words.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
    let setup = smb1(0, false, &[words, bytes].concat());
    let exchange = [(true, setup), (false, smb1(0, true, &[0; 3]))];
    assert_eq!(told(&exchange, 10), [("bob".to_owned(), Some("CORP".into()), None, true)]);
}
