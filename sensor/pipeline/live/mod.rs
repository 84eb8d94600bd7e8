//! A live run: packets from interfaces in, records out, until it is stopped.
//!
//! Owns: the threads and channels of a live run, and what is known of it while it runs. Never does: the work of any stage; opening of
//! interfaces or files; signals.
//!
//! Where the kernel spreads packets over as many sources as there are workers, each worker takes its own packets and runs them to
//! completion (a *lane*). Where there is one source for several workers, a dispatcher decodes and shards, as in a replay. One
//! correlator takes the events of all workers in the order of their time.
//!
//! ```text
//! source -> lane (decode, inspect)        -+
//! source -> lane                          -+-> correlator -> RecordSink
//! source -> dispatcher -> worker, worker  -+
//! ```
//!
//! Containers are unpacked by threads of their own (`pipeline/unpack.rs`).

mod aside;
mod board;
mod clock;
mod correlate;
mod hand;
mod lane;
#[cfg(test)]
mod tests;

pub use aside::{Aside, Keeper, OwnedRecord};

use crate::event::Merge;
use crate::unpack::Pool;
use crate::work::Worker;
use crate::{InternalNetworks, KeyLog, OverloadPolicy, Record, SinkError};
use board::Board;
use clock::Monotonic;
use correlate::{LiveCorrelator, Message};
use crossbeam_channel::{Sender, bounded};
use egret_capture::live::{LiveError, LiveSource};
use egret_context::Context;
use egret_decode::Decoder;
use egret_detect::SignatureSet;
use egret_identity::People;
use egret_model::{Limits, Timestamp, Vitals};
use hand::Hand;
use lane::{Taker, run_worker};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thiserror::Error;

/// Stack of a thread that inspects, bytes (16 MiB, of which the system gives only what is used): mails nest a hundred deep.
const STACK_BYTES: usize = 16 << 20;
/// Reports that wait for the correlator, for each worker.
const REPORTS: usize = 256;
/// Longest wait of a source for packets: how late a worker notices that it is idle, is to stop, or has new signatures.
const WAIT: Duration = Duration::from_millis(20);

/// What a live run needs to know beyond its sources.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// Limits of every stage.
    pub limits: Limits,
    /// Which addresses are inside.
    pub internal: InternalNetworks,
    /// Who has which address, as told by the operator.
    pub people: Arc<People>,
    /// What is looked for at the start.
    pub signatures: Arc<SignatureSet>,
    /// What the organisation knows of itself.
    pub context: Arc<Context>,
    /// Secrets of TLS connections, where they are told; connections that begin before theirs are wait a moment for them. None: all
    /// that is sealed stays so.
    pub keys: Option<KeyLog>,
    /// Habits that an earlier run has left ([`RecordSink::keep_habits`]).
    pub habits: Option<Vec<u8>>,
    /// The interfaces, in the order of their indices in packets.
    pub interfaces: Vec<String>,
    /// Threads that inspect where there is one source for all; with more sources, each has one.
    pub workers: usize,
    /// What is given up under overload, and when.
    pub overload: OverloadPolicy,
}

/// What the correlator works by.
struct Correlation {
    limits: Limits,
    internal: InternalNetworks,
    signatures: Arc<SignatureSet>,
    people: Arc<People>,
    context: Arc<Context>,
    habits: Option<Vec<u8>>,
}

/// Where the records of a live run go; called by one thread.
pub trait RecordSink: Send {
    /// Takes a record. An error counts the record as lost; the run goes on.
    fn record(&mut self, record: Record<'_>) -> Result<(), SinkError>;

    /// Takes the habits of users and hosts, for a later run to go on with. Called now and then, and at the end.
    fn keep_habits(&mut self, habits: &[u8]) -> Result<(), SinkError>;

    /// Makes all records visible to others. Called soon after records have come, and at least every 50 ms; `now` is the wall clock's.
    fn flush(&mut self, now: Timestamp) -> Result<(), SinkError>;
}

/// Why a live run could not start, or ended though nobody stopped it.
#[derive(Debug, Error)]
pub enum RunError {
    /// A thread could not be started.
    #[error("cannot start a thread: {0}; fewer workers may help")]
    Thread(std::io::Error),
    /// A source failed for good.
    #[error("{0}")]
    Source(#[from] LiveError),
    /// A defect of Egret.
    #[error(
        "internal error in the {0}: this is a defect of egret, please report it; the traffic being inspected then is lost"
    )]
    Defect(&'static str),
}

/// Tells what is known of a run, for as long as anybody asks.
#[derive(Clone)]
pub struct LiveView(Arc<Board>);

impl LiveView {
    /// The same as [`LiveRun::vitals`].
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        self.0.vitals()
    }
}

