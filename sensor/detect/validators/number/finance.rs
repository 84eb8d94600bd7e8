//! Rules of bank accounts and securities.

use super::{
    kernels::{self, missing},
    rules, vat,
};

/// Two-letter country codes (ISO 3166-1, and those that ISO 6166 and ISO 9362 add).
pub(super) const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE \
    KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW \
    MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE \
    SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
    VG VI VN VU WF WS XK YE YT ZA ZM ZW ";

rules! {
    // Weights 3, 7 and 1; the first two digits are those of a Federal Reserve district or of a special kind.
    "aba-routing-number", "check digit" => |n| n.digits(9)
        && matches!(n.int(0..2), 1..=12 | 21..=32 | 61..=72 | 80)
        && n.sum(&[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0;
    // The first digits name the bank and the state.
    "au-bsb", "form" => |n| n.digits(6) && n.int(0..2) > 0 && matches!(n.at(2), 0..=8);
    "bic", "country" => |n| matches!(n.len(), 8 | 11)
        && n.part(0..6).iter().all(u8::is_ascii_uppercase)
        && country(n.part(4..6));
    // Nine signs, Luhn from the left, letters by their place in the alphabet from ten on (ANSI X9.6).
    "cusip", "check digit" => |n| n.len() == 9
        && n.last() < 10
        && n.int(0..9) != 0
        && missing(n.part(0..8).iter().zip([1, 2].into_iter().cycle()).map(|(sign, weight)| {
            let value = kernels::value(*sign) * weight;
            value / 10 + value % 10
        }).sum(), 10) == n.last();
    "eu-vat", "country, check digits" => vat::european;
    // Two consonants that are no prefix of an ISIN, G, consonants and digits (OMG FIGI).
    "figi", "check digit" => |n| n.len() == 12
        && n.part(0..11).iter().all(|sign| !b"AEIOU".contains(sign))
        && n.part(0..2).iter().all(u8::is_ascii_uppercase)
        && !n.starts(&["BS", "BM", "GG", "GB", "VG", "GH", "KY"])
        && n.is(2, "G")
        && missing(n.part(0..11).iter().zip([1, 2].into_iter().cycle()).map(|(sign, weight)| {
            let value = kernels::value(*sign) * weight;
            value / 10 + value % 10
        }).sum(), 10) == n.last();
    // Seven signs without vowels, weights 1, 3, 1, 7, 3, 9, 1 (London Stock Exchange, SEDOL Masterfile).
    "gb-sedol", "check digit" => |n| n.len() == 7
        && n.signs().iter().all(|sign| !b"AEIOU".contains(sign))
        && (n.at(0) > 9 || n.digits(7))
        && n.last() < 10
        && n.int(0..7) != 0
        && missing(n.sum(&[1, 3, 1, 7, 3, 9]), 10) == n.last();
    "isin", "country, check digit" => |n| n.len() == 12
        && n.last() < 10
        && (country(n.part(0..2)) || n.starts(&["EU", "XS", "XA", "XB", "XC", "XD", "XF", "QS", "QT", "AN"]))
        && n.luhn(0..12);
    "iso11649", "check digits" => |n| (5..=25).contains(&n.len())
        && n.starts(&["RF"])
        && n.int(2..4) >= 0
        && kernels::remainder(&[n.part(4..n.len()), n.part(0..4)].concat(), 97) == 1;
    "lei", "check digits" => |n| n.len() == 20 && n.int(18..20) >= 2 && n.remainder(0..20, 97) == 1;
    // Sort codes and account numbers have no check digit of their own.
    "uk-bank-account", "form" => |n| n.digits(14) && n.int(0..6) > 0 && n.int(6..14) > 0;
    "us-bank-number", "form" => |n| (8..=17).contains(&n.len()) && n.int(0..n.len()) > 0;
    "vatin", "country, check digits" => vat::any;
}

/// Whether two letters are a country's.
pub(super) fn country(code: &[u8]) -> bool {
    code.len() == 2
        && COUNTRIES.as_bytes().windows(3).any(|known| known.starts_with(code) && known.ends_with(b" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_codes_of_two_letters() {
        assert!(country(b"ZW") && country(b"AD") && country(b"BV"));
        assert!(!country(b"ZZ") && !country(b"D ") && !country(b"D") && !country(b"AAD"));
        assert!(COUNTRIES.split_whitespace().all(|code| code.len() == 2));
    }
}
