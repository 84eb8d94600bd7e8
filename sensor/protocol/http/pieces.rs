//! Objects that come in pieces, over several requests and connections of one pair of addresses. Those of an upload (RFC 9110
//! section 14.5, resumable uploads) are put together in order. Those that a client fetches (section 15.3.7) may be any part of
//! the object, in any number: as long as they follow one another from its first byte on they are one, as programs download large
//! files; any other is a transfer of its own.
//!
//! Owns: the objects that are not complete, and pieces held until their turn. Never does: reading fields.

use super::fields::Range;
use super::outlet::repeated;
use crate::Context;
use egret_model::{Flow, ProtocolEvent, ProtocolLimits, Side, Timestamp, TransferKey, TransferStart};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Which object a piece belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    sender: IpAddr,
    receiver: IpAddr,
    from: Side,
    server_name: Option<String>,
    path: Vec<u8>,
}

struct Object {
    serial: u64,
    transfer: TransferKey,
    /// The flow of its first piece.
    flow: Flow,
    total: Option<u64>,
    /// Everything before this offset has been reported.
    next: u64,
    /// Pieces that stand behind a hole, by offset; none overlaps or touches another.
    held: BTreeMap<u64, Vec<u8>>,
    /// Something was missing.
    gap: bool,
    /// A client fetches it: what it does not ask for is not missing.
    fetched: bool,
    /// Its last piece was cut short.
    cut: bool,
    last_at: Timestamp,
}

/// The objects of one shard that come in pieces.
#[derive(Default)]
pub(crate) struct Pieces {
    objects: HashMap<Key, Object, foldhash::fast::RandomState>,
    serials: u64,
    /// Bytes held in all objects.
    held: usize,
    /// No object ends by time before.
    due: Timestamp,
}

/// Writes one piece.
pub(crate) struct PieceWriter {
    key: Key,
    serial: u64,
    position: u64,
    /// Where the piece ends, as far as told.
    end: Option<u64>,
    start: Box<TransferStart>,
}

impl Pieces {
    /// Finds or makes the object of a piece. None when the piece is the whole, repeats what has been seen, or is one object too
    /// many: then it stands for itself.
    pub(crate) fn begin(
        context: &mut Context<'_>,
        start: &TransferStart,
        range: Range,
        path: &[u8],
    ) -> Option<PieceWriter> {
        if range.start == 0 && range.end.is_some() && range.end == range.total {
            return None;
        }
        let key = Key {
            sender: start.sender.ip,
            receiver: start.receiver.ip,
            from: start.from,
            server_name: start.server_name.clone(),
            path: path.to_vec(),
        };
        let fetched = start.from == start.server;
        let writer = |serial, key| PieceWriter {
            key,
            serial,
            position: range.start,
            end: range.end,
            start: Box::new(start.clone()),
        };
        if let Some(object) = context.shared.pieces.objects.get_mut(&key) {
            let contradicts = matches!((object.total, range.total), (Some(old), Some(new)) if old != new);
            let begins_anew = contradicts || (range.start == 0 && object.next > 0);
            if begins_anew {
                Self::remove(context, &key);
            } else if object.knows(range) || (fetched && range.start != object.next) {
                return None;
            } else {
                object.total = object.total.or(range.total);
                object.cut = false;
                return Some(writer(object.serial, key));
            }
        }
        // Of downloads there are more, and most fetch a part only: they must not take the room of uploads.
        let most = if fetched { context.limits.range_objects / 2 } else { context.limits.range_objects };
        let no_beginning = fetched && (range.start > 0 || range.total.is_none());
        if no_beginning || context.shared.pieces.objects.len() >= most || context.has_all_transfers() {
            return None;
        }
        let transfer = context.begin(start.clone());
        let pieces = &mut context.shared.pieces;
        pieces.serials += 1;
        let object = Object {
            serial: pieces.serials,
            transfer,
            flow: context.flow.clone(),
            total: range.total,
            next: 0,
            held: BTreeMap::new(),
            gap: false,
            fetched,
            cut: false,
            last_at: context.flow.last_at,
        };
        let serial = object.serial;
        pieces.objects.insert(key.clone(), object);
        Some(writer(serial, key))
    }

    /// Ends an object for another one with its name.
    fn remove(context: &mut Context<'_>, key: &Key) {
        if let Some(object) = context.shared.pieces.objects.remove(key) {
            context.shared.pieces.held -= object.held_bytes();
            object.end(context.sink);
        }
    }

    /// Ends the objects of which nothing has come for too long at `now`.
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        limits: &ProtocolLimits,
        sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>),
    ) {
        if now >= self.due {
            self.due = now.plus(limits.range_idle_ns / 4);
            self.end_where(|object| now.since(object.last_at) >= limits.range_idle_ns, sink);
        }
    }

    /// Ends every object.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        self.end_where(|_| true, sink);
    }

    fn end_where(&mut self, over: impl Fn(&Object) -> bool, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        let mut ended: Vec<Object> =
            self.objects.extract_if(|_, object| over(object)).map(|(_, object)| object).collect();
        ended.sort_by_key(|object| object.serial);
        for object in ended {
            self.held -= object.held_bytes();
            let flow = object.flow.clone();
            object.end(&mut |event| sink(&flow, event));
        }
    }
}

impl PieceWriter {
    /// Where this piece goes on, as content that stands for itself.
    pub(crate) fn start(&self, context: &Context<'_>) -> TransferStart {
        TransferStart { at: context.now(), ..(*self.start).clone() }
    }

