//! What an object is: recognised by its first bytes, then by what was declared, then by its name.
//!
//! Owns: the kinds that the walk and the formats tell apart. Never does: reading beyond the first bytes.

use crate::{encrypted, file_format, formats};

/// How an object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Html,
    Xml,
    Json,
    UrlEncoded,
    Multipart,
    Mail,
    Zip,
    Docx,
    Xlsx,
    Pptx,
    OpenDocument,
    Pdf,
    Rtf,
    Ole,
    Sqlite,
    /// What Git sends when somebody pushes.
    GitPack,
    /// A part of a document of Pages, Numbers or Keynote.
    IworkPart,
    Tnef,
    Tar,
    Gzip,
    Zlib,
    Bzip2,
    Xz,
    Zstandard,
    SevenZip,
    Rar,
    /// Personal folders of Outlook.
    OutlookStore,
    /// Encrypted as a whole.
    Encrypted,
    /// Pictures, sound, moving pictures: compressed by their format, so that their bytes are noise to a signature.
    Media,
    /// Anything else that is not text: programs, databases, drawings. Its strings are worth a look.
    Binary,
}

/// A kind and the media type that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recognised {
    pub(crate) kind: Kind,
    pub(crate) media_type: String,
}

impl Recognised {
    /// What the body of a transfer is called that is of this kind.
    pub(crate) fn root_name(&self) -> &'static str {
        match self.kind {
            Kind::Mail => "mail",
            Kind::UrlEncoded => "form",
            Kind::Multipart if self.media_type == "multipart/form-data" => "form",
            _ => "body",
        }
    }
}

/// Compressed files, as opposed to archives of compressed members.
pub(crate) fn is_one_stream(media_type: &str) -> bool {
    const STREAMS: [&str; 5] = [
        "application/gzip",
        "application/zlib",
        "application/x-bzip2",
        "application/x-xz",
        "application/zstd",
    ];
    STREAMS.contains(&media_type)
}

/// Bytes that recognition may look at.
pub(crate) const PREFIX_BYTES: usize = 4096;

const OCTETS: &str = "application/octet-stream";

/// Recognises an object by its first bytes (at most [`PREFIX_BYTES`] of them), with what was declared as second opinion.
pub(crate) fn recognise(prefix: &[u8], declared: Option<&str>, filename: Option<&str>) -> Recognised {
    let mut recognised = by_all(prefix, declared, filename);
    if let Some(format) = file_format::of(prefix, recognised.kind, filename) {
        format.media_type.clone_into(&mut recognised.media_type);
    }
    recognised
}

fn by_all(prefix: &[u8], declared: Option<&str>, filename: Option<&str>) -> Recognised {
    let declared = declared.map(essence).filter(|media_type| media_type.contains('/'));
    let extension =
        filename.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_ascii_lowercase());
    let extension = extension.as_deref().unwrap_or_default();
    let found = |kind, media_type: &str| Recognised { kind, media_type: media_type.to_owned() };
    if let Some(media_type) = encrypted::media_type(prefix.trim_ascii_start()) {
        return found(Kind::Encrypted, media_type);
    }
    let text = looks_like_text(prefix);
    if let Some((kind, media_type)) = by_magic(prefix, text) {
        // A package of a known office application tells its kind by what it contains; a cut one by what it is called.
        let (kind, media_type) = if kind == Kind::Zip {
            by_members(prefix)
                .or_else(|| office_by_name(declared.as_deref(), extension))
                .unwrap_or((kind, media_type))
        } else {
            (kind, media_type)
        };
        return found(kind, media_type);
    }
    if let Some(media_type) = &declared
        && let Some(kind) = by_declaration(media_type)
        && (kind != Kind::UrlEncoded || crate::form::plausible(prefix))
    {
        return Recognised { kind, media_type: media_type.clone() };
    }
    if !text {
        // Its first bytes are hardly a signature, so that the name decides with them.
        if extension == "iwa" && formats::iwork_part_begins(prefix) {
            return found(Kind::IworkPart, OCTETS);
        }
        return Recognised {
            kind: Kind::Binary,
            media_type: specific(declared).unwrap_or_else(|| OCTETS.to_owned()),
        };
    }
    by_text(prefix, declared, extension)
}

