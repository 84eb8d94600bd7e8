//! Finds the members of a zip archive: by its central directory, and by local headers wherever that does not reach.
//!
//! Owns: the structures of APPNOTE 6.3.10 (sections 4.3 to 4.5). Never does: decompression.

use super::names;
use crate::Output;
use egret_model::{Cursor, ObjectState, Truncated};
use memchr::memmem;
use std::collections::BTreeMap;

/// Members of one archive; further ones are not listed, and the archive is over-limit. 100,000.
const MEMBERS: usize = 100_000;

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const LOCAL_HEADER_SIGNATURE: u32 = 0x0403_4b50;
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const END_OF_DIRECTORY_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// The end-of-directory record without its comment.
const END_OF_DIRECTORY_BYTES: usize = 22;

/// One member.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// Its name, `/` between folders.
    pub(crate) name: String,
    /// Its bytes as stored.
    pub(crate) data: &'a [u8],
    /// Compression method (section 4.4.5).
    pub(super) method: u16,
    /// Size when unpacked, where known.
    pub(super) size: Option<u64>,
    /// CRC-32 of the unpacked bytes, where known.
    pub(super) checksum: Option<u32>,
    /// It needs a password.
    pub(crate) encrypted: bool,
    /// The archive ends before the member does.
    pub(super) truncated: bool,
}

impl Member<'_> {
    /// True for an entry that only names a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// True if the archive ends before the member does.
    pub(crate) const fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// The members of an archive.
#[derive(Debug, Default)]
pub(crate) struct Archive<'a> {
    /// In the order of the central directory; members it does not list follow.
    pub(crate) members: Vec<Member<'a>>,
    /// There are more of them than `MEMBERS`.
    over_limit: bool,
    /// No end-of-directory record: the archive was cut, or is none.
    without_end: bool,
    /// Entries of the central directory that point nowhere.
    broken: bool,
}

impl<'a> Archive<'a> {
    /// Finds the members in `data`. Never fails: what is no archive has no members.
    pub(crate) fn read(data: &'a [u8]) -> Self {
        let mut archive = Self::default();
        // Where members lie, so that what the directory does not cover can be searched.
        let mut covered = Vec::new();
        match Directory::find(data) {
            Some(directory) => {
                archive.list(data, &directory, &mut covered);
                covered.push((directory.start, data.len()));
            }
            None => archive.without_end = true,
        }
        covered.sort_unstable();
        covered.push((data.len(), data.len()));
        let mut position = 0;
        for (start, end) in covered {
            archive.walk(data, position, start);
            position = position.max(end);
        }
        archive
    }

    /// Says what of the archive, `bytes` long, could not be listed.
    pub(crate) fn report(&self, bytes: usize, output: &mut dyn Output) {
        if self.over_limit {
            output.degrade(ObjectState::OverLimit, bytes as u64);
        }
        if self.members.is_empty() && self.without_end || self.broken {
            output.degrade(ObjectState::Malformed, bytes as u64);
        } else if self.without_end {
            output.degrade(ObjectState::Partial, 0);
        }
    }

    fn push(&mut self, member: Member<'a>) {
        if self.members.len() < MEMBERS {
            self.members.push(member);
        } else {
            self.over_limit = true;
        }
    }

    /// Lists what the central directory names.
    fn list(&mut self, data: &'a [u8], directory: &Directory, covered: &mut Vec<(usize, usize)>) {
        let mut cursor = Cursor::new(data.get(directory.start..).unwrap_or_default());
        for _ in 0..directory.entries {
            let Ok(Some(entry)) = CentralEntry::parse(&mut cursor) else {
                self.broken = true;
                return;
            };
            if self.over_limit {
                return;
            }
            match entry.locate(data, directory.base) {
                Some((member, start, end)) => {
                    covered.push((start, end));
                    self.push(member);
                }
                None => self.broken = true,
            }
        }
    }

