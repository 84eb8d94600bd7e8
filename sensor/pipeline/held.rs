//! Transfers that have ended and wait for evidence of who sent them.
//!
//! Owns: their order and what they take. Never does: attribution; deciding how long is long enough.

use crate::event::FinishedTransfer;
use egret_model::{Limits, Timestamp};
use std::collections::VecDeque;

/// Transfers in the order in which they ended.
pub(crate) struct Held {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
    /// What was told of the address of the oldest when it was last asked who that is.
    asked: Option<u64>,
}

struct Waiting {
    since: Timestamp,
    finished: Box<FinishedTransfer>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            most: limits.pipeline.held_transfers.max(1),
            most_bytes: limits.pipeline.held_bytes,
            asked: None,
        }
    }

    pub(crate) fn push(&mut self, since: Timestamp, finished: Box<FinishedTransfer>) {
        let bytes = finished.footprint();
        self.bytes += bytes;
        self.waiting.push_back(Waiting { since, finished, bytes });
    }

    pub(crate) fn pop(&mut self) -> Option<Box<FinishedTransfer>> {
        let Waiting { finished, bytes, .. } = self.waiting.pop_front()?;
        self.bytes -= bytes;
        self.asked = None;
        Some(finished)
    }

    /// The transfer that has waited longest, and since when.
    pub(crate) fn oldest(&self) -> Option<(Timestamp, &FinishedTransfer)> {
        self.waiting.front().map(|oldest| (oldest.since, &*oldest.finished))
    }

    /// True if something was told since this was last asked of the same transfer.
    pub(crate) fn is_news(&mut self, news: u64) -> bool {
        self.asked.replace(news) != Some(news)
    }

    /// No room for one more.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= self.most
    }

    /// They take more memory than those may that need not wait.
    pub(crate) const fn is_crowded(&self) -> bool {
        self.bytes > self.most_bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
