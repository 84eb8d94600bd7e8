//! Finds numbers by their written form: cards, national ids, accounts.
//!
//! Owns: a gate that passes over text with few digits at many bytes a cycle, the groups of digits behind it, layouts at
//! those groups. Never does: what may stand beside a number (boundaries), check digits (validators), decisions.

use super::{
    boundaries::{closes, in_link, neighbours_differ, opens, stands_free},
    instructions::{CHUNK, Classes, Instructions, Work},
    readers::{self, Reader},
};
use crate::{
    language::layout::{GAP_BYTES, Layout, digits_loosely, may_stand_between},
    validators::iban,
};
use std::{collections::BTreeSet, ops::Range};

/// Chunks whose digits are told at once. A number takes at most 65 bytes from its first digit, so that all its digits stand
/// in the chunk that it begins in and the next one.
const BATCH: usize = 64;
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
    /// Fewest digits of any form whose finder is not bound.
    fewest: u32,
    /// Fewest digits by slot of bound finders.
    fewest_bound: Vec<u32>,
    /// Finders of account numbers.
    accounts: Vec<u32>,
    /// Finders that read, with their slots.
    readers: Vec<(u32, Reader, Option<u32>)>,
    /// Layouts by the length of the group of digits that is their core, and by what follows it, see [`follower`].
    by_group: Vec<[Candidates; FOLLOWERS.len() + 1]>,
    /// Layouts by the length of the word of letters and digits that is their core.
    by_word: Vec<Candidates>,
    /// Loose layouts of finders that have no others, by the number of digits that stand loosely together: of those whose core is a
    /// group of digits, and of those whose core is a word.
    by_run: [Vec<Candidates>; 2],
    /// What is looked for where no finder is armed.
    unarmed: Sought,
}

/// Layouts that may stand at one kind of place.
#[derive(Clone, Debug, Default)]
struct Candidates {
    always: Vec<Entry>,
    /// In order of their slots.
    bound: Vec<Entry>,
    /// A bit for each slot among them.
    slots: Vec<u64>,
    /// Where the entries of each of these slots end; they begin where those of the one before end.
    ends: Vec<u32>,
    /// Whether some of them have letters before their core, and whether some have only other signs there.
    lead: bool,
    lead_of_signs: bool,
}

impl Candidates {
    /// Enters a layout. Layouts come in the order of their finders, so of their slots.
    fn push(&mut self, entry: Entry, slot: Option<u32>) {
        self.lead |= entry.letters;
        self.lead_of_signs |= !entry.at_core && !entry.letters;
        let Some(slot) = slot else { return self.always.push(entry) };
        let word = (slot / 64) as usize;
        self.bound.push(entry);
        let end = u32::try_from(self.bound.len()).unwrap_or(u32::MAX);
        if self.slots.len() <= word {
            self.slots.resize(word + 1, 0);
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
    fn any(&self, armed: &Armed) -> bool {
        !self.always.is_empty() || self.slots.iter().zip(&armed.slots).any(|(here, armed)| here & armed != 0)
    }

    /// Calls `compare` with each layout to be compared, those of each finder one after the other.
    #[inline]
    fn each(&self, armed: &Armed, mut compare: impl FnMut(&Entry)) {
        self.always.iter().for_each(&mut compare);
        let mut before = 0;
        for (here, armed) in self.slots.iter().zip(&armed.slots) {
            let mut both = here & armed;
            while both != 0 {
                let bit = both & both.wrapping_neg();
                both &= both - 1;
                let at = (before + (here & (bit - 1)).count_ones()) as usize;
                let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
                let end = self.ends.get(at).copied().unwrap_or(begin);
                let entries = self.bound.get(begin as usize..end as usize).unwrap_or_default();
                entries.iter().for_each(&mut compare);
            }
            before += here.count_ones();
        }
    }
}

/// Which bound finders are looked at, in one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Armed {
    slots: Vec<u64>,
    fewest: u32,
    /// What is looked for with these; none before it was asked for.
    sought: Option<Box<Sought>>,
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

    fn holds(&self, slot: u32) -> bool {
        self.slots.get((slot / 64) as usize).is_some_and(|bits| bits >> (slot % 64) & 1 == 1)
    }
}

/// A layout as it is looked up.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Index into the written forms.
    index: u32,
    finder: u32,
    /// See [`Layout::is_bare`].
    bare: bool,
    /// See [`Layout::begins_at_core`].
    at_core: bool,
    /// See [`Layout::begins_with_letters`].
    letters: bool,
    /// See [`Layout::second_group`].
    second: (usize, usize),
    /// See [`Layout::first_in_core`].
    first: [(usize, usize); 2],
    /// See [`Layout::fewest_digits`].
    fewest: u32,
}