    /// Lists the members whose local headers lie in `from..to`.
    fn walk(&mut self, data: &'a [u8], from: usize, to: usize) {
        let next = |position: usize| {
            let found = memmem::find(data.get(position..to)?, LOCAL_HEADER)?;
            position.checked_add(found)
        };
        let Some(mut position) = next(from) else { return };
        let descriptors = Descriptors::find(data);
        loop {
            let after = match local_member(data, position, to, &descriptors) {
                Some((member, end)) => {
                    self.push(member);
                    end
                }
                None => position + LOCAL_HEADER.len(),
            };
            match next(after) {
                Some(found) if !self.over_limit => position = found,
                _ => return,
            }
        }
    }
}

/// Where the central directory lies.
#[derive(Debug)]
struct Directory {
    /// Offset of its first entry in the data.
    start: usize,
    /// What to add to the offsets it holds: bytes that stand before the archive (a self-extracting program).
    base: usize,
    /// How many entries it claims.
    entries: u64,
}

impl Directory {
    /// Searches the end-of-directory record from the back (section 4.3.16); its comment may hold 65,535 bytes.
    fn find(data: &[u8]) -> Option<Self> {
        let first = data.len().saturating_sub(END_OF_DIRECTORY_BYTES + usize::from(u16::MAX));
        let mut end = data.len();
        while end > first {
            let tail = data.get(first..end)?;
            let position = first + memmem::rfind(tail, END_OF_DIRECTORY)?;
            if let Ok(Some(directory)) = Self::at(data, position) {
                return Some(directory);
            }
            end = position + END_OF_DIRECTORY.len() - 1;
        }
        None
    }

    fn at(data: &[u8], position: usize) -> Result<Option<Self>, Truncated> {
        let mut cursor = Cursor::new(data.get(position..).unwrap_or_default());
        cursor.skip(10)?;
        let entries = cursor.u16_le()?;
        let size = cursor.u32_le()?;
        let offset = cursor.u32_le()?;
        let is_wide = entries == u16::MAX || size == u32::MAX || offset == u32::MAX;
        if is_wide && let Ok(Some(directory)) = Self::at_64(data, position) {
            return Ok(Some(directory));
        }
        Ok(Self::ending_at(data, position, u64::from(size), u64::from(offset), u64::from(entries)))
    }

    /// The zip64 record, named by the locator just before the record at `position` (sections 4.3.14 and 4.3.15).
    fn at_64(data: &[u8], position: usize) -> Result<Option<Self>, Truncated> {
        let Some(locator) = position.checked_sub(20) else { return Ok(None) };
        let mut cursor = Cursor::new(data.get(locator..).unwrap_or_default());
        if cursor.u32_le()? != LOCATOR_64 {
            return Ok(None);
        }
        cursor.skip(4)?;
        let named = usize::try_from(cursor.u64_le()?).unwrap_or(usize::MAX);
        // With bytes before the archive the name is off; the record then stands right before the locator.
        for start in [Some(named), locator.checked_sub(56)].into_iter().flatten() {
            let mut cursor = Cursor::new(data.get(start..).unwrap_or_default());
            if cursor.u32_le() != Ok(END_OF_DIRECTORY_64) {
                continue;
            }
            cursor.skip(28)?;
            let entries = cursor.u64_le()?;
            let (size, offset) = (cursor.u64_le()?, cursor.u64_le()?);
            return Ok(Self::ending_at(data, start, size, offset, entries));
        }
        Ok(None)
    }

    /// A directory of `size` bytes that ends at `end`. Its place is reckoned from there; if no entry stands there, from
    /// its offset.
    fn ending_at(data: &[u8], end: usize, size: u64, offset: u64, entries: u64) -> Option<Self> {
        let offset = usize::try_from(offset).ok()?;
        let by_size = usize::try_from(size).ok().and_then(|size| end.checked_sub(size));
        let stands_at =
            |start: usize| Cursor::new(data.get(start..).unwrap_or_default()).u32_le() == Ok(CENTRAL_HEADER);
        let start = match by_size {
            Some(start) if entries == 0 || stands_at(start) => start,
            _ if stands_at(offset) => offset,
            _ => return None,
        };
        Some(Self { start, base: start.saturating_sub(offset), entries })
    }
}

