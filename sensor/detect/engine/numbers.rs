//! Finds numbers by their written form: cards, national ids, accounts.
//!
//! Owns: a gate that passes over text with few digits at many bytes a cycle, the groups of digits behind it, layouts at
//! those groups, and strict boundaries: nothing inside longer digit runs, decimals, hexadecimal strings, UUIDs, phone
//! numbers, paths and links. Never does: check digits (validators), decisions.

use super::instructions::{CHUNK, Classes, Instructions, Work};
use super::readers::Reader;
use crate::{language::layout::Layout, validators::iban};
use std::ops::Range;

/// Chunks whose digits are told at once. A number takes at most 65 bytes from its first digit, so that all its digits stand
/// in the chunk that it begins in and the next one.
const BATCH: usize = 64;
/// A bit for each byte from its first digit on that a number may take.
const WIDEST: u128 = (1 << 64) - 1;
/// Longest group of digits that a number may begin with.
const LONGEST_GROUP: usize = 32;
/// Longest word of letters and digits that a number may begin with: the widest layout.
const LONGEST_WORD: usize = 40;
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
}

impl Candidates {
    /// Enters a layout. Layouts come in the order of their finders, so of their slots.
    fn push(&mut self, entry: Entry, slot: Option<u32>) {
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

    /// The layouts to be compared, those of each finder next to each other.
    fn ready<'a>(&'a self, armed: &'a Armed) -> impl Iterator<Item = &'a Entry> {
        let mut before = 0;
        let bound = self.slots.iter().zip(&armed.slots).flat_map(move |(here, armed)| {
            let first = before;
            before += here.count_ones();
            let mut both = here & armed;
            std::iter::from_fn(move || {
                let bit = (both != 0).then(|| both & both.wrapping_neg())?;
                both &= both - 1;
                Some((first + (here & (bit - 1)).count_ones()) as usize)
            })
        });
        let entries = bound.flat_map(|at| {
            let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
            let end = self.ends.get(at).copied().unwrap_or(begin);
            self.bound.get(begin as usize..end as usize).unwrap_or_default()
        });
        self.always.iter().chain(entries)
    }
}

/// Which bound finders are looked at, in one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Armed {
    slots: Vec<u64>,
    fewest: u32,
}

