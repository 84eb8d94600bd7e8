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
    /// The sum of the digits of twice a digit.
    const DOUBLED: [u8; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let mut sum = 0_u32;
    for pair in digits.rchunks(2) {
        sum += match pair {
            [second, first] => {
                u32::from(*first) + u32::from(DOUBLED.get(usize::from(*second)).copied().unwrap_or(0))
            }
            [first] => u32::from(*first),
            _ => 0,
        };
    }
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
