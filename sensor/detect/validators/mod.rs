//! Validators: what tells a real number or key from something that only looks like one.
//!
//! Owns: the registry. A validator is one file and one line here. Each is a pure function of the match and a little text
//! around it. Never does: searching, counting.

mod aws_key;
mod basic_credentials;
mod checksum;
mod crypto;
mod email;
mod entropy;
mod github_token;
pub(crate) mod iban;
mod jwt;
mod luhn;
mod marking;
mod number;
mod payment_card;
mod phone;
mod places;
mod private_key;
mod randomness;
mod secret;
mod service_token;
mod us_ssn;

/// A match as a validator sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The matched text, normalised.
    pub(crate) matched: &'a [u8],
    /// Up to [`AROUND`] bytes before it.
    pub(crate) before: &'a [u8],
    /// Up to [`AROUND`] bytes after it.
    pub(crate) after: &'a [u8],
}

/// Bytes to either side of a match that a validator sees.
pub(crate) const AROUND: usize = 128;

/// Digits as numbers from 0 to 9, without an allocation: most candidates fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    values: [u8; Self::MOST],
    count: usize,
}

impl Digits {
    /// More digits than any number has; further ones are dropped.
    const MOST: usize = 64;

    /// Adds a digit by its value.
    #[inline]
    pub(crate) fn push(&mut self, digit: u8) {
        if let Some(slot) = self.values.get_mut(self.count) {
            *slot = digit;
            self.count += 1;
        }
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self { values: [0; Self::MOST], count: 0 }
    }
}

impl std::ops::Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.values.get(..self.count).unwrap_or_default()
    }
}

impl Subject<'_> {
    /// The digits of the match.
    pub(crate) fn digits(&self) -> Digits {
        let mut digits = Digits::default();
        if self.matched.len() <= Digits::MOST && self.matched.iter().all(u8::is_ascii_digit) {
            digits.count = self.matched.len();
            for (slot, byte) in digits.values.iter_mut().zip(self.matched) {
                *slot = byte - b'0';
            }
            return digits;
        }
        let found = self.matched.iter().filter(|byte| byte.is_ascii_digit());
        found.for_each(|byte| digits.push(byte - b'0'));
        digits
    }
}

/// What a validator makes of a match. The text says why, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not what it looks like.
    Invalid,
    /// A published example or a placeholder: never above low confidence.
    Sample(&'static str),
    /// It may be: evidence `doubtful` holds.
    Doubtful(&'static str),
    /// It is formed as it should be.
    Valid(&'static str),
}

/// How values are compared when distinct ones are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ValueForm {
    /// As written.
    Exact,
    /// Digits only.
    Digits,
    /// Letters and digits only, in upper case.
    Alphanumeric,
    /// Letters in lower case, words separated by one blank.
    Words,
}

impl ValueForm {
    /// Every form.
    pub(crate) const ALL: [Self; 4] = [Self::Exact, Self::Digits, Self::Words, Self::Alphanumeric];
}

/// A validator by name.
#[derive(Debug)]
pub(crate) struct Validator {
    /// As signatures name it.
    pub(crate) name: &'static str,
    /// The check.
    pub(crate) check: fn(&Subject<'_>) -> Verdict,
    /// How values of this kind are compared.
    pub(crate) value: ValueForm,
}

/// Every validator, by name.
pub(crate) const VALIDATORS: &[Validator] = &[
    aws_key::VALIDATOR,
    basic_credentials::VALIDATOR,
    crypto::BITCOIN,
    email::VALIDATOR,
    entropy::VALIDATOR,
    crypto::ETHEREUM,
    github_token::VALIDATOR,
    service_token::GRAFANA,
    iban::VALIDATOR,
    places::IPV4,
    jwt::VALIDATOR,
    luhn::VALIDATOR,
    marking::VALIDATOR,
    service_token::NPM,
    secret::PASSWORD,
    payment_card::VALIDATOR,
    phone::VALIDATOR,
    private_key::VALIDATOR,
    service_token::PYPI,
    secret::SECRET,
    secret::SERVICE_KEY,
    entropy::TOKEN,
    payment_card::TRACK,
    places::POSTCODE,
    us_ssn::VALIDATOR,
    places::STATE,
];

/// The validator of that name.
pub(crate) fn named(name: &str) -> Option<&'static Validator> {
    all().find(|validator| validator.name == name)
}

/// Every validator: those above, and the rules of numbers.
pub(crate) fn all() -> impl Iterator<Item = &'static Validator> {
    VALIDATORS.iter().chain(number::TABLES.into_iter().flatten())
}

#[cfg(test)]
pub(crate) fn check(validator: &Validator, matched: &str) -> Verdict {
    check_within(validator, "", matched, "")
}

#[cfg(test)]
pub(crate) fn check_within(validator: &Validator, before: &str, matched: &str, after: &str) -> Verdict {
    (validator.check)(&Subject {
        matched: matched.as_bytes(),
        before: before.as_bytes(),
        after: after.as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_distinct_and_sorted() {
        assert!(VALIDATORS.iter().map(|validator| validator.name).is_sorted_by(|a, b| a < b));
        let mut names: Vec<&str> = all().map(|validator| validator.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(matched in prop::collection::vec(any::<u8>(), 0..80), around in prop::collection::vec(any::<u8>(), 0..40)) {
            for validator in all() {
                let _ = (validator.check)(&Subject { matched: &matched, before: &around, after: &around });
            }
        }
    }
}
