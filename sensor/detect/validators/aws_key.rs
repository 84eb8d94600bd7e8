//! Amazon Web Services access key ids: a prefix of four letters and sixteen signs of base 32 (AWS IAM user guide,
//! "IAM identifiers").

use super::{Subject, Validator, ValueForm, Verdict, entropy};

/// `aws-access-key`.
pub(super) const VALIDATOR: Validator = Validator { name: "aws-access-key", check, value: ValueForm::Exact };

fn check(subject: &Subject<'_>) -> Verdict {
    let Some((_, body)) = subject.matched.split_at_checked(4) else { return Verdict::Invalid };
    if body.len() != 16 || !body.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return Verdict::Invalid;
    }
    if body.ends_with(b"EXAMPLE") {
        return Verdict::Sample("an example from the documentation");
    }
    if entropy::bits(body) < 2.5 || entropy::is_placeholder(body) {
        return Verdict::Invalid;
    }
    // Ids issued today are base 32; of older ones that is not documented.
    if body.iter().any(|byte| matches!(byte, b'0' | b'1' | b'8' | b'9')) {
        return Verdict::Doubtful("shape of an access key id, not base 32");
    }
    Verdict::Valid("shape of an access key id")
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn shapes() {
        assert!(matches!(check(&VALIDATOR, "AKIALGEKBWFQ22G2SXHO"), Verdict::Valid(_)));
        assert!(matches!(check(&VALIDATOR, "AKIALGEKBWFQ29G2SXHO"), Verdict::Doubtful(_)));
        assert!(matches!(check(&VALIDATOR, "AKIAIOSFODNN7EXAMPLE"), Verdict::Sample(_)));
        for invalid in ["AKIALGEKBWFQ22G2SXHo", "AKIAAAAAAAAAAAAAAAAA", "AKIALGEKBWFQ22G2SXH", "AK"] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
