//! Compound files (xls, msg, doc, ppt; [MS-CFB]): their streams, each read as what it is.
//!
//! Owns: the way from storages and streams to their readers, and what is embedded in them. Never does: the structures of documents and
//! presentations: their readable runs are what is told of them, so that their state is partial at best.

mod message;
mod runs;
#[cfg(test)]
mod tests;

use super::office;
use super::text::Text;
use crate::{Inner, Output};
use cfb::CompoundFile;
use egret_model::{Cursor, ObjectState};
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub(super) use runs::show as show_runs;

/// Reads a compound file. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    if is_encrypted_package(data) {
        output.degrade(ObjectState::Encrypted, data.len() as u64);
        return;
    }
    let mut text = Text::new(output);
    match CompoundFile::open(std::io::Cursor::new(data)) {
        Ok(file) => {
            let mut compound = Compound { file, left: data.len(), text, partial: false, embedded: 0 };
            compound.read();
            text = compound.text;
        }
        // Cut or damaged: its directory may stand at the end.
        Err(_) => {
            show_runs(data, &mut text);
            text.output().degrade(ObjectState::Partial, 0);
        }
    }
    text.finish(data.len());
}

/// An office document under a password is a stream of this name ([MS-OFFCRYPTO] section 2.3.1), as the directory has it.
fn is_encrypted_package(data: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    memchr::memmem::find(data, &name).is_some()
}

/// Streams that describe a document, all of whose text is in runs.
const DESCRIPTIONS: [&str; 6] = [
    "\u{5}SummaryInformation",
    "\u{5}DocumentSummaryInformation",
    "\u{1}CompObj",
    "\u{1}Ole",
    "\u{3}ObjInfo",
    "\u{3}LinkInfo",
];

/// A compound file that is being read.
struct Compound<'d, 'o> {
    file: CompoundFile<std::io::Cursor<&'d [u8]>>,
    /// Bytes that its streams may still have: together they are no longer than the file, unless it lies.
    left: usize,
    text: Text<'o>,
    /// Something was not read, or only as runs.
    partial: bool,
    /// Objects without a name of their own.
    embedded: usize,
}

impl Compound<'_, '_> {
    fn read(&mut self) {
        let root = Path::new("/");
        if message::is_message(self, root) {
            message::read(self, root);
        } else {
            self.read_streams();
        }
        if self.partial {
            self.text.output().degrade(ObjectState::Partial, 0);
        }
    }

    /// Streams of anything but a mail.
    fn read_streams(&mut self) {
        let streams: Vec<PathBuf> =
            self.file.walk().filter(cfb::Entry::is_stream).map(|entry| entry.path().to_owned()).collect();
        for path in streams {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let data = self.stream(&path);
            // Names of streams compare without case ([MS-CFB] section 2.6.4), and some programs write them in capitals.
            let is_workbook = ["Workbook", "Book"].iter().any(|book| book.eq_ignore_ascii_case(&name));
            match name.as_str() {
                _ if is_workbook => match office::binary_workbook(&data, &mut self.text) {
                    Some(ObjectState::Inspected) => {}
                    Some(ObjectState::Partial) => self.partial = true,
                    Some(state) => self.text.output().degrade(state, data.len() as u64),
                    None => self.show(&data),
                },
                "\u{1}Ole10Native" => match native(&data) {
                    Some((name, content)) => self.inner(&name, None, content),
                    None => self.show(&data),
                },
                "Package" | "CONTENTS" => self.inner("", None, &data),
                name if DESCRIPTIONS.contains(&name) => show_runs(&data, &mut self.text),
                _ => self.show(&data),
            }
        }
    }

    /// Content whose structure is not read.
    fn show(&mut self, data: &[u8]) {
        show_runs(data, &mut self.text);
        self.partial |= !data.is_empty();
    }

    /// The bytes of a stream, or what there is of it.
    fn stream(&mut self, path: &Path) -> Vec<u8> {
        let mut data = Vec::new();
        let most = self.left as u64 + 1;
        let read = self.file.open_stream(path).and_then(|stream| stream.take(most).read_to_end(&mut data));
        self.partial |= read.is_err() || data.len() > self.left;
        data.truncate(self.left);
        self.left -= data.len();
        data
    }

    /// Hands over an object within the file.
    fn inner(&mut self, name: &str, media_type: Option<String>, content: &[u8]) {
        let filename = Some(name.to_owned()).filter(|name| !name.is_empty());
        let name = filename.clone().unwrap_or_else(|| {
            self.embedded += 1;
            format!("object-{}", self.embedded)
        });
        let output = self.text.output();
        output.begin(Inner { name, filename, media_type });
        let state = if output.data(content) { ObjectState::Inspected } else { ObjectState::OverLimit };
        output.end(state, content.len() as u64);
    }
}

/// Name and content of a file that was put into a document ([MS-OLEDS] section 2.3.6, and what packagers write into it).
fn native(data: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = Cursor::new(data);
    rest.skip(6).ok()?;
    let label = text_to_zero(&mut rest)?;
    text_to_zero(&mut rest)?;
    rest.skip(4).ok()?;
    let path = rest.u32_le().ok()?;
    rest.skip(path as usize).ok()?;
    let length = rest.u32_le().ok()? as usize;
    let content = rest.take(length).unwrap_or_else(|_| rest.rest());
    let name = label.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    Some((name, content))
}

fn text_to_zero(rest: &mut Cursor<'_>) -> Option<String> {
    let end = memchr::memchr(0, rest.rest())?;
    let text = rest.take(end).ok()?;
    rest.skip(1).ok()?;
    Some(encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0.into_owned())
}
