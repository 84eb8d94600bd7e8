//! The dispatcher: reads, decodes, shards.
//!
//! Owns: the loop over the input. Never does: anything per flow.

use crate::replay::Progress;
use crate::work::{Item, Work};
use crossbeam_channel::{Receiver, Sender};
use egret_capture::{Inputs, PacketBatch};
use egret_decode::{Cause, Decoder, shard_of};
use egret_model::{Limits, Segment, Summary, Uninspected};
use std::sync::Arc;

/// Hands every segment to the worker that owns its shard.
pub(crate) struct Dispatcher {
    decoder: Decoder,
    shards: usize,
    queues: Vec<Sender<Work>>,
    spent: Receiver<PacketBatch>,
    summary: Summary,
}

impl Dispatcher {
    pub(crate) fn new(limits: &Limits, queues: Vec<Sender<Work>>, spent: Receiver<PacketBatch>) -> Self {
        Self {
            decoder: Decoder::new(&limits.decode),
            shards: limits.pipeline.shards.max(1),
            queues,
            spent,
            summary: Summary::default(),
        }
    }

    /// Reads the input to its end, then hangs up. Stops early when a worker has gone.
    pub(crate) fn run(mut self, inputs: &mut Inputs, progress: &mut dyn FnMut(Progress)) -> Summary {
        let watched = inputs.progress();
        loop {
            let mut batch = self.spent.try_recv().unwrap_or_default();
            if !inputs.next_batch(&mut batch) {
                break;
            }
            progress(Progress { consumed: watched.consumed(), total: watched.total() });
            if self.dispatch(batch).is_err() {
                break;
            }
        }
        self.decoder.finish();
        self.summary.coverage.merge(&self.decoder.take_coverage());
        let names: Vec<&str> = inputs.names().collect();
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
        for problem in inputs.problems() {
            self.summary.problems.push(problem.to_string());
            self.summary.coverage.add(Uninspected::Gap, problem.lost_bytes());
        }
        self.summary
    }

    fn dispatch(&mut self, batch: PacketBatch) -> Result<(), crossbeam_channel::SendError<Work>> {
        let packets = Arc::new(batch);
        let mut parts: Vec<Vec<Item>> = self.queues.iter().map(|_| Vec::new()).collect();
        let (shards, workers) = (self.shards, self.queues.len());
        let mut through = None;
        for packet in packets.packets() {
            through = Some(packet.reference.ordinal);
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
        let Some(through) = through else { return Ok(()) };
        for (queue, items) in self.queues.iter().zip(parts) {
            queue.send(Work { packets: Arc::clone(&packets), items, through })?;
        }
        Ok(())
    }
}
