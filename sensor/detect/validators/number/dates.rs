//! Dates inside numbers.

/// Days of each month in a leap year.
const DAYS: [i64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Whether a day exists. A year of two digits is one of either century, leap years fall alike.
pub(super) fn exists(year: i64, month: i64, day: i64) -> bool {
    let days = usize::try_from(month - 1).ok().and_then(|month| DAYS.get(month)).copied().unwrap_or(0);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0 || year < 100);
    (1..=days).contains(&day) && (leap || month != 2 || day <= 28)
}

/// Whether `digits` are a date in the given order of Y, M and D.
pub(super) fn stands(digits: &[u8], order: &str) -> bool {
    if digits.len() != order.len() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let read = |letter: u8| {
        let picked = order.bytes().zip(digits).filter(|(class, _)| *class == letter);
        picked.fold(0, |sum, (_, digit)| sum * 10 + i64::from(digit - b'0'))
    };
    let year = read(b'Y');
    let plausible = year < 100 && !order.contains("YYYY") || (1880..=2100).contains(&year);
    plausible && exists(year, read(b'M'), read(b'D'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (text, order) in [("991231", "YYMMDD"), ("290200", "DDMMYY"), ("20000229", "YYYYMMDD")] {
            assert!(stands(text.as_bytes(), order), "{text}");
        }
        for (text, order) in [
            ("991331", "YYMMDD"),
            ("310499", "DDMMYY"),
            ("19000229", "YYYYMMDD"),
            ("17000101", "YYYYMMDD"),
            ("99123", "YYMMDD"),
            ("9a1231", "YYMMDD"),
        ] {
            assert!(!stands(text.as_bytes(), order), "{text}");
        }
    }
}
