//! The threads that take packets from sources: a lane inspects them itself, a dispatcher hands them to workers.
//!
//! Owns: the loops over a source, the graceful end. Never does: inspection; the order of events.

use super::board::{Board, TakerFigures};
use super::clock::{self, Monotonic};
use super::hand::{Alone, Hand};
use crate::work::{Item, Work};
use crossbeam_channel::{Receiver, Sender};
use egret_capture::PacketBatch;
use egret_capture::live::{LiveError, LiveSource, Turn};
use egret_decode::{Decoder, shard_of};
use egret_model::{Packet, PacketRef, Segment, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Nanoseconds between looks at the kernel's counts.
const COUNTS_NS: i64 = 50_000_000;
/// Nanoseconds that a source has to give what the kernel had accepted when the run was stopped.
const DRAIN_NS: i64 = 10_000_000_000;

/// Takes packets from one source.
pub(super) struct Taker {
    source: Box<dyn LiveSource>,
    decoder: Decoder,
    index: usize,
    sources: usize,
    board: Arc<Board>,
    clock: Monotonic,
    figures: TakerFigures,
    counted: i64,
    stopped: Option<i64>,
}

/// What came of a wait for packets.
enum Came {
    Packets,
    Nothing,
    /// News of an interface, which says nothing of packets.
    News,
    TheEnd,
}

impl Taker {
    pub(super) fn new(
        source: Box<dyn LiveSource>,
        mut decoder: Decoder,
        (index, sources): (usize, usize),
        board: Arc<Board>,
        clock: Monotonic,
    ) -> Self {
        decoder.keep_link_frames();
        let figures = TakerFigures { beat: clock::wall(), ..TakerFigures::default() };
        Self { source, decoder, index, sources, board, clock, figures, counted: 0, stopped: None }
    }

    /// Waits for packets, for at most `wait`. Once the run is to stop, takes only what the kernel had accepted by then.
    fn take(&mut self, batch: &mut PacketBatch, wait: Duration) -> Result<Came, LiveError> {
        let now = self.clock.nanos();
        if self.stopped.is_none() && self.board.stopping() {
            self.stopped = Some(now);
            self.source.stop();
        }
        if self.stopped.is_some_and(|since| now - since > DRAIN_NS) {
            tracing::warn!(
                source = self.index,
                "the kernel's buffer was not emptied in time; what is in it is lost"
            );
            return Ok(Came::TheEnd);
        }
        let came = match self.source.next_batch(batch, wait)? {
            Turn::Packets => Came::Packets,
            Turn::Idle => Came::Nothing,
            Turn::Down { interface, reason } => {
                self.board.tell_interface(&interface, Some(&reason));
                Came::News
            }
            Turn::Up { interface } => {
                self.board.tell_interface(&interface, None);
                Came::News
            }
            Turn::Ended => Came::TheEnd,
        };
        self.tell(false);
        Ok(came)
    }

    /// Where a packet stands in the run: its place in event order, and a number that no other source uses.
    fn reference(&self, packet: &Packet<'_>, place: u64) -> PacketRef {
        let number = self.figures.packets * self.sources as u64 + self.index as u64;
        PacketRef { ordinal: place, capture: packet.reference.capture, number }
    }

    fn count(&mut self, packet: &Packet<'_>) {
        self.figures.packets += 1;
        self.figures.bytes += packet.data.len() as u64;
        self.figures.first_at = self.figures.first_at.or(Some(packet.at));
        self.figures.last_at = self.figures.last_at.max(Some(packet.at));
    }

    fn tell(&mut self, last: bool) {
        let now = self.clock.nanos();
        if last || now - self.counted >= COUNTS_NS {
            self.counted = now;
            self.figures.kernel = self.source.counters();
            self.figures.coverage.merge(&self.decoder.take_coverage());
            self.figures.beat = clock::wall();
            self.board.tell_taker(self.index, &self.figures);
        }
    }

    fn finish(&mut self) {
        self.decoder.finish();
        self.tell(true);
    }

    /// Takes packets and inspects them on this thread, until the run is stopped.
    pub(super) fn run_lane(mut self, mut hand: Hand, wait: Duration) -> Result<(), LiveError> {
        let mut batch = PacketBatch::default();
        let outcome = loop {
            let went_on = match self.take(&mut batch, wait) {
                Ok(Came::Packets) => self.inspect(&batch, &mut hand),
                Ok(Came::Nothing) => hand.idle(),
                Ok(Came::News) => Ok(()),
                Ok(Came::TheEnd) => break Ok(()),
                Err(error) => break Err(error),
            };
            if went_on.is_err() {
                break Ok(());
            }
        };
        self.finish();
        hand.finish();
        outcome
    }

    fn inspect(&mut self, batch: &PacketBatch, hand: &mut Hand) -> Result<(), Alone> {
        hand.prepare(batch.packet(0).map(|packet| packet.at));
        let mut last_at = Timestamp::EPOCH;
        for packet in batch.packets() {
            let reference = self.reference(&packet, Hand::place_of(&mut hand.place, packet.at));
            let packet = Packet { reference, ..packet };
            self.decoder.decode(&packet, &mut |segment| hand.worker.segment(&segment));
            self.count(&packet);
            self.figures.done += 1;
            last_at = last_at.max(packet.at);
        }
        hand.worker.link_frames(self.decoder.take_link_frames());
        hand.report(last_at)
    }

    /// Takes packets and hands their segments to the workers that own their shards, until the run is stopped.
    pub(super) fn run_dispatcher(
        mut self,
        shards: usize,
        queues: &[Sender<Job>],
        spent: &Receiver<PacketBatch>,
        wait: Duration,
    ) -> Result<(), LiveError> {
        let mut place = 0;
        let outcome = loop {
            let mut batch = spent.try_recv().unwrap_or_default();
            match self.take(&mut batch, wait) {
                Ok(Came::Packets) => {
                    if self.dispatch(batch, shards, queues, &mut place).is_err() {
                        break Ok(());
                    }
                }
                // A queue that is full has something else to do.
                Ok(Came::Nothing) => queues.iter().for_each(|queue| drop(queue.try_send(Job::Idle))),
                Ok(Came::News) => {}
                Ok(Came::TheEnd) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.finish();
        outcome
    }

    fn dispatch(
        &mut self,
        batch: PacketBatch,
        shards: usize,
        queues: &[Sender<Job>],
        place: &mut u64,
    ) -> Result<(), Alone> {
        let packets = Arc::new(batch);
        let mut parts: Vec<Vec<Item>> = queues.iter().map(|_| Vec::new()).collect();
        let mut last_at = Timestamp::EPOCH;
        for packet in packets.packets() {
            let reference = self.reference(&packet, Hand::place_of(place, packet.at));
            let packet = Packet { reference, ..packet };
            let mut handed_on = false;
            self.decoder.decode(&packet, &mut |segment: Segment<'_>| {
                let shard = shard_of(&segment, shards);
                if let Some(part) = parts.get_mut(shard % queues.len()) {
                    part.push(Item::new(shard, segment, packets.buffer()));
                    handed_on = true;
                }
            });
            self.count(&packet);
            self.figures.done += u64::from(!handed_on);
            last_at = last_at.max(packet.at);
        }
        let mut link_frames = self.decoder.take_link_frames();
        for (queue, items) in queues.iter().zip(parts) {
            let (packets, link_frames) = (Arc::clone(&packets), std::mem::take(&mut link_frames));
            let work = Work { packets, keys: None, items, link_frames, through: *place };
            queue.send(Job::Work(work, last_at)).map_err(|_| Alone)?;
        }
        Ok(())
    }
}

/// What a dispatcher hands to a worker.
pub(super) enum Job {
    /// Segments, and the time of the last packet of their batch.
    Work(Work, Timestamp),
    /// Nothing has come for a moment.
    Idle,
}

/// Inspects what the dispatcher hands over, until it hangs up.
pub(super) fn run_worker(mut hand: Hand, jobs: &Receiver<Job>, spent: &Sender<PacketBatch>) {
    for job in jobs {
        let went_on = match job {
            Job::Work(Work { packets, keys: _, items, link_frames, through }, last_at) => {
                hand.prepare(items.first().map(Item::at));
                hand.worker.link_frames(link_frames);
                hand.done += items.len() as u64;
                hand.worker.items(&packets, items);
                if let Some(batch) = Arc::into_inner(packets) {
                    let _ = spent.try_send(batch);
                }
                hand.place = hand.place.max(through);
                hand.queued = Some((jobs.len(), jobs.capacity().unwrap_or_default()));
                hand.report(last_at)
            }
            Job::Idle => hand.idle(),
        };
        if went_on.is_err() {
            return;
        }
    }
    hand.finish();
}