/// The kind of a text by how it begins, then by its name.
fn by_text(prefix: &[u8], declared: Option<String>, extension: &str) -> Recognised {
    let start = trimmed(prefix);
    let plain = declared.as_deref() == Some("text/plain");
    let (kind, media_type) = if looks_like_mail(prefix) {
        return Recognised { kind: Kind::Mail, media_type: "message/rfc822".to_owned() };
    } else if starts_ignoring_case(start, b"<!doctype html") || starts_ignoring_case(start, b"<html") {
        (Kind::Html, "text/html")
    } else if start.starts_with(b"<?xml") {
        (Kind::Xml, "application/xml")
    } else if !plain && looks_like_json(start) {
        (Kind::Json, "application/json")
    } else {
        match extension {
            "htm" | "html" | "xhtml" => (Kind::Html, "text/html"),
            "xml" | "svg" => (Kind::Xml, "application/xml"),
            "json" => (Kind::Json, "application/json"),
            "eml" | "mht" | "mhtml" => (Kind::Mail, "message/rfc822"),
            "csv" => (Kind::Text, "text/csv"),
            "md" => (Kind::Text, "text/markdown"),
            "py" => (Kind::Text, "text/x-python"),
            "js" => (Kind::Text, "text/javascript"),
            "sql" => (Kind::Text, "application/sql"),
            _ => (Kind::Text, "text/plain"),
        }
    };
    let media_type =
        specific(declared).filter(|_| kind == Kind::Text).unwrap_or_else(|| media_type.to_owned());
    Recognised { kind, media_type }
}

/// `text/csv; charset=utf-8` without its parameters, lower-case.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A declaration that says something.
fn specific(declared: Option<String>) -> Option<String> {
    declared.filter(|media_type| media_type != OCTETS && media_type != "application/x-www-form-urlencoded")
}

/// `text`: it looks like text.
fn by_magic(prefix: &[u8], text: bool) -> Option<(Kind, &'static str)> {
    const MAGIC: &[(&[u8], Kind, &str)] = &[
        (b"PK\x03\x04", Kind::Zip, "application/zip"),
        (b"PK\x05\x06", Kind::Zip, "application/zip"),
        (b"PK\x07\x08PK\x03\x04", Kind::Zip, "application/zip"),
        (b"%PDF-", Kind::Pdf, "application/pdf"),
        (b"{\\rtf", Kind::Rtf, "application/rtf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole, "application/x-ole-storage"),
        (formats::SQLITE, Kind::Sqlite, "application/vnd.sqlite3"),
        (formats::TNEF, Kind::Tnef, "application/vnd.ms-tnef"),
        (b"\x1f\x8b\x08", Kind::Gzip, "application/gzip"),
        (b"BZh", Kind::Bzip2, "application/x-bzip2"),
        (b"\xfd7zXZ\0", Kind::Xz, "application/x-xz"),
        (b"\x28\xb5\x2f\xfd", Kind::Zstandard, "application/zstd"),
        (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip, "application/x-7z-compressed"),
        (b"Rar!\x1a\x07", Kind::Rar, "application/vnd.rar"),
        (b"RE~^", Kind::Rar, "application/vnd.rar"),
    ];
    if let Some((_, kind, media_type)) = MAGIC.iter().find(|(magic, _, _)| prefix.starts_with(magic)) {
        // Three letters of bzip2 also begin a word: the mark of its first block, or of its end, follows the level.
        let bzip2 = matches!(prefix.get(4..10), Some(b"1AY&SY" | b"\x17\x72\x45\x38\x50\x90"));
        return (*kind != Kind::Bzip2 || bzip2).then_some((*kind, *media_type));
    }
    // [MS-PST] section 2.2.2.6: dwMagic, and wMagicClient behind the checksum.
    match prefix {
        [b'!', b'B', b'D', b'N', _, _, _, _, b'S', b'M', ..] => {
            return Some((Kind::OutlookStore, "application/vnd.ms-outlook-pst"));
        }
        [b'!', b'B', b'D', b'N', _, _, _, _, b'S', b'O', ..] => {
            return Some((Kind::OutlookStore, "application/x-ms-outlook-ost"));
        }
        _ => {}
    }
    // A PDF may have some bytes before its header (ISO 32000-1, annex H.3.4.1, note).
    if memchr::memmem::find(prefix.get(..1024.min(prefix.len())).unwrap_or_default(), b"%PDF-1.").is_some()
        && !text
    {
        return Some((Kind::Pdf, "application/pdf"));
    }
    if formats::git_pack_begins(prefix).is_some() {
        return Some((Kind::GitPack, "application/x-git-packed-objects"));
    }
    if formats::zlib_begins(prefix) {
        return Some((Kind::Zlib, "application/zlib"));
    }
    if prefix.get(257..262) == Some(b"ustar") {
        return Some((Kind::Tar, "application/x-tar"));
    }
    // Some formats begin with two or three letters (`BM`) that also begin a text: what reads as text is text.
    if text {
        return None;
    }
    let other = infer::get(prefix)?;
    match other.matcher_type() {
        infer::MatcherType::Image | infer::MatcherType::Audio | infer::MatcherType::Video => {
            Some((Kind::Media, other.mime_type()))
        }
        infer::MatcherType::App => Some((Kind::Binary, other.mime_type())),
        _ => None,
    }
}

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// The kind of a zip by the names of its first members, which stand in the clear.
fn by_members(prefix: &[u8]) -> Option<(Kind, &'static str)> {
    let mut rest = prefix;
    while let Some(at) = memchr::memmem::find(rest, b"PK\x03\x04") {
        let header = rest.get(at..)?;
        let length = usize::from(u16::from_le_bytes(header.get(26..28)?.try_into().ok()?));
        let name = header.get(30..30 + length)?;
        if name == b"mimetype"
            && memchr::memmem::find(header, b"application/vnd.oasis.opendocument").is_some()
        {
            return Some((Kind::OpenDocument, opendocument_type(header)));
        }
        for (folder, kind, media_type) in
            [(&b"word/"[..], Kind::Docx, DOCX), (b"xl/", Kind::Xlsx, XLSX), (b"ppt/", Kind::Pptx, PPTX)]
        {
            if name.starts_with(folder) {
                return Some((kind, media_type));
            }
        }
        rest = header.get(4..)?;
    }
    None
}

fn opendocument_type(header: &[u8]) -> &'static str {
    let has = |name: &[u8]| memchr::memmem::find(header, name).is_some();
    if has(b"opendocument.spreadsheet") {
        "application/vnd.oasis.opendocument.spreadsheet"
    } else if has(b"opendocument.presentation") {
        "application/vnd.oasis.opendocument.presentation"
    } else {
        "application/vnd.oasis.opendocument.text"
    }
}

