//! Zip archives: every member becomes an inner object.
//!
//! Owns: the choice of what is unpacked, and the state of each member. Never does: guessing of passwords; trust in the
//! directory alone, since an archive may hold members that its directory does not list, or have lost its directory.

mod directory;
mod names;

use crate::formats::decoder::{Method, decoder};
use crate::{Inner, Output};
pub(super) use directory::{Archive, Member};
use egret_model::ObjectState;
use std::io::Read;

/// Reads a zip archive. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let archive = Archive::read(data);
    // What files are called may be telling; where they are encrypted it is all there is.
    for member in &archive.members {
        output.text(&member.name);
        output.text("\n");
    }
    for member in archive.members.iter().filter(|member| !member.is_folder()) {
        unpack(member, output);
    }
    archive.report(data.len(), output);
}

/// Unpacks one member as an inner object.
pub(super) fn unpack(member: &Member<'_>, output: &mut dyn Output) {
    output.begin(Inner {
        name: member.name.clone(),
        filename: member.name.rsplit('/').next().map(str::to_owned),
        media_type: None,
    });
    let state = match member.content() {
        Err(state) => state,
        Ok(mut content) => content.copy_to(output),
    };
    output.end(state, member.data.len() as u64);
}

/// The bytes of one member as they are unpacked.
pub(super) struct MemberReader<'a> {
    reader: Box<dyn Read + 'a>,
    checksum: flate2::Crc,
    expected: Option<u32>,
    truncated: bool,
}

impl<'a> Member<'a> {
    /// What this member holds, or why it cannot be read.
    pub(super) fn content(&self) -> Result<MemberReader<'a>, ObjectState> {
        if self.encrypted {
            return Err(ObjectState::Encrypted);
        }
        let method = match self.method {
            0 => Method::Stored,
            8 => Method::Deflate,
            9 => Method::Deflate64,
            12 => Method::Bzip2,
            14 => Method::ZipLzma { size: self.size },
            20 | 93 => Method::Zstandard,
            95 => Method::Xz,
            _ => return Err(ObjectState::Unsupported),
        };
        Ok(MemberReader {
            reader: decoder(method, self.data),
            checksum: flate2::Crc::new(),
            expected: self.checksum,
            truncated: self.truncated,
        })
    }
}

impl MemberReader<'_> {
    fn copy_to(&mut self, output: &mut dyn Output) -> ObjectState {
        let mut piece = vec![0; 64 << 10];
        loop {
            match self.reader.read(&mut piece) {
                Ok(0) => return self.state_at_end(),
                Ok(count) => {
                    let bytes = piece.get(..count).unwrap_or_default();
                    self.checksum.update(bytes);
                    if !output.data(bytes) {
                        return ObjectState::OverLimit;
                    }
                }
                Err(_) if self.truncated => return ObjectState::Partial,
                Err(_) => return ObjectState::Malformed,
            }
        }
    }

    /// The state of a member that was read to its end without an error.
    fn state_at_end(&self) -> ObjectState {
        if self.truncated {
            ObjectState::Partial
        } else if self.expected.is_some_and(|expected| expected != self.checksum.sum()) {
            ObjectState::Malformed
        } else {
            ObjectState::Inspected
        }
    }
}

impl Read for MemberReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer)
    }
}

#[cfg(test)]
mod tests;
