//! RAR archives, of any version: every file becomes an inner object.
//!
//! Owns: what is unpacked, and the state of each file. Never does: guessing of passwords; putting the volumes of a set together,
//! which come as files of their own: of a file that goes on in another volume, what can be unpacked without that.

mod volume;

use crate::{Inner, Output};
use egret_model::ObjectState;
use rars::{
    Archive, ArchiveMember, ArchiveReadOptions, ArchiveReader, Error, ErrorKind, ExtractionDecision,
    ExtractionErrorAction,
};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;

/// Largest dictionary, and all memory that unpacking takes, bytes. What needs more is over-limit.
const DICTIONARY_BYTES: u64 = 128 << 20;
const WORKSPACE_BYTES: u64 = 192 << 20;
/// Bytes of one file that are unpacked; behind them it is over-limit.
const FILE_BYTES: usize = 64 << 20;
/// Headers of one archive, and their bytes. One with more is over-limit.
const HEADERS: u64 = 100_000;
const HEADER_BYTES: u64 = 32 << 20;
/// Bytes of the archive's comment that are read.
const COMMENT_BYTES: u64 = 1 << 20;

/// Reads a RAR archive. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut options = ArchiveReadOptions::new()
        .with_max_header_count(HEADERS)
        .with_max_header_bytes(HEADER_BYTES)
        .with_rar50_dictionary_size_limit(DICTIONARY_BYTES)
        .with_rar50_buffered_decode_limit(FILE_BYTES as u64)
        .with_max_reader_workspace_bytes(WORKSPACE_BYTES);
    let mut archive = match ArchiveReader::read_with_options(data, options) {
        Ok(archive) => archive,
        Err(error) => return output.degrade(state_of(&error), data.len() as u64),
    };
    let parts = volume::open(&mut archive);
    if !parts.is_empty() {
        // What comes out before the end of the volume is not held back.
        options = options.with_rar50_buffered_decode_limit(0);
    }
    // What files are called may be telling; where they are encrypted it is all there is.
    for member in archive.member_refs() {
        output.text(&String::from_utf8_lossy(member.name_bytes()));
        output.text("\n");
    }
    let of_comment = options.with_max_member_output_bytes(COMMENT_BYTES);
    if let Ok(Some(comment)) = archive.comment_with_options(of_comment) {
        output.text(&String::from_utf8_lossy(&comment));
        output.text("\n");
    }
    unpack(&archive, &parts, options, output);
}

/// Unpacks the files in their order.
fn unpack(archive: &Archive, parts: &[usize], options: ArchiveReadOptions<'_>, output: &mut dyn Output) {
    let files = RefCell::new(Files { output, current: None, wants_more: true });
    let met = Cell::new(0_usize);
    let decide = |member: &ArchiveMember| {
        let mut files = files.borrow_mut();
        files.end(ObjectState::Inspected);
        if !files.wants_more {
            return Ok(ExtractionDecision::Stop);
        }
        let index = met.replace(met.get() + 1);
        Ok(if !is_file(member) {
            ExtractionDecision::Skip
        } else if member.meta.is_encrypted && !archive.is_solid() {
            files.whole(member, ObjectState::Encrypted);
            ExtractionDecision::Skip
        } else {
            ExtractionDecision::Extract(files.begin(member, parts.contains(&index)))
        })
    };
    let on_error = |_: &ArchiveMember, error: &Error| {
        files.borrow_mut().end(state_of(error));
        Ok(ExtractionErrorAction::Continue)
    };
    let outcome = archive.extract_with_control_and_errors(options, decide, on_error);
    let mut files = files.into_inner();
    // Of the file at which it has ended, and of those that are not reached.
    let (last, after) = match outcome {
        Ok(_) => (ObjectState::Inspected, ObjectState::OverLimit),
        Err(_) if files.is_over() => (ObjectState::OverLimit, ObjectState::OverLimit),
        Err(error) => (state_of(&error), state_of(&error)),
    };
    files.end(last);
    for member in archive.members().skip(met.get()).filter(is_file) {
        files.whole(&member, after);
    }
}

/// False for folders and links, which hold nothing.
fn is_file(member: &ArchiveMember) -> bool {
    !member.meta.is_directory && !member.meta.is_redirection
}

/// The state of what an error keeps from being read.
fn state_of(error: &Error) -> ObjectState {
    match error.kind() {
        // Without a password the unpacker needs no decryption, and is built without.
        _ if matches!(error.root_cause(), Error::FeatureDisabled { feature: "encryption" }) => {
            ObjectState::Encrypted
        }
        ErrorKind::PasswordRequired | ErrorKind::BadPassword => ObjectState::Encrypted,
        ErrorKind::UnsupportedFormat | ErrorKind::UnsupportedFeature => ObjectState::Unsupported,
        ErrorKind::ResourceLimit | ErrorKind::Cancelled => ObjectState::OverLimit,
        _ => ObjectState::Malformed,
    }
}

/// The file that is being unpacked: the unpacker owns its writer, and the walk gets the bytes when the file has ended.
struct Files<'a> {
    output: &'a mut dyn Output,
    current: Option<File>,
    /// False once the walk has had enough.
    wants_more: bool,
}

struct File {
    unpacked: Rc<RefCell<Unpacked>>,
    inner: Inner,
    stored: u64,
    /// Another part of it is in another volume.
    is_part: bool,
}

impl Files<'_> {
    fn begin(&mut self, member: &ArchiveMember, is_part: bool) -> Box<dyn Write> {
        let unpacked = Rc::new(RefCell::new(Unpacked::default()));
        self.current = Some(File {
            unpacked: Rc::clone(&unpacked),
            inner: inner(member),
            stored: member.meta.packed_size,
            is_part: is_part || member.meta.is_split_before || member.meta.is_split_after,
        });
        Box::new(Writer(unpacked))
    }

    /// The file that is being unpacked has ended, if there is one: `state` tells how.
    fn end(&mut self, state: ObjectState) {
        let Some(File { unpacked, inner, stored, is_part }) = self.current.take() else { return };
        let Unpacked { bytes, over } = &*unpacked.borrow();
        self.output.begin(inner);
        self.wants_more = self.output.data(bytes);
        let state = match state {
            _ if *over || !self.wants_more => ObjectState::OverLimit,
            ObjectState::Inspected | ObjectState::Malformed if is_part => ObjectState::Partial,
            state => state,
        };
        self.output.end(state, stored);
    }

    /// The file that is being unpacked is larger than what is read of one.
    fn is_over(&self) -> bool {
        self.current.as_ref().is_some_and(|file| file.unpacked.borrow().over)
    }

    /// A file of which nothing is unpacked.
    fn whole(&mut self, member: &ArchiveMember, state: ObjectState) {
        self.output.begin(inner(member));
        self.output.end(state, member.meta.packed_size);
    }
}

fn inner(member: &ArchiveMember) -> Inner {
    let name = member.meta.name_lossy();
    let filename = name.rsplit(['/', '\\']).next().map(str::to_owned);
    Inner { name: name.replace('\\', "/"), filename, media_type: None }
}

#[derive(Default)]
struct Unpacked {
    bytes: Vec<u8>,
    over: bool,
}

struct Writer(Rc<RefCell<Unpacked>>);

impl Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Unpacked { bytes, over } = &mut *self.0.borrow_mut();
        let fits = data.len().min(FILE_BYTES.saturating_sub(bytes.len()));
        bytes.extend_from_slice(data.get(..fits).unwrap_or_default());
        if fits < data.len() {
            *over = true;
            return Err(io::Error::other("over the limit"));
        }
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
