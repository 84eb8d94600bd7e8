//! Payment card numbers: check digit, and the ranges and lengths that the schemes publish (ISO/IEC 7812-1 and each
//! scheme's own range tables).
//!
//! Numbers that processors publish for tests are samples. Ranges so wide that chance numbers fall into them often, and
//! lengths that are nearly extinct, are doubtful: they need other evidence.

use super::{Subject, Validator, ValueForm, Verdict, luhn};
use std::sync::LazyLock;

/// `payment-card`.
pub(super) const VALIDATOR: Validator = Validator { name: "payment-card", check, value: ValueForm::Digits };

/// `track-two`: a card number as the second track of a stripe has it, with what follows it there: a mark, four digits of expiry,
/// three of the service code (ISO/IEC 7813 section 5).
pub(super) const TRACK: Validator = Validator { name: "track-two", check: track, value: ValueForm::Digits };

/// Digits that follow the mark for certain.
const TRACK_DIGITS: usize = 7;

fn track(subject: &Subject<'_>) -> Verdict {
    let Some((b'=' | b'D', rest)) = subject.after.split_first() else { return Verdict::Invalid };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let month = rest.get(2..4).and_then(|month| str::from_utf8(month).ok()?.parse().ok());
    if digits < TRACK_DIGITS || !month.is_some_and(|month: u8| (1..=12).contains(&month)) {
        return Verdict::Invalid;
    }
    check(subject)
}

/// A range of leading digits of one scheme.
struct Range {
    first: u32,
    last: u32,
    /// Digits of both.
    width: usize,
    lengths: &'static [usize],
    verdict: Verdict,
}

const fn range(first: u32, last: u32, lengths: &'static [usize], why: &'static str) -> Range {
    Range { first, last, width: width(first), lengths, verdict: Verdict::Valid(why) }
}

const fn doubtful(first: u32, last: u32, lengths: &'static [usize], why: &'static str) -> Range {
    Range { first, last, width: width(first), lengths, verdict: Verdict::Doubtful(why) }
}

const fn width(number: u32) -> usize {
    number.ilog10() as usize + 1
}

const LONG: &[usize] = &[16, 17, 18, 19];
const MAESTRO: &[usize] = &[12, 13, 14, 15, 16, 17, 18, 19];

/// Most leading digits of a range.
const WIDEST: usize = 6;

/// Narrow ranges stand before wide ones: the first that fits decides.
const RANGES: &[Range] = &[
    range(34, 34, &[15], "American Express, luhn"),
    range(37, 37, &[15], "American Express, luhn"),
    range(51, 55, &[16], "Mastercard, luhn"),
    range(2221, 2720, &[16], "Mastercard, luhn"),
    range(6011, 6011, LONG, "Discover, luhn"),
    range(644, 649, LONG, "Discover, luhn"),
    range(65, 65, LONG, "Discover, luhn"),
    range(622_126, 622_925, LONG, "Discover, luhn"),
    range(36, 36, &[14], "Diners Club, luhn"),
    range(300, 305, &[14, 16], "Diners Club, luhn"),
    range(3095, 3095, &[14, 16], "Diners Club, luhn"),
    range(38, 39, &[14, 16], "Diners Club, luhn"),
    range(3528, 3589, &[16], "JCB, luhn"),
    doubtful(2131, 2131, &[15], "JCB (old range), luhn"),
    doubtful(1800, 1800, &[15], "JCB (old range), luhn"),
    range(2200, 2204, &[16], "Mir, luhn"),
    range(9792, 9792, &[16], "Troy, luhn"),
    range(62, 62, LONG, "UnionPay, luhn"),
    doubtful(81, 81, LONG, "UnionPay, luhn"),
    range(508_500, 508_999, &[16], "RuPay, luhn"),
    range(606_985, 607_984, &[16], "RuPay, luhn"),
    doubtful(82, 82, &[16], "RuPay, luhn"),
    range(4, 4, &[16], "Visa, luhn"),
    doubtful(4, 4, &[13, 19], "Visa (rare length), luhn"),
    doubtful(50, 50, MAESTRO, "Maestro or a national scheme, luhn"),
    doubtful(56, 58, MAESTRO, "Maestro, luhn"),
    doubtful(6, 6, MAESTRO, "Maestro or a national scheme, luhn"),
];

/// Numbers that schemes and processors publish for tests, beside those with eight zeros in a row.
const PUBLISHED: &[&str] = &[
    "2223003122003222",
    "3056930009020004",
    "30569309025904",
    "3530111333300000",
    "3566002020360505",
    "36227206271667",
    "371449635398431",
    "378282246310005",
    "378734493671000",
    "38520000023237",
    "4005519200000004",
    "4007000000027",
    "4009348888881881",
    "4012000033330026",
    "4012000077777777",
    "4012888888881881",
    "4111111111111111",
    "4166676667666746",
    "4222222222222",
    "4242424242424242",
    "4444333322221111",
    "4646464646464644",
    "5019717010103742",
    "5105105105105100",
    "5200828282828210",
    "5454545454545454",
    "5555555555554444",
    "6011000990139424",
    "6011111111111117",
    "6331101999990016",
    "6759649826438453",
];

