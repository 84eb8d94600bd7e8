//! The dispatcher: reads, decodes, shards.
//!
//! Owns: the input, and which worker gets what of it. Never does: anything per flow; threads and queues, which are `crew`'s.

use crate::replay::Progress;
use crate::secrets::Secrets;
use crate::work::{Item, Work};
use egret_capture::{Inputs, PacketBatch};
use egret_decode::{Cause, Decoder, shard_of};
use egret_model::{Limits, Segment, Summary, Uninspected};
use egret_protocol::KeyLog;
use std::sync::Arc;

/// Hands every segment to the worker that owns its shard.
pub(crate) struct Dispatcher<'a> {
    inputs: &'a mut Inputs,
    watched: Arc<egret_capture::Progress>,
    progress: &'a mut (dyn FnMut(Progress) + Send),
    decoder: Decoder,
    shards: usize,
    secrets: Secrets,
    summary: Summary,
}

impl<'a> Dispatcher<'a> {
    pub(crate) fn new(
        inputs: &'a mut Inputs,
        limits: &Limits,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Self {
        let mut decoder = Decoder::new(&limits.decode);
        decoder.keep_link_frames();
        Self {
            watched: inputs.progress(),
            inputs,
            progress,
            decoder,
            shards: limits.pipeline.shards.max(1),
            secrets: Secrets::default(),
            summary: Summary::default(),
        }
    }

    /// Reads a batch into `batch`: the parts of so many workers, in their order. None at the end of the input.
    pub(crate) fn next(&mut self, workers: usize, mut batch: PacketBatch) -> Option<Vec<Work>> {
        if !self.inputs.next_batch(&mut batch) {
            return None;
        }
        (self.progress)(Progress { consumed: self.watched.consumed(), total: self.watched.total() });
        // In force for all packets of the present batch, so that it makes no difference how many workers share them.
        let keys = self.secrets.read(self.inputs.secrets());
        Some(self.divide(batch, keys.as_ref(), workers))
    }

    /// The end: what was counted, and what could not be read.
    pub(crate) fn finish(mut self) -> Summary {
        self.decoder.finish();
        self.summary.coverage.merge(&self.decoder.take_coverage());
        let names: Vec<&str> = self.inputs.names().collect();
        for (cause, count) in self.decoder.tally().counts() {
            if let Cause::LinkType(_) = cause {
                let name = names.get(usize::from(count.first.capture)).copied().unwrap_or_default();
                self.summary.problems.push(format!(
                    "{name}: {cause} (first in packet {}): {} packets with {} bytes were not inspected; \
                     capture on an Ethernet, IP or loopback interface, or convert the capture",
                    count.first.number, count.packets, count.bytes
                ));
            }
        }
        for problem in self.inputs.problems() {
            self.summary.problems.push(problem.to_string());
            self.summary.coverage.add(Uninspected::Gap, problem.lost_bytes());
        }
        self.summary
    }

    fn divide(&mut self, batch: PacketBatch, keys: Option<&KeyLog>, workers: usize) -> Vec<Work> {
        let packets = Arc::new(batch);
        let shards = self.shards;
        // Nearly every packet carries one segment.
        let share = packets.len().div_ceil(workers.max(1));
        let mut parts: Vec<Vec<Item>> = (0..workers).map(|_| Vec::with_capacity(share)).collect();
        let mut through = 0;
        for packet in packets.packets() {
            through = packet.reference.ordinal;
            self.summary.packets += 1;
            self.summary.bytes += packet.data.len() as u64;
            self.summary.first_at =
                Some(self.summary.first_at.map_or(packet.at, |first| first.min(packet.at)));
            self.summary.last_at = self.summary.last_at.max(Some(packet.at));
            let buffer = packets.buffer();
            self.decoder.decode(&packet, &mut |segment: Segment<'_>| {
                let shard = shard_of(&segment, shards);
                if let Some(part) = parts.get_mut(shard % workers) {
                    part.push(Item::new(shard, segment, buffer));
                }
            });
        }
        // One of them passes on what carries no segment.
        let mut link_frames = self.decoder.take_link_frames();
        let part = |items| {
            let (packets, keys) = (Arc::clone(&packets), keys.cloned());
            Work { packets, keys, items, link_frames: std::mem::take(&mut link_frames), through }
        };
        parts.into_iter().map(part).collect()
    }
}
