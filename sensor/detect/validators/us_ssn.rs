//! United States social security numbers: the rules of the Social Security Administration (20 CFR 422.103 and its
//! notices on randomization, June 2011).

use super::{Subject, Validator, ValueForm, Verdict};

/// `us-ssn`.
pub(super) const VALIDATOR: Validator = Validator { name: "us-ssn", check, value: ValueForm::Digits };

/// Numbers that appeared in print and were never anyone's again; the block 987-65-432x was reserved for advertisements.
const PRINTED: &[u32] = &[
    2_281_852,
    42_103_580,
    62_360_749,
    78_051_120,
    95_073_645,
    128_036_045,
    135_016_629,
    141_186_941,
    165_167_999,
    165_187_999,
    165_207_999,
    165_227_999,
    165_247_999,
    189_092_294,
    212_097_694,
    212_099_999,
    219_099_999,
    306_302_348,
    308_125_070,
    457_555_462,
    468_288_779,
    549_241_889,
];

fn check(subject: &Subject<'_>) -> Verdict {
    let digits = subject.digits();
    if digits.len() != 9 {
        return Verdict::Invalid;
    }
    let number = digits.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    if matches!(area, 0 | 666 | 900..) || group == 0 || serial == 0 || PRINTED.contains(&number) {
        return Verdict::Invalid;
    }
    let repeated = |from: usize, to: usize| {
        let group = digits.get(from..to).unwrap_or_default();
        group.iter().all(|digit| group.first() == Some(digit))
    };
    if repeated(0, 3) && repeated(3, 5) && repeated(5, 9) || number == 123_456_789 {
        Verdict::Sample("a placeholder")
    } else {
        Verdict::Valid("area, group and serial")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn rules() {
        for valid in ["536-90-4399", "428-34-3461", "899-99-9999", "001-01-0001", "078051123"] {
            assert!(matches!(check(&VALIDATOR, valid), Verdict::Valid(_)), "{valid}");
        }
        let invalid = [
            "078-05-1120",
            "219-09-9999",
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "987-65-4320",
            "12345678",
        ];
        for invalid in invalid {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
        assert!(matches!(check(&VALIDATOR, "123-45-6789"), Verdict::Sample(_)));
        assert!(matches!(check(&VALIDATOR, "111-22-3333"), Verdict::Sample(_)));
    }
}
