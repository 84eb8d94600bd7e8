//! Identification numbers: persons, companies, accounts, devices. Each rule is a line or a few in a table by region; the
//! check digits that they share are in [`kernels`].
//!
//! Owns: reading a match as a number, the tables of rules, what is told of placeholders. The rules follow the
//! specifications that the signatures name. Never does: written forms and context (the signatures say them).
//!
//! Adding a number is an entry in a table here and a signature file of the same name.

mod africa;
mod americas;
mod asia;
mod dates;
mod europe_east;
mod europe_north;
mod europe_south;
mod europe_west;
mod finance;
mod health;
mod kernels;
mod things;
mod vat;

use super::{Subject, Validator, Verdict};
use std::ops::Range;

/// Most letters and digits of a number.
const MOST: usize = 48;

/// The tables, each with its rules in order of their names.
pub(super) const TABLES: [&[Validator]; 10] = [
    africa::RULES,
    americas::RULES,
    asia::RULES,
    europe_east::RULES,
    europe_north::RULES,
    europe_south::RULES,
    europe_west::RULES,
    finance::RULES,
    health::RULES,
    things::RULES,
];

/// Declares a table: name, what its check is called in front of people, and the rule itself.
macro_rules! rules {
    ($($name:literal, $why:literal => $rule:expr;)*) => {
        /// The rules of this region.
        pub(super) const RULES: &[$crate::validators::Validator] = &[$($crate::validators::Validator {
            name: $name,
            check: |subject| $crate::validators::number::judge(subject, $why, $rule),
            value: $crate::validators::ValueForm::Alphanumeric,
        }),*];
    };
}
use rules;

/// The letters and digits of a match, in upper case, without what separates them.
#[derive(Clone, Debug)]
pub(super) struct Number {
    signs: [u8; MOST],
    count: usize,
}

/// What `rule` makes of a match.
fn judge(subject: &Subject<'_>, why: &'static str, rule: impl Fn(&Number) -> bool) -> Verdict {
    let Some(number) = Number::read(subject.matched) else { return Verdict::Invalid };
    if !rule(&number) {
        return Verdict::Invalid;
    }
    let small = subject.matched.iter().any(u8::is_ascii_lowercase);
    let mixed = small && subject.matched.iter().any(u8::is_ascii_uppercase);
    if mixed && subject.matched.iter().all(u8::is_ascii_alphanumeric) {
        // Hashes and encoded data have letters of both cases; hardly anybody writes a number so.
        Verdict::Invalid
    } else if number.is_placeholder() {
        Verdict::Sample("a placeholder")
    } else if small {
        Verdict::Doubtful("in small letters")
    } else {
        Verdict::Valid(why)
    }
}

impl Number {
    fn read(matched: &[u8]) -> Option<Self> {
        let mut number = Self { signs: [0; MOST], count: 0 };
        for byte in matched {
            if byte.is_ascii_alphanumeric() {
                *number.signs.get_mut(number.count)? = byte.to_ascii_uppercase();
                number.count += 1;
            }
        }
        Some(number)
    }

    fn signs(&self) -> &[u8] {
        self.signs.get(..self.count).unwrap_or_default()
    }

    /// Letters and digits.
    fn len(&self) -> usize {
        self.count
    }

    /// The number without a prefix, if it has it.
    fn after(&self, prefix: &str) -> Self {
        let rest = self.signs().strip_prefix(prefix.as_bytes()).unwrap_or(self.signs());
        let mut number = Self { signs: [0; MOST], count: rest.len() };
        number.signs.iter_mut().zip(rest).for_each(|(slot, sign)| *slot = *sign);
        number
    }

    /// The number with zeros before it, up to a length.
    fn padded(&self, length: usize) -> Self {
        let zeros = length.min(MOST).saturating_sub(self.count);
        let mut number = Self { signs: [b'0'; MOST], count: self.count + zeros };
        number.signs.iter_mut().skip(zeros).zip(self.signs()).for_each(|(slot, sign)| *slot = *sign);
        number
    }

    /// Some of its signs.
    fn part(&self, range: Range<usize>) -> &[u8] {
        self.signs().get(range).unwrap_or_default()
    }

    /// The sign at a place, 0 beyond the end.
    fn sign(&self, at: usize) -> u8 {
        self.signs().get(at).copied().unwrap_or(0)
    }

    /// The value of the sign at a place: digits 0 to 9, letters 10 to 35, −100 beyond the end.
    fn at(&self, at: usize) -> i64 {
        self.signs().get(at).map_or(-100, |sign| kernels::value(*sign))
    }

    /// The value of its last sign.
    fn last(&self) -> i64 {
        self.at(self.count.wrapping_sub(1))
    }

