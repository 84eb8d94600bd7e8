//! Rules of Denmark, Estonia, Finland, Iceland, Ireland, Latvia, Lithuania, Norway, Sweden and the United Kingdom.

use super::{
    Number, dates,
    kernels::{missing, pick},
    rules,
};

rules! {
    // DDMMYY and a serial number. Numbers issued since 2007 need not pass the check digit.
    "dk-cpr", "date of birth" => |n| n.digits(10) && n.date(0, "DDMMYY") && n.int(6..10) > 0;
    "dk-cvr", "check digit" => |n| {
        let n = n.after("DK");
        n.digits(8) && n.at(0) > 0 && n.sum(&[2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    };
    "ee-ik", "date of birth, check digit" => baltic_person;
    "ee-kmkr", "check digit" => |n| {
        let n = n.after("EE");
        n.digits(9) && n.sum(&[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0
    };
    "ee-registrikood", "check digit" => |n| n.digits(8) && n.is(0, "1789") && n.last() == baltic_check(n, 7);
    "fi-hetu", "date of birth, check letter" => finnish_person;
    "fi-ytunnus", "check digit" => |n| {
        let n = n.after("FI");
        n.digits(8) && n.sum(&[7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0
    };
    "gb-upn", "check letter" => |n| n.count == 13
        && n.part(1..12).iter().all(u8::is_ascii_digit)
        && n.sign(0) == pick(
            "ABCDEFGHJKLMNPQRTUVWXYZ",
            (1..13)
                .zip(2..)
                .map(|(at, weight)| weight * school_value(n.sign(at)))
                .sum::<i64>() % 23,
        );
    "gb-utr", "check digit" => |n| {
        let n = n.after("K");
        n.digits(10)
            && n.sign(0) == pick("21987654321", (1..10).zip([6, 7, 8, 9, 10, 5, 4, 3, 2]).map(|(at, w)| n.at(at) * w).sum::<i64>() % 11)
    };
    "gb-vat", "check digits" => |n| british_vat(&n.after("GB").after("XI"));
    "ie-pps", "check letter" => irish_person;
    "ie-vat", "check letter" => |n| irish_vat(&n.after("IE"));
    "is-kennitala", "date, check digit" => |n| n.digits(10)
        && (n.date(0, "DDMMYY") || n.is(0, "4567") && dates::exists(n.int(4..6), n.int(2..4), n.int(0..2) - 40))
        && n.is(9, "089")
        && n.sum(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0;
    "lt-asmens", "date of birth, check digit" => |n| baltic_person(n)
        || n.digits(11) && n.is(0, "9") && n.last() == baltic_check(n, 10);
    "lt-pvm", "check digit" => |n| {
        let n = n.after("LT");
        (n.digits(9) && n.is(7, "1") || n.digits(12) && n.is(10, "1")) && n.last() == baltic_check(&n, n.len() - 1)
    };
    "lv-pvn", "check digit" => |n| {
        let n = n.after("LV");
        let person = || (1 + n.sum(&[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10 == n.last();
        n.digits(11) && match n.at(0) {
            4.. => n.sum(&[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3,
            _ => person() && (n.starts(&["32"]) || n.date(0, "DDMMYY") && n.is(6, "012")),
        }
    };
    "no-fodselsnummer", "date of birth, check digits" => |n| n.digits(11)
        && norwegian_date(n)
        && n.at(9) == missing(n.sum(&[3, 7, 6, 1, 8, 9, 4, 5, 2]), 11)
        && n.at(10) == missing(n.sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11);
    "no-kontonr", "check digit" => |n| n.digits(11) && n.sum(&[6, 7, 8, 9, 4, 5, 6, 7, 8, 9]) % 11 == n.last();
    "no-mva", "check digit" => |n| {
        let n = n.after("NO");
        n.form("#########MVA") && norwegian_company(&n)
    };
    "no-orgnr", "check digit" => |n| n.digits(9) && norwegian_company(n);
    "se-orgnr", "check digit" => |n| n.digits(10) && n.at(0) > 0 && n.at(2) >= 2 && n.luhn(0..10);
    "se-personnummer", "date of birth, check digit" => swedish_person;
    "se-vat", "check digit" => |n| {
        let n = n.after("SE");
        n.digits(12) && n.part(10..12) == b"01" && n.luhn(0..10)
    };
    // Surname, decade, month (of women 50 more), day, year, initials (DVLA, INF1).
    "uk-driving-licence", "date of birth" => |n| n.count >= 16
        && n.part(0..5).windows(2).all(|pair| !matches!(pair, [b'9', b'A'..=b'Z']))
        && n.is(0, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        && n.part(0..5).iter().all(|sign| sign.is_ascii_uppercase() || *sign == b'9')
        && dates::exists(n.at(5) * 10 + n.at(10), n.int(6..8) % 50, n.int(8..10))
        && n.int(6..8) <= 62
        && n.part(11..13).iter().all(|sign| sign.is_ascii_uppercase() || *sign == b'9')
        && n.part(14..16).iter().all(u8::is_ascii_uppercase);
    // Two letters that are issued, six digits, a letter (HMRC, NIM39110).
    "uk-nino", "prefix and suffix" => |n| (n.form("@@######@") && n.is(8, "ABCD"))
        && !"DFIQUV".contains(char::from(n.sign(0)))
        && !"DFIQUVO".contains(char::from(n.sign(1)))
        && !n.starts(&["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"]);
}

/// The check digit of Estonian and Lithuanian numbers: two stages of weights.
fn baltic_check(n: &Number, places: usize) -> i64 {
    let stage = |first: i64| {
        (first..).zip(0..places).map(|(weight, at)| (weight % 9 + 1) * n.at(at)).sum::<i64>() % 11
    };
    match stage(0) {
        10 => stage(2) % 10,
        check => check,
    }
}

fn baltic_person(n: &Number) -> bool {
    n.digits(11) && n.is(0, "12345678") && n.date(1, "YYMMDD") && n.last() == baltic_check(n, 10)
}

fn finnish_person(n: &Number) -> bool {
    // The sign of the century may be a hyphen or plus, which is no letter or digit and so not counted.
    let (serial, check) = match n.len() {
        10 => (6, 9),
        11 if n.is(6, "ABCDEFYXWVU") => (7, 10),
        _ => return false,
    };
    let number = n.int(0..6) * 1000 + n.int(serial..serial + 3);
    n.int(serial..serial + 3) >= 2
        && n.date(0, "DDMMYY")
        && n.sign(check) == pick("0123456789ABCDEFHJKLMNPRSTUVWXY", number % 31)
}

/// Unique pupil numbers leave out I, O and S, and count digits after letters when they stand last.
fn school_value(sign: u8) -> i64 {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRTUVWXYZ0123456789";
    ALPHABET.iter().position(|known| *known == sign).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn british_vat(n: &Number) -> bool {
    let sum = n.sum(&[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
    (n.digits(9) || n.digits(12)) && (sum == 0 || n.int(0..3) >= 100 && (sum == 42 || sum == 55))
}

/// The check letter of Irish numbers: seven digits, and perhaps a further letter.
fn irish_check(digits: &Number, further: u8) -> u8 {
    const ALPHABET: &str = "WABCDEFGHIJKLMNOPQRSTUV";
    let further = ALPHABET.bytes().position(|known| known == further).and_then(|at| i64::try_from(at).ok());
    pick(ALPHABET, (digits.sum(&[8, 7, 6, 5, 4, 3, 2]) + 9 * further.unwrap_or(0)) % 23)
}

fn irish_person(n: &Number) -> bool {
    let further = if n.is(8, "ABH") { n.sign(8) } else { 0 };
    (n.form("#######@") || n.form("#######@@") && n.is(8, "ABHWTX")) && n.sign(7) == irish_check(n, further)
}

fn irish_vat(n: &Number) -> bool {
    if n.form("#*#####@") && !n.digits(8) && !n.is(1, "0123456789") {
        // The old form: the first digit is moved behind the others.
        let signs = [n.part(2..7), n.part(0..1)].concat();
        return Number::read(&signs).is_some_and(|moved| n.sign(7) == irish_check(&moved.padded(7), 0));
    }
    (n.form("#######@") || n.form("#######@@") && n.sign(8) <= b'W') && n.sign(7) == irish_check(n, n.sign(8))
}

fn norwegian_company(n: &Number) -> bool {
    n.sum(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
}

/// DDMMYY; D-numbers have 40 more days, temporary numbers 40 or 80 more months.
fn norwegian_date(n: &Number) -> bool {
    let (day, month) = (n.int(0..2), n.int(2..4));
    dates::exists(n.int(4..6), month % 40, if day > 40 { day - 40 } else { day })
}

/// YYMMDD with a serial number; co-ordination numbers have 60 more days; the century may stand before.
fn swedish_person(n: &Number) -> bool {
    let short = match n.len() {
        10 => 0,
        12 if n.starts(&["18", "19", "20"]) => 2,
        _ => return false,
    };
    let day = n.int(short + 4..short + 6);
    n.digits(n.len())
        && n.luhn(short..short + 10)
        && dates::exists(
            n.int(short..short + 2),
            n.int(short + 2..short + 4),
            if day > 60 { day - 60 } else { day },
        )
}
