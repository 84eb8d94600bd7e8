//! Tokens whose issuers published a checksum or a structure: npm, Grafana, PyPI.

use super::{Subject, Validator, ValueForm, Verdict, checksum, entropy, jwt::base64url};

/// `npm-token`: like GitHub's, the last six signs are a CRC-32 in base 62 of the thirty before (GitHub blog, "Introducing npm's
/// new access token format", September 2021).
pub(super) const NPM: Validator = Validator { name: "npm-token", check: npm, value: ValueForm::Exact };
/// `grafana-token`: eight hexadecimal digits at the end are the CRC-32 of what precedes them (Grafana's source, package
/// satokengen).
pub(super) const GRAFANA: Validator =
    Validator { name: "grafana-token", check: grafana, value: ValueForm::Exact };
/// `pypi-token`: a serialised macaroon of version 2 whose location is pypi.org or test.pypi.org (PyPI help, "API tokens"; libmacaroons'
/// format).
pub(super) const PYPI: Validator = Validator { name: "pypi-token", check: pypi, value: ValueForm::Exact };

fn npm(subject: &Subject<'_>) -> Verdict {
    let body = subject.matched.strip_prefix(b"npm_").unwrap_or(subject.matched);
    if let Some(verdict) = implausible(body) {
        return verdict;
    }
    match body.split_at_checked(30) {
        Some((random, sum)) if checksum::is_base62_of(sum, random) => Verdict::Valid("checksum"),
        _ => Verdict::Doubtful("its checksum does not fit"),
    }
}

fn grafana(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = implausible(subject.matched) {
        return verdict;
    }
    let parts = subject.matched.len().checked_sub(9).and_then(|at| subject.matched.split_at_checked(at));
    match parts {
        Some((body, [b'_', sum @ ..])) if checksum::is_hex_of(sum, body) => Verdict::Valid("checksum"),
        _ => Verdict::Doubtful("its checksum does not fit"),
    }
}

fn pypi(subject: &Subject<'_>) -> Verdict {
    let body = subject.matched.strip_prefix(b"pypi-").unwrap_or(subject.matched);
    if entropy::is_placeholder(body) {
        return Verdict::Invalid;
    }
    // Version 2, then a field of type 1 with its length: the location.
    let Some(bytes) = base64url(body) else { return Verdict::Invalid };
    match bytes.as_slice() {
        [2, 1, length, rest @ ..] => match rest.get(..usize::from(*length)) {
            Some(b"pypi.org" | b"test.pypi.org") => Verdict::Valid("a macaroon of pypi.org"),
            _ => Verdict::Invalid,
        },
        _ => Verdict::Invalid,
    }
}

fn implausible(body: &[u8]) -> Option<Verdict> {
    if entropy::is_placeholder(body) || entropy::bits(body) < 3.0 {
        return Some(Verdict::Invalid);
    }
    entropy::is_counting(body).then_some(Verdict::Sample("made up: it counts"))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn structures_decide_how_sure() {
        // Made up, with checksums of independent making.
        assert_eq!(check(&NPM, "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"), Verdict::Valid("checksum"));
        assert!(matches!(check(&NPM, "npm_XJSalUJv1BS25emniY72xAAhKxMtjO3KEucx"), Verdict::Doubtful(_)));
        assert_eq!(check(&NPM, "npm_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), Verdict::Invalid);
        assert!(matches!(
            check(&GRAFANA, "glsa_kXvRw7QpLd93ZtMbNyHc2FgJsUeKoTa1_00000000"),
            Verdict::Invalid | Verdict::Doubtful(_)
        ));
        assert!(matches!(
            check(&PYPI, "pypi-AgEIcHlwaS5vcmcCJDU3OTM1MjliLWIyYTYtNDEwOC05NzRk"),
            Verdict::Valid(_)
        ));
        assert_eq!(check(&PYPI, "pypi-AgEIcHlwaS5uZXQCJDU3OTM1MjliLWIyYTYtNDEwOC05NzRk"), Verdict::Invalid);
        assert_eq!(check(&PYPI, "pypi-"), Verdict::Invalid);
    }
}
