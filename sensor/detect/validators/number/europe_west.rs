//! Rules of Austria, Belgium, France, Germany, Liechtenstein, Luxembourg, Monaco, the Netherlands and Switzerland.

use super::{
    Number,
    kernels::{self, missing, pick},
    rules,
};

rules! {
    "at-tin", "check digit" => |n| n.digits(9) && n.luhn(0..9) && n.int(0..2) > 0;
    "at-uid", "check digit" => |n| {
        let n = n.after("AT");
        n.form("U########") && missing(kernels::luhn_sum(n.part(1..8)) + 4, 10) == n.last()
    };
    "at-vnr", "check digit, date of birth" => |n| n.digits(10)
        && n.at(0) > 0
        && n.sum(&[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == n.at(3)
        && (1..=31).contains(&n.int(4..6))
        && (1..=15).contains(&n.int(6..8));
    "be-eid", "check digits" => |n| n.digits(12) && ninety_seven(n.int(0..10)) == n.int(10..12);
    "be-ssn", "date of birth, check digits" => belgian_person;
    "be-vat", "check digits" => |n| {
        let n = n.after("BE").padded(10);
        n.digits(10) && n.is(0, "01") && n.int(0..10) > 0 && (n.int(0..8) + n.int(8..10)) % 97 == 0
    };
    "ch-esr", "check digit" => |n| {
        let n = n.padded(27);
        n.digits(27) && swiss_slip(n.part(0..27)) == 0
    };
    "ch-ssn", "check digit" => |n| n.digits(13) && n.starts(&["756"]) && kernels::article(n.signs());
    "ch-uid", "check digit" => |n| n.form("CHE#########") && swiss_company(n);
    "ch-vat", "check digit" => |n| n.starts(&["CHE"])
        && [&b"MWST"[..], b"TVA", b"IVA", b"TPV"].contains(&n.part(12..n.len()))
        && n.part(3..12).iter().all(u8::is_ascii_digit)
        && swiss_company(n);
    // A letter and eight digits: a Luhn-like sum with weights 1 and 2, the letter as two digits (SGB V section 290).
    "de-health-insurance", "check digit" => |n| n.form("@#########") && {
        let letter = n.at(0) - 9;
        let digits = [letter / 10, letter % 10].into_iter().chain((1..9).map(|at| n.at(at)));
        digits.zip([1, 2].into_iter().cycle()).map(|(digit, weight)| digit * weight).map(|v| v / 10 + v % 10).sum::<i64>() % 10 == n.last()
    };
    "de-id-card", "check digit" => |n| n.count == 10 && german_document(n);
    "de-lanr", "check digit" => |n| n.digits(9) && missing(n.sum(&[4, 9, 4, 9, 4, 9]), 10) == n.at(6);
    "de-passport", "form" => |n| (n.count == 9 || n.count == 10 && german_document(n))
        && n.is(0, "CFGHJKLMNPRTVWXYZ")
        && n.part(1..9).iter().all(|sign| sign.is_ascii_digit() || GERMAN_SIGNS.contains(char::from(*sign)));
    // Area, date of birth, letter, serial number, check digit (VKVV section 4).
    "de-social-security", "date of birth, check digit" => |n| n.form("########@###") && {
        let letter = n.at(8) - 9;
        let digits = (0..8).map(|at| n.at(at)).chain([letter / 10, letter % 10]).chain((9..11).map(|at| n.at(at)));
        let sum = digits.zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]).map(|(digit, weight)| digit * weight).map(|v| v / 10 + v % 10).sum::<i64>();
        sum % 10 == n.last() && n.int(4..6) <= 12 && n.int(2..4) <= 31 + 50
    };
    "de-stnr", "form of a federal state" => |n| n.digits(13)
        && n.at(4) == 0
        && n.starts(&["10", "11", "21", "22", "23", "24", "26", "27", "28", "30", "31", "32", "40", "41", "5", "9"])
        || n.digits(10) || n.digits(11);
    "de-tax-id", "check digit" => |n| n.digits(11) && n.at(0) > 0 && german_repeats(n.part(0..10)) && kernels::mod_11_10(n.signs());
    "de-vat", "check digit" => |n| {
        let n = n.after("DE");
        n.digits(9) && n.at(0) > 0 && kernels::mod_11_10(n.signs())
    };
    "fr-nif", "check digits" => |n| n.digits(13) && n.is(0, "0123") && n.int(0..10) % 511 == n.int(10..13);
    "fr-nir", "month of birth, check digits" => french_person;
    "fr-siren", "check digit" => |n| n.digits(9) && n.luhn(0..9) && n.int(0..9) > 0;
    // The post office has one SIREN for all branches: there the digits add up to a multiple of five.
    "fr-siret", "check digits" => |n| n.digits(14)
        && n.luhn(0..9)
        && n.int(0..9) > 0
        && (n.luhn(0..14) || n.starts(&["356000000"]) && n.sum(&[1; 14]) % 5 == 0);
    "fr-tva", "check digits" => |n| french_vat(&n.after("FR"));
    "lu-tva", "check digits" => |n| {
        let n = n.after("LU");
        n.digits(8) && n.int(0..6) % 89 == n.int(6..8)
    };
    "mc-tva", "check digits" => |n| {
        let n = n.after("FR");
        n.part(2..5) == b"000" && french_vat(&n)
    };
    "nl-bsn", "check digit" => |n| {
        let n = n.padded(9);
        n.digits(9) && n.int(0..9) > 0 && dutch_sum(&n) == 0
    };
    "nl-btw", "check digits" => |n| {
        let n = n.after("NL");
        n.form("#########B##")
            && n.int(10..12) > 0
            && (dutch_sum(&n) == 0 || kernels::remainder(&[b"NL", n.signs()].concat(), 97) == 1)
    };
    "nl-identiteitskaartnummer", "form" => |n| n.form("@@******#") && !n.signs().contains(&b'O');
    "nl-onderwijsnummer", "check digit" => |n| n.digits(9) && n.starts(&["10"]) && dutch_sum(n) == 5;
}

