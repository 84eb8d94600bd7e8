//! E-mail addresses in their usual form (RFC 5321 section 4.1.2 without quoted strings): labels and a plausible top level.

use super::{Subject, Validator, ValueForm, Verdict};

/// `email`.
pub(super) const VALIDATOR: Validator = Validator { name: "email", check, value: ValueForm::Words };

/// What stands after an at sign in file names and code (`logo@2x.png`, `module@1.js`).
const FILE_ENDINGS: [&[u8]; 14] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"mjs", b"ts", b"html", b"json", b"map",
    b"service",
];

fn check(subject: &Subject<'_>) -> Verdict {
    let mut halves = subject.matched.splitn(2, |byte| *byte == b'@');
    let (Some(local), Some(domain)) = (halves.next(), halves.next()) else { return Verdict::Invalid };
    let dots = local.first() == Some(&b'.')
        || local.last() == Some(&b'.')
        || local.windows(2).any(|pair| pair == b"..");
    if local.is_empty() || local.len() > 64 || dots || domain.len() > 253 {
        return Verdict::Invalid;
    }
    let mut labels = domain.split(|byte| *byte == b'.').peekable();
    let mut count = 0;
    while let Some(label) = labels.next() {
        count += 1;
        if label.is_empty() || label.len() > 63 || label.first() == Some(&b'-') || label.last() == Some(&b'-')
        {
            return Verdict::Invalid;
        }
        if labels.peek().is_none() && !top_level(label) {
            return Verdict::Invalid;
        }
    }
    if count < 2 { Verdict::Invalid } else { Verdict::Valid("shape of an e-mail address") }
}

/// Letters, or an internationalised label (RFC 5890).
fn top_level(label: &[u8]) -> bool {
    let letters = label.len() >= 2 && label.iter().all(u8::is_ascii_alphabetic);
    let encoded = label.get(..4).is_some_and(|lead| lead.eq_ignore_ascii_case(b"xn--"));
    (letters || encoded) && !FILE_ENDINGS.iter().any(|ending| label.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn shapes() {
        for valid in
            ["a@b.example", "first.last+tag@sub.domain.co.uk", "a@xn--d1acufc.xn--p1ai", "x_y@d-e.de"]
        {
            assert!(matches!(check(&VALIDATOR, valid), Verdict::Valid(_)), "{valid}");
        }
        for invalid in [
            "a@b",
            ".a@b.de",
            "a..b@c.de",
            "a@-b.de",
            "logo@2x.png",
            "lodash@4.17.21",
            "@b.de",
            "a@b..de",
            "a",
        ] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
