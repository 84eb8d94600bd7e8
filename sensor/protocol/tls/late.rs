//! Connections whose keys may still come: a browser writes its key log while it talks, and whoever reads that log is a moment behind.
//!
//! Owns: what such connections have said since their ServerHello, until the keys have come or have not come in time; connections that
//! were over by then, too. Never does: reading what is held, which is the record layer's; waiting where nobody adds keys.

use super::decrypt::Keys;
use super::parse::ServerHello;
use super::{Place, Tls};
use crate::analyzer::FlowNotes;
use crate::{Analyzer, Context, KeyLog, Nesting, Shared};
use egret_model::{Flow, ProtocolEvent, ProtocolLimits, Side, Timestamp, Uninspected};
use std::collections::BTreeMap;

/// What one side did while the keys were awaited.
enum Piece {
    Data(Side, Vec<u8>),
    Gap(Side, u64),
    Finished(Side),
}

/// Bookkeeping of a piece, bytes.
const PIECE_BYTES: usize = 64;

/// What the connections of one shard hold. The pieces lie here and not with their connections, so that those that have waited longest
/// make room for others, whether or not anything more is heard of them.
#[derive(Default)]
pub(crate) struct LateKeys {
    /// Keys are added while connections go on; without that nothing waits.
    awaited: bool,
    /// How often keys have been added.
    generation: u64,
    next: u64,
    held: BTreeMap<u64, Vec<Piece>>,
    bytes: usize,
    /// Connections that are over.
    left: Vec<Left>,
    /// Generation and time of the last look at those, and when the next is due.
    looked: (u64, Timestamp),
}

/// A connection that was over before its keys came.
struct Left {
    flow: Flow,
    nesting: Option<Box<Nesting>>,
    tls: Tls,
}

/// What a connection knows of its waiting.
pub(super) struct Awaited {
    place: u64,
    generation: u64,
    since: Timestamp,
    /// The ServerHello, and the side that sent it.
    answer: ServerHello,
    server: Side,
    /// Bytes held of each side, and of both with their bookkeeping.
    bytes: [u64; 2],
    size: usize,
}

impl LateKeys {
    /// From now on, connections wait a moment for keys that are not there.
    pub(crate) const fn expect(&mut self) {
        self.awaited = true;
    }

    /// There are other keys.
    pub(crate) const fn added(&mut self) {
        self.generation += 1;
    }

    fn begin(&mut self, now: Timestamp, answer: ServerHello, server: Side) -> Awaited {
        let place = self.next;
        self.next += 1;
        self.held.insert(place, Vec::new());
        let generation = self.generation;
        Awaited { place, generation, since: now, answer, server, bytes: [0; 2], size: 0 }
    }

    /// Holds a piece; the connections that have waited longest make room.
    fn hold(&mut self, place: u64, piece: Piece, size: usize, most: usize) {
        let Some(pieces) = self.held.get_mut(&place) else { return };
        pieces.push(piece);
        self.bytes += size;
        while self.bytes > most && self.held.len() > 1 {
            let Some((_, pieces)) = self.held.pop_first() else { return };
            self.bytes = self.bytes.saturating_sub(pieces.iter().map(Piece::size).sum());
        }
    }

    fn take(&mut self, place: u64) -> Option<Vec<Piece>> {
        let pieces = self.held.remove(&place)?;
        self.bytes = self.bytes.saturating_sub(pieces.iter().map(Piece::size).sum());
        Some(pieces)
    }
}

impl Piece {
    const fn size(&self) -> usize {
        match self {
            Self::Data(_, data) => PIECE_BYTES + data.len(),
            Self::Gap(..) | Self::Finished(_) => PIECE_BYTES,
        }
    }
}

impl Shared {
    /// Reads those connections on that are over and whose keys have come, or have not come in time; at the end of input, all of them.
    pub(crate) fn expire_late_keys(
        &mut self,
        now: Option<Timestamp>,
        limits: &ProtocolLimits,
        sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>),
    ) {
        let LateKeys { left, looked: (looked_at, due), generation, .. } = &self.late;
        if left.is_empty() || now.is_some_and(|now| looked_at == generation && now < *due) {
            return;
        }
        if let Some(now) = now {
            self.late.looked = (self.late.generation, now.plus(limits.tls_keys_wait_ns / 8));
        }
        for one in std::mem::take(&mut self.late.left) {
            let Left { flow, nesting, mut tls } = one;
            if now.is_some_and(|now| tls.waits_on(self, limits, now)) {
                self.late.left.push(Left { flow, nesting, tls });
                continue;
            }
            let mut notes = FlowNotes { nesting, ..FlowNotes::default() };
            let sink = &mut |event: ProtocolEvent<'_>| sink(&flow, event);
            let shared = &mut *self;
            let context =
                &mut Context { flow: &flow, limits, shared, sink, notes: &mut notes, switch: &mut None };
            tls.settle(context);
            tls.closed(context);
        }
    }
}

