//! Finds numbers by their written form: cards, national ids, accounts.
//!
//! Owns: the lists of all layouts and readers, the walk from one group of digits to the next. Never does: what may stand
//! beside a number (boundaries), check digits (validators), decisions.

mod armed;
mod beside;
mod gate;
mod lists;
mod view;

pub(crate) use armed::{Armed, COMPARED_BYTES, Lasts};

use super::{
    instructions::{CHUNK, Instructions},
    readers::Reader,
};
use crate::{language::layout::Layout, validators::iban};
use armed::{Bound, Sought};
use beside::{alphanumerics_at, digits_at, is_digit};
use gate::{Gate, Group, MOST_GROUPS};
use lists::{Candidates, Entry, FOLLOWERS, follower};
use std::{collections::BTreeSet, ops::Range};
use view::View;

/// Chunks whose groups of digits are told at once. A number takes at most 65 bytes from its first digit, so that all its digits
/// stand in the chunk that it begins in and the next one.
const BATCH: usize = 32;
/// Longest group of digits that a number may begin with.
pub(super) const LONGEST_GROUP: usize = 32;
/// Longest word of letters and digits that a number may begin with: the widest layout.
const LONGEST_WORD: usize = 40;
/// Digits up to which loose layouts are told apart by how many there are.
const LONGEST_RUN: usize = 40;
/// Bytes of a word that are passed over at once.
const LONGEST_LOOK: usize = 1024;
/// Bytes after the first digit of a number that decide about it: its width, its right neighbours, and the gate.
pub(crate) const FORWARD: usize = 160;
/// Bytes before the first digit of a number that decide about it: its lead and the link that it may be part of.
pub(crate) const BACKWARD: usize = 192;

/// Characters that a number may take to either side of its first group of digits.
pub(crate) const WIDE: usize = 128;

/// The written form of a number.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// Signs and separators.
    Layout(Layout),
    /// An international account number: its country decides its length.
    Iban,
    /// What a function reads.
    Reader(Reader),
}

impl Written {
    fn width(&self) -> usize {
        match self {
            Self::Layout(layout) => layout.widest(),
            Self::Iban | Self::Reader(_) => usize::MAX,
        }
    }
}

/// All number finders, by the length of the group of digits, or of the word, that they begin with.
///
/// Most numbers count only beside a context word. Their finders are *bound*: they are not looked at before such a word has
/// armed them, so that hundreds of them cost next to nothing in text without their words.
#[derive(Debug)]
pub(crate) struct Numbers {
    instructions: Instructions,
    written: Vec<(u32, Written)>,
    /// Finders of account numbers.
    accounts: Vec<u32>,
    /// Finders that read.
    readers: Vec<Reads>,
    /// Layouts by the length of the group of digits that is their core, and by what follows it, see [`follower`].
    by_group: Vec<[Candidates; FOLLOWERS.len() + 1]>,
    /// Layouts by the length of the word of letters and digits that is their core.
    by_word: Vec<Candidates>,
    /// Loose layouts of finders that have no others, by the number of digits that stand loosely together: of those whose core is a
    /// group of digits, and of those whose core is a word.
    by_run: [Vec<Candidates>; 2],
    /// What is looked for where no finder is armed.
    unarmed: Sought,
    /// By slot, what is looked for besides where it is armed.
    bound: Vec<Bound>,
    /// The slots that are armed beside their words only.
    beside: Vec<usize>,
}

/// A finder that reads.
#[derive(Clone, Copy, Debug)]
struct Reads {
    finder: u32,
    reader: Reader,
    slot: Option<u32>,
    /// See [`Reader::marks`].
    marks: u16,
    /// See [`Reader::fewest_digits`].
    fewest: u32,
}

/// The place of a bound finder among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Its number, from 0.
    pub(crate) number: u32,
    /// How long it is looked at behind a context word.
    pub(crate) lasts: Lasts,
}

/// A group of digits that may begin a number, and what stands beside it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) group: Range<usize>,
    /// The byte before it, 0 at the start of the text.
    pub(super) before: u8,
    /// The byte after it, 0 at the end of the text.
    pub(super) after: u8,
    /// Digits from its first one on that a number may take.
    coming: u32,
}

impl Place {
    pub(super) fn new(text: &[u8], group: Range<usize>, coming: u32) -> Self {
        let before = group.start.checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(0);
        let after = text.get(group.end).copied().unwrap_or(0);
        Self { group, before, after, coming }
    }
}

