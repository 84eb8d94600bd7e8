//! Numbers, strings and options of rsync's protocol (io.c, compat.c and options.c of rsync 3), without state.

use egret_model::{Cursor, Truncated};

/// Oldest protocol that is taken apart (rsync 3.0, 2008).
pub(super) const OLDEST: u32 = 30;
/// Newest known; what a newer one changes, nobody knows.
pub(super) const NEWEST: u32 = 32;

/// Lists of files come one folder at a time.
pub(super) const INCREMENTAL: u64 = 1;
/// Flags of entries are numbers of variable length, and algorithms are agreed on by name.
pub(super) const VARIABLE_FLAGS: u64 = 1 << 7;
/// Lists of owners tell the name of number 0 too.
pub(super) const NAME_OF_ZERO: u64 = 1 << 8;

/// A number of variable length: the bits before the first zero of the first byte tell how many bytes follow.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<u64, Truncated> {
    long_number(cursor, 1)
}

/// The same in `least` bytes at least.
pub(super) fn long_number(cursor: &mut Cursor<'_>, least: usize) -> Result<u64, Truncated> {
    let first = cursor.u8()?;
    let extra = usize::try_from(first.leading_ones()).unwrap_or_default().min(6);
    let low = cursor.take(least - 1 + extra)?;
    let high = first & (0xff_u32 >> (extra + 1)) as u8;
    let bytes = low.iter().chain(std::iter::once(&high)).take(8);
    Ok(bytes.enumerate().fold(0, |sum, (place, byte)| sum | u64::from(*byte) << (8 * place)))
}

/// A string behind its length.
pub(super) fn string<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Truncated> {
    let first = cursor.u8()?;
    let length = if first & 0x80 != 0 {
        usize::from(first & 0x7f) << 8 | usize::from(cursor.u8()?)
    } else {
        usize::from(first)
    };
    cursor.take(length)
}

/// The protocol of a greeting: `@RSYNCD: 31.0 …`.
pub(super) fn greeting(line: &[u8]) -> Option<u32> {
    let rest = line.strip_prefix(b"@RSYNCD: ")?;
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// Each file a stream of its own.
    Deflate,
    /// All files one stream.
    Zstandard,
    Other,
}

/// What the client has asked the server's program for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The server sends.
    pub(super) sender: bool,
    letters: Vec<u8>,
    pub(super) numeric_ids: bool,
    /// The receiver is told what is left out.
    pub(super) filters: bool,
    checksum: Option<String>,
    compression: Option<String>,
    /// Something changes the protocol in a way that is not known here.
    strange: bool,
}

