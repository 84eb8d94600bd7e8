//! Looks at one group of digits in every way in which it may begin a number.
//!
//! Owns: the choice of the layouts that are compared there, and of the readers. Never does: walking over a text.

use super::{
    Armed, Candidate, LONGEST_RUN, LONGEST_WORD, Numbers, Place, Reads, Written,
    armed::Sought,
    beside::{account, count_digits, count_signs, digits_at, fit, letter_before, word},
    lists::{Candidates, Entry, FOLLOWERS, follower},
};
use crate::{
    engine::{
        boundaries::{closes, in_link, opens},
        readers,
    },
    language::layout::{digits_loosely, may_stand_between},
};
use std::ops::Range;

/// A text, and what is looked for in it.
pub(super) struct View<'a> {
    pub(super) numbers: &'a Numbers,
    pub(super) text: &'a [u8],
    /// Its offset in the object.
    pub(super) base: u64,
    pub(super) armed: &'a mut Armed,
}

impl View<'_> {
    /// Looks at a group of digits in every way in which it may begin a number.
    pub(super) fn group(
        &mut self,
        place: &Place,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let Sought { fewest, fewest_read, marks, .. } = self.armed.sought;
        if place.coming >= fewest && self.account(place, claimed, visit) {
            return;
        }
        let marks = marks & readers::marks(place);
        if marks != 0 && place.coming >= fewest_read {
            self.read(place, marks, visit);
        }
        if place.coming >= fewest {
            self.place(place, visit);
        }
    }

    /// Looks for an account number; whether one claims its groups.
    fn account(
        &self,
        place: &Place,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) -> bool {
        let begins = place.before.is_ascii_alphabetic() || place.before == b' ';
        if self.numbers.accounts.is_empty() || place.group.len() < 2 || !begins {
            return false;
        }
        let Some(range) = account(self.text, place.group.start) else { return false };
        let digits = count_digits(self.text, &range);
        for finder in &self.numbers.accounts {
            if visit(&Candidate { finder: *finder, range: range.clone(), digits }) {
                *claimed = range.end;
            }
        }
        range.end == *claimed
    }

    /// Reads what no layout can say.
    fn read(&mut self, place: &Place, marks: u16, visit: &mut impl FnMut(&Candidate) -> bool) {
        let text = self.text;
        for Reads { finder, reader, slot, marks: of_this, fewest } in &self.numbers.readers {
            if marks & of_this != 0
                && slot.is_none_or(|slot| self.armed.holds(slot))
                && *fewest <= place.coming
                && let Some(range) = reader.read(text, place.group.clone())
                && !in_link(text, range.start)
            {
                let (digits, start) = (count_digits(text, &range), range.start);
                let valid = visit(&Candidate { finder: *finder, range, digits });
                if let Some(slot) = slot {
                    self.armed.looked(*slot, self.base + start as u64, valid, self.numbers);
                }
            }
        }
    }

    /// Compares the layouts that may stand around a group.
    fn place(&mut self, place: &Place, visit: &mut impl FnMut(&Candidate) -> bool) {
        let Place { group, before, after, coming } = place;
        let text = self.text;
        let in_word = before.is_ascii_alphabetic() || after.is_ascii_alphabetic();
        self.loose(place, in_word, visit);
        if in_word {
            if self.armed.sought.words == 0 {
                return;
            }
            let Some(word) = word(text, group.clone()) else { return };
            if word.len() > LONGEST_WORD || self.armed.sought.words >> word.len() & 1 == 0 {
                return;
            }
            let Some(list) = self.numbers.by_word.get(word.len()) else { return };
            // Most words begin with other letters and digits than most layouts.
            let lead = group.start - word.start;
            if !list.may_begin(lead, group.len()) {
                return;
            }
            let likely = |entry: &Entry| {
                let [letters, digits] = entry.first;
                let within = |(least, most): (usize, usize), count| least <= count && count <= most;
                entry.fewest <= *coming && within(letters, lead) && within(digits, group.len())
            };
            self.compare(&word, list, likely, visit);
        } else {
            let which = follower(*after);
            if self.armed.sought.groups.get(group.len()).is_none_or(|bits| bits >> which & 1 == 0) {
                return;
            }
            let list = self.numbers.by_group.get(group.len()).and_then(|lists| lists.get(which));
            let Some(list) = list else { return };
            // Dates and telephone numbers begin like many layouts and go on like none.
            let second = if which < FOLLOWERS.len() { digits_at(text, group.end + 1) } else { 0 };
            if which < FOLLOWERS.len() && !list.may_go_on(second) {
                return;
            }
            let likely = |entry: &Entry| {
                entry.fewest <= *coming
                    && (which == FOLLOWERS.len() || (entry.second.0..=entry.second.1).contains(&second))
            };
            self.compare(group, list, likely, visit);
        }
    }

    /// Compares the loose layouts that may stand around a group.
    fn loose(&mut self, place: &Place, in_word: bool, visit: &mut impl FnMut(&Candidate) -> bool) {
        let Place { group, after, coming, .. } = place;
        let text = self.text;
        let [of_groups, of_words] = &self.numbers.by_run;
        let [bits_of_groups, bits_of_words] = self.armed.sought.runs;
        let (lists, bits) = if in_word { (of_words, bits_of_words) } else { (of_groups, bits_of_groups) };
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
        self.compare(&core, list, |entry| entry.fewest <= *coming, visit);
    }

    /// Compares layouts with what stands around their core.
    #[inline]
    fn compare(
        &mut self,
        core: &Range<usize>,
        list: &Candidates,
        likely: impl Fn(&Entry) -> bool,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let Self { numbers, text, base, armed } = self;
        let mut settled = None;
        // What decides whether a number may begin at the core is the same for all that do.
        let opens_here = opens(text, core.start);
        let mut linked = None;
        let lettered = list.lead && letter_before(text, core);
        if !opens_here && !lettered && !list.lead_of_signs {
            return;
        }
        let mut closes_here = None;
        list.each(armed, |entry, armed| {
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
                let written = numbers.written.get(entry.index as usize);
                let Some((_, Written::Layout(layout))) = written else { return };
                let Some(range) = fit(layout, text, core, entry.at_core) else { return };
                let letters = layout.has_letters();
                let digits = if letters { count_signs(text, &range) } else { count_digits(text, &range) };
                (range, digits)
            };
            let valid = visit(&Candidate { finder: entry.finder, range, digits });
            if let Some(slot) = entry.slot {
                armed.looked(slot, *base + core.start as u64, valid, numbers);
            }
            if valid {
                settled = Some(entry.finder);
            }
        });
    }
}
