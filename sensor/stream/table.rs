//! The flow table: finds the flow of a segment, opens, times out, evicts and closes flows.
//!
//! Owns: every flow of one shard and the user's state beside it. Driven by its own segments only: time-outs and budgets look
//! at nothing else, so a shard comes to the same events wherever it runs. Hashing is seeded at random, since an attacker chooses
//! the keys; nothing depends on the order of the index.

use crate::StreamStats;
use crate::budget::Budget;
use crate::context::{Context, Shared};
use crate::datagram::Datagrams;
use crate::delivered::Delivered;
use crate::key::Key;
use crate::queues::{Queue, Queues};
use crate::shed::Shed;
use crate::slab::Slab;
use crate::tcp::{Header, Outcome, Tcp};
use egret_model::{
    CloseReason, Flow, FlowKind, MacAddress, Segment, Side, StreamEvent, StreamLimits, TcpFlags, Timestamp,
};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The flows of one shard, each with a state `S` of the user's: a [`Default`] one when the flow opens, handed to the sink with
/// each of its events, dropped after `Closed`.
pub struct FlowTable<S> {
    index: HashTable<u32>,
    hash: RandomState,
    flows: Slab<Tracked<S>>,
    queues: Queues,
    shared: Shared,
    shed: Shed,
    /// The latest packet time, nanoseconds: never runs backwards.
    now: i64,
    serial: u32,
}

struct Tracked<S> {
    flow: Flow,
    state: S,
    serial: u32,
    transport: Transport,
}

enum Transport {
    Tcp(Tcp),
    Datagrams(Datagrams),
}

impl<S: Default> FlowTable<S> {
    /// An empty table for one of `shards` shards, which share the run's budgets evenly.
    #[must_use]
    pub fn new(limits: &StreamLimits, shards: usize) -> Self {
        let shards = shards.max(1);
        let limits = StreamLimits {
            flows: (limits.flows / shards).max(1),
            opening_flows: (limits.opening_flows / shards).max(1),
            total_bytes: limits.total_bytes / shards,
            remembered_segments: limits.remembered_segments / shards,
            ..limits.clone()
        };
        let (shed_flows, shed_ns) = (limits.flows, limits.tcp_idle_ns);
        Self {
            index: HashTable::new(),
            hash: RandomState::default(),
            flows: Slab::new(),
            queues: Queues::new(),
            shared: Shared {
                budget: Budget::new(limits.total_bytes),
                delivered: Delivered::new(limits.remembered_segments),
                stats: StreamStats::default(),
                limits,
            },
            shed: Shed::new(shed_flows, shed_ns),
            now: i64::MIN,
            serial: 0,
        }
    }

    /// Takes one segment. Events reach the sink before it returns; those of other flows (time-outs, evictions) first.
    #[inline]
    pub fn segment<F>(&mut self, segment: &Segment<'_>, sink: &mut F)
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        self.now = self.now.max(segment.at.nanos());
        self.close_idle(sink);
        let Some(key) = Key::of(segment) else {
            self.shared.stats.untracked_segments += 1;
            self.shared.stats.untracked_bytes += segment.payload.len() as u64 + u64::from(segment.missing);
            return;
        };
        self.shared.stats.segments += 1;
        let hash = key.hash(&self.hash);
        let flows = &self.flows;
        let found = self
            .index
            .find(hash, |index| flows.get(*index).is_some_and(|tracked| key.side(&tracked.flow).is_some()));
        if let Some(index) = found.copied() {
            if self.receive(index, key, segment, sink) == Outcome::Open {
                return;
            }
            self.end(index, CloseReason::Replaced, sink);
        }
        if let Some(index) = self.open(key, hash, segment, sink) {
            self.receive(index, key, segment, sink);
        }
    }

