//! Whole-buffer formats: one module a format, one line each in [`reader_for`].
//!
//! Owns: reading documents and archives held in memory. Never does: recognition of kinds, recursion into inner objects,
//! hashing: the walk does.

mod compressed;
mod decoder;
mod git_pack;
mod iwork;
mod markup;
mod office;
mod ole;
mod opendocument;
mod package;
mod pdf;
mod rar;
mod rtf;
mod seven_zip;
mod sqlite;
mod tar;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;
mod tnef;
mod xml;
mod zip;

pub(crate) use compressed::{UNNAMED, zlib_begins};
pub(crate) use decoder::{Method, decoder};
pub(crate) use git_pack::begins as git_pack_begins;
pub(crate) use iwork::begins as iwork_part_begins;
pub(crate) use sqlite::SIGNATURE as SQLITE;
pub(crate) use tnef::SIGNATURE as TNEF;

use crate::kind::Kind;
use crate::{Output, Reader};
use egret_model::ObjectState;
use std::io::{self, Read};

/// The reader of a format, if it is one that is read as a whole.
pub(crate) fn reader_for(kind: Kind) -> Option<Reader> {
    Some(match kind {
        Kind::Html => markup::html,
        Kind::Xml => markup::xml,
        Kind::Zip => zip::read,
        Kind::Docx => office::document,
        Kind::Xlsx => office::workbook,
        Kind::Pptx => office::presentation,
        Kind::OpenDocument => opendocument::read,
        Kind::Pdf => pdf::read,
        Kind::Rtf => rtf::read,
        Kind::Ole => ole::read,
        Kind::GitPack => git_pack::read,
        Kind::Sqlite => sqlite::read,
        Kind::IworkPart => iwork::read,
        Kind::Tnef => tnef::read,
        Kind::Tar => tar::read,
        Kind::SevenZip => seven_zip::read,
        Kind::Rar => rar::read,
        Kind::Gzip => compressed::gzip,
        Kind::Zlib => compressed::zlib,
        Kind::Bzip2 => compressed::bzip2,
        Kind::Xz => compressed::xz,
        Kind::Zstandard => compressed::zstandard,
        _ => return None,
    })
}

/// Copies what `reader` yields into the inner object that is open, and says what became of it. `size` is what the
/// container promised.
fn copy(reader: &mut dyn Read, size: Option<u64>, output: &mut dyn Output) -> ObjectState {
    let mut piece = vec![0; 64 << 10];
    let mut copied = 0_u64;
    loop {
        match reader.read(&mut piece) {
            Ok(0) if size.is_some_and(|size| copied < size) => return ObjectState::Partial,
            Ok(0) => return ObjectState::Inspected,
            Ok(count) => {
                copied = copied.saturating_add(count as u64);
                if !output.data(piece.get(..count).unwrap_or_default()) {
                    return ObjectState::OverLimit;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return ObjectState::Partial,
            Err(_) => return ObjectState::Malformed,
        }
    }
}
