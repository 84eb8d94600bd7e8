//! Long literals that may stand anywhere: found by eight bytes of theirs, looked up at every fourth byte of the text.
//!
//! Four windows of a literal that follow each other are in the set, so that one of them is met wherever the literal
//! stands; they are those that are the rarest in ordinary text. What passes the filter is compared in full.
//!
//! Owns: the choice of the windows, the walk over a text. Never does: literals shorter than [`SHORTEST`].

use super::{
    Literal, Search,
    filter::{Filter, Place, Probe, Table},
    frequency,
};
use crate::engine::instructions::{Classes, Instructions, Work};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// Bytes of a window.
const WINDOW: usize = 8;
/// Bytes from one look-up to the next.
const STRIDE: usize = 4;
/// Shortest literal that holds enough windows, bytes.
pub(super) const SHORTEST: usize = WINDOW + STRIDE - 1;
/// Look-ups of one block.
const LOOKS: usize = 16;
/// Bytes that they cover.
const BLOCK: usize = (LOOKS - 1) * STRIDE + WINDOW;
/// Look-ups whose candidates are gathered before they are compared.
const GATHERED: usize = 1024;
/// Sixteenths of bits from which a window is met so seldom that rarer ones are no better: one place in a million.
const RARE_ENOUGH: u32 = 20 * 16;
/// What makes letters small. It also joins other signs; the comparison tells them apart.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// Where the windows of a literal begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    offset: usize,
    /// Sixteenths of bits, of the commonest of the four.
    pub(super) rarity: u32,
}

/// The four windows of a literal that are the rarest, if it is long enough.
pub(super) fn anchor(literal: &Literal) -> Option<Anchor> {
    let windows: Vec<u32> = literal.bytes.windows(WINDOW).map(rarity).collect();
    let least = |(offset, four): (usize, &[u32])| Some(Anchor { offset, rarity: *four.iter().min()? });
    let anchors = windows.windows(STRIDE).enumerate().filter_map(least);
    anchors.reduce(|best, anchor| if anchor.rarity > best.rarity { anchor } else { best })
}

/// The compiled windows.
#[derive(Debug)]
pub(super) struct Windows {
    filter: Filter,
    table: Table,
}

impl Windows {
    pub(super) fn new(anchored: &[(u32, &Literal, Anchor)]) -> Self {
        let mut shared: HashMap<u64, u32, FixedState> = HashMap::default();
        let mut pairs = Vec::with_capacity(anchored.len() * STRIDE);
        for (index, literal, anchor) in anchored {
            let offset = spread(literal, *anchor, &shared);
            for at in offset..offset + STRIDE {
                let Some(window) = window(&literal.bytes, at) else { continue };
                *shared.entry(window).or_default() += 1;
                pairs
                    .push((window, Place { literal: *index, offset: u32::try_from(at).unwrap_or(u32::MAX) }));
            }
        }
        let table = Table::new(pairs);
        Self { filter: Filter::new(&table.keys()), table }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn find(&self, search: &mut Search<'_>, set: Instructions) {
        if self.table.is_empty() {
            return;
        }
        let text = search.text;
        let mut candidates = [0; GATHERED];
        let mut at = search.begin;
        while let Some(rest) = text.get(at..).filter(|rest| rest.len() >= WINDOW) {
            let walk = Walk { filter: self.filter.probe(), piece: rest, candidates: &mut candidates };
            let (count, passed) = set.run(walk);
            for candidate in candidates.iter().take(count) {
                let place = at + usize::from(*candidate) * STRIDE;
                let Some(window) = window(text, place) else { continue };
                for found in self.table.places(window) {
                    search.compare(*found, place);
                }
            }
            at += passed;
        }
    }
}

/// Literals of one family share their rarest windows; another place that is nearly as rare and has less company is better,
/// since every literal of a window is compared wherever the window stands.
fn spread(literal: &Literal, anchor: Anchor, shared: &HashMap<u64, u32, FixedState>) -> usize {
    let company = |offset: usize| -> u32 {
        let windows = (offset..offset + STRIDE).filter_map(|at| window(&literal.bytes, at));
        windows.map(|window| shared.get(&window).copied().unwrap_or(0)).max().unwrap_or(0)
    };
    let most = company(anchor.offset);
    if most < 4 {
        return anchor.offset;
    }
    let offsets = 0..=literal.bytes.len().saturating_sub(SHORTEST);
    let cost = |offset: usize| {
        let windows = (offset..offset + STRIDE).filter_map(|at| literal.bytes.get(at..at + WINDOW));
        let rarity = windows.map(rarity).min().unwrap_or(0);
        // Sixteenths of bits: twice the company weighs as much as standing in text twice as often.
        i64::from((company(offset) + 1).ilog2() * 16) - i64::from(rarity.min(RARE_ENOUGH))
    };
    offsets.min_by_key(|offset| cost(*offset)).unwrap_or(anchor.offset)
}

fn rarity(bytes: &[u8]) -> u32 {
    window(bytes, 0).map_or(0, |key| frequency::window_rarity(key, bytes))
}

#[inline(always)]
fn window(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|window| u64::from_le_bytes(*window) | FOLD)
}

struct Walk<'a> {
    filter: Probe<'a>,
    piece: &'a [u8],
    candidates: &'a mut [u16; GATHERED],
}

impl Work for Walk<'_> {
    type Output = (usize, usize);

    /// Notes the windows that may be in the set, by number: how many, and the bytes walked.
    #[inline(always)]
    fn run(self, _: impl Classes) -> (usize, usize) {
        let Self { filter, piece, candidates } = self;
        let mut count = 0;
        let mut look = 0;
        // Written always and kept where it passes: no branch to mispredict.
        let mut note = |window: u64, look: usize| {
            if let Some(slot) = candidates.get_mut(count) {
                *slot = look as u16;
            }
            count += filter.passes(window);
        };
        while look + LOOKS <= GATHERED
            && let Some(block) = piece.get(look * STRIDE..).and_then(<[u8]>::first_chunk::<BLOCK>)
        {
            let windows: [u64; LOOKS] =
                std::array::from_fn(|at| window(block, at * STRIDE).unwrap_or_default());
            for (at, window) in windows.into_iter().enumerate() {
                note(window, look + at);
            }
            look += LOOKS;
        }
        while look < GATHERED
            && let Some(window) = window(piece, look * STRIDE)
        {
            note(window, look);
            look += 1;
        }
        (count, look * STRIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_windows_are_looked_for() {
        let anchor = anchor(&Literal::anywhere("the information zxqvkwjgzzq and the")).expect("long enough");
        let window = &b"the information zxqvkwjgzzq and the"[anchor.offset..anchor.offset + SHORTEST];
        assert!(window.windows(6).any(|six| six == b"zxqvkw" || six == b"vkwjgz"), "{window:?}");
        assert_eq!(super::anchor(&Literal::anywhere("0123456789")), None);
    }

    #[test]
    fn a_family_does_not_share_one_window() {
        let literals: Vec<Literal> =
            (0..1_000).map(|n| Literal::anywhere(format!("zqxj-vkwq-{n:04}-internal"))).collect();
        let anchored: Vec<_> =
            (0..).zip(&literals).map(|(at, literal)| (at, literal, anchor(literal).expect("long"))).collect();
        let windows = Windows::new(&anchored);
        let text = b"xx zqxj-vkwq-0123-internal";
        let most =
            (0..text.len()).filter_map(|at| window(text, at)).map(|key| windows.table.places(key).len());
        assert!(most.max().is_some_and(|most| most < 200));
    }
}
