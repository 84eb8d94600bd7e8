//! Request targets and the names in them (RFC 9112 section 3.2, RFC 9110 section 7.1).
//!
//! Owns: telling server, path and query apart, and how a request is shown in a record. Never does: resolving; keeping user
//! information, which may hold a password.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 of the alphabet for URLs (RFC 4648 section 5), with or without its padding.
const URL_BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A request target, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Server named by the target itself, `host:port`: asked of a proxy.
    pub(crate) authority: Option<&'a [u8]>,
    /// Path, or `*`; of CONNECT the authority.
    pub(crate) path: &'a [u8],
    /// What stands behind the question mark.
    pub(crate) query: &'a [u8],
}

impl<'a> Target<'a> {
    /// What tells it from others of its server.
    pub(crate) fn whole(&self) -> Vec<u8> {
        [self.path, b"?", self.query].concat()
    }

    pub(crate) fn parse(target: &'a [u8]) -> Self {
        let target = target.split(|byte| *byte == b'#').next().unwrap_or_default();
        let (authority, rest) = match find(target, b"://").and_then(|colon| {
            let scheme = target.get(..colon)?;
            let known =
                !scheme.is_empty() && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'+');
            known.then(|| target.get(colon + 3..)).flatten()
        }) {
            Some(behind) => {
                let end = behind.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(behind.len());
                let (authority, rest) = behind.split_at(end);
                (Some(without_user(authority)), rest)
            }
            None => (None, target),
        };
        let question = rest.iter().position(|byte| *byte == b'?').unwrap_or(rest.len());
        let (path, query) = rest.split_at(question);
        Self {
            authority,
            path: if path.is_empty() { b"/" } else { path },
            query: query.get(1..).unwrap_or_default(),
        }
    }
}

/// `authority` without `user:password@`.
fn without_user(authority: &[u8]) -> &[u8] {
    authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default()
}

/// Shortest run of letters and digits that no word and no identifier is, bytes: a session id, a UUID and a SHA-256 in
/// hexadecimal are shorter or as long.
const ENCODED_RUN: usize = 65;

/// Bytes of `content` that stand in runs of the alphabets of base 16, 32 and 64 too long for anything but encoded data.
pub(crate) fn encoded_bytes(content: &[u8]) -> usize {
    content
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'-' | b'%')))
        .filter(|run| {
            // Words joined by hyphens have next to no digits among them; encoded data has one in six at least.
            let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
            run.len() >= ENCODED_RUN && digits * 12 >= run.len()
        })
        .map(<[u8]>::len)
        .sum()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The host of `host`, `host:port` or `[2001:db8::1]:port`, in lower case, without port and brackets.
pub(crate) fn host(authority: &[u8]) -> Option<String> {
    let authority = std::str::from_utf8(without_user(authority.trim_ascii())).ok()?;
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next()?,
        None => match authority.rsplit_once(':') {
            // More than one colon: an IPv6 address without its brackets.
            Some((host, _)) if !host.contains(':') => host,
            _ => authority,
        },
    };
    let host = host.trim_end_matches('.');
    let believable =
        !host.is_empty() && host.len() <= 255 && !host.contains(|c: char| c.is_control() || c == ' ');
    believable.then(|| host.to_lowercase())
}

/// Longest path shown in an operation, characters.
const SHOWN_PATH: usize = 256;
/// Longest run of digits shown in an operation: a longer one may be a number worth protecting.
const SHOWN_DIGITS: usize = 8;

/// How a request is told in records: `POST /upload`. A query is never shown, since it may be content; nor are long numbers.
pub(crate) fn operation(method: &str, target: &Target<'_>) -> String {
    let path = String::from_utf8_lossy(target.path);
    let mut shown = format!("{method} ");
    let mut digits = String::new();
    let flush = |digits: &mut String, shown: &mut String| {
        shown.push_str(if digits.len() > SHOWN_DIGITS { "…" } else { digits });
        digits.clear();
    };
    for character in path.chars().take(SHOWN_PATH) {
        if character.is_ascii_digit() {
            digits.push(character);
        } else {
            flush(&mut digits, &mut shown);
            shown.push(if character.is_control() { '\u{fffd}' } else { character });
        }
    }
    flush(&mut digits, &mut shown);
    if path.chars().nth(SHOWN_PATH).is_some() {
        shown.push('…');
    }
    if !target.query.is_empty() {
        shown.push_str("?…");
    }
    shown
}

