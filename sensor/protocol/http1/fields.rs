//! What the fields of a head say of the body and of the client.
//!
//! Owns: framing, codings, names, ranges and credentials. Never does: state; keeping a password longer than it takes to cut
//! it off.

use super::body::Framing;
use super::parse::Fields;
use super::target::{believable_filename, percent_decoded};
use crate::account::Account;
use crate::ntlm;
use crate::sasl::{LENIENT_BASE64, parameter};
use base64::Engine as _;
use egret_model::{Evidence, TransferStart};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// Content codings noted; more make no sense.
const MOST_CODINGS: usize = 16;
/// Longest media type kept, bytes.
const LONGEST_MEDIA_TYPE: usize = 512;

/// Notes what the fields say of the body.
pub(super) fn describe(fields: &Fields<'_>, start: &mut TransferStart) {
    start.media_type = fields
        .text("content-type")
        .filter(|text| !text.is_empty() && text.len() <= LONGEST_MEDIA_TYPE)
        .map(Cow::into_owned);
    // Transfer codings other than chunked stand around the content codings (RFC 9112 section 7).
    start.codings = fields
        .list("content-encoding")
        .chain(fields.list("transfer-encoding"))
        .map(|coding| String::from_utf8_lossy(coding).to_ascii_lowercase())
        .filter(|coding| !matches!(coding.as_str(), "identity" | "chunked"))
        .take(MOST_CODINGS)
        .collect();
    if let Some(name) = fields.first("content-disposition").and_then(disposition_filename) {
        start.filename = Some(name);
    }
}

/// Addresses kept of those that proxies say they forward for: the last ones, which the nearest proxies have added.
const MOST_FORWARDED: usize = 8;

/// What proxies say of their client, as facts: `forwarded-for` with its addresses (X-Forwarded-For, or RFC 7239 section 5.2), and
/// `authenticated-user`. Anybody can write these fields: whose word counts, the operator says.
pub(super) fn proxied(fields: &Fields<'_>) -> Box<[(&'static str, String)]> {
    let address = |text: &[u8]| -> Option<IpAddr> {
        let text = std::str::from_utf8(text).ok()?.trim().trim_matches('"');
        let bare = text.trim_start_matches('[').split(']').next()?;
        bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
    };
    let forwarded =
        fields.list("forwarded").flat_map(|element| element.split(|byte| *byte == b';')).filter_map(|pair| {
            let (name, value) = pair.trim_ascii().split_at_checked(4)?;
            name.eq_ignore_ascii_case(b"for=").then_some(value)
        });
    let mut addresses: Vec<String> = fields
        .list("x-forwarded-for")
        .chain(forwarded)
        .filter_map(address)
        .map(|ip| ip.to_string())
        .collect();
    addresses.drain(..addresses.len().saturating_sub(MOST_FORWARDED));
    let user = ["x-authenticated-user", "x-forwarded-user", "x-remote-user"]
        .into_iter()
        .find_map(|name| fields.first(name));
    // Some write `WinNT://CORP/alice`.
    let user = user
        .and_then(|user| Account::parse(user.rsplit(|byte| *byte == b'/').next()?))
        .map(|account| account.user);
    let addresses = (!addresses.is_empty()).then(|| ("forwarded-for", addresses.join(", ")));
    addresses.into_iter().chain(user.map(|user| ("authenticated-user", user))).collect()
}

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
    let coded = fields.list("transfer-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let chunked = fields.list("transfer-encoding").any(|coding| {
        coding
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    });
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

/// The file name of a Content-Disposition field (RFC 6266): `filename*` before `filename`.
fn disposition_filename(value: &[u8]) -> Option<String> {
    let mut plain = None;
    for (name, value) in parameters(value) {
        if name.eq_ignore_ascii_case(b"filename*") {
            if let Some(name) = extended_value(&value).and_then(|name| believable_filename(&name)) {
                return Some(name);
            }
        } else if name.eq_ignore_ascii_case(b"filename") && plain.is_none() {
            plain = believable_filename(&text(&value));
        }
    }
    plain
}

/// Bytes as UTF-8 or else as ISO 8859-1.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

/// `UTF-8''%e2%82%ac` (RFC 8187 section 3.2).
fn extended_value(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let charset = parts.next()?;
    let encoded = parts.nth(1)?;
    let bytes = percent_decoded(encoded);
    if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(bytes.iter().map(|byte| char::from(*byte)).collect())
    } else {
        String::from_utf8(bytes).ok()
    }
}

/// The parameters behind the first word of a field value, quotes and escapes removed.
fn parameters(value: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(semicolon) = rest.iter().position(|byte| *byte == b';') {
        rest = rest.get(semicolon + 1..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let Some(argument) = behind.strip_prefix(b"=") else { continue };
        let (value, behind) = parameter_value(argument.trim_ascii_start());
        found.push((name.trim_ascii(), value));
        rest = behind;
    }
    found
}

fn parameter_value(argument: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = argument.strip_prefix(b"\"") else {
        let end = argument.iter().position(|byte| *byte == b';').unwrap_or(argument.len());
        let (value, behind) = argument.split_at(end);
        return (value.trim_ascii().to_vec(), behind);
    };
    let mut value = Vec::new();
    let mut rest = quoted;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.split_first()) {
            (b'"', _) => break,
            // Only quotes and backslashes are escaped in practice: a lone backslash is part of a Windows path.
            (b'\\', Some((escaped @ (b'"' | b'\\'), behind))) => {
                value.push(*escaped);
                rest = behind;
            }
            _ => value.push(*byte),
        }
    }
    (value, rest)
}

