//! International bank account numbers (ISO 13616): country, structure of the national part, and check digits
//! (ISO/IEC 7064, mod 97-10).

use super::{Subject, Validator, ValueForm, Verdict};

/// `iban`.
pub(super) const VALIDATOR: Validator = Validator { name: "iban", check, value: ValueForm::Alphanumeric };

/// Digits that every account number has at least, check digits included; the digit gate relies on it.
pub(crate) const FEWEST_DIGITS: usize = 9;
/// Bytes that an account number takes at most, separators included; the digit gate relies on it.
const WIDEST: usize = 64;

/// The national part by country, from the registry of ISO 13616: counts of digits (n), letters (a) and either (c).
const STRUCTURES: &[(&[u8; 2], &str)] = &[
    (b"AD", "8n12c"),
    (b"AE", "19n"),
    (b"AL", "8n16c"),
    (b"AT", "16n"),
    (b"AZ", "4a20c"),
    (b"BA", "16n"),
    (b"BE", "12n"),
    (b"BG", "4a6n8c"),
    (b"BH", "4a14c"),
    (b"BI", "23n"),
    (b"BR", "23n1a1c"),
    (b"BY", "4c4n16c"),
    (b"CH", "5n12c"),
    (b"CR", "18n"),
    (b"CY", "8n16c"),
    (b"CZ", "20n"),
    (b"DE", "18n"),
    (b"DJ", "23n"),
    (b"DK", "14n"),
    (b"DO", "4c20n"),
    (b"EE", "16n"),
    (b"EG", "25n"),
    (b"ES", "20n"),
    (b"FI", "14n"),
    (b"FK", "2a12n"),
    (b"FO", "14n"),
    (b"FR", "10n11c2n"),
    (b"GB", "4a14n"),
    (b"GE", "2a16n"),
    (b"GI", "4a15c"),
    (b"GL", "14n"),
    (b"GR", "7n16c"),
    (b"GT", "24c"),
    (b"HN", "4a20n"),
    (b"HR", "17n"),
    (b"HU", "24n"),
    (b"IE", "4a14n"),
    (b"IL", "19n"),
    (b"IQ", "4a15n"),
    (b"IS", "22n"),
    (b"IT", "1a10n12c"),
    (b"JO", "4a4n18c"),
    (b"KW", "4a22c"),
    (b"KZ", "3n13c"),
    (b"LB", "4n20c"),
    (b"LC", "4a24c"),
    (b"LI", "5n12c"),
    (b"LT", "16n"),
    (b"LU", "3n13c"),
    (b"LV", "4a13c"),
    (b"LY", "21n"),
    (b"MC", "10n11c2n"),
    (b"MD", "20c"),
    (b"ME", "18n"),
    (b"MK", "3n10c2n"),
    (b"MN", "16n"),
    (b"MR", "23n"),
    (b"MT", "4a5n18c"),
    (b"MU", "4a19n3a"),
    (b"NI", "4a20n"),
    (b"NL", "4a10n"),
    (b"NO", "11n"),
    (b"OM", "3n16c"),
    (b"PK", "4a16c"),
    (b"PL", "24n"),
    (b"PS", "4a21c"),
    (b"PT", "21n"),
    (b"QA", "4a21c"),
    (b"RO", "4a16c"),
    (b"RS", "18n"),
    (b"RU", "14n15c"),
    (b"SA", "2n18c"),
    (b"SC", "4a20n3a"),
    (b"SD", "14n"),
    (b"SE", "20n"),
    (b"SI", "15n"),
    (b"SK", "20n"),
    (b"SM", "1a10n12c"),
    (b"SO", "19n"),
    (b"ST", "21n"),
    (b"SV", "4a20n"),
    (b"TL", "19n"),
    (b"TN", "20n"),
    (b"TR", "6n16c"),
    (b"UA", "6n19c"),
    (b"VA", "18n"),
    (b"VG", "4a16n"),
    (b"XK", "16n"),
    (b"YE", "4a4n18c"),
];

/// The counts and kinds of a structure in order.
fn parts(structure: &str) -> impl Iterator<Item = (usize, u8)> {
    structure.split_inclusive(|c: char| c.is_ascii_lowercase()).filter_map(|part| {
        let (count, kind) = part.split_at_checked(part.len().checked_sub(1)?)?;
        Some((count.parse().ok()?, *kind.as_bytes().first()?))
    })
}