impl Entry {
    fn new(index: u32, finder: u32, layout: &Layout) -> Self {
        let fewest = u32::try_from(layout.fewest_digits()).unwrap_or(u32::MAX);
        let (bare, at_core) = (layout.is_bare(), layout.begins_at_core());
        let (letters, second) = (layout.begins_with_letters(), layout.second_group());
        let first = layout.first_in_core();
        Self { index, finder, bare, at_core, letters, second, first, fewest }
    }
}

/// Bytes that may follow the first group of a layout.
const FOLLOWERS: [u8; 4] = [b' ', b'-', b'.', b'/'];

/// Which of [`FOLLOWERS`] a byte is, or the number of them.
fn follower(byte: u8) -> usize {
    FOLLOWERS.iter().position(|known| *known == byte).unwrap_or(FOLLOWERS.len())
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

/// What is looked for in one stretch of text.
#[derive(Clone, Debug)]
struct Sought {
    /// Fewest digits of any layout or account number, and of what readers read.
    fewest: u32,
    fewest_read: u32,
    readers: Vec<(u32, Reader)>,
    /// The marks of these readers.
    marks: u16,
    /// By the length of a group, a bit for each kind of what follows it: whether there are layouts to be compared.
    groups: [u8; LONGEST_GROUP + 1],
    /// The same by the length of a word, a bit each.
    words: u64,
    /// The same by the number of digits that stand loosely together, see [`Numbers::by_run`].
    runs: [u64; 2],
}

impl Sought {
    const fn nothing() -> Self {
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
    pub(crate) fn new(mut written: Vec<(u32, Written)>, slot: &impl Fn(u32) -> Option<u32>) -> Self {
        // The widest form of each finder is tried first.
        written.sort_by_key(|(finder, form)| (*finder, std::cmp::Reverse(form.width())));
        let accounts =
            written.iter().filter(|(_, form)| matches!(form, Written::Iban)).map(|(finder, _)| *finder);
        let accounts = accounts.collect();
        let mut numbers = Self {
            instructions: Instructions::best(),
            written: Vec::new(),
            fewest: u32::MAX,
            fewest_bound: Vec::new(),
            accounts,
            readers: Vec::new(),
            by_group: vec![<[Candidates; FOLLOWERS.len() + 1]>::default(); LONGEST_GROUP + 1],
            by_word: vec![Candidates::default(); LONGEST_WORD + 1],
            by_run: std::array::from_fn(|_| vec![Candidates::default(); LONGEST_RUN + 1]),
            unarmed: Sought::nothing(),
        };
        // Layouts of one finder are compared one after the other, so that all of them stand in the same lists.
        let strict: BTreeSet<u32> = written
            .iter()
            .filter(|(_, form)| matches!(form, Written::Layout(layout) if !layout.is_loose()))
            .map(|(finder, _)| *finder)
            .collect();
        for (index, (finder, form)) in (0..).zip(&written) {
            let digits = match form {
                Written::Layout(layout) => {
                    let entry = Entry::new(index, *finder, layout);
                    if strict.contains(finder) {
                        numbers.list(entry, layout, slot(*finder));
                    } else {
                        numbers.list_loose(entry, layout, slot(*finder));
                    }
                    layout.fewest_digits()
                }
                Written::Iban => iban::FEWEST_DIGITS,
                Written::Reader(reader) => {
                    numbers.readers.push((*finder, *reader, slot(*finder)));
                    // Readers are asked for themselves.
                    usize::MAX
                }
            };
            let digits = u32::try_from(digits).unwrap_or(u32::MAX);
            match slot(*finder).filter(|_| !matches!(form, Written::Iban)) {
                None => numbers.fewest = numbers.fewest.min(digits),
                Some(slot) => {
                    let slots = numbers.fewest_bound.len().max(slot as usize + 1);
                    numbers.fewest_bound.resize(slots, u32::MAX);
                    if let Some(fewest) = numbers.fewest_bound.get_mut(slot as usize) {
                        *fewest = (*fewest).min(digits);
                    }
                }
            }
        }
        numbers.written = written;
        numbers.unarmed = numbers.sought(&Armed::default());
        numbers
    }

    /// Enters a loose layout by its digits.
    fn list_loose(&mut self, entry: Entry, layout: &Layout, slot: Option<u32>) {
        let (least, most) = layout.first_digits();
        let cores = [layout.begins_with_digits(1), layout.begins_with_word(1)];
        for (lists, _) in self.by_run.iter_mut().zip(cores).filter(|(_, core)| *core) {
            let lists = lists.iter_mut().enumerate();
            let fitting = lists.filter(|(digits, _)| *digits >= least.min(LONGEST_RUN) && *digits <= most);
            fitting.for_each(|(_, list)| list.push(entry, slot));
        }
    }

    /// Enters a layout wherever it may be met.
    fn list(&mut self, entry: Entry, layout: &Layout, slot: Option<u32>) {
        for (digits, lists) in
            self.by_group.iter_mut().enumerate().filter(|(digits, _)| layout.begins_with_digits(*digits))
        {
            for (which, list) in lists.iter_mut().enumerate() {
                // A loose layout ends with its group, unless a separator follows.
                let ends = which == FOLLOWERS.len() && layout.is_loose() && digits < layout.fewest_digits();
                if !ends && layout.follows().is_none_or(|byte| follower(byte) == which) {
                    list.push(entry, slot);
                }
            }
        }
        for (_, list) in
            self.by_word.iter_mut().enumerate().filter(|(length, _)| layout.begins_with_word(*length))
        {
            list.push(entry, slot);
        }
    }

    /// Number of slots of bound finders.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.fewest_bound.len()).unwrap_or(u32::MAX)
    }

    /// Looks at every group of digits that begins in `range` and may begin a number; `visit` says whether a candidate is
    /// valid, which settles that group for its finder. Text up to [`FORWARD`] bytes after the range is looked at, and
    /// [`BACKWARD`] bytes before it.
    pub(crate) fn find(
        &self,
        text: &[u8],
        range: Range<usize>,
        armed: &mut Armed,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        if armed.slots.is_empty() {
            return self.find_sought(text, range, (armed, &self.unarmed), claimed, visit);
        }
        let sought = armed.sought.take().unwrap_or_else(|| Box::new(self.sought(armed)));
        self.find_sought(text, range, (armed, &sought), claimed, visit);
        armed.sought = Some(sought);
    }

    fn find_sought(
        &self,
        text: &[u8],
        range: Range<usize>,
        (armed, sought): (&Armed, &Sought),
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let fewest = sought.fewest.min(sought.fewest_read);
        if fewest == u32::MAX {
            return;
        }
        // Where the word ends whose first group of digits was met last. Nothing begins at its other groups.
        let mut word_end = 0;
        // Whether the byte before the chunk is a digit: a group that began before the range was visited already.
        let mut inside = u64::from(range.start > 0 && is_digit(text, range.start - 1));
        let mut batch = [0; BATCH + 1];
        for (chunk, at) in range.clone().step_by(CHUNK).enumerate() {
            if chunk % BATCH == 0 {
                let text = text.get(at..).unwrap_or_default();
                self.instructions.run(Gate { text, bits: &mut batch });
            }
            let bits = batch.get(chunk % BATCH).copied().unwrap_or(0);
            let ahead = batch.get(chunk % BATCH + 1).copied().unwrap_or(0);
            let mut starts = bits & !(bits << 1 | inside);
            inside = bits >> (CHUNK - 1);
            while starts != 0 {
                let bit = starts.trailing_zeros();
                starts &= starts - 1;
                let start = at + bit as usize;
                if start >= range.end {
                    return;
                }
                // As many bytes from there on as a number may take.
                let coming = (bits >> bit | ahead << 1 << (CHUNK as u32 - 1 - bit)).count_ones();
                if coming < fewest || start < *claimed || start < word_end {
                    continue;
                }
                let mut length = (bits >> bit).trailing_ones() as usize;
                if bit as usize + length == CHUNK {
                    length += digits_at(text, at + CHUNK);
                }
                let place = Place::new(text, start..start + length, coming);
                if place.after.is_ascii_alphabetic() {
                    word_end = place.group.end + alphanumerics_at(text, place.group.end);
                }
                if coming >= sought.fewest && self.account(text, &place, claimed, visit) {
                    continue;
                }
                let marks = readers::marks(&place) & sought.marks;
                if marks != 0 && coming >= sought.fewest_read {
                    read(text, &place, marks, sought, visit);
                }
                if coming >= sought.fewest {
                    self.place(text, &place, armed, sought, visit);
                }
            }
        }
    }

    /// What is looked for with these finders armed.
    fn sought(&self, armed: &Armed) -> Sought {
        let fewest = if armed.slots.is_empty() { self.fewest } else { self.fewest.min(armed.fewest) };
        let looks = |(.., slot): &&(u32, Reader, Option<u32>)| slot.is_none_or(|slot| armed.holds(slot));
        let readers: Vec<(u32, Reader)> =
            self.readers.iter().filter(looks).map(|(finder, reader, _)| (*finder, *reader)).collect();
        let least = readers.iter().map(|(_, reader)| reader.fewest_digits()).min();
        let marks = readers.iter().fold(0, |marks, (_, reader)| marks | reader.marks());
        let fewest_read = least.map_or(u32::MAX, |digits| u32::try_from(digits).unwrap_or(u32::MAX));
        let mut groups = [0; LONGEST_GROUP + 1];
        for (bits, lists) in groups.iter_mut().zip(&self.by_group) {
            let any = lists.iter().map(|list| u8::from(list.any(armed)));
            *bits = any.rev().fold(0, |bits, bit| bits << 1 | bit);
        }
        let any = |lists: &[Candidates]| {
            lists.iter().rev().fold(0, |bits, list| bits << 1 | u64::from(list.any(armed)))
        };
        let (words, runs) = (any(&self.by_word), self.by_run.each_ref().map(|lists| any(lists)));
        Sought { fewest, fewest_read, readers, marks, groups, words, runs }
    }

    /// Looks for an account number; whether one claims its groups.
    fn account(
        &self,
        text: &[u8],
        place: &Place,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) -> bool {
        let begins = place.before.is_ascii_alphabetic() || place.before == b' ';
        if self.accounts.is_empty() || place.group.len() < 2 || !begins {
            return false;
        }
        let Some(range) = account(text, place.group.start) else { return false };
        let digits = count_digits(text, &range);
        for finder in &self.accounts {
            if visit(&Candidate { finder: *finder, range: range.clone(), digits }) {
                *claimed = range.end;
            }
        }
        range.end == *claimed
    }

    /// Compares the layouts that may stand around a group.
    fn place(
        &self,
        text: &[u8],
        place: &Place,
        armed: &Armed,
        sought: &Sought,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let Place { group, before, after, coming } = place;
        let in_word = before.is_ascii_alphabetic() || after.is_ascii_alphabetic();
        self.loose(text, place, in_word, armed, sought, visit);
        if in_word {
            if sought.words == 0 {
                return;
            }
            let Some(word) = word(text, group.clone()) else { return };
            if word.len() > LONGEST_WORD || sought.words >> word.len() & 1 == 0 {
                return;
            }
            let Some(list) = self.by_word.get(word.len()) else { return };
            // Most words begin with other letters and digits than most layouts.
            let lead = group.start - word.start;
            let likely = |entry: &Entry| {
                let [letters, digits] = entry.first;
                let within = |(least, most): (usize, usize), count| least <= count && count <= most;
                entry.fewest <= *coming && within(letters, lead) && within(digits, group.len())
            };
            self.compare(text, &word, list, armed, likely, visit);
        } else {
            let which = follower(*after);
            if sought.groups.get(group.len()).is_none_or(|bits| bits >> which & 1 == 0) {
                return;
            }
            let Some(list) = self.by_group.get(group.len()).and_then(|lists| lists.get(which)) else {
                return;
            };
            // Dates and telephone numbers begin like many layouts and go on like none.
            let second = if which < FOLLOWERS.len() { digits_at(text, group.end + 1) } else { 0 };
            let likely = |entry: &Entry| {
                entry.fewest <= *coming
                    && (which == FOLLOWERS.len() || (entry.second.0..=entry.second.1).contains(&second))
            };
            self.compare(text, group, list, armed, likely, visit);
        }
    }

    /// Compares the loose layouts that may stand around a group.
    fn loose(
        &self,
        text: &[u8],
        place: &Place,
        in_word: bool,
        armed: &Armed,
        sought: &Sought,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let Place { group, after, coming, .. } = place;
        let [of_groups, of_words] = &self.by_run;
        let (lists, bits) = if in_word { (of_words, sought.runs[1]) } else { (of_groups, sought.runs[0]) };
        if bits == 0 {
            return;
        }
        let alone = !may_stand_between(*after);
        let rest = || text.get(group.start..).unwrap_or_default();
        let digits = if alone { group.len() } else { digits_loosely(rest()) }.min(LONGEST_RUN);
        if bits >> digits & 1 == 0 {
            return;
        }
        let Some(list) = lists.get(digits) else { return };
        let core = if in_word { word(text, group.clone()) } else { Some(group.clone()) };
        let Some(core) = core.filter(|core| core.len() <= LONGEST_WORD) else { return };
        self.compare(text, &core, list, armed, |entry| entry.fewest <= *coming, visit);
    }

    /// Compares layouts with what stands around their core.
    #[inline]
    fn compare(
        &self,
        text: &[u8],
        core: &Range<usize>,
        list: &Candidates,
        armed: &Armed,
        likely: impl Fn(&Entry) -> bool,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let mut settled = None;
        // What decides whether a number may begin at the core is the same for all that do.
        let opens_here = opens(text, core.start);
        let mut linked = None;
        let lettered = list.lead && letter_before(text, core);
        if !opens_here && !lettered && !list.lead_of_signs {
            return;
        }
        let mut closes_here = None;
        list.each(armed, |entry| {
            if settled == Some(entry.finder) || !likely(entry) {
                return;
            }
            if entry.at_core && !opens_here || entry.letters && !lettered {
                return;
            }
            if entry.at_core && *linked.get_or_insert_with(|| in_link(text, core.start)) {
                return;
            }
            let (range, digits) = if entry.bare {
                if !*closes_here.get_or_insert_with(|| closes(text, core.end)) {
                    return;
                }
                (core.clone(), u8::try_from(core.len()).unwrap_or(u8::MAX))
            } else {
                let written = self.written.get(entry.index as usize);
                let Some((_, Written::Layout(layout))) = written else { return };
                let Some(range) = fit(layout, text, core, entry.at_core) else { return };
                let letters = layout.has_letters();
                let digits = if letters { count_signs(text, &range) } else { count_digits(text, &range) };
                (range, digits)
            };
            if visit(&Candidate { finder: entry.finder, range, digits }) {
                settled = Some(entry.finder);
            }
        });
    }
}

/// Reads what no layout can say.
fn read(text: &[u8], place: &Place, marks: u16, sought: &Sought, visit: &mut impl FnMut(&Candidate) -> bool) {
    for (finder, reader) in &sought.readers {
        if marks & reader.marks() != 0
            && reader.fewest_digits() <= place.coming as usize
            && let Some(range) = reader.read(text, place.group.clone())
            && !in_link(text, range.start)
        {
            let digits = count_digits(text, &range);
            visit(&Candidate { finder: *finder, range, digits });
        }
    }
}

/// Whether a letter stands before the first digit of a core, perhaps with separators between.
fn letter_before(text: &[u8], core: &Range<usize>) -> bool {
    let word = text.get(core.clone()).unwrap_or_default();
    let first = core.start + word.iter().position(u8::is_ascii_digit).unwrap_or(0);
    let lead = text.get(first.saturating_sub(GAP_BYTES + 1)..first).unwrap_or_default();
    let between = |byte: &&u8| matches!(byte, b' ' | b'-' | b'.' | b'/' | b':');
    lead.iter().rev().find(|byte| !between(byte)).is_some_and(u8::is_ascii_alphabetic)
}

/// The word of letters and digits around a group of digits; None where the group is not the first one in it.
fn word(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let lead = text.get(group.start.saturating_sub(LONGEST_WORD + 1)..group.start)?;
    let letters = lead.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = group.start - letters;
    if start > 0 && is_digit(text, start - 1) {
        return None;
    }
    let rest = text.get(group.end..text.len().min(group.end + LONGEST_WORD + 1))?;
    let more = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    Some(start..group.end + more)
}

fn count_signs(text: &[u8], range: &Range<usize>) -> u8 {
    let signs =
        text.get(range.clone()).unwrap_or_default().iter().filter(|byte| byte.is_ascii_alphanumeric());
    u8::try_from(signs.count()).unwrap_or(u8::MAX)
}

fn count_digits(text: &[u8], range: &Range<usize>) -> u8 {
    let digits = text.get(range.clone()).unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
    u8::try_from(digits.count()).unwrap_or(u8::MAX)
}

/// The digits of [`BATCH`] chunks and one more, a bit each; zeros behind the end of the text.
struct Gate<'a> {
    text: &'a [u8],
    bits: &'a mut [u64; BATCH + 1],
}

