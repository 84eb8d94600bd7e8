//! 7z archives: every file becomes an inner object.
//!
//! Owns: what is unpacked, and the state of each file. Never does: guessing of passwords; reading of an archive whose
//! header is lost, since names, methods and borders of files stand only there.

mod header;

use crate::{Inner, Output};
use egret_model::ObjectState;
use sevenz_rust2::{Archive, ArchiveEntry, Block, BlockDecoder, EncoderMethod, Error, Password};
use std::io::{self, Read};

/// Largest memory that one decoder may take, in KiB: a dictionary of 128 MiB, and 1 MiB beside it. What needs more is
/// over-limit.
const MEMORY_KIB: usize = (128 << 10) + (1 << 10);

/// Reads a 7z archive. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut archive = match open(data) {
        Ok(archive) => archive,
        Err(state) => {
            output.degrade(state, data.len() as u64);
            return;
        }
    };
    // What files are called may be telling; where they are encrypted it is all there is.
    for entry in &archive.files {
        output.text(&entry.name);
        output.text("\n");
    }
    // The decoder gives up a block at the first wrong checksum; a wrong one must not hide the files after it.
    let checksums: Vec<Option<u64>> = archive
        .files
        .iter_mut()
        .map(|entry| std::mem::take(&mut entry.has_crc).then_some(entry.crc))
        .collect();
    for (index, block) in archive.blocks.iter().enumerate() {
        let first = archive.stream_map.block_first_file_index.get(index).copied().unwrap_or_default();
        let checksums = checksums.get(first..).unwrap_or_default();
        unpack_block(data, &archive, (index, block), checksums, output);
    }
    for (entry, block) in archive.files.iter().zip(&archive.stream_map.file_block_index) {
        if block.is_none() && is_file(entry) {
            begin(entry, output);
            output.end(ObjectState::Inspected, 0);
        }
    }
}

/// What the archive's header lists, or why it cannot be read.
fn open(data: &[u8]) -> Result<Archive, ObjectState> {
    header::check(data)?;
    Archive::read_with_memory_limit(&mut io::Cursor::new(data), &Password::empty(), MEMORY_KIB)
        .map_err(|error| state_of(&error))
}

/// Unpacks the files of one block, which are compressed as one stream.
fn unpack_block(
    data: &[u8],
    archive: &Archive,
    (index, block): (usize, &Block),
    checksums: &[Option<u64>],
    output: &mut dyn Output,
) {
    let (mut source, password) = (io::Cursor::new(data), Password::empty());
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY_KIB, index, archive, &password, &mut source);
    let count = decoder.entry_count();
    let first = archive.stream_map.block_first_file_index.get(index).copied().unwrap_or_default();
    let entries = archive.files.get(first..).unwrap_or_default();
    let entries = entries.get(..count).unwrap_or(entries);
    let stored = Share::of(entries);
    let mut rest = entries.iter().zip(checksums);
    // What becomes of the files that are not reached.
    let mut after = ObjectState::Malformed;
    if is_encrypted(block) {
        after = ObjectState::Encrypted;
    } else {
        let outcome = decoder.for_each_entries(&mut |entry, reader| {
            let checksum = rest.next().and_then(|(_, checksum)| *checksum);
            if !is_file(entry) {
                return Ok(true);
            }
            begin(entry, output);
            let state = unpack(reader, entry.size, checksum, output);
            output.end(state, stored.of_entry(entry));
            if state == ObjectState::OverLimit {
                after = state;
            }
            Ok(state != ObjectState::OverLimit)
        });
        if let Err(error) = outcome {
            after = state_of(&error);
        }
    }
    for (entry, _) in rest.filter(|(entry, _)| is_file(entry)) {
        begin(entry, output);
        output.end(after, stored.of_entry(entry));
    }
}

/// Copies one file into the object that is open.
fn unpack(reader: &mut dyn Read, size: u64, checksum: Option<u64>, output: &mut dyn Output) -> ObjectState {
    let mut reader = Summed { reader, checksum: flate2::Crc::new() };
    let state = super::copy(&mut reader, Some(size), output);
    let is_wrong = checksum.is_some_and(|checksum| checksum != u64::from(reader.checksum.sum()));
    if state == ObjectState::Inspected && is_wrong { ObjectState::Malformed } else { state }
}

/// Takes the CRC-32 of what is read through it.
struct Summed<'a> {
    reader: &'a mut dyn Read,
    checksum: flate2::Crc,
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.checksum.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn begin(entry: &ArchiveEntry, output: &mut dyn Output) {
    let filename = entry.name.rsplit(['/', '\\']).next().map(str::to_owned);
    output.begin(Inner { name: entry.name.replace('\\', "/"), filename, media_type: None });
}

/// False for folders, and for the marks that an update leaves of deleted files: they hold nothing.
fn is_file(entry: &ArchiveEntry) -> bool {
    !entry.is_directory && !entry.is_anti_item
}

fn is_encrypted(block: &Block) -> bool {
    block.coders.iter().any(|coder| coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
}

/// What a block takes in the archive, shared out by the size of its files.
struct Share {
    packed: u64,
    unpacked: u64,
}

impl Share {
    fn of(entries: &[ArchiveEntry]) -> Self {
        let sum = |total: u64, size: u64| total.saturating_add(size);
        Self {
            packed: entries.iter().map(|entry| entry.compressed_size).fold(0, sum),
            unpacked: entries.iter().map(|entry| entry.size).fold(0, sum),
        }
    }

    fn of_entry(&self, entry: &ArchiveEntry) -> u64 {
        // Below 2^128: both factors are below 2^64.
        let product = u128::from(self.packed) * u128::from(entry.size);
        let share = product.checked_div(u128::from(self.unpacked)).unwrap_or_default();
        u64::try_from(share).unwrap_or(self.packed)
    }
}

/// The state of what an error keeps from being read.
fn state_of(error: &Error) -> ObjectState {
    match error {
        Error::MaxMemLimited { .. } => ObjectState::OverLimit,
        Error::PasswordRequired => ObjectState::Encrypted,
        Error::UnsupportedCompressionMethod(method) if method == EncoderMethod::AES256_SHA256.name() => {
            ObjectState::Encrypted
        }
        Error::UnsupportedCompressionMethod(_)
        | Error::UnsupportedVersion { .. }
        | Error::ExternalUnsupported
        | Error::Unsupported(_) => ObjectState::Unsupported,
        _ => ObjectState::Malformed,
    }
}

#[cfg(test)]
mod tests;
