//! Check digits that many numbers share. All take letters and digits; digits count 0 to 9, letters 10 to 35.
//!
//! Sources: ISO/IEC 7812-1 annex B (Luhn), ISO/IEC 7064 (modulo 97-10, 11-2, 11,10, 37,36), J. Verhoeff, "Error
//! detecting decimal codes" (1969).

/// The value of a sign: digits 0 to 9, letters 10 to 35.
pub(super) fn value(sign: u8) -> i64 {
    i64::from(match sign {
        b'0'..=b'9' => sign - b'0',
        b'A'..=b'Z' => sign - b'A' + 10,
        _ => 0,
    })
}

/// What is missing from a sum to the next multiple of `modulus`.
pub(super) fn missing(sum: i64, modulus: i64) -> i64 {
    (-sum).rem_euclid(modulus)
}

/// The sum of Luhn: from the right, every second digit counts as the digit sum of its double. Letters count as the two
/// digits of their value, as in securities numbers.
pub(super) fn luhn_sum(signs: &[u8]) -> i64 {
    let mut double = false;
    let mut sum = 0;
    let mut add = |digit: i64| {
        let weighted = if double { digit * 2 } else { digit };
        sum += weighted / 10 + weighted % 10;
        double = !double;
    };
    for sign in signs.iter().rev() {
        let value = value(*sign);
        add(value % 10);
        if value >= 10 {
            add(value / 10);
        }
    }
    sum
}

/// Luhn over an alphabet of `base` signs.
pub(super) fn luhn_base(signs: &[u8], base: i64) -> bool {
    let weigh = |(at, sign): (usize, &u8)| {
        let weighted = value(*sign) * if at % 2 == 1 { 2 } else { 1 };
        weighted / base + weighted % base
    };
    signs.iter().rev().enumerate().map(weigh).sum::<i64>() % base == 0
}

/// The remainder of one long decimal number, letters as two digits (ISO/IEC 7064 modulo 97-10: 1 is right).
pub(super) fn remainder(signs: &[u8], modulus: i64) -> i64 {
    signs.iter().fold(0, |rest, sign| {
        let value = value(*sign);
        (rest * if value >= 10 { 100 } else { 10 } + value) % modulus
    })
}

/// ISO/IEC 7064 modulo 11,10: digits with their check digit.
pub(super) fn mod_11_10(signs: &[u8]) -> bool {
    let check = signs.iter().fold(5, |check, sign| {
        let product = if check == 0 { 10 } else { check } * 2 % 11;
        (product + value(*sign)) % 10
    });
    check == 1
}

/// ISO/IEC 7064 modulo 11-2: digits, the last may be X for ten.
pub(super) fn mod_11_2(signs: &[u8]) -> bool {
    let step = |check: i64, sign: &u8| (2 * check + if *sign == b'X' { 10 } else { value(*sign) }) % 11;
    signs.iter().fold(0, step) == 1
}

const VERHOEFF_PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
/// One application of the permutation; it is applied once more at each place.
const VERHOEFF_PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// Verhoeff's check over the group of a pentagon.
pub(super) fn verhoeff(signs: &[u8]) -> bool {
    let permuted = |digit: u8, times: usize| {
        (0..times % 8)
            .fold(digit, |digit, _| VERHOEFF_PERMUTATION.get(usize::from(digit)).copied().unwrap_or_default())
    };
    let check = signs.iter().rev().enumerate().fold(0_u8, |check, (at, sign)| {
        let digit = permuted(sign.wrapping_sub(b'0') % 10, at);
        let row = VERHOEFF_PRODUCT.get(usize::from(check)).copied().unwrap_or_default();
        row.get(usize::from(digit)).copied().unwrap_or_default()
    });
    check == 0
}

/// The check of article numbers (GS1): weights 3 and 1 in turn, so that the whole is a multiple of ten.
pub(super) fn article(signs: &[u8]) -> bool {
    let weigh = |(at, sign): (usize, &u8)| value(*sign) * if at % 2 == 1 { 3 } else { 1 };
    signs.iter().rev().enumerate().map(weigh).sum::<i64>() % 10 == 0
}

/// The sign at a place of a table; 0 beyond its end.
pub(super) fn pick(table: &str, at: i64) -> u8 {
    usize::try_from(at).ok().and_then(|at| table.as_bytes().get(at)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        assert_eq!(luhn_sum(b"79927398713") % 10, 0);
        assert_ne!(luhn_sum(b"79927398714") % 10, 0);
        assert_eq!(luhn_sum(b"US0378331005") % 10, 0);
        assert!(luhn_base(b"AF0123450ABCDEC", 16) && !luhn_base(b"AF0123450ABCDED", 16));
        assert_eq!(remainder(b"3214282912345698765432161182", 97), 1);
        assert!(mod_11_10(b"07945") && !mod_11_10(b"07942"));
        assert!(mod_11_2(b"07940") && mod_11_2(b"11010519491231002X") && !mod_11_2(b"07941"));
        assert!(verhoeff(b"2363") && !verhoeff(b"2364"));
        assert!(article(b"4006381333931") && !article(b"4006381333932"));
        assert_eq!((pick("ABC", 2), pick("ABC", 3), pick("ABC", -1)), (b'C', 0, 0));
    }
}
