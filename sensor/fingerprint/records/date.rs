//! Dates: their form (`19961228`), and their search in text.
//!
//! Owns: the ways in which dates are written in Latin script. Never does: calendars beyond the length of months; times of day.

use super::kind::{DateOrder, Found};
use std::ops::Range;

/// How the names of months begin, in English, German, French, Spanish, Italian, Portuguese and Dutch.
const MONTHS: [(&str, u32); 34] = [
    ("juil", 7),
    ("juin", 6),
    ("jan", 1),
    ("jän", 1),
    ("ene", 1),
    ("gen", 1),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("mar", 3),
    ("mär", 3),
    ("maa", 3),
    ("mrt", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("may", 5),
    ("mai", 5),
    ("mag", 5),
    ("mei", 5),
    ("jun", 6),
    ("giu", 6),
    ("jul", 7),
    ("lug", 7),
    ("aug", 8),
    ("aoû", 8),
    ("ago", 8),
    ("sep", 9),
    ("set", 9),
    ("oct", 10),
    ("okt", 10),
    ("ott", 10),
    ("nov", 11),
    ("out", 10),
];
/// December, and a month with the same beginning as another word's.
const DECEMBERS: [&str; 4] = ["dec", "dez", "déc", "dic"];
/// Bytes of the longest written date.
const LONGEST: usize = 32;

/// Writes the form of a cell. False when it does not begin with a date.
pub(crate) fn form(cell: &str, order: DateOrder, form: &mut Vec<u8>) -> bool {
    let bytes = cell.as_bytes();
    let Some(digit) = bytes.iter().take(LONGEST).position(u8::is_ascii_digit) else { return false };
    let mut readings = Vec::new();
    at(bytes, digit, &mut |reading| readings.push(reading));
    let wanted = |reading: &&Reading| {
        reading.order.is_none_or(|known| known == order) && (reading.start == 0 || digit == reading.start)
    };
    // A two-digit year is the last one that was: birthdays lie in the past.
    let chosen = readings.iter().filter(wanted).min_by_key(|reading| reading.century);
    form.extend(chosen.iter().flat_map(|reading| reading.form()));
    chosen.is_some()
}

/// What speaks for an order of day and month in a cell: None when it can be either or is no such date.
pub(crate) fn order_of(cell: &str) -> Option<DateOrder> {
    let bytes = cell.trim().as_bytes();
    let mut orders = Vec::new();
    at(bytes, 0, &mut |reading| orders.extend(reading.order));
    match orders.split_first() {
        Some((first, others)) if others.iter().all(|other| other == first) => Some(*first),
        _ => None,
    }
}

/// Hands on every date whose first digit is in `span`, in each way that it may be read.
pub(crate) fn find(text: &[u8], span: Range<usize>, form: &mut Vec<u8>, sink: &mut Found<'_>) {
    let tag = form.len();
    let mut place = span.start;
    while place < span.end.min(text.len()) {
        let joined = place > 0 && text.get(place - 1).is_some_and(u8::is_ascii_alphanumeric);
        if !joined && text.get(place).is_some_and(u8::is_ascii_digit) {
            at(text, place, &mut |reading| {
                form.truncate(tag);
                form.extend(reading.form());
                sink(place, reading.start..reading.end, form);
            });
        }
        place += 1;
    }
    form.truncate(tag);
}

/// One way to read a date.
#[derive(Clone, Copy, Debug)]
struct Reading {
    start: usize,
    end: usize,
    year: u32,
    month: u32,
    day: u32,
    /// Where day and month could be told apart by their places only.
    order: Option<DateOrder>,
    /// Lower is likelier, for years of two digits.
    century: u8,
}

impl Reading {
    fn form(&self) -> impl Iterator<Item = u8> {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day).into_bytes().into_iter()
    }
}

/// The numbers of up to eight digits from `place` on: value, digits, end.
fn number(text: &[u8], place: usize) -> Option<(u32, usize, usize)> {
    let digits = text.get(place..)?.iter().take(9).take_while(|byte| byte.is_ascii_digit());
    let (value, count) = digits.fold((0_u32, 0), |(value, count), byte| {
        (value.wrapping_mul(10) + u32::from(byte - b'0'), count + 1)
    });
    (1..=8).contains(&count).then_some((value, count, place + count))
}

