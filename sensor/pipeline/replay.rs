//! A replay: captures in, records out.
//!
//! Owns: the threads and channels of a replay, and its summary. Never does: the work of any stage.

use crate::config::ReplayConfig;
use crate::correlate::{Recorder, Sink};
use crate::dispatch::Dispatcher;
use crate::event::{Merge, Report};
use crate::work::Worker;
use crate::{Record, SinkError};
use crossbeam_channel::{Receiver, bounded};
use egret_capture::Inputs;
use egret_model::{Incident, Summary};
use std::sync::Arc;
use std::thread;
use thiserror::Error;

/// Stack of a worker, bytes (16 MiB, of which the system gives only what is used): mails nest a hundred deep, and each level is a few
/// calls.
const WORKER_STACK_BYTES: usize = 16 << 20;

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

/// Replays captures: reads, decodes and shards on this thread, inspects on `config.workers` others, correlates on one more. The
/// same inputs and configuration give the same records in the same order at any number of workers.
pub fn replay(
    inputs: &mut Inputs,
    config: &ReplayConfig,
    progress: &mut dyn FnMut(Progress),
    sink: &mut (dyn FnMut(Record<'_>) -> Result<(), SinkError> + Send),
) -> Result<Replayed, ReplayError> {
    let workers = config.workers.clamp(1, config.limits.pipeline.shards.max(1));
    let captures = inputs.names().map(str::to_owned).collect();
    thread::scope(|scope| {
        let (report_in, report_out) =
            bounded::<Report>(workers * config.limits.pipeline.queue_batches.max(1));
        let (spent_in, spent_out) = bounded(workers * config.limits.pipeline.queue_batches.max(1));
        let mut queues = Vec::with_capacity(workers);
        let mut threads = Vec::with_capacity(workers);
        for index in 0..workers {
            let (work_in, work_out) = bounded(config.limits.pipeline.queue_batches.max(1));
            let worker = Worker::new(index, workers, &config.limits, config.signatures.clone());
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
        let recorder = Recorder::new(
            &config.limits,
            &config.internal,
            Arc::clone(&config.signatures),
            config.plan.clone(),
            captures,
        );
        let correlator = thread::Builder::new()
            .name("correlator".to_owned())
            .spawn_scoped(scope, move || correlate(&report_out, workers, recorder, sink))
            .map_err(ReplayError::Thread)?;
        let mut summary = Dispatcher::new(&config.limits, queues, spent_out).run(inputs, progress);
        // The dispatcher has hung up: the workers finish and end, then the correlator.
        for thread in threads {
            for totals in thread.join().map_err(|_| ReplayError::Defect("inspection"))? {
                summary.coverage.merge(&totals.coverage);
                summary.flows += totals.flows;
                summary.inconsistent_overlaps += totals.inconsistent_overlaps;
            }
        }
        let (totals, incidents) =
            correlator.join().map_err(|_| ReplayError::Defect("correlation"))?.map_err(ReplayError::Sink)?;
        summary.transfers = totals.transfers;
        summary.findings = totals.findings;
        summary.sightings = totals.sightings;
        summary.excepted = totals.excepted;
        summary.expired_exceptions = totals.expired;
        if totals.forgotten_days > 0 {
            summary.problems.push(format!(
                "{} sums over a sender's day were given up for want of room: low and slow senders may be missed",
                totals.forgotten_days
            ));
        }
        summary.incidents = incidents.len() as u64;
        Ok(Replayed { summary, incidents })
    })
}

fn correlate(
    reports: &Receiver<Report>,
    workers: usize,
    mut recorder: Recorder,
    sink: Sink<'_>,
) -> Result<(crate::correlate::RecordTotals, Vec<Incident>), SinkError> {
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