    /// The next bytes of the piece. False when its object is no more.
    pub(crate) fn write(&mut self, context: &mut Context<'_>, data: &[u8]) -> bool {
        let Some(mut object) = self.take(context) else { return false };
        let position = self.position;
        self.position = self.position.saturating_add(data.len() as u64);
        if position > object.next {
            let known = object.hold(position, data);
            context.shared.pieces.held += data.len() - known;
            repeated(context, known);
            while context.shared.pieces.held > context.limits.range_bytes && object.give_up_hole(context) {}
        } else {
            let known = usize::try_from(object.next - position).unwrap_or(usize::MAX).min(data.len());
            repeated(context, known);
            object.report(context, data.get(known..).unwrap_or_default());
            object.drain(context);
        }
        self.put_back(context, object);
        true
    }

    /// Bytes of the piece are missing.
    pub(crate) fn gap(&mut self, context: &mut Context<'_>, bytes: u64) {
        let Some(mut object) = self.take(context) else { return };
        let end = self.position.saturating_add(bytes);
        if self.position <= object.next && end > object.next {
            object.miss(context, end - object.next);
            object.drain(context);
        }
        self.position = end;
        self.put_back(context, object);
    }

    /// The piece ends.
    pub(crate) fn finish(self, context: &mut Context<'_>) {
        if let Some(mut object) = self.take(context) {
            object.cut = self.end.is_some_and(|end| self.position < end);
            self.put_back(context, object);
        }
    }

    fn take(&self, context: &mut Context<'_>) -> Option<Object> {
        let objects = &mut context.shared.pieces.objects;
        objects
            .get(&self.key)
            .is_some_and(|object| object.serial == self.serial)
            .then(|| objects.remove(&self.key))?
    }

    /// Ends the object if this was its last byte.
    fn put_back(&self, context: &mut Context<'_>, mut object: Object) {
        object.last_at = context.now();
        if object.total.is_some_and(|total| object.next >= total) {
            context.shared.pieces.held -= object.held_bytes();
            object.end(context.sink);
        } else {
            context.shared.pieces.objects.insert(self.key.clone(), object);
        }
    }
}

impl Object {
    fn held_bytes(&self) -> usize {
        self.held.values().map(Vec::len).sum()
    }

    /// True when all bytes of `range` have come already; without an end, when its first one has.
    fn knows(&self, range: Range) -> bool {
        let end = range.end.unwrap_or_else(|| range.start.saturating_add(1));
        let before = self.held.range(..=range.start).next_back();
        end <= self.next
            || before.is_some_and(|(start, bytes)| end <= start.saturating_add(bytes.len() as u64))
    }

    /// Reports the next bytes.
    fn report(&mut self, context: &mut Context<'_>, data: &[u8]) {
        context.body(self.transfer, data);
        self.next = self.next.saturating_add(data.len() as u64);
    }

    fn miss(&mut self, context: &mut Context<'_>, bytes: u64) {
        context.missing(self.transfer, bytes);
        self.gap = true;
        self.next = self.next.saturating_add(bytes);
    }

    /// Holds bytes until their turn; returns how many of them were held already.
    fn hold(&mut self, position: u64, data: &[u8]) -> usize {
        let before = self.held.range_mut(..=position).next_back();
        if let Some((start, bytes)) = before
            && let end = start.saturating_add(bytes.len() as u64)
            && end >= position
        {
            let known = usize::try_from(end - position).unwrap_or(usize::MAX).min(data.len());
            bytes.extend_from_slice(data.get(known..).unwrap_or_default());
            known
        } else {
            self.held.insert(position, data.to_vec());
            0
        }
    }

    /// Reports what was held and has come to its turn.
    fn drain(&mut self, context: &mut Context<'_>) {
        while let Some(entry) = self.held.first_entry()
            && *entry.key() <= self.next
        {
            let (start, bytes) = entry.remove_entry();
            context.shared.pieces.held -= bytes.len();
            let known = usize::try_from(self.next - start).unwrap_or(usize::MAX).min(bytes.len());
            repeated(context, known);
            self.report(context, bytes.get(known..).unwrap_or_default());
        }
    }

    /// Takes the hole before the first held piece for a gap. False when nothing is held.
    fn give_up_hole(&mut self, context: &mut Context<'_>) -> bool {
        let Some((start, _)) = self.held.first_key_value() else { return false };
        let hole = start.saturating_sub(self.next);
        self.miss(context, hole);
        self.drain(context);
        true
    }

    /// Reports what is held, with its holes, and the end.
    fn end(self, sink: &mut dyn FnMut(ProtocolEvent<'_>)) {
        let Self { transfer, total, mut next, held, mut gap, fetched, cut, last_at, .. } = self;
        for (start, bytes) in held {
            let known = usize::try_from(next.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
            if start > next {
                sink(ProtocolEvent::Gap { transfer, bytes: start - next });
                gap = true;
            }
            let data = bytes.get(known..).unwrap_or_default();
            if !data.is_empty() {
                sink(ProtocolEvent::Body { transfer, data });
            }
            next = next.max(start.saturating_add(bytes.len() as u64));
        }
        if let Some(total) = total.filter(|total| *total > next && !fetched) {
            sink(ProtocolEvent::Gap { transfer, bytes: total - next });
            gap = true;
        }
        let complete = total.is_some() && !gap && !(fetched && cut);
        sink(ProtocolEvent::End { transfer, complete, at: last_at });
    }
}
