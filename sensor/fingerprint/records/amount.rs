//! Quantities with decimals: their form, and their search in text.
//!
//! Owns: which of `.` and `,` is the decimal sign. Never does: rounding.

use super::kind::Found;
use std::ops::Range;

/// Characters of the longest amount, separators included.
const LONGEST: usize = 32;

/// Writes the form of a cell: digits, a point, decimals without zeros at the end. False when there is no digit.
pub(crate) fn form(cell: &str, form: &mut Vec<u8>) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    let (Some(first), Some(last)) = (cell.find(digit), cell.rfind(digit)) else { return false };
    let mut best = None;
    readings(cell.get(first..=last).unwrap_or_default().as_bytes(), &mut |reading| {
        best.get_or_insert_with(|| reading.to_vec());
    });
    form.extend(best.iter().flatten());
    best.is_some()
}

/// Hands on every amount that begins in `span`, in each way that it may be read.
pub(crate) fn find(text: &[u8], span: Range<usize>, form: &mut Vec<u8>, sink: &mut Found<'_>) {
    let tag = form.len();
    let mut at = span.start;
    while at < span.end.min(text.len()) {
        let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
        let inside = at > 0
            && text.get(at - 1).is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
        if !is_digit(at) || inside {
            at += 1;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let goes_on = |(place, byte): &(usize, &u8)| {
            byte.is_ascii_digit()
                || matches!(byte, b'.' | b',' | b'\'' | b' ')
                    && rest.get(place + 1).is_some_and(u8::is_ascii_digit)
        };
        let length = rest.iter().enumerate().take(LONGEST).take_while(goes_on).count();
        readings(rest.get(..length).unwrap_or_default(), &mut |reading| {
            form.truncate(tag);
            form.extend_from_slice(reading);
            sink(at, at..at + length, form);
        });
        at += length.max(1);
    }
    form.truncate(tag);
}

/// The ways to read digits and separators; the likelier first.
fn readings(written: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let last = written.iter().rposition(|byte| matches!(byte, b'.' | b','));
    let decimals = last.map_or(0, |at| written.len() - at - 1);
    let sign = last.and_then(|at| written.get(at));
    let repeated = written.iter().filter(|byte| Some(*byte) == sign).count() > 1;
    let mut emit = |split: Option<usize>| {
        let (whole, part) = match split {
            Some(at) => (written.get(..at).unwrap_or_default(), written.get(at + 1..).unwrap_or_default()),
            None => (written, &[][..]),
        };
        let digits = |bytes: &[u8]| bytes.iter().copied().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
        let (whole, part) = (digits(whole), digits(part));
        let zeros = whole.iter().take_while(|byte| **byte == b'0').count().min(whole.len().saturating_sub(1));
        let end = part.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1);
        let mut reading = whole.get(zeros..).unwrap_or_default().to_vec();
        if end > 0 {
            reading.push(b'.');
            reading.extend_from_slice(part.get(..end).unwrap_or_default());
        }
        sink(&reading);
    };
    if written.is_empty() {
        return;
    }
    if last.is_none() || repeated {
        emit(None);
    } else if decimals == 3 {
        // 1,234 is a thousand in most tables, 1.234 in others.
        emit(None);
        emit(last);
    } else {
        emit(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_each_way() {
        let mut all = Vec::new();
        let text = b"EUR 1.234,50; 1,234 or 12.5 and 7";
        find(text, 0..text.len(), &mut vec![b'a'], &mut |_, _, form| {
            all.push(String::from_utf8_lossy(form).into_owned());
        });
        assert_eq!(all, ["a1234.5", "a1234", "a1.234", "a12.5", "a7"]);
    }
}
