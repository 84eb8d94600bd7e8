//! The walk as a whole: bodies in, objects and text out.

use crate::Walker;
use base64::Engine as _;
use egret_model::{ContentEvent, ContentHints, ContentLimits, ObjectState, Uninspected};
use std::io::Write as _;
use std::sync::Arc;

/// One object as it was seen.
#[derive(Debug, PartialEq)]
struct Seen {
    path: String,
    filename: Option<String>,
    text: Vec<u8>,
    size: u64,
    state: ObjectState,
    sha256: String,
    uninspected: Option<(Uninspected, u64)>,
}

/// What a body comes to: pieces as they come, None for a gap of as many bytes.
enum Piece<'a> {
    Bytes(&'a [u8]),
    Gap(u64),
}

fn walk_within(hints: &ContentHints, pieces: &[Piece<'_>], limits: ContentLimits) -> Vec<Seen> {
    let mut walker = Walker::new(hints, Arc::new(limits));
    let mut seen: Vec<(u32, Seen)> = Vec::new();
    let mut sink = |event: ContentEvent<'_>| match event {
        ContentEvent::Begin(start) => seen.push((
            start.id.0,
            Seen {
                path: start.path,
                filename: start.filename,
                text: Vec::new(),
                size: 0,
                state: ObjectState::Inspected,
                sha256: String::new(),
                uninspected: None,
            },
        )),
        ContentEvent::Text { object, text } => {
            seen.iter_mut().find(|(id, _)| *id == object.0).unwrap().1.text.extend_from_slice(text);
        }
        ContentEvent::End { object, record, uninspected } => {
            let one = &mut seen.iter_mut().find(|(id, _)| *id == object.0).unwrap().1;
            (one.size, one.state, one.sha256, one.uninspected) =
                (record.size, record.state, record.sha256, uninspected);
        }
    };
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => walker.push(bytes, &mut sink),
            Piece::Gap(bytes) => walker.gap(*bytes, &mut sink),
        }
    }
    walker.finish(true, &mut sink);
    assert!(seen.iter().all(|(_, one)| !one.sha256.is_empty()), "an object never ended");
    seen.into_iter().map(|(_, one)| one).collect()
}

fn walk(hints: &ContentHints, body: &[u8]) -> Vec<Seen> {
    walk_within(hints, &[Piece::Bytes(body)], ContentLimits::default())
}

fn typed(media_type: &str) -> ContentHints {
    ContentHints { media_type: Some(media_type.to_owned()), ..ContentHints::default() }
}

fn coded(coding: &str) -> ContentHints {
    ContentHints { codings: vec![coding.to_owned()], ..ContentHints::default() }
}

fn mail() -> ContentHints {
    ContentHints { mail: true, ..ContentHints::default() }
}

fn has(seen: &Seen, text: &str) -> bool {
    memchr::memmem::find(&seen.text, text.as_bytes()).is_some()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn base64_lines(data: &[u8]) -> Vec<u8> {
    let letters = base64::engine::general_purpose::STANDARD.encode(data);
    letters.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])
}

fn rows(count: usize) -> Vec<u8> {
    (0..count).flat_map(|row| format!("{row:06},customer {row:06},end\r\n").into_bytes()).collect()
}

fn mail_with(attachment: &[u8]) -> Vec<u8> {
    let mut mail = b"From: a@corp.example\r\nTo: b@x.example\r\nSubject: rows\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npreamble card\r\n--b1\r\n\r\nHello\r\n--b1\r\n\
        Content-Type: text/csv; name=rows.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    mail.extend(base64_lines(attachment));
    mail.extend(b"\r\n--b1--\r\nepilogue card\r\n");
    mail
}

fn form(file: &[u8]) -> Vec<u8> {
    let mut body = b"--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xx\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n"
        .to_vec();
    body.extend(file);
    body.extend(b"\r\n--xx--\r\n");
    body
}

#[test]
fn a_boundary_that_never_comes_hides_nothing() {
    for size in [10, 1000] {
        let body = rows(size);
        let seen = walk(&typed("multipart/form-data; boundary=never"), &body);
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].text.as_slice(), seen[0].state), (body.as_slice(), ObjectState::Inspected));
    }
    // Without a boundary, or with a wrong one, the first line tells it.
    for media_type in ["multipart/form-data", "multipart/form-data; boundary=wrong"] {
        let seen = walk(&typed(media_type), &form(b"a,b"));
        assert_eq!(seen[2].path, "form/file/a.csv", "{media_type}");
    }
}

