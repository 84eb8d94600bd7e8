//! Datagrams of TFTP, one at a time and without state.

use egret_model::Cursor;

/// Block size where none was negotiated, bytes (RFC 1350 section 2).
pub(super) const DEFAULT_BLOCK_BYTES: usize = 512;

/// Longest text of an error that is believed to be one, bytes: what servers say fits a line.
const LONGEST_ERROR: usize = 128;

/// A datagram (RFC 1350 section 5, RFC 2347).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// RRQ, WRQ.
    Request(Request),
    Data {
        block: u16,
        content: &'a [u8],
    },
    /// ACK, of which block.
    Acknowledgement(u16),
    Error,
    /// OACK.
    Options(Options),
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// WRQ: the client sends.
    pub(super) writes: bool,
    pub(super) path: String,
    /// Mode `netascii`: text with the line ends of the network.
    pub(super) text: bool,
    pub(super) options: Options,
}

/// Options that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `blksize` (RFC 2348), bytes.
    pub(super) block_bytes: Option<usize>,
    /// `tsize` (RFC 2349), bytes; 0 in a read request is a question.
    pub(super) file_bytes: Option<u64>,
}

/// Reads a datagram. `None`: none of TFTP.
pub(super) fn packet(datagram: &[u8]) -> Option<Packet<'_>> {
    let mut cursor = Cursor::new(datagram);
    let operation = cursor.u16_be().ok()?;
    match operation {
        1 | 2 => request(operation == 2, cursor.rest()).map(Packet::Request),
        3 => Some(Packet::Data { block: cursor.u16_be().ok()?, content: cursor.rest() }),
        4 => {
            let block = cursor.u16_be().ok()?;
            cursor.is_empty().then_some(Packet::Acknowledgement(block))
        }
        5 => {
            cursor.skip(2).ok()?;
            let (text, behind) = word(cursor.rest())?;
            (behind.is_empty() && text.len() <= LONGEST_ERROR).then_some(Packet::Error)
        }
        6 => options(cursor.rest()).map(Packet::Options),
        _ => None,
    }
}

/// A request behind its operation code.
fn request(writes: bool, rest: &[u8]) -> Option<Request> {
    let (path, rest) = word(rest)?;
    let (mode, rest) = word(rest)?;
    let text = mode.eq_ignore_ascii_case("netascii");
    let known = text || mode.eq_ignore_ascii_case("octet") || mode.eq_ignore_ascii_case("mail");
    let options = options(rest)?;
    (known && !path.is_empty()).then_some(Request { writes, path, text, options })
}

/// Names and values to the end of the datagram.
fn options(mut rest: &[u8]) -> Option<Options> {
    let mut options = Options::default();
    while !rest.is_empty() {
        let (name, behind) = word(rest)?;
        let (value, behind) = word(behind)?;
        rest = behind;
        if name.eq_ignore_ascii_case("blksize") {
            // RFC 2348 allows 8 to 65464 bytes.
            options.block_bytes = value.parse().ok().filter(|bytes| (8..=65464).contains(bytes));
        } else if name.eq_ignore_ascii_case("tsize") {
            options.file_bytes = value.parse().ok();
        } else if name.is_empty() {
            return None;
        }
    }
    Some(options)
}

/// Text up to a NUL, and what stands behind it. `None` when it has no end or holds control characters.
fn word(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (word, rest) = bytes.split_at_checked(end)?;
    let text = String::from_utf8_lossy(word).into_owned();
    (!text.chars().any(char::is_control)).then_some((text, rest.get(1..)?))
}

/// Last part of a path with either separator.
pub(super) fn filename(path: &str) -> Option<String> {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_strictly() {
        let request = |writes, path: &str, text, options| {
            Some(Packet::Request(Request { writes, path: path.to_owned(), text, options }))
        };
        let none = Options::default();
        let both = Options { block_bytes: Some(1400), file_bytes: Some(9) };
        let cases: &[(&[u8], Option<Packet<'_>>)] = &[
            (b"\0\x01a.txt\0octet\0", request(false, "a.txt", false, none)),
            (b"\0\x02d/a.txt\0NetASCII\0", request(true, "d/a.txt", true, none)),
            (b"\0\x02a\0octet\0tsize\x009\0BLKSIZE\x001400\0timeout\x006\0", request(true, "a", false, both)),
            (b"\0\x02a\0octet\0blksize\x007\0", request(true, "a", false, none)),
            (b"\0\x02a\0octet\0blksize\0", None),
            (b"\0\x02a\0octet\0\0\0", None),
            (b"\0\x02a\0octet\0x", None),
            (b"\0\x02a\0binary\0", None),
            (b"\0\x02a\0octet", None),
            (b"\0\x02\0octet\0", None),
            (b"\0\x02a\nb\0octet\0", None),
            (b"\0\x03\x01\x02xyz", Some(Packet::Data { block: 258, content: b"xyz" })),
            (b"\0\x03\0\x01", Some(Packet::Data { block: 1, content: b"" })),
            (b"\0\x03\0", None),
            (b"\0\x04\0\x07", Some(Packet::Acknowledgement(7))),
            (b"\0\x04\0\x07x", None),
            (b"\0\x05\0\x01no such file\0", Some(Packet::Error)),
            (b"\0\x05\0\x01no such file", None),
            (b"\0\x06blksize\x001400\0tsize\x009\0", Some(Packet::Options(both))),
            (b"\0\x07\0\0", None),
            (b"\x01\0\0\0", None),
            (b"", None),
        ];
        for (datagram, expected) in cases {
            assert_eq!(packet(datagram), *expected, "{:?}", String::from_utf8_lossy(datagram));
        }
        let long = [b"\0\x05\0\0".to_vec(), vec![b'x'; LONGEST_ERROR + 1], vec![0]].concat();
        assert_eq!(packet(&long), None);
    }

    #[test]
    fn names_of_paths() {
        for (path, name) in
            [("a.csv", Some("a.csv")), ("/d/a.csv", Some("a.csv")), ("d\\a.csv", Some("a.csv")), ("d/", None)]
        {
            assert_eq!(filename(path).as_deref(), name, "{path}");
        }
    }
}
