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
    let mut parts = Vec::new();
    match archive {
        Archive::Rar15To40(archive) => {
            let files = archive.blocks.iter_mut().filter_map(|block| match block {
                rar15_40::Block::File(file) => Some(file),
                _ => None,
            });
            for (index, file) in files.enumerate() {
                let flags = file.block.flags;
                let stored = file.is_stored();
                if flags & (OLD_FROM_BEFORE | OLD_GOES_ON) == 0 || flags & OLD_FROM_BEFORE != 0 && !stored {
                    continue;
                }
                file.block.flags = flags & !(OLD_FROM_BEFORE | OLD_GOES_ON);
                if stored {
                    file.unp_size = file.pack_size;
                }
                parts.push(index);
            }
        }
        Archive::Rar50Plus(archive) => {
            let files = archive.blocks.iter_mut().filter_map(|block| match block {
                rar50::Block::File(file) => Some(file),
                _ => None,
            });
            for (index, file) in files.enumerate() {
                let flags = file.block.flags;
                let stored = file.is_stored();
                if flags & (FROM_BEFORE | GOES_ON) == 0 || flags & FROM_BEFORE != 0 && !stored {
                    continue;
                }
                file.block.flags = flags & !(FROM_BEFORE | GOES_ON);
                (file.data_crc32, file.hash) = (None, None);
                if stored {
                    file.unpacked_size = file.packed_size();
                }
                parts.push(index);
            }
        }
        _ => {}
    }
    parts
}
