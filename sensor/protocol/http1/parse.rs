//! Heads of HTTP/1.x messages (RFC 9112 sections 2 to 5), read as leniently as the most lenient server would.
//!
//! Owns: recognition of a head, its end, its start line and its fields. Never does: interpreting fields; state.
//! A parser library would refuse what real servers accept, and what is refused here would go by unread.

use crate::http::Fields;
use crate::registry::Verdict;

/// A request line that is still unfinished after so many bytes is believed if its method is a common one.
const PLAUSIBLE_LINE: usize = 512;
const COMMON_METHODS: &[&[u8]] =
    &[b"GET", b"POST", b"PUT", b"HEAD", b"PATCH", b"DELETE", b"OPTIONS", b"PROPFIND"];
/// Longest method accepted (the longest registered one has 17 characters).
const LONGEST_METHOD: usize = 24;

/// Does a request begin here?
pub(super) fn request_verdict(bytes: &[u8]) -> Verdict {
    let bytes = without_blank_lines(bytes);
    let (line, complete) = first_line(bytes);
    let method = line.iter().take_while(|byte| is_token(**byte)).count();
    let behind = line.get(method..).unwrap_or_default();
    match behind.split_first() {
        None if complete || method > LONGEST_METHOD => return Verdict::No,
        None => return Verdict::NeedMore,
        Some((b' ' | b'\t', target)) if (3..=LONGEST_METHOD).contains(&method) => {
            let target = target.trim_ascii_start();
            if target
                .first()
                .is_some_and(|first| !(first.is_ascii_alphanumeric() || b"/*[?_%".contains(first)))
            {
                return Verdict::No;
            }
        }
        Some(_) => return Verdict::No,
    }
    if complete {
        if version_at_end(line) { Verdict::Yes } else { Verdict::No }
    } else if line.len() >= PLAUSIBLE_LINE && unfinished_line_is_plausible(line.split_at(method)) {
        Verdict::Yes
    } else {
        Verdict::NeedMore
    }
}

/// A character of a token (RFC 9110 section 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Looks at a long line, cut behind its method.
fn unfinished_line_is_plausible((method, behind): (&[u8], &[u8])) -> bool {
    let target = behind.trim_ascii_start();
    COMMON_METHODS.contains(&method)
        && (target.starts_with(b"/") || target.starts_with(b"http"))
        && !target.contains(&b' ')
}

/// Does a response begin here?
pub(super) fn response_verdict(bytes: &[u8]) -> Verdict {
    let bytes = without_blank_lines(bytes);
    // `0` stands for any digit.
    let pattern = b"HTTP/1.0 000";
    let matches = pattern
        .iter()
        .zip(bytes)
        .all(|(expected, byte)| if *expected == b'0' { byte.is_ascii_digit() } else { expected == byte });
    match matches {
        false => Verdict::No,
        true if bytes.len() < pattern.len() => Verdict::NeedMore,
        true => Verdict::Yes,
    }
}

/// Does a response begin here, where one is due? Clients look at little more than the name of the protocol.
pub(super) fn due_response_verdict(bytes: &[u8]) -> Verdict {
    begins_response(without_blank_lines(bytes))
}

fn begins_response(line: &[u8]) -> Verdict {
    let name = b"HTTP/";
    let matches = name.iter().zip(line).all(|(expected, byte)| byte.eq_ignore_ascii_case(expected));
    match matches {
        false => Verdict::No,
        true if line.len() < name.len() => Verdict::NeedMore,
        true => Verdict::Yes,
    }
}

/// `bytes` without the blank lines that may stand before a message (section 2.2).
pub(super) fn without_blank_lines(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(blank..).unwrap_or_default()
}

/// The first line without its end, and whether the end is there.
fn first_line(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = bytes.get(..end).unwrap_or_default();
            (line.strip_suffix(b"\r").unwrap_or(line), true)
        }
        None => (bytes, false),
    }
}

