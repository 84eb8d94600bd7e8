//! Places: IPv4 addresses, and states with their postal codes.

use super::{Subject, Validator, ValueForm, Verdict};

/// `ipv4`.
pub(super) const IPV4: Validator = Validator { name: "ipv4", check: ipv4, value: ValueForm::Words };
/// `us-state-zip`.
pub(super) const STATE: Validator =
    Validator { name: "us-state-zip", check: state, value: ValueForm::Alphanumeric };
/// `uk-postcode`.
pub(super) const POSTCODE: Validator =
    Validator { name: "uk-postcode", check: postcode, value: ValueForm::Alphanumeric };

/// States, territories and armed forces (USPS Publication 28, appendix B).
const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK \
    OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR VI AA AE AP ";

fn ipv4(subject: &Subject<'_>) -> Verdict {
    let address =
        str::from_utf8(subject.matched).ok().and_then(|text| text.parse::<std::net::Ipv4Addr>().ok());
    match address {
        None => Verdict::Invalid,
        Some(address) if address.octets().iter().all(|octet| *octet < 20) => {
            Verdict::Doubtful("may be the number of a version")
        }
        Some(_) => Verdict::Valid("four octets"),
    }
}

fn state(subject: &Subject<'_>) -> Verdict {
    let code = subject.matched.get(..2).unwrap_or_default().to_ascii_uppercase();
    let known = code.len() == 2 && STATES.as_bytes().chunks(3).any(|state| state.starts_with(&code));
    if known { Verdict::Valid("a state and its postal code") } else { Verdict::Invalid }
}

/// Letters that are used in each place (Royal Mail, PAF digest; BS 7666).
fn postcode(subject: &Subject<'_>) -> Verdict {
    let signs =
        subject.matched.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase);
    let signs: Vec<u8> = signs.take(8).collect();
    // Of the Girobank, the one code that is no area and district.
    if signs == b"GIR0AA" {
        return Verdict::Valid("the code of its own kind");
    }
    let Some((outward, inward)) = signs.split_last_chunk::<3>() else { return Verdict::Invalid };
    let inward = inward.first().is_some_and(u8::is_ascii_digit)
        && inward.iter().skip(1).all(|sign| sign.is_ascii_uppercase() && !b"CIKMOV".contains(sign));
    let area = outward.iter().take_while(|sign| sign.is_ascii_uppercase()).count();
    let first = outward.first().is_some_and(|sign| !b"QVX".contains(sign));
    let district = outward.get(area..).is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit));
    if inward && first && district && (1..=2).contains(&area) && outward.len() <= 4 {
        Verdict::Valid("letters in their places")
    } else {
        Verdict::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn places() {
        for (validator, text, valid) in [
            (&IPV4, "192.0.2.1", true),
            (&IPV4, "192.0.2.256", false),
            (&STATE, "PA 73161", true),
            (&STATE, "XX 73161", false),
            (&STATE, "", false),
            (&POSTCODE, "EC1A 1BB", true),
            (&POSTCODE, "M1 1AA", true),
            (&POSTCODE, "DN551PT", true),
            (&POSTCODE, "GIR 0AA", true),
            (&POSTCODE, "QC1A 1BB", false),
            (&POSTCODE, "A 1CC", false),
            (&POSTCODE, "", false),
        ] {
            assert_eq!(matches!(check(validator, text), Verdict::Valid(_)), valid, "{text}");
        }
        assert!(matches!(check(&IPV4, "1.2.10.4"), Verdict::Doubtful(_)));
    }
}
