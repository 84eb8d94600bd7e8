//! Times as logs write them.

use egret_model::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// Reads RFC 3339, dates and times with blanks, seconds or milliseconds since 1970, `/Date(…)/` of .NET, and dates of syslog (RFC
/// 3164) without a year, which are of the year before `written`.
pub(super) fn moment(text: &str, written: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let nanos = |time: jiff::Timestamp| i64::try_from(time.as_nanosecond()).ok().map(Timestamp::from_nanos);
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return nanos(time);
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return nanos(Offset::UTC.to_timestamp(civil).ok()?);
    }
    if let Some(number) = text.strip_prefix("/Date(").and_then(|rest| rest.split(['+', '-', ')']).next()) {
        return number.parse().ok().map(milliseconds);
    }
    if let Ok(number) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "checked to lie within the range of i64")]
        return match number {
            n if (1e8..1e11).contains(&n) => {
                Some(Timestamp::from_nanos((n * 1e9) as i64).min(Timestamp::MAX))
            }
            n if (1e11..1e14).contains(&n) => Some(milliseconds(n as i64)),
            _ => None,
        };
    }
    spoken(text).or_else(|| without_year(text, written))
}

fn milliseconds(number: i64) -> Timestamp {
    Timestamp::from_nanos(number.saturating_mul(1_000_000))
}

/// `11/24/2026 8:00:00 AM`, as Windows writes it for its first customers, and `24.11.2026 08:00:00`.
fn spoken(text: &str) -> Option<Timestamp> {
    let mut words = text.split_whitespace();
    let (date, time, half) = (words.next()?, words.next()?, words.next());
    let parts: Vec<&str> = date.split(['/', '.']).collect();
    if words.next().is_some() || half.is_some_and(|half| !["AM", "PM", "am", "pm"].contains(&half)) {
        return None;
    }
    let [a, b, year] = parts.as_slice() else { return None };
    let (month, day) = if date.contains('/') { (a, b) } else { (b, a) };
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    at(date, of_day(time, half)?)
}

fn of_day(text: &str, half: Option<&str>) -> Option<Time> {
    let mut parts = text.split(':');
    let mut part = || parts.next()?.split('.').next()?.parse::<i8>().ok();
    let (hour, minute, second) = (part()?, part()?, part().unwrap_or(0));
    let hour = match half {
        Some("PM" | "pm") if hour < 12 => hour + 12,
        Some("AM" | "am") if hour == 12 => 0,
        _ => hour,
    };
    Time::new(hour, minute, second, 0).ok()
}

fn at(date: Date, time: Time) -> Option<Timestamp> {
    let time = Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    Some(Timestamp::from_seconds(time.as_second()))
}

/// `Nov 24 08:00:00`, `Nov 24 2025 08:00:00`, `Mon Nov 24 08:00:00 2025`.
fn without_year(text: &str, written: Timestamp) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month_of = |word: &str| (1_i8..).zip(MONTHS).find(|(_, name)| name.eq_ignore_ascii_case(word));
    let year_of = |word: &str| word.parse::<i16>().ok().filter(|_| word.len() == 4);
    // A weekday may stand in front.
    let mut words = text.split_whitespace().skip_while(|word| word.len() == 3 && month_of(word).is_none());
    let (month, _) = month_of(words.next()?)?;
    let day: i8 = words.next()?.parse().ok()?;
    let (one, other) = (words.next()?, words.next());
    let (year, time) = match (year_of(one), other) {
        (Some(year), Some(other)) => (Some(year), other),
        (None, Some(other)) => (Some(year_of(other)?), one),
        (Some(_), None) => return None,
        (None, None) => (None, one),
    };
    if words.next().is_some() {
        return None;
    }
    let time = of_day(time, None)?;
    if let Some(year) = year {
        return at(Date::new(year, month, day).ok()?, time);
    }
    // A log may be a few hours ahead of its file: zones.
    let latest = written.plus(86_400 * 1_000_000_000);
    let year = jiff::Timestamp::from_second(latest.nanos() / 1_000_000_000).ok()?;
    let year = Offset::UTC.to_datetime(year).year();
    [year, year - 1]
        .iter()
        .find_map(|year| at(Date::new(*year, month, day).ok()?, time).filter(|at| *at <= latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_many_kinds() {
        let written = moment("2026-03-01T00:00:00Z", Timestamp::MAX).unwrap();
        for (text, expected) in [
            ("2026-02-24T08:00:00Z", Some("2026-02-24T08:00:00")),
            ("2026-02-24T08:00:00.5+01:00", Some("2026-02-24T07:00:00")),
            ("2026-02-24 08:00:00", Some("2026-02-24T08:00:00")),
            ("2/24/2026 8:00:00 PM", Some("2026-02-24T20:00:00")),
            ("24.02.2026 08:00:00", Some("2026-02-24T08:00:00")),
            ("1771920000", Some("2026-02-24T08:00:00")),
            ("/Date(1771920000000)/", Some("2026-02-24T08:00:00")),
            ("Feb 24 08:00:00", Some("2026-02-24T08:00:00")),
            ("Nov  4 08:00:00", Some("2025-11-04T08:00:00")),
            ("Nov 24 2024 08:00:00", Some("2024-11-24T08:00:00")),
            ("Sun Nov 24 08:00:00 2024", Some("2024-11-24T08:00:00")),
            ("Feb 31 08:00:00", None),
            ("yesterday", None),
        ] {
            let told = moment(text, written).map(|at| at.to_string()[..19].to_owned());
            assert_eq!(told.as_deref(), expected, "{text}");
        }
    }
}
