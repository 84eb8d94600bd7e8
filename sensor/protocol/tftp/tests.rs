//! Files over real flows.

use crate::testing::{Record, Scene};
use egret_model::{FlowKind, Protocol, Side};
use proptest::prelude::*;

const CLIENT: &str = "10.0.0.1:50000";

/// A request to port 69.
fn request(scene: &mut Scene, text: &str) -> usize {
    let flow = scene.flow(FlowKind::Udp, CLIENT, "192.0.2.1:69");
    scene.client(flow, text);
    flow
}

/// The flow that the server opens.
fn answer(scene: &mut Scene, port: u16) -> usize {
    scene.flow(FlowKind::Udp, &format!("192.0.2.1:{port}"), CLIENT)
}

fn data(block: u16, content: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0, 3][..], &block.to_be_bytes(), content.as_ref()].concat()
}

fn acknowledge(block: u16) -> Vec<u8> {
    [&[0, 4][..], &block.to_be_bytes()].concat()
}

/// Operation, body, missing bytes and completeness.
fn told(record: &Record) -> Vec<(String, String, u64, bool)> {
    let transfers = record.transfers.iter();
    transfers
        .map(|t| {
            let body = String::from_utf8_lossy(&t.body).into_owned();
            (t.start.operation.clone(), body, t.missing, t.ended == Some(true))
        })
        .collect()
}

fn one(operation: &str, body: &str, missing: u64, complete: bool) -> (String, String, u64, bool) {
    (operation.to_owned(), body.to_owned(), missing, complete)
}

#[test]
fn an_upload_goes_to_a_port_of_the_servers_choice() {
    let mut scene = Scene::new();
    request(&mut scene, "\0\x02d/q3.csv\0octet\0tsize\x0010\0blksize\x008\0");
    let flow = answer(&mut scene, 40_000);
    scene.client(flow, "\0\x06tsize\x0010\0blksize\x008\0");
    scene.server(flow, data(1, "01234567"));
    scene.client(flow, acknowledge(1));
    scene.server(flow, data(1, "01234567"));
    scene.server(flow, data(2, "89"));
    assert_eq!(scene.record.transfers[0].ended, None);
    scene.client(flow, acknowledge(2));
    let [transfer] = &scene.record.transfers[..] else { panic!("{:?}", scene.record) };
    assert_eq!((&transfer.body[..], transfer.ended), (&b"0123456789"[..], Some(true)));
    let start = &transfer.start;
    assert_eq!((start.protocol, start.operation.as_str()), (Protocol::Tftp, "WRQ d/q3.csv"));
    assert_eq!(start.filename.as_deref(), Some("q3.csv"));
    assert_eq!((start.from, start.server), (Side::Responder, Side::Initiator));
    assert_eq!(start.sender.ip.to_string(), "10.0.0.1");
    scene.close(flow);
    scene.end();
}

#[test]
fn a_download_and_an_upload_whose_first_answer_was_lost() {
    let mut scene = Scene::new();
    request(&mut scene, "\0\x01q3.csv\0octet\0");
    let flow = answer(&mut scene, 40_000);
    scene.server(flow, acknowledge(0));
    scene.client(flow, data(1, "content"));
    scene.close(flow);
    request(&mut scene, "\0\x02q3.csv\0octet\0blksize\x001024\0");
    let flow = scene.flow(FlowKind::Udp, CLIENT, "192.0.2.1:40001");
    scene.client(flow, data(1, "x".repeat(1024)));
    scene.client(flow, data(2, ""));
    scene.close(flow);
    let record = scene.end();
    assert_eq!(
        told(&record),
        [one("RRQ q3.csv", "content", 0, true), one("WRQ q3.csv", &"x".repeat(1024), 0, true)]
    );
    assert_eq!(
        (record.transfers[0].start.from, record.transfers[0].start.server),
        (Side::Initiator, Side::Initiator)
    );
    assert_eq!(
        (record.transfers[1].start.from, record.transfers[1].start.server),
        (Side::Initiator, Side::Responder)
    );
}

