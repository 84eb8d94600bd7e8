//! What a reader finds in an object: text of it, and objects in it.
//!
//! Owns: the walk's side of [`Output`]. Never does: reading of a format.

use crate::header::PartHeader;
use crate::object::{CONTAINER, Declared, Object, Walk};
use crate::{Inner, Output, formats};
use egret_model::{ContentEvent, ObjectId, ObjectState};

/// Where a reader reports to.
pub(crate) struct Inside<'a, 'w> {
    /// The object that is read, its path and file name.
    pub(crate) id: ObjectId,
    pub(crate) path: &'a str,
    pub(crate) filename: Option<&'a str>,
    /// Depth of what is in it.
    pub(crate) depth: usize,
    /// What is in it comes out of decompression.
    pub(crate) unpacks: bool,
    pub(crate) walk: &'a mut Walk<'w>,
    pub(crate) open: Option<Object>,
    /// What the reader, or a limit, left unread.
    pub(crate) degraded: Vec<(ObjectState, u64)>,
}

impl<'a, 'w> Inside<'a, 'w> {
    /// Of an object that stands as it is; `depth` is that of what is in it.
    pub(crate) const fn new(
        id: ObjectId,
        path: &'a str,
        filename: Option<&'a str>,
        depth: usize,
        walk: &'a mut Walk<'w>,
    ) -> Self {
        Self { id, path, filename, depth, unpacks: false, walk, open: None, degraded: Vec::new() }
    }
}

impl Output for Inside<'_, '_> {
    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            (self.walk.sink)(ContentEvent::Text { object: self.id, text: text.as_bytes() });
        }
    }

    fn begin(&mut self, inner: Inner) {
        let Inner { mut name, mut filename, media_type } = inner;
        if filename.is_none() && name == formats::UNNAMED {
            // `report.csv.gz` holds `report.csv`.
            filename = self.filename.and_then(|outer| outer.rsplit_once('.')).map(|(stem, _)| {
                match stem.is_empty() {
                    true => formats::UNNAMED.to_owned(),
                    false => stem.to_owned(),
                }
            });
            if let Some(filename) = &filename {
                name.clone_from(filename);
            }
        }
        let header = PartHeader { media_type, filename, ..PartHeader::default() };
        let declared = Declared { header, mail: false };
        let may_begin =
            self.depth <= self.walk.limits.depth * CONTAINER && self.walk.budget.may_begin(self.walk.limits);
        self.open = may_begin.then(|| match self.unpacks {
            true => Object::unpacked(self.path, &name, declared, self.depth),
            false => Object::inner(self.path, &name, declared, self.depth),
        });
    }

    fn data(&mut self, data: &[u8]) -> bool {
        self.open.as_mut().is_some_and(|object| object.push(data, self.walk))
    }

    fn end(&mut self, state: ObjectState, stored: u64) {
        match self.open.take() {
            Some(object) => object.finish(state, stored, self.walk),
            None => self.degraded.push((ObjectState::OverLimit, stored)),
        }
    }

    fn degrade(&mut self, state: ObjectState, bytes: u64) {
        self.degraded.push((state, bytes));
    }
}
