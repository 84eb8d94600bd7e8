//! One shard: the whole path of a segment, from flow table to findings, in one function.
//!
//! Owns: the state of a part of the address-pair space. Never does: threads, channels; looking at another shard.

use crate::event::{Event, Stamp, Stamped};
use crate::transfer::OpenTransfers;
use egret_detect::Scanner;
use egret_model::{
    Coverage, Flow, Limits, PacketRef, ProtocolEvent, Segment, StreamEvent, Timestamp, Uninspected,
};
use egret_protocol::{Engine, Session};
use egret_stream::FlowTable;
use std::sync::Arc;

/// All state that packets of one shard share. Driven by its own packets only, so that it comes to the same results whatever
/// else the worker does.
pub(crate) struct Shard {
    table: FlowTable<Session>,
    engine: Engine,
    rest: Inspected,
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
}

impl Shard {
    pub(crate) fn new(index: usize, limits: &Limits) -> Self {
        Self {
            table: FlowTable::new(&limits.stream, limits.pipeline.shards),
            engine: Engine::new(&limits.protocol),
            rest: Inspected {
                index,
                transfers: OpenTransfers::new(Arc::new(limits.content.clone())),
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
    pub(crate) fn segment(&mut self, segment: &Segment<'_>, scanner: &mut Scanner) {
        let Self { table, engine, rest } = self;
        rest.stand_at(segment.packet, segment.at);
        table.segment(segment, &mut |flow, session, event| {
            rest.count(&event);
            engine.event(flow, session, event, &mut |reported| rest.take(flow, reported, scanner));
        });
        engine.expire(segment.at, &mut |flow, reported| rest.take(flow, reported, scanner));
    }

    /// The end of input: everything open is closed.
    pub(crate) fn finish(&mut self, scanner: &mut Scanner) {
        let Self { table, engine, rest } = self;
        rest.stamp = Stamp { ordinal: u64::MAX, shard: rest.index, sequence: 0 };
        table.finish(&mut |flow, session, event| {
            rest.count(&event);
            engine.event(flow, session, event, &mut |reported| rest.take(flow, reported, scanner));
        });
        engine.finish(&mut |flow, reported| rest.take(flow, reported, scanner));
    }

    /// Takes the events that have come up since the last call.
    pub(crate) fn take_events(&mut self, into: &mut Vec<Stamped>) {
        into.append(&mut self.rest.events);
    }

    pub(crate) fn totals(&self) -> ShardTotals {
        let mut coverage = self.rest.refused;
        coverage.inspected_bytes = self.rest.delivered.saturating_sub(coverage.uninspected_bytes());
        coverage.merge(&self.rest.missing);
        let stats = self.table.stats();
        coverage.add(Uninspected::Unsupported, stats.untracked_bytes);
        ShardTotals { coverage, flows: stats.flows, inconsistent_overlaps: stats.inconsistent_overlaps }
    }
}

impl Inspected {
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

    fn take(&mut self, flow: &Flow, reported: ProtocolEvent<'_>, scanner: &mut Scanner) {
        match reported {
            ProtocolEvent::Begin { transfer, start } => self.transfers.begin(transfer, start, flow),
            ProtocolEvent::Body { transfer, data } => self.transfers.body(transfer, data, scanner),
            ProtocolEvent::Gap { transfer, bytes } => self.transfers.gap(transfer, bytes, scanner),
            ProtocolEvent::Opaque { transfer, bytes, reason } => {
                self.transfers.opaque(transfer, bytes, reason);
            }
            ProtocolEvent::Named { transfer, filename, server_name } => {
                self.transfers.named(transfer, filename, server_name);
            }
            ProtocolEvent::End { transfer, complete, at } => {
                let ended = self.transfers.end(transfer, complete, at, flow.inconsistent_overlap, scanner);
                if let Some(finished) = ended {
                    let mut refused = finished.uninspected;
                    refused.gap = 0; // counted when the stream reported it
                    self.refused.merge(&refused);
                    self.emit(Event::Transfer(Box::new(finished)));
                }
            }
            ProtocolEvent::Sighting(sighting) => self.emit(Event::Sighting(sighting)),
            ProtocolEvent::NotInspected { reason, bytes } => self.refused.add(reason, bytes),
        }
    }

    fn emit(&mut self, event: Event) {
        self.events.push(Stamped { stamp: self.stamp, at: self.at, event });
        self.stamp.sequence += 1;
    }
}
