//! What the threads of a live run tell of themselves, and what they are told.
//!
//! Owns: figures by thread, the state of interfaces, the request to stop, the signatures and keys in force. Never does: work on packets.

use super::clock;
use crate::load::Load;
use crate::shard::ShardTotals;
use arc_swap::ArcSwap;
use egret_capture::live::KernelCounters;
use egret_detect::SignatureSet;
use egret_model::{
    Coverage, InFlight, InterfaceState, Latency, PacketAccount, QueueDepth, ShedPackets, Summary, Timestamp,
    Vitals,
};
use egret_protocol::KeyLog;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by all threads of a run.
pub(super) struct Board {
    stop: AtomicBool,
    /// Packets that the kernel dropped, all sources together.
    pub(super) dropped: AtomicU64,
    pub(super) signatures: ArcSwap<SignatureSet>,
    pub(super) keys: ArcSwap<KeyLog>,
    takers: Vec<Mutex<TakerFigures>>,
    workers: Vec<Mutex<WorkerFigures>>,
    interfaces: Mutex<Vec<InterfaceState>>,
    pub(super) records: Mutex<RecordFigures>,
    began: Timestamp,
}

/// What a thread that takes packets from a source counts.
#[derive(Clone, Debug, Default)]
pub(super) struct TakerFigures {
    pub(super) kernel: KernelCounters,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Of the packets, those that did not go to a worker's queue: they are done.
    pub(super) done: u64,
    pub(super) coverage: Coverage,
    pub(super) first_at: Option<Timestamp>,
    pub(super) last_at: Option<Timestamp>,
    pub(super) beat: Timestamp,
}

/// What a thread that inspects counts.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkerFigures {
    pub(super) totals: ShardTotals,
    /// Packets inspected out of a queue.
    pub(super) done: u64,
    pub(super) shed: u64,
    pub(super) load: Load,
    pub(super) queued: Option<(usize, usize)>,
    pub(super) beat: Timestamp,
}

/// What the correlator counts.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordFigures {
    pub(super) transfers: u64,
    pub(super) findings: u64,
    pub(super) sightings: u64,
    pub(super) incidents: u64,
    pub(super) unrecorded: u64,
    pub(super) lost: u64,
    pub(super) by_signature: BTreeMap<String, u64>,
    pub(super) latency: Latency,
    pub(super) queued: (usize, usize),
    pub(super) beat: Timestamp,
}

impl Board {
    pub(super) fn new(
        sources: usize,
        workers: usize,
        interfaces: &[String],
        signatures: Arc<SignatureSet>,
        keys: KeyLog,
    ) -> Self {
        let began = clock::wall();
        let state = |name: &String| InterfaceState {
            name: name.clone(),
            up: false,
            reason: "not opened yet".to_owned(),
        };
        let taker = TakerFigures { beat: began, ..TakerFigures::default() };
        let worker = WorkerFigures { beat: began, ..WorkerFigures::default() };
        let records = RecordFigures { beat: began, ..RecordFigures::default() };
        Self {
            stop: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            signatures: ArcSwap::new(signatures),
            keys: ArcSwap::from_pointee(keys),
            takers: (0..sources).map(|_| Mutex::new(taker.clone())).collect(),
            workers: (0..workers).map(|_| Mutex::new(worker.clone())).collect(),
            interfaces: Mutex::new(interfaces.iter().map(state).collect()),
            records: Mutex::new(records),
            began,
        }
    }

    pub(super) const fn began(&self) -> Timestamp {
        self.began
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn tell_taker(&self, index: usize, figures: &TakerFigures) {
        if let Some(place) = self.takers.get(index) {
            let mut place = locked(place);
            let news = figures.kernel.dropped.saturating_sub(place.kernel.dropped);
            self.dropped.fetch_add(news, Ordering::Relaxed);
            place.clone_from(figures);
        }
    }

    pub(super) fn tell_worker(&self, index: usize, figures: &WorkerFigures) {
        if let Some(place) = self.workers.get(index) {
            locked(place).clone_from(figures);
        }
    }

    /// An interface went up, or down for a reason.
    pub(super) fn tell_interface(&self, name: &str, down: Option<&str>) {
        match down {
            Some(reason) => tracing::warn!(interface = name, reason, "interface is down; waiting for it"),
            None => tracing::info!(interface = name, "interface is up"),
        }
        let mut interfaces = locked(&self.interfaces);
        if let Some(state) = interfaces.iter_mut().find(|state| state.name == name) {
            state.up = down.is_none();
            state.reason = down.unwrap_or_default().to_owned();
        }
    }

    /// The load of the worker that bears the least.
    #[cfg(test)]
    pub(super) fn lightest_load(&self) -> Load {
        self.workers.iter().map(|worker| locked(worker).load).min().unwrap_or_default()
    }

    /// Everything told so far, put together.
    pub(super) fn vitals(&self) -> Vitals {
        let mut summary = Summary::default();
        let (mut kernel, mut done, mut shed) = (KernelCounters::default(), 0, 0);
        let mut totals = ShardTotals::default();
        let mut load = Load::Normal;
        let mut queues = Vec::new();
        let mut beat = Timestamp::MAX;
        for taker in &self.takers {
            let figures = locked(taker);
            kernel.add(&figures.kernel);
            summary.packets += figures.packets;
            summary.bytes += figures.bytes;
            summary.coverage.merge(&figures.coverage);
            summary.first_at = earlier(summary.first_at, figures.first_at);
            summary.last_at = summary.last_at.max(figures.last_at);
            done += figures.done;
            beat = beat.min(figures.beat);
        }
        for (index, worker) in self.workers.iter().enumerate() {
            let figures = locked(worker);
            totals.add(&figures.totals);
            done += figures.done;
            shed += figures.shed;
            load = load.max(figures.load);
            if let Some((depth, capacity)) = figures.queued {
                queues.push(queue(format!("worker-{index}"), depth, capacity));
            }
            beat = beat.min(figures.beat);
        }
        let records = locked(&self.records).clone();
        queues.push(queue("correlator".to_owned(), records.queued.0, records.queued.1));
        summary.coverage.merge(&totals.coverage);
        summary.flows = totals.flows;
        summary.inconsistent_overlaps = totals.inconsistent_overlaps;
        summary.transfers = records.transfers;
        summary.findings = records.findings;
        summary.sightings = records.sightings;
        summary.incidents = records.incidents;
        let processed = done.saturating_sub(shed);
        let given = processed + shed + kernel.dropped;
        Vitals {
            summary,
            packet_account: PacketAccount {
                received: kernel.received,
                processed,
                dropped_by_kernel: kernel.dropped,
                shed: ShedPackets { new_flows: shed },
                waiting: kernel.received.saturating_sub(given),
                dropped_by_interface: kernel.dropped_by_interface,
            },
            in_flight: InFlight {
                flows: totals.open_flows,
                transfers: totals.open_transfers,
                unrecorded: records.unrecorded,
                reassembly_bytes: totals.held_bytes,
            },
            load: load.to_string(),
            interfaces: locked(&self.interfaces).clone(),
            findings_by_signature: records.by_signature.into_iter().collect(),
            queues,
            latency: records.latency,
            records_lost: records.lost,
            last_beat: Some(beat.min(records.beat)),
        }
    }
}

/// Figures stay readable after a thread has died with them in its hands: each is written whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn queue(name: String, depth: usize, capacity: usize) -> QueueDepth {
    QueueDepth { queue: name, depth: depth as u64, capacity: capacity as u64 }
}
