//! Rules of the Americas.

use super::{
    Number, dates,
    kernels::{missing, pick},
    rules,
};

rules! {
    // Two blocks, each with a check digit (BCRA, Comunicación A 2657).
    "ar-cbu", "check digits" => |n| n.digits(22)
        && n.int(0..7) > 0
        && missing(n.sum(&[7, 1, 3, 9, 7, 1, 3]), 10) == n.at(7)
        && missing(n.sum(&[0, 0, 0, 0, 0, 0, 0, 0, 3, 9, 7, 1, 3, 9, 7, 1, 3, 9, 7, 1, 3]), 10) == n.at(21);
    "ar-cuit", "check digit" => |n| n.digits(11)
        && n.starts(&["20", "23", "24", "25", "26", "27", "30", "33", "34", "50", "51", "55"])
        && n.sign(10) == pick("012345678990", 11 - n.sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11);
    "ar-dni", "form" => |n| (n.digits(7) || n.digits(8)) && n.at(0) > 0;
    "br-cnpj", "check digits" => |n| {
        let value = |at: usize| i64::from(n.sign(at)) - 48;
        let sum = |weights: &[i64]| weights.iter().enumerate().map(|(at, weight)| weight * value(at)).sum::<i64>();
        let check = |sum: i64| missing(sum, 11) % 10;
        n.form("************##")
            && !n.starts(&["000000000000"])
            && check(sum(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == n.at(12)
            && check(sum(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == n.at(13)
    };
    "br-cpf", "check digits" => |n| n.digits(11)
        && n.int(0..11) > 0
        && missing(n.sum(&[10, 9, 8, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.at(9)
        && missing(n.sum(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.at(10);
    "ca-bc-phn", "check digit" => |n| n.digits(10)
        && n.is(0, "9")
        && missing((1..9).zip([2, 4, 8, 5, 10, 9, 7, 3]).map(|(at, weight)| weight * n.at(at)).sum(), 11) == n.at(9);
    "ca-bn", "check digit" => |n| n.luhn(0..9)
        && n.int(0..9) > 0
        && (n.len() == 9 || n.form("#########@@####") && [&b"RC"[..], b"RM", b"RP", b"RT", b"RZ", b"RR"].contains(&n.part(9..11)));
    "ca-sin", "check digit" => |n| n.digits(9) && !n.is(0, "08") && n.luhn(0..9);
    "cl-rut", "check digit" => |n| {
        let digits = n.len().saturating_sub(1);
        let sum: i64 = (0..digits).rev().zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).map(|(at, weight)| n.at(at) * weight).sum();
        (7..=8).contains(&digits) && n.int(0..digits) > 100_000 && n.sign(digits) == pick("0123456789K", missing(sum, 11))
    };
    "co-nit", "check digit" => |n| {
        let digits = n.len().saturating_sub(1);
        let weights = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
        let sum: i64 = (0..digits).rev().zip(weights).map(|(at, weight)| n.at(at) * weight).sum();
        (7..=15).contains(&digits) && n.int(0..digits) > 0 && n.sign(digits) == pick("01987654321", sum % 11)
    };
    // Persons: a zero, then volume, page and entry. There is no check digit.
    "cr-cpf", "form" => |n| n.digits(9) && n.at(0) > 0 || n.digits(10) && n.is(0, "0") && n.int(0..10) > 0;
    "cr-cpj", "class and type" => |n| n.digits(10) && match n.at(0) {
        2 => [100, 200, 300, 400].contains(&n.int(1..4)),
        3 => matches!(n.int(1..4), 2..=14 | 101..=110),
        4 => n.int(1..4) == 0,
        5 => n.int(1..4) == 1,
        _ => false,
    };
    "cr-cr", "form" => |n| (n.digits(11) || n.digits(12)) && n.is(0, "1");
    "cu-ni", "date of birth" => |n| n.digits(11) && n.date(0, "YYMMDD");
    "do-cedula", "check digit" => |n| n.digits(11) && n.int(0..11) > 0 && n.luhn(0..11);
    "do-ncf", "type of document" => |n| match n.len() {
        11 => n.is(0, "B") && n.int(1..11) > 0 && matches!(n.int(1..3), 1..=4 | 11..=17),
        13 => n.is(0, "E") && n.int(1..13) > 0 && matches!(n.int(1..3), 31..=34 | 41 | 43..=47),
        _ => n.len() == 19 && n.is(0, "AP") && n.int(1..19) > 0 && matches!(n.int(9..11), 1..=4 | 11..=17),
    };
    "do-rnc", "check digit" => |n| n.digits(9)
        && (10 - n.sum(&[7, 9, 8, 6, 5, 4, 3, 2]) % 11).rem_euclid(9) + 1 == n.last();
    "ec-ci", "check digit" => |n| n.digits(10) && ecuadorian_person(n);
    "ec-ruc", "check digit" => |n| n.digits(13) && ecuadorian_province(n) && {
        let natural = || n.int(10..13) > 0 && ecuadorian_person(n);
        let public = || n.int(9..13) > 0 && n.sum(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0;
        match n.at(2) {
            0..=5 => natural(),
            6 => public() || natural(),
            9 => public() || n.int(10..13) > 0 && n.sum(&[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0,
            _ => false,
        }
    };
    "gt-nit", "check digit" => |n| {
        let digits = n.len().saturating_sub(1);
        let sum: i64 = (2..).zip((0..digits).rev()).map(|(weight, at)| n.at(at) * weight).sum();
        n.int(0..digits) > 0 && n.sign(digits) == pick("0123456789K", missing(sum, 11))
    };
    "mx-clabe", "check digit" => |n| n.digits(18)
        && n.int(0..3) > 1
        && missing((0..17).zip([3, 7, 1].into_iter().cycle()).map(|(at, weight)| n.at(at) * weight % 10).sum(), 10) == n.last();
    "mx-curp", "date of birth, state, check digit" => mexican_person;
    "mx-rfc", "date" => |n| {
        let letters = match n.len() {
            10 | 13 => 4,
            12 => 3,
            _ => return false,
        };
        n.part(0..letters).iter().all(u8::is_ascii_uppercase) && n.date(letters, "YYMMDD")
    };
    "pe-cui", "check digit" => |n| {
        let rest = n.sum(&[3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        n.int(0..8) > 0 && (n.len() == 8 || n.len() == 9 && (n.sign(8) == pick("65432110987", rest) || n.sign(8) == pick("KJIHGFEDCBA", rest)))
    };
    "pe-ruc", "check digit" => |n| n.digits(11)
        && n.starts(&["10", "15", "16", "17", "20"])
        && (11 - n.sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10 == n.last();
    "py-ruc", "check digit" => |n| {
        let digits = n.len().saturating_sub(1);
        let sum: i64 = (2..).zip((0..digits).rev()).map(|(weight, at)| n.at(at) * weight).sum();
        (4..=8).contains(&digits) && n.int(0..digits) > 0 && missing(sum, 11) % 10 == n.last()
    };
    "sv-nit", "check digit" => |n| n.digits(14) && n.is(0, "019") && n.int(0..14) > 0 && if n.int(10..13) <= 100 {
        n.sum(&[14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 % 10 == n.last()
    } else {
        missing(n.sum(&[2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.last()
    };
    "us-atin", "form" => |n| n.digits(9) && n.is(0, "9") && n.int(3..5) == 93;
    // Prefixes that the campuses of the Internal Revenue Service issue.
    "us-ein", "campus" => |n| n.digits(9) && n.int(2..9) > 0 && matches!(
        n.int(0..2),
        1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99
    );
    "us-itin", "area and group" => |n| n.digits(9)
        && n.is(0, "9")
        && matches!(n.int(3..5), 50..=65 | 70..=88 | 90..=92 | 94..=99);
    "us-ptin", "form" => |n| n.form("P########");
    "uy-rut", "check digit" => |n| n.digits(12)
        && (1..=22).contains(&n.int(0..2))
        && n.int(2..8) > 0
        && n.int(8..11) == 1
        && missing(n.sum(&[4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]), 11) == n.last();
    "ve-rif", "check digit" => |n| {
        let kind = match n.sign(0) {
            b'V' => 4,
            b'E' => 8,
            b'J' | b'C' => 12,
            b'P' => 16,
            b'G' => 20,
            _ => return false,
        };
        let sum: i64 = (1..9).zip([3, 2, 7, 6, 5, 4, 3, 2]).map(|(at, weight)| n.at(at) * weight).sum();
        n.form("@#########") && n.sign(9) == pick("00987654321", (kind + sum) % 11)
    };
}

fn ecuadorian_province(n: &Number) -> bool {
    matches!(n.int(0..2), 1..=24 | 30 | 50)
}

/// Province, a digit below six, and Luhn over ten digits of which the first is doubled.
fn ecuadorian_person(n: &Number) -> bool {
    ecuadorian_province(n) && n.at(2) <= 6 && n.luhn(0..10)
}

/// Letters of the names, YYMMDD, sex, state, consonants, a sign for the century, check digit (DOF 18 October 2021).
fn mexican_person(n: &Number) -> bool {
    const STATES: &str =
        "AS BC BS CC CH CL CM CS DF DG GR GT HG JC MC MN MS NE NL NT OC PL QR QT SL SP SR TC TL TS VZ YN ZS";
    // Ñ stands between N and O, so that later letters count one more.
    let value = |sign: u8| match sign {
        b'O'..=b'Z' => i64::from(sign - b'A') + 11,
        sign => super::kernels::value(sign),
    };
    let weights = (2..=18).rev();
    let sum: i64 = n.part(0..17).iter().zip(weights).map(|(sign, weight)| value(*sign) * weight).sum();
    n.form("@@@@######@@@@@@*#")
        && n.is(10, "HMX")
        && STATES.split(' ').any(|state| state.as_bytes() == n.part(11..13))
        && dates::exists(n.int(4..6), n.int(6..8), n.int(8..10))
        && missing(sum, 10) == n.last()
}
