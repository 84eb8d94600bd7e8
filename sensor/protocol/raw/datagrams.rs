//! Datagrams of no known protocol, put together: a client that sends every line from a new port moves one content.
//!
//! Owns: the groups by client, server and server port, and their end by time. Never does: looking into a datagram.

use crate::gathered::{Gathered, Gatherings};
use crate::{Analyzer, Context};
use egret_model::{Flow, FlowKind, Protocol, ProtocolEvent, Side, Timestamp, TransferKey};
use std::net::IpAddr;

/// Leads the datagrams of one flow to their group.
#[derive(Default)]
pub(super) struct RawDatagrams {
    /// What they are known to be.
    known: Option<Protocol>,
}

impl RawDatagrams {
    /// Of a flow that carries `protocol`.
    pub(super) const fn known(protocol: Protocol) -> Self {
        Self { known: Some(protocol) }
    }
}

impl Analyzer for RawDatagrams {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let transfer = group_transfer(context, self.known, from);
        context.body(transfer, data);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let transfer = group_transfer(context, self.known, from);
        context.missing(transfer, bytes);
    }

    fn finished(&mut self, _: &mut Context<'_>, _: Side) {}

    fn closed(&mut self, _: &mut Context<'_>) {}
}

/// Which datagrams belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    kind: FlowKind,
    client: IpAddr,
    server: IpAddr,
    /// 0 for ICMP, whose echo identifiers are the client's choice.
    port: u16,
}

/// One group of datagrams.
pub(crate) struct Group {
    /// The flow of its first datagram.
    flow: Flow,
    first_at: Timestamp,
    last_at: Timestamp,
    from_initiator: Option<Open>,
    from_responder: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    transfer: TransferKey,
    last_at: Timestamp,
}

/// The groups that are open.
pub(crate) type DatagramGroups = Gatherings<Key, Group>;

/// The transfer to which a datagram of `from` belongs; its time is noted.
fn group_transfer(context: &mut Context<'_>, known: Option<Protocol>, from: Side) -> TransferKey {
    let (flow, limits, now) = (context.flow, context.limits, context.now());
    let (protocol, port, operation) = match flow.kind {
        FlowKind::Icmp => (Protocol::Icmp, 0, "echo".to_owned()),
        FlowKind::Udp | FlowKind::Tcp => {
            (known.unwrap_or(Protocol::Udp), flow.responder.port, format!("udp {}", flow.responder.port))
        }
    };
    let key = Key { kind: flow.kind, client: flow.initiator.ip, server: flow.responder.ip, port };
    let groups = &mut context.shared.groups;
    if groups.open.get(&key).is_some_and(|group| group.is_over(now, limits)) {
        if let Some(group) = groups.open.remove(&key) {
            group.end(context.sink);
        }
    } else if !groups.open.contains_key(&key) {
        groups.make_room(limits, context.sink);
    }
    let open = context.shared.groups.open.get(&key).and_then(|group| group.open(from));
    let transfer = open.map_or_else(
        || {
            let start = context.start(protocol, operation, from);
            context.begin(start)
        },
        |open| open.transfer,
    );
    let group = context.shared.groups.open.entry(key).or_insert_with(|| Group::new(flow));
    group.note(from, Open { transfer, last_at: now });
    transfer
}

impl Group {
    fn new(flow: &Flow) -> Self {
        Self {
            flow: flow.clone(),
            first_at: flow.last_at,
            last_at: flow.last_at,
            from_initiator: None,
            from_responder: None,
        }
    }

    const fn open(&self, from: Side) -> Option<Open> {
        match from {
            Side::Initiator => self.from_initiator,
            Side::Responder => self.from_responder,
        }
    }

    fn note(&mut self, from: Side, open: Open) {
        self.last_at = self.last_at.max(open.last_at);
        match from {
            Side::Initiator => self.from_initiator = Some(open),
            Side::Responder => self.from_responder = Some(open),
        }
    }
}

impl Gathered for Group {
    fn flow(&self) -> &Flow {
        &self.flow
    }

    fn first_at(&self) -> Timestamp {
        self.first_at
    }

    fn last_at(&self) -> Timestamp {
        self.last_at
    }

    fn first_transfer(&self) -> Option<TransferKey> {
        self.from_initiator.into_iter().chain(self.from_responder).map(|open| open.transfer).min()
    }

    fn end(self, sink: &mut dyn FnMut(ProtocolEvent<'_>)) {
        for Open { transfer, last_at } in self.from_initiator.into_iter().chain(self.from_responder) {
            sink(ProtocolEvent::End { transfer, complete: true, at: last_at });
        }
    }
}
