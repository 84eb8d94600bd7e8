//! How the end of a body is told (RFC 9112 section 6).
//!
//! Owns: reading the fields that tell it. Never does: finding the end.

use super::body::Framing;
use crate::http::Fields;

/// What the fields say of the end of the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// None: neither a length nor a transfer coding, or none that makes sense.
    pub(super) framing: Option<Framing>,
    /// What is odd about it: the shapes of request smuggling (RFC 9112 section 11.2).
    pub(super) odd: Option<&'static str>,
    /// A length or transfer coding was given, whether or not it makes sense.
    pub(super) given: bool,
}

/// Reads how the end of the body is told (RFC 9112 section 6.3).
pub(super) fn framing(fields: &Fields<'_>) -> Told {
    let coded = fields.tokens("transfer-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let chunked = fields.tokens("transfer-encoding").any(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    let mut lengths = fields.list("content-length").map(length);
    let first = lengths.next();
    let conflict = first.is_some_and(|first| lengths.any(|other| other != first));
    let given = coded || first.is_some();
    match (coded, first) {
        (true, length) => Told {
            framing: if chunked { Some(Framing::Chunked) } else { length.flatten().map(Framing::Length) },
            odd: match (chunked, length) {
                (_, Some(_)) => Some("Content-Length and Transfer-Encoding"),
                (false, None) => Some("Transfer-Encoding without chunked"),
                (true, None) => None,
            },
            given,
        },
        (false, Some(Some(length))) => Told {
            framing: Some(Framing::Length(length)),
            odd: conflict.then_some("conflicting Content-Length"),
            given,
        },
        (false, Some(None)) => Told { framing: None, odd: Some("Content-Length is not a number"), given },
        (false, None) => Told { framing: None, odd: None, given },
    }
}

fn length(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_fields<T>(text: &str, read: impl FnOnce(&Fields<'_>) -> T) -> T {
        read(&Fields::of_lines(text.split('|').map(str::as_bytes)))
    }

    #[test]
    fn framings() {
        let cases: &[(&str, Option<Framing>, bool)] = &[
            ("Content-Length: 5", Some(Framing::Length(5)), false),
            ("Content-Length: 5, 5", Some(Framing::Length(5)), false),
            ("Content-Length: 5|Content-Length: 5", Some(Framing::Length(5)), false),
            ("Content-Length: 5|Content-Length: 6", Some(Framing::Length(5)), true),
            ("Content-Length: +5", Some(Framing::Length(5)), false),
            ("Content-Length: -5", None, true),
            ("Content-Length: 99999999999999999999", None, true),
            ("Transfer-Encoding: chunked", Some(Framing::Chunked), false),
            ("Transfer-Encoding: gzip, Chunked", Some(Framing::Chunked), false),
            ("Transfer-Encoding: chunked|Content-Length: 5", Some(Framing::Chunked), true),
            ("Transfer-Encoding: xchunked|Content-Length: 5", Some(Framing::Length(5)), true),
            ("Transfer-Encoding: xchunked", None, true),
            ("Transfer-Encoding: identity|Content-Length: 5", Some(Framing::Length(5)), false),
            ("Host: h", None, false),
        ];
        for (text, expected, odd) in cases {
            let told = with_fields(text, framing);
            assert_eq!((told.framing, told.odd.is_some()), (*expected, *odd), "{text}");
            assert_eq!(told.given, *text != "Host: h");
        }
    }
}