impl Work for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self, classes: impl Classes) {
        let (chunks, rest) = self.text.as_chunks::<CHUNK>();
        let mut slots = self.bits.iter_mut();
        for (chunk, slot) in chunks.iter().zip(slots.by_ref()) {
            *slot = classes.digits(chunk);
        }
        if let Some(slot) = slots.next() {
            let mut padded = [0; CHUNK];
            padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            *slot = classes.digits(&padded);
        }
        slots.for_each(|slot| *slot = 0);
    }
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// Length of the run of digits at `at`.
fn digits_at(text: &[u8], at: usize) -> usize {
    text.get(at..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Letters and digits from there on, as far as it is worth looking.
fn alphanumerics_at(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..text.len().min(at + LONGEST_LOOK)).unwrap_or_default();
    rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len())
}

/// What a layout that is not bare takes around its core, if it stands free. Where it may begin `at_core` that is known.
fn fit(layout: &Layout, text: &[u8], core: &Range<usize>, at_core: bool) -> Option<Range<usize>> {
    let start = if at_core { core.start } else { layout.begin(text, core)? };
    let range = start..start + layout.fits(text.get(start..)?)?;
    // What "either" stands for may be letters alone, which are words.
    let digits = !layout.has_letters() || usize::from(count_digits(text, &range)) >= layout.fewest_digits();
    let open = || at_core || opens(text, start) && !in_link(text, start);
    let free = || closes(text, range.end) && open() && neighbours_differ(layout, text, &range);
    (digits && free()).then_some(range)
}

