//! Files and texts inspected as if they had been transferred: the same content walk, the same scanners.
//!
//! Owns: the path from a reader to objects and hits. Never does: opening of files; a second opinion of its own.

use crate::scanners::Scanners;
use crate::transfer::{How, Inspection};
use egret_content::Walker;
use egret_detect::{NearMiss, SignatureSet};
use egret_model::{ContentEvent, ContentHints, Hit, Limits, ObjectId, ObjectRecord};
use std::io::{self, Read};
use std::sync::Arc;

/// What was seen in one file.
#[derive(Debug)]
pub struct InspectedFile {
    /// The file and everything unpacked from it.
    pub objects: Vec<ObjectRecord>,
    /// Hits by index into `objects`.
    pub hits: Vec<(usize, Hit)>,
    /// What nearly matched and why it did not, by path of its object; see [`How::Explaining`].
    pub near_misses: Vec<(String, NearMiss)>,
}

/// An object of a file, as it was unpacked.
#[derive(Debug)]
pub struct ExtractedObject {
    /// What it is.
    pub record: ObjectRecord,
    /// It is of no known format, and its text is its bytes.
    pub raw: bool,
    /// Its text, in the form in which it is matched.
    pub text: Vec<u8>,
}

/// Inspects files one after the other.
pub struct FileInspector {
    scanners: Scanners,
    limits: Limits,
    how: How,
}

impl FileInspector {
    /// An inspector with these signatures.
    #[must_use]
    pub fn new(signatures: Arc<SignatureSet>, limits: &Limits) -> Self {
        Self { scanners: Scanners::new(signatures, &limits.detect), limits: limits.clone(), how: How::Usual }
    }

    /// The same inspector, inspecting so.
    #[must_use]
    pub fn how(mut self, how: How) -> Self {
        self.how = how;
        self
    }

    /// Inspects what `reader` gives as the content of a file called `name`. Extracted text goes to `text` as it comes.
    pub fn inspect(
        &mut self,
        name: &str,
        reader: &mut dyn Read,
        text: &mut dyn FnMut(&[u8]),
    ) -> io::Result<InspectedFile> {
        let hints = ContentHints { filename: Some(name.to_owned()), ..ContentHints::default() };
        let mut walker = Walker::new(&hints, Arc::new(self.limits.content.clone()));
        let mut inspection = Inspection::default();
        inspection.how = self.how;
        let scanners = &mut self.scanners;
        let mut take = |event: ContentEvent<'_>| {
            if let ContentEvent::Text { text: piece, .. } = &event {
                text(piece);
            }
            inspection.take(event, scanners);
        };
        read_all(reader, self.limits.capture.block_bytes, &mut |block| walker.push(block, &mut take))?;
        walker.finish(true, &mut take);
        let near_misses = std::mem::take(&mut inspection.near_misses);
        let (objects, hits) = inspection.close();
        Ok(InspectedFile { objects, hits, near_misses })
    }

    /// Unpacks what `reader` gives as the content of a file called `name`, without inspecting it: each object with its text, in
    /// the form in which it is matched.
    pub fn extract(
        &self,
        name: &str,
        reader: &mut dyn Read,
        take: &mut dyn FnMut(ExtractedObject),
    ) -> io::Result<()> {
        let hints = ContentHints { filename: Some(name.to_owned()), ..ContentHints::default() };
        let mut walker = Walker::new(&hints, Arc::new(self.limits.content.clone()));
        let mut open: Vec<(ObjectId, bool, Vec<u8>)> = Vec::new();
        let mut event = |event: ContentEvent<'_>| match event {
            ContentEvent::Begin(start) => open.push((start.id, start.raw, Vec::new())),
            ContentEvent::Text { object, text } => {
                if let Some((_, _, held)) = open.iter_mut().rev().find(|(id, ..)| *id == object) {
                    held.extend_from_slice(text);
                }
            }
            ContentEvent::End { object, record, .. } => {
                if let Some(place) = open.iter().rposition(|(id, ..)| *id == object) {
                    let (_, raw, text) = open.remove(place);
                    take(ExtractedObject { record, raw, text: egret_detect::normalised(&text) });
                }
            }
        };
        read_all(reader, self.limits.capture.block_bytes, &mut |block| walker.push(block, &mut event))?;
        walker.finish(true, &mut event);
        Ok(())
    }

    /// Every match in a text as it stands, of any confidence and whatever the thresholds, for people who tune signatures: no
    /// unpacking, offsets are bytes of this text.
    pub fn inspect_text(&mut self, text: &str) -> Vec<Hit> {
        self.scanners.scan_text(text)
    }
}

fn read_all(reader: &mut dyn Read, block_bytes: usize, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut block = vec![0; block_bytes.max(1)];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(length) => take(block.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