/// An entry of the central directory (section 4.3.12).
#[derive(Debug)]
struct CentralEntry<'a> {
    flags: u16,
    method: u16,
    checksum: u32,
    stored: u64,
    size: u64,
    offset: u64,
    name: &'a [u8],
    extra: &'a [u8],
}

impl<'a> CentralEntry<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Option<Self>, Truncated> {
        if cursor.u32_le()? != CENTRAL_HEADER {
            return Ok(None);
        }
        cursor.skip(4)?;
        let (flags, method) = (cursor.u16_le()?, cursor.u16_le()?);
        cursor.skip(4)?;
        let checksum = cursor.u32_le()?;
        let (stored, size) = (cursor.u32_le()?, cursor.u32_le()?);
        let (name_length, extra_length, comment_length) =
            (cursor.u16_le()?, cursor.u16_le()?, cursor.u16_le()?);
        cursor.skip(8)?;
        let offset = cursor.u32_le()?;
        let name = cursor.take(name_length.into())?;
        let extra = cursor.take(extra_length.into())?;
        cursor.skip(comment_length.into())?;
        let [size, stored, offset] = zip64_sizes(extra, [size, stored, offset]);
        Ok(Some(Self { flags, method, checksum, stored, size, offset, name, extra }))
    }

    /// The member this entry points at, with the range it takes in the archive.
    fn locate(&self, data: &'a [u8], base: usize) -> Option<(Member<'a>, usize, usize)> {
        let offset = usize::try_from(self.offset).ok()?;
        let (start, header) = [offset.checked_add(base)?, offset]
            .into_iter()
            .find_map(|start| Some((start, LocalHeader::parse(data.get(start..)?)?)))?;
        let content = header.length.checked_add(start)?;
        let rest = data.get(content..)?;
        let wanted = usize::try_from(self.stored).unwrap_or(usize::MAX);
        let bytes = rest.get(..wanted).unwrap_or(rest);
        let member = Member {
            name: decoded_name(self.name, self.extra),
            data: bytes,
            method: self.method,
            size: Some(self.size),
            checksum: Some(self.checksum),
            encrypted: (self.flags | header.flags) & 1 == 1 || self.method == 99,
            truncated: bytes.len() < wanted,
        };
        Some((member, start, content + bytes.len()))
    }
}

/// A local file header (section 4.3.7).
#[derive(Debug)]
struct LocalHeader<'a> {
    flags: u16,
    method: u16,
    checksum: u32,
    stored: u64,
    size: u64,
    name: &'a [u8],
    extra: &'a [u8],
    /// Bytes of the header itself.
    length: usize,
}

impl<'a> LocalHeader<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(data);
        let fixed = |cursor: &mut Cursor<'a>| -> Result<Option<Self>, Truncated> {
            if cursor.u32_le()? != LOCAL_HEADER_SIGNATURE {
                return Ok(None);
            }
            cursor.skip(2)?;
            let (flags, method) = (cursor.u16_le()?, cursor.u16_le()?);
            cursor.skip(4)?;
            let checksum = cursor.u32_le()?;
            let (stored, size) = (cursor.u32_le()?, cursor.u32_le()?);
            let (name_length, extra_length) = (cursor.u16_le()?, cursor.u16_le()?);
            let name = cursor.take(name_length.into())?;
            let extra = cursor.take(extra_length.into())?;
            let [size, stored, _] = zip64_sizes(extra, [size, stored, 0]);
            Ok(Some(Self { flags, method, checksum, stored, size, name, extra, length: cursor.position() }))
        };
        fixed(&mut cursor).ok().flatten()
    }

    /// Chance bytes can look like a header; a name of ordinary characters tells a real one.
    fn is_plausible(&self) -> bool {
        !self.name.is_empty()
            && self.name.iter().all(|&byte| byte >= 0x20 && byte != 0x7f)
            && self.method < 100
    }
}

