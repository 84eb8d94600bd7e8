//! A replay: captures in, records out.
//!
//! Owns: the threads and channels of a replay, and its summary. Never does: the work of any stage.

use crate::alone::Alone;
use crate::config::ReplayConfig;
use crate::correlate::{RecordTotals, Recorder, Sink};
use crate::dispatch::{Dispatcher, Gone, Lanes};
use crate::event::{Merge, Report};
use crate::shard::ShardTotals;
use crate::unpack::{Pool, Unpacker};
use crate::work::{Work, Worker};
use crate::{Record, SinkError};
use crossbeam_channel::{Receiver, Sender, bounded};
use egret_capture::{Inputs, PacketBatch};
use egret_model::{Incident, Summary};
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use thiserror::Error;

/// Stack of a worker, bytes (16 MiB, of which the system gives only what is used): mails nest a hundred deep, and each level is a few
/// calls.
pub(crate) const WORKER_STACK_BYTES: usize = 16 << 20;

/// How far a replay has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes of the input consumed, as stored (compressed captures count compressed).
    pub consumed: u64,
    /// Bytes of the input in all; None for a stream.
    pub total: Option<u64>,
}

/// What a replay came to.
#[derive(Debug)]
pub struct Replayed {
    /// Counts and the coverage ledger.
    pub summary: Summary,
    /// Incidents, the most urgent first.
    pub incidents: Vec<Incident>,
}

/// Why a replay was given up. Damaged input is no reason: it is told in [`Summary::problems`].
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The records could not be written.
    #[error("{0}")]
    Sink(SinkError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}; fewer --workers may help")]
    Thread(std::io::Error),
    /// A defect of Egret.
    #[error(
        "internal error in the {0}: this is a defect of egret, please report it with the capture; the records written so far are incomplete"
    )]
    Defect(&'static str),
}