/// A live run under way.
pub struct LiveRun {
    board: Arc<Board>,
    messages: Sender<Message>,
    takers: Vec<JoinHandle<Result<(), LiveError>>>,
    workers: Vec<JoinHandle<()>>,
    /// The way to those who unpack, for as long as workers are started; and they.
    pool: Option<Pool>,
    unpackers: Vec<JoinHandle<()>>,
    correlator: JoinHandle<()>,
}

impl LiveRun {
    /// Starts to inspect what `sources` give.
    pub fn start(
        sources: Vec<Box<dyn LiveSource>>,
        config: &LiveConfig,
        sink: Box<dyn RecordSink>,
    ) -> Result<Self, RunError> {
        let dispatched = sources.len() == 1 && config.workers > 1;
        let workers =
            if dispatched { config.workers.min(config.limits.pipeline.shards.max(1)) } else { sources.len() };
        let board = Arc::new(Board::new(
            sources.len(),
            workers,
            &config.interfaces,
            Arc::clone(&config.signatures),
            config.keys.clone().unwrap_or_default(),
        ));
        let clock = Monotonic::start();
        let (messages, received) = bounded(REPORTS * workers.max(1));
        let correlator = {
            let board = Arc::clone(&board);
            let correlation = Correlation {
                limits: config.limits.clone(),
                internal: config.internal.clone(),
                signatures: Arc::clone(&config.signatures),
                people: Arc::clone(&config.people),
                context: Arc::clone(&config.context),
                habits: config.habits.clone(),
            };
            let recorder = correlation.recorder(config.interfaces.clone(), board.began());
            let mut sink = sink;
            let merge = Merge::live(workers, &config.limits.pipeline);
            named("correlator", move || {
                LiveCorrelator::new(recorder, merge, sink.as_mut(), &board, clock).run(&received);
            })?
        };
        let mut run = Self {
            board,
            messages,
            takers: Vec::new(),
            workers: Vec::new(),
            pool: None,
            unpackers: Vec::new(),
            correlator,
        };
        let started = if let Err(error) = run.unpackers(config) {
            Err(error)
        } else if dispatched {
            sources.into_iter().next().map_or(Ok(()), |source| run.dispatch(source, config, workers, clock))
        } else {
            run.lanes(sources, config, clock)
        };
        match started {
            Ok(()) => Ok(run),
            Err(error) => {
                run.stop();
                let _ = run.join();
                Err(error)
            }
        }
    }

    /// Starts the threads that unpack containers.
    fn unpackers(&mut self, config: &LiveConfig) -> Result<(), RunError> {
        let limits = &config.limits;
        if limits.pipeline.unpackers == 0 {
            return Ok(());
        }
        let (pool, unpacker) = Pool::new(&limits.pipeline);
        for index in 0..limits.pipeline.unpackers {
            let (unpacker, detect) = (unpacker.clone(), limits.detect.clone());
            let signatures = Arc::clone(&config.signatures);
            let work = move || unpacker.run(&signatures, &detect);
            self.unpackers.push(named(&format!("unpacker-{index}"), work)?);
        }
        self.pool = Some(pool);
        Ok(())
    }

    /// Each source is inspected by a thread of its own.
    fn lanes(
        &mut self,
        sources: Vec<Box<dyn LiveSource>>,
        config: &LiveConfig,
        clock: Monotonic,
    ) -> Result<(), RunError> {
        let count = sources.len();
        let mut limits = config.limits.clone();
        limits.pipeline.shards = count;
        for (index, source) in sources.into_iter().enumerate() {
            let hand = self.hand(index, count, &limits, config, clock);
            let decoder = Decoder::new(&limits.decode);
            let taker = Taker::new(source, decoder, (index, count), Arc::clone(&self.board), clock);
            self.takers.push(named(&format!("lane-{index}"), move || taker.run_lane(hand, WAIT))?);
        }
        Ok(())
    }

