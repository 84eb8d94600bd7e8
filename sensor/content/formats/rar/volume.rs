//! Volumes of a set, each by itself.
//!
//! Owns: making of a part of a file a file of its own, as far as it can be unpacked without the other parts. Never does:
//! unpacking.

use rars::{Archive, rar15_40, rar50};

/// Flags of a file whose data goes on from the volume before, or in the next one (of RAR 5, and of those before it).
const FROM_BEFORE: u64 = 0x0008;
const GOES_ON: u64 = 0x0010;
const OLD_FROM_BEFORE: u16 = 0x0001;
const OLD_GOES_ON: u16 = 0x0002;

/// Opens the parts of files that stand in this volume: the first part of one, and any part of one that is not compressed.
/// Gives their places among the members.
pub(super) fn open(archive: &mut Archive) -> Vec<usize> {
    let mut opened = Vec::new();
    match archive {
        Archive::Rar15To40(archive) => {
            let files = archive.blocks.iter_mut().filter_map(|block| match block {
                rar15_40::Block::File(file) => Some(file),
                _ => None,
            });
            for (index, file) in files.enumerate() {
                let is_stored = file.is_stored();
                let part = (file.block.flags.into(), OLD_FROM_BEFORE.into(), OLD_GOES_ON.into());
                if alone(part, is_stored) {
                    file.block.flags &= !(OLD_FROM_BEFORE | OLD_GOES_ON);
                    file.unp_size = if is_stored { file.pack_size } else { file.unp_size };
                    opened.push(index);
                }
            }
        }
        Archive::Rar50Plus(archive) => {
            let files = archive.blocks.iter_mut().filter_map(|block| match block {
                rar50::Block::File(file) => Some(file),
                _ => None,
            });
            for (index, file) in files.enumerate() {
                let is_stored = file.is_stored();
                if alone((file.block.flags, FROM_BEFORE, GOES_ON), is_stored) {
                    file.block.flags &= !(FROM_BEFORE | GOES_ON);
                    file.unpacked_size = if is_stored { file.packed_size() } else { file.unpacked_size };
                    // Both are of the whole file.
                    (file.data_crc32, file.hash) = (None, None);
                    opened.push(index);
                }
            }
        }
        _ => {}
    }
    opened
}

/// Whether a file with these flags is a part of one that can be unpacked without the others.
const fn alone((flags, from_before, goes_on): (u64, u64, u64), is_stored: bool) -> bool {
    flags & (from_before | goes_on) != 0 && (flags & from_before == 0 || is_stored)
}