/// Replays captures: reads, decodes and shards on this thread, inspects on `config.workers` others, correlates on one more; with
/// one worker, all that on one thread. Containers are unpacked beside them, where a processor is left. The same inputs and configuration give the same records in the same order at any number of
/// workers.
pub fn replay(
    inputs: &mut Inputs,
    config: &ReplayConfig,
    progress: &mut (dyn FnMut(Progress) + Send),
    sink: &mut (dyn FnMut(Record<'_>) -> Result<(), SinkError> + Send),
) -> Result<Replayed, ReplayError> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    // With a processor for each worker and no more, unpacking elsewhere would only move work about.
    let spare = processors.saturating_sub(config.workers.max(1));
    replay_with(inputs, config, config.limits.pipeline.unpackers.min(spare), progress, sink)
}

/// The same with so many threads that unpack containers.
pub(crate) fn replay_with(
    inputs: &mut Inputs,
    config: &ReplayConfig,
    unpackers: usize,
    progress: &mut (dyn FnMut(Progress) + Send),
    sink: &mut (dyn FnMut(Record<'_>) -> Result<(), SinkError> + Send),
) -> Result<Replayed, ReplayError> {
    let workers = config.workers.clamp(1, config.limits.pipeline.shards.max(1));
    let captures = inputs.names().map(str::to_owned).collect();
    let recorder = Recorder::new(
        &config.limits,
        &config.internal,
        Arc::clone(&config.signatures),
        Arc::clone(&config.people),
        Arc::clone(&config.context),
        captures,
    );
    thread::scope(|scope| {
        let pool = if unpackers > 0 { Some(start_pool(scope, config, unpackers)?) } else { None };
        let replayed = match workers {
            1 => replay_alone(inputs, config, pool.clone(), recorder, progress, sink),
            _ => replay_many(inputs, config, (workers, pool.clone()), recorder, progress, sink),
        }?;
        match pool {
            Some(pool) if pool.has_failed() => Err(ReplayError::Defect("unpacking")),
            _ => Ok(replayed),
        }
    })
}

/// Starts the threads that unpack containers; they end with the last way to them.
fn start_pool<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    config: &'scope ReplayConfig,
    unpackers: usize,
) -> Result<Pool, ReplayError> {
    let (pool, unpacker) = Pool::new(&config.limits.pipeline);
    for index in 0..unpackers {
        let unpacker: Unpacker = unpacker.clone();
        thread::Builder::new()
            .name(format!("unpacker-{index}"))
            .stack_size(WORKER_STACK_BYTES)
            .spawn_scoped(scope, move || unpacker.run(&config.signatures, &config.limits.detect))
            .map_err(ReplayError::Thread)?;
    }
    Ok(pool)
}

/// A replay with a thread for each of several workers.
fn replay_many(
    inputs: &mut Inputs,
    config: &ReplayConfig,
    (workers, pool): (usize, Option<Pool>),
    recorder: Recorder,
    progress: &mut (dyn FnMut(Progress) + Send),
    sink: &mut (dyn FnMut(Record<'_>) -> Result<(), SinkError> + Send),
) -> Result<Replayed, ReplayError> {
    thread::scope(|scope| {
        let (report_in, report_out) =
            bounded::<Report>(workers * config.limits.pipeline.queue_batches.max(1));
        let (spent_in, spent_out) = bounded(workers * config.limits.pipeline.queue_batches.max(1));
        let mut queues = Vec::with_capacity(workers);
        let mut threads = Vec::with_capacity(workers);
        for index in 0..workers {
            let (work_in, work_out) = bounded(config.limits.pipeline.queue_batches.max(1));
            let signatures = Arc::clone(&config.signatures);
            let worker = Worker::new((index, workers), &config.limits, signatures, pool.clone());
            let (reports, spent) = (report_in.clone(), spent_in.clone());
            let thread = thread::Builder::new()
                .name(format!("worker-{index}"))
                .stack_size(WORKER_STACK_BYTES)
                .spawn_scoped(scope, move || worker.run(&work_out, &reports, &spent))
                .map_err(ReplayError::Thread)?;
            queues.push(work_in);
            threads.push(thread);
        }
        drop((report_in, spent_in));
        let correlator = thread::Builder::new()
            .name("correlator".to_owned())
            .spawn_scoped(scope, move || correlate(&report_out, workers, recorder, sink))
            .map_err(ReplayError::Thread)?;
        let mut lanes = Queues { work: queues, spent: spent_out };
        let summary = Dispatcher::new(&config.limits).run(inputs, &mut lanes, progress);
        // Behind the hang-up the workers finish and end, then the correlator.
        drop(lanes);
        let mut shards = Vec::new();
        for thread in threads {
            shards.extend(thread.join().map_err(|_| ReplayError::Defect("inspection"))?);
        }
        let (totals, incidents) =
            correlator.join().map_err(|_| ReplayError::Defect("correlation"))?.map_err(ReplayError::Sink)?;
        Ok(replayed(summary, &shards, totals, incidents))
    })
}

/// A replay on one thread, of its own for the sake of its stack.
fn replay_alone(
    inputs: &mut Inputs,
    config: &ReplayConfig,
    pool: Option<Pool>,
    recorder: Recorder,
    progress: &mut (dyn FnMut(Progress) + Send),
    sink: &mut (dyn FnMut(Record<'_>) -> Result<(), SinkError> + Send),
) -> Result<Replayed, ReplayError> {
    let worker = Worker::new((0, 1), &config.limits, Arc::clone(&config.signatures), pool);
    let run = move || {
        let mut alone = Alone::new(worker, recorder, sink);
        let summary = Dispatcher::new(&config.limits).run(inputs, &mut alone, progress);
        let (shards, totals, incidents) = alone.finish()?;
        Ok(replayed(summary, &shards, totals, incidents))
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("worker-0".to_owned())
            .stack_size(WORKER_STACK_BYTES)
            .spawn_scoped(scope, run)
            .map_err(ReplayError::Thread)?;
        thread.join().map_err(|_| ReplayError::Defect("inspection"))?.map_err(ReplayError::Sink)
    })
}

/// The ways to workers on threads of their own.
struct Queues {
    work: Vec<Sender<Work>>,
    spent: Receiver<PacketBatch>,
}

impl Lanes for Queues {
    fn workers(&self) -> usize {
        self.work.len()
    }

    fn spare(&mut self) -> Option<PacketBatch> {
        self.spent.try_recv().ok()
    }

    fn send(&mut self, worker: usize, work: Work) -> Result<(), Gone> {
        self.work.get(worker).ok_or(Gone)?.send(work).map_err(|_| Gone)
    }
}

/// Adds to what the dispatcher counted what came behind it.
fn replayed(
    mut summary: Summary,
    shards: &[ShardTotals],
    records: RecordTotals,
    incidents: Vec<Incident>,
) -> Replayed {
    for totals in shards {
        summary.coverage.merge(&totals.coverage);
        summary.flows += totals.flows;
        summary.inconsistent_overlaps += totals.inconsistent_overlaps;
    }
    summary.transfers = records.transfers;
    summary.findings = records.findings;
    summary.sightings = records.sightings;
    summary.excepted = records.excepted;
    summary.expired_exceptions = records.expired;
    if records.forgotten_days > 0 {
        summary.problems.push(format!(
            "{} sums over a sender's day were given up for want of room: low and slow senders may be missed",
            records.forgotten_days
        ));
    }
    summary.incidents = incidents.len() as u64;
    Replayed { summary, incidents }
}

fn correlate(
    reports: &Receiver<Report>,
    workers: usize,
    mut recorder: Recorder,
    sink: Sink<'_>,
) -> Result<(RecordTotals, Vec<Incident>), SinkError> {
    let mut merge = Merge::new(workers);
    for report in reports {
        let mut outcome = Ok(());
        merge.report(report, &mut |at, event| {
            if outcome.is_ok() {
                outcome = recorder.take(at, event, sink);
            }
        });
        outcome?;
    }
    recorder.finish(sink)
}
