//! Which layouts may stand at which kind of place.
//!
//! Owns: the lists. Never does: looking at text.

use super::armed::Armed;
use crate::language::layout::Layout;

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
    /// What all that are always compared have in common, and all others.
    common: [Common; 2],
}

/// What may stand where some layout of several may.
#[derive(Clone, Copy, Debug, Default)]
struct Common {
    /// A bit for each number of digits behind the separator, of letters that the core begins with, and of digits behind those; the
    /// highest for more.
    seconds: u64,
    letters: u64,
    digits: u64,
}

impl Common {
    fn add(&mut self, entry: &Entry) {
        let bits = |(least, most): (usize, usize)| {
            let below = |count: usize| if count < 64 { (1_u64 << count) - 1 } else { u64::MAX };
            below(most.saturating_add(1)) & !below(least.min(63))
        };
        let [letters, digits] = entry.first;
        self.seconds |= bits(entry.second);
        self.letters |= bits(letters);
        self.digits |= bits(digits);
    }
}

fn holds(bits: u64, count: usize) -> bool {
    bits >> count.min(63) & 1 == 1
}

impl Candidates {
    /// Enters a layout. Layouts come in the order of their finders, so of their slots.
    pub(super) fn push(&mut self, entry: Entry) {
        self.lead |= entry.letters;
        self.lead_of_signs |= !entry.at_core && !entry.letters;
        let [always, bound] = &mut self.common;
        if entry.slot.is_some() { bound } else { always }.add(&entry);
        let Some(slot) = entry.slot else { return self.always.push(entry) };
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

    /// Whether so many digits may stand behind the separator that follows the core.
    pub(super) fn may_go_on(&self, second: usize) -> bool {
        self.common.iter().any(|common| holds(common.seconds, second))
    }

    /// Whether a word may begin with so many letters and so many digits behind them.
    pub(super) fn may_begin(&self, letters: usize, digits: usize) -> bool {
        self.common.iter().any(|common| holds(common.letters, letters) && holds(common.digits, digits))
    }

    /// The slots that have layouts here.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        let words = self.slots.iter().enumerate();
        words.flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }

    /// Calls `compare` with each layout to be compared, those of each finder one after the other.
    #[inline]
    pub(super) fn each(&self, armed: &mut Armed, mut compare: impl FnMut(&Entry, &mut Armed)) {
        self.always.iter().for_each(|entry| compare(entry, armed));
        for (word, here) in self.slots.iter().enumerate() {
            let mut both = here & armed.word(word);
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
                entries.iter().for_each(|entry| compare(entry, armed));
            }
        }
    }
}

/// A layout as it is looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Index into the written forms.
    pub(super) index: u32,
    pub(super) finder: u32,
    /// The slot of the finder, if it is bound.
    pub(super) slot: Option<u32>,
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
    pub(super) fn new(index: u32, finder: u32, slot: Option<u32>, layout: &Layout) -> Self {
        let fewest = u32::try_from(layout.fewest_digits()).unwrap_or(u32::MAX);
        let (bare, at_core) = (layout.is_bare(), layout.begins_at_core());
        let (letters, second) = (layout.begins_with_letters(), layout.second_group());
        let first = layout.first_in_core();
        Self { index, finder, slot, bare, at_core, letters, second, first, fewest }
    }
}

/// Bytes that may follow the first group of a layout.
pub(super) const FOLLOWERS: [u8; 4] = [b' ', b'-', b'.', b'/'];

/// Which of [`FOLLOWERS`] a byte is, or the number of them.
pub(super) fn follower(byte: u8) -> usize {
    FOLLOWERS.iter().position(|known| *known == byte).unwrap_or(FOLLOWERS.len())
}
