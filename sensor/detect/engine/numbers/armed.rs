//! Which bound finders are looked at, and for how long.
//!
//! A context word arms the finders of its signature. As far to either side of the word as it may count they are looked at in any
//! case; what comes of them beyond, where a column may go on below its heading, is for the signature to say ([`Lasts`]).
//! What is looked at follows from the text alone.
//!
//! Owns: the state of each slot in one object, and what is looked for with those that are armed. Never does: looking at text.

use super::{LONGEST_GROUP, Numbers};

/// Look-alikes after which it is first asked whether any of them are numbers.
const FIRST_TRIAL: u32 = 16;
/// The same after trials that failed.
const SHORTEST_TRIAL: u32 = 4;

/// Bytes before the first word in which numbers are looked at too, to see whether those beside it are more than look-alikes.
pub(crate) const COMPARED_BYTES: usize = 4 << 10;

/// How long a bound finder is looked at behind a context word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lasts {
    /// No further than the word may count: its numbers say nothing elsewhere.
    Beside,
    /// For as long as it is worth it: where hardly anything that looks like its numbers is one, none of it could count without a
    /// word beside it.
    WhileValid,
    /// To the end of the object.
    ToTheEnd,
}

/// A context word of a finder. Positions are offsets in the object's text, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mention {
    /// Where the finder is armed by it.
    from: u64,
    slot: u32,
    /// Up to where it may count.
    until: u64,
}

/// What has come of looking at a finder's numbers.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// Up to where a word has been seen that may count.
    until: u64,
    looked: u32,
    valid: u32,
    /// Look-alikes that are looked at before they are judged.
    least: u32,
    /// Where its last mention stands among those to come, unless that is past.
    last: usize,
    mentioned: bool,
}

impl Trial {
    const NEW: Self = Self { until: 0, looked: 0, valid: 0, least: FIRST_TRIAL, last: 0, mentioned: false };

    /// Fewer are valid than of numbers that are nothing but alike ([`crate::verdict`], `mixed`).
    const fn failed(&self) -> bool {
        self.looked >= self.least && self.valid as u64 * 10 < self.looked as u64 * 3
    }

    fn again(&mut self) {
        self.least = (self.least / 2).max(SHORTEST_TRIAL);
        (self.looked, self.valid) = (0, 0);
    }
}

/// Which bound finders are looked at, in one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Armed {
    /// A bit for each slot.
    slots: Vec<u64>,
    trials: Vec<Trial>,
    /// Words that arm a finder further on; in order from `next` on once they are asked for.
    coming: Vec<Mention>,
    next: usize,
    sorted: bool,
    /// All are armed for good.
    always: bool,
    /// Where the first of those ends that are armed beside a word only.
    ends: u64,
    /// What is looked for with those that are armed.
    pub(super) sought: Sought,
}

