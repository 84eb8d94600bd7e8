//! Streams of requests and responses, in pieces of any size.

use super::*;
use crate::testing::{Record, Scene};
use egret_model::FlowKind;
use proptest::prelude::*;

/// A frame of fewer than 64 bytes.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// What is sent: by the client or the server, on which stream.
type Turn = (bool, u64, Vec<u8>);

fn played(turns: &[Turn], step: usize, ended: &[(bool, u64)]) -> Record {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:443");
    scene.with(flow, |context| {
        let side = |client: bool| if client { Side::Initiator } else { Side::Responder };
        let mut http = Http3::new(context.limits, Side::Initiator);
        for (client, stream, bytes) in turns {
            for piece in bytes.chunks(step) {
                http.data(context, side(*client), *stream, piece);
            }
        }
        for (client, stream) in ended {
            http.end(context, side(*client), *stream, true);
        }
        http.closed(context);
    });
    scene.end()
}

/// `:method: PUT`, `:path: /in/a.csv`, `:authority: b.example`, from the table that every connection knows and in clear text.
fn put() -> Vec<u8> {
    frame(1, b"\x00\x00\xd5\x51\x09/in/a.csv\x50\x09b.example")
}

#[test]
fn requests_and_responses_are_told_however_they_are_cut() {
    let request =
        [put(), frame(0x21, b"grease"), frame(0, b"name,"), frame(0, b""), frame(0, b"card")].concat();
    let response = [frame(1, b"\x00\x00\xd9\x5d\x08text/csv"), frame(0, b"ok")].concat();
    let turns = [(true, 0, request), (false, 0, response)];
    for step in [1, 3, 1000] {
        let record = played(&turns, step, &[(true, 0), (false, 0)]);
        let told: Vec<_> = record
            .transfers
            .iter()
            .map(|t| (t.start.protocol, t.start.operation.as_str(), t.body.as_slice(), t.ended))
            .collect();
        let expected = [
            (Protocol::Http3, "PUT /in/a.csv", &b"name,card"[..], Some(true)),
            (Protocol::Http3, "PUT /in/a.csv", &b"ok"[..], Some(true)),
        ];
        assert_eq!(told, expected, "in pieces of {step}");
        let first = &record.transfers[0].start;
        assert_eq!(
            (first.filename.as_deref(), first.server_name.as_deref()),
            (Some("a.csv"), Some("b.example"))
        );
    }
}

#[test]
fn blocks_wait_for_their_table_and_no_longer_than_the_connection() {
    // The server allows a table of 220 bytes; the client's block needs two entries, its table comes later.
    let settings = (false, 3, [&[0][..], &frame(4, &[1, 0x40, 220])].concat());
    let request = (true, 0, [frame(1, &[0x03, 0x81, 0x10, 0x11, 0xd5]), frame(0, b"body")].concat());
    let table = (true, 2, b"\x02\x3f\xbd\x01\xc0\x0fwww.example.com\xc1\x0c/sample/path".to_vec());
    for step in [1, 1000] {
        let whole = played(&[settings.clone(), request.clone(), table.clone()], step, &[(true, 0)]);
        assert_eq!(whole.transfers[0].start.operation, "PUT /sample/path");
        assert_eq!(whole.transfers[0].start.server_name.as_deref(), Some("www.example.com"));
        let without = played(&[settings.clone(), request.clone()], step, &[(true, 0)]);
        assert_eq!(without.transfers[0].start.operation, "PUT …");
        for record in [whole, without] {
            let [transfer] = record.transfers.as_slice() else { panic!("{:?}", record.transfers) };
            assert_eq!((&transfer.body[..], transfer.ended), (&b"body"[..], Some(true)));
        }
    }
}

#[test]
fn what_is_missing_is_told_and_the_rest_is_read() {
    let mut scene = Scene::new();
    let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:443");
    scene.with(flow, |context| {
        let mut http = Http3::new(context.limits, Side::Initiator);
        http.data(context, Side::Initiator, 0, &[put(), vec![0, 10], b"ab".to_vec()].concat());
        http.missing(context, Side::Initiator, 0, 5);
        http.data(context, Side::Initiator, 0, &[b"cde".to_vec(), frame(0, b"more")].concat());
        http.end(context, Side::Initiator, 0, true);
        // The hole holds the head of a frame.
        http.data(context, Side::Initiator, 4, &put());
        http.missing(context, Side::Initiator, 4, 9);
        http.data(context, Side::Initiator, 4, b"anything");
        http.end(context, Side::Initiator, 4, true);
        http.closed(context);
    });
    let record = scene.end();
    let told: Vec<_> = record.transfers.iter().map(|t| (&t.body[..], t.missing, t.ended)).collect();
    assert_eq!(told, [(&b"abcdemore"[..], 5, Some(false)), (&b"anything"[..], 9, Some(false))]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_cuts_change_nothing(
        turns in prop::collection::vec(
            (any::<bool>(), 0_u64..8, prop::collection::vec(prop_oneof![0_u8..9, any::<u8>()], 0..60)), 0..12),
    ) {
        let told = |record: Record| record.transfers.into_iter().map(|t| (t.body, t.ended)).collect::<Vec<_>>();
        prop_assert_eq!(told(played(&turns, 1, &[(true, 0)])), told(played(&turns, 1000, &[(true, 0)])));
    }
}