/// Shortest part of a target that is content by its mere length, bytes.
const LONG_QUERY: usize = 64;
const LONG_PATH: usize = 256;
/// As many digits may be a number worth protecting (a US social security number has nine).
const MANY_DIGITS: usize = 9;

/// True when a query may carry more than which page is wanted.
pub(crate) fn query_is_content(query: &[u8]) -> bool {
    query.len() >= LONG_QUERY || query.iter().filter(|byte| byte.is_ascii_digit()).count() >= MANY_DIGITS
}

/// The same of a path, where long numbers are more common.
pub(crate) const fn path_is_content(path: &[u8]) -> bool {
    path.len() >= LONG_PATH
}

/// The message of DNS in a query (RFC 8484 section 4.1.1): `dns=AAABAAAB…`.
pub(crate) fn dns_message(query: &[u8]) -> Option<Vec<u8>> {
    let value = query.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"dns="))?;
    URL_BASE64.decode(value).ok()
}

/// The file name at the end of a path, if it looks like one: with an extension of one to eight letters and digits.
pub(crate) fn filename(path: &[u8]) -> Option<String> {
    let segment = path.rsplit(|byte| *byte == b'/').next()?;
    let decoded = percent_decoded(segment);
    let name = String::from_utf8_lossy(&decoded);
    let (stem, extension) = name.rsplit_once('.')?;
    let looks = !stem.is_empty()
        && (1..=8).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    looks.then(|| believable_filename(&name)).flatten()
}

/// Extensions of files that hold content. Those of programs that a POST asks for are not among them, nor are those that tell an API
/// which format to answer in.
#[rustfmt::skip]
const OF_CONTENT: &[&str] = &[
    // Texts and tables.
    "txt", "log", "md", "rtf", "tex", "csv", "tsv", "psv", "jsonl", "ndjson", "yaml", "yml", "ini", "conf", "cfg", "env",
    // Documents and mail.
    "pdf", "doc", "docx", "docm", "dotx", "xls", "xlsx", "xlsm", "xlsb", "ppt", "pptx", "pptm", "odt", "ods", "odp", "odg",
    "vsd", "vsdx", "mpp", "pages", "numbers", "key", "epub", "msg", "eml", "mbox", "pst", "ost", "ics", "vcf",
    // Archives and images of disks.
    "zip", "7z", "rar", "gz", "tgz", "bz2", "xz", "zst", "tar", "cab", "iso", "img", "dmg", "vmdk", "vhd", "vhdx", "qcow2",
    // Databases and dumps.
    "sql", "db", "sqlite", "sqlite3", "mdb", "accdb", "dbf", "bak", "dump", "dmp", "parquet", "avro", "orc",
    // Keys.
    "pem", "crt", "cer", "p12", "pfx", "ppk", "jks", "kdbx", "gpg",
    // Pictures, sound, films, drawings.
    "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "heic", "svg", "psd", "ai", "mp3", "wav", "m4a", "mp4", "mov",
    "avi", "mkv", "webm", "dwg", "dxf", "step", "stp", "stl", "iges", "igs", "cadx", "sldprt", "sldasm", "gds",
    // Captures.
    "pcap", "pcapng",
];

/// True when a path that ends in `filename` names what is sent to it, and no program that takes it.
pub(crate) fn names_content(filename: &str) -> bool {
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| OF_CONTENT.contains(&extension.as_str()))
}

/// `name` without folders, unless nothing of it is left or it is no name at all.
pub(crate) fn believable_filename(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let believable = !name.is_empty()
        && name.len() <= 255
        && !name.contains(char::is_control)
        && name != "."
        && name != "..";
    believable.then(|| name.to_owned())
}

