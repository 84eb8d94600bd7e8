//! Registrations.

use crate::testing::Scene;
use egret_model::FlowKind;

fn told(answer: &str) -> Vec<(String, bool)> {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "10.0.0.1:5060", "192.0.2.1:5060");
    let register = "REGISTER sip:x SIP/2.0\r\nCall-ID: 1@a\r\nCSeq: 2 REGISTER\r\n\
        Authorization: Digest realm=\"x\", username=\"alice\", response=\"0\"\r\n\r\n";
    scene.client(flow, register);
    scene.server(flow, format!("SIP/2.0 {answer}\r\ni: 1@a\r\nCSeq: 2 REGISTER\r\n\r\n"));
    scene.cut(flow);
    scene.end().sightings.into_iter().map(|s| (s.user.unwrap_or_default(), s.confirmed)).collect()
}

#[test]
fn an_accepted_registration_names_its_user() {
    assert_eq!(told("200 OK"), [("alice".to_owned(), true)]);
    assert_eq!(told("403 Forbidden"), []);
    assert_eq!(told("100 Trying"), [("alice".to_owned(), false)]);
}