/// A number that fits a layout and stands free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Which finder.
    pub(crate) finder: u32,
    /// Where.
    pub(crate) range: Range<usize>,
    /// Number of digits, or of letters and digits where it may have both: look-alikes are compared with others of their
    /// length.
    pub(crate) digits: u8,
}

impl Numbers {
    /// Prepares the layouts of all finders. `slot` numbers the bound ones from 0; of others it says nothing.
    pub(crate) fn new(mut written: Vec<(u32, Written)>, slot: &impl Fn(u32) -> Option<Slot>) -> Self {
        // The widest form of each finder is tried first.
        written.sort_by_key(|(finder, form)| (*finder, std::cmp::Reverse(form.width())));
        let accounts =
            written.iter().filter(|(_, form)| matches!(form, Written::Iban)).map(|(finder, _)| *finder);
        let accounts = accounts.collect();
        let mut numbers = Self {
            instructions: Instructions::best(),
            written: Vec::new(),
            accounts,
            readers: Vec::new(),
            by_group: vec![<[Candidates; FOLLOWERS.len() + 1]>::default(); LONGEST_GROUP + 1],
            by_word: vec![Candidates::default(); LONGEST_WORD + 1],
            by_run: std::array::from_fn(|_| vec![Candidates::default(); LONGEST_RUN + 1]),
            unarmed: Sought::default(),
            bound: Vec::new(),
            beside: Vec::new(),
        };
        // Layouts of one finder are compared one after the other, so that all of them stand in the same lists.
        let strict: BTreeSet<u32> = written
            .iter()
            .filter(|(_, form)| matches!(form, Written::Layout(layout) if !layout.is_loose()))
            .map(|(finder, _)| *finder)
            .collect();
        for (index, (finder, form)) in (0..).zip(&written) {
            let slot = slot(*finder);
            let sought = match slot.filter(|_| !matches!(form, Written::Iban)) {
                None => &mut numbers.unarmed,
                Some(slot) => numbers.bound(slot),
            };
            let few = |digits: usize| u32::try_from(digits).unwrap_or(u32::MAX);
            match form {
                Written::Layout(layout) => {
                    sought.fewest = sought.fewest.min(few(layout.fewest_digits()));
                    let entry = Entry::new(index, *finder, slot.map(|slot| slot.number), layout);
                    if strict.contains(finder) {
                        numbers.list(entry, layout);
                    } else {
                        numbers.list_loose(entry, layout);
                    }
                }
                Written::Iban => sought.fewest = sought.fewest.min(few(iban::FEWEST_DIGITS)),
                Written::Reader(reader) => {
                    sought.fewest_read = sought.fewest_read.min(few(reader.fewest_digits()));
                    sought.marks |= reader.marks();
                    let (reader, slot) = (*reader, slot.map(|slot| slot.number));
                    let (marks, fewest) = (reader.marks(), few(reader.fewest_digits()));
                    numbers.readers.push(Reads { finder: *finder, reader, slot, marks, fewest });
                }
            }
        }
        let bound = numbers.bound.iter().enumerate();
        numbers.beside =
            bound.filter(|(_, bound)| bound.lasts == Lasts::Beside).map(|(slot, _)| slot).collect();
        numbers.written = written;
        numbers.note_lists();
        numbers
    }

    /// What is looked for where a slot is armed.
    fn bound(&mut self, slot: Slot) -> &mut Sought {
        let at = slot.number as usize;
        let new = Bound { lasts: slot.lasts, sought: Sought::default() };
        self.bound.resize(self.bound.len().max(at + 1), new.clone());
        match self.bound.get_mut(at) {
            Some(bound) => {
                bound.lasts = slot.lasts;
                &mut bound.sought
            }
            None => &mut self.unarmed,
        }
    }

    /// Notes of which finders there are layouts in which lists.
    fn note_lists(&mut self) {
        let Self { by_group, by_word, by_run, unarmed, bound, .. } = self;
        let mut note = |list: &Candidates, mark: &dyn Fn(&mut Sought)| {
            if !list.always.is_empty() {
                mark(unarmed);
            }
            for slot in list.slots() {
                if let Some(bound) = bound.get_mut(slot) {
                    mark(&mut bound.sought);
                }
            }
        };
        for (length, lists) in by_group.iter().enumerate() {
            for (which, list) in lists.iter().enumerate() {
                note(list, &|sought| {
                    sought.groups.iter_mut().skip(length).take(1).for_each(|bits| *bits |= 1 << which);
                });
            }
        }
        for (length, list) in by_word.iter().enumerate() {
            note(list, &|sought| sought.words |= 1 << length);
        }
        for (which, lists) in by_run.iter().enumerate() {
            for (digits, list) in lists.iter().enumerate() {
                note(list, &|sought| {
                    sought.runs.iter_mut().skip(which).take(1).for_each(|bits| *bits |= 1 << digits);
                });
            }
        }
    }