#[test]
fn blocks_that_are_missing_are_gaps() {
    let full = "x".repeat(512);
    type Step<'a> = (u16, &'a str, u64);
    // Blocks with what was cut off of each; body, missing bytes, completeness.
    let cases: &[(&[Step<'_>], &str, u64, bool)] = &[
        (&[(1, "ab", 0)], "ab", 0, true),
        (&[(1, "", 0)], "", 0, true),
        (&[(1, &full, 0)], &full, 488, false),
        (&[(2, "ab", 0)], "ab", 512, false),
        (&[(1, "ab", 510), (2, "cd", 0)], "abcd", 510, false),
        (&[(1, "ab", 100)], "ab", 100, false),
    ];
    for (steps, body, missing, complete) in cases {
        let mut scene = Scene::new();
        request(&mut scene, "\0\x02a\0octet\0tsize\x001000\0");
        let flow = answer(&mut scene, 40_000);
        scene.client(flow, acknowledge(0));
        for (block, content, cut) in *steps {
            scene.server(flow, data(*block, content));
            if *cut > 0 {
                scene.gap(flow, Side::Responder, *cut);
            }
            scene.client(flow, acknowledge(*block));
        }
        scene.close(flow);
        assert_eq!(told(&scene.end()), [one("WRQ a", body, *missing, *complete)], "{steps:?}");
    }
}

#[test]
fn block_numbers_begin_again() {
    for first in [0, 1] {
        let mut scene = Scene::new();
        request(&mut scene, "\0\x02a\0octet\0blksize\x008\0");
        let flow = answer(&mut scene, 40_000);
        scene.client(flow, "\0\x06blksize\x008\0");
        for block in (1..=u16::MAX).chain([first]) {
            scene.server(flow, data(block, "12345678"));
            scene.client(flow, acknowledge(block));
        }
        scene.server(flow, data(first + 1, "end"));
        scene.close(flow);
        let record = scene.end();
        let file = &record.transfers[0];
        assert_eq!((file.body.len(), file.missing, file.ended), (65536 * 8 + 3, 0, Some(true)), "{first}");
        assert_eq!(record.transfers.len(), 1);
    }
}

#[test]
fn text_is_told_as_the_host_stores_it() {
    let mut scene = Scene::new();
    request(&mut scene, "\0\x02a\0netascii\0blksize\x008\0");
    let flow = answer(&mut scene, 40_000);
    scene.client(flow, "\0\x06blksize\x008\0");
    scene.server(flow, data(1, "abcdefg\r"));
    scene.server(flow, data(2, "\nh\r\0i\r"));
    scene.close(flow);
    assert_eq!(told(&scene.end()), [one("WRQ a", "abcdefg\nh\ri\r", 0, true)]);
}

#[test]
fn an_error_is_the_end() {
    let mut scene = Scene::new();
    let asked = request(&mut scene, "\0\x02a\0octet\0");
    scene.server(asked, "\0\x05\0\x02no\0");
    request(&mut scene, "\0\x02b\0octet\0");
    let flow = answer(&mut scene, 40_000);
    scene.client(flow, acknowledge(0));
    scene.server(flow, data(1, "x".repeat(512)));
    scene.client(flow, "\0\x05\0\x03disk full\0");
    assert_eq!(told(&scene.record), [one("WRQ b", &"x".repeat(512), 0, false)]);
    scene.end();
}

#[test]
fn a_server_may_stay_at_its_port_or_use_another_one_again() {
    let mut scene = Scene::new();
    let flow = request(&mut scene, "\0\x02a\0octet\0");
    for (name, content) in [("a", "one"), ("b", "two")] {
        scene.client(flow, format!("\0\x02{name}\0octet\0"));
        scene.server(flow, acknowledge(0));
        scene.client(flow, data(1, content));
        scene.server(flow, acknowledge(1));
    }
    let other = answer(&mut scene, 40_000);
    for (name, content) in [("c", "three"), ("d", "four")] {
        scene.client(flow, format!("\0\x02{name}\0octet\0"));
        scene.client(other, acknowledge(0));
        scene.server(other, data(1, content));
        scene.client(other, acknowledge(1));
    }
    assert_eq!(
        told(&scene.record),
        [
            one("WRQ a", "one", 0, true),
            one("WRQ b", "two", 0, true),
            one("WRQ c", "three", 0, true),
            one("WRQ d", "four", 0, true)
        ]
    );
    scene.end();
}

#[test]
fn nothing_hides_in_an_exchange() {
    let mut scene = Scene::new();
    let asked = request(&mut scene, "\0\x02a\0octet\0");
    scene.client(asked, "name,card");
    let unrelated = scene.flow(FlowKind::Udp, CLIENT, "192.0.2.1:7777");
    scene.client(unrelated, "alice,1");
    let flow = answer(&mut scene, 40_000);
    scene.client(flow, acknowledge(0));
    scene.server(flow, data(1, "done"));
    scene.server(flow, data(2, "more"));
    scene.client(flow, data(1, "back"));
    let record = scene.end();
    let seen: Vec<_> = record
        .transfers
        .iter()
        .map(|t| (t.start.protocol, String::from_utf8_lossy(&t.body).into_owned()))
        .collect();
    assert_eq!(
        seen,
        [
            (Protocol::Udp, "name,card".to_owned()),
            (Protocol::Udp, "alice,1".to_owned()),
            (Protocol::Tftp, "done".to_owned()),
            (Protocol::Udp, "\0\x03\0\x02more".to_owned()),
            (Protocol::Udp, "\0\x03\0\x01back".to_owned()),
        ]
    );
}

#[test]
fn an_answer_that_comes_too_late_is_plain() {
    let mut scene = Scene::new();
    request(&mut scene, "\0\x01a\0octet\0");
    scene.pass(61);
    let flow = answer(&mut scene, 40_000);
    scene.client(flow, data(1, "x"));
    assert_eq!(scene.end().transfers[0].start.protocol, Protocol::Udp);
}

proptest! {
    #[test]
    fn datagrams_that_come_again_change_nothing(
        content in proptest::collection::vec(any::<u8>(), 0..80),
        again in proptest::collection::vec((0usize..3, 0usize..3), 1..30),
    ) {
        let mut again = again.into_iter().cycle();
        let mut scene = Scene::new();
        let asked = request(&mut scene, "\0\x02a\0octet\0blksize\x008\0");
        if again.next().is_some_and(|(times, _)| times > 0) {
            scene.client(asked, "\0\x02a\0octet\0blksize\x008\0");
        }
        let flow = answer(&mut scene, 40_000);
        let mut sent: Vec<Vec<u8>> = Vec::new();
        scene.client(flow, "\0\x06blksize\x008\0");
        let blocks = content.chunks(8).chain(content.len().is_multiple_of(8).then_some(&[][..]));
        for (number, block) in blocks.enumerate() {
            let number = number as u16 + 1;
            sent.push(data(number, block));
            scene.server(flow, &sent[sent.len() - 1]);
            let (times, before) = again.next().unwrap_or_default();
            for _ in 0..times {
                scene.server(flow, &sent[sent.len().saturating_sub(1 + before)]);
                scene.client(flow, acknowledge(number));
            }
            scene.client(flow, acknowledge(number));
        }
        scene.close(flow);
        let record = scene.end();
        prop_assert_eq!(record.transfers.len(), 1);
        prop_assert_eq!(&record.transfers[0].body, &content);
        prop_assert_eq!((record.transfers[0].missing, record.transfers[0].ended), (0, Some(true)));
    }
}
