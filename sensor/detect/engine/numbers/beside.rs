//! Looks at what stands around a group of digits.
//!
//! Owns: words, runs and fits at one place. Never does: walking over a text.

use super::{LONGEST_LOOK, LONGEST_WORD};
use crate::{
    engine::boundaries::{closes, in_link, neighbours_differ, opens, stands_free},
    language::layout::{GAP_BYTES, Layout},
    validators::iban,
};
use std::ops::Range;

/// Whether a letter stands before the first digit of a core, perhaps with separators between.
pub(super) fn letter_before(text: &[u8], core: &Range<usize>) -> bool {
    let word = text.get(core.clone()).unwrap_or_default();
    let first = core.start + word.iter().position(u8::is_ascii_digit).unwrap_or(0);
    let lead = text.get(first.saturating_sub(GAP_BYTES + 1)..first).unwrap_or_default();
    let between = |byte: &&u8| matches!(byte, b' ' | b'-' | b'.' | b'/' | b':');
    lead.iter().rev().find(|byte| !between(byte)).is_some_and(u8::is_ascii_alphabetic)
}

/// The word of letters and digits around a group of digits; None where the group is not the first one in it.
pub(super) fn word(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
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

pub(super) fn count_signs(text: &[u8], range: &Range<usize>) -> u8 {
    let signs =
        text.get(range.clone()).unwrap_or_default().iter().filter(|byte| byte.is_ascii_alphanumeric());
    u8::try_from(signs.count()).unwrap_or(u8::MAX)
}

pub(super) fn count_digits(text: &[u8], range: &Range<usize>) -> u8 {
    let digits = text.get(range.clone()).unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
    u8::try_from(digits.count()).unwrap_or(u8::MAX)
}

pub(super) fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// Length of the run of digits at `at`.
pub(super) fn digits_at(text: &[u8], at: usize) -> usize {
    text.get(at..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Letters and digits from there on, as far as it is worth looking.
pub(super) fn alphanumerics_at(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..text.len().min(at + LONGEST_LOOK)).unwrap_or_default();
    rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len())
}

/// What a layout that is not bare takes around its core, if it stands free. Where it may begin `at_core` that is known.
pub(super) fn fit(layout: &Layout, text: &[u8], core: &Range<usize>, at_core: bool) -> Option<Range<usize>> {
    let start = if at_core { core.start } else { layout.begin(text, core)? };
    let range = start..start + layout.fits(text.get(start..)?)?;
    // What "either" stands for may be letters alone, which are words.
    let digits = !layout.has_letters() || usize::from(count_digits(text, &range)) >= layout.fewest_digits();
    let open = || at_core || opens(text, start) && !in_link(text, start);
    let free = || closes(text, range.end) && open() && neighbours_differ(layout, text, &range);
    (digits && free()).then_some(range)
}

/// An account number whose check digits are the group at `first_digit`: two letters stand before, perhaps with a blank.
pub(super) fn account(text: &[u8], first_digit: usize) -> Option<Range<usize>> {
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
