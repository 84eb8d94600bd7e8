//! What stands beside a match: a number inside a longer one, a decimal, a path or a link is none.
//!
//! Owns: strict boundaries. Never does: the form of the number itself, check digits.

use super::numbers::{BACKWARD, LONGEST_GROUP};
use crate::language::layout::Layout;
use std::ops::Range;

/// No neighbour makes the range part of something longer.
pub(super) fn stands_free(text: &[u8], range: &Range<usize>) -> bool {
    opens(text, range.start) && closes(text, range.end)
}

/// Nothing before a number makes it part of something longer.
pub(super) fn opens(text: &[u8], start: usize) -> bool {
    let before = |distance: usize| start.checked_sub(distance).and_then(|at| text.get(at)).copied();
    !match before(1) {
        Some(b'_' | b'+' | b'$' | b'%' | b'\\') => true,
        Some(b'.') => !before(2).is_some_and(|byte| byte.is_ascii_alphabetic()),
        Some(b'-') => is_word(before(2)) || before(2) == Some(b'-') && is_word(before(3)),
        // A decimal comma; a comma between two cells has a longer or no number before it.
        Some(b',') => before(2) == Some(b'0') && !is_digit(before(3)),
        byte => is_word(byte),
    }
}

/// Nothing after a number makes it part of something longer.
pub(super) fn closes(text: &[u8], end: usize) -> bool {
    let after = |distance: usize| text.get(end + distance - 1).copied();
    !match after(1) {
        Some(b'_' | b'%' | b'@') => true,
        Some(b'.') => is_digit(after(2)),
        Some(b'-') => is_word(after(2)),
        byte => is_word(byte),
    }
}

fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}

fn is_digit(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_digit())
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
pub(super) fn in_link(text: &[u8], start: usize) -> bool {
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
pub(super) fn neighbours_differ(layout: &Layout, text: &[u8], range: &Range<usize>) -> bool {
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