/// For each pair of leading digits, a bit for each length that some range with it has: two in three chance numbers are told
/// by it without a look at the other digits.
static LENGTHS: LazyLock<[u32; 100]> = LazyLock::new(|| {
    let mut table = [0; 100];
    for range in RANGES {
        let (first, last) = match range.width.checked_sub(2) {
            Some(more) => (range.first / 10_u32.pow(more as u32), range.last / 10_u32.pow(more as u32)),
            None => (range.first * 10, range.last * 10 + 9),
        };
        for pair in first..=last {
            let lengths = range.lengths.iter().fold(0, |bits, length| bits | 1 << length);
            if let Some(entry) = table.get_mut(pair as usize) {
                *entry |= lengths;
            }
        }
    }
    table
});

/// Whether any range has a number of this length that begins like this.
fn plausible(matched: &[u8]) -> bool {
    let mut digits = matched.iter().filter(|byte| byte.is_ascii_digit());
    let (Some(first), Some(second)) = (digits.next(), digits.next()) else { return false };
    let pair = usize::from(first - b'0') * 10 + usize::from(second - b'0');
    let length = matched.iter().map(|byte| u32::from(byte.is_ascii_digit())).sum::<u32>();
    LENGTHS.get(pair).and_then(|lengths| lengths.checked_shr(length)).is_some_and(|bits| bits & 1 == 1)
}

fn check(subject: &Subject<'_>) -> Verdict {
    if !plausible(subject.matched) {
        return Verdict::Invalid;
    }
    let digits = subject.digits();
    if !luhn::passes(&digits) {
        return Verdict::Invalid;
    }
    // Every number of leading digits that a range may have.
    let mut leads = [None; WIDEST];
    let mut lead = 0;
    for (slot, digit) in leads.iter_mut().zip(digits.iter()) {
        lead = lead * 10 + u32::from(*digit);
        *slot = Some(lead);
    }
    let fits = |range: &&Range| {
        let lead = leads.get(range.width - 1).copied().flatten();
        lead.is_some_and(|lead| (range.first..=range.last).contains(&lead))
            && range.lengths.contains(&digits.len())
    };
    let Some(range) = RANGES.iter().find(fits) else { return Verdict::Invalid };
    let text = || digits.iter().map(|digit| b'0' + digit);
    let published = PUBLISHED.binary_search_by(|known| known.bytes().cmp(text())).is_ok();
    if published || digits.windows(8).any(|eight| eight == [0; 8]) {
        return Verdict::Sample("published test card");
    }
    let distinct = digits.iter().fold(0_u16, |seen, digit| seen | 1 << digit).count_ones();
    if distinct < 4 { Verdict::Sample("a placeholder of few digits") } else { range.verdict }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn published_lists_are_sorted_and_pass() {
        assert!(PUBLISHED.is_sorted());
        for number in PUBLISHED {
            assert!(matches!(check(&VALIDATOR, number), Verdict::Sample(_)), "{number}");
        }
        assert!(matches!(check(&VALIDATOR, "4000000000000002"), Verdict::Sample(_)));
    }

    #[test]
    fn every_range_is_plausible_at_its_edges() {
        for range in RANGES {
            for (lead, length) in
                [range.first, range.last].iter().flat_map(|lead| range.lengths.iter().map(move |l| (lead, l)))
            {
                let number = format!("{lead:0<length$}");
                assert!(plausible(number.as_bytes()), "{number}");
            }
        }
        assert!(
            !plausible(b"1234567890123452")
                && !plausible(b"37199938475118")
                && !plausible(b"4")
                && !plausible(&[b'4'; 80])
        );
    }

    #[test]
    fn schemes_have_their_ranges_and_lengths() {
        for (number, expected) in [
            ("4539 1488 0343 6467", Verdict::Valid("Visa, luhn")),
            ("5223751567201965", Verdict::Valid("Mastercard, luhn")),
            ("2317821280840193", Verdict::Valid("Mastercard, luhn")),
            ("371999384751180", Verdict::Valid("American Express, luhn")),
            ("36131328397154", Verdict::Valid("Diners Club, luhn")),
            ("6011195717381133", Verdict::Valid("Discover, luhn")),
            ("3549401035099672", Verdict::Valid("JCB, luhn")),
            ("4370097502556", Verdict::Doubtful("Visa (rare length), luhn")),
            ("630427373398", Verdict::Doubtful("Maestro or a national scheme, luhn")),
            ("4539148803436468", Verdict::Invalid),
            ("1234567890123452", Verdict::Invalid),
            ("490154203237518", Verdict::Invalid),
        ] {
            assert_eq!(check(&VALIDATOR, number), expected, "{number}");
        }
    }
}