/// An account number whose check digits are the group at `first_digit`: two letters stand before, perhaps with a blank.
fn account(text: &[u8], first_digit: usize) -> Option<Range<usize>> {
    let before = |distance: usize| first_digit.checked_sub(distance).and_then(|at| text.get(at));
    let blank = usize::from(before(1)? == &b' ');
    let letter = |distance: usize| before(distance).is_some_and(u8::is_ascii_alphabetic);
    if !letter(1 + blank) || !letter(2 + blank) || before(3 + blank).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let start = first_digit - 2 - blank;
    let range = start..start + iban::read(text.get(start..)?)?;
    stands_free(text, &range).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(layouts: &[&str]) -> Numbers {
        let written = layouts.iter().map(|text| match *text {
            "iban" => Written::Iban,
            text => Written::Layout(Layout::parse(text).expect(text)),
        });
        Numbers::new((0..).zip(written).collect(), &|_| None)
    }

    fn found(layouts: &[&str], text: &str) -> Vec<String> {
        let mut found = Vec::new();
        numbers(layouts).find(
            text.as_bytes(),
            0..text.len(),
            &mut Armed::default(),
            &mut 0,
            &mut |candidate| {
                found.push(text[candidate.range.clone()].to_owned());
                true
            },
        );
        found
    }

    #[test]
    fn boundaries_are_strict() {
        let card = "4111111111111111";
        for text in [
            "4111111111111111",
            "card:4111111111111111.",
            "a,4111111111111111,b",
            "(4111111111111111)",
            "n=4111111111111111&x",
            "'4111111111111111'",
            "1 4111111111111111 2",
            "2013-11-22 4111111111111111",
            "12,4111111111111111,3",
            "<a>4111111111111111</a>",
        ] {
            assert_eq!(found(&["#{16}"], text), [card], "{text}");
        }
        for text in [
            "14111111111111111",
            "0.4111111111111111",
            ".4111111111111111",
            "a4111111111111111",
            "4111111111111111e5",
            "0,4111111111111111",
            "+4111111111111111",
            "4111111111111111.5",
            "https://x.y/4111111111111111",
            "/orders/4111111111111111",
            "ab12-4111111111111111",
            "4111111111111111-9",
            "x_4111111111111111",
            "https://x.y/?id=4111111111111111",
        ] {
            assert!(found(&["#{16}"], text).is_empty(), "{text}");
        }
    }

    #[test]
    fn groups_are_read_as_written() {
        let forms = ["#### #### #### ####", "####-####-####-####", "###-##-####"];
        assert_eq!(found(&forms, "x 4111 1111 1111 1111 12/27"), ["4111 1111 1111 1111"]);
        assert_eq!(found(&forms, "4111-1111-1111-1111"), ["4111-1111-1111-1111"]);
        assert_eq!(found(&forms, "ssn 536-90-4399."), ["536-90-4399"]);
        for text in [
            "4111 1111 1111 1111 1111",
            "DE44 4111 1111 1111 1111 31",
            "4111-1111-1111-1111-1111",
            "4111 1111-1111 1111",
            "1-536-90-4399",
            "536-90-43991",
        ] {
            assert!(found(&forms, text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_account_claims_its_groups() {
        assert_eq!(
            found(&["iban", "#{16}"], "DE89 3704 0044 0532 0130 00, 4111111111111111"),
            ["DE89 3704 0044 0532 0130 00", "4111111111111111"]
        );
        assert_eq!(found(&["iban", "#{20}"], "ME 25505000012345678951"), ["ME 25505000012345678951"]);
        assert!(found(&["iban"], "XDE89370400440532013000").is_empty());
    }

    #[test]
    fn words_of_letters_and_digits_are_numbers_too() {
        let forms = ["@@@@@####@", "@@@@@@##@##@###@", "@@ ## ## ## @", "*{20}", "@@#########", "#########@"];
        for number in [
            "ABCPL1234C",
            "RCCMNL83S18D969H",
            "AB 12 34 56 C",
            "213800KUD8LAJWSQ9D15",
            "DE136695976",
            "123456789V",
        ] {
            for text in [number.to_owned(), format!("x {number}, y"), format!("\"{number}\"")] {
                assert_eq!(found(&forms, &text), [number], "{text}");
            }
            for text in
                [format!("{number}1"), format!("a{number}"), format!("{number}-7"), format!("/{number}")]
            {
                assert!(found(&forms, &text).is_empty(), "{text}");
            }
        }
        assert!(found(&forms, "ABCDEFGHIJKLMNOPQRST internationalisation").is_empty());
    }

    #[test]
    fn bound_finders_wait_until_they_are_armed() {
        let forms = [(0, "#########"), (1, "#########"), (2, "#{10}")];
        let forms = forms.map(|(finder, text)| (finder, Written::Layout(Layout::parse(text).expect(text))));
        let numbers = Numbers::new(forms.to_vec(), &|finder| finder.checked_sub(1));
        assert_eq!(numbers.slots(), 2);
        let text = "123456789 1234567890";
        let finders = |armed: &mut Armed| {
            let mut found = Vec::new();
            numbers.find(text.as_bytes(), 0..text.len(), armed, &mut 0, &mut |candidate| {
                found.push(candidate.finder);
                true
            });
            found
        };
        let mut armed = Armed::default();
        assert_eq!(finders(&mut armed), [0]);
        armed.arm(1, &numbers);
        assert_eq!(finders(&mut armed), [0, 2]);
        armed.arm(0, &numbers);
        assert_eq!(finders(&mut armed), [0, 1, 2]);
        armed.clear();
        assert_eq!(finders(&mut armed), [0]);
    }

    proptest! {
        #[test]
        fn loose_layouts_are_found_whatever_list_they_stand_in(
            text in "([A-Z]{0,3}[0-9]{1,6}[ \\-.,:/]{1,3}){1,9}[A-Z]?"
        ) {
            for layout in ["~#########", "~#{8,11}", "~@@######", "~########@", "~#######***", "~*{12}", "~@#{7,9}@"] {
                // A strict layout of the same finder keeps both in the lists by the length of groups and words.
                let beside = [(0, "@@@@@@@@@@########"), (0, layout)];
                let written = |forms: &[(u32, &str)]| {
                    let parsed = forms.iter().map(|(finder, text)| {
                        (*finder, Written::Layout(Layout::parse(text).expect(text)))
                    });
                    Numbers::new(parsed.collect(), &|_| None)
                };
                let found = |numbers: &Numbers| {
                    let mut found = Vec::new();
                    numbers.find(text.as_bytes(), 0..text.len(), &mut Armed::default(), &mut 0, &mut |candidate| {
                        found.push(candidate.range.clone());
                        true
                    });
                    found
                };
                prop_assert_eq!(found(&written(&[(0, layout)])), found(&written(&beside)), "{} in {:?}", layout, text);
            }
        }

        #[test]
        fn the_gate_loses_nothing_whatever_the_alignment(lead in "([a-z ]{0,6}[0-9a-f]{0,6}[a-z ]){0,6}", cut in 0_usize..90, tail in "[a-z ]{0,70}") {
            let text = format!("{lead} 536-90-4399 {tail}");
            let numbers = numbers(&["###-##-####"]);
            let mut found = 0;
            let cut = cut.min(text.len());
            for range in [0..cut, cut..text.len()] {
                numbers.find(text.as_bytes(), range, &mut Armed::default(), &mut 0, &mut |_| { found += 1; true });
            }
            prop_assert_eq!(found, 1);
        }
    }
}
