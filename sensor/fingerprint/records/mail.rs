//! E-mail addresses: their form, and their search in text.

use super::kind::Found;
use std::ops::Range;

/// Bytes of either part of an address (RFC 5321 section 4.5.3.1 has 64 and 255; longer domains are not looked for).
const PART: usize = 64;

/// Writes the form of a cell: the address in lower case. False when it is none.
pub(crate) fn form(cell: &[u8], form: &mut Vec<u8>) -> bool {
    let Some(at) = cell.iter().position(|byte| *byte == b'@') else { return false };
    match around(cell, at) {
        Some(range) => {
            form.extend(cell.get(range).unwrap_or_default().iter().map(u8::to_ascii_lowercase));
            true
        }
        None => false,
    }
}

/// Hands on every address whose `@` stands in `span`.
pub(crate) fn find(text: &[u8], span: Range<usize>, form: &mut Vec<u8>, sink: &mut Found<'_>) {
    let tag = form.len();
    let region = text.get(span.start..span.end.min(text.len())).unwrap_or_default();
    let mut next = 0;
    while let Some(at) = region.get(next..).and_then(position_of_at) {
        let at = span.start + next + at;
        next = at - span.start + 1;
        if let Some(range) = around(text, at) {
            form.truncate(tag);
            form.extend(text.get(range.clone()).unwrap_or_default().iter().map(u8::to_ascii_lowercase));
            sink(at, range, form);
        }
    }
    form.truncate(tag);
}

fn position_of_at(bytes: &[u8]) -> Option<usize> {
    let none = |chunk: &&[u8]| !chunk.iter().fold(false, |found, byte| found | (*byte == b'@'));
    let skipped = bytes.chunks_exact(32).take_while(none).count() * 32;
    Some(skipped + bytes.get(skipped..)?.iter().position(|byte| *byte == b'@')?)
}

fn around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let is_local =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'');
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let before = text.get(..at)?;
    let after = text.get(at + 1..)?;
    let mut back = before.iter().rev().take(PART).take_while(|byte| is_local(byte)).count();
    while back > 0 && matches!(before.get(at - back), Some(b'.' | b'\'' | b'-')) {
        back -= 1;
    }
    let mut on = after.iter().take(PART).take_while(|byte| is_domain(byte)).count();
    while on > 0 && matches!(after.get(on - 1), Some(b'.' | b'-')) {
        on -= 1;
    }
    let has_dot = after.get(..on)?.contains(&b'.');
    (back > 0 && has_dot).then(|| at - back..at + 1 + on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut_out_of_text() {
        let text = b"to 'A.Lee@Corp.Example'. <b+c@x.example>, @home, d@local, {\"e@f.example\"}";
        let mut all = Vec::new();
        find(text, 0..text.len(), &mut vec![b'e'], &mut |_, _, form| {
            all.push(String::from_utf8_lossy(form).into_owned());
        });
        assert_eq!(all, ["ea.lee@corp.example", "eb+c@x.example", "ee@f.example"]);
    }
}