/// The member whose local header stands at `position`, and where it ends; `to` is the end of what is walked.
fn local_member<'a>(
    data: &'a [u8],
    position: usize,
    to: usize,
    descriptors: &Descriptors,
) -> Option<(Member<'a>, usize)> {
    let header = LocalHeader::parse(data.get(position..to)?).filter(LocalHeader::is_plausible)?;
    let start = position.checked_add(header.length)?;
    let rest = data.get(start..to)?;
    let (bytes, size, checksum, truncated) = if header.flags & 0x8 != 0 && header.stored == 0 {
        match (descriptors.0.get(&start), memmem::find(rest, LOCAL_HEADER)) {
            (Some(&(end, checksum)), _) => (data.get(start..end)?, None, Some(checksum), false),
            // A descriptor without a signature: its twelve bytes stay on, and decompression stops before them.
            (None, Some(next)) => (rest.get(..next)?, None, None, false),
            (None, None) => (rest, None, None, true),
        }
    } else {
        let wanted = usize::try_from(header.stored).unwrap_or(usize::MAX);
        let bytes = rest.get(..wanted).unwrap_or(rest);
        (bytes, Some(header.size), Some(header.checksum), bytes.len() < wanted)
    };
    let member = Member {
        name: decoded_name(header.name, header.extra),
        data: bytes,
        method: header.method,
        size,
        checksum,
        encrypted: header.flags & 1 == 1 || header.method == 99,
        truncated,
    };
    Some((member, start + bytes.len()))
}

/// The data descriptors of an archive (section 4.3.9): where the bytes start that each describes, where they end, and the
/// checksum it holds. Taken in one pass, so that an archive of many headers costs no more than its size.
#[derive(Debug)]
struct Descriptors(BTreeMap<usize, (usize, u32)>);

impl Descriptors {
    fn find(data: &[u8]) -> Self {
        let parse = |position: usize| {
            let mut cursor = Cursor::new(data.get(position..)?);
            cursor.skip(DESCRIPTOR.len()).ok()?;
            let checksum = cursor.u32_le().ok()?;
            let start = position.checked_sub(cursor.u32_le().ok()? as usize)?;
            Some((start, (position, checksum)))
        };
        Self(memmem::find_iter(data, DESCRIPTOR).filter_map(parse).take(MEMBERS).collect())
    }
}

/// `[size, stored, offset]` with those that did not fit taken from the zip64 field (section 4.5.3).
fn zip64_sizes(extra: &[u8], narrow: [u32; 3]) -> [u64; 3] {
    let mut wide = Cursor::new(extra_field(extra, 0x0001).unwrap_or_default());
    narrow.map(|value| match value {
        u32::MAX => wide.u64_le().unwrap_or(u64::from(value)),
        value => u64::from(value),
    })
}

/// The content of the extra field with `id`.
fn extra_field(extra: &[u8], id: u16) -> Option<&[u8]> {
    let mut cursor = Cursor::new(extra);
    loop {
        let (found, length) = (cursor.u16_le().ok()?, cursor.u16_le().ok()?);
        let content = cursor.take(length.into()).ok()?;
        if found == id {
            return Some(content);
        }
    }
}

/// The name in the Unicode path field (section 4.6.9), else the entry's own.
fn decoded_name(name: &[u8], extra: &[u8]) -> String {
    extra_field(extra, 0x7075)
        .and_then(|field| field.get(5..))
        .and_then(|path| std::str::from_utf8(path).ok())
        .filter(|path| !path.is_empty())
        .map_or_else(|| names::decode(name), |path| path.replace('\\', "/"))
}
