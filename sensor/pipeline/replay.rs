//! A replay: captures in, records out.
//!
//! Owns: the threads and channels of a replay, and its summary. Never does: the work of any stage.

use crate::config::ReplayConfig;
use crate::correlate::Recorder;
use crate::crew::{Crew, Outcome};
use crate::dispatch::Dispatcher;
use crate::shard::ShardTotals;
use crate::unpack::{Pool, Unpacker};
use crate::work::Worker;
use crate::{Record, SinkError};
use egret_capture::Inputs;
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

/// Replays captures on `config.workers` threads, which read, inspect and record by turns. Containers are unpacked beside them, where a processor is left. The same inputs and configuration give the same records in the same order at any number of
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
        let dispatcher = Dispatcher::new(inputs, &config.limits, progress);
        let crew = Crew::new(workers, &config.limits.pipeline, dispatcher, recorder, sink);
        let shards = run_crew(&crew, workers, config, pool.as_ref())?;
        let outcome = crew.finish().ok_or(ReplayError::Defect("inspection"))?.map_err(ReplayError::Sink)?;
        match pool {
            Some(pool) if pool.has_failed() => Err(ReplayError::Defect("unpacking")),
            _ => Ok(replayed(outcome, &shards)),
        }
    })
}

/// Runs every worker on a thread of its own; what the shards have come to.
fn run_crew(
    crew: &Crew<'_>,
    workers: usize,
    config: &ReplayConfig,
    pool: Option<&Pool>,
) -> Result<Vec<ShardTotals>, ReplayError> {
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(workers);
        for index in 0..workers {
            let signatures = Arc::clone(&config.signatures);
            let worker = Worker::new((index, workers), &config.limits, signatures, pool.cloned());
            let thread = thread::Builder::new()
                .name(format!("worker-{index}"))
                .stack_size(WORKER_STACK_BYTES)
                .spawn_scoped(scope, move || crew.work(index, worker))
                // Nobody is to wait for one that is not there.
                .inspect_err(|_| crew.end())
                .map_err(ReplayError::Thread)?;
            threads.push(thread);
        }
        let mut shards = Vec::new();
        for thread in threads {
            shards.extend(thread.join().map_err(|_| ReplayError::Defect("inspection"))?);
        }
        Ok(shards)
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

/// Adds to what the dispatcher counted what came behind it.
fn replayed(outcome: Outcome, shards: &[ShardTotals]) -> Replayed {
    let Outcome { mut summary, totals: records, incidents } = outcome;
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
