//! What one side of a TCP flow has sent beyond the place where its delivery stands.
//!
//! Owns: copies of out-of-order bytes, sorted and without overlap, and which places a snap length has cut. Never does: deciding
//! when a hole is given up ([`crate::half`]), or handing anything out of order.
//!
//! Positions are 64-bit offsets in the side's stream, so that sequence numbers may wrap; `position` is where delivery stands.
//! A balanced tree rather than a sorted array: an attacker chooses the order of arrival.

use crate::budget::Holder;
use std::collections::{BTreeMap, btree_map::Entry};

/// Bookkeeping of one piece, counted against the budgets.
const PIECE_COST: usize = 64;

struct Piece {
    data: Box<[u8]>,
    /// The checksum was wrong: held back while there may be a better copy.
    suspect: bool,
}

/// Since when a hole has been waited for, and on what grounds it is one.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    /// Where delivery stood.
    pub(crate) position: u64,
    /// Holes below this offset existed then.
    pub(crate) limit: u64,
    /// The receiver has acknowledged up to `limit`.
    pub(crate) acknowledged: bool,
    /// Table time, nanoseconds.
    pub(crate) since: i64,
    /// Segments of the flow seen from then on.
    pub(crate) segments: u16,
}

pub(crate) struct Pending {
    pub(crate) holder: Holder,
    pub(crate) wait: Option<Wait>,
    position: u64,
    pieces: BTreeMap<u64, Piece>,
    /// Pieces that are not suspect.
    sound: usize,
    /// Places that were on the wire and not captured: start and end.
    cuts: BTreeMap<u64, u64>,
    cost: usize,
}

/// What comes next in order.
pub(crate) enum Step {
    /// Bytes.
    Data(Box<[u8]>),
    /// So many bytes that a snap length cut.
    Cut(u64),
    /// So many bytes that are given up.
    Hole(u64),
    /// A hole that is still waited for, or nothing.
    Blocked,
}

impl Pending {
    pub(crate) const fn new(holder: Holder) -> Self {
        Self {
            holder,
            wait: None,
            position: 0,
            pieces: BTreeMap::new(),
            sound: 0,
            cuts: BTreeMap::new(),
            cost: 0,
        }
    }

