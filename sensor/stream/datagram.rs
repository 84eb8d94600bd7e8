//! UDP and ICMP echo sessions: each datagram stands for itself.
//!
//! Owns: the recognition of packets that were captured twice. Never does: order, or a guess at what is missing.

use crate::context::Context;
use egret_model::{Flow, Segment, Side, StreamEvent, Uninspected};
use std::hash::{BuildHasher, Hasher};

#[derive(Clone, Copy, Default)]
struct Seen {
    hash: u64,
    at: i64,
}

/// The last datagrams of a session.
#[derive(Default)]
pub(crate) struct Datagrams {
    seen: [Seen; 4],
    next: u8,
}

impl Datagrams {
    /// Takes one datagram.
    pub(crate) fn receive<F>(
        &mut self,
        from: Side,
        segment: &Segment<'_>,
        state: &foldhash::fast::RandomState,
        context: &mut Context<'_, F>,
    ) where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let mut hasher = state.build_hasher();
        hasher.write(segment.payload);
        hasher.write_u64(u64::from(segment.missing) << 1 | from as u64);
        let seen = Seen { hash: hasher.finish(), at: context.now };
        let window = context.shared.limits.duplicate_datagram_ns;
        let is_copy = |earlier: &Seen| {
            earlier.hash == seen.hash && earlier.at != 0 && seen.at.saturating_sub(earlier.at) <= window
        };
        if self.seen.iter().any(is_copy) {
            context.shared.stats.duplicate_datagrams += 1;
            context.shared.stats.retransmitted_bytes += segment.payload.len() as u64;
            return;
        }
        if let Some(oldest) = self.seen.get_mut(usize::from(self.next)) {
            *oldest = seen;
        }
        self.next = (self.next + 1) % self.seen.len() as u8;
        if !segment.payload.is_empty() {
            (context.emit)(context.flow, StreamEvent::Data { from, data: segment.payload });
        }
        if segment.missing > 0 {
            context.gap(from, u64::from(segment.missing), Uninspected::Gap);
        }
    }
}