    /// Time passes without a segment: closes what has been idle for too long at `now`. For live input, where nothing may follow
    /// for hours; a replay is driven by its segments alone.
    pub fn expire<F>(&mut self, now: Timestamp, sink: &mut F)
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        self.now = self.now.max(now.nanos());
        self.close_idle(sink);
    }

    /// Whether segments that would open a flow are refused, which sheds whole flows under overload. A flow that was refused stays
    /// so when this is switched off again, until its connection is opened anew: no flow is followed in parts. What is refused
    /// counts in [`StreamStats::shed_segments`].
    pub fn shed_new_flows(&mut self, shed: bool) {
        self.shed.new_flows(shed);
    }

    /// The end of input: closes every flow, in the order of their first packets.
    pub fn finish<F>(&mut self, sink: &mut F)
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        let mut open: Vec<_> = self
            .flows
            .iter()
            .map(|(index, tracked)| (tracked.flow.first_packet, tracked.serial, index))
            .collect();
        open.sort_unstable();
        for (_, _, index) in open {
            self.end(index, CloseReason::EndOfInput, sink);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn stats(&self) -> &StreamStats {
        &self.shared.stats
    }

    /// Flows tracked now, those included that are over and remembered for a while.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.flows.len()
    }

    /// True when no flow is tracked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.flows.len() == 0
    }

    /// Out-of-order bytes held now, bookkeeping included.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.shared.budget.held()
    }

    /// Hands a segment to its flow.
    #[inline]
    fn receive<F>(&mut self, index: u32, key: Key, segment: &Segment<'_>, sink: &mut F) -> Outcome
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        let Some(tracked) = self.flows.get_mut(index) else { return Outcome::Open };
        let Tracked { flow, state, serial, transport } = tracked;
        let Some(from) = key.side(flow) else { return Outcome::Open };
        note_packet(flow, from, segment);
        let mut emit = |flow: &Flow, event: StreamEvent<'_>| sink(flow, state, event);
        let mut context = Context {
            flow,
            shared: &mut self.shared,
            index,
            serial: *serial,
            now: self.now,
            emit: &mut emit,
        };
        let queue = match (transport, Header::of(segment)) {
            (Transport::Tcp(tcp), Some(header)) => {
                let was_closed = tcp.is_closed();
                if tcp.receive(from, header, segment, &mut context) == Outcome::Replaced {
                    return Outcome::Replaced;
                }
                if tcp.is_closed() && !was_closed {
                    *state = S::default();
                }
                tcp.queue()
            }
            (Transport::Datagrams(datagrams), _) => {
                datagrams.receive(from, segment, &self.hash, &mut context);
                Queue::Datagram
            }
            (Transport::Tcp(_), None) => return Outcome::Open,
        };
        self.queues.touch(index, queue, self.now);
        if self.shared.budget.debtor().is_some() {
            self.keep_byte_budget(sink);
        }
        Outcome::Open
    }

    /// Opens the flow of a segment that belongs to none, if it may open one.
    fn open<F>(&mut self, key: Key, hash: u64, segment: &Segment<'_>, sink: &mut F) -> Option<u32>
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        let header = Header::of(segment);
        if header.is_some_and(|header| !header.opens(segment)) {
            self.shared.stats.strays += 1;
            return None;
        }
        let starts_anew = header.is_some_and(|header| header.flags.has(TcpFlags::SYN));
        if self.shed.refuses(hash, starts_anew, segment.at) {
            self.shared.stats.shed_segments += 1;
            self.shared.stats.shed_bytes += segment.payload.len() as u64 + u64::from(segment.missing);
            return None;
        }
        while self.flows.len() >= self.shared.limits.flows && self.evict(sink) {}
        let bare = header.is_some() && segment.payload.is_empty() && segment.missing == 0;
        while bare
            && self.queues.len(Queue::Opening) >= self.shared.limits.opening_flows
            && let Some((oldest, _)) = self.queues.oldest(Queue::Opening)
        {
            self.shared.stats.evictions += 1;
            self.end(oldest, CloseReason::Evicted, sink);
        }
        let flags = header.map_or(TcpFlags::default(), |header| header.flags);
        let begins = flags.has(TcpFlags::SYN);
        let sender_opened = if begins { !flags.has(TcpFlags::ACK) } else { key.sender_opened() };
        let (initiator, responder) =
            if sender_opened { (key.source, key.destination) } else { (key.destination, key.source) };
        self.shared.stats.flows += 1;
        // 31 bits, so that one bit is left for the side; 0 is nobody's.
        self.serial = if self.serial >= u32::MAX >> 1 { 1 } else { self.serial + 1 };
        let index = self.flows.insert(Tracked {
            flow: Flow {
                kind: key.kind,
                initiator,
                responder,
                initiator_mac: None,
                responder_mac: None,
                tunnel: segment.tunnel.clone(),
                first_packet: segment.packet,
                opened_at: segment.at,
                last_at: segment.at,
                midstream: if key.kind == FlowKind::Tcp { !begins } else { !sender_opened },
                inconsistent_overlap: false,
            },
            state: S::default(),
            serial: self.serial,
            transport: match key.kind {
                FlowKind::Tcp => Transport::Tcp(Tcp::default()),
                FlowKind::Udp | FlowKind::Icmp => Transport::Datagrams(Datagrams::default()),
            },
        });
        let (flows, state) = (&self.flows, &self.hash);
        self.index.insert_unique(hash, index, |index| {
            flows.get(*index).map_or(0, |tracked| Key::of_flow(&tracked.flow).hash(state))
        });
        self.queues.push(index, Queue::Opening, self.now);
        Some(index)
    }

    /// Closes flows that have been idle for too long, and forgets those that have lingered out.
    #[inline]
    fn close_idle<F>(&mut self, sink: &mut F)
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        for queue in Queue::ALL {
            let limits = &self.shared.limits;
            let limit = match queue {
                Queue::Lingering => limits.linger_ns,
                Queue::Opening => limits.opening_idle_ns,
                Queue::Connected => limits.tcp_idle_ns,
                Queue::Datagram => limits.udp_idle_ns,
            };
            while let Some((index, active_at)) = self.queues.oldest(queue)
                && self.now.saturating_sub(active_at) > limit
            {
                self.end(index, CloseReason::Idle, sink);
            }
        }
    }

    /// Closes the flow that is missed least. False when there is none.
    fn evict<F>(&mut self, sink: &mut F) -> bool
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        let [lingering, opening, connected, datagram] = Queue::ALL.map(|queue| self.queues.oldest(queue));
        let active = [connected, datagram].into_iter().flatten().min_by_key(|(_, active_at)| *active_at);
        let Some((index, _)) = lingering.or(opening).or(active) else { return false };
        self.shared.stats.evictions += u64::from(lingering.is_none());
        self.end(index, CloseReason::Evicted, sink);
        true
    }

    /// Gives up holes until the table keeps its byte budget; the side that has held bytes longest first.
    #[cold]
    fn keep_byte_budget<F>(&mut self, sink: &mut F)
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        while let Some((index, side)) = self.shared.budget.debtor() {
            let Some(Tracked { flow, state, serial, transport: Transport::Tcp(tcp) }) =
                self.flows.get_mut(index)
            else {
                return;
            };
            let mut emit = |flow: &Flow, event: StreamEvent<'_>| sink(flow, state, event);
            let shared = &mut self.shared;
            let serial = *serial;
            let mut context = Context { flow, shared, index, serial, now: self.now, emit: &mut emit };
            tcp.give_up_hole(side, &mut context);
        }
    }

    /// Closes a flow and forgets it. One that is as good as over says its own reason.
    fn end<F>(&mut self, index: u32, reason: CloseReason, sink: &mut F)
    where
        F: FnMut(&Flow, &mut S, StreamEvent<'_>),
    {
        let Some(Tracked { flow, state, serial, transport }) = self.flows.get_mut(index) else { return };
        let hash = Key::of_flow(flow).hash(&self.hash);
        let mut emit = |flow: &Flow, event: StreamEvent<'_>| sink(flow, state, event);
        let shared = &mut self.shared;
        let mut context = Context { flow, shared, index, serial: *serial, now: self.now, emit: &mut emit };
        match transport {
            Transport::Tcp(tcp) if tcp.queue() == Queue::Lingering => {
                tcp.close(tcp.lingered_reason(), &mut context);
            }
            Transport::Tcp(tcp) => tcp.close(reason, &mut context),
            Transport::Datagrams(_) => context.closed(reason),
        }
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == index) {
            entry.remove();
        }
        self.queues.remove(index);
        self.flows.remove(index);
    }
}

/// Keeps what a packet tells of its flow.
#[inline]
fn note_packet(flow: &mut Flow, from: Side, segment: &Segment<'_>) {
    flow.last_at = flow.last_at.max(segment.at);
    let (sender, receiver) = match from {
        Side::Initiator => (&mut flow.initiator_mac, &mut flow.responder_mac),
        Side::Responder => (&mut flow.responder_mac, &mut flow.initiator_mac),
    };
    keep_first(sender, segment.source_mac);
    keep_first(receiver, segment.destination_mac);
}

/// Of several, the first: one packet may be captured on both sides of a router.
#[inline]
fn keep_first(mac: &mut Option<MacAddress>, seen: Option<MacAddress>) {
    if mac.is_none() {
        *mac = seen;
    }
}
