//! What many flows carry together and no end is told of: datagrams of one client, content in names.
//!
//! Owns: the table of what is open, and its end by time. Never does: deciding what belongs together.

use egret_model::{Flow, ProtocolEvent, ProtocolLimits, Timestamp, TransferKey};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;

/// Something that is gathered over flows.
pub(crate) trait Gathered {
    /// The flow in which it has begun.
    fn flow(&self) -> &Flow;
    fn first_at(&self) -> Timestamp;
    fn last_at(&self) -> Timestamp;
    fn first_transfer(&self) -> Option<TransferKey>;
    /// Tells its end.
    fn end(self, sink: &mut dyn FnMut(ProtocolEvent<'_>));

    /// Nothing has come for so long, or it goes on for so long, that it is over at `now`.
    fn is_over(&self, now: Timestamp, limits: &ProtocolLimits) -> bool {
        now.since(self.last_at()) >= limits.datagram_idle_ns
            || now.since(self.first_at()) >= limits.datagram_group_ns
    }
}

/// All that is open of one sort.
pub(crate) struct Gatherings<K, V> {
    pub(crate) open: HashMap<K, V, RandomState>,
    /// None ends by time before.
    due: Timestamp,
}

impl<K, V> Default for Gatherings<K, V> {
    fn default() -> Self {
        Self { open: HashMap::default(), due: Timestamp::default() }
    }
}

impl<K: Eq + Hash, V: Gathered> Gatherings<K, V> {
    /// Ends all if there is no room for one more.
    pub(crate) fn make_room(&mut self, limits: &ProtocolLimits, sink: &mut dyn FnMut(ProtocolEvent<'_>)) {
        if self.open.len() >= limits.datagram_groups {
            self.end_where(|_| true, &mut |_, event| sink(event));
        }
    }

    /// Ends what is over at `now`.
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        limits: &ProtocolLimits,
        sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>),
    ) {
        if now < self.due {
            return;
        }
        // Looking at all now and then is enough: an end is told with the time of what came last.
        self.due = now.plus(limits.datagram_idle_ns / 4);
        self.end_where(|gathered| gathered.is_over(now, limits), sink);
    }

    /// Ends all.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        self.end_where(|_| true, sink);
    }

    fn end_where(&mut self, over: impl Fn(&V) -> bool, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        let mut ended: Vec<V> =
            self.open.extract_if(|_, gathered| over(gathered)).map(|(_, gathered)| gathered).collect();
        ended.sort_by_key(|gathered| {
            (gathered.flow().first_packet, gathered.first_at(), gathered.first_transfer())
        });
        for gathered in ended {
            let flow = gathered.flow().clone();
            gathered.end(&mut |event| sink(&flow, event));
        }
    }
}
