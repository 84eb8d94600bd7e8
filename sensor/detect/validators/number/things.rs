//! Rules of devices, vehicles and shipments.

use super::{
    Number,
    kernels::{self, pick},
    rules,
};

rules! {
    // 89, country, issuer, account; up to twenty digits (ITU-T E.118).
    "iccid", "check digit" => |n| (n.digits(19) || n.digits(20)) && n.starts(&["89"]) && n.luhn(0..n.len());
    "imei", "check digit" => |n| n.digits(15) && n.int(0..8) > 0 && n.luhn(0..15) || (n.digits(14) || n.digits(16)) && n.int(0..8) > 0;
    "imo", "check digit" => |n| {
        let n = n.after("IMO");
        n.digits(7) && n.at(0) > 0 && n.sum(&[7, 6, 5, 4, 3, 2]) % 10 == n.last()
    };
    // Country code of the network, network, subscriber (ITU-T E.212).
    "imsi", "country code" => |n| (n.digits(14) || n.digits(15)) && (201..=750).contains(&n.int(0..3));
    // Owner, category, serial number; powers of two as weights, letters from ten on but for multiples of eleven.
    "iso6346", "check digit" => |n| n.form("@@@@#######") && n.is(3, "UJZR") && {
        let value = |sign: u8| match sign {
            b'A' => 10,
            b'B'..=b'K' => i64::from(sign - b'B') + 12,
            b'L'..=b'U' => i64::from(sign - b'L') + 23,
            b'V'..=b'Z' => i64::from(sign - b'V') + 34,
            digit => kernels::value(digit),
        };
        let sum: i64 = n.part(0..10).iter().enumerate().map(|(at, sign)| value(*sign) << at).sum();
        sum % 11 % 10 == n.last()
    };
    "meid", "manufacturer" => |n| match n.len() {
        14 | 15 => {
            let hexadecimal = n.part(0..14).iter().all(u8::is_ascii_hexdigit);
            let decimal = n.int(0..14) >= 0;
            hexadecimal && (n.len() == 14 || if decimal { n.luhn(0..15) } else { kernels::luhn_base(n.signs(), 16) })
        }
        18 | 19 => n.int(0..10) <= 0xffff_ffff && (0..=0xff_ffff).contains(&n.int(10..18)) && (n.len() == 18 || n.luhn(0..19)),
        _ => false,
    };
    "vehicle-vin", "check digit" => vehicle;
}

/// Seventeen signs without I, O, Q; the ninth checks the others (49 CFR 565.15, as used in North America and China).
fn vehicle(n: &Number) -> bool {
    let value = |sign: u8| match sign {
        b'0'..=b'9' => i64::from(sign - b'0'),
        b'A'..=b'H' => i64::from(sign - b'A') + 1,
        b'J'..=b'R' => i64::from(sign - b'J') + 1,
        sign => i64::from(sign.saturating_sub(b'S')) + 2,
    };
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: i64 = n.signs().iter().zip(weights).map(|(sign, weight)| value(*sign) * weight).sum();
    n.len() == 17
        && n.signs().iter().all(|sign| !b"IOQ".contains(sign))
        && n.int(13..17) >= 0
        && n.sign(8) == pick("0123456789X", sum % 11)
}