fn office_by_name(declared: Option<&str>, extension: &str) -> Option<(Kind, &'static str)> {
    match (declared, extension) {
        (Some(DOCX), _) | (_, "docx" | "docm" | "dotx") => Some((Kind::Docx, DOCX)),
        (Some(XLSX), _) | (_, "xlsx" | "xlsm" | "xltx" | "xlsb") => Some((Kind::Xlsx, XLSX)),
        (Some(PPTX), _) | (_, "pptx" | "pptm" | "ppsx") => Some((Kind::Pptx, PPTX)),
        (_, "odt" | "ods" | "odp") => Some((Kind::OpenDocument, "application/vnd.oasis.opendocument.text")),
        _ => None,
    }
}

/// Declarations that are believed where the bytes say nothing else.
fn by_declaration(media_type: &str) -> Option<Kind> {
    match media_type {
        "text/html" | "application/xhtml+xml" => Some(Kind::Html),
        "text/xml" | "application/xml" | "application/soap+xml" => Some(Kind::Xml),
        "application/json" | "text/json" => Some(Kind::Json),
        "application/x-www-form-urlencoded" => Some(Kind::UrlEncoded),
        "message/rfc822" | "message/global" => Some(Kind::Mail),
        _ if media_type.starts_with("multipart/") => Some(Kind::Multipart),
        _ if media_type.ends_with("+json") => Some(Kind::Json),
        _ if media_type.ends_with("+xml") => Some(Kind::Xml),
        _ => None,
    }
}

/// A program: of Windows, of Linux and its kin ([System V ABI] chapter 4), of macOS.
pub(crate) fn is_program(prefix: &[u8]) -> bool {
    const MARKS: [&[u8]; 5] =
        [b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
    MARKS.iter().any(|mark| prefix.starts_with(mark)) && !looks_like_text(prefix)
}

/// Text has few control characters; UTF-16 has a zero in every other byte and is text as well.
fn looks_like_text(prefix: &[u8]) -> bool {
    if prefix.starts_with(b"\xff\xfe")
        || prefix.starts_with(b"\xfe\xff")
        || crate::charset::utf16(prefix).is_some()
    {
        return true;
    }
    let control = count(prefix, |byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127));
    let wide = count(prefix, |byte| byte >= 0x80);
    // Legacy character sets are mostly above ASCII and still have line ends and blanks; compressed bytes have control characters.
    control * 50 <= prefix.len() && (wide * 10 <= prefix.len() * 9 || prefix.is_empty())
}

/// Bytes of which `counts` holds. Chunks whose count fits a byte make vectors.
pub(crate) fn count(bytes: &[u8], counts: impl Fn(u8) -> bool) -> usize {
    let chunks = bytes.chunks(usize::from(u8::MAX));
    chunks.map(|chunk| usize::from(chunk.iter().map(|byte| u8::from(counts(*byte))).sum::<u8>())).sum()
}

