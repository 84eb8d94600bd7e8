//! The dispatcher: reads, decodes, shards.
//!
//! Owns: the loop over the input. Never does: anything per flow; threads and channels, which are behind [`Lanes`].

use crate::replay::Progress;
use crate::secrets::Secrets;
use crate::work::{Item, Work};
use egret_capture::{Inputs, PacketBatch};
use egret_decode::{Cause, Decoder, shard_of};
use egret_model::{Limits, Segment, Summary, Uninspected};
use egret_protocol::KeyLog;
use std::sync::Arc;

/// The ways to the workers.
pub(crate) trait Lanes {
    /// How many there are.
    fn workers(&self) -> usize;
    /// The memory of a batch that has been worked on, if there is one.
    fn spare(&mut self) -> Option<PacketBatch>;
    /// Hands its part of a batch to a worker.
    fn send(&mut self, worker: usize, work: Work) -> Result<(), Gone>;
}

/// A worker takes no more: the run is given up.
pub(crate) struct Gone;

/// Hands every segment to the worker that owns its shard.
pub(crate) struct Dispatcher {
    decoder: Decoder,
    shards: usize,
    /// The last batch, where nobody needs it any more.
    spare: Option<PacketBatch>,
    secrets: Secrets,
    summary: Summary,
}

impl Dispatcher {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut decoder = Decoder::new(&limits.decode);
        decoder.keep_link_frames();
        Self {
            decoder,
            shards: limits.pipeline.shards.max(1),
            spare: None,
            secrets: Secrets::default(),
            summary: Summary::default(),
        }
    }

    /// Reads the input to its end. Stops early when a worker has gone.
    pub(crate) fn run(
        mut self,
        inputs: &mut Inputs,
        lanes: &mut dyn Lanes,
        progress: &mut dyn FnMut(Progress),
    ) -> Summary {
        let watched = inputs.progress();
        loop {
            let mut batch = self.spare.take().or_else(|| lanes.spare()).unwrap_or_default();
            if !inputs.next_batch(&mut batch) {
                break;
            }
            progress(Progress { consumed: watched.consumed(), total: watched.total() });
            // In force for all packets of the present batch, so that it makes no difference how many workers share them.
            let keys = self.secrets.read(inputs.secrets());
            if self.dispatch(batch, keys.as_ref(), lanes).is_err() {
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

    fn dispatch(
        &mut self,
        batch: PacketBatch,
        keys: Option<&KeyLog>,
        lanes: &mut dyn Lanes,
    ) -> Result<(), Gone> {
        let packets = Arc::new(batch);
        let (shards, workers) = (self.shards, lanes.workers());
        let mut parts: Vec<Vec<Item>> = (0..workers).map(|_| Vec::new()).collect();
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
        let mut link_frames = self.decoder.take_link_frames();
        for (worker, items) in parts.into_iter().enumerate() {
            let (packets, keys) = (Arc::clone(&packets), keys.cloned());
            let link_frames = std::mem::take(&mut link_frames);
            lanes.send(worker, Work { packets, keys, items, link_frames, through })?;
        }
        self.spare = Arc::into_inner(packets);
        Ok(())
    }
}
