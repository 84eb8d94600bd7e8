//! One socket on one interface with its ring.
//!
//! Owns: taking blocks out of the ring, and the counts of one socket. Never does: binding.

use super::block::{self, Numbering};
use super::sys::{PacketSocket, Ring};
use crate::PacketBatch;
use crate::live::KernelCounters;
use std::io;
use std::sync::Arc;

/// How long the kernel may gather packets in a block before it hands it over, milliseconds.
pub(super) const GATHER_MS: u32 = 8;
/// Bytes of a block: what is taken at once. It stays in the processor's cache, and the largest packets that offloads put together
/// unless told otherwise, of 64 KiB, fit.
const BLOCK_BYTES: usize = 256 << 10;
const LEAST_BLOCK_BYTES: usize = 128 << 10;
/// Fewer blocks would make the kernel wait for us.
const LEAST_BLOCKS: usize = 8;

/// A socket and its ring.
pub(super) struct Tap {
    ring: Ring,
    socket: Arc<PacketSocket>,
    counters: KernelCounters,
    given: u64,
}

impl Tap {
    /// Gives `socket` a ring of about `buffer_bytes`.
    pub(super) fn new(socket: PacketSocket, buffer_bytes: usize) -> io::Result<Self> {
        let (blocks, block_bytes) = layout(buffer_bytes);
        let ring = Ring::new(&socket, blocks, block_bytes, GATHER_MS)?;
        Ok(Self { ring, socket: Arc::new(socket), counters: KernelCounters::default(), given: 0 })
    }

    pub(super) fn socket(&self) -> Arc<PacketSocket> {
        Arc::clone(&self.socket)
    }

    /// Appends the packets of the next block, if there is one, to the batch. The whole block is copied at once: one straight copy,
    /// after which the kernel has it back, costs less than keeping track of who still uses it.
    pub(super) fn take(&mut self, numbering: &mut Numbering, batch: &mut PacketBatch) -> bool {
        let Some(block) = self.ring.block() else { return false };
        let before = numbering.last;
        let (base, copy, heads) = batch.append(block);
        let announced = block::read(copy, base, numbering, heads);
        let read = numbering.last - before;
        self.given += read;
        // No kernel writes a block that can't be read; if one did, its packets are as good as dropped.
        self.counters.dropped += announced.saturating_sub(read);
        self.ring.release();
        true
    }

    /// The kernel's counts up to now. The kernel forgets them as they are read.
    pub(super) fn counters(&mut self) -> KernelCounters {
        if let Ok((received, dropped)) = self.socket.statistics() {
            self.counters.received += u64::from(received);
            self.counters.dropped += u64::from(dropped);
        }
        self.counters
    }

    /// True when everything that the kernel counted as received has been given or was dropped.
    pub(super) fn is_balanced(&mut self) -> bool {
        let counters = self.counters();
        self.given + counters.dropped >= counters.received
    }
}

/// Number of blocks, and bytes of each.
fn layout(buffer_bytes: usize) -> (usize, usize) {
    let even = buffer_bytes / LEAST_BLOCKS;
    let block_bytes = if even >= BLOCK_BYTES {
        BLOCK_BYTES
    } else {
        (even.max(1).next_power_of_two() / 2).clamp(LEAST_BLOCK_BYTES, BLOCK_BYTES)
    };
    ((buffer_bytes / block_bytes).max(LEAST_BLOCKS), block_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_cut_into_blocks_that_hold_the_largest_packets() {
        assert_eq!(layout(32 << 20), (128, 256 << 10));
        assert_eq!(layout(2 << 20), (8, 256 << 10));
        assert_eq!(layout((2 << 20) - 1), (15, 128 << 10));
        assert_eq!(layout(0), (8, 128 << 10));
        for bytes in (0..1 << 24).step_by(77_777) {
            let (blocks, block_bytes) = layout(bytes);
            assert!(blocks >= 8 && block_bytes.is_power_of_two() && block_bytes >= 128 << 10);
            assert!(blocks * block_bytes <= bytes.max(1 << 20), "{bytes}: {blocks} of {block_bytes}");
        }
    }
}
