//! The Luhn check digit (ISO/IEC 7812-1 annex B).

use super::{Subject, Validator, ValueForm, Verdict};

/// `luhn`: the digits of the match pass the check.
pub(super) const VALIDATOR: Validator = Validator { name: "luhn", check, value: ValueForm::Digits };

fn check(subject: &Subject<'_>) -> Verdict {
    let digits = subject.digits();
    if digits.len() >= 2 && passes(&digits) { Verdict::Valid("luhn") } else { Verdict::Invalid }
}

/// Whether digits (0 to 9, check digit last) pass.
pub(super) fn passes(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit);
            if at % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn published_numbers() {
        for valid in ["49927398716", "79927398713", "490154203237518", "4111 1111 1111 1111"] {
            assert_eq!(check(&VALIDATOR, valid), Verdict::Valid("luhn"), "{valid}");
        }
        for invalid in ["49927398717", "79927398710", "490154203237581", "0", ""] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
