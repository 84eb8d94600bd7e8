//! The bytes of a stream, in order (RFC 9000 section 2.2).
//!
//! Owns: what has come before its turn. Never does: what the bytes are; copies of what has come already, which a receiver drops too.

use crate::Context;
use std::collections::BTreeMap;

/// One direction of one stream.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    /// Everything before this offset has been told or given up.
    next: u64,
    /// Pieces behind a hole, by offset; they may overlap.
    held: BTreeMap<u64, Vec<u8>>,
    /// Where it ends, once that is known.
    end: Option<u64>,
    /// It has ended, or was broken off.
    done: bool,
}

/// What comes next on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    Data(&'a [u8]),
    Missing(u64),
    /// It is over, and whether it was not broken off.
    End(bool),
}

type Tell<'t, 'c> = &'t mut dyn FnMut(&mut Context<'c>, Told<'_>);

impl InOrder {
    /// A piece has come.
    pub(super) fn push<'c>(
        &mut self,
        context: &mut Context<'c>,
        (offset, data, ends): (u64, &[u8], bool),
        tell: Tell<'_, 'c>,
    ) {
        if self.done {
            return;
        }
        let behind = offset.saturating_add(data.len() as u64);
        if ends {
            self.end = self.end.or(Some(behind));
        }
        if offset <= self.next {
            self.advance(context, offset, data, tell);
        } else if !data.is_empty() && self.held.get(&offset).is_none_or(|held| held.len() < data.len()) {
            context.shared.held_for_order += data.len();
            if let Some(before) = self.held.insert(offset, data.to_vec()) {
                context.shared.held_for_order -= before.len();
            }
        }
        loop {
            self.drain(context, tell);
            let over = context.shared.held_for_order > context.limits.order_bytes;
            if !over || !self.give_up_hole(context, tell) {
                break;
            }
        }
        if self.end.is_some_and(|end| self.next >= end) {
            self.finish(context, true, tell);
        }
    }

    /// It is over as it stands. `whole`: it was not broken off.
    pub(super) fn finish<'c>(&mut self, context: &mut Context<'c>, whole: bool, tell: Tell<'_, 'c>) {
        if self.done {
            return;
        }
        while !self.held.is_empty() {
            self.give_up_hole(context, tell);
            self.drain(context, tell);
        }
        self.done = true;
        tell(context, Told::End(whole));
    }

    /// A piece of which the beginning may have been told.
    fn advance<'c>(&mut self, context: &mut Context<'c>, offset: u64, data: &[u8], tell: Tell<'_, 'c>) {
        let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
        if let Some(new) = data.get(known..).filter(|new| !new.is_empty()) {
            tell(context, Told::Data(new));
            self.next = self.next.saturating_add(new.len() as u64);
        }
    }

    fn drain<'c>(&mut self, context: &mut Context<'c>, tell: Tell<'_, 'c>) {
        while let Some(entry) = self.held.first_entry()
            && *entry.key() <= self.next
        {
            let (offset, data) = entry.remove_entry();
            context.shared.held_for_order -= data.len();
            self.advance(context, offset, &data, tell);
        }
    }

    /// Takes the hole before the first held piece for a gap. False when nothing is held.
    fn give_up_hole<'c>(&mut self, context: &mut Context<'c>, tell: Tell<'_, 'c>) -> bool {
        let Some(offset) = self.held.keys().next().copied() else { return false };
        if offset > self.next {
            tell(context, Told::Missing(offset - self.next));
            self.next = offset;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use egret_model::{FlowKind, ProtocolLimits};
    use proptest::prelude::*;

    proptest! {
        /// Bytes come out in order, whatever order their pieces came in, and what is held is bounded.
        #[test]
        fn pieces_in_any_order_make_the_stream(
            parts in prop::collection::vec((0_usize..300, 0_usize..120), 0..40),
            limit in prop_oneof![Just(50_usize), Just(100_000)],
        ) {
            let whole: Vec<u8> = (0..400_u16).map(|n| n.to_be_bytes()[1]).collect();
            let limits = ProtocolLimits { order_bytes: limit, ..Default::default() };
            let mut scene = Scene::with_limits(&limits);
            let flow = scene.flow(FlowKind::Udp, "10.0.0.1:5000", "192.0.2.1:443");
            let mut told: Vec<u8> = Vec::new();
            let mut ends = 0;
            scene.with(flow, |context| {
                let mut stream = InOrder::default();
                let mut tell = |_: &mut Context<'_>, what: Told<'_>| match what {
                    Told::Data(data) => told.extend_from_slice(data),
                    Told::Missing(bytes) => told.resize(told.len() + usize::try_from(bytes).unwrap(), 0xff),
                    Told::End(_) => ends += 1,
                };
                for (from, length) in &parts {
                    let to = (from + length).min(400);
                    stream.push(context, (*from as u64, &whole[*from..to], to == 400), &mut tell);
                    assert!(context.shared.held_for_order <= limit);
                }
                stream.finish(context, true, &mut tell);
                assert_eq!(context.shared.held_for_order, 0);
                assert!(stream.done);
            });
            prop_assert_eq!(ends, 1);
            let some = parts.iter().filter(|(_, length)| *length > 0);
            let reached = some.map(|(from, length)| (from + length).min(400)).max().unwrap_or(0);
            prop_assert!(told.len() <= reached);
            for (place, byte) in told.iter().enumerate() {
                prop_assert!(*byte == whole[place] || *byte == 0xff);
            }
            if limit == 100_000 {
                prop_assert!(told.len() == reached);
            }
        }
    }
}