#[test]
fn text_outside_parts_is_text_of_the_mail() {
    let seen = walk(&mail(), &mail_with(&rows(10)));
    assert!(has(&seen[0], "preamble card") && has(&seen[0], "epilogue card"));
    assert_eq!((seen[2].path.as_str(), seen[2].text.as_slice()), ("mail/rows.csv", rows(10).as_slice()));
    // Undeclared as well.
    assert_eq!(walk(&typed("application/octet-stream"), &mail_with(&rows(10)))[2].path, "mail/rows.csv");
}

#[test]
fn bytes_that_are_not_coded_as_declared_are_read_as_they_are() {
    for coding in ["gzip", "br", "deflate", "zstd", "compress", "nonsense"] {
        for count in [1, 100, 20_000] {
            let body = rows(count);
            let seen = walk(&coded(coding), &body);
            assert_eq!(seen[0].state, ObjectState::Inspected, "{coding} {count}");
            assert_eq!(seen[0].text, body, "{coding} {count}");
            assert_eq!(seen[0].uninspected, None);
        }
    }
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 & 0x9f).collect();
    let seen = walk(&coded("compress"), &noise);
    assert_eq!((seen[0].state, seen[0].size), (ObjectState::Unsupported, 5000));
    assert_eq!(seen[0].uninspected, Some((Uninspected::Unsupported, 5000)));
    assert_eq!(walk(&coded("gzip"), &noise)[0].state, ObjectState::Malformed);
}

#[test]
fn what_is_encrypted_counts_as_that_and_text_behind_its_head_is_read() {
    let noise: Vec<u8> = (0..9000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let sealed = [&b"Salted__"[..], &noise].concat();
    let seen = walk(&typed("application/octet-stream"), &sealed);
    assert_eq!((seen[0].state, seen[0].text.len()), (ObjectState::Encrypted, 0));
    assert_eq!(seen[0].uninspected, Some((Uninspected::Encrypted, sealed.len() as u64)));
    for (head, state) in [(&b"Salted__"[..], ObjectState::Encrypted), (b"GIF89a", ObjectState::Unsupported)] {
        let seen = walk(&typed("application/octet-stream"), &[head, &noise, &rows(200), &noise].concat());
        assert_eq!(seen[0].state, state);
        assert!(has(&seen[0], &String::from_utf8(rows(200)).unwrap()), "{head:?}");
    }
    // In a mail too.
    let message = b"From: a\r\nSubject: b\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMAw==\r\n-----END PGP MESSAGE-----\r\n";
    let seen = walk(&mail(), message);
    assert_eq!(seen[1].state, ObjectState::Encrypted);
}

#[test]
fn files_written_in_letters_are_read() {
    use base64::Engine as _;
    let rows = rows(200);
    let each = |write: &dyn Fn(u8) -> String, between: &str| -> Vec<u8> {
        rows.iter().map(|byte| write(*byte)).collect::<Vec<_>>().join(between).into_bytes()
    };
    let hexadecimal = each(&|byte| format!("{byte:02x}"), "");
    let lines = hexadecimal.chunks(60).collect::<Vec<_>>().join(&b"\r\n"[..]);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut zlib, &rows).unwrap();
    let zlib = zlib.finish().unwrap();
    let standard = base64::engine::general_purpose::STANDARD;
    let for_addresses = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let umlauts = "Größe;Müßiggang;ÿÿÿ>>>???\n".repeat(40);
    for (text, path, expected) in [
        (hexadecimal, "body/hexadecimal", rows.as_slice()),
        (lines, "body/hexadecimal", &rows),
        (each(&|byte| format!("{byte:02X}"), ":"), "body/hexadecimal", &rows),
        (each(&|byte| format!("0x{byte:02x}"), ", "), "body/hexadecimal", &rows),
        (each(&|byte| format!("\\x{byte:02x}"), ""), "body/hexadecimal", &rows),
        (each(&|byte| format!("%{byte:02X}"), ""), "body/escapes", &rows),
        (each(&|byte| format!("&#{byte};"), ""), "body/escapes", &rows),
        (standard.encode(&rows).into_bytes(), "body/base64", &rows),
        (for_addresses.encode(&umlauts).into_bytes(), "body/base64", umlauts.as_bytes()),
        (standard.encode(&zlib).into_bytes(), "body/base64/content", &rows),
    ] {
        let seen = walk(&typed("text/plain"), &text);
        let inner = seen.iter().find(|seen| seen.path == path);
        let start = String::from_utf8_lossy(&text[..40]).into_owned();
        let inner = inner
            .unwrap_or_else(|| panic!("{start}: {:?}", seen.iter().map(|s| &s.path).collect::<Vec<_>>()));
        assert_eq!(String::from_utf8_lossy(&inner.text), String::from_utf8_lossy(expected), "{start}");
    }
    // Lists of hashes, numbers and words are text.
    for text in [
        "d41d8cd98f00b204e9800998ecf8427e\n",
        "4539578763621486,4556737586899855\n",
        "INTERNATIONAL\n",
        "100% of 50% is 50%\n",
    ] {
        let seen = walk(&typed("text/plain"), text.repeat(100).as_bytes());
        assert_eq!((seen.len(), seen[0].state), (1, ObjectState::Inspected), "{text}");
    }
}