/// The remainder by 97, where 97 stands for 0.
fn ninety_seven(number: i64) -> i64 {
    match number % 97 {
        0 => 97,
        rest => rest,
    }
}

/// National register and bis numbers: the month of the latter is 20 or 40 more. Births from 2000 on are checked with a 2
/// before the number.
fn belgian_person(n: &Number) -> bool {
    let (head, check, month) = (n.int(0..9), n.int(9..11), n.int(2..4));
    n.digits(11)
        && n.int(0..11) > 0
        && (month <= 12 || (20..=32).contains(&month) || (40..=52).contains(&month))
        && n.int(4..6) <= 31
        && (97 - head % 97 == check || 97 - (2_000_000_000 + head) % 97 == check)
}

/// Payment slips: modulo 10, recursive (Swiss Payment Standards, annex B).
fn swiss_slip(signs: &[u8]) -> i64 {
    let (body, check) = signs.split_at(signs.len().saturating_sub(1));
    let carry = body
        .iter()
        .fold(0, |carry, sign| kernels::value(pick("0946827135", (kernels::value(*sign) + carry) % 10)));
    missing(carry, 10) - check.first().map_or(-1, |sign| kernels::value(*sign))
}

fn swiss_company(n: &Number) -> bool {
    let sum: i64 = (3..11).zip([5, 4, 3, 2, 7, 6, 5, 4]).map(|(at, weight)| n.at(at) * weight).sum();
    missing(sum, 11) == n.at(11)
}

/// Letters that German documents have beside digits: no vowels, and none that looks like another.
const GERMAN_SIGNS: &str = "CFGHJKLMNPRTVWXYZ";

/// Nine signs and a check digit as in machine readable documents (ICAO 9303 part 3, section 4.9).
fn german_document(n: &Number) -> bool {
    n.part(0..9)
        .iter()
        .all(|sign| sign.is_ascii_digit() || GERMAN_SIGNS.contains(char::from(*sign)) || *sign == b'T')
        && n.is(0, "CFGHJKLMNPRTVWXYZ")
        && n.sum(&[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == n.last()
}

/// Of the first ten digits one stands there twice or thrice, and no other more than once (AO section 139b and its order).
fn german_repeats(digits: &[u8]) -> bool {
    let mut repeated = (b'0'..=b'9')
        .map(|digit| digits.iter().filter(|other| **other == digit).count())
        .filter(|count| *count > 1);
    matches!((repeated.next(), repeated.next()), (Some(2 | 3), None))
}

/// Sex, year and month of birth, département, commune, serial number, key (décret 82-103). Corsica's 2A and 2B count
/// as 19 and 18.
fn french_person(n: &Number) -> bool {
    let mut signs = [0; 13];
    n.part(0..13).iter().zip(&mut signs).for_each(|(sign, slot)| *slot = *sign);
    if let [_, _, _, _, _, first @ b'2', second @ (b'A' | b'B'), ..] = &mut signs {
        (*first, *second) = (b'1', if *second == b'A' { b'9' } else { b'8' });
    }
    let Some(head) = Number::read(&signs) else { return false };
    let month = n.int(3..5);
    n.count == 15
        && n.is(0, "1234578")
        && ((1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50)
        && head.digits(13)
        && 97 - head.int(0..13) % 97 == n.int(13..15)
}

fn french_vat(n: &Number) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let place = |at: usize| {
        ALPHABET.bytes().position(|sign| sign == n.sign(at)).and_then(|at| i64::try_from(at).ok())
    };
    let company = n.int(2..11);
    if n.len() != 11 || company < 0 || n.part(2..5) != b"000" && !n.luhn(2..11) {
        return false;
    }
    let (Some(first), Some(second)) = (place(0), place(1)) else { return false };
    if first < 10 && second < 10 {
        return (company * 100 + 12) % 97 == first * 10 + second;
    }
    let check = if first < 10 { first * 24 + second - 10 } else { first * 34 + second - 100 };
    (company + 1 + check.div_euclid(11)) % 11 == check.rem_euclid(11)
}

/// The test of eleven of Dutch numbers.
fn dutch_sum(n: &Number) -> i64 {
    n.sum(&[9, 8, 7, 6, 5, 4, 3, 2, -1]).rem_euclid(11)
}