/// Every date whose first digit stands at `place`.
fn at(text: &[u8], place: usize, sink: &mut impl FnMut(Reading)) {
    let Some((first, digits, end)) = number(text, place) else { return };
    let mut emit = |start, end, (year, month, day): (u32, u32, u32), order, year_digits| {
        // The digits of a longer number, or of a decimal, are no date.
        if text.get(end).is_some_and(u8::is_ascii_alphanumeric) && text.get(end) != Some(&b'T') {
            return;
        }
        let centuries: &[(u32, u8)] = if year_digits == 2 { &[(1900, 0), (2000, 1)] } else { &[(0, 0)] };
        for (base, century) in centuries {
            let year = base + year;
            // A year that has hardly come is likelier than the one a hundred years before.
            let century = if *base == 2000 && year < 2030 || *base == 0 { 0 } else { century + 1 };
            if (1000..=2999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day) {
                sink(Reading { start, end, year, month, day, order, century });
            }
        }
    };
    if digits == 8 {
        emit(place, end, (first / 10_000, first / 100 % 100, first % 100), None, 4);
        let year = first % 10_000;
        let (a, b) = (first / 1_000_000, first / 10_000 % 100);
        emit(place, end, (year, b, a), Some(DateOrder::DayFirst), 4);
        emit(place, end, (year, a, b), Some(DateOrder::MonthFirst), 4);
        return;
    }
    if let Some(sign @ (b'-' | b'/' | b'.')) = text.get(end).copied()
        && let Some((second, second_digits, middle)) = number(text, end + 1)
        && second_digits <= 2
        && text.get(middle) == Some(&sign)
        && let Some((third, third_digits, end)) = number(text, middle + 1)
    {
        match (digits, third_digits) {
            (4, 1 | 2) => emit(place, end, (first, second, third), None, 4),
            (1 | 2, 2 | 4) => {
                emit(place, end, (third, second, first), Some(DateOrder::DayFirst), third_digits);
                emit(place, end, (third, first, second), Some(DateOrder::MonthFirst), third_digits);
            }
            _ => {}
        }
    }
    if digits > 2 {
        return;
    }
    // 28 Dec 1996, 28-Dec-96, 28. Dezember 1996
    let ordinal = usize::from(is_ordinal(text, end)) * 2;
    if let Some((month, after)) = month_after(text, end + ordinal)
        && let Some((year, year_digits @ (2 | 4), end)) = number(text, skip(text, after))
    {
        emit(place, end, (year, month, first), None, year_digits);
    }
    // December 28, 1996
    if let Some((month, start)) = month_before(text, place)
        && let Some((year, 4, end)) = number(text, skip(text, end + ordinal))
    {
        emit(start, end, (year, month, first), None, 4);
    }
}

fn is_ordinal(text: &[u8], at: usize) -> bool {
    text.get(at..at + 2)
        .is_some_and(|two| ["st", "nd", "rd", "th"].iter().any(|o| o.as_bytes().eq_ignore_ascii_case(two)))
}

/// The place after up to two signs that stand between the parts of a date.
fn skip(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take(2).take_while(|byte| matches!(byte, b' ' | b',' | b'.' | b'-' | b'/')).count()
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn month_after(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let mut start = skip(text, at);
    // Spanish and Portuguese: 28 de diciembre de 1996.
    if text.get(start..start + 3).is_some_and(|of| of.eq_ignore_ascii_case(b"de ")) {
        start += 3;
    }
    let length = text.get(start..)?.iter().take(13).take_while(|byte| is_letter(**byte)).count();
    let month = month(text.get(start..start + length)?)?;
    let mut end = start + length;
    if text.get(end..end + 4).is_some_and(|of| of.eq_ignore_ascii_case(b" de ")) {
        end += 3;
    }
    Some((month, end))
}

fn month_before(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let before = text.get(..at)?;
    let gap = before.iter().rev().take(2).take_while(|byte| matches!(byte, b' ' | b'.' | b'-')).count();
    let before = before.get(..at - gap)?;
    let length = before.iter().rev().take(13).take_while(|byte| is_letter(**byte)).count();
    let start = before.len() - length;
    (gap > 0).then_some(())?;
    Some((month(before.get(start..)?)?, start))
}

fn month(word: &[u8]) -> Option<u32> {
    let word = str::from_utf8(word).ok()?.to_lowercase();
    if !(3..=11).contains(&word.chars().count()) {
        return None;
    }
    if DECEMBERS.iter().any(|december| word.starts_with(december)) {
        return Some(12);
    }
    MONTHS.iter().find(|(start, _)| word.starts_with(start)).map(|(_, month)| *month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        find(text.as_bytes(), 0..text.len(), &mut vec![b'd'], &mut |_, _, form| {
            all.push(String::from_utf8_lossy(form).into_owned());
        });
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn dates_are_found_however_written() {
        for text in [
            "born 1996-12-28, in",
            "28.12.1996",
            "on 28/12/1996.",
            "28 Dec 1996",
            "28th December 1996",
            "December 28, 1996",
            "28. Dezember 1996",
            "28 décembre 1996",
            "28 de diciembre de 1996",
            "1996-12-28T00:00:00Z",
            "19961228",
            "1996/12/28",
        ] {
            assert!(found(text).contains(&"d19961228".to_owned()), "{text}: {:?}", found(text));
        }
        assert_eq!(found("03/04/1990"), ["d19900304", "d19900403"]);
        assert_eq!(found("28-12-96"), ["d19961228", "d20961228"]);
        for text in ["1.2.3", "version 10.11.12345", "192.168.1.1", "99/99/1999", "1234567", "x19961228"] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn the_order_shows_in_days_beyond_twelve() {
        assert_eq!(order_of("28/12/1996"), Some(DateOrder::DayFirst));
        assert_eq!(order_of("12/28/1996"), Some(DateOrder::MonthFirst));
        assert_eq!(order_of("03/04/1996"), None);
        assert_eq!(order_of("1996-12-28"), None);
    }
}