impl Armed {
    /// None is.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Arms a slot of `numbers`.
    pub(crate) fn arm(&mut self, slot: u32, numbers: &Numbers) {
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
    /// See [`Layout::second_group`].
    second: (usize, usize),
    /// See [`Layout::fewest_digits`].
    fewest: u32,
}

/// Bytes that may follow the first group of a layout.
const FOLLOWERS: [u8; 4] = [b' ', b'-', b'.', b'/'];

/// Which of [`FOLLOWERS`] a byte is, or the number of them.
fn follower(byte: Option<u8>) -> usize {
    FOLLOWERS.iter().position(|known| Some(*known) == byte).unwrap_or(FOLLOWERS.len())
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
        };
        for (index, (finder, form)) in (0..).zip(&written) {
            let digits = match form {
                Written::Layout(layout) => {
                    numbers.list(index, layout, slot(*finder));
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
        numbers
    }

    /// Enters a layout wherever it may be met.
    fn list(&mut self, index: u32, layout: &Layout, slot: Option<u32>) {
        let fewest = u32::try_from(layout.fewest_digits()).unwrap_or(u32::MAX);
        let entry = Entry { index, second: layout.second_group(), fewest };
        for (digits, lists) in
            self.by_group.iter_mut().enumerate().filter(|(digits, _)| layout.begins_with_digits(*digits))
        {
            for (which, list) in lists.iter_mut().enumerate() {
                // A loose layout ends with its group, unless a separator follows.
                let ends = which == FOLLOWERS.len() && layout.is_loose() && digits < layout.fewest_digits();
                if !ends && layout.follows().is_none_or(|byte| follower(Some(byte)) == which) {
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
        armed: &Armed,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let fewest = if armed.slots.is_empty() { self.fewest } else { self.fewest.min(armed.fewest) };
        let read = self.armed_readers(armed).map(|(_, reader)| reader.fewest_digits());
        let fewest_read = read.min().map_or(u32::MAX, |digits| u32::try_from(digits).unwrap_or(u32::MAX));
        if fewest.min(fewest_read) == u32::MAX {
            return;
        }
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
                let coming = (u128::from(ahead) << CHUNK | u128::from(bits)) >> bit & WIDEST;
                let digits = coming.count_ones();
                if digits < fewest.min(fewest_read) || start < *claimed {
                    continue;
                }
                let mut length = (bits >> bit).trailing_ones() as usize;
                if bit as usize + length == CHUNK {
                    length += digits_at(text, at + CHUNK);
                }
                let group = start..start + length;
                if digits >= fewest && self.account(text, &group, claimed, visit) {
                    continue;
                }
                self.read(text, &group, digits, armed, visit);
                if digits >= fewest {
                    self.group(text, group, digits, armed, visit);
                }
            }
        }
    }

    /// Looks for an account number; whether one claims its groups.
    fn account(
        &self,
        text: &[u8],
        group: &Range<usize>,
        claimed: &mut usize,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) -> bool {
        let before = group.start.checked_sub(1).and_then(|at| text.get(at));
        let begins = before.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b' ');
        if self.accounts.is_empty() || group.len() < 2 || !begins {
            return false;
        }
        let Some(range) = account(text, group.start) else { return false };
        let digits = count_digits(text, &range);
        for finder in &self.accounts {
            if visit(&Candidate { finder: *finder, range: range.clone(), digits }) {
                *claimed = range.end;
            }
        }
        range.end == *claimed
    }

    fn armed_readers(&self, armed: &Armed) -> impl Iterator<Item = (u32, Reader)> {
        let looks = |(.., slot): &&(u32, Reader, Option<u32>)| slot.is_none_or(|slot| armed.holds(slot));
        self.readers.iter().filter(looks).map(|(finder, reader, _)| (*finder, *reader))
    }

    /// Reads what no layout can say, where so many digits are coming.
    fn read(
        &self,
        text: &[u8],
        group: &Range<usize>,
        digits: u32,
        armed: &Armed,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        for (finder, reader) in self.armed_readers(armed) {
            if reader.fewest_digits() <= digits as usize
                && let Some(range) = reader.read(text, group.clone())
                && !in_link(text, range.start)
            {
                let digits = count_digits(text, &range);
                visit(&Candidate { finder, range, digits });
            }
        }
    }

    /// Compares the layouts that may stand around a group, where so many digits are coming.
    fn group(
        &self,
        text: &[u8],
        group: Range<usize>,
        coming: u32,
        armed: &Armed,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let before = group.start.checked_sub(1).and_then(|at| text.get(at)).copied();
        let after = text.get(group.end).copied();
        let letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic());
        if letter(before) || letter(after) {
            let Some(word) = word(text, group) else { return };
            let Some(list) = self.by_word.get(word.len()) else { return };
            self.compare(text, word, list.ready(armed).filter(|entry| entry.fewest <= coming), visit);
        } else {
            let which = follower(after);
            let Some(list) = self.by_group.get(group.len()).and_then(|lists| lists.get(which)) else {
                return;
            };
            // Dates and telephone numbers begin like many layouts and go on like none.
            let second = if which < FOLLOWERS.len() { digits_at(text, group.end + 1) } else { 0 };
            let likely = |entry: &&Entry| {
                entry.fewest <= coming
                    && (which == FOLLOWERS.len() || (entry.second.0..=entry.second.1).contains(&second))
            };
            self.compare(text, group, list.ready(armed).filter(likely), visit);
        }
    }

    /// Compares layouts with what stands around their core.
    fn compare<'a>(
        &self,
        text: &[u8],
        core: Range<usize>,
        entries: impl Iterator<Item = &'a Entry>,
        visit: &mut impl FnMut(&Candidate) -> bool,
    ) {
        let mut settled = None;
        for Entry { index, .. } in entries {
            let Some((finder, Written::Layout(layout))) = self.written.get(*index as usize) else { continue };
            if settled == Some(*finder) {
                continue;
            }
            let Some(range) = fit(layout, text, core.clone()) else { continue };
            let digits = if layout.is_bare() {
                u8::try_from(core.len()).unwrap_or(u8::MAX)
            } else if layout.has_letters() {
                count_signs(text, &range)
            } else {
                count_digits(text, &range)
            };
            if visit(&Candidate { finder: *finder, range, digits }) {
                settled = Some(*finder);
            }
        }
    }
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

fn fit(layout: &Layout, text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let range = if layout.is_bare() {
        group
    } else {
        let start = layout.begin(text, &group)?;
        let range = start..start + layout.fits(text.get(start..)?)?;
        // What "either" stands for may be letters alone, which are words.
        let digits =
            !layout.has_letters() || usize::from(count_digits(text, &range)) >= layout.fewest_digits();
        digits.then_some(range)?
    };
    let free =
        stands_free(text, &range) && !in_link(text, range.start) && neighbours_differ(layout, text, &range);
    free.then_some(range)
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

/// No neighbour makes the range part of something longer.
fn stands_free(text: &[u8], range: &Range<usize>) -> bool {
    let before = |distance: usize| range.start.checked_sub(distance).and_then(|at| text.get(at)).copied();
    let after = |distance: usize| text.get(range.end + distance - 1).copied();
    let word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
    let left = match before(1) {
        Some(b'_' | b'+' | b'$' | b'%' | b'\\') => true,
        Some(b'.') => !before(2).is_some_and(|byte| byte.is_ascii_alphabetic()),
        Some(b'-') => word(before(2)) || before(2) == Some(b'-') && word(before(3)),
        // A decimal comma; a comma between two cells has a longer or no number before it.
        Some(b',') => before(2) == Some(b'0') && !digit(before(3)),
        byte => word(byte),
    };
    let right = match after(1) {
        Some(b'_' | b'%' | b'@') => true,
        Some(b'.') => digit(after(2)),
        Some(b'-') => word(after(2)),
        byte => word(byte),
    };
    !left && !right
}

/// A match of an expression is no part of a longer word, and one of digits no part of a longer number, decimal or UUID. An edge
/// that is no letter or digit has whatever neighbour it likes.
pub(crate) fn stands_apart(text: &[u8], range: &Range<usize>) -> bool {
    let matched = text.get(range.clone()).unwrap_or_default();
    if matched.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'/')) {
        return stands_free(text, range);
    }
    let word = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    !(edge(matched.first()) && word(range.start.checked_sub(1))
        || edge(matched.last()) && word(Some(range.end)))
}