    /// A part read as a decimal number; −1 where it has anything but digits, or more of them than 18.
    fn int(&self, range: Range<usize>) -> i64 {
        let (length, part) = (range.len(), self.part(range));
        let digits = part.len() == length && length <= 18 && part.iter().all(u8::is_ascii_digit);
        if digits { part.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')) } else { -1 }
    }

    /// Exactly so many signs, all digits.
    fn digits(&self, count: usize) -> bool {
        self.count == count && self.signs().iter().all(u8::is_ascii_digit)
    }

    /// Signs of these classes: `#` digit, `@` letter, `*` either, others as they are.
    fn form(&self, form: &str) -> bool {
        form.len() == self.count
            && form.bytes().zip(self.signs()).all(|(class, sign)| match class {
                b'#' => sign.is_ascii_digit(),
                b'@' => sign.is_ascii_uppercase(),
                b'*' => true,
                class => class == *sign,
            })
    }

    /// Whether it begins with one of these.
    fn starts(&self, heads: &[&str]) -> bool {
        heads.iter().any(|head| self.signs().starts_with(head.as_bytes()))
    }

    /// Whether the sign at a place is one of these.
    fn is(&self, at: usize, signs: &str) -> bool {
        signs.as_bytes().contains(&self.sign(at))
    }

    /// The weighted sum of its values from the left.
    fn sum(&self, weights: &[i64]) -> i64 {
        weights.iter().zip(self.signs()).map(|(weight, sign)| weight * kernels::value(*sign)).sum()
    }

    /// Whether a part passes the check of Luhn.
    fn luhn(&self, range: Range<usize>) -> bool {
        kernels::luhn_sum(self.part(range)) % 10 == 0
    }

    /// The remainder of a part read as one long decimal number, letters as two digits.
    fn remainder(&self, range: Range<usize>, modulus: i64) -> i64 {
        kernels::remainder(self.part(range), modulus)
    }

    /// Whether a date stands at a place, in this order: `YYMMDD`, `DDMMYY`, `YYYYMMDD`.
    fn date(&self, at: usize, order: &str) -> bool {
        dates::stands(self.part(at..at + order.len()), order)
    }

    /// One digit over and over, or counting up: what people type where a number belongs.
    fn is_placeholder(&self) -> bool {
        let mut digits = self.signs().iter().filter(|sign| sign.is_ascii_digit());
        let Some(first) = digits.next() else { return false };
        let (mut same, mut counting, mut last, mut count) = (true, true, *first, 1);
        for digit in digits {
            same &= digit == first;
            counting &= (last - b'0' + 1) % 10 == digit - b'0';
            (last, count) = (*digit, count + 1);
        }
        count >= 6 && (same || counting)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check, named};
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in TABLES {
            assert!(table.is_sorted_by(|a, b| a.name < b.name), "{:?}", table.first());
        }
    }

    #[test]
    fn one_wrong_digit_is_told() {
        // A number from the specification of each kind of check; changing its check digit must be told.
        for (name, number) in [
            ("ar-cuit", "20-05536168-2"),
            ("au-abn", "51 824 753 556"),
            ("br-cpf", "390.533.447-05"),
            ("cn-ric", "11010519491231002X"),
            ("de-tax-id", "36 574 261 809"),
            ("es-nif", "54362315-K"),
            ("fi-hetu", "131052-308T"),
            ("fr-nir", "2 95 10 99 126 111 93"),
            ("hr-oib", "33392005961"),
            ("in-aadhaar", "2341 2341 2346"),
            ("it-fiscal-code", "RCCMNL83S18D969H"),
            ("lei", "213800KUD8LAJWSQ9D15"),
            ("no-fodselsnummer", "151086 95088"),
            ("pl-pesel", "44051401359"),
            ("uk-nhs", "943 476 5870"),
        ] {
            let validator = named(name).unwrap_or_else(|| panic!("{name}"));
            let accepted = |text: &str| check(validator, text) != Verdict::Invalid;
            assert!(accepted(number), "{name} {number}");
            let (head, last) = number.split_at(number.len() - 1);
            let other = match last.as_bytes().first() {
                Some(b'0'..=b'8') => char::from(last.as_bytes()[0] + 1),
                Some(b'A'..=b'Y') => char::from(last.as_bytes()[0] + 1),
                _ => '0',
            };
            assert!(!accepted(&format!("{head}{other}")), "{name} {head}{other}");
        }
    }

    #[test]
    fn placeholders_and_small_letters_are_told() {
        let validator = named("uk-nhs").expect("it is shipped");
        assert!(matches!(check(validator, "111 111 1111"), Verdict::Sample(_)));
        let validator = named("es-nif").expect("it is shipped");
        assert!(matches!(check(validator, "54362315k"), Verdict::Doubtful(_)));
        assert_eq!(check(named("in-pan").expect("it is shipped"), "aBCPL1234C"), Verdict::Invalid);
    }
}
