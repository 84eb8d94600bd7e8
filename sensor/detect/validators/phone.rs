//! Telephone numbers by how they are written: international (ITU-T E.123), North American (NANP), national with a trunk
//! zero. Anything else is doubtful: it may be one where the text says so.

use super::{Digits, Subject, Validator, ValueForm, Verdict};

/// `phone`.
pub(super) const VALIDATOR: Validator = Validator { name: "phone", check, value: ValueForm::Digits };

/// Most groups of digits that are looked at.
const GROUPS: usize = 8;

fn check(subject: &Subject<'_>) -> Verdict {
    let mut lengths = [0_usize; GROUPS];
    let mut count = 0;
    let (mut dots, mut blanks, mut within) = (false, false, false);
    let mut digits = Digits::default();
    for byte in subject.matched {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            count += usize::from(!within);
            let Some(slot) = lengths.get_mut(count - 1) else { return Verdict::Invalid };
            *slot += 1;
            digits.push(digit);
        } else {
            dots |= *byte == b'.';
            blanks |= *byte == b' ';
        }
        within = digit < 10;
    }
    let groups = lengths.get(..count).unwrap_or_default();
    if is_date(groups, subject.matched) || is_other(groups, dots, blanks) {
        return Verdict::Invalid;
    }
    let repeated = digits.iter().all(|digit| digits.first() == Some(digit));
    if repeated {
        return Verdict::Invalid;
    }
    let first = digits.first().copied().unwrap_or(0);
    if groups.len() > 1 && subject.matched.starts_with(b"0.") {
        return Verdict::Invalid;
    }
    if is_fictional(&digits) {
        return Verdict::Sample("kept for fiction");
    }
    if subject.matched.starts_with(b"+") || subject.matched.starts_with(b"(+") {
        return if digits.len() >= 8 { Verdict::Valid("international form") } else { Verdict::Invalid };
    }
    let american = |groups: &[usize]| matches!(groups, [3, 3, 4]);
    let exchange = digits.get(3).copied().unwrap_or(0);
    if american(groups) && first >= 2 && exchange >= 2
        || matches!(groups, [1 | 3, rest @ ..] if american(rest))
            && (first == 1 || digits.starts_with(&[0, 0, 1]))
    {
        Verdict::Valid("North American form")
    } else if first == 0 && groups.len() >= 2 && (9..=13).contains(&digits.len()) {
        Verdict::Valid("national form")
    } else if subject.matched.contains(&b'(') && groups.len() >= 2 && digits.len() >= 8 {
        Verdict::Valid("area code in parentheses")
    } else {
        Verdict::Doubtful("may be a telephone number")
    }
}

/// 555-0100 to 555-0199 of every North American area (NANPA), and the ranges that Ofcom keeps for drama.
fn is_fictional(digits: &[u8]) -> bool {
    let american =
        digits.last_chunk::<7>().is_some_and(|[a, b, c, d, e, _, _]| [*a, *b, *c, *d, *e] == [5, 5, 5, 0, 1]);
    let british = digits.last_chunk::<10>().is_some_and(|local| local.starts_with(&[7, 7, 0, 0, 9, 0, 0]));
    american && matches!(digits.len(), 7 | 10 | 11 | 13) || british
}

/// Day, month and year, or the reverse, perhaps with an hour behind.
fn is_date(groups: &[usize], matched: &[u8]) -> bool {
    let date = matches!(groups, [4, 2, 2] | [4, 2, 2, 1..=2] | [1..=2, 1..=2, 4] | [1..=2, 1..=2, 4, 1..=2]);
    let years =
        || matches!(groups, [4, 4]) && matched.contains(&b'-') && matched.first().is_some_and(|d| *d <= b'2');
    date && matched.iter().any(|byte| matches!(byte, b'-' | b'/' | b'.')) || years()
}

/// Decimals, addresses of networks, social security numbers, and what ends in a check digit (ISBN).
fn is_other(groups: &[usize], dots: bool, blanks: bool) -> bool {
    matches!(groups, [3, 2, 4])
        || groups.len() > 1 && groups.last().is_some_and(|last| *last < 2)
        || dots
            && !blanks
            && (groups.len() == 2 || groups.len() == 4 && groups.iter().all(|group| *group <= 3))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn forms() {
        for valid in [
            "+46 (0)8 928 571 38",
            "905-674-3793",
            "(579)888-3058",
            "001-518-640-0854",
            "0494 92 82 32",
            "01.84.17.61.18",
            "(07) 5331 0577",
        ] {
            assert!(matches!(check(&VALIDATOR, valid), Verdict::Valid(_)), "{valid}");
        }
        for sample in ["+1-237-555-0143", "555-0199", "+447700 900 916"] {
            assert!(matches!(check(&VALIDATOR, sample), Verdict::Sample(_)), "{sample}");
        }
        for doubtful in ["9498777106", "699 956 915", "781 1704", "416 60 039"] {
            assert!(matches!(check(&VALIDATOR, doubtful), Verdict::Doubtful(_)), "{doubtful}");
        }
        for invalid in [
            "2024-03-14",
            "14.03.2024 10",
            "536-90-4399",
            "1234567.89",
            "192.168.100.1",
            "000 000 0000",
            "0.753 0.804 0.65",
            "+1 234",
        ] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