/// The number is part of a link or a path: `https://x/orders/4111…`, `/orders/4111…`.
fn in_link(text: &[u8], start: usize) -> bool {
    let lead = text.get(start.saturating_sub(BACKWARD - 64)..start).unwrap_or_default();
    if lead.last() == Some(&b'/') {
        return true;
    }
    let mut slashes = 0;
    for byte in lead.iter().rev() {
        match byte {
            b'/' => slashes += 1,
            b':' if slashes >= 2 => return true,
            b'"' | b'\'' | b'<' | b'>' | b',' | b';' | b'(' => return false,
            byte if byte.is_ascii_whitespace() => return false,
            _ => slashes = 0,
        }
    }
    false
}

/// A number in groups goes on beyond the layout: the same separator and a group of the same length stand beside it, or it
/// begins with letters (`DE44 5001 …`).
fn neighbours_differ(layout: &Layout, text: &[u8], range: &Range<usize>) -> bool {
    if layout.is_loose() {
        return !layout.goes_on(text, range);
    }
    let Some(separator) = layout.separator() else { return true };
    let inside = text.get(range.clone()).unwrap_or_default();
    let first = inside.iter().take_while(|byte| **byte != separator).count();
    let last = inside.iter().rev().take_while(|byte| **byte != separator).count();
    let lead = text.get(range.start.saturating_sub(LONGEST_GROUP)..range.start).unwrap_or_default();
    let tail = text.get(range.end..).unwrap_or_default();
    if lead.last() == Some(&separator) {
        let run = lead.iter().rev().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        let glued = lead.iter().rev().nth(run + 1).is_some_and(u8::is_ascii_alphabetic);
        if run > 0 && (run == first || glued) {
            return false;
        }
    }
    let next = tail.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).take(LONGEST_GROUP).count();
    !(tail.first() == Some(&separator) && next > 0 && (next == last || next == first))
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
        numbers(layouts).find(text.as_bytes(), 0..text.len(), &Armed::default(), &mut 0, &mut |candidate| {
            found.push(text[candidate.range.clone()].to_owned());
            true
        });
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
        let finders = |armed: &Armed| {
            let mut found = Vec::new();
            numbers.find(text.as_bytes(), 0..text.len(), armed, &mut 0, &mut |candidate| {
                found.push(candidate.finder);
                true
            });
            found
        };
        let mut armed = Armed::default();
        assert_eq!(finders(&armed), [0]);
        armed.arm(1, &numbers);
        assert_eq!(finders(&armed), [0, 2]);
        armed.arm(0, &numbers);
        assert_eq!(finders(&armed), [0, 1, 2]);
        armed.clear();
        assert_eq!(finders(&armed), [0]);
    }

    proptest! {
        #[test]
        fn the_gate_loses_nothing_whatever_the_alignment(lead in "[a-z ]{0,70}", cut in 0_usize..90, tail in "[a-z ]{0,70}") {
            let text = format!("{lead} 536-90-4399 {tail}");
            let numbers = numbers(&["###-##-####"]);
            let mut found = 0;
            let cut = cut.min(text.len());
            for range in [0..cut, cut..text.len()] {
                numbers.find(text.as_bytes(), range, &Armed::default(), &mut 0, &mut |_| { found += 1; true });
            }
            prop_assert_eq!(found, 1);
        }
    }
}
