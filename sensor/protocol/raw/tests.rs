//! Raw content over real flows.

use crate::testing::Scene;
use egret_model::{FlowKind, Protocol, ProtocolLimits, Side};

#[test]
fn unknown_tcp_is_one_transfer_a_direction() {
    let mut scene = Scene::new();
    let flow = scene.tcp(9999);
    scene.client(flow, "name,card\n");
    scene.server(flow, [0; 4]);
    scene.client(flow, "alice,1\n");
    scene.gap(flow, Side::Responder, 7);
    scene.close(flow);
    let empty = scene.tcp(9999);
    scene.close(empty);
    let record = scene.end();
    let seen: Vec<_> = record
        .transfers
        .iter()
        .map(|t| {
            (t.start.protocol, t.start.operation.as_str(), t.start.from, &t.body[..], t.missing, t.ended)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Protocol::Tcp, "tcp 9999", Side::Initiator, &b"name,card\nalice,1\n"[..], 0, Some(true)),
            (Protocol::Tcp, "tcp 9999", Side::Responder, &[0; 4][..], 7, Some(false)),
        ]
    );
}

#[test]
fn a_flow_that_is_cut_off_is_not_complete() {
    let mut scene = Scene::new();
    let flow = scene.tcp(9999);
    scene.client(flow, "x\n");
    scene.cut(flow);
    assert_eq!(scene.end().transfers[0].ended, Some(false));
}

#[test]
fn an_answer_can_tell_what_the_question_did_not() {
    for cut in [1, 8, 1000] {
        let mut scene = Scene::new();
        let flow = scene.tcp(80);
        scene.client(flow, "GET/ HTTP/1.1\r\n\r\n");
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            .as_bytes()
            .chunks(cut)
            .for_each(|piece| scene.server(flow, piece));
        scene.close(flow);
        let record = scene.end();
        let seen: Vec<_> = record.transfers.iter().map(|t| (t.start.protocol, &t.body[..])).collect();
        assert_eq!(
            seen,
            [(Protocol::Tcp, &b"GET/ HTTP/1.1\r\n\r\n"[..]), (Protocol::Http, b"ok")],
            "in pieces of {cut}"
        );
    }
}

#[test]
fn an_answer_that_is_like_nothing_is_read_to_its_end() {
    let mut scene = Scene::new();
    let flow = scene.tcp(9999);
    scene.client(flow, [0, 1, 2]);
    scene.server(flow, "HTT");
    scene.close(flow);
    let record = scene.end();
    let seen: Vec<_> = record.transfers.iter().map(|t| (&t.body[..], t.ended)).collect();
    assert_eq!(seen, [(&[0, 1, 2][..], Some(true)), (b"HTT", Some(true))]);
}

/// Sends one line from a port of its own.
fn datagram(scene: &mut Scene, port: u16, line: &str) {
    let flow = scene.flow(FlowKind::Udp, &format!("10.0.0.1:{port}"), "192.0.2.1:9999");
    scene.client(flow, line);
    scene.cut(flow);
}

#[test]
fn datagrams_from_many_ports_are_one_content() {
    let mut scene = Scene::new();
    for port in 50_000..50_010 {
        datagram(&mut scene, port, "row\n");
        scene.pass(1);
    }
    let answer = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:9999");
    scene.server(answer, "thanks");
    scene.gap(answer, Side::Responder, 3);
    let echo = scene.flow(FlowKind::Icmp, "10.0.0.1:7", "192.0.2.1:7");
    scene.client(echo, "ping");
    let echo = scene.flow(FlowKind::Icmp, "10.0.0.1:8", "192.0.2.1:8");
    scene.client(echo, "pong");
    let record = scene.end();
    let seen: Vec<_> = record
        .transfers
        .iter()
        .map(|t| (t.start.protocol, t.start.operation.as_str(), t.start.from, &t.body[..], t.missing))
        .collect();
    assert_eq!(
        seen,
        [
            (Protocol::Udp, "udp 9999", Side::Initiator, &b"row\n".repeat(10)[..], 0),
            (Protocol::Udp, "udp 9999", Side::Responder, b"thanks", 3),
            (Protocol::Icmp, "echo", Side::Initiator, b"pingpong", 0),
        ]
    );
}

#[test]
fn silence_ends_a_group_and_so_does_age() {
    let mut scene = Scene::new();
    datagram(&mut scene, 50_000, "a");
    scene.pass(61);
    assert_eq!(scene.record.transfers[0].ended, Some(true));
    datagram(&mut scene, 50_001, "b");
    assert_eq!(scene.end().transfers.len(), 2);

    let mut scene =
        Scene::with_limits(&ProtocolLimits { datagram_group_ns: 100_000_000_000, ..Default::default() });
    for _ in 0..12 {
        datagram(&mut scene, 50_000, "a");
        scene.pass(10);
    }
    assert_eq!(scene.end().transfers.iter().map(|t| t.body.len()).collect::<Vec<_>>(), [10, 2]);
}

#[test]
fn groups_beyond_the_limit_end_the_others() {
    let mut scene = Scene::with_limits(&ProtocolLimits { datagram_groups: 2, ..Default::default() });
    for server in ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3"] {
        let flow = scene.flow(FlowKind::Udp, "10.0.0.1:5", server);
        scene.client(flow, "x");
    }
    let ended: Vec<_> = scene.record.transfers.iter().map(|t| t.ended).collect();
    assert_eq!(ended, [Some(true), Some(true), None]);
    scene.end();
}