/// `HTTP/1.0`, `HTTP/1.1`, `HTTP/1.01` and the like at the end of a request line.
fn version_at_end(line: &[u8]) -> bool {
    let version = line.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    matches!(version, [b'H' | b'h', b'T' | b't', b'T' | b't', b'P' | b'p', b'/', b'0' | b'1', b'.', minor @ ..]
        if (1..=2).contains(&minor.len()) && minor.iter().all(u8::is_ascii_digit))
}

/// Where a head ends, its blank line included; `scanned` bytes are known not to hold the end.
pub(super) fn head_end(bytes: &[u8], scanned: usize) -> Option<usize> {
    // The end may begin up to three bytes before what is new.
    let mut from = scanned.saturating_sub(3);
    loop {
        let feed = from + bytes.get(from..)?.iter().position(|byte| *byte == b'\n')?;
        match bytes.get(feed + 1..)? {
            [b'\n', ..] => return Some(feed + 2),
            [b'\r', b'\n', ..] => return Some(feed + 3),
            _ => from = feed + 1,
        }
    }
}

/// Head of a request.
#[derive(Debug)]
pub(super) struct RequestHead<'a> {
    /// In capital letters.
    pub(super) method: String,
    /// As written.
    pub(super) target: &'a [u8],
    pub(super) fields: Fields<'a>,
}

/// Head of a response.
#[derive(Debug)]
pub(super) struct ResponseHead<'a> {
    pub(super) status: u16,
    pub(super) fields: Fields<'a>,
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    without_blank_lines(head)
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

impl<'a> RequestHead<'a> {
    /// Reads a whole head.
    pub(super) fn parse(head: &'a [u8]) -> Option<Self> {
        let mut lines = lines(head);
        let line = lines.next().filter(|line| version_at_end(line))?.trim_ascii();
        let method_end = line.iter().position(u8::is_ascii_whitespace)?;
        let version_start = line.iter().rposition(u8::is_ascii_whitespace)?;
        let method = std::str::from_utf8(line.get(..method_end)?).ok()?.to_ascii_uppercase();
        let target = line.get(method_end..version_start)?.trim_ascii();
        Some(Self { method, target, fields: Fields::of_lines(lines) })
    }
}

