//! The state of one TCP connection as an observer sees it: handshake, acknowledgments, resets, the end (RFC 9293).
//!
//! Owns: what a segment means for its connection. Never does: the bytes ([`crate::half`]), the table ([`crate::table`]).

use crate::context::Context;
use crate::half::{Half, Payload, WINDOW_LIMIT, distance};
use crate::queues::Queue;
use egret_model::{
    Checksum, CloseReason, Flow, Segment, Side, StreamEvent, TcpFlags, Transport, Uninspected,
};

/// The largest window that a header can tell without scaling: how far ahead an RST is believed.
const RESET_WINDOW: i32 = 0xffff;
/// Bytes that only the acknowledgments of a side show, where the sender's own segments are not captured, reported at once.
const UNSEEN_STEP: i32 = 1 << 20;

/// What a TCP header says.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) flags: TcpFlags,
}

impl Header {
    /// None when the segment is not one of TCP.
    pub(crate) const fn of(segment: &Segment<'_>) -> Option<Self> {
        match segment.transport {
            Transport::Tcp { sequence, acknowledgment, flags, .. } => {
                Some(Self { sequence, acknowledgment, flags })
            }
            _ => None,
        }
    }

    /// Sequence number of the first payload byte.
    const fn payload_sequence(&self) -> u32 {
        if self.flags.has(TcpFlags::SYN) { self.sequence.wrapping_add(1) } else { self.sequence }
    }

    /// True when the segment may open a flow: it begins a connection, or carries payload.
    pub(crate) const fn opens(&self, segment: &Segment<'_>) -> bool {
        let payload = !segment.payload.is_empty() || segment.missing > 0;
        !self.flags.has(TcpFlags::RST) && (self.flags.has(TcpFlags::SYN) || payload)
    }
}

/// What becomes of a flow after one of its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Open,
    /// The segment belongs to a new connection between the same endpoints.
    Replaced,
}

#[derive(Default)]
pub(crate) struct Tcp {
    initiator: Half,
    responder: Half,
    /// Who sent a valid RST and has not gone on since.
    reset: Option<Side>,
    /// `Closed` was reported.
    closed: bool,
}

impl Tcp {
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where the flow stands among those that wait for their end.
    pub(crate) fn queue(&self) -> Queue {
        let ended = |half: &Half| half.reached_fin() || half.fin_is_acknowledged();
        let alone = |half: &Half, peer: &Half| half.finished && !peer.seen;
        if self.closed
            || self.reset.is_some()
            || (ended(&self.initiator) && ended(&self.responder))
            || alone(&self.initiator, &self.responder)
            || alone(&self.responder, &self.initiator)
        {
            Queue::Lingering
        } else if self.is_connected() {
            Queue::Connected
        } else {
            Queue::Opening
        }
    }

    /// How a flow ends that has lingered out.
    pub(crate) const fn lingered_reason(&self) -> CloseReason {
        if self.reset.is_some() { CloseReason::Reset } else { CloseReason::Finished }
    }

