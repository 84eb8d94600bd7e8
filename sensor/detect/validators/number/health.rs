//! Rules of health services.

use super::{Number, kernels::missing, rules};

rules! {
    // A letter but U (kept for provisional codes), two digits, and up to four signs behind the full stop.
    "icd-10", "form" => |n| (3..=7).contains(&n.len())
        && n.sign(0).is_ascii_uppercase()
        && !n.is(0, "U")
        && n.int(1..3) >= 0;
    // Two letters and seven digits (21 CFR 1301; the second letter is the first of the surname, or 9).
    "medical-license", "check digit" => |n| n.form("@*#######")
        && n.is(0, "ABCDEFGHJKLMPRSTUX")
        && (n.is(1, "9") || n.at(1) >= 10)
        && (n.at(2) + n.at(4) + n.at(6) + 2 * (n.at(3) + n.at(5) + n.at(7))) % 10 == n.at(8);
    "uk-nhs", "check digit" => |n| n.digits(10)
        && n.int(0..10) > 0
        && n.sum(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0;
    // A social security number of nine digits with a letter and perhaps a digit behind (until 2019).
    "us-hicn", "area and suffix" => |n| matches!(n.len(), 10 | 11)
        && n.int(0..9) > 0
        && !n.starts(&["000", "666", "9"])
        && n.is(9, "ABCDEFJKMTW")
        && (n.len() == 10 || n.is(10, "123456789ABCDGHJKLMNPQRSTVWXYZ"));
    // Digits and letters in fixed places, without S, L, O, I, B, Z (CMS, "Understanding the MBI").
    "us-mbi", "form" => |n| n.len() == 11 && medicare(n);
    // Luhn with 80840 before it (45 CFR 162.406).
    "us-npi", "check digit" => |n| n.digits(10)
        && n.is(0, "12")
        && missing(super::kernels::luhn_sum(&[b"80840", n.signs()].concat()), 10) == 0;
}

fn medicare(n: &Number) -> bool {
    const LETTERS: &str = "ACDEFGHJKMNPQRTUVWXY";
    "CAENAENAANN".bytes().enumerate().all(|(at, class)| match class {
        b'C' => n.is(at, "123456789"),
        b'N' => n.is(at, "0123456789"),
        b'A' => n.is(at, LETTERS),
        _ => n.is(at, LETTERS) || n.is(at, "0123456789"),
    })
}
