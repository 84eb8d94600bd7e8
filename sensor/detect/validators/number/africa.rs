//! Rules of Africa and the Middle East.

use super::{
    Number, dates,
    kernels::{self, missing, pick},
    rules,
};

rules! {
    // 784 (the code of the country), year of birth, serial number (Federal Authority for Identity).
    "ae-emirates-id", "year of birth, check digit" => |n| n.digits(15)
        && n.starts(&["784"])
        && (1900..=2100).contains(&n.int(3..7))
        && n.luhn(0..15);
    "dz-nif", "form" => |n| n.digits(15) && n.int(0..15) > 0 || n.digits(20);
    // Century, YYMMDD, governorate, serial number, check digit.
    "eg-nid", "date of birth" => |n| n.digits(14)
        && n.is(0, "23")
        && n.date(1, "YYMMDD")
        && matches!(n.int(7..9), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88);
    "eg-tn", "form" => |n| n.digits(9) && n.int(0..9) > 0;
    "gh-tin", "check digit" => |n| n.len() == 11
        && n.is(0, "PCGQV")
        && n.part(1..3) == b"00"
        && n.int(1..10) >= 0
        && n.sign(10) == pick("0123456789X", (1..10).zip(1..).map(|(at, weight): (usize, i64)| n.at(at) * weight).sum::<i64>() % 11);
    "gn-nifp", "check digit" => |n| n.digits(9) && n.int(0..9) > 0 && n.luhn(0..9);
    "ke-pin", "form" => |n| n.form("@#########@") && n.is(0, "AP");
    "ma-ice", "check digits" => |n| n.digits(15) && n.int(0..15) > 0 && n.remainder(0..15, 97) == 0;
    // Initial of the surname, DDMMYY, serial number, check sign.
    "mu-nid", "date of birth, check sign" => |n| n.form("@############*")
        && n.date(1, "DDMMYY")
        && n.sign(13) == pick("0123456789ABCDEFG", missing(n.sum(&[14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]), 17));
    "mz-nuit", "check digit" => |n| n.digits(9)
        && n.int(0..9) > 0
        && n.sign(8) == pick("01234567891", n.sum(&[8, 9, 4, 5, 6, 7, 8, 9]) % 11);
    "ng-nin", "check digit" => |n| n.digits(11) && n.at(0) > 0 && kernels::verhoeff(n.signs());
    // 1 for citizens, 2 for residents (Saudi national identity and iqama).
    "sa-national-id", "check digit" => |n| n.digits(10) && n.is(0, "12") && n.luhn(0..10);
    "sn-ninea", "check digit" => |n| {
        let digits = if n.len() > 9 { n.len() - 3 } else { n.len() };
        let number = Number::read(n.part(0..digits)).map(|number| number.padded(9));
        let kind = n.len() <= 9
            || n.is(digits, "012") && n.is(digits + 1, "ABCDEFGHJKLMNPQRSTUVWZ") && n.at(digits + 2) < 10;
        matches!(digits, 7 | 9)
            && kind
            && n.int(0..digits) > 0
            && number.is_some_and(|number| number.digits(9) && number.sum(&[1, 2, 1, 2, 1, 2, 1, 2, 1]) % 10 == 0)
    };
    // Serial number, which loses its zeros, check letter; then the letters of the tax regime and category, establishment.
    "tn-mf", "form" => |n| {
        let letter = n.signs().iter().position(u8::is_ascii_uppercase).unwrap_or(0);
        let rest = n.after(str::from_utf8(n.part(0..letter)).unwrap_or_default());
        (4..=7).contains(&letter)
            && n.int(0..letter) > 0
            && rest.is(0, "ABCDEFGHJKLMNPQRSTVWXYZ")
            && (rest.len() == 1
                || rest.len() == 6
                    && rest.is(1, "APBDN")
                    && rest.is(2, "MPCNE")
                    && rest.int(3..6) >= 0
                    && (rest.int(3..6) == 0 || rest.is(2, "E")))
    };
    // YYMMDD, sex and serial number, citizenship (Identification Act 68 of 1997).
    "za-id-number", "date of birth, check digit" => |n| n.digits(13)
        && dates::exists(n.int(0..2), n.int(2..4), n.int(4..6))
        && n.is(10, "012")
        && n.luhn(0..13);
    "za-tin", "check digit" => |n| n.digits(10) && n.is(0, "01239") && n.int(0..10) > 0 && n.luhn(0..10);
}
