//! Work on its way from the dispatcher to a worker, and what the worker does with it.
//!
//! Owns: batches of decoded segments, and running them to completion. Never does: decoding, records.

use crate::event::{Event, Stamp, Stamped, end_of_input};
use crate::load::Load;
use crate::scanners::Scanners;
use crate::shard::{Shard, ShardTotals};
use crate::unpack::Pool;
use egret_capture::PacketBatch;
use egret_detect::SignatureSet;
use egret_model::{Limits, LinkFrame, Segment, Timestamp};
use egret_protocol::KeyLog;
use std::sync::Arc;

/// A part of a packet batch: the segments of one worker's shards.
pub(crate) struct Work {
    /// The packets that the segments point into.
    pub(crate) packets: Arc<PacketBatch>,
    /// Secrets of TLS connections that are in force from this batch on, if they are not those of the batch before.
    pub(crate) keys: Option<KeyLog>,
    pub(crate) items: Vec<Item>,
    /// Frames of the batch that carry no segment; one worker passes them on.
    pub(crate) link_frames: Vec<LinkFrame>,
    /// Ordinal of the last packet of the batch, whosever it is.
    pub(crate) through: u64,
}

/// One segment, its payload by place instead of by reference.
pub(crate) struct Item {
    pub(crate) shard: usize,
    pub(crate) head: Segment<'static>,
    pub(crate) payload: Payload,
}

/// Where a segment's payload is.
pub(crate) enum Payload {
    /// In the batch's buffer.
    Range { start: usize, length: usize },
    /// Made by reassembly of fragments.
    Owned(Box<[u8]>),
}

impl Item {
    /// Takes a segment apart so that it can travel with the buffer it points into.
    pub(crate) fn new(shard: usize, segment: Segment<'_>, buffer: &[u8]) -> Self {
        let payload = match place_in(buffer, segment.payload) {
            Some(start) => Payload::Range { start, length: segment.payload.len() },
            None => Payload::Owned(segment.payload.into()),
        };
        Self { shard, head: Segment { payload: &[], ..segment }, payload }
    }

    /// When its packet was captured.
    pub(crate) const fn at(&self) -> Timestamp {
        self.head.at
    }

    fn run(self, buffer: &[u8], shard: &mut Shard, scanners: &mut Scanners) {
        let payload = match &self.payload {
            Payload::Range { start, length } => buffer.get(*start..*start + *length).unwrap_or_default(),
            Payload::Owned(bytes) => bytes,
        };
        shard.segment(&Segment { payload, ..self.head }, scanners);
    }
}

/// Where `part` begins in `whole`, if it lies in it.
fn place_in(whole: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (start.checked_add(part.len())? <= whole.len()).then_some(start)
}

/// One worker: a share of the shards and their scanners.
pub(crate) struct Worker {
    index: usize,
    workers: usize,
    /// Shards `index`, `index + workers`, …
    shards: Vec<Shard>,
    scanners: Scanners,
    link_frames: Vec<Stamped>,
    /// Where containers are unpacked; None: here.
    pool: Option<Pool>,
}

impl Worker {
    pub(crate) fn new(
        (index, workers): (usize, usize),
        limits: &Limits,
        signatures: Arc<SignatureSet>,
        pool: Option<Pool>,
    ) -> Self {
        let shards = (index..limits.pipeline.shards).step_by(workers);
        let shards = shards.map(|shard| Shard::new(shard, limits, pool.clone())).collect();
        Self {
            index,
            workers,
            shards,
            scanners: Scanners::new(signatures, &limits.detect),
            link_frames: Vec::new(),
            pool,
        }
    }

    /// Opens TLS connections with other keys from now on, if they are given.
    pub(crate) fn use_keys(&mut self, keys: Option<&KeyLog>) {
        if let Some(keys) = keys {
            self.shards.iter_mut().for_each(|shard| shard.use_keys(keys));
        }
    }

    /// TLS connections wait for their keys from now on, where they are not known yet.
    pub(crate) fn expect_keys(&mut self) {
        self.shards.iter_mut().for_each(Shard::expect_keys);
    }

    /// Passes on frames that carry no segment, in the order of their packets.
    pub(crate) fn link_frames(&mut self, frames: Vec<LinkFrame>) {
        let shard = self.index;
        self.link_frames.extend(frames.into_iter().map(|frame| Stamped {
            stamp: Stamp { ordinal: frame.packet.ordinal, shard, sequence: 0 },
            at: frame.at,
            event: Event::Link(Box::new(frame)),
        }));
    }

    /// Runs the segments of a batch that are this worker's.
    pub(crate) fn items(&mut self, packets: &PacketBatch, items: Vec<Item>) {
        for item in items {
            if let Some(shard) = self.shards.get_mut(item.shard / self.workers) {
                item.run(packets.buffer(), shard, &mut self.scanners);
            }
        }
    }

    /// Runs one segment of the only shard of a worker that has its packets from a source of its own.
    #[inline]
    pub(crate) fn segment(&mut self, segment: &Segment<'_>) {
        if let Some(shard) = self.shards.first_mut() {
            shard.segment(segment, &mut self.scanners);
        }
    }

    /// Time passes without packets; `ordinal` is where that stands among them.
    pub(crate) fn pass_time(&mut self, ordinal: u64, now: Timestamp) {
        for shard in &mut self.shards {
            shard.pass_time(ordinal, now, &mut self.scanners);
        }
    }

    /// Closes everything that is open. `report` takes the events of each shard, and how far the worker has come with them: what
    /// a hundred thousand flows come to does not wait in memory all at once.
    pub(crate) fn finish(&mut self, report: &mut impl FnMut(u64, Vec<Stamped>)) {
        let last = self.shards.len().saturating_sub(1);
        for (place, shard) in self.shards.iter_mut().enumerate() {
            shard.finish(&mut self.scanners);
            let mut events = Vec::new();
            shard.take_events(&mut events);
            let next = self.index + (place + 1) * self.workers;
            report(if place < last { end_of_input(next) - 1 } else { u64::MAX }, events);
        }
        // What it comes to is known with the last transfer.
        if let Some(pool) = &self.pool {
            pool.wait_for_all();
        }
    }

    /// Scans that begin from now on look for `signatures`.
    pub(crate) fn put_in_force(&mut self, signatures: &Arc<SignatureSet>) {
        self.scanners.put_in_force(signatures);
    }

    /// Works as the load allows.
    pub(crate) fn bear(&mut self, load: Load) {
        for shard in &mut self.shards {
            shard.bear(load);
        }
    }

    /// The events that have come up since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Stamped> {
        let mut events = std::mem::take(&mut self.link_frames);
        for shard in &mut self.shards {
            shard.take_events(&mut events);
        }
        events
    }

    pub(crate) fn totals(&self) -> impl Iterator<Item = ShardTotals> {
        self.shards.iter().map(Shard::totals)
    }

    /// Packets that were not followed because of overload.
    pub(crate) fn shed_packets(&self) -> u64 {
        self.shards.iter().map(Shard::shed_packets).sum()
    }
}
