//! The correlator of a live run: events of all workers in the order of their time, records at once.
//!
//! Owns: how long one worker may hold back the events of others, when incidents are told, when lines are flushed.
//! Never does: the making of records, which is `crate::correlate`.
//!
//! Each worker says how far in packet time it has come, or that its source is idle. An event is taken once no worker can bring an
//! earlier one: a worker that is busy holds back what is later than the packet it is at; an idle one nothing older than
//! [`REORDER_NS`], in which the kernel has surely handed over what it had; and none more than [`PATIENCE_NS`]. A transfer whose
//! containers are still being unpacked holds back nothing: it is taken when it is known.

use super::board::{Board, RecordFigures, locked};
use super::clock::{self, EventClock, Monotonic};
use super::{Correlation, RecordSink};
use crate::correlate::Recorder;
use crate::event::{Event, Merge, Report, Stamped};
use crate::{InternalNetworks, Record, SinkError};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use egret_context::Context;
use egret_detect::SignatureSet;
use egret_identity::People;
use egret_model::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Packet time within which the kernel hands over what it has received, nanoseconds (30 ms).
const REORDER_NS: u64 = 30_000_000;
/// Time for which a worker that is stuck may hold back the others, nanoseconds (1 s).
const PATIENCE_NS: i64 = 1_000_000_000;
/// Nanoseconds between the marks by which that time is told (50 ms).
const MARK_NS: i64 = 50_000_000;
/// Longest wait for a message.
const TICK: Duration = Duration::from_millis(20);
/// Nanoseconds between flushes while messages keep coming (50 ms).
const FLUSH_NS: i64 = 50_000_000;
/// Nanoseconds between two times at which incidents are told (1 s), so that one that grows fast is not told for each transfer.
const INCIDENT_NS: i64 = 1_000_000_000;
/// Nanoseconds between two times at which habits are kept for a later run (10 min): losing so much of weeks matters little.
const HABITS_NS: i64 = 600_000_000_000;
/// Nanoseconds between figures (100 ms).
const FIGURES_NS: i64 = 100_000_000;
/// Transfers whose latency is measured at one flush; more than come between two.
const MEASURED: usize = 1 << 16;

/// What reaches the correlator.
pub(super) enum Message {
    Report(LiveReport),
    People(Box<(InternalNetworks, Arc<People>)>),
    Signatures(Arc<SignatureSet>),
    Context(Arc<Context>),
}

/// What a worker reports.
pub(super) struct LiveReport {
    pub(super) worker: usize,
    pub(super) through: Through,
    pub(super) events: Vec<Stamped>,
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Through {
    /// To the packet in this place of event order.
    Packet(u64),
    /// To whatever had come to its source by now.
    Idle,
}

pub(super) struct LiveCorrelator<'a> {
    recorder: Recorder,
    merge: Merge,
    sink: &'a mut dyn RecordSink,
    board: &'a Board,
    clock: Monotonic,
    events: EventClock,
    /// What packet time it was when: monotonic nanoseconds and event time, the oldest first, [`PATIENCE_NS`] of it.
    marks: VecDeque<(i64, u64)>,
    figures: RecordFigures,
    /// Times of the packets that ended the transfers not flushed yet.
    unflushed: Vec<Timestamp>,
    dirty: bool,
    flushed: i64,
    incidents_told: i64,
    told: i64,
    habits_kept: i64,
}

impl<'a> LiveCorrelator<'a> {
    pub(super) fn new(
        recorder: Recorder,
        merge: Merge,
        sink: &'a mut dyn RecordSink,
        board: &'a Board,
        clock: Monotonic,
    ) -> Self {
        Self {
            recorder,
            merge,
            sink,
            board,
            clock,
            events: EventClock::default(),
            marks: VecDeque::new(),
            figures: RecordFigures::default(),
            unflushed: Vec::new(),
            dirty: false,
            flushed: 0,
            incidents_told: -INCIDENT_NS,
            told: 0,
            habits_kept: 0,
        }
    }

