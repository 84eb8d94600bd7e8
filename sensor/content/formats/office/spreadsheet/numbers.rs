//! Numbers and dates of cells as text.
//!
//! Owns: telling date formats from others, and dates of serial numbers. Never does: applying a format's decimals, signs or
//! currency.

use crate::formats::package::Package;
use crate::formats::text::Text;
use crate::formats::xml::Node;
use std::collections::BTreeSet;

/// Which cell styles are dates.
#[derive(Default)]
pub(super) struct NumberFormats {
    /// Numbers of the formats that are dates, of those that the workbook defines.
    defined: BTreeSet<u32>,
    /// By index of the cell style.
    dates: Vec<bool>,
}

impl NumberFormats {
    pub(super) fn read(&mut self, package: &Package<'_>, index: usize, text: &mut Text<'_>) {
        let mut in_cell_styles = false;
        package.read(index, text, &mut |node, _| match node {
            Node::Start(element) => match element.name() {
                "cellXfs" => in_cell_styles = true,
                "numFmt" => {
                    let code = element.attribute("formatCode").unwrap_or_default();
                    if let Some(format) = number(element.attribute("numFmtId")) {
                        self.define(format, &code);
                    }
                }
                "xf" if in_cell_styles => {
                    self.add_style(number(element.attribute("numFmtId")).unwrap_or(0));
                }
                _ => {}
            },
            Node::End("cellXfs") => in_cell_styles = false,
            Node::End(_) | Node::Text(_) => {}
        });
    }

    /// The workbook defines a format.
    pub(super) fn define(&mut self, format: u32, code: &str) {
        if is_date_code(code) {
            self.defined.insert(format);
        }
    }

    /// The next cell style has this format.
    pub(super) fn add_style(&mut self, format: u32) {
        self.dates.push(is_built_in_date(format) || self.defined.contains(&format));
    }

    pub(super) fn is_date(&self, style: usize) -> bool {
        self.dates.get(style).copied().unwrap_or(false)
    }
}

fn number(attribute: Option<String>) -> Option<u32> {
    attribute?.parse().ok()
}

/// Date and time formats that need no definition (ECMA-376 part 1 section 18.8.30).
const fn is_built_in_date(format: u32) -> bool {
    matches!(format, 14..=22 | 27..=36 | 45..=47 | 50..=58)
}

/// True if a format code has day, month, year, hour or second fields outside quotes, brackets and escapes.
fn is_date_code(code: &str) -> bool {
    let mut characters = code.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => drop(characters.by_ref().find(|&c| c == '"')),
            '[' => drop(characters.by_ref().find(|&c| c == ']')),
            '\\' | '_' | '*' => drop(characters.next()),
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return true,
            _ => {}
        }
    }
    false
}

/// A cell's number as text: a date if its format is one, otherwise without exponent and binary noise.
pub(super) fn shown(raw: &str, date: bool, from_1904: bool) -> String {
    let raw = raw.trim();
    // Whole numbers stay as they are written, whatever their length.
    let whole = raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match raw.parse::<f64>() {
        Ok(value) if date => as_date(value, from_1904).unwrap_or_else(|| raw.to_owned()),
        Ok(value) if !whole && value.abs() < 1e21 => {
            // Fifteen significant digits are what a cell can hold.
            let rounded = format!("{value:.14e}").parse::<f64>().unwrap_or(value);
            rounded.to_string()
        }
        _ => raw.to_owned(),
    }
}

/// The same of a number that is held as one.
pub(super) fn shown_value(value: f64, date: bool, from_1904: bool) -> String {
    let whole = value.fract() == 0.0 && value.abs() < 1e21;
    let raw = if whole { format!("{value:.0}") } else { value.to_string() };
    shown(&raw, date, from_1904)
}

/// `2024-03-05`, `2024-03-05 14:30:00` or `14:30:00` of a serial number; none outside the years 1900 to 9999.
fn as_date(serial: f64, from_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let days = serial.trunc() as i64;
    let seconds = ((serial - serial.trunc()) * 86_400.0).round() as i64;
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if days == 0 {
        return Some(time);
    }
    // Days from 1 January 1970. The 1900 system counts a 29 February 1900 that never was (day 60).
    let since_1970 = match (from_1904, days) {
        (true, _) => days - 24_107,
        (false, ..60) => days - 25_568,
        (false, _) => days - 25_569,
    };
    let (year, month, day) = civil(since_1970);
    let date = format!("{year:04}-{month:02}-{day:02}");
    Some(if seconds == 0 { date } else { format!("{date} {time}") })
}

/// Year, month and day of a day counted from 1 January 1970, in the Gregorian calendar: years are taken to begin in
/// March, so that the leap day is the last of its year.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_full() {
        for (raw, expected) in [
            ("4539012341234123", "4539012341234123"),
            ("4.53901234123412E+15", "4539012341234120"),
            ("0.30000000000000004", "0.3"),
            ("-12.50", "-12.5"),
            ("1E+300", "1E+300"),
            ("not a number", "not a number"),
            ("", ""),
        ] {
            assert_eq!(shown(raw, false, false), expected, "{raw}");
        }
    }

    #[test]
    fn dates_are_shown_as_dates() {
        for (raw, from_1904, expected) in [
            ("1", false, "1900-01-01"),
            ("59", false, "1900-02-28"),
            ("61", false, "1900-03-01"),
            ("45356.604166666664", false, "2024-03-05 14:30:00"),
            ("0.5", false, "12:00:00"),
            ("0", true, "00:00:00"),
            ("43894", true, "2024-03-05"),
            ("2958465", false, "9999-12-31"),
            ("2958466", false, "2958466"),
            ("-1", false, "-1"),
        ] {
            assert_eq!(shown(raw, true, from_1904), expected, "{raw}");
        }
    }

    #[test]
    fn date_formats_are_known_by_their_fields() {
        for code in ["yyyy-mm-dd", "[$-409]d. mmm", "\"on\" dd.mm.yy", "h:mm"] {
            assert!(is_date_code(code), "{code}");
        }
        for code in ["General", "0.00", "#,##0\\ \"days\"", "[Red]0", "0_d", "\"y\"0"] {
            assert!(!is_date_code(code), "{code}");
        }
    }
}
