//! Rules of Asia and the Pacific.

use super::{
    Number, dates,
    kernels::{self, missing, pick},
    rules,
};

rules! {
    "au-abn", "check digits" => |n| n.digits(11)
        && (n.sum(&[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 == 0
        && n.at(0) > 0;
    "au-acn", "check digit" => |n| n.digits(9) && n.int(0..9) > 0 && missing(n.sum(&[8, 7, 6, 5, 4, 3, 2, 1]), 10) == n.last();
    // Issue number after the check digit; the first digit says which kind of card (Medicare technical specification).
    "au-medicare", "check digit" => |n| (n.digits(10) || n.digits(11))
        && n.is(0, "23456")
        && n.at(9) > 0
        && n.sum(&[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == n.at(8);
    "au-tfn", "check digit" => |n| (n.digits(9) || n.digits(8)) && n.int(0..8) > 0 && n.sum(&[1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0;
    "az-voen", "check digit" => |n| {
        let n = n.padded(10);
        n.digits(10) && n.is(9, "12") && n.sum(&[4, 1, 8, 6, 2, 7, 5, 3]) % 11 == n.at(8)
    };
    "cn-ric", "date of birth, check digit" => |n| n.form("#################*")
        && matches!(n.int(0..2), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
        && n.date(6, "YYYYMMDD")
        && kernels::mod_11_2(n.signs());
    "cn-uscc", "check sign" => |n| {
        const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        let place = |sign: u8| ALPHABET.bytes().position(|known| known == sign).and_then(|at| i64::try_from(at).ok());
        let weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
        let places: Option<Vec<i64>> = n.part(0..17).iter().map(|sign| place(*sign)).collect();
        let sum: i64 = places.iter().flatten().zip(weights).map(|(place, weight)| place * weight).sum();
        n.len() == 18 && n.int(2..8) >= 0 && places.is_some() && n.sign(17) == pick(ALPHABET, missing(sum, 31))
    };
    // One or two letters, six digits, check digit or A (Immigration Department of Hong Kong).
    "hk-hkid", "check digit" => |n| {
        let letters = n.len().saturating_sub(7);
        let second = if letters == 2 { n.at(1) } else { n.at(0) };
        let first = if letters == 2 { n.at(0) } else { 36 };
        let digits: i64 = (letters..letters + 6).zip([7, 6, 5, 4, 3, 2]).map(|(at, weight)| n.at(at) * weight).sum();
        (n.form("@######*") || n.form("@@######*")) && n.sign(n.len() - 1) == pick("0123456789A", missing(first * 9 + second * 8 + digits, 11))
    };
    // Place, DDMMYY (of women 40 more days), serial number.
    "id-nik", "date of birth" => |n| n.digits(16)
        && (11..=97).contains(&n.int(0..2))
        && n.int(2..4) > 0
        && n.int(4..6) > 0
        && n.int(12..16) > 0
        && dates::exists(n.int(10..12), n.int(8..10), n.int(6..8) % 40);
    "id-npwp", "check digit" => |n| n.digits(15) && n.int(0..9) > 0 && n.luhn(0..9)
        || n.digits(16) && n.is(0, "0") && n.int(0..10) > 0 && n.luhn(0..10);
    "il-hp", "check digit" => |n| n.digits(9) && n.is(0, "5") && n.luhn(0..9);
    "il-idnr", "check digit" => |n| {
        let n = n.padded(9);
        n.digits(9) && n.int(0..9) > 0 && n.luhn(0..9)
    };
    "in-aadhaar", "check digit" => |n| n.digits(12) && n.at(0) >= 2 && indian_number(n);
    "in-gstin", "state, check sign" => |n| n.form("##@@@@@####@*Z*")
        && matches!(n.int(0..2), 1..=38 | 97)
        && !n.is(12, "0")
        && n.is(5, "ABCFGHJLPTK")
        && kernels::luhn_base(n.signs(), 36);
    "in-pan", "kind of holder" => |n| n.form("@@@@@####@") && n.is(3, "ABCFGHJLPTK") && n.int(5..9) > 0;
    // Aadhaar's virtual numbers.
    "in-vid", "check digit" => |n| n.digits(16) && n.at(0) >= 2 && indian_number(n);
    "in-voter", "form" => |n| n.form("@@@#######");
    // Ten digits with weights 10 to 2.
    "ir-national-id", "check digit" => |n| n.digits(10) && n.int(0..10) > 0 && {
        let rest = n.sum(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        n.last() == if rest < 2 { rest } else { 11 - rest }
    };
    "jp-cn", "check digit" => |n| n.digits(13) && n.int(1..13) > 0 && {
        let sum: i64 = (1..13).rev().zip([1, 2].into_iter().cycle()).map(|(at, weight)| n.at(at) * weight).sum();
        9 - sum % 9 == n.at(0)
    };
    "jp-my-number", "check digit" => |n| n.digits(12)
        && n.int(0..12) > 0
        && missing(n.sum(&[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) % 10 == n.last();
    "kr-brn", "office and check digit" => |n| n.digits(10)
        && n.int(0..3) >= 101
        && n.int(3..5) > 0
        && n.int(5..9) > 0
        && missing(n.sum(&[1, 3, 7, 1, 3, 7, 1, 3, 5]) + n.at(8) * 5 / 10, 10) == n.last();
    "kr-driver-license", "region" => |n| n.digits(12) && matches!(n.int(0..2), 11..=26 | 28) && n.int(4..10) > 0;
    // As resident registration numbers, with 5 to 8 for foreigners.
    "kr-frn", "date of birth" => |n| n.digits(13) && n.date(0, "YYMMDD") && n.is(6, "5678");
    "kr-rrn", "date of birth" => |n| n.digits(13)
        && n.date(0, "YYMMDD")
        && n.is(6, "012349")
        && korean_check(n);
    // Nine digits and V or X until 2016, twelve digits since (Department for Registration of Persons).
    "lk-nic", "day of birth" => |n| {
        let day = match n.len() {
            10 if n.is(9, "VX") => n.int(2..5),
            12 if n.starts(&["19", "20"]) => n.int(4..7),
            _ => return false,
        };
        n.int(0..9) > 0 && (1..=366).contains(&(day % 500))
    };
    "my-nric", "date of birth, place" => |n| n.digits(12)
        && n.date(0, "YYMMDD")
        && matches!(n.int(6..8), 1..=16 | 21..=68 | 71..=72 | 74..=79 | 82..=93 | 98 | 99);
    "nz-bankaccount", "check digit" => |n| (n.digits(15) || n.digits(16)) && new_zealand_account(n);
    "nz-ird", "check digit" => |n| {
        let digits = n.padded(9);
        let check = match missing(digits.sum(&[3, 2, 7, 6, 5, 4, 3, 2]), 11) {
            10 => missing(digits.sum(&[7, 4, 3, 2, 5, 2, 7, 6]), 11),
            check => check,
        };
        (n.digits(8) || n.digits(9)) && (10_000_000..150_000_000).contains(&digits.int(0..9)) && check == digits.last()
    };
    "pk-cnic", "province" => |n| n.digits(13) && n.is(0, "1234567") && n.at(12) > 0;
    "sg-nric-fin", "check letter" => singaporean_person;
    "sg-uen", "check letter" => |n| {
        const OTHER: &str = "ABCDEFGHJKLMNPQRSTUVWX0123456789";
        let place = |at: usize| OTHER.bytes().position(|known| known == n.sign(at)).and_then(|at| i64::try_from(at).ok());
        match n.len() {
            9 => n.form("########@") && n.sign(8) == pick("XMKECAWLJDB", n.sum(&[10, 4, 9, 3, 8, 2, 7, 1]) % 11),
            10 if n.form("#########@") => {
                (1800..=2100).contains(&n.int(0..4)) && n.sign(9) == pick("ZKCMDNERGWH", n.sum(&[10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11)
            }
            _ => {
                let weights = [4, 3, 5, 3, 10, 2, 2, 5, 7];
                let sum: Option<i64> = weights.iter().enumerate().map(|(at, weight)| Some(place(at)? * weight)).sum();
                n.form("@##@@####@") && n.is(0, "RST") && sum.is_some_and(|sum| n.sign(9) == pick(OTHER, (sum - 5).rem_euclid(11)))
            }
        }
    };
    "th-moa", "check digit" => |n| n.digits(13) && n.is(0, "0") && n.int(0..13) > 0 && thai_check(n);
    "th-pin", "check digit" => |n| n.digits(13) && n.is(0, "12345678") && thai_check(n);
    "th-tin", "check digit" => |n| n.digits(13) && n.is(0, "012345678") && n.int(0..13) > 0 && thai_check(n);
    // A letter that stands for the place of registration, sex, serial number.
    "tw-id", "check digit" => |n| n.form("@#########") && n.is(1, "1289") && {
        let place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".bytes().position(|letter| letter == n.sign(0));
        let place = place.and_then(|at| i64::try_from(at).ok()).unwrap_or(0) + 10;
        let digits: i64 = (1..9).zip((1..=8).rev()).map(|(at, weight)| n.at(at) * weight).sum();
        (place / 10 + place % 10 * 9 + digits + n.last()) % 10 == 0
    };
    "tw-ubn", "check digit" => |n| n.digits(8) && n.int(0..8) > 0 && {
        let weighted = (0..8).zip([1, 2, 1, 2, 1, 2, 4, 1]).map(|(at, weight)| n.at(at) * weight);
        let sum: i64 = weighted.map(|value| value / 10 + value % 10).sum();
        sum % 5 == 0 || n.is(6, "7") && sum % 5 == 4
    };
    "vn-mst", "check digit" => |n| (n.digits(10) || n.digits(13) && n.int(10..13) > 0)
        && n.int(2..9) > 0
        && 10 - n.sum(&[31, 29, 23, 19, 17, 13, 7, 5, 3]) % 11 == n.at(9);
}

/// Verhoeff, and not the same from both ends (UIDAI).
fn indian_number(n: &Number) -> bool {
    !n.signs().iter().eq(n.signs().iter().rev()) && kernels::verhoeff(n.signs())
}

/// Numbers issued since October 2020 need not pass the check digit.
fn korean_check(n: &Number) -> bool {
    let passes = (11 - n.sum(&[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == n.last();
    passes || n.is(6, "34") && n.int(0..4) >= 2010
}

/// Weights 2, 7, 6, 5, 4, 3, 2; letters by the kind of holder (Immigration & Checkpoints Authority).
fn singaporean_person(n: &Number) -> bool {
    let sum: i64 = (1..8).zip([2, 7, 6, 5, 4, 3, 2]).map(|(at, weight)| n.at(at) * weight).sum();
    let expected = match n.sign(0) {
        b'S' => pick("JZIHGFEDCBA", sum % 11),
        b'T' => pick("JZIHGFEDCBA", (sum + 4) % 11),
        b'F' => pick("XWUTRQPNMLK", sum % 11),
        b'G' => pick("XWUTRQPNMLK", (sum + 4) % 11),
        b'M' => pick("XWUTRQPNJLK", 10 - (sum + 3) % 11),
        _ => return false,
    };
    n.form("@#######@") && n.sign(8) == expected
}

fn thai_check(n: &Number) -> bool {
    (11 - n.sum(&[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == n.last()
}

/// Bank, branch, account, suffix; weights by the bank (Inland Revenue, "Bank account number validation").
fn new_zealand_account(n: &Number) -> bool {
    let account = n.int(6..13);
    let (weights, modulus): ([i64; 13], i64) = match n.int(0..2) {
        1..=3 | 6 | 10..=24 | 27 | 30 | 35 | 38 if account < 990_000 => {
            ([0, 0, 6, 3, 7, 9, 0, 10, 5, 8, 4, 2, 1], 11)
        }
        1..=3 | 6 | 10..=24 | 27 | 30 | 35 | 38 => ([0, 0, 0, 0, 0, 0, 0, 10, 5, 8, 4, 2, 1], 11),
        8 => ([0, 0, 0, 0, 0, 0, 7, 6, 5, 4, 3, 2, 1], 11),
        _ => return false,
    };
    account > 0 && n.sum(&weights) % modulus == 0
}