impl Tls {
    /// Not all keys of this connection are known yet: waits for them, where somebody adds keys. False where it does not.
    pub(super) fn await_keys(
        &mut self,
        context: &mut Context<'_>,
        answer: ServerHello,
        server: Side,
    ) -> bool {
        let waits = context.shared.late.awaited && !self.waited && self.random.is_some();
        if waits {
            self.waited = true;
            self.awaited = Some(Box::new(context.shared.late.begin(context.now(), answer, server)));
        }
        waits
    }

    /// True while it makes sense to wait.
    fn waits_on(&mut self, shared: &Shared, limits: &ProtocolLimits, now: Timestamp) -> bool {
        let Some(awaited) = &mut self.awaited else { return false };
        let late = &shared.late;
        if awaited.size > limits.tls_awaited_flow_bytes
            || now.since(awaited.since) >= limits.tls_keys_wait_ns
            || !late.held.contains_key(&awaited.place)
        {
            return false;
        }
        if awaited.generation == late.generation {
            return true;
        }
        awaited.generation = late.generation;
        !self.keys(&shared.keys).is_some_and(|keys| keys.iter().all(Keys::is_whole))
    }

    /// Holds what has come while keys are awaited. False: they are not any more, and what was held has been read.
    pub(super) fn holds_data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> bool {
        self.holds(context, data.len(), from, || Piece::Data(from, data.to_vec()))
    }

    pub(super) fn holds_gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) -> bool {
        self.holds(context, 0, from, || Piece::Gap(from, bytes))
    }

    pub(super) fn holds_finished(&mut self, context: &mut Context<'_>, from: Side) -> bool {
        self.holds(context, 0, from, || Piece::Finished(from))
    }

    fn holds(
        &mut self,
        context: &mut Context<'_>,
        bytes: usize,
        from: Side,
        piece: impl FnOnce() -> Piece,
    ) -> bool {
        if self.awaited.is_none() {
            return false;
        }
        if !self.waits_on(context.shared, context.limits, context.now()) {
            self.settle(context);
            return false;
        }
        if let Some(awaited) = &mut self.awaited {
            awaited.size += bytes + PIECE_BYTES;
            let [initiator, responder] = &mut awaited.bytes;
            let of_side = if from == Side::Initiator { initiator } else { responder };
            *of_side = of_side.saturating_add(bytes as u64);
            let most = context.limits.tls_awaited_bytes;
            context.shared.late.hold(awaited.place, piece(), bytes + PIECE_BYTES, most);
        }
        true
    }

    /// The connection is over while keys are awaited: it waits on by itself. False where it does not wait.
    pub(super) fn leaves(&mut self, context: &mut Context<'_>) -> bool {
        if self.awaited.is_none() {
            return false;
        }
        if !self.waits_on(context.shared, context.limits, context.now()) {
            self.settle(context);
            return false;
        }
        let nesting = context.nesting().cloned().map(Box::new);
        let tls = std::mem::take(self);
        context.shared.late.left.push(Left { flow: context.flow.clone(), nesting, tls });
        true
    }

    /// Waits no more: what was held is read, with the keys if they have come.
    fn settle(&mut self, context: &mut Context<'_>) {
        let keys = self.keys(&context.shared.keys);
        let Some(awaited) = self.awaited.take() else { return };
        if let Some([client, server]) = keys {
            self.direction(awaited.server.other()).keys = Some(Box::new(client));
            self.direction(awaited.server).keys = Some(Box::new(server));
        }
        let Some(pieces) = context.shared.late.take(awaited.place) else {
            let [initiator, responder] = awaited.bytes;
            self.forgotten(context, Side::Initiator, initiator);
            self.forgotten(context, Side::Responder, responder);
            return;
        };
        for piece in pieces {
            match piece {
                Piece::Data(from, data) => self.data(context, from, &data),
                Piece::Gap(from, bytes) => self.gap(context, from, bytes),
                Piece::Finished(from) => self.finished(context, from),
            }
        }
    }

    /// Bytes that made room for those of others: nobody has read them, and the next byte stands anywhere in a record.
    fn forgotten(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if bytes > 0 {
            let transfer = self.transfer(context, from);
            context.opaque(transfer, bytes, Uninspected::Encrypted);
        }
        let direction = self.direction(from);
        direction.gap = true;
        direction.place = Place::Lost;
        direction.lost = Some(direction.lost.unwrap_or_default().saturating_add(bytes));
    }

    fn keys(&self, log: &KeyLog) -> Option<[Keys; 2]> {
        Keys::of(log, &self.random?, &self.awaited.as_ref()?.answer)
    }
}
