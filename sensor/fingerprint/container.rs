//! The file form of every index: a header, a description, sections of bytes, a checksum.
//!
//! Owns: reading and writing of that form. Files are untrusted: lengths are compared with what there is before any memory is
//! taken. Never does: what a description
//! and the targets mean.
//!
//! ```text
//! magic 8 · version u16 · kind u16 · key id 8 · sections u32 · { length u64 · bytes }… · SHA-256 of all before
//! ```
//! Numbers are little-endian. The first section is the description, JSON; three of the table and one of what it leads to follow.

use crate::table::Table;
use crate::{IndexError, Key, KeyId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

/// What every index begins with.
pub const MAGIC: [u8; 8] = *b"EGRETIDX";
/// Version of the form; other versions are refused.
const VERSION: u16 = 1;
/// Sections of one index.
const SECTIONS: usize = 8;
/// Bytes of the checksum.
const SUM: u64 = 32;

/// What an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records.
    Records = 1,
    /// Documents.
    Documents = 2,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Documents => "documents",
        }
    }
}

/// A container as read: its checksum was right.
struct Container {
    key: KeyId,
    sections: Vec<Vec<u8>>,
}

/// What every index consists of: what it says of itself, a table by hash, and what its entries lead to.
pub(crate) struct Parts<D> {
    pub(crate) about: D,
    pub(crate) table: Table,
    pub(crate) targets: Vec<u8>,
}

/// Reads an index of `length` bytes that was built with one of `keys`, and tells with which.
pub(crate) fn open<'k, D: DeserializeOwned>(
    input: &mut dyn Read,
    length: u64,
    kind: Kind,
    keys: &'k [Key],
) -> Result<(Parts<D>, &'k Key), IndexError> {
    let container = read(input, length, kind)?;
    let key = keys
        .iter()
        .find(|key| key.id() == container.key)
        .ok_or_else(|| IndexError::WrongKey { wanted: container.key.to_string() })?;
    let Ok([about, entries, directory, filter, targets]) = <[Vec<u8>; 5]>::try_from(container.sections)
    else {
        return Err(IndexError::Damaged("the number of its parts"));
    };
    let about = serde_json::from_slice(&about).map_err(|_| IndexError::Damaged("its description"))?;
    Ok((Parts { about, table: Table::open(entries, directory, filter)?, targets }, key))
}

/// Writes an index; the same parts and key give the same bytes.
pub(crate) fn save(
    out: &mut dyn Write,
    kind: Kind,
    key: KeyId,
    about: &impl Serialize,
    table: &Table,
    targets: &[u8],
) -> Result<(), IndexError> {
    let about = serde_json::to_vec(about).map_err(std::io::Error::other)?;
    let [entries, directory, filter] = table.sections();
    write(out, kind, key, &[&about, entries, directory, filter, targets])
}

