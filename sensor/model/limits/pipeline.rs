//! Limits of the `pipeline` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `pipeline` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineLimits {
    /// Shards of the address-pair space. State is per shard, so that records do not depend on the worker count. Default 16.
    pub shards: usize,
    /// Batches in flight to one worker: enough that one with little to do for a moment does not wait for one with much. Default 32.
    pub queue_batches: usize,
    /// Event time for which a finished transfer waits for identity evidence that comes just after it. Default 60 s.
    ///
    /// The configuration of a live run has a key of its own for it, with another default.
    #[serde(skip)]
    pub attribution_hold_ns: i64,
    /// Event time for which a replay lets a transfer of somebody unknown wait for evidence that comes long after it, and with it
    /// what comes behind it, as long as there is room. Default 14 days.
    #[serde(skip)]
    pub hindsight_hold_ns: i64,
    /// Transfers that may wait so; the oldest is recorded at once when there are more. Default 10,000.
    pub held_transfers: usize,
    /// Memory of transfers that wait for longer than a moment, bytes; beyond it the oldest is recorded. Default 32 MiB.
    pub held_bytes: usize,
    /// Flows and names that wait so; the oldest is judged at once when there are more. Default 16,384.
    pub held_flows: usize,
    /// Largest container that is still unpacked under overload, bytes; larger ones are hashed, scanned raw and over-limit. Live
    /// only. Default 256 KiB.
    pub strained_container_bytes: usize,
    /// Threads that unpack containers, so that a large one holds up no packet. 0: each worker unpacks what it comes upon. A replay has
    /// them where its workers leave a processor. Default 1.
    pub unpackers: usize,
    /// Bytes that may wait for those threads; when there are more, workers unpack by themselves or wait. Default 32 MiB.
    pub unpack_bytes: usize,
    /// Transfers that may be with those threads at once, however little of them waits. Default 1,024.
    pub unpack_transfers: usize,
    /// Events that wait behind a transfer that is being unpacked before recording waits for it, too. A live run does not wait. Default
    /// 16,384.
    pub waiting_events: usize,
    /// Reports for each worker of a replay that may wait for whoever records; beyond, the worker waits too. Default 64.
    pub waiting_reports: usize,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        Self {
            shards: 16,
            queue_batches: 32,
            attribution_hold_ns: 60_000_000_000,
            hindsight_hold_ns: 14 * 86_400_000_000_000,
            held_transfers: 10_000,
            held_bytes: 32 << 20,
            held_flows: 16_384,
            strained_container_bytes: 256 << 10,
            unpackers: 1,
            unpack_bytes: 32 << 20,
            unpack_transfers: 1 << 10,
            waiting_events: 1 << 14,
            waiting_reports: 64,
        }
    }
}