#[test]
fn files_in_scripts_are_read() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD;
    let (rows, long) = (rows(50), rows(3000));
    let wide: Vec<u8> =
        String::from_utf8(rows.clone()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let noise: Vec<u8> = (0..900_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let script = format!(
        "var a = atob('{}');\npowershell -enc {}\nvar key = '{}';\nurl(data:application/gzip;base64,{}) end\n{}",
        standard.encode(&rows),
        standard.encode(&wide),
        standard.encode(&noise),
        standard.encode(gzip(&long)),
        "and more text than any prefix of it has\n".repeat(200),
    );
    for cut in [100, 5000, usize::MAX] {
        let pieces: Vec<Piece<'_>> = script.as_bytes().chunks(cut).map(Piece::Bytes).collect();
        let seen = walk_within(&typed("text/javascript"), &pieces, ContentLimits::default());
        let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
        assert_eq!(
            paths,
            ["body", "body/base64", "body/base64-2", "body/base64-3", "body/base64-3/content"],
            "{cut}"
        );
        assert!(has(&seen[0], "var key") && has(&seen[0], "and more text"));
        assert_eq!([&seen[1].text, &seen[2].text, &seen[4].text], [&rows, &rows, &long], "{cut}");
    }
}

#[test]
fn files_in_lines_of_letters_are_read() {
    use base64::Engine as _;
    let rows = rows(50);
    let lines = |letters: &str, length: usize, end: &str| -> String {
        letters.as_bytes().chunks(length).map(|line| format!("{}{end}", line.escape_ascii())).collect()
    };
    let base64 = base64::engine::general_purpose::STANDARD.encode(&rows);
    let hexadecimal: String = rows.iter().map(|byte| format!("{byte:02x}")).collect();
    let hashes: String =
        (0..90_u64).map(|n| format!("{:064x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let message = format!(
        "Hi, here it is:\n\n{}\nRegards\n-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n\n{}: as hex.\n{hashes}",
        lines(&base64, 76, "\n"),
        lines(&base64, 64, "\r\n"),
        lines(&hexadecimal, 60, "\n"),
    );
    let wide: Vec<u8> = message.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for message in [message.as_bytes(), &wide] {
        for cut in [101, 5000, usize::MAX] {
            let pieces: Vec<Piece<'_>> = message.chunks(cut).map(Piece::Bytes).collect();
            let seen = walk_within(&typed("text/plain"), &pieces, ContentLimits::default());
            let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
            assert_eq!(paths, ["body", "body/base64", "body/base64-2", "body/hexadecimal"], "{cut}");
            assert!(seen[1..].iter().all(|seen| seen.text == rows), "{cut}");
        }
    }
}

#[test]
fn archives_behind_pictures_and_programs_are_unpacked() {
    let noise: Vec<u8> = (0..9000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let rar = include_bytes!("../../tests/data/documents/small-rar29.rar");
    let zip = include_bytes!("../../tests/data/documents/outer.zip");
    for (head, archive, inner) in [
        (&b"\xff\xd8\xff\xe0\0\x10JFIF\0"[..], &rar[..], "body/appended/b.bin"),
        (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", rar, "body/appended/b.bin"),
        (b"GIF89a", zip, "body/appended/"),
    ] {
        let bytes = [head, &noise, archive].concat();
        let whole = walk(&typed("application/octet-stream"), &bytes);
        let told = |seen: &[Seen]| -> Vec<(String, ObjectState, Vec<u8>)> {
            seen.iter().map(|s| (s.path.clone(), s.state, s.text.clone())).collect()
        };
        assert!(whole.iter().any(|seen| seen.path.starts_with(inner)), "{:?}", told(&whole));
        let appended = whole.iter().find(|seen| seen.path == "body/appended").unwrap();
        assert_eq!(appended.size, archive.len() as u64);
        for size in [1000, 4097] {
            let pieces: Vec<Piece<'_>> = bytes.chunks(size).map(Piece::Bytes).collect();
            let seen = walk_within(&typed("application/octet-stream"), &pieces, ContentLimits::default());
            assert_eq!(told(&seen), told(&whole), "in pieces of {size}");
        }
    }
}

#[test]
fn mails_in_a_store_of_outlook_are_read_as_they_pass() {
    let store = |version: u8, method: u8| {
        let mut bytes = b"!BDN\0\0\0\0SM".to_vec();
        bytes.resize(5000, 0);
        (bytes[10], bytes[513]) = (version, method);
        // Written by the table that undoes the one for reading.
        let mut decoded = Vec::new();
        let every: Vec<u8> = (0..=u8::MAX).collect();
        let table = crate::outlook_store::decode(&every, &mut decoded);
        let encode = |byte: &u8| table.iter().position(|decoded| decoded == byte).unwrap() as u8;
        bytes.extend(rows(300).iter().map(|byte| if method == 1 { encode(byte) } else { *byte }));
        bytes
    };
    for (version, method, state) in
        [(23, 1, ObjectState::Partial), (23, 0, ObjectState::Partial), (23, 2, ObjectState::Unsupported)]
    {
        let seen = walk(&typed("application/octet-stream"), &store(version, method));
        assert_eq!(seen[0].state, state, "method {method}");
        assert!(has(&seen[0], &String::from_utf8(rows(300)).unwrap()), "method {method}");
    }
}

#[test]
fn a_gap_in_a_coded_body_leaves_what_came_before() {
    let noise: Vec<u8> =
        (0..40_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect();
    let whole = gzip(&noise);
    let half = whole.len() / 2;
    let pieces = [Piece::Bytes(&whole[..half]), Piece::Gap(1000), Piece::Bytes(&whole[half + 1000..])];
    let seen = walk_within(&coded("gzip"), &pieces, ContentLimits::default());
    assert_eq!(seen[0].state, ObjectState::Partial);
    assert!(seen[0].text.len() > noise.len() / 3);
    assert_eq!(seen[0].uninspected, Some((Uninspected::Gap, (whole.len() - half) as u64)));
}

#[test]
fn rows_behind_a_gap_in_a_mail_are_read() {
    let rows = rows(2000);
    let mail_bytes = mail_with(&rows);
    for (from, to) in [(9001, 9002), (9000, 12_345)] {
        let gap = (to - from) as u64;
        let pieces = [Piece::Bytes(&mail_bytes[..from]), Piece::Gap(gap), Piece::Bytes(&mail_bytes[to..])];
        let seen = walk_within(&mail(), &pieces, ContentLimits::default());
        assert_eq!(seen[2].state, ObjectState::Partial);
        let lost =
            (0..2000).filter(|row| !has(&seen[2], &format!("{row:06},customer {row:06},end\r\n"))).count();
        assert!(lost <= (to - from) * 3 / 4 / 28 + 5, "{lost} rows lost");
        let counted: u64 = seen.iter().filter_map(|one| one.uninspected).map(|(_, bytes)| bytes).sum();
        assert_eq!(counted, gap);
    }
}

#[test]
fn members_behind_a_gap_in_an_archive_are_read() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for name in ["a.txt", "b.txt", "c.txt"] {
        writer.start_file(name, stored).unwrap();
        writer.write_all(&rows(300)).unwrap();
    }
    let whole = writer.finish().unwrap().into_inner();
    let (from, to) = (9000, 9100);
    let pieces = [Piece::Bytes(&whole[..from]), Piece::Gap(100), Piece::Bytes(&whole[to..])];
    let seen = walk_within(&ContentHints::default(), &pieces, ContentLimits::default());
    assert_eq!(seen[0].state, ObjectState::Partial);
    for name in ["body/a.txt", "body/c.txt"] {
        let member = seen.iter().find(|one| one.path == name).unwrap();
        assert_eq!((member.state, &member.text), (ObjectState::Inspected, &rows(300)));
    }
}

#[test]
fn nothing_is_joined_across_a_gap() {
    let bodies: [(&str, &[u8], &[u8]); 4] = [
        ("text/plain", b"card 4111111111", b"111111 end"),
        ("text/plain; charset=koi8-r", b"card \xcb\xcc 4111111111", b"111111 end"),
        ("application/json", b"{\"card\": \"4111111111", b"111111\"}"),
        ("text/html", b"<p>4111111111", b"111111"),
    ];
    for (media_type, before, behind) in bodies {
        let pieces = [Piece::Bytes(before), Piece::Gap(7), Piece::Bytes(behind)];
        let seen = walk_within(&typed(media_type), &pieces, ContentLimits::default());
        assert!(!has(&seen[0], "4111111111111111"), "{media_type}");
        assert!(has(&seen[0], "4111111111") && has(&seen[0], "111111"), "{media_type}");
        assert_eq!(seen[0].state, ObjectState::Partial);
    }
}

#[test]
fn limits_on_what_is_unpacked_cut_nothing_else() {
    let limits = || ContentLimits { object_bytes: 100, transfer_bytes: 200, ..ContentLimits::default() };
    let body = form(&rows(1000));
    let seen = walk_within(&typed("multipart/form-data; boundary=xx"), &[Piece::Bytes(&body)], limits());
    assert_eq!((seen[2].state, &seen[2].text), (ObjectState::Inspected, &rows(1000)));
    let body = mail_with(&rows(1000));
    assert_eq!(walk_within(&mail(), &[Piece::Bytes(&body)], limits())[2].text, rows(1000));
    // What is cut counts with all its carried bytes.
    let body = gzip(&rows(9000));
    let pieces: Vec<Piece<'_>> = body.chunks(500).map(Piece::Bytes).collect();
    let seen = walk_within(&coded("gzip"), &pieces, limits());
    assert_eq!(seen[0].state, ObjectState::OverLimit);
    let (reason, bytes) = seen[0].uninspected.unwrap();
    assert!(reason == Uninspected::OverLimit && bytes + 5000 > body.len() as u64, "{bytes}");
}

#[test]
fn depth_ends_every_kind_of_nesting() {
    let limits = || ContentLimits { depth: 2, ..ContentLimits::default() };
    let mut json = format!("{{\"secret\":\"{}\"}}", "x y ".repeat(40));
    for _ in 0..4 {
        let inner = base64::engine::general_purpose::STANDARD.encode(&json);
        json = format!("{{\"a\":\"{inner}\"}}");
    }
    let seen = walk_within(&typed("application/json"), &[Piece::Bytes(json.as_bytes())], limits());
    assert_eq!(seen.len(), 3);
    assert_eq!(seen.last().unwrap().state, ObjectState::OverLimit);
    assert!(matches!(seen[2].uninspected, Some((Uninspected::OverLimit, 1..))));
    // Mails expand nothing and may nest sixteen times as deep.
    let mut message = b"From: a@b.c\r\n\r\ncard 4111".to_vec();
    for _ in 0..40 {
        message = [b"Content-Type: message/rfc822\r\n\r\n".as_slice(), &message].concat();
    }
    let seen = walk_within(&mail(), &[Piece::Bytes(&message)], limits());
    assert_eq!(seen.last().unwrap().state, ObjectState::OverLimit);
    assert!(has(seen.last().unwrap(), "card 4111"));
}

#[test]
fn names_are_clean_and_unique() {
    let hints = ContentHints { filename: Some("a\u{202e}\u{7}.txt".to_owned()), ..ContentHints::default() };
    assert_eq!(walk(&hints, b"text")[0].filename.as_deref(), Some("a__.txt"));
    let seen = walk(&typed("application/x-www-form-urlencoded"), b"a=1&a=2&a=3");
    let paths: Vec<&str> = seen.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["form", "form/a", "form/a-2", "form/a-3"]);
}

#[test]
fn a_uuencoded_file_in_a_text_is_an_object() {
    let seen = walk(&typed("text/plain"), b"Hi\nbegin 644 a.csv\n#86)C\n`\nend\nbye\n");
    assert_eq!((seen[1].path.as_str(), seen[1].text.as_slice()), ("body/a.csv", b"abc".as_slice()));
    assert!(has(&seen[0], "bye"));
}

#[test]
fn bombs_end_within_their_limits() {
    let mut stack = vec![0; 8 << 20];
    for _ in 0..4 {
        stack = gzip(&stack);
    }
    let limits =
        || ContentLimits { object_bytes: 1 << 20, transfer_bytes: 4 << 20, ..ContentLimits::default() };
    let seen = walk_within(&ContentHints::default(), &[Piece::Bytes(&stack)], limits());
    assert!(seen.iter().any(|one| one.state == ObjectState::OverLimit));
    assert!(seen.iter().all(|one| one.size <= 1 << 20));
    let mut nested = rows(100);
    for _ in 0..12 {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in ["a", "b"] {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(&nested).unwrap();
        }
        nested = writer.finish().unwrap().into_inner();
    }
    let limits = ContentLimits { objects: 500, ..limits() };
    let seen = walk_within(&ContentHints::default(), &[Piece::Bytes(&nested)], limits);
    assert!(seen.len() <= 500 && seen.iter().any(|one| one.state == ObjectState::OverLimit));
}

/// Bodies of several kinds.
fn bodies() -> Vec<(ContentHints, Vec<u8>)> {
    let late = [b"x".repeat(5000), b"Geh\xe4lter und Zulagen\n".repeat(300)].concat();
    let uu = b"Hi\nbegin 644 a.csv\n#86)C\n`\nend\nbye\n".to_vec();
    vec![
        (typed("multipart/form-data; boundary=xx"), form(&rows(200))),
        (typed("multipart/form-data; boundary=never"), rows(200)),
        (mail(), mail_with(&gzip(&rows(300)))),
        (mail(), mail_with(&rows(200))),
        (coded("gzip"), gzip(&rows(400))),
        (coded("gzip"), rows(300)),
        (coded("deflate"), rows(300)),
        (typed("application/x-www-form-urlencoded"), b"a=1&b=%41&a=2".to_vec()),
        (typed("application/json"), br#"{"a":"b\n","c":[1,2]}"#.repeat(300)),
        (typed("text/plain"), late),
        (typed("text/plain"), uu),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn any_cut_gives_the_same_objects(
        which in 0_usize..11,
        cuts in proptest::collection::vec(0.0..1.0_f64, 0..12),
        small in 1_usize..40,
    ) {
        let (hints, body) = bodies().swap_remove(which);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| (cut * body.len() as f64) as usize).collect();
        cuts.sort_unstable();
        cuts.push(body.len());
        let (mut pieces, mut start) = (Vec::new(), 0);
        for cut in cuts {
            pieces.push(Piece::Bytes(&body[start..cut]));
            start = cut;
        }
        let whole = walk(&hints, &body);
        proptest::prop_assert_eq!(&walk_within(&hints, &pieces, ContentLimits::default()), &whole);
        let pieces: Vec<Piece<'_>> = body.chunks(small).map(Piece::Bytes).collect();
        proptest::prop_assert_eq!(&walk_within(&hints, &pieces, ContentLimits::default()), &whole);
    }

    #[test]
    fn no_gap_makes_a_false_number(which in 0_usize..11, at in 0.0..1.0_f64, length in 1_usize..3000) {
        let (hints, body) = bodies().swap_remove(which);
        let from = (at * body.len() as f64) as usize;
        let to = (from + length).min(body.len());
        let pieces = [Piece::Bytes(&body[..from]), Piece::Gap((to - from) as u64), Piece::Bytes(&body[to..])];
        let digits = |seen: &[Seen]| -> std::collections::BTreeSet<Vec<u8>> {
            seen.iter()
                .flat_map(|one| one.text.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::to_vec).collect::<Vec<_>>())
                .filter(|run| run.len() >= 6)
                .collect()
        };
        let whole = digits(&walk(&hints, &body));
        let with_gap = digits(&walk_within(&hints, &pieces, ContentLimits::default()));
        proptest::prop_assert!(with_gap.is_subset(&whole), "{:?}", with_gap.difference(&whole).next());
    }
}

/// Mails within mails, as deep as the limit allows and deeper: every level is an object, none too many for the stack.
#[test]
fn mails_nest_deep() {
    let mut mail = b"Subject: innermost\r\n\r\nthe end\r\n".to_vec();
    for level in 0..200 {
        let boundary = format!("=={level:04}==");
        let mut outer = format!(
            "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n"
        )
        .into_bytes();
        outer.append(&mut mail);
        outer.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        mail = outer;
    }
    let hints = ContentHints { mail: true, ..ContentHints::default() };
    let mut walker = Walker::new(&hints, Arc::new(ContentLimits::default()));
    let (mut objects, mut over) = (0, 0);
    let mut sink = |event: ContentEvent<'_>| {
        if let ContentEvent::End { record, .. } = event {
            objects += 1;
            over += usize::from(record.state == ObjectState::OverLimit);
        }
    };
    walker.push(&mail, &mut sink);
    walker.finish(true, &mut sink);
    assert!(objects > 120, "{objects}");
    assert!(over > 0);
}