    /// Takes one segment.
    #[inline]
    pub(crate) fn receive<F>(
        &mut self,
        from: Side,
        header: Header,
        segment: &Segment<'_>,
        context: &mut Context<'_, F>,
    ) -> Outcome
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        if self.closed {
            return self.receive_late(from, header, segment, context);
        }
        let suspect = self.is_suspect(from, segment);
        let control = header.flags.has(TcpFlags::SYN) || header.flags.has(TcpFlags::RST);
        if suspect {
            context.shared.stats.wrong_checksums += 1;
            if control {
                return Outcome::Open;
            }
        }
        if control {
            if header.flags.has(TcpFlags::RST) {
                self.receive_reset(from, header, segment, context);
                return Outcome::Open;
            }
            match self.receive_syn(from, header, context) {
                Syn::Accepted => {}
                Syn::Ignored => return Outcome::Open,
                Syn::Replaces => return Outcome::Replaced,
            }
        }
        let payload = Payload {
            sequence: header.payload_sequence(),
            data: segment.payload,
            missing: segment.missing,
            suspect,
        };
        let half = self.half(from);
        let begins = !payload.is_empty() && half.begins_rival(payload.sequence);
        if !suspect && (begins || half.begins_after_end(&payload)) {
            return Outcome::Replaced;
        }
        self.receive_established(from, header, payload, context);
        Outcome::Open
    }

    /// A segment that is neither SYN (or an accepted one) nor RST.
    #[inline]
    fn receive_established<F>(
        &mut self,
        from: Side,
        header: Header,
        payload: Payload<'_>,
        context: &mut Context<'_, F>,
    ) where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let goes_on = self.reset == Some(from) && !payload.suspect;
        let before = (self.half(from).next, self.half(from.other()).acknowledged);
        if header.flags.has(TcpFlags::ACK) && !payload.suspect {
            self.acknowledge(from, header, context);
        }
        let (half, peer) = self.halves(from);
        if !half.synchronised {
            half.synchronise(payload.sequence);
        }
        half.seen = true;
        let peer_seen = peer.seen;
        if !payload.is_empty() {
            half.receive(from, payload, context);
        }
        if header.flags.has(TcpFlags::FIN) && !payload.suspect {
            half.note_fin(payload.end());
            half.release(from, 0, Uninspected::Gap, context);
        }
        half.review_hole(from, peer_seen, context);
        if half.fin.is_some() {
            half.review_fin(from, peer_seen, context);
        }
        if goes_on && before != (self.half(from).next, self.half(from.other()).acknowledged) {
            self.reset = None;
            context.shared.stats.resets_ignored += 1;
        }
        if self.initiator.finished && self.responder.finished {
            self.close(CloseReason::Finished, context);
        }
    }

    /// Ends the flow: everything held is handed out or counted as missing.
    pub(crate) fn close<F>(&mut self, reason: CloseReason, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        if !self.closed {
            self.closed = true;
            self.initiator.close(Side::Initiator, context);
            self.responder.close(Side::Responder, context);
            context.closed(reason);
        }
    }

    /// `side` gives up what blocks its delivery, so that the table keeps its budget.
    pub(crate) fn give_up_hole<F>(&mut self, side: Side, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let (half, peer) = self.halves(side);
        half.give_up_hole(side, context);
        half.review_fin(side, peer.seen, context);
    }

    /// True for a wrong checksum on a side that has shown right ones.
    #[inline]
    fn is_suspect(&mut self, from: Side, segment: &Segment<'_>) -> bool {
        let half = self.halves(from).0;
        match segment.checksum() {
            Checksum::Valid => {
                half.trusted = true;
                false
            }
            Checksum::Wrong => half.trusted,
            Checksum::Offloaded | Checksum::Unverifiable => false,
        }
    }

    fn receive_syn<F>(&mut self, from: Side, header: Header, context: &mut Context<'_, F>) -> Syn
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let first = header.payload_sequence();
        let connected = self.is_connected();
        let over = self.queue() == Queue::Lingering;
        let reset = self.reset;
        let answers = header.flags.has(TcpFlags::ACK);
        let (half, peer) = self.halves(from);
        // The SYN is the better witness of where the bytes begin.
        if !half.synchronised || (answers && half.is_untouched() && !half.begun) {
            half.synchronise(first);
        }
        if half.start == first {
            if over && reset.is_none() {
                return Syn::Ignored;
            }
            if reset.is_some() {
                self.reset = None;
                context.shared.stats.resets_ignored += 1;
            }
            self.halves(from).0.begun = true;
            context.flow.midstream = false;
            return Syn::Accepted;
        }
        if answers {
            if peer.begins_rival(header.acknowledgment) {
                return Syn::Replaces;
            }
        } else if over || !connected {
            return Syn::Replaces;
        } else {
            // RFC 5961 section 4: a receiver answers with an ACK and goes on. Whether there is a new connection shows later.
            half.note_rival(first);
        }
        context.shared.stats.syns_ignored += 1;
        Syn::Ignored
    }

    /// What `from` has received of the other side's bytes.
    #[inline]
    fn acknowledge<F>(&mut self, from: Side, header: Header, context: &mut Context<'_, F>)
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        let to = header.acknowledgment;
        let sender = self.halves(from).1;
        let side = from.other();
        let answers = header.flags.has(TcpFlags::SYN);
        let ahead = distance(sender.next, to);
        let elsewhere = !(0..=RESET_WINDOW).contains(&ahead);
        if !sender.synchronised || (answers && sender.is_untouched()) {
            // The answer to a SYN that was not captured, or was another one, tells where the bytes begin.
            if !sender.synchronised || elsewhere {
                sender.synchronise(to);
            }
            sender.acknowledged = Some(to);
            return;
        }
        if !(-WINDOW_LIMIT..=WINDOW_LIMIT).contains(&ahead) || !sender.bears_out(to) {
            return;
        }
        if sender.acknowledged.is_none_or(|before| distance(before, to) > 0) {
            sender.acknowledged = Some(to);
        }
        if !sender.seen && ahead >= UNSEEN_STEP && sender.pending.is_none() {
            context.gap(side, u64::from(ahead.unsigned_abs()), Uninspected::Gap);
            sender.next = to;
        }
        sender.review_hole(side, true, context);
        if sender.fin.is_some() {
            sender.review_fin(side, true, context);
        }
    }

    /// RFC 5961 section 3, as far as an observer can tell: the sequence number must be one that the receiver may expect.
    fn receive_reset<F>(
        &mut self,
        from: Side,
        header: Header,
        segment: &Segment<'_>,
        context: &mut Context<'_, F>,
    ) where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        // RFC 9293 section 3.10.7.4 lets an RST carry text.
        context.shared.stats.untracked_bytes += segment.payload.len() as u64 + u64::from(segment.missing);
        let (half, peer) = self.halves(from);
        let valid = if half.synchronised {
            let ahead = distance(half.next, header.sequence);
            (0..=RESET_WINDOW).contains(&ahead) || half.acknowledged == Some(header.sequence)
        } else {
            // The answer to a SYN (RFC 9293 section 3.10.7.3): it must acknowledge it.
            header.flags.has(TcpFlags::ACK)
                && distance(peer.start, header.acknowledgment) >= 0
                && distance(header.acknowledgment, peer.next) >= 0
        };
        if valid {
            half.seen = true;
            self.reset.get_or_insert(from);
        } else {
            context.shared.stats.resets_ignored += 1;
        }
    }

    /// A segment after the end: a late copy, or the start of something new.
    fn receive_late<F>(
        &mut self,
        from: Side,
        header: Header,
        segment: &Segment<'_>,
        context: &mut Context<'_, F>,
    ) -> Outcome
    where
        F: FnMut(&Flow, StreamEvent<'_>),
    {
        if !header.opens(segment) {
            return Outcome::Open;
        }
        let half = self.half(from);
        let syn = header.flags.has(TcpFlags::SYN);
        let first = half.start.wrapping_sub(1);
        // Sequence numbers from the SYN to the FIN, and that in whose place a keep-alive probe stands.
        let span = half.next.wrapping_sub(first).wrapping_add(1);
        let bytes = (segment.payload.len() as u32).wrapping_add(segment.missing);
        let end = header.payload_sequence().wrapping_add(bytes);
        let known = header.sequence.wrapping_sub(first) <= span && end.wrapping_sub(first) <= span;
        if half.synchronised && (if syn { header.sequence == first } else { known }) {
            context.again(from, header.payload_sequence(), segment.payload);
            Outcome::Open
        } else {
            Outcome::Replaced
        }
    }

    /// Both sides were heard of, or bytes have come.
    const fn is_connected(&self) -> bool {
        (self.initiator.seen && self.responder.seen)
            || !self.initiator.is_untouched()
            || !self.responder.is_untouched()
    }

    const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Initiator => &self.initiator,
            Side::Responder => &self.responder,
        }
    }

    /// The half that `side` sends, and the other.
    #[inline]
    const fn halves(&mut self, side: Side) -> (&mut Half, &mut Half) {
        match side {
            Side::Initiator => (&mut self.initiator, &mut self.responder),
            Side::Responder => (&mut self.responder, &mut self.initiator),
        }
    }
}

/// What a SYN means for a flow that is there.
enum Syn {
    /// It is the flow's own.
    Accepted,
    /// It changes nothing.
    Ignored,
    /// It begins another connection.
    Replaces,
}