    /// Takes messages until all workers have gone, then closes everything.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Report(report)) => self.report(report),
                Ok(Message::People(people)) => self.recorder.replace_people(people.0, &people.1),
                Ok(Message::Signatures(signatures)) => self.recorder.replace_signatures(signatures),
                Ok(Message::Context(context)) => self.recorder.replace_context(context),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = self.clock.nanos();
            self.pass_time(now);
            if messages.is_empty() || now - self.flushed >= FLUSH_NS {
                self.flush(now);
            }
            self.keep_habits(now);
            self.figures.queued = (messages.len(), messages.capacity().unwrap_or_default());
            self.tell(now);
        }
        self.finish();
    }

    fn report(&mut self, LiveReport { worker, through, events }: LiveReport) {
        let now = self.clock.nanos();
        let through = match through {
            Through::Packet(place) => {
                if place != u64::MAX {
                    self.events.hear(place, now);
                }
                place
            }
            Through::Idle => self.events.now(now).unwrap_or_default().saturating_sub(REORDER_NS),
        };
        let mut due = Vec::new();
        self.merge.report(Report { worker, through, events }, &mut |at, event| due.push((at, event)));
        self.take(due);
    }

    /// Releases what has been held back for long enough, by a worker or for evidence.
    fn pass_time(&mut self, now: i64) {
        let Some(event) = self.events.now(now) else { return };
        if self.marks.back().is_none_or(|(at, _)| now - at >= MARK_NS) {
            self.marks.push_back((now, event));
        }
        let mut due = Vec::new();
        while let Some((at, event)) = self.marks.front().copied()
            && now - at >= PATIENCE_NS
        {
            self.marks.pop_front();
            self.merge.give_up_waiting(event, &mut |at, event| due.push((at, event)));
        }
        self.merge.look_again(&mut |at, event| due.push((at, event)));
        self.take(due);
        let at = Timestamp::from_nanos(i64::try_from(self.merge.certain()).unwrap_or(i64::MAX));
        self.correlate(|recorder, sink| recorder.pass_time(at, sink));
        if now - self.incidents_told >= INCIDENT_NS {
            let mut told = false;
            self.correlate(|recorder, sink| {
                recorder.tell_incidents(&mut |record| {
                    told = true;
                    sink(record)
                })
            });
            if told {
                self.incidents_told = now;
            }
        }
    }

    fn take(&mut self, due: Vec<(Timestamp, Event)>) {
        for (at, event) in due {
            if matches!(event, Event::Transfer(_)) && self.unflushed.len() < MEASURED {
                self.unflushed.push(at);
            }
            self.correlate(|recorder, sink| recorder.take(at, event, sink));
        }
    }

    /// Lets the recorder make records and writes them. One that cannot be written is counted; the sensor goes on.
    fn correlate(
        &mut self,
        work: impl FnOnce(&mut Recorder, crate::correlate::Sink<'_>) -> Result<(), SinkError>,
    ) {
        let Self { recorder, sink, figures, dirty, .. } = self;
        let outcome = work(recorder, &mut |record| {
            *dirty = true;
            figures.count(record);
            if let Err(error) = sink.record(record) {
                figures.lose(&error);
            }
            Ok(())
        });
        if let Err(error) = outcome {
            figures.lose(&error);
        }
    }

    fn flush(&mut self, now: i64) {
        self.flushed = now;
        let wall = clock::wall();
        if let Err(error) = self.sink.flush(wall) {
            self.figures.lose(&error);
        }
        if std::mem::take(&mut self.dirty) {
            for at in self.unflushed.drain(..) {
                self.figures.latency.observe(wall.since(at));
            }
        }
    }

    fn keep_habits(&mut self, now: i64) {
        if now - self.habits_kept < HABITS_NS {
            return;
        }
        self.habits_kept = now;
        if let Err(error) = self.sink.keep_habits(&self.recorder.habits()) {
            tracing::warn!(%error, "the habits of users and hosts cannot be kept for a later run");
        }
    }

    fn tell(&mut self, now: i64) {
        if now - self.told >= FIGURES_NS {
            self.told = now;
            self.figures.incidents = self.recorder.incidents();
            self.figures.unrecorded = (self.merge.waiting() + self.recorder.held()) as u64;
            self.figures.beat = clock::wall();
            locked(&self.board.records).clone_from(&self.figures);
        }
    }

    fn finish(mut self) {
        let mut due = Vec::new();
        self.merge.give_up_waiting(u64::MAX, &mut |at, event| due.push((at, event)));
        self.take(due);
        let Self { recorder, sink, mut figures, board, .. } = self;
        if let Err(error) = sink.keep_habits(&recorder.habits()) {
            tracing::warn!(%error, "the habits of users and hosts cannot be kept for a later run");
        }
        figures.incidents = recorder.incidents();
        let outcome = recorder.finish(&mut |record| {
            figures.count(record);
            if let Err(error) = sink.record(record) {
                figures.lose(&error);
            }
            Ok(())
        });
        if let Err(error) = outcome.map(drop).and_then(|()| sink.flush(clock::wall())) {
            figures.lose(&error);
        }
        figures.unrecorded = 0;
        figures.beat = clock::wall();
        locked(&board.records).clone_from(&figures);
    }
}

impl RecordFigures {
    fn count(&mut self, record: Record<'_>) {
        match record {
            Record::Transfer(_) => self.transfers += 1,
            Record::Finding(finding) => {
                self.findings += 1;
                match self.by_signature.get_mut(&finding.signature) {
                    Some(count) => *count += 1,
                    None => drop(self.by_signature.insert(finding.signature.clone(), 1)),
                }
            }
            Record::Sighting(_) => self.sightings += 1,
            Record::Incident(_) => {} // one incident is told many times
        }
    }

    fn lose(&mut self, error: &SinkError) {
        if self.lost == 0 {
            tracing::error!(%error, "records cannot be written; they are counted as lost until they can");
        }
        self.lost += 1;
    }
}

impl Correlation {
    pub(super) fn recorder(self, captures: Vec<String>, began: Timestamp) -> Recorder {
        let Self { limits, internal, signatures, people, context, habits } = self;
        let mut recorder =
            Recorder::new(&limits, &internal, signatures, people, context, captures).of_run(began);
        if let Some(habits) = habits
            && !recorder.take_up_habits(&habits)
        {
            tracing::warn!(
                "the habits that an earlier run has left cannot be read: what is usual is learnt anew"
            );
        }
        recorder
    }
}