impl Options {
    /// Reads the arguments.
    pub(super) fn parse<'a>(arguments: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut options = Self::default();
        for argument in arguments {
            let text = String::from_utf8_lossy(argument);
            match text.as_ref() {
                "." => break,
                "--sender" => options.sender = true,
                "--numeric-ids" => options.numeric_ids = true,
                "--new-compress" => options.compression = Some("zlibx".to_owned()),
                "--old-compress" => options.compression = Some("zlib".to_owned()),
                "--delete-excluded" => {}
                long if long.starts_with("--delete") || long == "--prune-empty-dirs" => {
                    options.filters = true;
                }
                long if long.starts_with("--checksum-choice=") => {
                    options.checksum = long.split_once('=').map(|(_, name)| name.to_owned());
                }
                long if long.starts_with("--compress-choice=") => {
                    options.compression = long.split_once('=').map(|(_, name)| name.to_owned());
                }
                long if long.starts_with("--iconv") || long.starts_with("--append") => options.strange = true,
                short if short.starts_with('-') && !short.starts_with("--") => {
                    // What stands behind `e.` tells what the client can do.
                    let letters = short.trim_start_matches('-').split("e.").next().unwrap_or_default();
                    options.letters.extend_from_slice(letters.as_bytes());
                }
                _ => {}
            }
        }
        options.filters |= options.has(b'm');
        options
    }

    pub(super) fn has(&self, letter: u8) -> bool {
        self.letters.contains(&letter)
    }

    /// Whether lists of files can be read: not with hard links, access lists and attributes.
    pub(super) fn are_known(&self) -> bool {
        !self.strange && !b"HAX".iter().any(|letter| self.has(*letter))
    }

    /// Names of algorithms that each side sends for the two to agree on: of checksums, of compressions.
    pub(super) fn agreed_on(&self) -> [bool; 2] {
        [self.checksum.is_none(), self.has(b'z') && self.compression.is_none()]
    }

    /// How content is compressed; `agreed`: the first name of the client that the server knows.
    pub(super) fn compression(&self, agreed: Option<&str>) -> Compression {
        let asked = self.has(b'z').then_some("zlib");
        match self.compression.as_deref().or(agreed).or(asked) {
            None | Some("none") => Compression::None,
            Some("zlib" | "zlibx") => Compression::Deflate,
            Some("zstd") => Compression::Zstandard,
            Some(_) => Compression::Other,
        }
    }

    /// Length of a file's checksum, bytes.
    pub(super) fn checksum_length(&self, agreed: Option<&str>) -> Option<usize> {
        // Two names: of the first transfer and of comparisons.
        let asked = self.checksum.as_deref().map(|names| names.split(',').next().unwrap_or_default());
        match asked.or(agreed).unwrap_or("md5") {
            "md5" | "md4" | "xxh128" => Some(16),
            "xxh3" | "xxh64" => Some(8),
            "sha1" => Some(20),
            "none" => Some(1),
            _ => None,
        }
    }
}

/// The first name of the client's list that stands in the server's.
pub(super) fn agreed(client: &[u8], server: &[u8]) -> Option<String> {
    let names = |list: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(list)
            .split([' ', '#'])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let server = names(server);
    names(client).into_iter().find(|name| server.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        let cases: &[(&[u8], usize, u64)] = &[
            (&[0x7f], 1, 0x7f),
            (&[0xa0, 0xba], 1, 0x20ba),
            (&[0xf0, 0x24, 0xcc, 0xd2, 0x35], 1, 0x35d2_cc24),
            (&[0x00, 0x8f, 0x06], 3, 0x068f),
            (&[0x6b, 0x4c, 0xc5, 0x04], 4, 0x6b04_c54c),
            (&[0x81, 2, 3, 4], 3, 0x0104_0302),
        ];
        for (bytes, least, expected) in cases {
            assert_eq!(long_number(&mut Cursor::new(bytes), *least), Ok(*expected), "{bytes:?}");
        }
        assert!(number(&mut Cursor::new(&[0xa0])).is_err());
        assert_eq!(string(&mut Cursor::new(b"\x03abcd")), Ok(&b"abc"[..]));
    }

    #[test]
    fn options_are_read() {
        let read = |text: &str| Options::parse(text.split(' ').map(str::as_bytes));
        let options = read("--server -logDtprze.iLsfxCIvu --delete . up/");
        assert!(
            options.has(b'o')
                && options.has(b'z')
                && !options.has(b'L')
                && options.filters
                && options.are_known()
        );
        assert_eq!(options.agreed_on(), [true, true]);
        assert_eq!(options.compression(Some("zstd")), Compression::Zstandard);
        assert_eq!(options.compression(None), Compression::Deflate);
        let options = read("--server --sender -tre.iLsfxCIvu --new-compress --checksum-choice=xxh64 . up/");
        assert!(options.sender && options.agreed_on() == [false, false]);
        assert_eq!(
            (options.compression(None), options.checksum_length(None)),
            (Compression::Deflate, Some(8))
        );
        assert!(!read("--server -HrA .").are_known());
        assert_eq!(agreed(b"xxh128 md5", b"#md4 md5"), Some("md5".to_owned()));
        assert_eq!(greeting(b"@RSYNCD: 32.0 sha512"), Some(32));
        assert_eq!(greeting(b"@RSYNCD: OK"), None);
    }
}
