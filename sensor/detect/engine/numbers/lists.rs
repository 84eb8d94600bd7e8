//! Which layouts may stand at which kind of place, and which of them are armed.
//!
//! Owns: the lists. Never does: looking at text.

use super::{LONGEST_GROUP, Numbers};
use crate::{engine::readers::Reader, language::layout::Layout};

/// Layouts that may stand at one kind of place.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    pub(super) always: Vec<Entry>,
    /// In order of their slots.
    pub(super) bound: Vec<Entry>,
    /// A bit for each slot among them.
    pub(super) slots: Vec<u64>,
    /// How many slots there are among those of the words before each.
    pub(super) before: Vec<u32>,
    /// Where the entries of each of these slots end; they begin where those of the one before end.
    pub(super) ends: Vec<u32>,
    /// Whether some of them have letters before their core, and whether some have only other signs there.
    pub(super) lead: bool,
    pub(super) lead_of_signs: bool,
}

impl Candidates {
    /// Enters a layout. Layouts come in the order of their finders, so of their slots.
    pub(super) fn push(&mut self, entry: Entry, slot: Option<u32>) {
        self.lead |= entry.letters;
        self.lead_of_signs |= !entry.at_core && !entry.letters;
        let Some(slot) = slot else { return self.always.push(entry) };
        let word = (slot / 64) as usize;
        self.bound.push(entry);
        let end = u32::try_from(self.bound.len()).unwrap_or(u32::MAX);
        if self.slots.len() <= word {
            let known = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
            self.slots.resize(word + 1, 0);
            self.before.resize(word + 1, known);
        }
        let Some(bits) = self.slots.get_mut(word) else { return };
        let bit = 1 << (slot % 64);
        match self.ends.last_mut() {
            Some(last) if *bits & bit != 0 => *last = end,
            _ => self.ends.push(end),
        }
        *bits |= bit;
    }

    /// Whether there are layouts to be compared.
    pub(super) fn any(&self, armed: &Armed) -> bool {
        !self.always.is_empty() || self.slots.iter().zip(&armed.slots).any(|(here, armed)| here & armed != 0)
    }

    /// Calls `compare` with each layout to be compared, those of each finder one after the other.
    #[inline]
    pub(super) fn each(&self, armed: &Armed, mut compare: impl FnMut(&Entry)) {
        self.always.iter().for_each(&mut compare);
        for (word, (here, armed)) in self.slots.iter().zip(&armed.slots).enumerate() {
            let mut both = here & armed;
            if both == 0 {
                continue;
            }
            let before = self.before.get(word).copied().unwrap_or(0);
            while both != 0 {
                let bit = both & both.wrapping_neg();
                both &= both - 1;
                let at = (before + (here & (bit - 1)).count_ones()) as usize;
                let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
                let end = self.ends.get(at).copied().unwrap_or(begin);
                let entries = self.bound.get(begin as usize..end as usize).unwrap_or_default();
                entries.iter().for_each(&mut compare);
            }
        }
    }
}

/// Which bound finders are looked at, in one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Armed {
    pub(super) slots: Vec<u64>,
    pub(super) fewest: u32,
    /// What is looked for with these; none before it was asked for.
    pub(super) sought: Option<Box<Sought>>,
}

impl Armed {
    /// None is.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.sought = None;
    }

    /// Arms a slot of `numbers`.
    pub(crate) fn arm(&mut self, slot: u32, numbers: &Numbers) {
        self.sought = None;
        if self.slots.is_empty() {
            self.slots.resize(numbers.fewest_bound.len().div_ceil(64), 0);
            self.fewest = u32::MAX;
        }
        if let Some(bits) = self.slots.get_mut((slot / 64) as usize) {
            *bits |= 1 << (slot % 64);
        }
        let fewest = numbers.fewest_bound.get(slot as usize).copied().unwrap_or(u32::MAX);
        self.fewest = self.fewest.min(fewest);
    }

    pub(super) fn holds(&self, slot: u32) -> bool {
        self.slots.get((slot / 64) as usize).is_some_and(|bits| bits >> (slot % 64) & 1 == 1)
    }
}

/// A layout as it is looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Index into the written forms.
    pub(super) index: u32,
    pub(super) finder: u32,
    /// See [`Layout::is_bare`].
    pub(super) bare: bool,
    /// See [`Layout::begins_at_core`].
    pub(super) at_core: bool,
    /// See [`Layout::begins_with_letters`].
    pub(super) letters: bool,
    /// See [`Layout::second_group`].
    pub(super) second: (usize, usize),
    /// See [`Layout::first_in_core`].
    pub(super) first: [(usize, usize); 2],
    /// See [`Layout::fewest_digits`].
    pub(super) fewest: u32,
}

impl Entry {
    pub(super) fn new(index: u32, finder: u32, layout: &Layout) -> Self {
        let fewest = u32::try_from(layout.fewest_digits()).unwrap_or(u32::MAX);
        let (bare, at_core) = (layout.is_bare(), layout.begins_at_core());
        let (letters, second) = (layout.begins_with_letters(), layout.second_group());
        let first = layout.first_in_core();
        Self { index, finder, bare, at_core, letters, second, first, fewest }
    }
}

/// Bytes that may follow the first group of a layout.
pub(super) const FOLLOWERS: [u8; 4] = [b' ', b'-', b'.', b'/'];

/// Which of [`FOLLOWERS`] a byte is, or the number of them.
pub(super) fn follower(byte: u8) -> usize {
    FOLLOWERS.iter().position(|known| *known == byte).unwrap_or(FOLLOWERS.len())
}

/// What is looked for in one stretch of text.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    /// Fewest digits of any layout or account number, and of what readers read.
    pub(super) fewest: u32,
    pub(super) fewest_read: u32,
    pub(super) readers: Vec<(u32, Reader)>,
    /// The marks of these readers.
    pub(super) marks: u16,
    /// By the length of a group, a bit for each kind of what follows it: whether there are layouts to be compared.
    pub(super) groups: [u8; LONGEST_GROUP + 1],
    /// The same by the length of a word, a bit each.
    pub(super) words: u64,
    /// The same by the number of digits that stand loosely together, see [`Numbers::by_run`].
    pub(super) runs: [u64; 2],
}

impl Sought {
    pub(super) const fn nothing() -> Self {
        let groups = [0; LONGEST_GROUP + 1];
        let never = u32::MAX;
        Self {
            fewest: never,
            fewest_read: never,
            readers: Vec::new(),
            marks: 0,
            groups,
            words: 0,
            runs: [0; 2],
        }
    }
}
