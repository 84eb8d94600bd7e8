//! The workers of a replay, who share all of its work: whoever has nothing left to inspect reads on for everybody, and whoever comes first
//! makes records for everybody.
//!
//! Owns: whose turn it is. Never does: the work of any stage; threads, which are started by `replay`.
//!
//! Threads of their own for reading and for recording would be more threads than processors, and take the processor from those that
//! inspect a thousand times a second, each time with what stands in its cache. With one worker there is one thread, and a batch is
//! read, inspected and recorded while it is in the cache.
//!
//! Nobody waits for nothing: whoever finds nothing in its queue waits while another one reads, or while a queue is full, whose worker has
//! work then; whoever finds another one recording goes on, and the other sees what it left. A worker that dies ends the input for all.

use crate::correlate::{RecordTotals, Recorder};
use crate::dispatch::Dispatcher;
use crate::event::{Merge, Report};
use crate::shard::ShardTotals;
use crate::work::{Work, Worker};
use crate::{Record, SinkError};
use egret_capture::PacketBatch;
use egret_model::{Incident, PipelineLimits, Summary};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};

/// What the workers of one replay share.
pub(crate) struct Crew<'a> {
    feed: Mutex<Feed<'a>>,
    /// There is something in a queue, room in one, or nothing more to come.
    news: Condvar,
    reports: Mutex<Vec<Report>>,
    outlet: Mutex<Outlet<'a>>,
    /// Batches that a queue holds.
    batches: usize,
    /// Reports that may wait for whoever records; beyond, a worker waits too.
    most_reports: usize,
    workers: usize,
}

/// The way from the input to the queues.
struct Feed<'a> {
    /// None while somebody reads.
    dispatcher: Option<Dispatcher<'a>>,
    /// Of each worker.
    queues: Vec<VecDeque<Work>>,
    /// Memory of batches that have been worked on.
    spare: Vec<PacketBatch>,
    ended: bool,
}

