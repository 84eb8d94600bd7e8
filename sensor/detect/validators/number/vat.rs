//! Value added tax numbers: a country's letters, and its own rule behind them.
//!
//! Source: European Commission, "VIES VAT number format"; Council Directive 2006/112/EC article 215.

use super::Number;
use crate::validators::{Subject, Verdict};

/// Rules by the letters of the country, for the member states and what trades as one.
const EUROPEAN: [(&str, &str); 28] = [
    ("AT", "at-uid"),
    ("BE", "be-vat"),
    ("BG", "bg-vat"),
    ("CY", "cy-vat"),
    ("CZ", "cz-dic"),
    ("DE", "de-vat"),
    ("DK", "dk-cvr"),
    ("EE", "ee-kmkr"),
    ("EL", "gr-vat"),
    ("ES", "es-nif"),
    ("FI", "fi-ytunnus"),
    ("FR", "fr-tva"),
    ("HR", "hr-oib"),
    ("HU", "hu-anum"),
    ("IE", "ie-vat"),
    ("IT", "it-vat-code"),
    ("LT", "lt-pvm"),
    ("LU", "lu-tva"),
    ("LV", "lv-pvn"),
    ("MT", "mt-vat"),
    ("NL", "nl-btw"),
    ("PL", "pl-nip"),
    ("PT", "pt-nif"),
    ("RO", "ro-cui"),
    ("SE", "se-vat"),
    ("SI", "si-ddv"),
    ("SK", "sk-dph"),
    ("XI", "gb-vat"),
];

/// Rules of further countries that put their letters before the number.
const FURTHER: [(&str, &str); 7] = [
    ("CH", "ch-vat"),
    ("GB", "gb-vat"),
    ("GR", "gr-vat"),
    ("MC", "mc-tva"),
    ("NO", "no-mva"),
    ("RS", "rs-pib"),
    ("UA", "ua-edrpou"),
];

fn passes(n: &Number, table: &[(&str, &str)]) -> bool {
    let Some((_, name)) = table.iter().find(|(country, _)| n.starts(&[country])) else { return false };
    let subject = Subject { matched: n.signs(), before: &[], after: &[] };
    crate::validators::named(name).is_some_and(|rule| !matches!((rule.check)(&subject), Verdict::Invalid))
}

/// A number of a member state.
pub(super) fn european(n: &Number) -> bool {
    // One-stop-shop numbers: EU or IM, the country that registered, serial number.
    let shop = (n.form("EU#########") || n.form("IM##########")) && (40..=900).contains(&n.int(2..5));
    shop || passes(n, &EUROPEAN)
}

/// A number of any country with a rule.
pub(super) fn any(n: &Number) -> bool {
    passes(n, &EUROPEAN) || passes(n, &FURTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_its_rule() {
        for (country, name) in EUROPEAN.iter().chain(&FURTHER) {
            assert!(crate::validators::named(name).is_some(), "{country} {name}");
        }
    }
}
