//! PDF (ISO 32000-2): text of pages, fields, notes, properties; attached files and pictures as inner objects.
//!
//! Owns: what of a document is content and in which order, and reading what is left of a cut one. Never does: passwords other
//! than the empty one; recognition of text in pictures.

mod cmap;
mod encoding;
mod font;
mod lexer;
mod line;
mod matrix;
mod objects;
mod page;
mod program;

use super::text::Text;
use crate::Output;
use egret_model::ObjectState;
use lopdf::{
    DecompressError, Dictionary, Document, Error, LoadOptions, Object, ObjectId, ObjectStream, Stream,
};
use page::Pages;
use std::cell::Cell;
use std::collections::BTreeSet;

/// Bytes that one stream may unpack to; a larger one is over-limit. 64 MiB.
const STREAM_BYTES: usize = 64 << 20;
/// Bytes that the streams of one document may unpack to, each time they are used; the rest is over-limit. 1 GiB.
const UNPACKED_BYTES: usize = 1 << 30;
/// Bytes that all object streams together may unpack to, since they are unpacked on loading and stay in memory. 256 MiB.
const OBJECT_STREAM_BYTES: usize = 256 << 20;

/// Font programs that are read in one document, each of which costs up to 65,536 look-ups in each of its maps, and 4 MiB;
/// characters of further ones are not known. 64.
const PROGRAMS: usize = 64;

/// The end of a document that names no page: it makes the library search for objects, and pages are found among them.
const MADE_UP_END: &[u8] =
    b"\n999999 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Size 1/Root 999999 0 R>>\nstartxref\n0\n%%EOF\n";

/// Reads a document. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let document = match load(data) {
        Ok(document) => document,
        Err(state) => {
            output.degrade(state, data.len() as u64);
            return;
        }
    };
    if document.is_encrypted() {
        output.degrade(ObjectState::Encrypted, data.len() as u64);
        return;
    }
    let source = Source { document, left: Cell::new(UNPACKED_BYTES), programs_left: Cell::new(PROGRAMS) };
    let mut text = Text::new(output);
    let mut pages = Pages::new(&source);
    for id in page_ids(&source.document) {
        read_page(&source, id, &mut pages, &mut text);
    }
    objects::read(&source, &mut pages, &mut text);
    if pages.is_exhausted() || source.left.get() == 0 {
        text.output().degrade(ObjectState::OverLimit, data.len() as u64);
    }
    if pages.unknown > 0 || source.document.xref_recovery.is_some() {
        // Characters whose font does not say what they are, or objects that may be missing.
        text.output().degrade(ObjectState::Partial, 0);
    }
    text.finish(data.len());
}