impl Armed {
    /// None is.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.trials.clear();
        self.coming.clear();
        (self.next, self.sorted, self.always, self.ends) = (0, false, false, 0);
    }

    /// Arms all slots of `numbers` for good.
    pub(crate) fn arm_all(&mut self, numbers: &Numbers) {
        self.ready(numbers);
        self.always = true;
        for slot in 0..numbers.slots() {
            self.arm(slot, numbers);
        }
    }

    /// A context word at `begin` arms a slot from `from` on, whatever is found up to `until`.
    pub(crate) fn mention(&mut self, begin: u64, (from, until): (u64, u64), slot: u32) {
        if self.trials.len() <= slot as usize {
            self.trials.resize(slot as usize + 1, Trial::NEW);
        }
        let Some(trial) = self.trials.get_mut(slot as usize) else { return };
        if !trial.mentioned {
            // What looks like its numbers before the first word is compared with those beside it.
            trial.mentioned = true;
            let early = from.min(begin.saturating_sub(COMPARED_BYTES as u64));
            self.coming.push(Mention { from: early, slot, until: 0 });
            self.sorted = false;
        }
        // Words often stand close together.
        let last =
            self.coming.get_mut(trial.last).filter(|known| trial.last >= self.next && known.slot == slot);
        match last.filter(|known| known.from <= from && from <= known.until) {
            Some(known) => known.until = known.until.max(until),
            None => {
                trial.last = self.coming.len();
                self.coming.push(Mention { from, slot, until });
                self.sorted = false;
            }
        }
    }

    /// Gets ready for text of an object.
    pub(super) fn ready(&mut self, numbers: &Numbers) {
        if self.slots.is_empty() {
            self.slots.resize((numbers.slots() as usize).div_ceil(64).max(1), 0);
            self.sum_up(numbers);
        }
        if !self.sorted {
            self.coming.drain(..self.next);
            self.next = 0;
            // Mostly in order already.
            self.coming.sort();
            self.sorted = true;
            for (at, mention) in self.coming.iter().enumerate() {
                if let Some(trial) = self.trials.get_mut(mention.slot as usize) {
                    trial.last = at;
                }
            }
        }
    }

    /// Words that are still to arm something.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.coming.len() - self.next
    }

    /// Where what is armed changes next.
    #[inline]
    pub(super) fn changes(&self) -> u64 {
        let next = self.coming.get(self.next).map_or(u64::MAX, |mention| mention.from);
        next.min(self.ends)
    }

    /// Arms what is armed up to `at`, and disarms what is armed no longer.
    pub(super) fn reach(&mut self, at: u64, numbers: &Numbers) {
        while let Some(mention) = self.coming.get(self.next).copied().filter(|mention| mention.from <= at) {
            self.next += 1;
            if let Some(trial) = self.trials.get_mut(mention.slot as usize) {
                // One that another word keeps armed goes on with its trial.
                if mention.from > trial.until && trial.failed() {
                    trial.again();
                }
                trial.until = trial.until.max(mention.until);
            }
            // What is looked at beside a word only need not be armed where that is over, or where it is only compared.
            let beside =
                || numbers.bound.get(mention.slot as usize).is_some_and(|bound| bound.lasts == Lasts::Beside);
            if mention.until >= at || !beside() {
                self.arm(mention.slot, numbers);
            }
        }
        if self.ends <= at {
            let trials = std::mem::take(&mut self.trials);
            let over = |slot: &usize| trials.get(*slot).is_some_and(|trial| trial.until < at);
            for slot in numbers.beside.iter().copied().filter(over) {
                self.disarm(slot);
            }
            self.trials = trials;
            self.sum_up(numbers);
        }
    }

    fn arm(&mut self, slot: u32, numbers: &Numbers) {
        let (Some(bound), Some(bits)) =
            (numbers.bound.get(slot as usize), self.slots.get_mut((slot / 64) as usize))
        else {
            return;
        };
        if *bits >> (slot % 64) & 1 == 0 {
            *bits |= 1 << (slot % 64);
            self.sought.add(&bound.sought);
        }
        if bound.lasts == Lasts::Beside && !self.always {
            let until = self.trials.get(slot as usize).map_or(0, |trial| trial.until);
            self.ends = self.ends.min(until.saturating_add(1));
        }
    }

    fn disarm(&mut self, slot: usize) {
        if let Some(bits) = self.slots.get_mut(slot / 64) {
            *bits &= !(1 << (slot % 64));
        }
    }

    /// Notes that a number at `at` has been looked at for a slot, and whether it is valid.
    pub(super) fn looked(&mut self, slot: u32, at: u64, valid: bool, numbers: &Numbers) {
        let Some(trial) = self.trials.get_mut(slot as usize) else { return };
        trial.looked = trial.looked.saturating_add(1);
        trial.valid += u32::from(valid);
        let rests = || numbers.bound.get(slot as usize).is_some_and(|bound| bound.lasts < Lasts::ToTheEnd);
        if trial.failed() && at > trial.until && !self.always && rests() {
            trial.again();
            self.disarm(slot as usize);
            self.sum_up(numbers);
        }
    }

    /// Sums up what is looked for.
    fn sum_up(&mut self, numbers: &Numbers) {
        self.sought = numbers.unarmed.clone();
        self.ends = u64::MAX;
        for (word, bits) in self.slots.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(bound) = numbers.bound.get(slot) else { continue };
                self.sought.add(&bound.sought);
                if bound.lasts == Lasts::Beside && !self.always {
                    let until = self.trials.get(slot).map_or(0, |trial| trial.until);
                    self.ends = self.ends.min(until.saturating_add(1));
                }
            }
        }
    }

    /// Fewest digits of anything that is looked for, or will be from a place before `end` on.
    pub(super) fn fewest_before(&self, end: u64, numbers: &Numbers) -> u32 {
        let coming = self.coming.iter().skip(self.next).take_while(|mention| mention.from < end);
        let slots = coming.filter_map(|mention| numbers.bound.get(mention.slot as usize));
        slots
            .map(|bound| &bound.sought)
            .fold(self.sought.least(), |fewest, sought| fewest.min(sought.least()))
    }

    /// The bits of 64 slots.
    #[inline]
    pub(super) fn word(&self, word: usize) -> u64 {
        self.slots.get(word).copied().unwrap_or(0)
    }

    pub(super) fn holds(&self, slot: u32) -> bool {
        self.word((slot / 64) as usize) >> (slot % 64) & 1 == 1
    }
}

/// What is known of a bound finder by its slot.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) lasts: Lasts,
    pub(super) sought: Sought,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    /// Fewest digits of any layout or account number, and of what readers read.
    pub(super) fewest: u32,
    pub(super) fewest_read: u32,
    /// The marks of these readers.
    pub(super) marks: u16,
    /// By the length of a group, a bit for each kind of what follows it: whether there are layouts to be compared.
    pub(super) groups: [u8; LONGEST_GROUP + 1],
    /// The same by the length of a word, a bit each.
    pub(super) words: u64,
    /// The same by the number of digits that stand loosely together, see [`Numbers::by_run`].
    pub(super) runs: [u64; 2],
}

impl Default for Sought {
    fn default() -> Self {
        let (fewest, fewest_read) = (u32::MAX, u32::MAX);
        Self { fewest, fewest_read, marks: 0, groups: [0; LONGEST_GROUP + 1], words: 0, runs: [0; 2] }
    }
}

impl Sought {
    fn add(&mut self, other: &Self) {
        self.fewest = self.fewest.min(other.fewest);
        self.fewest_read = self.fewest_read.min(other.fewest_read);
        self.marks |= other.marks;
        self.groups.iter_mut().zip(&other.groups).for_each(|(bits, more)| *bits |= more);
        self.words |= other.words;
        self.runs.iter_mut().zip(&other.runs).for_each(|(bits, more)| *bits |= more);
    }

    /// Fewest digits of anything.
    pub(super) const fn least(&self) -> u32 {
        if self.fewest < self.fewest_read { self.fewest } else { self.fewest_read }
    }
}
