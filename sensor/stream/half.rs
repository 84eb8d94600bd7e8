//! One direction of a TCP flow: where its delivery stands, what it holds, when a hole is given up, whether it has ended.
//!
//! Owns: the bytes one side sends. Never does: connection state, which takes both sides ([`crate::tcp`]).

use crate::context::Context;
use crate::pending::{Pending, Step, Wait};
use egret_model::{Flow, Side, StreamEvent, Uninspected};

/// The furthest that a segment may lie from where its side stands: the largest window there is (RFC 7323 section 2.3).
pub(crate) const WINDOW_LIMIT: i32 = 1 << 30;

/// Segments in a row, all further away than that, after which the side is taken to have got there.
const ASTRAY_SEGMENTS: u32 = 8;

/// How far an acknowledgment is believed by itself beyond what was seen or acknowledged before. No window in use is much wider,
/// and where a capture has lost more, other segments bear it out.
const BELIEVED_STEP: i32 = 1 << 20;

/// How many of `bytes` that seem to be missing are counted. Right behind a handshake, before anything else has come, so many are no
/// loss but numbers that something on the way has changed, as like as not: how many are missing is not known.
fn believed<F>(bytes: u64, nothing_came: bool, context: &mut Context<'_, F>) -> u64 {
    if !nothing_came || bytes <= u64::from(BELIEVED_STEP.unsigned_abs()) {
        return bytes;
    }
    context.shared.stats.resynchronised += 1;
    u64::from(BELIEVED_STEP.unsigned_abs())
}

/// How far `later` lies behind `earlier` in sequence space (RFC 9293 section 3.4); negative when before.
pub(crate) const fn distance(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier) as i32
}

/// Payload as it stands in a segment.
#[derive(Clone, Copy)]
pub(crate) struct Payload<'a> {
    /// Sequence number of its first byte.
    pub(crate) sequence: u32,
    pub(crate) data: &'a [u8],
    /// Bytes that follow and were not captured.
    pub(crate) missing: u32,
    /// Its checksum is wrong, on a side that has shown right ones.
    pub(crate) suspect: bool,
}

impl Payload<'_> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.data.is_empty() && self.missing == 0
    }

    /// Bytes on the wire.
    const fn length(&self) -> u64 {
        self.data.len() as u64 + self.missing as u64
    }

    /// Sequence number behind its last byte.
    pub(crate) const fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.data.len() as u32).wrapping_add(self.missing)
    }
}

#[derive(Default)]
pub(crate) struct Half {
    /// Sequence number of the first byte of this connection, as far as known; meaningful when `synchronised`.
    pub(crate) start: u32,
    /// Sequence number of the next byte to deliver; that of the FIN when all was delivered.
    pub(crate) next: u32,
    /// The highest acknowledgment by the other side.
    pub(crate) acknowledged: Option<u32>,
    /// Sequence number of the FIN.
    pub(crate) fin: Option<u32>,
    rare: Option<Box<Rare>>,
    pub(crate) pending: Option<Box<Pending>>,
    /// `start` and `next` are known.
    pub(crate) synchronised: bool,
    /// They are known from this side's own SYN.
    pub(crate) begun: bool,
    /// A segment of this side was captured.
    pub(crate) seen: bool,
    /// A segment of this side had a right checksum.
    pub(crate) trusted: bool,
    /// `Finished` was reported.
    pub(crate) finished: bool,
}

/// What few flows need.
#[derive(Default)]
struct Rare {
    /// Sequence number of the first byte behind a SYN that would begin another connection.
    rival: Option<u32>,
    /// Where the last segment ended that was far from where the side stands.
    astray: u32,
    /// How many such followed one another.
    astray_segments: u32,
    /// The bytes of those.
    astray_bytes: u64,
    /// An acknowledgment too far ahead to be believed by itself.
    claimed: Option<u32>,
    /// Bytes from before `start` that were counted: where they begin and end.
    early: Option<(u32, u32)>,
}