fn trimmed(prefix: &[u8]) -> &[u8] {
    prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix).trim_ascii_start()
}

fn starts_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// `{"` or `[{` and the like; a lone bracket also begins log lines and lists.
fn looks_like_json(start: &[u8]) -> bool {
    let mut significant = start.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
    matches!(
        (significant.next(), significant.next()),
        (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{' | b'[' | b'"'))
    )
}

/// Header fields (RFC 5322 section 3.6) that tell a mail, in lower case; the first ones only mails have.
const MAIL_FIELDS: [&[u8]; 11] = [
    b"from",
    b"received",
    b"return-path",
    b"delivered-to",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"reply-to",
];

/// Of [`MAIL_FIELDS`]: those without which three others make no mail.
const MAIL_ONLY: usize = 4;

/// Whether a text begins like a mail: nothing but header fields up to a blank line or the end of `prefix`, three of
/// which are a mail's.
fn looks_like_mail(prefix: &[u8]) -> bool {
    let (mut known, mut certain) = (0_usize, false);
    for (index, line) in prefix.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || (index > 0 && prefix.ends_with(line) && !prefix.ends_with(b"\n") && known >= 3)
        {
            break;
        }
        if index > 0 && matches!(line.first(), Some(b' ' | b'\t')) {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        let name = line.get(..colon).unwrap_or_default();
        if name.is_empty()
            || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        {
            return false;
        }
        if let Some(place) = MAIL_FIELDS.iter().position(|field| field.eq_ignore_ascii_case(name)) {
            known += 1;
            certain |= place < MAIL_ONLY;
        }
    }
    certain && known >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_before_declarations() {
        let form = "application/x-www-form-urlencoded";
        type Case = (&'static [u8], Option<&'static str>, Option<&'static str>, Kind, &'static str);
        let cases: &[Case] = &[
            (b"%PDF-1.7\n", Some("text/plain"), Some("a.txt"), Kind::Pdf, "application/pdf"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("text/csv"), None, Kind::Media, "image/jpeg"),
            (b"a,b\n1,2\n", Some("text/csv; charset=utf-8"), None, Kind::Text, "text/csv"),
            (b"a,b\n1,2\n", Some(OCTETS), Some("x.CSV"), Kind::Text, "text/csv"),
            (b"a,b\n1,2\n", Some(form), Some("x.csv"), Kind::Text, "text/csv"),
            (b"{\"a\":1}", None, None, Kind::Json, "application/json"),
            (b"a=1&b=2", Some(form), None, Kind::UrlEncoded, form),
            (b"  <!DOCTYPE HTML><p>", None, None, Kind::Html, "text/html"),
            (b"\0\x01\x02\x03binary\0\0\0", None, Some("x.bin"), Kind::Binary, OCTETS),
            (b"h\0e\0l\0l\0o\0 \0w\0o\0r\0l\0d\0!\0", None, None, Kind::Text, "text/plain"),
            (b"[2026-01-01] started", None, None, Kind::Text, "text/plain"),
            (b"BM customers 4111 1111 1111 1111", None, None, Kind::Text, "text/plain"),
            (b"BZhang, 4111 1111 1111 1111", None, None, Kind::Text, "text/plain"),
            (
                b"Received: from a by b;\r\n Mon\r\nFrom: a@b.c\r\nSubject: x\r\n\r\nhi",
                None,
                None,
                Kind::Mail,
                "message/rfc822",
            ),
            (b"Date: today\nTo: do\nSubject: matter\n\nlist", None, None, Kind::Text, "text/plain"),
            (b"From: a\nDate: b\nnothing\nSubject: c\n", None, None, Kind::Text, "text/plain"),
            (b"PK\x03\x04rest", None, Some("plan.docx"), Kind::Docx, DOCX),
            (b"PK\x03\x04rest", None, Some("plan.zip"), Kind::Zip, "application/zip"),
        ];
        for (bytes, declared, name, kind, media_type) in cases {
            let recognised = recognise(bytes, *declared, *name);
            assert_eq!((recognised.kind, recognised.media_type.as_str()), (*kind, *media_type), "{bytes:?}");
        }
    }

    #[test]
    fn an_office_package_is_known_by_its_members() {
        let mut package = b"PK\x03\x04".to_vec();
        package.extend([0; 22]);
        package.extend(11_u16.to_le_bytes());
        package.extend([0; 2]);
        package.extend(b"xl/book.xml");
        assert_eq!(recognise(&package, None, None).kind, Kind::Xlsx);
    }
}
