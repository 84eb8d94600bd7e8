//! One shard: the whole path of a segment, from flow table to findings, in one function.
//!
//! Owns: the state of a part of the address-pair space. Never does: threads, channels (containers that are unpacked elsewhere go
//! through [`Pool`]); looking at another shard.

use crate::event::{Asked, Event, Stamp, Stamped, end_of_input};
use crate::load::Load;
use crate::scanners::Scanners;
use crate::tally::Tally;
use crate::transfer::{Ended, OpenTransfers};
use crate::unpack::Pool;
use egret_model::{
    Coverage, Flow, Limits, Observation, PacketRef, ProtocolEvent, Segment, StreamEvent, Timestamp,
    Uninspected,
};
use egret_protocol::{Engine, KeyLog, Session};
use egret_stream::FlowTable;

/// All state that packets of one shard share. Driven by its own packets only, so that it comes to the same results whatever
/// else the worker does.
pub(crate) struct Shard {
    table: FlowTable<FlowState>,
    engine: Engine,
    rest: Inspected,
}

/// What a shard keeps of a flow beside the flow table's own.
#[derive(Default)]
struct FlowState {
    session: Session,
    tally: Tally,
}

/// What comes behind the protocol engine.
struct Inspected {
    index: usize,
    transfers: OpenTransfers,
    /// Payload bytes handed to the engine.
    delivered: u64,
    /// Bytes of those that could not be inspected, and bytes that never came.
    refused: Coverage,
    missing: Coverage,
    stamp: Stamp,
    at: Timestamp,
    events: Vec<Stamped>,
}

/// What a shard counted over the run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardTotals {
    pub(crate) coverage: Coverage,
    pub(crate) flows: u64,
    pub(crate) inconsistent_overlaps: u64,
    /// What is open or held at the moment.
    pub(crate) open_flows: u64,
    pub(crate) open_transfers: u64,
    pub(crate) held_bytes: u64,
}

impl ShardTotals {
    /// Adds what another shard counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.coverage.merge(&other.coverage);
        self.flows += other.flows;
        self.inconsistent_overlaps += other.inconsistent_overlaps;
        self.open_flows += other.open_flows;
        self.open_transfers += other.open_transfers;
        self.held_bytes += other.held_bytes;
    }
}

/// Sequence of the first event that time brings: behind those of a packet in the same place.
const BEHIND_PACKET: u64 = 1 << 48;

impl Shard {
    pub(crate) fn new(index: usize, limits: &Limits, pool: Option<Pool>) -> Self {
        let strained_bytes = limits.pipeline.strained_container_bytes;
        Self {
            table: FlowTable::new(&limits.stream, limits.pipeline.shards),
            engine: Engine::new(&limits.protocol),
            rest: Inspected {
                index,
                transfers: OpenTransfers::new(&limits.content, strained_bytes, pool),
                delivered: 0,
                refused: Coverage::default(),
                missing: Coverage::default(),
                stamp: Stamp { ordinal: 0, shard: index, sequence: 0 },
                at: Timestamp::EPOCH,
                events: Vec::new(),
            },
        }
    }

    /// The path of one segment.
    pub(crate) fn segment(&mut self, segment: &Segment<'_>, scanners: &mut Scanners) {
        let Self { table, engine, rest } = self;
        rest.stand_at(segment.packet, segment.at);
        table.segment(segment, &mut |flow, state, event| rest.event(engine, flow, state, event, scanners));
        engine.expire(segment.at, &mut |flow, reported| rest.take(flow, reported, scanners));
    }

    /// Time passes without packets: what has been idle for too long ends. `ordinal` is where that stands among the packets.
    pub(crate) fn pass_time(&mut self, ordinal: u64, now: Timestamp, scanners: &mut Scanners) {
        let Self { table, engine, rest } = self;
        rest.stand_at(PacketRef { ordinal, ..PacketRef::default() }, now);
        rest.stamp.sequence = BEHIND_PACKET;
        table.expire(now, &mut |flow, state, event| rest.event(engine, flow, state, event, scanners));
        engine.expire(now, &mut |flow, reported| rest.take(flow, reported, scanners));
    }

    /// Opens TLS connections with these keys from now on.
    pub(crate) fn use_keys(&mut self, keys: &KeyLog) {
        self.engine.use_keys(keys);
    }

    /// TLS connections wait for their keys from now on, where they are not known yet.
    pub(crate) const fn expect_keys(&mut self) {
        self.engine.expect_keys();
    }

    /// Works as the load allows.
    pub(crate) fn bear(&mut self, load: Load) {
        self.table.shed_new_flows(load == Load::Shedding);
        self.rest.transfers.unpack_large_containers(load == Load::Normal);
    }

    /// Packets whose segments were shed.
    pub(crate) fn shed_packets(&self) -> u64 {
        self.table.stats().shed_segments
    }

