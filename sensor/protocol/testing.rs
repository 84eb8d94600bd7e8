//! A small world for tests: flows through a real engine, with all reports recorded.

use crate::{Engine, Session};
use egret_model::{
    CloseReason, Endpoint, Flow, FlowKind, Observation, PacketRef, ProtocolEvent, ProtocolLimits, Side,
    Sighting, StreamEvent, Timestamp, TransferKey, TransferStart, TunnelPath, Uninspected,
};

/// One transfer as it was reported.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) key: TransferKey,
    pub(crate) start: TransferStart,
    pub(crate) body: Vec<u8>,
    pub(crate) missing: u64,
    /// How often a gap was reported, whatever its size.
    pub(crate) gaps: usize,
    pub(crate) opaque: u64,
    /// Completeness, once it has ended.
    pub(crate) ended: Option<bool>,
}

/// Everything that was reported.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) transfers: Vec<Recorded>,
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) observed: Vec<Observation>,
    pub(crate) not_inspected: Vec<(Uninspected, u64)>,
}

impl Record {
    fn take(&mut self, event: ProtocolEvent<'_>) {
        match event {
            ProtocolEvent::Begin { transfer, start } => {
                assert!(self.transfers.iter().all(|known| known.key != transfer), "a key is used twice");
                self.transfers.push(Recorded {
                    key: transfer,
                    start: *start,
                    body: Vec::new(),
                    missing: 0,
                    gaps: 0,
                    opaque: 0,
                    ended: None,
                });
            }
            ProtocolEvent::Body { transfer, data } => self.open(transfer).body.extend_from_slice(data),
            ProtocolEvent::Gap { transfer, bytes } => {
                let open = self.open(transfer);
                open.missing += bytes;
                open.gaps += 1;
            }
            ProtocolEvent::Opaque { transfer, bytes, .. } => self.open(transfer).opaque += bytes,
            ProtocolEvent::Named { transfer, filename, server_name } => {
                let start = &mut self.open(transfer).start;
                start.filename = filename.or(start.filename.take());
                start.server_name = server_name.or(start.server_name.take());
            }
            ProtocolEvent::End { transfer, complete, .. } => self.open(transfer).ended = Some(complete),
            ProtocolEvent::Sighting(sighting) => self.sightings.push(sighting),
            ProtocolEvent::Observed(observation) => self.observed.push(observation),
            ProtocolEvent::NotInspected { reason, bytes } => self.not_inspected.push((reason, bytes)),
        }
    }

    fn open(&mut self, transfer: TransferKey) -> &mut Recorded {
        let found =
            self.transfers.iter_mut().find(|known| known.key == transfer).expect("a transfer that has begun");
        assert_eq!(found.ended, None, "nothing is reported of a transfer that has ended");
        found
    }
}

/// Flows that share one engine.
pub(crate) struct Scene {
    engine: Engine,
    flows: Vec<(Flow, Session)>,
    pub(crate) record: Record,
    now: Timestamp,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with_limits(&ProtocolLimits::default())
    }

    pub(crate) fn with_limits(limits: &ProtocolLimits) -> Self {
        Self {
            engine: Engine::new(limits),
            flows: Vec::new(),
            record: Record::default(),
            now: Timestamp::EPOCH,
        }
    }

    /// A new flow between `address:port` and `address:port`; returns its number.
    pub(crate) fn flow(&mut self, kind: FlowKind, initiator: &str, responder: &str) -> usize {
        let number = self.flows.len();
        let endpoint = |text: &str| {
            let address: std::net::SocketAddr = text.parse().expect("an address and a port");
            Endpoint { ip: address.ip(), port: address.port() }
        };
        let flow = Flow {
            kind,
            initiator: endpoint(initiator),
            responder: endpoint(responder),
            initiator_mac: None,
            responder_mac: None,
            tunnel: TunnelPath::default(),
            first_packet: PacketRef { ordinal: number as u64, capture: 0, number: number as u64 + 1 },
            opened_at: self.now,
            last_at: self.now,
            midstream: false,
            inconsistent_overlap: false,
        };
        self.flows.push((flow, Session::default()));
        number
    }

    /// A TCP flow from a client to `port` of a server.
    pub(crate) fn tcp(&mut self, port: u16) -> usize {
        self.flow(FlowKind::Tcp, "10.0.0.1:40000", &format!("192.0.2.1:{port}"))
    }

    /// The start of the flow was not captured.
    pub(crate) fn midstream(&mut self, flow: usize) {
        self.flows[flow].0.midstream = true;
    }

    /// What an analyzer of a flow would do.
    pub(crate) fn with(&mut self, flow: usize, act: impl FnOnce(&mut crate::Context<'_>)) {
        let (flow, _) = &self.flows[flow];
        let record = &mut self.record;
        self.engine.with(flow, &mut |event| record.take(event), act);
    }

    /// Connections wait for keys that are not there.
    pub(crate) fn expect_keys(&mut self) {
        self.engine.expect_keys();
    }

    /// Other keys are there.
    pub(crate) fn use_keys(&mut self, keys: &crate::KeyLog) {
        self.engine.use_keys(keys);
    }

    /// What the flows share.
    pub(crate) fn shared(&mut self) -> &mut crate::Shared {
        self.engine.shared()
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now = self.now.plus(seconds * 1_000_000_000);
        let record = &mut self.record;
        self.engine.expire(self.now, &mut |_, event| record.take(event));
    }

    pub(crate) fn client(&mut self, flow: usize, data: impl AsRef<[u8]>) {
        self.event(flow, StreamEvent::Data { from: Side::Initiator, data: data.as_ref() });
    }

    pub(crate) fn server(&mut self, flow: usize, data: impl AsRef<[u8]>) {
        self.event(flow, StreamEvent::Data { from: Side::Responder, data: data.as_ref() });
    }

    /// What both sides send in turn (true: the client), in pieces of `step` bytes.
    pub(crate) fn dialogue(&mut self, flow: usize, turns: &[(bool, Vec<u8>)], step: usize) {
        for (client, bytes) in turns {
            for piece in bytes.chunks(step) {
                if *client {
                    self.client(flow, piece);
                } else {
                    self.server(flow, piece);
                }
            }
        }
    }

    pub(crate) fn gap(&mut self, flow: usize, from: Side, bytes: u64) {
        self.event(flow, StreamEvent::Gap { from, bytes, reason: Uninspected::Gap });
    }

    pub(crate) fn finish(&mut self, flow: usize, from: Side) {
        self.event(flow, StreamEvent::Finished { from });
    }

    /// Both sides finish, and the flow closes.
    pub(crate) fn close(&mut self, flow: usize) {
        self.finish(flow, Side::Initiator);
        self.finish(flow, Side::Responder);
        self.cut(flow);
    }

    /// The flow closes without an end of either side.
    pub(crate) fn cut(&mut self, flow: usize) {
        self.event(flow, StreamEvent::Closed { reason: CloseReason::EndOfInput });
    }

    pub(crate) fn event(&mut self, flow: usize, event: StreamEvent<'_>) {
        let (flow, session) = &mut self.flows[flow];
        flow.last_at = self.now;
        let record = &mut self.record;
        self.engine.event(flow, session, event, &mut |event| record.take(event));
    }

    /// The end of input. Every transfer must have ended by then.
    pub(crate) fn end(mut self) -> Record {
        let record = &mut self.record;
        self.engine.finish(&mut |_, event| record.take(event));
        assert!(self.record.transfers.iter().all(|transfer| transfer.ended.is_some()), "every transfer ends");
        self.record
    }
}
