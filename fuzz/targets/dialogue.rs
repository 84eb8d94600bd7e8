//! Any bytes as what happens on a few flows: no panic, every transfer ends once, and the same bytes give the same reports.
//!
//! The input is a row of steps: a byte that says what happens, a byte with a length, and that many bytes. In the first
//! byte the low three bits choose (see [`step`]), 0x10 means the second flow, and 0x20 that its start was not captured.

use egret_model::{
    CloseReason, Cursor, Endpoint, Flow, FlowKind, Limits, PacketRef, ProtocolEvent, Side, StreamEvent,
    Timestamp, TransferKey, TunnelPath, Uninspected,
};
use egret_protocol::{Engine, KeyLog, Session};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Runs the steps, twice.
pub(crate) fn run(kind: FlowKind, data: &[u8]) {
    run_with(&KeyLog::default(), kind, data);
}

/// The same with secrets of TLS connections.
pub(crate) fn run_with(keys: &KeyLog, kind: FlowKind, data: &[u8]) {
    let framing = Framing { before: &[], seal: &|_, _, bytes| bytes.to_vec() };
    run_framed(keys, kind, &framing, data);
}

/// Who sends, how many steps of that side came before, and the bytes.
pub(crate) type Seal<'a> = dyn Fn(Side, u16, &[u8]) -> Vec<u8> + 'a;

/// What the bytes of a step become on the wire.
pub(crate) struct Framing<'a> {
    /// What is said on each flow before the steps.
    pub(crate) before: &'a [(Side, &'a [u8])],
    /// The same for the bytes of a step.
    pub(crate) seal: &'a Seal<'a>,
}

/// The same with such bytes on the wire.
pub(crate) fn run_framed(keys: &KeyLog, kind: FlowKind, framing: &Framing<'_>, data: &[u8]) {
    assert_eq!(reports(keys, kind, framing, data), reports(keys, kind, framing, data));
}

/// What was reported, a line each.
fn reports(keys: &KeyLog, kind: FlowKind, framing: &Framing<'_>, data: &[u8]) -> Vec<String> {
    let mut engine = Engine::new(&Limits::default().protocol);
    engine.use_keys(keys);
    let mut flows = [flow(kind, 2525), flow(kind, 50_001)].map(|flow| (flow, Session::default()));
    let mut reports = Reports::default();
    let mut numbers = [0_u16; 4];
    for (flow, session) in &mut flows {
        for (from, data) in framing.before {
            let event = StreamEvent::Data { from: *from, data };
            engine.event(flow, session, event, &mut |event| reports.take(&event));
        }
    }
    let mut input = Cursor::new(data);
    while let (Ok(choice), Ok(length)) = (input.u8(), input.u8()) {
        let bytes = input.take(usize::from(length)).unwrap_or_else(|_| input.take_rest());
        let [first, second] = &mut flows;
        let (flow, session) = if choice & 0x10 == 0 { first } else { second };
        flow.midstream |= choice & 0x20 != 0;
        flow.last_at = flow.last_at.plus(i64::from(choice) * 100_000_000);
        engine.expire(flow.last_at, &mut |_, event| reports.take(&event));
        let sealed;
        let mut event = step(choice, bytes);
        if let StreamEvent::Data { from, data } = event {
            let number = &mut numbers[usize::from(from == Side::Responder) + usize::from(choice >> 3 & 2)];
            sealed = (framing.seal)(from, *number, data);
            *number = number.wrapping_add(1);
            event = StreamEvent::Data { from, data: &sealed };
        }
        engine.event(flow, session, event, &mut |event| reports.take(&event));
        if let StreamEvent::Closed { .. } = event {
            *session = Session::default();
        }
    }
    for (flow, session) in &mut flows {
        let event = StreamEvent::Closed { reason: CloseReason::EndOfInput };
        engine.event(flow, session, event, &mut |event| reports.take(&event));
    }
    engine.finish(&mut |_, event| reports.take(&event));
    assert!(reports.open.is_empty(), "every transfer ends");
    reports.lines
}

/// What a step does.
fn step(choice: u8, bytes: &[u8]) -> StreamEvent<'_> {
    let from = if choice & 1 == 0 { Side::Initiator } else { Side::Responder };
    match choice & 7 {
        0..=3 => StreamEvent::Data { from, data: bytes },
        4 | 5 => StreamEvent::Gap { from, bytes: bytes.len() as u64 + 1, reason: Uninspected::Gap },
        6 => StreamEvent::Finished { from: if bytes.is_empty() { Side::Initiator } else { Side::Responder } },
        _ => StreamEvent::Closed { reason: CloseReason::Reset },
    }
}

fn flow(kind: FlowKind, port: u16) -> Flow {
    let address = |last: u8| IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
    Flow {
        kind,
        initiator: Endpoint { ip: address(1), port: 40_000 },
        responder: Endpoint { ip: address(2), port },
        initiator_mac: None,
        responder_mac: None,
        tunnel: TunnelPath::default(),
        first_packet: PacketRef { ordinal: 0, capture: 0, number: 1 },
        opened_at: Timestamp::EPOCH,
        last_at: Timestamp::EPOCH,
        midstream: false,
        inconsistent_overlap: false,
    }
}

/// Checks the order of reports.
#[derive(Default)]
struct Reports {
    open: BTreeMap<TransferKey, u64>,
    lines: Vec<String>,
}

impl Reports {
    fn take(&mut self, event: &ProtocolEvent<'_>) {
        match event {
            ProtocolEvent::Begin { transfer, .. } => {
                assert_eq!(self.open.insert(*transfer, 0), None, "a key is given once");
            }
            ProtocolEvent::Body { transfer, .. }
            | ProtocolEvent::Gap { transfer, .. }
            | ProtocolEvent::Opaque { transfer, .. }
            | ProtocolEvent::Named { transfer, .. } => {
                assert!(self.open.contains_key(transfer), "only open transfers are spoken of");
            }
            ProtocolEvent::End { transfer, .. } => {
                assert!(self.open.remove(transfer).is_some(), "a transfer ends once");
            }
            ProtocolEvent::Sighting(_) | ProtocolEvent::Observed(_) | ProtocolEvent::NotInspected { .. } => {}
        }
        self.lines.push(format!("{event:?}"));
    }
}
