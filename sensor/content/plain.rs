//! Text as it streams by: its character set undone, uuencoded files and letters that are one taken out as objects.
//!
//! Owns: what happens to plain text. Never does: hashing; judging whether something is text.

use crate::charset::TextDecoder;
use crate::embedded::EmbeddedFiles;
use crate::header::PartHeader;
use crate::object::{CONTAINER, Declared, GAP, Object, Walk};
use crate::uuencode::{TextEvent, Uuencoded};
use egret_model::{ContentEvent, ObjectId, ObjectState};

/// Where a text belongs: the object, its path and its depth.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) id: ObjectId,
    pub(crate) path: &'a str,
    pub(crate) depth: usize,
}

/// A text that is being read.
pub(crate) struct Plain {
    decoder: TextDecoder,
    files: Option<Uuencoded>,
    open: Option<Box<Object>>,
    embedded: Option<EmbeddedFiles>,
    /// Decoded bytes of files over the limit on objects.
    lost: u64,
}

impl Plain {
    /// `files`: files in the text may be opened.
    pub(crate) fn new(prefix: &[u8], charset: Option<&str>, files: bool) -> Self {
        let decoder = TextDecoder::new(prefix, charset);
        let embedded = files.then(EmbeddedFiles::default);
        Self { decoder, files: files.then(Uuencoded::default), open: None, embedded, lost: 0 }
    }

    pub(crate) fn push(&mut self, data: &[u8], place: Place<'_>, walk: &mut Walk<'_>) {
        self.run(place, walk, |files, sink| files.push(data, sink), Some(data));
    }

    /// `missing` bytes are not there; the text goes on behind a mark that nothing matches across. True where a file in
    /// the text takes the `stored` bytes on itself.
    pub(crate) fn gap(&mut self, missing: u64, stored: u64, place: Place<'_>, walk: &mut Walk<'_>) -> bool {
        self.run(place, walk, Uuencoded::gap, None);
        if let Some(object) =
            self.open.as_mut().filter(|_| self.files.as_ref().is_some_and(Uuencoded::in_file))
        {
            // Of 62 bytes of a line, 45 are content.
            object.gap(missing / 4 * 3, stored, walk);
            return true;
        }
        let Self { decoder, embedded, .. } = self;
        decoder.gap(missing, &mut |text| tell(text, embedded, place, walk));
        tell(GAP, embedded, place, walk);
        false
    }

    /// The end of the text. Returns how many bytes of files in it were not taken.
    pub(crate) fn finish(mut self, place: Place<'_>, walk: &mut Walk<'_>) -> u64 {
        self.run(place, walk, Uuencoded::finish, None);
        let Self { mut decoder, mut embedded, lost, .. } = self;
        decoder.decode(&[], true, &mut |text| tell(text, &mut embedded, place, walk));
        if let Some(mut embedded) = embedded {
            embedded.end(place, walk);
        }
        lost
    }

    /// Lets the search for files work, or hands `plain` on where there is none.
    fn run(
        &mut self,
        place: Place<'_>,
        walk: &mut Walk<'_>,
        work: impl FnOnce(&mut Uuencoded, &mut dyn FnMut(TextEvent<'_>)),
        plain: Option<&[u8]>,
    ) {
        let Self { decoder, files, open, embedded, lost } = self;
        let mut take = |event: TextEvent<'_>| match event {
            TextEvent::Text(data) => {
                decoder.decode(data, false, &mut |text| tell(text, embedded, place, walk));
            }
            TextEvent::Begin(name) => {
                if let Some(embedded) = embedded {
                    embedded.end(place, walk);
                }
                *open = walk.budget.may_begin(walk.limits).then(|| {
                    let header = PartHeader { filename: Some(name.to_owned()), ..PartHeader::default() };
                    Box::new(Object::inner(
                        place.path,
                        name,
                        Declared { header, mail: false },
                        place.depth + CONTAINER,
                    ))
                });
            }
            TextEvent::Data(data) => match open {
                Some(object) => {
                    object.push(data, walk);
                }
                None => *lost = lost.saturating_add(data.len() as u64),
            },
            TextEvent::End(good) => {
                if let Some(object) = open.take() {
                    object.finish(if good { ObjectState::Inspected } else { ObjectState::Partial }, 0, walk);
                }
            }
        };
        match (files, plain) {
            (Some(files), _) => work(files, &mut take),
            (None, Some(data)) => take(TextEvent::Text(data)),
            (None, None) => {}
        }
    }
}

/// Hands text on, which may have files in it.
fn tell(text: &[u8], embedded: &mut Option<EmbeddedFiles>, place: Place<'_>, walk: &mut Walk<'_>) {
    (walk.sink)(ContentEvent::Text { object: place.id, text });
    if let Some(embedded) = embedded {
        embedded.push(text, place, walk);
    }
}
