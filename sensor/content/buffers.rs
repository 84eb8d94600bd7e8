//! Memory of objects that were held whole, kept for the next ones.
//!
//! Owns: the spare buffers of one shard, up to a limit. Never does: holding content; a spare buffer is empty.
//!
//! Without it every document grows a buffer from nothing, doubling by doubling, and gives its pages back to the system, which
//! has to clear them again for the next one.

use egret_model::ContentLimits;
use std::sync::{Arc, Mutex, PoisonError};

/// Spare buffers; clones share them. Walks of one shard take turns, but for those that were handed on to unpack elsewhere, so that the
/// lock is hardly ever waited for.
#[derive(Clone, Debug)]
pub struct Buffers {
    spare: Arc<Mutex<Spare>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    /// None yet.
    #[must_use]
    pub fn new(limits: &ContentLimits) -> Self {
        Self { spare: Arc::default(), limit: limits.spare_bytes }
    }

    /// An empty buffer: the largest one that is spare, or a new one.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = spare.buffers.pop().unwrap_or_default();
        spare.bytes -= buffer.capacity();
        buffer
    }

    /// Keeps the memory of `buffer` if the limit allows.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() > 0 && spare.bytes + buffer.capacity() <= self.limit {
            spare.bytes += buffer.capacity();
            let place = spare.buffers.partition_point(|other| other.capacity() <= buffer.capacity());
            spare.buffers.insert(place, buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_used_again_and_the_limit_is_kept() {
        let buffers = Buffers::new(&ContentLimits { spare_bytes: 1000, ..ContentLimits::default() });
        for capacity in [200, 600, 300, 900, 0] {
            buffers.give(Vec::with_capacity(capacity));
        }
        let capacities: Vec<usize> = std::iter::repeat_with(|| buffers.take().capacity()).take(3).collect();
        assert_eq!(capacities, [600, 200, 0]);
        buffers.give(vec![7; 900]);
        assert_eq!(buffers.clone().take(), b"");
    }
}
