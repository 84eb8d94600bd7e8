//! Where strings begin and end in a piece of JSON, and whether anything has to be done with them.
//!
//! Owns: the quick look over all bytes. Never does: reading of a string.

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Shortest string that may be embedded base64, characters.
pub(super) const BASE64_CHARACTERS: usize = 64;

/// Stands in a `data:` URI before base64 (RFC 2397).
pub(super) const URI_BASE64: &[u8] = b";base64,";

/// Bytes looked over at once: as few that a run of so many characters fills one of them.
const BLOCK: usize = BASE64_CHARACTERS / 2;

/// What a look over a piece tells, at a fraction of the time that it takes to look at each string.
#[derive(Default)]
pub(super) struct Glance {
    pub(super) quotes: usize,
    escapes: bool,
    /// So many letters stand in a row that they may be a file.
    long: bool,
}

impl Glance {
    /// The inner loop is written so that it compiles to vector instructions: no way out before its end.
    pub(super) fn over(bytes: &[u8]) -> Self {
        let mut seen = Self::default();
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            let (mut blanks, mut quotes, mut escapes) = (0, 0, 0);
            for byte in block {
                blanks |= u8::from(*byte == b' ');
                quotes += u8::from(*byte == b'"');
                escapes |= u8::from(*byte == b'\\');
            }
            seen.quotes += usize::from(quotes);
            seen.escapes |= escapes > 0;
            // So many letters fill a block, and hardly any block has neither a blank nor a quote.
            seen.long |= blanks == 0 && quotes == 0 && in_long_run(bytes, index * BLOCK);
        }
        seen.quotes += rest.iter().filter(|byte| **byte == b'"').count();
        seen.escapes |= rest.contains(&b'\\');
        seen
    }

    /// Whether there is neither an escape nor a string that may be a file and ends in these bytes, over which it went.
    pub(super) fn is_plain(&self, bytes: &[u8]) -> bool {
        static URI: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(URI_BASE64));
        !self.escapes && !self.long && URI.find(bytes).is_none()
    }
}

/// Whether the block at `at` is among so many letters of base64 in a row that they may be a file.
fn in_long_run(bytes: &[u8], at: usize) -> bool {
    let Some((before, from)) = bytes.split_at_checked(at) else { return false };
    let letters = |bytes: &mut dyn Iterator<Item = &u8>| {
        bytes.take(BASE64_CHARACTERS).take_while(|byte| in_base64(**byte)).count()
    };
    let behind = letters(&mut from.iter());
    // A long run fills a block, and it is enough to look from there.
    behind >= BLOCK && letters(&mut before.iter().rev()) + behind >= BASE64_CHARACTERS
}

pub(super) const fn in_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Quotes and backslashes of a piece, eight bytes at a time: strings are short, so that a search for each end costs more.
pub(super) struct Marks<'a> {
    bytes: &'a [u8],
    /// Where the bytes of `found` begin.
    base: usize,
    /// The high bit of every byte that may be a mark.
    found: u64,
    /// Marks before this place do not count. Behind the end where the next piece's first byte is escaped.
    pub(super) from: usize,
    /// A backslash was passed over in a string.
    pub(super) escapes: bool,
}

impl<'a> Marks<'a> {
    pub(super) fn from(bytes: &'a [u8], from: usize) -> Self {
        Self { bytes, base: from, found: marks(bytes, from), from, escapes: false }
    }

    /// The next mark and its place.
    fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            while self.found == 0 {
                self.base += 8;
                if self.base >= self.bytes.len() {
                    return None;
                }
                self.found = marks(self.bytes, self.base);
            }
            let at = self.base + (self.found.trailing_zeros() / 8) as usize;
            self.found &= self.found - 1;
            match self.bytes.get(at) {
                Some(byte @ (b'"' | b'\\')) if at >= self.from => return Some((at, *byte)),
                _ => {}
            }
        }
    }

    /// The next quote, from outside of any string.
    pub(super) fn quote(&mut self) -> Option<usize> {
        loop {
            if let (at, b'"') = self.next()? {
                return Some(at);
            }
        }
    }

    /// The quote that closes the string in which the next byte stands.
    pub(super) fn string_end(&mut self) -> Option<usize> {
        loop {
            match self.next()? {
                (at, b'"') => return Some(at),
                (at, _) => (self.from, self.escapes) = (at + 2, true),
            }
        }
    }
}

/// The high bit of every byte that is a quote or a backslash, among the eight from `at` on; that of a byte behind one may be set,
/// too. (A byte is zero if subtracting one borrows from above its high bit.)
fn marks(bytes: &[u8], at: usize) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let rest = bytes.get(at..).unwrap_or_default();
    let word = match rest.first_chunk::<8>() {
        Some(word) => *word,
        None => std::array::from_fn(|place| rest.get(place).copied().unwrap_or_default()),
    };
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let word = u64::from_le_bytes(word);
    zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')))
}
