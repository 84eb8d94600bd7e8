//! Content that comes in pieces, each with the offset at which it stands in a file, told in the order of offsets.
//!
//! Owns: what has come before its turn, and holes. Never does: reading a protocol.
//!
//! What comes once more (a file read twice, a header written again at the end) is told as content of its own: it may differ from
//! what stood there before.

use crate::Context;
use egret_model::{TransferKey, TransferStart};
use std::collections::BTreeMap;

/// Readings from the start again that are told as transfers of their own; further ones go on in the last of them.
const MOST_BEGUN_ANEW: u8 = 16;

/// Offsets beyond any file (2^63, what a signed offset holds) mean its end (MS-SMB2 section 3.3.5.13).
const BEYOND: u64 = 1 << 63;

/// One direction of one file.
#[derive(Debug, Default)]
pub(crate) struct InOrder {
    transfer: Option<TransferKey>,
    /// Everything before this offset has been told or given up.
    next: u64,
    /// Pieces behind a hole, by offset; none overlaps another.
    held: BTreeMap<u64, Vec<u8>>,
    gap: bool,
    again: Option<Box<Again>>,
    begun_anew: u8,
}

/// Content that comes once more, in the order in which it comes.
#[derive(Debug)]
struct Again {
    transfer: TransferKey,
    next: u64,
    gap: bool,
}

