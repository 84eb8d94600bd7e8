//! A replay on one thread: what the threads of a larger one do, in turn.
//!
//! Owns: the order of those turns. Never does: anything that they do not do as well.
//!
//! A batch is read, inspected and recorded while it is in the processor's cache, and nobody waits for anybody.

use crate::SinkError;
use crate::correlate::{RecordTotals, Recorder, Sink};
use crate::dispatch::{Gone, Lanes};
use crate::event::{Merge, Report, Stamped};
use crate::shard::ShardTotals;
use crate::work::{Work, Worker};
use egret_capture::PacketBatch;
use egret_model::Incident;

/// The only worker and the correlator behind it.
pub(crate) struct Alone<'a> {
    worker: Worker,
    outlet: Outlet<'a>,
}

/// The way from events to records.
struct Outlet<'a> {
    merge: Merge,
    recorder: Recorder,
    sink: Sink<'a>,
    outcome: Result<(), SinkError>,
}

impl<'a> Alone<'a> {
    /// `worker` must own all shards.
    pub(crate) fn new(worker: Worker, recorder: Recorder, sink: Sink<'a>) -> Self {
        Self { worker, outlet: Outlet { merge: Merge::new(1), recorder, sink, outcome: Ok(()) } }
    }

    /// The end of input: closes everything.
    pub(crate) fn finish(self) -> Result<(Vec<ShardTotals>, RecordTotals, Vec<Incident>), SinkError> {
        let Self { mut worker, mut outlet } = self;
        worker.finish(&mut |through, events| outlet.record(through, events));
        outlet.outcome?;
        let (totals, incidents) = outlet.recorder.finish(outlet.sink)?;
        Ok((worker.totals().collect(), totals, incidents))
    }
}

impl Outlet<'_> {
    /// Records what has come up, every packet up to `through` having been worked on.
    fn record(&mut self, through: u64, events: Vec<Stamped>) {
        let Self { merge, recorder, sink, outcome } = self;
        merge.report(Report { worker: 0, through, events }, &mut |at, event| {
            if outcome.is_ok() {
                *outcome = recorder.take(at, event, sink);
            }
        });
    }
}

impl Lanes for Alone<'_> {
    fn workers(&self) -> usize {
        1
    }

    fn spare(&mut self) -> Option<PacketBatch> {
        None
    }

    fn send(&mut self, _: usize, work: Work) -> Result<(), Gone> {
        self.worker.use_keys(work.keys.as_ref());
        self.worker.link_frames(work.link_frames);
        self.worker.items(&work.packets, work.items);
        let events = self.worker.take_events();
        self.outlet.record(work.through, events);
        if self.outlet.outcome.is_ok() { Ok(()) } else { Err(Gone) }
    }
}