    /// Enters a loose layout by its digits.
    fn list_loose(&mut self, entry: Entry, layout: &Layout) {
        let (least, most) = layout.first_digits();
        let cores = [layout.begins_with_digits(1), layout.begins_with_word(1)];
        for (lists, _) in self.by_run.iter_mut().zip(cores).filter(|(_, core)| *core) {
            let lists = lists.iter_mut().enumerate();
            let fitting = lists.filter(|(digits, _)| *digits >= least.min(LONGEST_RUN) && *digits <= most);
            fitting.for_each(|(_, list)| list.push(entry));
        }
    }

    /// Enters a layout wherever it may be met.
    fn list(&mut self, entry: Entry, layout: &Layout) {
        for (digits, lists) in
            self.by_group.iter_mut().enumerate().filter(|(digits, _)| layout.begins_with_digits(*digits))
        {
            for (which, list) in lists.iter_mut().enumerate() {
                // A loose layout ends with its group, unless a separator follows.
                let ends = which == FOLLOWERS.len() && layout.is_loose() && digits < layout.fewest_digits();
                if !ends && layout.follows().is_none_or(|byte| follower(byte) == which) {
                    list.push(entry);
                }
            }
        }
        for (_, list) in
            self.by_word.iter_mut().enumerate().filter(|(length, _)| layout.begins_with_word(*length))
        {
            list.push(entry);
        }
    }

    /// Number of slots of bound finders.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.bound.len()).unwrap_or(u32::MAX)
    }

    /// Looks at every group of digits that begins in `range` and may begin a number; `visit` says whether a candidate is
    /// valid, which settles that group for its finder. Text up to [`FORWARD`] bytes after the range is looked at, and
    /// [`BACKWARD`] bytes before it. `base` is the offset of the text in the object.
    pub(crate) fn find(
        &self,
        (text, base): (&[u8], u64),
        range: Range<usize>,
        armed: &mut Armed,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        armed.ready(self);
        // Where the word ends whose first group of digits was met last. Nothing begins at its other groups.
        let mut word_end = 0;
        // Whether the byte before is a digit: a group that began before the range was visited already.
        let mut inside = range.start > 0 && is_digit(text, range.start - 1);
        let mut groups = [Group::default(); MOST_GROUPS];
        let mut view = View { numbers: self, text, base, armed };
        for at in range.clone().step_by(BATCH * CHUNK) {
            let fewest = view.armed.fewest_before(base + (at + BATCH * CHUNK) as u64, self);
            let piece = text.get(at..).unwrap_or_default();
            let count = if fewest == u32::MAX {
                0
            } else {
                self.instructions.run(Gate { text: piece, inside, fewest, groups: &mut groups })
            };
            inside = is_digit(text, at + BATCH * CHUNK - 1);
            for Group { at: within, length, coming } in groups.iter().take(count) {
                let start = at + usize::from(*within);
                if start >= range.end {
                    break;
                }
                if start < *claimed || start < word_end {
                    continue;
                }
                if view.armed.changes() <= base + start as u64 {
                    view.armed.reach(base + start as u64, self);
                }
                // The gate let through what may be of use anywhere in its chunks.
                if u32::from(*coming) < view.armed.sought.least() {
                    continue;
                }
                let mut end = start + usize::from(*length);
                if (end - at) % CHUNK == 0 {
                    end += digits_at(text, end);
                }
                let place = Place::new(text, start..end, u32::from(*coming));
                if place.after.is_ascii_alphabetic() {
                    word_end = place.group.end + alphanumerics_at(text, place.group.end);
                }
                view.group(&place, claimed, visit);
            }
        }
        // Words of text without numbers are done with too.
        if view.armed.changes() < base + range.end as u64 {
            view.armed.reach(base + range.end as u64 - 1, self);
        }
    }
}

#[cfg(test)]
mod tests;