/// Writes a container; the same content gives the same bytes.
fn write(out: &mut dyn Write, kind: Kind, key: KeyId, sections: &[&[u8]]) -> Result<(), IndexError> {
    let mut digest = Sha256::new();
    let mut put = |bytes: &[u8]| -> Result<(), IndexError> {
        digest.update(bytes);
        Ok(out.write_all(bytes)?)
    };
    put(&MAGIC)?;
    put(&VERSION.to_le_bytes())?;
    put(&(kind as u16).to_le_bytes())?;
    put(&key.0)?;
    put(&u32::try_from(sections.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    for section in sections {
        put(&(section.len() as u64).to_le_bytes())?;
        put(section)?;
    }
    let sum = digest.finalize();
    Ok(out.write_all(&sum)?)
}

/// Reads a container of `length` bytes.
fn read(input: &mut dyn Read, length: u64, wanted: Kind) -> Result<Container, IndexError> {
    let mut source = Source { input, left: length, digest: Sha256::new() };
    let magic: [u8; 8] = source.array().map_err(|_| IndexError::NotAnIndex)?;
    if magic != MAGIC {
        return Err(IndexError::NotAnIndex);
    }
    let version = u16::from_le_bytes(source.array()?);
    if version != VERSION {
        return Err(IndexError::Version(version));
    }
    let kind = u16::from_le_bytes(source.array()?);
    let known = [Kind::Records, Kind::Documents].into_iter().find(|known| *known as u16 == kind);
    let found = known.ok_or(IndexError::Damaged("its kind is unknown"))?;
    if found != wanted {
        return Err(IndexError::OtherKind { found: found.name(), wanted: wanted.name() });
    }
    let key = KeyId(source.array()?);
    let count = u32::from_le_bytes(source.array()?) as usize;
    if count == 0 || count > SECTIONS {
        return Err(IndexError::Damaged("the number of its parts"));
    }
    let mut sections = Vec::with_capacity(count);
    for _ in 0..count {
        let length = u64::from_le_bytes(source.array()?);
        sections.push(source.take(length)?);
    }
    let sum = std::mem::take(&mut source.digest).finalize();
    let written: [u8; SUM as usize] = source.array()?;
    if sum.as_slice() != written.as_slice() {
        return Err(IndexError::Damaged("its checksum is wrong"));
    }
    if source.left != 0 {
        return Err(IndexError::Damaged("something follows its end"));
    }
    Ok(Container { key, sections })
}

struct Source<'a> {
    input: &'a mut dyn Read,
    left: u64,
    digest: Sha256,
}

impl Source<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, IndexError> {
        if length.saturating_add(SUM) > self.left {
            return Err(IndexError::Damaged("it ends too early"));
        }
        let length = usize::try_from(length).map_err(|_| IndexError::TooLarge("larger than memory"))?;
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), IndexError> {
        if bytes.len() as u64 > self.left {
            return Err(IndexError::Damaged("it ends too early"));
        }
        self.left -= bytes.len() as u64;
        // A file may have become shorter since its length was asked for.
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => IndexError::Damaged("it ends too early"),
            _ => IndexError::Io(error),
        })?;
        self.digest.update(&*bytes);
        Ok(())
    }
}

/// The number at `place` in a section of four-byte numbers.
#[inline]
pub(crate) fn u32_at(section: &[u8], place: usize) -> Option<u32> {
    let at = place.checked_mul(4)?;
    Some(u32::from_le_bytes(*section.get(at..)?.first_chunk()?))
}

/// The number at `place` in a section of eight-byte numbers.
#[inline]
pub(crate) fn u64_at(section: &[u8], place: usize) -> Option<u64> {
    let at = place.checked_mul(8)?;
    Some(u64::from_le_bytes(*section.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, Kind::Records, KeyId([1; 8]), &[b"{}", b"abc", b""]).expect("memory");
        out
    }

    fn read_all(bytes: &[u8]) -> Result<Container, IndexError> {
        read(&mut &*bytes, bytes.len() as u64, Kind::Records)
    }

    #[test]
    fn what_was_written_is_read() {
        let container = read_all(&written()).expect("whole");
        assert_eq!(container.key, KeyId([1; 8]));
        assert_eq!(container.sections, [b"{}".to_vec(), b"abc".to_vec(), Vec::new()]);
    }

    #[test]
    fn every_damage_is_seen() {
        let whole = written();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            assert!(read_all(&damaged).is_err(), "a changed byte at {at}");
            assert!(read_all(&whole[..at]).is_err(), "cut at {at}");
        }
        assert!(read_all(&[whole.clone(), vec![0]].concat()).is_err());
        assert!(matches!(read_all(b"PK\x03\x04"), Err(IndexError::NotAnIndex)));
    }

    #[test]
    fn kinds_and_versions_are_told_apart() {
        let whole = written();
        let other = read(&mut &*whole, whole.len() as u64, Kind::Documents);
        assert!(matches!(other, Err(IndexError::OtherKind { found: "records", .. })));
        let mut newer = whole;
        newer[8] = 9;
        assert!(matches!(read_all(&newer), Err(IndexError::Version(9))));
    }
}