fn structure(country: &[u8]) -> Option<&'static str> {
    let country: [u8; 2] = country.get(..2)?.to_ascii_uppercase().try_into().ok()?;
    let at = STRUCTURES.binary_search_by_key(&&country, |(known, _)| *known).ok()?;
    STRUCTURES.get(at).map(|(_, structure)| *structure)
}

/// Reads an account number that begins at the start of `text` with a country that has one, printed in one piece or in
/// groups with single blanks, hyphens or full stops between; the bytes it takes. Check digits are not checked.
pub(crate) fn read(text: &[u8]) -> Option<usize> {
    let length = 4 + parts(structure(text)?).map(|(count, _)| count).sum::<usize>();
    let (mut at, mut taken, mut digits) = (0, 0, 0);
    while taken < length {
        let byte = *text.get(at)?;
        let separated = at > 0 && taken > 0 && matches!(byte, b' ' | b'-' | b'.');
        at += 1;
        let byte = if separated {
            let next = *text.get(at)?;
            at += 1;
            next
        } else {
            byte
        };
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        taken += 1;
        digits += usize::from(byte.is_ascii_digit());
    }
    (digits >= FEWEST_DIGITS && at <= WIDEST).then_some(at)
}

fn check(subject: &Subject<'_>) -> Verdict {
    let mut text = [0; WIDEST];
    let signs = subject.matched.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let count =
        text.iter_mut().zip(signs.clone()).map(|(slot, byte)| *slot = byte.to_ascii_uppercase()).count();
    let text = text.get(..count).unwrap_or_default();
    if signs.count() > WIDEST {
        return Verdict::Invalid;
    }
    let Some(structure) = structure(text) else { return Verdict::Invalid };
    let Some((head, national)) = text.split_at_checked(4) else { return Verdict::Invalid };
    if !follows(structure, national) || remainder(national.iter().chain(head)) != 1 {
        return Verdict::Invalid;
    }
    // 02 to 98 are the check digits that the algorithm yields.
    match head.get(2..) {
        Some(b"00" | b"01" | b"99") => Verdict::Invalid,
        _ => Verdict::Valid("country, structure and check digits"),
    }
}

fn follows(structure: &str, national: &[u8]) -> bool {
    let mut rest = national;
    for (count, kind) in parts(structure) {
        let Some((part, tail)) = rest.split_at_checked(count) else { return false };
        let fits = match kind {
            b'n' => part.iter().all(u8::is_ascii_digit),
            b'a' => part.iter().all(u8::is_ascii_uppercase),
            _ => true,
        };
        if !fits {
            return false;
        }
        rest = tail;
    }
    rest.is_empty()
}

/// The number mod 97, letters standing for 10 to 35.
fn remainder<'a>(text: impl Iterator<Item = &'a u8>) -> u32 {
    text.fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        b'A'..=b'Z' => (sum * 100 + u32::from(byte - b'A') + 10) % 97,
        _ => sum,
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn structures_are_sorted_and_sensible() {
        assert!(STRUCTURES.is_sorted_by_key(|(country, _)| country));
        for (country, structure) in STRUCTURES {
            let length: usize = parts(structure).map(|(count, _)| count).sum();
            assert!((11..=30).contains(&length), "{country:?}");
        }
    }

    #[test]
    fn registry_examples() {
        for valid in [
            "AD12 0001 2030 2003 5910 0100",
            "AL47212110090000000235698741",
            "BE68 5390 0754 7034",
            "BR1800000000141455123924100C2",
            "CH93 0076 2011 6238 5295 7",
            "DE89 3704 0044 0532 0130 00",
            "EG38 0019 0005 0000 0000 2631 8000 2",
            "FR14 2004 1010 0505 0001 3M02 606",
            "gb29nwbk60161331926819",
            "GT82TRAJ01020000001210029690",
            "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
            "MU17 BOMM 0101 1010 3030 0200 000M UR",
            "NO93 8601 1117 947",
            "SC18SSCB11010000000000001497USD",
            "XK05 1212 0123 4567 8906",
            "NO07.8380.08.06006",
            "ES15-0049-1806-9121-1186-9374",
        ] {
            assert_eq!(read(valid.as_bytes()), Some(valid.len()), "{valid}");
            assert!(matches!(check(&VALIDATOR, valid), Verdict::Valid(_)), "{valid}");
        }
        for invalid in [
            "DE89 3704 0044 0532 0130 01",
            "BE71 A961 2345 6769",
            "XX43 1234",
            "AL47 212A 1009 0000 0002 3569 8741",
            "GB29",
            "DE8937040044053201300",
            "",
        ] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
        assert_eq!(read(b"DE89  3704 0044 0532 0130 00"), None);
    }
}
