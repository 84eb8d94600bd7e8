//! The fields of a message, and what they say of its body and of the client.
//!
//! Owns: codings, names, ranges and credentials. Never does: state; keeping a password longer than it takes to cut
//! it off.

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

/// The fields of a head, in order.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(&'a [u8], Cow<'a, [u8]>)>);

impl<'a> Fields<'a> {
    /// Reads the lines behind a start line (RFC 9112 section 5).
    pub(crate) fn of_lines(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut fields: Vec<(&[u8], Cow<'_, [u8]>)> = Vec::new();
        for line in lines {
            // A line that begins with a blank continues the one before (section 5.2).
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = fields.last_mut() {
                    let value = value.to_mut();
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
            } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                fields.push((name.trim_ascii(), Cow::Borrowed(value.trim_ascii())));
            }
        }
        Self(fields)
    }

    /// Of names and values.
    pub(crate) fn of_pairs(pairs: &'a [(Vec<u8>, Vec<u8>)]) -> Self {
        Self(pairs.iter().map(|(name, value)| (name.as_slice(), Cow::Borrowed(value.as_slice()))).collect())
    }

    /// Every value of the fields called `name`, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_ref())
    }

    /// The first value of a field called `name`.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The members of the comma-separated list that all fields called `name` make together, without empty ones.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty())
    }

    /// The same where its members are names: bytes that can be part of none, which some receivers pass over, are left out at
    /// either end (RFC 9110 section 5.6.2).
    pub(crate) fn tokens(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        self.list(name).filter_map(move |member| {
            let from = member.iter().position(is_token)?;
            let length = member.get(from..)?.iter().take_while(|byte| is_token(byte)).count();
            member.get(from..from + length)
        })
    }

    /// The first value of a field called `name`, as text; characters that are not UTF-8 are replaced.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.first(name).map(String::from_utf8_lossy)
    }
}

/// Notes what the fields say of the body.
pub(crate) fn describe(fields: &Fields<'_>, start: &mut TransferStart) {
    start.media_type = fields
        .text("content-type")
        .filter(|text| !text.is_empty() && text.len() <= LONGEST_MEDIA_TYPE)
        .map(Cow::into_owned);
    // Transfer codings other than chunked stand around the content codings (RFC 9112 section 7).
    start.codings = fields
        .tokens("content-encoding")
        .chain(fields.tokens("transfer-encoding"))
        .map(|coding| String::from_utf8_lossy(coding).to_ascii_lowercase())
        .filter(|coding| !matches!(coding.as_str(), "identity" | "chunked"))
        .take(MOST_CODINGS)
        .collect();
    let named = fields.first("content-disposition").and_then(disposition_filename);
    if let Some(name) = named.or_else(|| uploaded_filename(fields)) {
        start.filename = Some(name);
    }
}

/// The body is of parts (RFC 2046 section 5.1).
pub(crate) fn is_multipart(fields: &Fields<'_>) -> bool {
    const MULTIPART: &[u8] = b"multipart/";
    let media_type = fields.first("content-type").and_then(|media_type| media_type.get(..MULTIPART.len()));
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(MULTIPART))
}

/// The name of the file that a request brings, where a service has a field of its own for it: scripts of web pages (`X-File-Name`),
/// Atom (`Slug`, RFC 5023 section 9.7), Dropbox (`Dropbox-API-Arg`, JSON with a path), tus (`Upload-Metadata`, base64).
fn uploaded_filename(fields: &Fields<'_>) -> Option<String> {
    let plain = ["x-file-name", "x-filename", "slug"].into_iter().find_map(|name| fields.first(name));
    let text = match plain {
        Some(encoded) => percent_decoded(encoded),
        None => json_path(fields.first("dropbox-api-arg").unwrap_or_default())
            .or_else(|| fields.list("upload-metadata").find_map(tus_filename))?,
    };
    believable_filename(&String::from_utf8_lossy(&text))
}

/// The value of `"path"` in an object of JSON, if it is text without escapes.
fn json_path(object: &[u8]) -> Option<Vec<u8>> {
    const KEY: &[u8] = b"\"path\"";
    let at = memchr::memmem::find(object, KEY)? + KEY.len();
    let value =
        object.get(at..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let value = value.split(|byte| *byte == b'"').next()?;
    (!value.contains(&b'\\')).then(|| value.to_vec())
}

/// The file name among the pairs of a key and a value in base64 (tus 1.0.0, Upload-Metadata).
fn tus_filename(pair: &[u8]) -> Option<Vec<u8>> {
    let mut words = pair.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (key, value) = (words.next()?, words.next()?);
    let named = key.eq_ignore_ascii_case(b"filename") || key.eq_ignore_ascii_case(b"name");
    LENIENT_BASE64.decode(value).ok().filter(|_| named)
}

/// Addresses kept of those that proxies say they forward for: the last ones, which the nearest proxies have added.
const MOST_FORWARDED: usize = 8;

/// What proxies say of their client, as facts: `forwarded-for` with its addresses (X-Forwarded-For, or RFC 7239 section 5.2), and
/// `authenticated-user`. Anybody can write these fields: whose word counts, the operator says.
pub(crate) fn proxied(fields: &Fields<'_>) -> Box<[(&'static str, String)]> {
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
pub(crate) struct Range {
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Offset behind its last byte, where told.
    pub(crate) end: Option<u64>,
    /// Length of the whole, where told.
    pub(crate) total: Option<u64>,
}

/// Reads `Content-Range: bytes 0-99/1000` (RFC 9110 section 14.4), or the `Upload-Offset` of a resumable upload.
pub(crate) fn range(fields: &Fields<'_>) -> Option<Range> {
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
pub(crate) fn account(credentials: &[u8], by_password: Evidence) -> Option<(Account, Evidence)> {
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
    use super::*;

    fn with_fields<T>(text: &str, read: impl FnOnce(&Fields<'_>) -> T) -> T {
        read(&Fields::of_lines(text.split('|').map(str::as_bytes)))
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
    fn file_names_in_fields_of_services() {
        let cases: &[(&str, Option<&str>)] = &[
            ("X-File-Name: q3%20report.xlsx", Some("q3 report.xlsx")),
            ("Slug: notes.txt", Some("notes.txt")),
            ("Dropbox-API-Arg: {\"mode\": \"add\", \"path\" : \"/finance/q3.csv\"}", Some("q3.csv")),
            ("Dropbox-API-Arg: {\"path\":\"/a\\u00e9.csv\"}", None),
            ("Dropbox-API-Arg: {\"path\":7}", None),
            ("Upload-Metadata: filetype dGV4dC9jc3Y=,filename cTMuY3N2", Some("q3.csv")),
            ("Upload-Metadata: is_confidential", None),
            ("X-File-Name: a.csv|Content-Disposition: attachment; filename=b.csv", Some("b.csv")),
            ("X-File-Name: ..", None),
        ];
        for (fields, expected) in cases {
            let named = with_fields(fields, |fields| {
                let disposition = fields.first("content-disposition").and_then(disposition_filename);
                disposition.or_else(|| uploaded_filename(fields))
            });
            assert_eq!(named.as_deref(), *expected, "{fields}");
        }
        assert!(with_fields("Content-Type: Multipart/form-data; boundary=x", is_multipart));
        assert!(!with_fields("Content-Type: text/csv", is_multipart) && !with_fields("A: b", is_multipart));
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
