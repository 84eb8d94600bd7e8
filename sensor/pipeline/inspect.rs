//! Files and texts inspected as if they had been transferred: the same content walk, the same scanners.
//!
//! Owns: the path from a reader to objects and hits. Never does: opening of files; a second opinion of its own.

use crate::scanners::Scanners;
use crate::transfer::Inspection;
use egret_content::Walker;
use egret_detect::SignatureSet;
use egret_model::{ContentEvent, ContentHints, Hit, Limits, ObjectRecord};
use std::io::{self, Read};
use std::sync::Arc;

/// What was seen in one file.
#[derive(Debug)]
pub struct InspectedFile {
    /// The file and everything unpacked from it.
    pub objects: Vec<ObjectRecord>,
    /// Hits by index into `objects`.
    pub hits: Vec<(usize, Hit)>,
}

/// Inspects files one after the other.
pub struct FileInspector {
    scanners: Scanners,
    limits: Limits,
}

impl FileInspector {
    /// An inspector with these signatures.
    #[must_use]
    pub fn new(signatures: Arc<SignatureSet>, limits: &Limits) -> Self {
        Self { scanners: Scanners::new(signatures, &limits.detect), limits: limits.clone() }
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
        let scanners = &mut self.scanners;
        let mut take = |event: ContentEvent<'_>| {
            if let ContentEvent::Text { text: piece, .. } = &event {
                text(piece);
            }
            inspection.take(event, scanners);
        };
        let mut block = vec![0; self.limits.capture.block_bytes.max(1)];
        loop {
            match reader.read(&mut block) {
                Ok(0) => break,
                Ok(length) => walker.push(block.get(..length).unwrap_or_default(), &mut take),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        walker.finish(true, &mut take);
        let (objects, hits) = inspection.close();
        Ok(InspectedFile { objects, hits })
    }

    /// Every match in a text as it stands, of any confidence and whatever the thresholds, for people who tune signatures: no
    /// unpacking, offsets are bytes of this text.
    pub fn inspect_text(&mut self, text: &str) -> Vec<Hit> {
        self.scanners.scan_text(text)
    }
}