impl<'a> ResponseHead<'a> {
    /// Reads a whole head.
    pub(super) fn parse(head: &'a [u8]) -> Option<Self> {
        let mut lines = lines(head);
        let line = lines.next().filter(|line| begins_response(line) == Verdict::Yes)?;
        let told = line.split(u8::is_ascii_whitespace).skip(1).find(|word| !word.is_empty());
        // What is no number, clients take for a success or give up.
        let status = told
            .and_then(|word| std::str::from_utf8(word.get(..3)?).ok()?.parse().ok())
            .filter(|status| (100..1000).contains(status))
            .unwrap_or(200);
        Some(Self { status, fields: Fields::of_lines(lines) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_recognised_by_their_line() {
        let cases: &[(&[u8], Verdict)] = &[
            (b"GET / HTTP/1.1\r\n", Verdict::Yes),
            (b"\r\n\r\nPOST /a b HTTP/1.0\n", Verdict::Yes),
            (b"put /x http/1.1\r\n", Verdict::Yes),
            (b"GET http://h/x HTTP/1.1\r\n", Verdict::Yes),
            (b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n", Verdict::Yes),
            (b"VERSION-CONTROL /x HTTP/1.1\r\n", Verdict::Yes),
            (b"OPTIONS * HTTP/1.1\r\n", Verdict::Yes),
            (b"CCM_POST / HTTP/1.1\r\n", Verdict::Yes),
            (b"GET  /x  HTTP/1.1 \r\n", Verdict::Yes),
            (b"G", Verdict::NeedMore),
            (b"\r\n", Verdict::NeedMore),
            (b"GET", Verdict::NeedMore),
            (b"GET /x HTTP/1.1", Verdict::NeedMore),
            (b"GET /\r\n", Verdict::No),
            (b"PRI * HTTP/2.0\r\n", Verdict::No),
            (b"OPTIONS rtsp://h RTSP/1.0\r\n", Verdict::No),
            (b"EHLO mail.example\r\n", Verdict::No),
            (b"USER alice\r\n", Verdict::No),
            (b"\x16\x03\x01\x02", Verdict::No),
            (b"SSH-2.0-OpenSSH\r\n", Verdict::No),
            (b"abcdefghijklmnopqrstuvwxyz", Verdict::No),
            (b"GET \x00", Verdict::No),
        ];
        for (bytes, verdict) in cases {
            assert_eq!(request_verdict(bytes), *verdict, "{:?}", String::from_utf8_lossy(bytes));
        }
        let long = [&b"GET /"[..], &[b'a'; 600]].concat();
        assert_eq!(request_verdict(&long), Verdict::Yes);
        assert_eq!(request_verdict(&long[..300]), Verdict::NeedMore);
        let text = [&b"this is a text without an end of line"[..], &[b'a'; 600]].concat();
        assert_eq!(request_verdict(&text), Verdict::NeedMore);
    }

    #[test]
    fn responses_are_recognised_by_their_line() {
        let cases: &[(&[u8], Verdict)] = &[
            (b"HTTP/1.1 200 OK\r\n", Verdict::Yes),
            (b"HTTP/1.0 404", Verdict::Yes),
            (b"HTTP/1.1 2", Verdict::NeedMore),
            (b"H", Verdict::NeedMore),
            (b"HTTP/2 200", Verdict::No),
            (b"HTTP/1.1 abc", Verdict::No),
            (b"220 ready", Verdict::No),
        ];
        for (bytes, verdict) in cases {
            assert_eq!(response_verdict(bytes), *verdict, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_is_cut() {
        for (head, end) in
            [(&b"a: b\r\n\r\nxx"[..], 8), (b"a: b\n\nxx", 6), (b"a: b\n\r\nxx", 7), (b"a: b\r\n\nxx", 7)]
        {
            assert_eq!(head_end(head, 0), Some(end));
            for cut in 0..end {
                assert_eq!(head_end(&head[..cut], 0), None, "cut at {cut}");
                assert_eq!(head_end(head, cut), Some(end), "cut at {cut}");
            }
        }
    }

    #[test]
    fn heads_are_read_leniently() {
        let head = RequestHead::parse(
            b"\r\npost  /a b?c HTTP/1.1\r\nHost : h\r\nno colon\r\nX: 1\r\n  2\nTransfer-Encoding: gzip,\r\ntransfer-encoding: , chunked\r\n\r\n",
        )
        .unwrap();
        assert_eq!((head.method.as_str(), head.target), ("POST", &b"/a b?c"[..]));
        assert_eq!(head.fields.first("host"), Some(&b"h"[..]));
        assert_eq!(head.fields.first("X"), Some(&b"1 2"[..]));
        assert_eq!(head.fields.list("Transfer-Encoding").collect::<Vec<_>>(), [&b"gzip"[..], b"chunked"]);
        let head = ResponseHead::parse(b"HTTP/1.1 206\r\nA: b\r\n\r\n").unwrap();
        assert_eq!((head.status, head.fields.first("a")), (206, Some(&b"b"[..])));
        assert!(RequestHead::parse(b"GET\r\n\r\n").is_none());
        for (line, status) in [
            (&b"HTTP/1.1\r\n\r\n"[..], 200),
            (b"HTTP/1.1 2xx\r\n\r\n", 200),
            (b"HTTP/2.0  404 gone\r\n\r\n", 404),
            (b"http/1.10 304\r\n\r\n", 304),
        ] {
            assert_eq!(ResponseHead::parse(line).map(|head| head.status), Some(status));
        }
        assert!(ResponseHead::parse(b"200 OK\r\n\r\n").is_none());
    }
}
