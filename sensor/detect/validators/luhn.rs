//! The Luhn check digit (ISO/IEC 7812-1 annex B).

use super::{Subject, Validator, ValueForm, Verdict};

/// `luhn`: the digits of the match pass the check.
pub(super) const VALIDATOR: Validator = Validator { name: "luhn", check, value: ValueForm::Digits };

fn check(subject: &Subject<'_>) -> Verdict {
    let digits = subject.digits();
    if digits.len() >= 2 && passes(&digits) { Verdict::Valid("luhn") } else { Verdict::Invalid }
}

/// Digits that are added up at once, more than any card has.
const AT_ONCE: usize = 32;

/// Whether digits (0 to 9, check digit last) pass.
pub(super) fn passes(digits: &[u8]) -> bool {
    let mut sum = 0_u32;
    let mut rest = digits;
    while !rest.is_empty() {
        // From the right, with zeros before the first: they add nothing, and the length is always the same.
        let (before, last) = rest.split_at(rest.len().saturating_sub(AT_ONCE));
        let mut digits = [0; AT_ONCE];
        digits.get_mut(AT_ONCE - last.len()..).unwrap_or_default().copy_from_slice(last);
        sum += u32::from(sum_of(&digits));
        rest = before;
    }
    sum.is_multiple_of(10)
}

/// The sum of the digits, with every second one from the right replaced by the digit sum of its double.
fn sum_of(digits: &[u8; AT_ONCE]) -> u16 {
    digits
        .as_chunks()
        .0
        .iter()
        .map(|[second, first]| u16::from(second * 2 - if *second > 4 { 9 } else { 0 } + first))
        .sum()
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