    /// Bytes counted against the budgets.
    pub(crate) const fn cost(&self) -> usize {
        self.cost
    }

    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.cuts.is_empty()
    }

    /// Where the first held bytes begin.
    pub(crate) fn first_piece(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(start, _)| *start)
    }

    /// The offset up to which the receiver must have everything for what blocks delivery to be lost; None when nothing does.
    pub(crate) fn first_known(&self) -> Option<u64> {
        let piece = self.first_piece();
        match self.cuts.first_key_value() {
            Some((start, end)) if *start <= self.position => {
                Some(piece.map_or(*end, |piece| piece.min(*end)))
            }
            Some((start, _)) => Some(piece.map_or(*start, |piece| piece.min(*start))),
            None => piece,
        }
    }

    /// Where the last bytes end that are held or known to have been cut.
    pub(crate) fn end(&self) -> u64 {
        let piece = self.pieces.last_key_value().map_or(0, |(start, piece)| start + piece.data.len() as u64);
        self.cuts.last_key_value().map_or(piece, |(_, end)| piece.max(*end))
    }

    /// Bytes went past without being held: delivery stands further on. At most up to [`Self::first_piece`].
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.position += bytes;
        self.drop_passed_cuts();
    }

    /// Notes that the bytes from `start` to `end` were cut off by a snap length.
    pub(crate) fn cut(&mut self, start: u64, end: u64) {
        if end > self.position && start < end {
            match self.cuts.entry(start) {
                Entry::Occupied(mut cut) => *cut.get_mut() = end.max(*cut.get()),
                Entry::Vacant(place) => {
                    place.insert(end);
                    self.cost += PIECE_COST;
                }
            }
        }
    }

    /// Holds those of the bytes at `start` (at least `position`) that are not held yet. Suspect bytes give way to others.
    /// Returns true when they differ from those held.
    pub(crate) fn insert(&mut self, start: u64, data: &[u8], suspect: bool) -> bool {
        let end = start + data.len() as u64;
        let of =
            |from: u64, to: u64| data.get((from - start) as usize..(to - start) as usize).unwrap_or_default();
        let mut differs = false;
        let mut at = start;
        while at < end {
            let Some((held_from, held_to, held_suspect)) = self.at_or_behind(at, end) else {
                self.hold(at, of(at, end), suspect);
                break;
            };
            if held_from > at {
                self.hold(at, of(at, held_from), suspect);
                at = held_from;
            }
            let to = held_to.min(end);
            differs |= self.differs(held_from, at, of(at, to));
            if held_suspect && !suspect {
                self.carve(held_from, at, to);
                self.hold(at, of(at, to), false);
            }
            at = to;
        }
        differs
    }

    /// Takes what comes next. Holes that begin below `limit` are given up, suspect bytes there are taken for good.
    /// `fin` is where the side's stream ends, if that is known.
    pub(crate) fn step(&mut self, limit: u64, fin: Option<u64>) -> Step {
        let first = self.pieces.first_entry();
        if let Some(first) = first
            && *first.key() == self.position
            && (!first.get().suspect || self.position < limit)
        {
            let piece = first.remove();
            self.release(&piece);
            self.advance(piece.data.len() as u64);
            return Step::Data(piece.data);
        }
        let piece = self.first_piece();
        if let Some((start, end)) = self.cuts.first_key_value().map(|(start, end)| (*start, *end))
            && start <= self.position
            && piece.is_none_or(|piece| piece > self.position)
        {
            // Whatever follows shows that no fuller copy came in its time.
            let next = piece.or(fin).filter(|next| *next > self.position);
            if self.sound > 0 || fin.is_some() || self.cuts.len() > 1 || self.position < limit {
                let bytes = next.map_or(end, |next| next.min(end)) - self.position;
                self.advance(bytes);
                return Step::Cut(bytes);
            }
        }
        match self.first_known() {
            Some(start) if start > self.position && self.position < limit => {
                let bytes = start - self.position;
                self.advance(bytes);
                Step::Hole(bytes)
            }
            _ => Step::Blocked,
        }
    }

    /// Forgets suspect bytes at the end that stand apart, from the offset `from` on: nothing bears out that they were sent.
    pub(crate) fn drop_stray_suspects(&mut self, from: u64) {
        while let Some((start, piece)) = self.pieces.last_key_value().map(|(start, piece)| (*start, piece)) {
            let before = self.pieces.range(..start).next_back();
            let before = before.map_or(self.position, |(at, piece)| at + piece.data.len() as u64);
            if !piece.suspect || start < from || before == start {
                return;
            }
            if let Some(piece) = self.pieces.remove(&start) {
                self.release(&piece);
            }
        }
    }

    /// The held piece that contains `at`, else the first that begins before `end`.
    fn at_or_behind(&self, at: u64, end: u64) -> Option<(u64, u64, bool)> {
        let before = self.pieces.range(..=at).next_back();
        let before = before.filter(|(start, piece)| *start + piece.data.len() as u64 > at);
        let (start, piece) = before.or_else(|| self.pieces.range(at..end).next())?;
        Some((*start, start + piece.data.len() as u64, piece.suspect))
    }

    fn differs(&self, piece: u64, at: u64, data: &[u8]) -> bool {
        let held = self.pieces.get(&piece).and_then(|held| held.data.get((at - piece) as usize..));
        held.and_then(|held| held.get(..data.len())).is_some_and(|held| held != data)
    }

    /// Takes the bytes between `from` and `to` out of the suspect piece at `start`.
    fn carve(&mut self, start: u64, from: u64, to: u64) {
        let Some(piece) = self.pieces.remove(&start) else { return };
        self.release(&piece);
        let part = |range: std::ops::RangeTo<usize>| piece.data.get(range).unwrap_or_default();
        self.hold(start, part(..(from - start) as usize), true);
        self.hold(to, piece.data.get((to - start) as usize..).unwrap_or_default(), true);
    }

    fn hold(&mut self, start: u64, data: &[u8], suspect: bool) {
        if !data.is_empty() {
            self.cost += PIECE_COST + data.len();
            self.sound += usize::from(!suspect);
            self.pieces.insert(start, Piece { data: data.into(), suspect });
        }
    }

    fn release(&mut self, piece: &Piece) {
        self.cost -= PIECE_COST + piece.data.len();
        self.sound -= usize::from(!piece.suspect);
    }

    fn drop_passed_cuts(&mut self) {
        while let Some(cut) = self.cuts.first_entry()
            && *cut.get() <= self.position
        {
            cut.remove();
            self.cost -= PIECE_COST;
        }
    }
}