    /// The end of input: everything open is closed.
    pub(crate) fn finish(&mut self, scanners: &mut Scanners) {
        let Self { table, engine, rest } = self;
        rest.stamp = Stamp { ordinal: end_of_input(rest.index), shard: rest.index, sequence: 0 };
        table.finish(&mut |flow, state, event| rest.event(engine, flow, state, event, scanners));
        engine.finish(&mut |flow, reported| rest.take(flow, reported, scanners));
    }

    /// Takes the events that have come up since the last call.
    pub(crate) fn take_events(&mut self, into: &mut Vec<Stamped>) {
        into.append(&mut self.rest.events);
    }

    pub(crate) fn totals(&self) -> ShardTotals {
        let mut coverage = self.rest.refused;
        coverage.merge(&self.rest.transfers.refused());
        coverage.inspected_bytes = self.rest.delivered.saturating_sub(coverage.uninspected_bytes());
        coverage.merge(&self.rest.missing);
        let stats = self.table.stats();
        coverage.add(Uninspected::Unsupported, stats.untracked_bytes);
        coverage.add(Uninspected::Gap, stats.early_bytes);
        coverage.add(Uninspected::Malformed, stats.out_of_window_bytes);
        coverage.add(Uninspected::Dropped, stats.shed_bytes);
        ShardTotals {
            coverage,
            flows: stats.flows,
            inconsistent_overlaps: stats.inconsistent_overlaps,
            open_flows: self.table.len() as u64,
            open_transfers: self.rest.transfers.len() as u64,
            held_bytes: self.table.held_bytes() as u64,
        }
    }
}

impl Inspected {
    /// What happened on a flow, through its protocol, and what the flow comes to.
    #[inline]
    fn event(
        &mut self,
        engine: &mut Engine,
        flow: &Flow,
        state: &mut FlowState,
        event: StreamEvent<'_>,
        scanners: &mut Scanners,
    ) {
        let FlowState { session, tally } = state;
        self.count(&event);
        tally.count(flow, &event);
        engine.event(flow, session, event, &mut |reported| {
            tally.note(&reported);
            self.take(flow, reported, scanners);
        });
        if let Some(summary) = tally.summary(flow, matches!(event, StreamEvent::Closed { .. })) {
            self.emit(Event::Flow(summary));
        }
    }

    fn stand_at(&mut self, packet: PacketRef, at: Timestamp) {
        self.stamp = Stamp { ordinal: packet.ordinal, shard: self.index, sequence: 0 };
        self.at = at;
    }

    fn count(&mut self, event: &StreamEvent<'_>) {
        match *event {
            StreamEvent::Data { data, .. } => self.delivered += data.len() as u64,
            StreamEvent::Gap { bytes, reason, .. } => self.missing.add(reason, bytes),
            StreamEvent::Finished { .. } | StreamEvent::Closed { .. } => {}
        }
    }

    fn take(&mut self, flow: &Flow, reported: ProtocolEvent<'_>, scanners: &mut Scanners) {
        match reported {
            ProtocolEvent::Begin { transfer, start } => self.transfers.begin(transfer, start, flow),
            ProtocolEvent::Body { transfer, data } => self.transfers.body(transfer, data, scanners),
            ProtocolEvent::Gap { transfer, bytes } => self.transfers.gap(transfer, bytes, scanners),
            ProtocolEvent::Opaque { transfer, bytes, reason } => {
                self.transfers.opaque(transfer, bytes, reason);
            }
            ProtocolEvent::Named { transfer, filename, server_name } => {
                self.transfers.named(transfer, filename, server_name);
            }
            ProtocolEvent::End { transfer, complete, at } => {
                match self.transfers.end(transfer, complete, at, flow.inconsistent_overlap, scanners) {
                    Some(Ended::Finished(finished)) => {
                        self.refused.merge(&finished.refused());
                        self.emit(Event::Transfer(finished));
                    }
                    Some(Ended::Promised(promise)) => self.emit(Event::Promised(promise)),
                    None => {}
                }
            }
            ProtocolEvent::Sighting(sighting) => self.emit(Event::Sighting(Box::new(sighting))),
            ProtocolEvent::Observed(Observation::Hello { .. }) => {} // the flow's tally keeps it
            ProtocolEvent::Observed(observation) => {
                let (client, server) = (flow.initiator.ip, flow.responder.ip);
                self.emit(Event::Name(Box::new(Asked { client, server, observation })));
            }
            // What a protocol knows to be missing was not delivered either.
            ProtocolEvent::NotInspected { reason: reason @ Uninspected::Gap, bytes } => {
                self.missing.add(reason, bytes);
            }
            ProtocolEvent::NotInspected { reason, bytes } => self.refused.add(reason, bytes),
        }
    }

    fn emit(&mut self, event: Event) {
        self.events.push(Stamped { stamp: self.stamp, at: self.at, event });
        self.stamp.sequence += 1;
    }
}