impl Half {
    /// The side's bytes begin at `sequence`.
    pub(crate) const fn synchronise(&mut self, sequence: u32) {
        self.start = sequence;
        self.next = sequence;
        self.synchronised = true;
    }

    /// Notes a SYN inside the connection: another one may begin at `sequence`.
    pub(crate) fn note_rival(&mut self, sequence: u32) {
        self.rare.get_or_insert_default().rival = Some(sequence);
    }

    /// True when `sequence` begins the connection that an earlier SYN announced.
    pub(crate) fn begins_rival(&self, sequence: u32) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.rival == Some(sequence))
    }

    /// True for bytes behind an end that counts. No sender of this connection has any; the place of the FIN itself may be
    /// taken by a keep-alive probe.
    #[inline]
    pub(crate) fn begins_after_end(&self, payload: &Payload<'_>) -> bool {
        self.finished && !payload.is_empty() && distance(self.next, payload.end()) > 1
    }

    /// Nothing was delivered or given up yet, nor is anything held, the end included.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.start == self.next && self.pending.is_none() && self.fin.is_none()
    }

    /// Every byte up to the FIN was delivered or given up.
    pub(crate) fn reached_fin(&self) -> bool {
        self.fin == Some(self.next)
    }

    /// Takes payload: delivers what is in order, holds what is ahead, compares what came before.
    #[inline]
    pub(crate) fn receive<F>(&mut self, from: Side, payload: Payload<'_>, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        if payload.sequence == self.next
            && self.pending.is_none()
            && payload.missing == 0
            && !payload.suspect
            && self.fin.is_none()
        {
            self.deliver(from, payload.data, context);
        } else {
            self.receive_out_of_order(from, payload, context);
        }
    }

    fn receive_out_of_order<F>(&mut self, from: Side, payload: Payload<'_>, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let ahead = distance(self.next, payload.sequence);
        if ahead.unsigned_abs() > WINDOW_LIMIT as u32 || self.precedes_beginning(&payload) {
            context.shared.stats.out_of_window += 1;
            context.shared.stats.out_of_window_bytes += payload.length();
            if !payload.suspect && !self.finished && self.goes_on_elsewhere(&payload) {
                self.jump(from, &payload, context);
                self.deliver(from, payload.data, context);
            }
            return;
        }
        let behind = ahead.min(0).unsigned_abs() as usize;
        if behind == 1 && payload.data.len() <= 1 && payload.missing == 0 {
            // RFC 9293 section 3.8.4: the byte before the window, with or without garbage in its place.
            context.shared.stats.keep_alives += 1;
            return;
        }
        let (old, new) = payload.data.split_at_checked(behind).unwrap_or((payload.data, &[]));
        if !old.is_empty() {
            context.again(from, payload.sequence, old);
            context.shared.stats.early_bytes += self.early(payload.sequence, old.len());
        }
        if distance(self.next, payload.end()) <= 0 {
            return;
        }
        if !self.fin_allows(payload.end(), context) {
            context.shared.stats.out_of_window_bytes += new.len() as u64 + u64::from(payload.missing);
            return;
        }
        let in_order = ahead <= 0 && payload.missing == 0 && !payload.suspect;
        let first_held = self.pending.as_ref().and_then(|held| Some(held.first_piece()? - held.position()));
        if in_order && first_held.is_none_or(|room| room >= new.len() as u64) {
            self.deliver(from, new, context);
        } else {
            let sequence = payload.sequence.wrapping_add(old.len() as u32);
            self.hold(from, Payload { data: new, sequence, ..payload }, context);
        }
        self.release(from, 0, Uninspected::Gap, context);
        self.keep_budget(from, context);
    }

    /// True for a segment that ends before the first byte of a connection whose SYN was captured.
    const fn precedes_beginning(&self, payload: &Payload<'_>) -> bool {
        // Behind a stream wider than the window, `start` is not told apart from where the stream has wrapped.
        let near = distance(self.start, self.next) >= 0 && distance(self.start, self.next) <= WINDOW_LIMIT;
        self.begun && near && distance(self.start, payload.end()) < 0
    }

    /// How many of the `length` bytes at `sequence`, all before `next`, are from before the place at which the capture came upon
    /// the side in the middle, and were not counted yet. They came out of order: it is too late for their place.
    fn early(&mut self, sequence: u32, length: usize) -> u64 {
        let ahead = distance(sequence, self.start);
        if self.begun || ahead <= 0 || !(0..=WINDOW_LIMIT).contains(&distance(self.start, self.next)) {
            return 0;
        }
        let end = sequence.wrapping_add(ahead.unsigned_abs().min(length as u32));
        let rare = self.rare.get_or_insert_default();
        let whole = u64::from(end.wrapping_sub(sequence));
        let Some((first, last)) = rare.early else {
            rare.early = Some((sequence, end));
            return whole;
        };
        if distance(last, sequence) > 0 || distance(end, first) > 0 {
            rare.early = Some((sequence, end));
            return whole;
        }
        let before = distance(sequence, first).max(0).unsigned_abs();
        let behind = distance(last, end).max(0).unsigned_abs();
        rare.early = Some((first.wrapping_sub(before), last.wrapping_add(behind)));
        u64::from(before) + u64::from(behind)
    }

    /// True when the acknowledgment of what lies before `to` can be believed: it is not far beyond what was seen, or goes on from
    /// one that was. Headers may lie (anonymised captures, several connections taken for one), and bytes that nobody has sent
    /// would else be missing.
    #[inline]
    pub(crate) fn bears_out(&mut self, to: u32) -> bool {
        let known = self.acknowledged.filter(|known| distance(self.next, *known) > 0).unwrap_or(self.next);
        distance(known, to) <= BELIEVED_STEP || self.claims_go_on(to)
    }

    fn claims_go_on(&mut self, to: u32) -> bool {
        let before = self.rare.get_or_insert_default().claimed.replace(to);
        before.is_some_and(|before| (1..=BELIEVED_STEP).contains(&distance(before, to)))
    }

    /// Notes a segment that is far from where the side stands. True when enough of them followed one another: the side goes on
    /// there.
    fn goes_on_elsewhere(&mut self, payload: &Payload<'_>) -> bool {
        let rare = self.rare.get_or_insert_default();
        if rare.astray_segments == 0 || rare.astray != payload.sequence {
            (rare.astray_segments, rare.astray_bytes) = (0, 0);
        }
        rare.astray_segments += 1;
        rare.astray_bytes += payload.length();
        rare.astray = payload.end();
        payload.missing == 0 && rare.astray_segments >= ASTRAY_SEGMENTS
    }

    /// Goes on at `payload`. Either the capture has lost more than the largest window, or something between the two has changed
    /// the sequence numbers: nothing tells which, nor how many bytes are missing. The gap has those of the segments that showed
    /// it, which are known to have been sent.
    fn jump<F>(&mut self, from: Side, payload: &Payload<'_>, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        self.release(from, u64::MAX, Uninspected::Gap, context);
        context.shared.stats.resynchronised += 1;
        let seen = self.rare.as_ref().map_or(0, |rare| rare.astray_bytes);
        context.shared.stats.out_of_window_bytes -= seen;
        let bytes = seen.saturating_sub(payload.length());
        if bytes > 0 {
            context.gap(from, bytes, Uninspected::Gap);
        }
        self.synchronise(payload.sequence);
        (self.begun, self.acknowledged, self.fin, self.rare) = (false, None, None, None);
    }

    /// False for bytes up to `end` that lie beyond a FIN that counts. One that was not acknowledged is forgotten instead: its
    /// sender goes on.
    fn fin_allows<F>(&mut self, end: u32, context: &mut Context<'_, F>) -> bool {
        if self.fin.is_none_or(|fin| distance(fin, end) <= 0) {
            return true;
        }
        if self.finished || self.fin_is_acknowledged() {
            context.shared.stats.out_of_window += 1;
            return false;
        }
        self.fin = None;
        context.shared.stats.fins_ignored += 1;
        true
    }

    /// Delivers bytes that are next.
    #[inline]
    fn deliver<F>(&mut self, from: Side, data: &[u8], context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        if data.is_empty() {
            return;
        }
        let sequence = self.next;
        self.next = sequence.wrapping_add(data.len() as u32);
        if let Some(pending) = &mut self.pending {
            let before = pending.cost();
            pending.advance(data.len() as u64);
            context.shared.budget.change(before, pending.cost());
        }
        context.data(from, sequence, data);
    }

    fn hold<F>(&mut self, from: Side, payload: Payload<'_>, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let budget = &mut context.shared.budget;
        let index = context.index;
        let pending = self.pending.get_or_insert_with(|| Box::new(Pending::new(budget.enter(index, from))));
        let before = pending.cost();
        let ahead = distance(self.next, payload.sequence).max(0).unsigned_abs();
        let start = pending.position() + u64::from(ahead);
        let differs = pending.insert(start, payload.data, payload.suspect);
        // The captured part of a segment that begins before the place of delivery may end there too.
        let cut_start = start + payload.data.len() as u64;
        let end = pending.position() + u64::from(distance(self.next, payload.end()).max(0).unsigned_abs());
        if payload.missing > 0 {
            pending.cut(cut_start, end);
        }
        budget.change(before, pending.cost());
        if differs {
            context.inconsistent();
        }
    }

    /// Delivers what has become next. Holes below the offset `limit` are given up for `reason`.
    pub(crate) fn release<F>(
        &mut self,
        from: Side,
        limit: u64,
        reason: Uninspected,
        context: &mut Context<'_, F>,
    ) where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let Some(pending) = &mut self.pending else { return };
        let before = pending.cost();
        let fin = self
            .fin
            .map(|fin| pending.position() + u64::from(distance(self.next, fin).max(0).unsigned_abs()));
        loop {
            let bytes = match pending.step(limit, fin) {
                Step::Data(data) => {
                    context.data(from, self.next, &data);
                    data.len() as u64
                }
                Step::Cut(bytes) => {
                    context.gap(from, bytes, Uninspected::Gap);
                    bytes
                }
                Step::Hole(bytes) => {
                    let nothing_came = self.begun && self.next == self.start;
                    let missing = believed(bytes, nothing_came, context);
                    context.gap(from, missing, reason);
                    bytes
                }
                Step::Blocked => break,
            };
            self.next = self.next.wrapping_add(bytes as u32);
        }
        context.shared.budget.change(before, pending.cost());
        if pending.is_empty() {
            context.shared.budget.leave(pending.holder);
            self.pending = None;
        }
    }

    /// Gives up holes until the side keeps its own budget.
    fn keep_budget<F>(&mut self, from: Side, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        while self.pending.as_ref().is_some_and(|pending| pending.cost() > context.shared.limits.flow_bytes) {
            self.give_up_hole(from, context);
        }
    }

    /// Gives up what blocks delivery, because of a limit.
    pub(crate) fn give_up_hole<F>(&mut self, from: Side, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let Some(pending) = &self.pending else { return };
        let limit = pending.position() + 1;
        self.release(from, limit, Uninspected::OverLimit, context);
    }

    /// A segment of the flow has passed: gives up holes whose bytes the receiver has, or that have been waited for too long.
    pub(crate) fn review_hole<F>(&mut self, from: Side, peer_seen: bool, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let Some(pending) = &mut self.pending else { return };
        let Some(first) = pending.first_known() else { return };
        let position = pending.position();
        let acknowledged = self.acknowledged.map(|to| distance(self.next, to)).filter(|ahead| *ahead > 0);
        let acknowledged = acknowledged.map(|ahead| position + u64::from(ahead.unsigned_abs()));
        let fresh = match acknowledged.filter(|to| *to >= first) {
            Some(limit) => Wait { position, limit, acknowledged: true, since: context.now, segments: 0 },
            None if peer_seen => {
                pending.wait = None;
                return;
            }
            None => {
                Wait { position, limit: pending.end(), acknowledged: false, since: context.now, segments: 0 }
            }
        };
        let wait = match pending.wait {
            Some(wait) if wait.position == position && wait.acknowledged == fresh.acknowledged => wait,
            _ => fresh,
        };
        let wait = Wait { segments: wait.segments.saturating_add(1), ..wait };
        let limits = &context.shared.limits;
        let age = context.now.saturating_sub(wait.since);
        let due = if wait.acknowledged {
            wait.segments > limits.hole_segments || age >= limits.hole_ns
        } else {
            age >= limits.one_way_hole_ns
        };
        if due {
            pending.wait = None;
            self.release(from, wait.limit, Uninspected::Gap, context);
        } else {
            pending.wait = Some(wait);
        }
    }

    /// Notes a FIN at `sequence`, unless there is one or its place was passed.
    pub(crate) fn note_fin(&mut self, sequence: u32) {
        let ahead = distance(self.next, sequence);
        if self.fin.is_none() && (0..=WINDOW_LIMIT).contains(&ahead) {
            self.fin = Some(sequence);
        }
    }

    /// Reports the end of the side once its FIN is reached and, where the other side is captured, acknowledged.
    pub(crate) fn review_fin<F>(&mut self, from: Side, peer_seen: bool, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        if self.finished || !self.reached_fin() {
            return;
        }
        if self.fin_is_acknowledged() {
            self.drop_pending(context);
        } else if peer_seen {
            return;
        } else if self.pending.is_some() {
            // Nobody tells what the receiver took, but the sender has gone on.
            self.fin = None;
            context.shared.stats.fins_ignored += 1;
            return;
        }
        self.finished = true;
        context.finished(from);
    }

    /// The receiver has acknowledged the FIN, and so everything before it.
    pub(crate) fn fin_is_acknowledged(&self) -> bool {
        self.fin.zip(self.acknowledged).is_some_and(|(fin, to)| distance(fin, to) > 0)
    }

    /// Forgets what is held: it lies beyond the end that the receiver has acknowledged.
    fn drop_pending<F>(&mut self, context: &mut Context<'_, F>) {
        if let Some(pending) = self.pending.take() {
            context.shared.budget.change(pending.cost(), 0);
            context.shared.budget.leave(pending.holder);
            context.shared.stats.out_of_window += 1;
        }
    }

    /// The flow ends: hands out all that is held, counts what is missing, and reports the end if a FIN told it.
    pub(crate) fn close<F>(&mut self, from: Side, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let acknowledged = self.acknowledged.map_or(0, |to| distance(self.next, to).max(0));
        if let Some(pending) = &mut self.pending {
            let before = pending.cost();
            pending.drop_stray_suspects(pending.position() + u64::from(acknowledged.unsigned_abs()));
            context.shared.budget.change(before, pending.cost());
        }
        self.release(from, u64::MAX, Uninspected::Gap, context);
        let end = match (self.fin, self.acknowledged) {
            (Some(fin), _) => Some(fin),
            // One more than all bytes acknowledges a FIN that was not captured.
            (None, Some(to)) if self.synchronised && distance(self.next, to) > 1 => Some(to),
            _ => None,
        };
        if let Some(missing) = end.map(|end| distance(self.next, end)).filter(|missing| *missing > 0) {
            let nothing_came = self.begun && self.next == self.start;
            let bytes = believed(missing.unsigned_abs().into(), nothing_came, context);
            context.gap(from, bytes, Uninspected::Gap);
            self.next = self.next.wrapping_add(missing.unsigned_abs());
        }
        if self.reached_fin() && !self.finished {
            self.finished = true;
            context.finished(from);
        }
    }
}