/// Loads a document; one without its end is read by an end made up for it.
fn load(data: &[u8]) -> Result<Document, ObjectState> {
    let limit = object_stream_limit(data);
    let options = LoadOptions::with_max_decompressed_size(limit);
    let error = match Document::load_mem_with_options(data, options.clone()) {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    match error {
        Error::Decompress(DecompressError::MemoryLimitExceeded { .. }) => return Err(ObjectState::OverLimit),
        Error::InvalidPassword | Error::Decryption(_) => return Err(ObjectState::Encrypted),
        _ => {}
    }
    if memchr::memmem::find(data, b"/Encrypt").is_some() {
        return Err(ObjectState::Encrypted);
    }
    let whole = [data, MADE_UP_END].concat();
    let mut document =
        Document::load_mem_with_options(&whole, options).map_err(|_| ObjectState::Malformed)?;
    let streams: Vec<ObjectStream> = document
        .objects
        .values()
        .filter_map(|object| object.as_stream().ok().filter(|stream| stream.dict.has_type(b"ObjStm")))
        .filter_map(|stream| ObjectStream::new_with_limit(stream, Some(limit)).ok())
        .collect();
    for (id, object) in streams.into_iter().flat_map(|stream| stream.objects) {
        document.objects.entry(id).or_insert(object);
    }
    Ok(document)
}

/// What one object stream may unpack to, so that all of them keep within [`OBJECT_STREAM_BYTES`].
fn object_stream_limit(data: &[u8]) -> usize {
    // A name may be written with numbers for characters (`/Obj#53tm`): then every stream may be one.
    let is_disguised = data.windows(3).any(|bytes| matches!(bytes, [b'#', b'4'..=b'7', _]));
    let mark: &[u8] = if is_disguised { b"endstream" } else { b"/ObjStm" };
    let streams = memchr::memmem::find_iter(data, mark).count();
    (OBJECT_STREAM_BYTES / streams.max(1)).clamp(64 << 10, STREAM_BYTES)
}

/// Pages in the order of the page tree; then those that the tree does not name, such as an earlier revision's.
fn page_ids(document: &Document) -> Vec<ObjectId> {
    let mut ids: Vec<ObjectId> = document.page_iter().collect();
    let named: BTreeSet<ObjectId> = ids.iter().copied().collect();
    let is_page = |object: &Object| object.as_dict().is_ok_and(|dictionary| dictionary.has_type(b"Page"));
    let unnamed = document.objects.iter().filter(|(id, object)| !named.contains(*id) && is_page(object));
    ids.extend(unnamed.map(|(id, _)| *id));
    ids
}

fn read_page<'d>(source: &'d Source, id: ObjectId, pages: &mut Pages<'d>, text: &mut Text<'_>) {
    let document = &source.document;
    let (direct, referenced) = document.get_page_resources(id).unwrap_or_default();
    let mut resources: Vec<&Dictionary> = direct.into_iter().collect();
    resources.extend(referenced.iter().filter_map(|id| document.get_dictionary(*id).ok()));
    match source.unpack_page(id) {
        Ok(content) => pages.run(&content, &resources, text),
        Err(state) => text.output().degrade(state, 0),
    }
}

/// A document with what may still be unpacked of it.
struct Source {
    document: Document,
    left: Cell<usize>,
    programs_left: Cell<usize>,
}

impl Source {
    /// The unpacked bytes of a stream; the error is the state of one that is damaged, or larger than what is left.
    fn unpack(&self, stream: &Stream) -> Result<Vec<u8>, ObjectState> {
        self.charged(|limit| stream.get_plain_content_with_limit(limit))
    }

    /// The unpacked content of a page.
    fn unpack_page(&self, id: ObjectId) -> Result<Vec<u8>, ObjectState> {
        self.charged(|limit| self.document.get_page_content_with_limit(id, limit))
    }

    /// The unpacked bytes of the stream that `dictionary` holds or refers to under `key`.
    fn unpack_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
        let stream = dictionary.get_deref(key, &self.document).and_then(Object::as_stream).ok()?;
        self.unpack(stream).ok()
    }

    /// The font program of a font descriptor, TrueType, OpenType or CFF, if another one may still be read.
    fn program(&self, descriptor: &Dictionary) -> Option<Vec<u8>> {
        let left = self.programs_left.get().checked_sub(1)?;
        let program = [b"FontFile2".as_slice(), b"FontFile3"]
            .iter()
            .find_map(|key| self.unpack_entry(descriptor, key))?;
        self.programs_left.set(left);
        Some(program)
    }

    fn charged(&self, unpack: impl FnOnce(usize) -> lopdf::Result<Vec<u8>>) -> Result<Vec<u8>, ObjectState> {
        let limit = self.left.get().min(STREAM_BYTES);
        let unpacked = unpack(limit);
        let (cost, result) = match unpacked {
            Ok(bytes) => (bytes.len(), Ok(bytes)),
            Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => {
                (limit, Err(ObjectState::OverLimit))
            }
            // How far it came is not known.
            Err(_) => (limit / 8, Err(ObjectState::Malformed)),
        };
        self.left.set(self.left.get().saturating_sub(cost));
        result
    }
}

#[cfg(test)]
mod tests;
