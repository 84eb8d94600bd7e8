//! Rules of Albania, Andorra, Croatia, Cyprus, Greece, Italy, Malta, Montenegro, North Macedonia, Portugal, Serbia,
//! Slovenia, Spain and Türkiye.

use super::{
    Number, dates,
    kernels::{self, missing, pick},
    rules,
};

rules! {
    "ad-nrt", "kind of holder" => |n| n.form("@######@") && n.is(0, "ACDEFGLOPU") && match n.sign(0) {
        b'F' => n.int(1..7) <= 699_999,
        b'A' | b'L' => (700_000..=799_999).contains(&n.int(1..7)),
        _ => true,
    };
    "al-nipt", "form" => |n| {
        let n = n.after("AL");
        n.form("@########@") && n.sign(0) <= b'M'
    };
    "cy-vat", "check letter" => |n| {
        let n = n.after("CY");
        let odd: i64 = [0, 2, 4, 6].iter().map(|at| cypriot(n.sign(*at))).sum();
        n.form("########@")
            && !n.starts(&["12"])
            && n.sign(8) == pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (odd + n.at(1) + n.at(3) + n.at(5) + n.at(7)) % 26)
    };
    "es-ccc", "check digits" => |n| n.digits(20)
        && spanish_account(&[4, 8, 5, 10, 9, 7, 3, 6], n.part(0..8)) == n.at(8)
        && spanish_account(&[1, 2, 4, 8, 5, 10, 9, 7, 3, 6], n.part(10..20)) == n.at(9);
    "es-cups", "check letters" => |n| (n.len() == 20 || n.len() == 22 && n.at(20) < 10 && n.is(21, "FPRCXYZ"))
        && n.starts(&["ES"])
        && n.int(2..18) >= 0
        && n.sign(18) == spanish_letter(n.int(2..18) % 529 / 23)
        && n.sign(19) == spanish_letter(n.int(2..18) % 23);
    "es-nif", "check letter" => |n| spanish_tax(&n.after("ES"));
    // Twelve digits: province, number, and the remainder by 97 (Orden TAS/2865/2003).
    "es-nss", "check digits" => |n| n.digits(12)
        && (1..=66).contains(&n.int(0..2))
        && n.int(2..10) > 0
        && if n.int(2..10) < 10_000_000 {
            (n.int(0..2) * 10_000_000 + n.int(2..10)) % 97 == n.int(10..12)
        } else {
            n.int(0..10) % 97 == n.int(10..12)
        };
    "es-referenciacatastral", "check letters" => |n| n.len() == 20
        && n.sign(18) == cadastral([n.part(0..7), n.part(14..18)])
        && n.sign(19) == cadastral([n.part(7..14), n.part(14..18)]);
    "gr-amka", "date of birth, check digit" => |n| n.digits(11) && n.date(0, "DDMMYY") && n.luhn(0..11);
    "gr-vat", "check digit" => |n| {
        let n = n.after("EL").after("GR").padded(9);
        n.digits(9) && n.int(0..9) > 0 && n.sum(&[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == n.last()
    };
    "hr-oib", "check digit" => |n| {
        let n = n.after("HR");
        n.digits(11) && kernels::mod_11_10(n.signs())
    };
    "it-fiscal-code", "date of birth, check letter" => italian_person;
    "it-vat-code", "check digit" => |n| {
        let n = n.after("IT");
        let office = n.int(7..10);
        n.digits(11)
            && n.int(0..7) > 0
            && ((1..=100).contains(&office) || [120, 121, 888, 999].contains(&office))
            && n.luhn(0..11)
    };
    "me-pib", "check digit" => |n| n.digits(8) && missing(n.sum(&[8, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.last();
    "mk-edb", "check digit" => |n| {
        let n = n.after("MK");
        n.digits(13) && missing(n.sum(&[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.last()
    };
    "mt-vat", "check digits" => |n| {
        let n = n.after("MT");
        n.digits(8) && n.at(0) > 0 && n.sum(&[3, 4, 6, 7, 8, 9, 10, 1]) % 37 == 0
    };
    // Document number and version: Luhn in which every letter counts as one place (Cartão de Cidadão, AMA).
    "pt-cc", "check digit" => |n| n.form("#########**#") && !n.digits(12) && portuguese_card(n);
    "pt-nif", "check digit" => |n| {
        let n = n.after("PT");
        n.digits(9) && n.is(0, "1235689") && missing(n.sum(&[9, 8, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.last()
    };
    "rs-pib", "check digit" => |n| {
        let n = n.after("RS");
        n.digits(9) && n.at(0) > 0 && kernels::mod_11_10(n.signs())
    };
    "si-ddv", "check digit" => |n| {
        let n = n.after("SI");
        let check = 11 - n.sum(&[8, 7, 6, 5, 4, 3, 2]) % 11;
        n.digits(8) && n.at(0) > 0 && if check == 10 { 0 } else { check } == n.last()
    };
    // The number that the republics of Yugoslavia shared: DDMMYYY, region, serial number.
    "si-emso", "date of birth, check digit" => |n| n.digits(13)
        && dates::exists(n.int(4..7) + if n.at(4) == 0 { 2000 } else { 1000 }, n.int(2..4), n.int(0..2))
        && missing(n.sum(&[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.last();
    "si-maticna", "check digit" => |n| {
        let check = missing(n.sum(&[7, 6, 5, 4, 3, 2]), 11);
        (n.digits(7) || n.form("#######*##")) && check != 0 && check % 10 == n.at(6)
    };
    "tr-tckimlik", "check digits" => |n| {
        let first = missing(n.sum(&[3, 1, 3, 1, 3, 1, 3, 1, 3]), 10);
        n.digits(11) && n.at(0) > 0 && n.at(9) == first && n.at(10) == (first + n.sum(&[1; 9])) % 10
    };
    "tr-vkn", "check digit" => |n| n.digits(10) && n.int(0..10) > 0 && missing(turkish_sum(n), 10) == n.last();
}

fn cypriot(sign: u8) -> i64 {
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21].get(usize::from(sign.wrapping_sub(b'0'))).copied().unwrap_or(0)
}

fn spanish_account(weights: &[i64], digits: &[u8]) -> i64 {
    let sum: i64 = weights.iter().zip(digits).map(|(weight, digit)| weight * kernels::value(*digit)).sum();
    match 11 - sum % 11 {
        11 => 0,
        10 => 1,
        check => check,
    }
}

fn spanish_letter(rest: i64) -> u8 {
    pick("TRWAGMYFPDXBNJZSQVHLCKE", rest)
}

/// Persons (digits, or K, L, M, X, Y, Z before) have a letter by the remainder of 23; companies Luhn, as digit or letter.
fn spanish_tax(n: &Number) -> bool {
    let company = || {
        let check = missing(double_first(n.part(1..8)), 10);
        let letter = pick("JABCDEFGHI", check);
        match n.sign(0) {
            b'N' | b'P' | b'Q' | b'R' | b'S' | b'W' => n.sign(8) == letter,
            b'A' | b'B' | b'E' | b'H' => n.at(8) == check,
            _ => n.at(8) == check || n.sign(8) == letter,
        }
    };
    match n.sign(0) {
        _ if n.int(1..8) < 0 || n.len() != 9 => false,
        b'0'..=b'9' => n.int(0..8) > 0 && n.sign(8) == spanish_letter(n.int(0..8) % 23),
        b'X' | b'Y' | b'Z' => {
            let lead = i64::from(n.sign(0) - b'X');
            n.sign(8) == spanish_letter((lead * 10_000_000 + n.int(1..8)) % 23)
        }
        b'K' | b'L' | b'M' => n.sign(8) == spanish_letter(n.int(1..8) % 23),
        b'A'..=b'H' | b'J' | b'N' | b'P'..=b'S' | b'U' | b'V' | b'W' => company(),
        _ => false,
    }
}

/// The sum of Luhn of digits whose check digit does not stand among them.
fn double_first(digits: &[u8]) -> i64 {
    kernels::luhn_sum(&[digits, b"0"].concat())
}

/// Letters count from one, digits as they are; the catastro writes no Ñ since text may have it in two ways.
fn cadastral(parts: [&[u8]; 2]) -> u8 {
    let value = |sign: u8| match sign {
        b'A'..=b'N' => i64::from(sign - b'A') + 1,
        b'O'..=b'Z' => i64::from(sign - b'A') + 2,
        sign => kernels::value(sign),
    };
    let weights = [13, 15, 12, 5, 4, 17, 9, 21, 3, 7, 1];
    let sum: i64 = weights.iter().zip(parts.concat()).map(|(weight, sign)| weight * value(sign)).sum();
    pick("MQWERTYUIOPASDFGHJKLBZX", sum % 23)
}

/// Names, year, month as a letter, day (of women 40 more), place, check letter (DM 23 December 1976). Digits may be
/// replaced by letters where two persons would have the same code.
fn italian_person(n: &Number) -> bool {
    const ODD: [i64; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    const REPLACED: &str = "LMNPQRSTUV";
    let digit = |at: usize| match n.sign(at) {
        sign @ b'0'..=b'9' => i64::from(sign - b'0'),
        sign => REPLACED
            .bytes()
            .position(|known| known == sign)
            .and_then(|at| i64::try_from(at).ok())
            .unwrap_or(-100),
    };
    let numbers = [6, 7, 9, 10, 12, 13, 14];
    let letters = [0, 1, 2, 3, 4, 5, 8, 11, 15];
    let shape = n.len() == 16
        && letters.iter().all(|at| n.sign(*at).is_ascii_uppercase())
        && numbers.iter().all(|at| digit(*at) >= 0);
    let month = "ABCDEHLMPRST".bytes().position(|letter| letter == n.sign(8));
    let Some(month) = month.filter(|_| shape).and_then(|month| i64::try_from(month).ok()) else {
        return false;
    };
    let weigh = |(at, sign): (usize, &u8)| {
        let plain = if sign.is_ascii_digit() { sign - b'0' } else { sign - b'A' };
        if at % 2 == 0 { ODD.get(usize::from(plain)).copied().unwrap_or(0) } else { i64::from(plain) }
    };
    let sum: i64 = n.part(0..15).iter().enumerate().map(weigh).sum();
    let day = digit(9) * 10 + digit(10);
    dates::exists(digit(6) * 10 + digit(7), month + 1, if day > 40 { day - 40 } else { day })
        && n.sign(15) == pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26)
}

fn portuguese_card(n: &Number) -> bool {
    let weigh = |(at, sign): (usize, &u8)| {
        let value = kernels::value(*sign);
        match (at % 2, value * 2) {
            (0, _) => value,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        }
    };
    n.signs().iter().rev().enumerate().map(weigh).sum::<i64>() % 10 == 0
}

fn turkish_sum(n: &Number) -> i64 {
    let place = |(power, at): (u32, usize)| {
        let shifted = (n.at(at) + i64::from(power)) % 10;
        match (shifted, shifted * 2_i64.pow(power) % 9) {
            (0, _) => 0,
            (_, 0) => 9,
            (_, rest) => rest,
        }
    };
    (1..=9).zip((0..9).rev()).map(place).sum()
}