    /// One source is spread over workers by a dispatcher.
    fn dispatch(
        &mut self,
        source: Box<dyn LiveSource>,
        config: &LiveConfig,
        workers: usize,
        clock: Monotonic,
    ) -> Result<(), RunError> {
        let limits = &config.limits;
        let capacity = limits.pipeline.queue_batches.max(1);
        let (spent_in, spent_out) = bounded(workers * capacity);
        let mut queues = Vec::with_capacity(workers);
        for index in 0..workers {
            let (jobs_in, jobs_out) = bounded(capacity);
            let hand = self.hand(index, workers, limits, config, clock);
            let spent = spent_in.clone();
            queues.push(jobs_in);
            self.workers
                .push(named(&format!("worker-{index}"), move || run_worker(hand, &jobs_out, &spent))?);
        }
        let decoder = Decoder::new(&limits.decode);
        let taker = Taker::new(source, decoder, (0, 1), Arc::clone(&self.board), clock);
        let shards = limits.pipeline.shards.max(1);
        self.takers
            .push(named("dispatcher", move || taker.run_dispatcher(shards, &queues, &spent_out, WAIT))?);
        Ok(())
    }

    fn hand(
        &self,
        index: usize,
        workers: usize,
        limits: &Limits,
        config: &LiveConfig,
        clock: Monotonic,
    ) -> Hand {
        let signatures = Arc::clone(&config.signatures);
        let mut worker = Worker::new((index, workers), limits, signatures, self.pool.clone());
        if config.keys.is_some() {
            worker.expect_keys();
        }
        Hand::new(worker, index, Arc::clone(&self.board), self.messages.clone(), &config.overload, clock)
    }

    /// Puts other signatures in force for everything that begins from now on. What is being scanned ends with those it began with.
    pub fn put_in_force(&self, signatures: Arc<SignatureSet>) {
        // When the correlator has gone, the run is over, and nobody needs them.
        let _ = self.messages.send(Message::Signatures(Arc::clone(&signatures)));
        self.board.signatures.store(signatures);
    }

    /// Opens TLS connections with these secrets from now on, also those that have waited for them.
    pub fn use_keys(&self, keys: KeyLog) {
        self.board.keys.store(Arc::new(keys));
    }

    /// Changes who has which address and which addresses are inside, for transfers that are recorded from now on. False when
    /// the run is over.
    pub fn replace_people(&self, internal: InternalNetworks, people: Arc<People>) -> bool {
        self.messages.send(Message::People(Box::new((internal, people)))).is_ok()
    }

    /// Changes what the organisation knows of itself, for what is judged from now on. False when the run is over.
    pub fn replace_context(&self, context: Arc<Context>) -> bool {
        self.messages.send(Message::Context(context)).is_ok()
    }

    /// What is known of the run now; figures of the threads are at most a tenth of a second old while they are not stuck.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        self.board.vitals()
    }

    /// A view for whoever tells others of the run.
    #[must_use]
    pub fn view(&self) -> LiveView {
        LiveView(Arc::clone(&self.board))
    }

    /// Wall-clock time at which the run began.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.board.began()
    }

    /// True when a thread has ended though nobody asked it to: [`Self::join`] tells why.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.correlator.is_finished()
            || self.takers.iter().any(JoinHandle::is_finished)
            || self.workers.iter().any(JoinHandle::is_finished)
            || self.pool.as_ref().is_some_and(Pool::has_failed)
    }

    /// Asks the run to end: what the kernel has accepted by now is still inspected, and everything open is closed and recorded.
    pub fn stop(&self) {
        self.board.stop();
    }

    /// Waits for the end, and tells what it came to.
    pub fn join(self) -> Result<Vitals, RunError> {
        let Self { board, messages, takers, workers, pool, unpackers, correlator } = self;
        // If one has failed, the others end as well.
        let mut outcome = Ok(());
        for taker in takers {
            let ended = taker.join().map_or(Err(RunError::Defect("inspection")), |ended| Ok(ended?));
            board.stop();
            outcome = outcome.and(ended);
        }
        for worker in workers {
            outcome = outcome.and(worker.join().map_err(|_| RunError::Defect("inspection")));
        }
        if pool.is_some_and(|pool| pool.has_failed()) {
            outcome = outcome.and(Err(RunError::Defect("unpacking")));
        }
        for unpacker in unpackers {
            outcome = outcome.and(unpacker.join().map_err(|_| RunError::Defect("unpacking")));
        }
        drop(messages);
        outcome = outcome.and(correlator.join().map_err(|_| RunError::Defect("correlation")));
        outcome.map(|()| board.vitals())
    }
}

fn named<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(work).map_err(RunError::Thread)
}
