//! A worker of a live run, whoever gives it its packets.
//!
//! Owns: its place in event order, its load, its reports and figures. Never does: taking packets.

use super::board::{Board, WorkerFigures};
use super::clock::{self, EventClock, Monotonic};
use super::correlate::{LiveReport, Message, Through};
use crate::load::{Load, LoadWatch, OverloadPolicy};
use crate::shard::ShardTotals;
use crate::work::Worker;
use crossbeam_channel::Sender;
use egret_detect::SignatureSet;
use egret_model::Timestamp;
use egret_protocol::KeyLog;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Nanoseconds between reports of a worker that has nothing to tell but how far it has come.
const REPORT_NS: i64 = 5_000_000;
/// Nanoseconds between looks at what has been idle for too long.
const IDLE_NS: i64 = 250_000_000;
/// Nanoseconds between figures.
const FIGURES_NS: i64 = 100_000_000;

pub(super) struct Hand {
    pub(super) worker: Worker,
    index: usize,
    board: Arc<Board>,
    reports: Sender<Message>,
    clock: Monotonic,
    events: EventClock,
    watch: LoadWatch,
    load: Load,
    dropped: u64,
    signatures: Arc<SignatureSet>,
    keys: Arc<KeyLog>,
    /// Place of the last packet in event order: its time in nanoseconds, made unique.
    pub(super) place: u64,
    last_at: Timestamp,
    /// Packets inspected out of a queue.
    pub(super) done: u64,
    pub(super) queued: Option<(usize, usize)>,
    reported: i64,
    aged: i64,
    told: i64,
}

/// The correlator has gone: the run is over.
pub(super) struct Alone;

impl Hand {
    pub(super) fn new(
        mut worker: Worker,
        index: usize,
        board: Arc<Board>,
        reports: Sender<Message>,
        policy: &OverloadPolicy,
        clock: Monotonic,
    ) -> Self {
        let signatures = board.signatures.load_full();
        let keys = board.keys.load_full();
        worker.use_keys(Some(&keys));
        Self {
            worker,
            index,
            board,
            reports,
            clock,
            events: EventClock::default(),
            watch: LoadWatch::new(policy.clone()),
            load: Load::Normal,
            dropped: 0,
            signatures,
            keys,
            place: 0,
            last_at: Timestamp::EPOCH,
            done: 0,
            queued: None,
            reported: 0,
            aged: 0,
            told: 0,
        }
    }

    /// Before packets of which the first was captured at `first_at`: the load is weighed, new signatures and keys are taken up.
    pub(super) fn prepare(&mut self, first_at: Option<Timestamp>) {
        let lag = first_at.map(|at| clock::wall().since(at));
        let dropped = self.board.dropped.load(Ordering::Relaxed);
        let load = self.watch.observe(self.clock.nanos(), lag, dropped.saturating_sub(self.dropped));
        self.dropped = dropped;
        if load != self.load {
            self.load = load;
            self.worker.bear(load);
            match load {
                Load::Normal => {
                    tracing::info!(worker = self.index, "overload is over: everything is inspected again");
                }
                Load::Strained => {
                    tracing::warn!(
                        worker = self.index,
                        dropped,
                        "overload: large containers are not unpacked"
                    );
                }
                Load::Shedding => {
                    tracing::warn!(worker = self.index, dropped, "overload: new flows are not followed");
                }
            }
        }
        let signatures = self.board.signatures.load();
        if !Arc::ptr_eq(&signatures, &self.signatures) {
            self.signatures = Arc::clone(&signatures);
            self.worker.put_in_force(&self.signatures);
        }
        let keys = self.board.keys.load();
        if !Arc::ptr_eq(&keys, &self.keys) {
            self.keys = Arc::clone(&keys);
            self.worker.use_keys(Some(&self.keys));
        }
    }

    /// The place in event order of a packet captured at `at`: never before, nor at, that of an earlier packet.
    #[inline]
    pub(super) fn place_of(place: &mut u64, at: Timestamp) -> u64 {
        *place = place.saturating_add(1).max(at.nanos().max(0).cast_unsigned());
        *place
    }

    /// After packets, the last of which was captured at `last_at`.
    pub(super) fn report(&mut self, last_at: Timestamp) -> Result<(), Alone> {
        let now = self.clock.nanos();
        self.last_at = self.last_at.max(last_at);
        self.events.hear(self.last_at.nanos().max(0).cast_unsigned(), now);
        if now - self.aged >= IDLE_NS {
            self.aged = now;
            let place = Self::place_of(&mut self.place, self.last_at);
            self.worker.pass_time(place, self.last_at);
        }
        let events = self.worker.take_events();
        if !events.is_empty() || now - self.reported >= REPORT_NS {
            self.reported = now;
            self.send(Through::Packet(self.place), events)?;
        }
        self.tell(now, false);
        Ok(())
    }

    /// Nothing has come for a moment.
    pub(super) fn idle(&mut self) -> Result<(), Alone> {
        let now = self.clock.nanos();
        self.prepare(None);
        if now - self.aged >= IDLE_NS {
            self.aged = now;
            if let Some(event) = self.events.now(now) {
                let at = Timestamp::from_nanos(i64::try_from(event).unwrap_or(i64::MAX));
                let place = Self::place_of(&mut self.place, at);
                self.worker.pass_time(place, at);
            }
        }
        let events = self.worker.take_events();
        self.send(Through::Idle, events)?;
        self.tell(now, false);
        Ok(())
    }

    /// No packet will come: everything is closed.
    pub(super) fn finish(mut self) {
        let mut events = Vec::new();
        self.worker.finish(&mut |_, of_shard| events.extend(of_shard));
        let _ = self.send(Through::Packet(u64::MAX), events);
        self.tell(self.clock.nanos(), true);
    }

    fn send(&self, through: Through, events: Vec<crate::event::Stamped>) -> Result<(), Alone> {
        let report = LiveReport { worker: self.index, through, events };
        self.reports.send(Message::Report(report)).map_err(|_| Alone)
    }

    fn tell(&mut self, now: i64, last: bool) {
        if !last && now - self.told < FIGURES_NS {
            return;
        }
        self.told = now;
        let mut totals = ShardTotals::default();
        for shard in self.worker.totals() {
            totals.add(&shard);
        }
        if last {
            (totals.open_flows, totals.open_transfers, totals.held_bytes) = (0, 0, 0);
        }
        let figures = WorkerFigures {
            totals,
            done: self.done,
            shed: self.worker.shed_packets(),
            load: self.load,
            queued: self.queued,
            beat: clock::wall(),
        };
        self.board.tell_worker(self.index, &figures);
    }
}
