//! Rules of Belarus, Bulgaria, Czechia, Hungary, Kazakhstan, Moldova, Poland, Romania, Russia, Slovakia and Ukraine.

use super::{Number, dates, kernels::missing, rules};

rules! {
    "bg-egn", "date of birth, check digit" => bulgarian_person;
    "bg-pnf", "check digit" => |n| n.digits(10) && n.int(0..10) > 0 && n.sum(&[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == n.last();
    "bg-vat", "check digit" => |n| {
        let n = n.after("BG");
        match n.len() {
            9 => n.digits(9) && bulgarian_company(&n),
            _ => n.digits(10)
                && (bulgarian_person(&n)
                    || n.sum(&[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == n.last()
                    || missing(n.sum(&[4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) == n.last()),
        }
    };
    "by-unp", "check digit" => |n| belarusian_tax(&n.after("UNP"));
    "cz-dic", "check digit" => |n| {
        let n = n.after("CZ");
        match n.len() {
            8 => n.digits(8) && n.at(0) < 9 && czech_company(&n),
            9 if n.is(0, "6") => n.digits(9) && {
                let sum = n.sum(&[0, 8, 7, 6, 5, 4, 3, 2]) % 11;
                (8 - (10 - sum).rem_euclid(11)).rem_euclid(10) == n.last()
            },
            _ => czech_person(&n),
        }
    };
    "cz-ico", "check digit" => |n| n.digits(8) && n.int(0..8) > 0 && czech_company(n);
    "cz-rc", "date of birth, check digit" => czech_person;
    "hu-anum", "check digit" => |n| {
        let n = n.after("HU");
        (n.digits(8) || n.digits(11) && n.is(8, "12345")) && n.int(0..8) > 0 && n.sum(&[9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0
    };
    // Nine digits with weights 3 and 7 (1996. évi XX. törvény, annex).
    "hu-taj", "check digit" => |n| n.digits(9) && n.int(0..9) > 0 && n.sum(&[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == n.last();
    // 8, days since 1 January 1867, serial number (2017. évi CL. törvény, annex 1).
    "hu-tin", "check digit" => |n| n.digits(10) && n.is(0, "8") && n.sum(&[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == n.last();
    // YYMMDD, century and sex, serial number (Law of 12 January 2007 No. 223).
    "kz-iin", "date of birth, check digit" => |n| n.digits(12)
        && n.date(0, "YYMMDD")
        && n.is(6, "123456")
        && two_stages(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) == n.last();
    "md-idno", "check digit" => |n| n.digits(13) && n.int(0..13) > 0 && n.sum(&[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == n.last();
    // Two or three letters, six digits; the fourth sign checks the rest with weights 7, 3, 1 (ICAO 9303 values).
    "pl-id-card", "check digit" => |n| n.form("@@@######")
        && (n.sum(&[7, 3, 1, 0, 7, 3, 1, 7, 3]) - n.at(3)).rem_euclid(10) == 0;
    "pl-nip", "check digit" => |n| {
        let n = n.after("PL");
        n.digits(10) && n.int(0..3) >= 100 && n.sum(&[6, 5, 7, 2, 3, 4, 5, 6, 7, -1]).rem_euclid(11) == 0
    };
    "pl-pesel", "date of birth, check digit" => |n| n.digits(11)
        && dates::exists(n.int(0..2), n.int(2..4) % 20, n.int(4..6))
        && missing(n.sum(&[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]), 10) == n.last();
    "pl-regon", "check digit" => |n| {
        let short = n.sum(&[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == n.at(8);
        n.int(0..9) > 0
            && (n.digits(9) && short
                || n.digits(14) && short && n.sum(&[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == n.at(13))
    };
    "ro-cnp", "date of birth, check digit" => romanian_person;
    "ro-cui", "check digit" => |n| romanian_company(&n.after("RO"));
    "ro-onrc", "year and county" => |n| n.is(0, "JFC") && match n.len() {
        14 if n.int(1..14) >= 0 && (1990..=2100).contains(&n.int(1..5)) => {
            let sum: i64 = (1..13).map(|at| n.at(at)).sum();
            (sum + i64::from(n.sign(0)) % 10) % 10 == n.at(13)
        }
        // The year of registration, or its day.
        length @ 7..=16 => {
            let year = n.int(length - 4..length);
            let dated = length >= 12 && n.int(1..length - 8) >= 0 && n.date(length - 8, "DDMMYYYY");
            (1990..=2024).contains(&year) && (dated || length <= 12 && n.int(1..length) >= 0)
        }
        _ => false,
    };
    "ru-inn", "check digits" => |n| match n.len() {
        10 => n.digits(10) && n.int(0..4) > 0 && n.sum(&[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == n.at(9),
        _ => n.digits(12)
            && n.int(0..4) > 0
            && n.sum(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == n.at(10)
            && n.sum(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == n.at(11),
    };
    "ru-ogrn", "check digit" => |n| match n.len() {
        13 => n.digits(13) && n.at(0) > 0 && n.int(0..12) % 11 % 10 == n.at(12),
        _ => n.digits(15) && n.is(0, "34") && n.int(0..14) % 13 % 10 == n.at(14),
    };
    // Nine digits with weights 9 to 1, the sum by 101 (resolution of the Pension Fund No. 192p).
    "ru-snils", "check digits" => |n| n.digits(11)
        && n.int(0..9) > 1_001_998
        && n.sum(&[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100 == n.int(9..11);
    "sk-dph", "check digit" => |n| {
        let n = n.after("SK");
        n.digits(10) && n.at(0) > 0 && n.is(2, "234789") && n.int(0..10) % 11 == 0
    };
    "sk-ico", "check digit" => |n| n.digits(8) && n.int(0..8) > 0 && czech_company(n);
    "sk-rc", "date of birth, check digit" => czech_person;
    "ua-edrpou", "check digit" => |n| n.digits(8) && n.int(0..8) > 0 && if n.is(0, "345") {
        two_stages(n, &[7, 1, 2, 3, 4, 5, 6], &[9, 3, 4, 5, 6, 7, 8]) == n.last()
    } else {
        two_stages(n, &[1, 2, 3, 4, 5, 6, 7], &[3, 4, 5, 6, 7, 8, 9]) == n.last()
    };
    // Days since 31 December 1899, serial number.
    "ua-rntrc", "check digit" => |n| n.digits(10) && n.int(0..10) > 0 && n.sum(&[-1, 5, 7, 9, 4, 6, 10, 5, 7]).rem_euclid(11) % 10 == n.last();
}

/// The remainder by eleven; where it is ten, that of other weights.
fn two_stages(n: &Number, first: &[i64], second: &[i64]) -> i64 {
    match n.sum(first) % 11 {
        10 => n.sum(second) % 11 % 10,
        rest => rest,
    }
}

/// YYMMDD; births before 1900 have 20 more months, from 2000 on 40 more.
fn bulgarian_person(n: &Number) -> bool {
    let month = n.int(2..4);
    n.digits(10)
        && dates::exists(
            n.int(0..2),
            if month > 40 {
                month - 40
            } else if month > 20 {
                month - 20
            } else {
                month
            },
            n.int(4..6),
        )
        && n.sum(&[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == n.last()
}

fn bulgarian_company(n: &Number) -> bool {
    two_stages(n, &[1, 2, 3, 4, 5, 6, 7, 8], &[3, 4, 5, 6, 7, 8, 9, 10]) == n.last()
}

/// Companies have digits; persons two letters first, the second of which counts by its place among those that are issued.
fn belarusian_tax(n: &Number) -> bool {
    const ISSUED: &str = "ABCEHKMOPT";
    let weights = [29, 23, 19, 17, 13, 7, 5, 3];
    let second = ISSUED.bytes().position(|letter| letter == n.sign(1)).and_then(|at| i64::try_from(at).ok());
    let sum = match second {
        _ if n.digits(9) => n.sum(&weights),
        Some(second) if n.form("@@#######") && ISSUED.contains(char::from(n.sign(0))) => {
            n.sum(&weights) + (second - n.at(1)) * 23
        }
        _ => return false,
    };
    n.is(0, "1234567ABCEHKM") && sum % 11 == n.last()
}

fn czech_company(n: &Number) -> bool {
    (11 - n.sum(&[8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == n.last()
}

/// YYMMDD with 50 more months for women, 20 more where serial numbers had run out. Nine digits until 1953 have no check.
fn czech_person(n: &Number) -> bool {
    let month = n.int(2..4) % 50;
    let exists = dates::exists(n.int(0..2), if month > 20 { month - 20 } else { month }, n.int(4..6));
    exists
        && match n.len() {
            9 => n.digits(9) && n.int(0..2) <= 53,
            _ => n.digits(10) && n.int(0..9) % 11 % 10 == n.last(),
        }
}

fn romanian_person(n: &Number) -> bool {
    let rest = n.sum(&[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let county = n.int(7..9);
    n.digits(13)
        && n.at(0) > 0
        && n.date(1, "YYMMDD")
        && ((1..=48).contains(&county) || [51, 52, 70, 80, 81, 82, 83].contains(&county))
        && if rest == 10 { 1 } else { rest } == n.last()
}

fn romanian_company(n: &Number) -> bool {
    let padded = n.padded(10);
    (2..=10).contains(&n.len())
        && n.at(0) > 0
        && padded.digits(10)
        && 10 * padded.sum(&[7, 5, 3, 2, 1, 7, 5, 3, 2]) % 11 % 10 == padded.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_stage_decides_where_the_first_gives_ten() {
        // Of 10-digit sums only one in eleven needs the second stage: 21 % 11 is 10, so the other weights count.
        let n = Number::read(b"1000000000000").expect("it is short");
        assert_eq!(two_stages(&n, &[21], &[3]), 3);
        assert_eq!(two_stages(&n, &[20], &[3]), 9);
    }
}