/// Where a piece stands in a whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// Offset of its first byte.
    pub(super) start: u64,
    /// Offset behind its last byte, where told.
    pub(super) end: Option<u64>,
    /// Length of the whole, where told.
    pub(super) total: Option<u64>,
}

/// Reads `Content-Range: bytes 0-99/1000` (RFC 9110 section 14.4), or the `Upload-Offset` of a resumable upload.
pub(super) fn range(fields: &Fields<'_>) -> Option<Range> {
    if let Some(value) = fields.text("content-range") {
        let (unit, rest) = value.trim().split_once([' ', '='])?;
        let (span, total) = rest.trim().split_once('/')?;
        let (start, last) = span.trim().split_once('-')?;
        let (start, last): (u64, u64) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
        let total: Option<u64> = total.trim().parse().ok();
        let end = last.checked_add(1)?;
        let sound =
            unit.eq_ignore_ascii_case("bytes") && start < end && total.is_none_or(|total| end <= total);
        return sound.then_some(Range { start, end: Some(end), total });
    }
    let start = fields.text("upload-offset")?.trim().parse().ok()?;
    let total = fields.text("upload-length").and_then(|length| length.trim().parse().ok());
    Some(Range { start, end: None, total })
}

/// The account of credentials, and what kind of evidence they are: Basic (RFC 7617), Digest (RFC 7616), NTLM (MS-NTHT) alone or
/// within Negotiate (RFC 4559). `by_password` is what a password is evidence of. Nothing but the names is looked at.
pub(super) fn account(credentials: &[u8], by_password: Evidence) -> Option<(Account, Evidence)> {
    let (scheme, rest) = credentials.split_at(credentials.iter().position(|byte| *byte == b' ')?);
    let rest = rest.trim_ascii();
    let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
    if is("basic") {
        let decoded = LENIENT_BASE64.decode(rest).ok()?;
        let user = decoded.split(|byte| *byte == b':').next()?;
        return Some((Account::parse(user)?, by_password));
    }
    if is("digest") {
        return Some((Account::parse(&parameter(rest, "username")?)?, by_password));
    }
    if is("ntlm") || is("negotiate") {
        let message = LENIENT_BASE64.decode(rest).ok()?;
        return match ntlm::find(&message)? {
            ntlm::Message::Authenticate(names) => Some((Account::ntlm(names?)?, Evidence::Ntlm)),
            ntlm::Message::Negotiate | ntlm::Message::Challenge => None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::parse::RequestHead;
    use super::*;

    fn with_fields<T>(text: &str, read: impl FnOnce(&Fields<'_>) -> T) -> T {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n\r\n", text.replace('|', "\r\n"));
        read(&RequestHead::parse(head.as_bytes()).unwrap().fields)
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

    #[test]
    fn file_names() {
        let cases: &[(&str, Option<&str>)] = &[
            ("attachment; filename=a.csv", Some("a.csv")),
            ("attachment; filename=\"a \\\"b\\\";c.csv\"; size=3", Some("a \"b\";c.csv")),
            ("attachment; filename=\"C:\\temp\\a.csv\"", Some("a.csv")),
            ("attachment; filename=\"a.csv\"; filename*=UTF-8''%e2%82%ac%20rates.csv", Some("€ rates.csv")),
            ("attachment; filename*=iso-8859-1'en'%A3.csv", Some("£.csv")),
            ("attachment; filename*=UTF-8''%ff; filename=a.csv", Some("a.csv")),
            ("attachment; FileName = a.csv", Some("a.csv")),
            ("inline", None),
            ("attachment; filename=", None),
            ("attachment; filename=\"..\"", None),
        ];
        for (value, expected) in cases {
            assert_eq!(disposition_filename(value.as_bytes()).as_deref(), *expected, "{value}");
        }
    }

    #[test]
    fn ranges() {
        let range_of = |start, end, total| Some(Range { start, end, total });
        let cases: &[(&str, Option<Range>)] = &[
            ("Content-Range: bytes 0-99/1000", range_of(0, Some(100), Some(1000))),
            ("Content-Range: bytes 5-9/*", range_of(5, Some(10), None)),
            ("Content-Range: bytes=5-9/10", range_of(5, Some(10), Some(10))),
            ("Content-Range: bytes */1000", None),
            ("Content-Range: bytes 9-5/10", None),
            ("Content-Range: bytes 5-10/10", None),
            ("Content-Range: items 0-1/2", None),
            ("Content-Range: bytes 0-18446744073709551615/*", None),
            ("Upload-Offset: 70", range_of(70, None, None)),
            ("Host: h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(with_fields(text, range), *expected, "{text}");
        }
    }

    #[test]
    fn basic_credentials_give_the_account_only() {
        let user =
            |text: &str| account(text.as_bytes(), Evidence::HttpBasic).map(|(account, _)| account.user);
        assert_eq!(user("Basic YWxpY2U6c2VjcmV0").as_deref(), Some("alice"));
        assert_eq!(user("basic  YWxpY2U6").as_deref(), Some("alice"));
        assert_eq!(user("Basic YWxpY2U").as_deref(), Some("alice"));
        assert_eq!(user("Bearer YWxpY2U6c2VjcmV0"), None);
        assert_eq!(user("Basic ****"), None);
        assert_eq!(user("Digest realm=\"x\", username=\"alice\"").as_deref(), Some("alice"));
        let ntlm = LENIENT_BASE64.encode(ntlm::samples::authenticate("alice", "CORP", "LT"));
        let (named, evidence) = account(format!("NTLM {ntlm}").as_bytes(), Evidence::HttpBasic).unwrap();
        assert_eq!((named.domain.as_deref(), named.host.as_deref()), (Some("CORP"), Some("LT")));
        assert_eq!(evidence, Evidence::Ntlm);
    }
}
