//! What a running sensor tells of itself: `summary.json`, metrics and health are made of it.

use crate::{Summary, Timestamp};
use serde::Serialize;

/// What became of every packet since the sensor started: received = processed + dropped by the kernel + shed + waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PacketAccount {
    /// Packets that the kernel accepted for the sensor, those it then had to drop included.
    pub received: u64,
    /// Packets that went through decoding, and on to inspection where there is something to inspect.
    pub processed: u64,
    /// Packets for which the kernel's buffer had no room.
    pub dropped_by_kernel: u64,
    /// Packets not followed because of overload, by reason.
    pub shed: ShedPackets,
    /// Packets in the kernel's buffers or the sensor's queues now; 0 after a graceful stop.
    pub waiting: u64,
    /// Packets that an interface or its driver dropped before the kernel saw them, where known; not in `received`.
    pub dropped_by_interface: u64,
}

/// Packets not followed because of overload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShedPackets {
    /// Of flows that were new while new flows were shed.
    pub new_flows: u64,
}

impl ShedPackets {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.new_flows
    }
}

impl PacketAccount {
    /// True when every packet received is accounted for with none waiting.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.received == self.processed + self.dropped_by_kernel + self.shed.total()
    }
}

/// What would be lost if the sensor died now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// Flows that are being followed.
    pub flows: u64,
    /// Transfers that have begun and not ended.
    pub transfers: u64,
    /// Transfers that have ended and not been recorded.
    pub unrecorded: u64,
    /// Bytes held because bytes before them have not come.
    pub reassembly_bytes: u64,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceState {
    /// Its name.
    pub name: String,
    /// It is being captured.
    pub up: bool,
    /// Why not, as a phrase; empty when it is.
    pub reason: String,
}

/// A queue between two threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// Which one.
    pub queue: String,
    /// Batches in it.
    pub depth: u64,
    /// Batches that it takes.
    pub capacity: u64,
}

/// Upper bounds of the buckets of [`Latency`], nanoseconds.
pub const LATENCY_BOUNDS_NS: [i64; 12] = [
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    60_000_000_000,
];

/// How long records took, from the packet that ended a transfer to its line in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Records by bucket of [`LATENCY_BOUNDS_NS`]; the last counts what took longer than all bounds.
    pub buckets: [u64; 13],
    /// Nanoseconds of all of them together.
    pub sum_ns: u64,
}

impl Latency {
    /// Counts one record.
    pub fn observe(&mut self, nanos: i64) {
        let bucket = LATENCY_BOUNDS_NS.iter().position(|bound| nanos <= *bound);
        if let Some(count) = self.buckets.get_mut(bucket.unwrap_or(LATENCY_BOUNDS_NS.len())) {
            *count += 1;
        }
        self.sum_ns = self.sum_ns.saturating_add(nanos.max(0).cast_unsigned());
    }

    /// Records counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// Everything that a running sensor tells of its inspection.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Vitals {
    /// Counts and the coverage ledger, as of a replay.
    #[serde(flatten)]
    pub summary: Summary,
    /// What became of every packet.
    pub packet_account: PacketAccount,
    /// What is under way.
    pub in_flight: InFlight,
    /// The step of the overload policy in force: that of the worker under the highest load.
    pub load: String,
    /// The interfaces, as configured.
    pub interfaces: Vec<InterfaceState>,
    /// Findings by signature, in order of ids.
    pub findings_by_signature: Vec<(String, u64)>,
    /// Queues between threads.
    pub queues: Vec<QueueDepth>,
    /// From the end of transfers to their records.
    pub latency: Latency,
    /// Records that could not be written.
    pub records_lost: u64,
    /// When the slowest worker was last seen at work.
    pub last_beat: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_their_buckets() {
        let mut latency = Latency::default();
        for nanos in [0, 1_000_000, 1_000_001, 99_000_000, i64::MAX] {
            latency.observe(nanos);
        }
        assert_eq!(latency.buckets[0], 2);
        assert_eq!(latency.buckets[1], 1);
        assert_eq!(latency.buckets[6], 1);
        assert_eq!(latency.buckets[12], 1);
        assert_eq!(latency.count(), 5);
    }

    #[test]
    fn the_account_balances_only_to_the_packet() {
        let account = PacketAccount {
            received: 10,
            processed: 6,
            dropped_by_kernel: 3,
            shed: ShedPackets { new_flows: 1 },
            ..PacketAccount::default()
        };
        assert!(account.balances());
        assert!(!PacketAccount { processed: 5, ..account }.balances());
    }
}
