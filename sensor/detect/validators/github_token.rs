//! GitHub tokens: the last six signs are a CRC-32 of the thirty before, in base 62 (GitHub engineering, "Behind GitHub's
//! new authentication token formats", April 2021).

use super::{Subject, Validator, ValueForm, Verdict, checksum, entropy};

/// `github-token`.
pub(super) const VALIDATOR: Validator = Validator { name: "github-token", check, value: ValueForm::Exact };

fn check(subject: &Subject<'_>) -> Verdict {
    let Some(line) = subject.matched.iter().position(|byte| *byte == b'_') else { return Verdict::Invalid };
    let Some((_, body)) = subject.matched.split_at_checked(line + 1) else { return Verdict::Invalid };
    if entropy::is_placeholder(body) || entropy::bits(body) < 3.0 {
        return Verdict::Invalid;
    }
    if entropy::is_counting(body) {
        return Verdict::Sample("made up: it counts");
    }
    match body.split_at_checked(30) {
        Some((random, sum)) if body.len() == 36 && checksum::is_base62_of(sum, random) => {
            Verdict::Valid("checksum")
        }
        _ if subject.matched.starts_with(b"github_pat_") => Verdict::Valid("looks random"),
        _ => Verdict::Doubtful("its checksum does not fit"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn the_checksum_decides_how_sure() {
        // Made up, with a checksum of independent making.
        assert_eq!(check(&VALIDATOR, "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"), Verdict::Valid("checksum"));
        assert!(matches!(
            check(&VALIDATOR, "ghp_XJSalUJv1BS25emniY72xAAhKxMtjO3KEucz"),
            Verdict::Doubtful(_)
        ));
        assert_eq!(check(&VALIDATOR, "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), Verdict::Invalid);
    }
}