/// `bytes` with `%41` and the like put back (RFC 3986 section 2.1); what is no escape stays.
pub(crate) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let escaped = match behind {
            [high, low, ..] if *byte == b'%' => (*high as char)
                .to_digit(16)
                .zip((*low as char).to_digit(16))
                .and_then(|(h, l)| u8::try_from(h * 16 + l).ok()),
            _ => None,
        };
        if escaped.is_some() {
            rest = behind.get(2..).unwrap_or_default();
        }
        decoded.push(escaped.unwrap_or(*byte));
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        let cases: &[(&str, Option<&str>, &str, &str)] = &[
            ("/a/b?c=d#e", None, "/a/b", "c=d"),
            ("http://User:pw@Host.example:8080/a?b", Some("Host.example:8080"), "/a", "b"),
            ("http://h?q", Some("h"), "/", "q"),
            ("https://[2001:db8::1]/x", Some("[2001:db8::1]"), "/x", ""),
            ("*", None, "*", ""),
            ("h.example:443", None, "h.example:443", ""),
            ("/go?u=http://x/", None, "/go", "u=http://x/"),
            ("", None, "/", ""),
        ];
        for (target, authority, path, query) in cases {
            let parsed = Target::parse(target.as_bytes());
            assert_eq!(
                parsed,
                Target {
                    authority: authority.map(str::as_bytes),
                    path: path.as_bytes(),
                    query: query.as_bytes()
                }
            );
        }
    }

    #[test]
    fn hosts_lose_port_and_brackets() {
        let cases: &[(&str, Option<&str>)] = &[
            ("Upload.Example", Some("upload.example")),
            ("upload.example.:8080", Some("upload.example")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("u:p@h", Some("h")),
            ("", None),
            (":80", None),
            ("a b", None),
        ];
        for (authority, expected) in cases {
            assert_eq!(host(authority.as_bytes()).as_deref(), *expected, "{authority}");
        }
    }

    #[test]
    fn operations_show_no_content() {
        let show = |target: &str| operation("GET", &Target::parse(target.as_bytes()));
        assert_eq!(show("/a/12345678/b"), "GET /a/12345678/b");
        assert_eq!(show("/a/4539578763621486/b?card=4539578763621486"), "GET /a/…/b?…");
        assert_eq!(show("/4539578763621486"), "GET /…");
        assert_eq!(show(&format!("/{}", "a".repeat(300))), format!("GET /{}…", "a".repeat(255)));
        assert_eq!(show("http://u:p@h/x"), "GET /x");
    }

    #[test]
    fn queries_are_content_when_they_say_enough() {
        assert!(!query_is_content(b"page=2&sort=name"));
        assert!(query_is_content(b"ssn=078-05-1120"));
        assert!(query_is_content(&[b'a'; 64]));
    }

    #[test]
    fn messages_of_dns_are_decoded() {
        assert_eq!(dns_message(b"a=b&dns=AAE_-w").as_deref(), Some(&[0, 1, 0x3f, 0xfb][..]));
        assert_eq!(dns_message(b"dns=*"), None);
        assert_eq!(dns_message(b"xdns=AAE"), None);
    }

    #[test]
    fn file_names_are_told_from_pages() {
        let cases: &[(&str, Option<&str>)] = &[
            ("/files/q3%20report.xlsx", Some("q3 report.xlsx")),
            ("/a%2Fb.csv", Some("b.csv")),
            ("/archive.tar.gz", Some("archive.tar.gz")),
            ("/upload", None),
            ("/", None),
            ("/v1.0/", None),
            ("/.htaccess", None),
            ("/x.toolongextension", None),
            ("/bad%zz.txt", Some("bad%zz.txt")),
        ];
        for (path, expected) in cases {
            assert_eq!(filename(path.as_bytes()).as_deref(), *expected, "{path}");
        }
    }

    #[test]
    fn what_is_posted_is_told_from_what_takes_it() {
        for name in ["q3.xlsx", "A.CSV", "archive.tar.gz", "photo.jpeg", "id.pem"] {
            assert!(names_content(name), "{name}");
        }
        for name in ["upload.php", "ws.asmx", "users.json", "index.html", "relay.example", "v1.2", "import"] {
            assert!(!names_content(name), "{name}");
        }
    }
}
