//! Numbers that name something, with or without letters: their form, and their search in text.
//!
//! Owns: groups of ASCII letters and digits, and how they join over separators. Never does: arithmetic.

use super::kind::Found;
use std::ops::Range;

/// Characters of the longest number.
const LONGEST: usize = 40;
/// Groups that one number may be written in.
const GROUPS: usize = 10;
/// Groups of letters alone before the first digit: `SKU-AB-1204`.
const LEADING: usize = 2;
/// Letters of such a group.
const LEADING_LETTERS: usize = 6;

/// Writes the form of a cell: letters and digits, upper case, without leading zeros when there are only digits. False when
/// there is no digit, or too much of it.
pub(crate) fn form(cell: &[u8], form: &mut Vec<u8>) -> bool {
    let from = form.len();
    form.extend(cell.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase));
    normalise(form, from)
}

/// Drops leading zeros of what begins at `from`; false when it is no number.
fn normalise(form: &mut Vec<u8>, from: usize) -> bool {
    let written = form.get(from..).unwrap_or_default();
    let digits = written.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || written.len() > LONGEST {
        return false;
    }
    if digits == written.len() {
        let zeros = written.iter().take_while(|byte| **byte == b'0').count().min(digits - 1);
        form.drain(from..from + zeros);
    }
    true
}

/// Stands among lengths for numbers that begin with letters.
pub(crate) const LETTERS_FIRST: u64 = 1;

/// The bit that stands for a length among the lengths that are looked for.
pub(crate) fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'_' | b'(' | b')' | b':')
}

/// Hands on every number that has its first digit in a group that begins in `span`, in order: where it stands and its form.
/// `lengths`: which lengths are wanted; `scratch` holds the tag.
pub(crate) fn find(text: &[u8], span: Range<usize>, lengths: u64, form: &mut Vec<u8>, sink: &mut Found<'_>) {
    let longest = (63 - lengths.leading_zeros().min(63)) as usize;
    let tag = form.len();
    let mut at = span.start;
    while let Some(digit) = next_digit(text, at, span.end + LONGEST) {
        let group = group_around(text, digit);
        at = group.end;
        if group.start >= span.end {
            return;
        }
        if group.start < span.start || group.len() > LONGEST {
            continue;
        }
        let mut start = group.start;
        for _ in 0..=LEADING {
            joined(text, start, &group, lengths, longest, (form, tag), sink);
            let Some(before) = letters_before(text, start).filter(|_| lengths & LETTERS_FIRST != 0) else {
                break;
            };
            start = before;
        }
    }
}

/// The place of the first digit in `from..to`, sixteen bytes at a time.
fn next_digit(text: &[u8], from: usize, to: usize) -> Option<usize> {
    let region = text.get(from..to.min(text.len()))?;
    let none = |chunk: &&[u8]| !chunk.iter().fold(false, |found, byte| found | byte.is_ascii_digit());
    let skipped = region.chunks_exact(16).take_while(none).count() * 16;
    let rest = region.get(skipped..)?;
    Some(from + skipped + rest.iter().position(u8::is_ascii_digit)?)
}

fn group_around(text: &[u8], at: usize) -> Range<usize> {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
    let back = before.iter().rev().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let on = after.iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    at - back..at + on
}

/// The start of a short group of letters before `start`, over one or two separators.
fn letters_before(text: &[u8], start: usize) -> Option<usize> {
    let before = text.get(..start)?;
    let gap = before.iter().rev().take(3).take_while(|byte| is_separator(**byte)).count();
    let before = before.get(..before.len() - gap)?;
    let letters = before.iter().rev().take(LEADING_LETTERS + 1);
    let length = letters.take_while(|byte| byte.is_ascii_alphabetic()).count();
    let whole = before.len().checked_sub(length + 1).and_then(|at| before.get(at));
    let is_group = (1..=2).contains(&gap)
        && (1..=LEADING_LETTERS).contains(&length)
        && whole.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    is_group.then(|| before.len() - length)
}

/// Hands on what begins at `start`, holds `group`, and ends with it or with one of the groups after it.
fn joined(
    text: &[u8],
    start: usize,
    group: &Range<usize>,
    lengths: u64,
    longest: usize,
    (form, tag): (&mut Vec<u8>, usize),
    sink: &mut Found<'_>,
) {
    let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric();
    let mut end = group.end;
    let mut length = text.get(start..end).unwrap_or_default().iter().filter(is_plain).count();
    // Leading zeros may go, which shows only when the number is written out.
    let zero = text.get(start) == Some(&b'0');
    for _ in 0..GROUPS {
        if length > LONGEST {
            break;
        }
        if zero || lengths & length_bit(length) != 0 {
            form.truncate(tag);
            push(form, text.get(start..end).unwrap_or_default());
            if !zero || normalise(form, tag) && lengths & length_bit(form.len() - tag) != 0 {
                sink(group.start, start..end, form);
            }
        }
        if length >= longest && !zero {
            break;
        }
        let after = text.get(end..).unwrap_or_default();
        let gap = after.iter().take(3).take_while(|byte| is_separator(**byte)).count();
        let next = after.get(gap..).unwrap_or_default();
        let more = next.iter().take(LONGEST + 1).take_while(is_plain).count();
        if !(1..=2).contains(&gap) || more == 0 {
            break;
        }
        length += more;
        end += gap + more;
    }
    form.truncate(tag);
}

fn push(form: &mut Vec<u8>, bytes: &[u8]) {
    form.extend(bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, lengths: &[usize]) -> Vec<String> {
        let lengths = lengths.iter().fold(LETTERS_FIRST, |bits, length| bits | length_bit(*length));
        let mut all = Vec::new();
        find(text.as_bytes(), 0..text.len(), lengths, &mut vec![b'n'], &mut |_, _, form| {
            all.push(String::from_utf8_lossy(form).into_owned());
        });
        all
    }

    #[test]
    fn groups_join_to_the_lengths_asked_for() {
        for (text, lengths, expected) in [
            ("SSN 536-90-4399.", &[9][..], vec!["n536904399"]),
            ("card 3781 732435 08917 ok", &[15], vec!["n378173243508917"]),
            ("id C571994,x", &[7], vec!["nC571994"]),
            ("SKU-AB-1204", &[9], vec!["nSKUAB1204"]),
            ("(555) 123-4567", &[10], vec!["n5551234567"]),
            ("no 00123456", &[6], vec!["n123456"]),
            ("0012345678901234", &[9, 14], vec!["n12345678901234"]),
            ("a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1", &[9], vec![]),
            ("nothing here", &[4], vec![]),
            ("x12\t3456", &[7], vec![]),
        ] {
            assert_eq!(found(text, lengths), expected, "{text}");
        }
    }
}