/// What is known of a file when content of it comes.
pub(crate) type Start<'a> = &'a dyn Fn(&Context<'_>) -> TransferStart;

impl InOrder {
    /// Content that begins at `offset`: what stands before it is there already.
    pub(crate) fn at(offset: u64) -> Self {
        Self { next: offset, ..Self::default() }
    }

    /// True when nothing has come yet.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.transfer.is_none()
    }

    /// Everything before this offset has been told or given up.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// The transfer, once something has come.
    pub(crate) const fn transfer(&self) -> Option<TransferKey> {
        self.transfer
    }

    fn open(&mut self, context: &mut Context<'_>, start: Start<'_>) -> TransferKey {
        if let Some(transfer) = self.transfer {
            return transfer;
        }
        let transfer = context.begin(start(context));
        self.transfer = Some(transfer);
        transfer
    }

    /// The next bytes of a piece.
    pub(crate) fn write(&mut self, context: &mut Context<'_>, start: Start<'_>, offset: u64, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.open(context, start);
        let offset = self.place(offset);
        let known = usize::try_from(self.next.saturating_sub(offset)).unwrap_or(usize::MAX).min(data.len());
        let (repeated, new) = data.split_at(known);
        if !repeated.is_empty() {
            self.once_more(context, start, offset, repeated);
        }
        if new.is_empty() {
            return;
        }
        let offset = offset.saturating_add(known as u64);
        if offset == self.next {
            self.tell(context, new);
        } else {
            self.hold(context, start, offset, new);
            while context.shared.held_for_order > context.limits.order_bytes && self.give_up_hole(context) {}
        }
        self.drain(context, start);
    }

    /// Bytes of a piece are missing.
    pub(crate) fn miss(&mut self, context: &mut Context<'_>, start: Start<'_>, offset: u64, bytes: u64) {
        self.open(context, start);
        let offset = self.place(offset);
        let end = offset.saturating_add(bytes).min(BEYOND);
        if offset <= self.next && end > self.next {
            self.skip_to(context, end);
            self.drain(context, start);
        }
    }

    /// The content ends. `size`: of the whole, where it is known.
    pub(crate) fn end(mut self, context: &mut Context<'_>, end_seen: bool, size: Option<u64>) {
        while self.give_up_hole(context) {}
        if let Some(Again { transfer, gap, .. }) = self.again.take().map(|again| *again) {
            context.end(transfer, end_seen && !gap);
        }
        if let Some(transfer) = self.transfer {
            let whole = size.is_none_or(|size| self.next >= size);
            context.end(transfer, end_seen && whole && !self.gap);
        }
    }

    const fn place(&self, offset: u64) -> u64 {
        if offset >= BEYOND { self.next } else { offset }
    }

    fn tell(&mut self, context: &mut Context<'_>, data: &[u8]) {
        if let Some(transfer) = self.transfer {
            context.body(transfer, data);
        }
        self.next = self.next.saturating_add(data.len() as u64);
    }

    fn skip_to(&mut self, context: &mut Context<'_>, offset: u64) {
        let hole = offset.saturating_sub(self.next);
        if let Some(transfer) = self.transfer.filter(|_| hole > 0) {
            context.missing(transfer, hole);
            self.gap = true;
        }
        self.next = self.next.max(offset);
    }

    /// Holds bytes until their turn.
    fn hold(&mut self, context: &mut Context<'_>, start: Start<'_>, offset: u64, data: &[u8]) {
        let (mut offset, mut data) = (offset, data);
        while !data.is_empty() {
            let before = self.held.range_mut(..=offset).next_back();
            let end_before = before.as_ref().map(|(at, bytes)| at.saturating_add(bytes.len() as u64));
            if let Some(end) = end_before.filter(|end| *end > offset) {
                let known = usize::try_from(end - offset).unwrap_or(usize::MAX).min(data.len());
                let (repeated, rest) = data.split_at(known);
                self.once_more(context, start, offset, repeated);
                (offset, data) = (offset.saturating_add(known as u64), rest);
                continue;
            }
            let after = self.held.range(offset..).next().map(|(at, _)| *at);
            let free = after.map_or(usize::MAX, |at| usize::try_from(at - offset).unwrap_or(usize::MAX));
            let (new, rest) = data.split_at(free.min(data.len()));
            context.shared.held_for_order += new.len();
            match self.held.range_mut(..offset).next_back() {
                Some((at, bytes)) if at.saturating_add(bytes.len() as u64) == offset => {
                    bytes.extend_from_slice(new);
                }
                _ => {
                    self.held.insert(offset, new.to_vec());
                }
            }
            (offset, data) = (offset.saturating_add(new.len() as u64), rest);
        }
    }

    /// Tells what was held and has come to its turn.
    fn drain(&mut self, context: &mut Context<'_>, start: Start<'_>) {
        while let Some(entry) = self.held.first_entry()
            && *entry.key() <= self.next
        {
            let (offset, bytes) = entry.remove_entry();
            context.shared.held_for_order -= bytes.len();
            let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX).min(bytes.len());
            let (repeated, new) = bytes.split_at(known);
            if !repeated.is_empty() {
                self.once_more(context, start, offset, repeated);
            }
            self.tell(context, new);
        }
    }

    /// Takes the hole before the first held piece for a gap. False when nothing is held.
    fn give_up_hole(&mut self, context: &mut Context<'_>) -> bool {
        let Some((offset, bytes)) = self.held.pop_first() else { return false };
        context.shared.held_for_order -= bytes.len();
        self.skip_to(context, offset);
        self.tell(context, &bytes);
        true
    }

    /// Content that stands where other content stood.
    fn once_more(&mut self, context: &mut Context<'_>, start: Start<'_>, offset: u64, data: &[u8]) {
        let anew = offset == 0 && self.begun_anew < MOST_BEGUN_ANEW;
        if let Some(again) = self.again.take_if(|again| anew && again.next > 0) {
            context.end(again.transfer, !again.gap);
        }
        let again = match &mut self.again {
            Some(again) => again,
            None => {
                self.begun_anew = self.begun_anew.saturating_add(1);
                let transfer = context.begin(start(context));
                self.again.insert(Box::new(Again { transfer, next: 0, gap: false }))
            }
        };
        if again.next != offset {
            context.missing(again.transfer, offset.saturating_sub(again.next));
            again.gap = true;
        }
        context.body(again.transfer, data);
        again.next = offset.saturating_add(data.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Record, Scene};
    use egret_model::{Protocol, ProtocolLimits, Side};
    use proptest::prelude::*;

    /// What is told of pieces: body, missing bytes and completeness of each transfer.
    fn told(
        limits: &ProtocolLimits,
        size: Option<u64>,
        pieces: &[(u64, &[u8])],
    ) -> Vec<(Vec<u8>, u64, bool)> {
        let mut scene = Scene::with_limits(limits);
        let flow = scene.tcp(445);
        let start = |context: &Context<'_>| context.start(Protocol::Smb, String::new(), Side::Initiator);
        scene.with(flow, |context| {
            let mut content = InOrder::default();
            for (offset, data) in pieces {
                content.write(context, &start, *offset, data);
            }
            content.end(context, true, size);
            assert_eq!(context.shared.held_for_order, 0);
        });
        let Record { transfers, .. } = scene.end();
        transfers.into_iter().map(|t| (t.body, t.missing, t.ended == Some(true))).collect()
    }

    #[test]
    fn pieces_are_put_in_order_and_holes_are_gaps() {
        let limits = ProtocolLimits { order_bytes: 8, ..Default::default() };
        type Case = (&'static [(u64, &'static [u8])], Option<u64>, Vec<(Vec<u8>, u64, bool)>);
        let cases: Vec<Case> = vec![
            (&[(0, b"ab"), (2, b"cd")], Some(4), vec![(b"abcd".to_vec(), 0, true)]),
            (&[(4, b"ef"), (2, b"cd"), (0, b"ab")], Some(6), vec![(b"abcdef".to_vec(), 0, true)]),
            (&[(0, b"ab"), (4, b"ef")], None, vec![(b"abef".to_vec(), 2, false)]),
            (&[(0, b"ab")], Some(3), vec![(b"ab".to_vec(), 0, false)]),
            // More is held than the limit allows.
            (
                &[(2, b"cdefghijk"), (0, b"ab")],
                None,
                vec![(b"cdefghijk".to_vec(), 2, false), (b"ab".to_vec(), 0, true)],
            ),
            // The same once more, and a piece of it.
            (
                &[(0, b"abcd"), (0, b"abXd")],
                Some(4),
                vec![(b"abcd".to_vec(), 0, true), (b"abXd".to_vec(), 0, true)],
            ),
            (
                &[(0, b"abcd"), (2, b"CDe")],
                Some(5),
                vec![(b"abcde".to_vec(), 0, true), (b"CD".to_vec(), 2, false)],
            ),
            // At the end, wherever that is; and as far away as an offset may be.
            (
                &[(0, b"ab"), (u64::MAX, b"cd"), (u64::MAX, b"ef")],
                Some(6),
                vec![(b"abcdef".to_vec(), 0, true)],
            ),
            (
                &[(BEYOND - 1, b"yz"), (BEYOND - 1, b"YZ"), (0, b"a")],
                None,
                vec![(b"ayz".to_vec(), BEYOND - 2, false), (b"YZ".to_vec(), BEYOND - 1, false)],
            ),
            // Overlaps among what is held.
            (
                &[(4, b"ef"), (2, b"cdEFg"), (0, b"ab")],
                Some(7),
                vec![(b"abcdefg".to_vec(), 0, true), (b"EF".to_vec(), 4, false)],
            ),
        ];
        for (pieces, size, expected) in cases {
            assert_eq!(told(&limits, size, pieces), expected, "{pieces:?}");
        }
    }

    proptest! {
        /// Any order of pieces of a file gives the file.
        #[test]
        fn any_order_gives_the_whole(order in Just((0_u64..20).collect::<Vec<_>>()).prop_shuffle()) {
            let whole: Vec<u8> = (0..100).collect();
            let pieces: Vec<(u64, &[u8])> = order
                .iter()
                .map(|at| (at * 5, whole.get(usize::try_from(at * 5).unwrap()..).unwrap().get(..5).unwrap()))
                .collect();
            prop_assert_eq!(told(&ProtocolLimits::default(), Some(100), &pieces), [(whole, 0, true)]);
        }
    }
}