/// Where records go, whoever makes them.
pub(crate) type SharedSink<'a> = &'a mut (dyn FnMut(Record<'_>) -> Result<(), SinkError> + Send);

/// The way from events to records.
struct Outlet<'a> {
    merge: Merge,
    recorder: Recorder,
    sink: SharedSink<'a>,
    outcome: Result<(), SinkError>,
}

/// The run is given up.
struct Gone;

/// What a replay has come to.
pub(crate) struct Outcome {
    pub(crate) summary: Summary,
    pub(crate) totals: RecordTotals,
    pub(crate) incidents: Vec<Incident>,
}

impl<'a> Crew<'a> {
    /// A crew of so many workers.
    pub(crate) fn new(
        workers: usize,
        limits: &PipelineLimits,
        dispatcher: Dispatcher<'a>,
        recorder: Recorder,
        sink: SharedSink<'a>,
    ) -> Self {
        let queues = (0..workers).map(|_| VecDeque::new()).collect();
        let feed = Feed { dispatcher: Some(dispatcher), queues, spare: Vec::new(), ended: false };
        let outlet = Outlet { merge: Merge::new(workers, limits), recorder, sink, outcome: Ok(()) };
        Self {
            feed: Mutex::new(feed),
            news: Condvar::new(),
            reports: Mutex::default(),
            outlet: Mutex::new(outlet),
            batches: limits.queue_batches.max(1),
            most_reports: limits.waiting_reports * workers,
            workers,
        }
    }

    /// Works to the end of the input, then closes everything. Ends early when records are not taken any more.
    pub(crate) fn work(&self, index: usize, mut worker: Worker) -> Vec<ShardTotals> {
        let _leaving = Leaving(self);
        while let Some(Work { packets, keys, items, link_frames, through }) = self.next(index) {
            worker.use_keys(keys.as_ref());
            worker.link_frames(link_frames);
            worker.items(&packets, items);
            // The last worker to finish a batch gives its buffer back.
            if let Some(batch) = Arc::into_inner(packets) {
                self.give_back(batch);
            }
            let events = worker.take_events();
            if self.report(Report { worker: index, through, events }).is_err() {
                return Vec::new();
            }
        }
        worker.finish(&mut |through, events| {
            // When the run is given up, there is no one to tell.
            let _ = self.report(Report { worker: index, through, events });
        });
        worker.totals().collect()
    }

    /// The next work of a worker; None at the end. Reads on where there is none.
    fn next(&self, index: usize) -> Option<Work> {
        let mut feed = locked(&self.feed);
        loop {
            let queue = feed.queues.get_mut(index)?;
            let was_full = queue.len() >= self.batches;
            if let Some(work) = queue.pop_front() {
                drop(feed);
                if was_full {
                    self.news.notify_all();
                }
                return Some(work);
            }
            if feed.ended {
                return None;
            }
            let room = feed.queues.iter().all(|queue| queue.len() < self.batches);
            feed = match feed.dispatcher.take_if(|_| room) {
                Some(dispatcher) => self.read(dispatcher, feed),
                None => self.news.wait(feed).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Reads a batch for everybody, while others may take from their queues.
    fn read<'b>(
        &'b self,
        mut dispatcher: Dispatcher<'a>,
        mut feed: MutexGuard<'b, Feed<'a>>,
    ) -> MutexGuard<'b, Feed<'a>> {
        let memory = feed.spare.pop().unwrap_or_default();
        drop(feed);
        let parts = dispatcher.next(self.workers, memory);
        let mut feed = locked(&self.feed);
        feed.ended |= parts.is_none();
        for (queue, work) in feed.queues.iter_mut().zip(parts.into_iter().flatten()) {
            queue.push_back(work);
        }
        feed.dispatcher = Some(dispatcher);
        self.news.notify_all();
        feed
    }

    /// Nothing more is read.
    pub(crate) fn end(&self) {
        locked(&self.feed).ended = true;
        self.news.notify_all();
    }

    fn give_back(&self, batch: PacketBatch) {
        let mut feed = locked(&self.feed);
        if feed.spare.len() < self.batches {
            feed.spare.push(batch);
        }
    }

    /// Hands in what a worker has come to, and records what there is if nobody else does.
    fn report(&self, report: Report) -> Result<(), Gone> {
        let waiting = {
            let mut reports = locked(&self.reports);
            reports.push(report);
            reports.len()
        };
        loop {
            let outlet = if waiting > self.most_reports {
                self.outlet.lock().map_err(TryLockError::from)
            } else {
                self.outlet.try_lock()
            };
            let mut outlet = match outlet {
                Ok(outlet) => outlet,
                // Whoever has it looks for more once it has let go of it.
                Err(TryLockError::WouldBlock) => return Ok(()),
                Err(TryLockError::Poisoned(_)) => return Err(Gone),
            };
            let reports = std::mem::take(&mut *locked(&self.reports));
            reports.into_iter().for_each(|report| outlet.record(report));
            if outlet.outcome.is_err() {
                return Err(Gone);
            }
            drop(outlet);
            if locked(&self.reports).is_empty() {
                return Ok(());
            }
        }
    }

    /// What it came to, once every worker has ended. None: one of them has died in the middle of its turn.
    pub(crate) fn finish(self) -> Option<Result<Outcome, SinkError>> {
        let summary = self.feed.into_inner().ok()?.dispatcher?.finish();
        let Outlet { recorder, sink, outcome, .. } = self.outlet.into_inner().ok()?;
        let finished = outcome.and_then(|()| recorder.finish(sink));
        Some(finished.map(|(totals, incidents)| Outcome { summary, totals, incidents }))
    }
}

/// A worker leaves when all is done; or before, and then nobody is to wait for it.
struct Leaving<'b, 'a>(&'b Crew<'a>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What is locked here is changed in one step, so that whoever died has left it whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outlet<'_> {
    fn record(&mut self, report: Report) {
        let Self { merge, recorder, sink, outcome } = self;
        merge.report(report, &mut |at, event| {
            if outcome.is_ok() {
                *outcome = recorder.take(at, event, sink);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{config, demo};
    use crate::{Record, ReplayConfig, ReplayError, replay};
    use egret_capture::Inputs;
    use egret_detect::SignatureSet;
    use std::sync::Arc;

    /// Replays in batches of a few packets; the sink takes so many records. Every record, in words, or why there are not all.
    fn replayed(config: &ReplayConfig, most: usize) -> Result<Vec<String>, ReplayError> {
        let mut inputs = Inputs::open(&[demo()], &config.limits.capture);
        let mut records = Vec::new();
        let mut sink = |record: Record<'_>| {
            records.push(format!("{record:?}"));
            if records.len() > most { Err("full".into()) } else { Ok(()) }
        };
        let replayed = replay(&mut inputs, config, &mut |_| {}, &mut sink)?;
        records.push(format!("{:?}", replayed.summary));
        Ok(records)
    }

    fn narrow(workers: usize, batches: usize) -> ReplayConfig {
        let signatures = Arc::new(SignatureSet::from_texts(&[]).0);
        let mut config = config(&signatures, 1 << 20, workers);
        config.limits.capture.block_bytes = 600;
        config.limits.pipeline.queue_batches = batches;
        config
    }

    #[test]
    fn turns_are_taken_to_the_end_whoever_is_the_quicker() {
        let one = replayed(&narrow(1, 8), usize::MAX).expect("it is replayed");
        for (workers, batches) in [(2, 1), (3, 1), (5, 2), (16, 8)] {
            for turn in 0..20 {
                let many = replayed(&narrow(workers, batches), usize::MAX).expect("it is replayed");
                assert!(many == one, "turn {turn} with {workers} workers");
            }
        }
    }

    #[test]
    fn a_sink_that_takes_no_more_ends_the_run() {
        for workers in [1, 2, 5] {
            for most in [0, 1, 7] {
                let outcome = replayed(&narrow(workers, 1), most);
                assert!(matches!(outcome, Err(ReplayError::Sink(_))), "{workers} workers, {most} records");
            }
        }
    }
}
