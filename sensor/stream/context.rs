//! What the processing of one segment shares: the flow at hand, the table's memory and counters, and the way out.

use crate::{StreamStats, budget::Budget, delivered::Delivered};
use egret_model::{CloseReason, Flow, Side, StreamEvent, StreamLimits, Uninspected};

/// What all flows of a table share.
pub(crate) struct Shared {
    pub(crate) limits: StreamLimits,
    pub(crate) budget: Budget,
    pub(crate) delivered: Delivered,
    pub(crate) stats: StreamStats,
}

/// One flow, while it is worked on.
pub(crate) struct Context<'a, F> {
    pub(crate) flow: &'a mut Flow,
    pub(crate) shared: &'a mut Shared,
    /// Index of the flow in the table.
    pub(crate) index: u32,
    /// Number of the flow in the table, from 1; not used again for a long time, unlike the index.
    pub(crate) serial: u32,
    /// Table time, nanoseconds.
    pub(crate) now: i64,
    pub(crate) emit: &'a mut F,
}

impl<F: FnMut(&Flow, StreamEvent<'_>)> Context<'_, F> {
    /// The next bytes of `from`, whose first has this sequence number.
    #[inline]
    pub(crate) fn data(&mut self, from: Side, sequence: u32, data: &[u8]) {
        self.shared.delivered.record(self.serial, from, sequence, data);
        (self.emit)(self.flow, StreamEvent::Data { from, data });
    }

    /// Bytes of `from` that will not come.
    pub(crate) fn gap(&mut self, from: Side, bytes: u64, reason: Uninspected) {
        self.shared.stats.gaps += 1;
        self.shared.stats.gap_bytes += bytes;
        (self.emit)(self.flow, StreamEvent::Gap { from, bytes, reason });
    }

    /// `from` sends no more.
    pub(crate) fn finished(&mut self, from: Side) {
        (self.emit)(self.flow, StreamEvent::Finished { from });
    }

    /// The flow is over.
    pub(crate) fn closed(&mut self, reason: CloseReason) {
        self.shared.stats.midstream += u64::from(self.flow.midstream);
        (self.emit)(self.flow, StreamEvent::Closed { reason });
    }

    /// Bytes came again: compares them with what was delivered.
    pub(crate) fn again(&mut self, from: Side, sequence: u32, data: &[u8]) {
        self.shared.stats.retransmitted_bytes += data.len() as u64;
        if self.shared.delivered.differs(self.serial, from, sequence, data) {
            self.inconsistent();
        }
    }

    /// A segment carried other bytes than an earlier copy.
    pub(crate) fn inconsistent(&mut self) {
        self.flow.inconsistent_overlap = true;
        self.shared.stats.inconsistent_overlaps += 1;
    }
}
