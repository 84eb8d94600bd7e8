//! Files that stand as letters within a text: in scripts, style sheets, command lines, in the lines between two marks or in a message.
//!
//! Owns: the object that such a stretch of letters is. Never does: texts that are encoded as a whole; uuencode.

mod lines;
mod stretches;

use crate::object::{CONTAINER, Declared, Object, Walk};
use crate::plain::Place;
use crate::transfer_encoding::{Apparent, TransferEncoding, apparent};
use egret_model::ObjectState;
use lines::Lines;
use stretches::{Stretch, Stretches};

/// Letters by which it is decided whether a stretch is a file.
const TELLING: usize = 4 << 10;

/// Files in a text that streams by.
#[derive(Default)]
pub(crate) struct EmbeddedFiles {
    stretches: Stretches,
    file: File,
    lines: Lines,
    file_in_lines: File,
}

/// What a stretch is.
#[derive(Default)]
enum File {
    #[default]
    None,
    /// Its first letters.
    Unknown(Vec<u8>),
    Open(Box<(TransferEncoding, Object)>),
    /// No file.
    Passed,
}

impl EmbeddedFiles {
    /// Takes the next bytes of the text at `place`.
    pub(crate) fn push(&mut self, data: &[u8], place: Place<'_>, walk: &mut Walk<'_>) {
        let Self { stretches, file, lines, file_in_lines } = self;
        stretches.push(data, &mut |stretch| file.take(stretch, place, walk));
        lines.push(data, &mut |stretch| file_in_lines.take(stretch, place, walk));
    }

    /// The text ends here, or bytes are missing.
    pub(crate) fn end(&mut self, place: Place<'_>, walk: &mut Walk<'_>) {
        let Self { stretches, file, lines, file_in_lines } = self;
        stretches.end(&mut |stretch| file.take(stretch, place, walk));
        lines.end(&mut |stretch| file_in_lines.take(stretch, place, walk));
    }
}

impl File {
    fn take(&mut self, stretch: Stretch<'_>, place: Place<'_>, walk: &mut Walk<'_>) {
        match (&mut *self, stretch) {
            (Self::None, Stretch::Letters(letters)) => {
                *self = Self::Unknown(Vec::new());
                self.take(Stretch::Letters(letters), place, walk);
            }
            (Self::Unknown(first), Stretch::Letters(letters)) => {
                first.extend_from_slice(letters);
                if first.len() >= TELLING {
                    self.decide(place, walk);
                }
            }
            (Self::Open(open), Stretch::Letters(letters)) => {
                let (encoding, object) = &mut **open;
                encoding.push(letters, &mut |decoded| {
                    object.push(decoded, walk);
                });
            }
            (Self::Passed | Self::None, _) => {}
            (Self::Unknown(_), Stretch::End) => {
                self.decide(place, walk);
                self.take(Stretch::End, place, walk);
            }
            (Self::Open(_), Stretch::End) => {
                if let Self::Open(open) = std::mem::take(self) {
                    let (mut encoding, mut object) = *open;
                    encoding.finish(&mut |decoded| {
                        object.push(decoded, walk);
                    });
                    object.finish(ObjectState::Inspected, 0, walk);
                }
            }
        }
        if stretch == Stretch::End {
            *self = Self::None;
        }
    }

    fn decide(&mut self, place: Place<'_>, walk: &mut Walk<'_>) {
        let Self::Unknown(first) = std::mem::replace(self, Self::Passed) else { return };
        let letters = first.get(..TELLING.min(first.len())).unwrap_or_default();
        let found = apparent(letters).filter(|found| *found != Apparent::Escapes);
        if let Some(found) = found.filter(|_| walk.budget.may_begin(walk.limits)) {
            let encoding = TransferEncoding::apparent(found);
            let object =
                Object::inner(place.path, found.name(), Declared::default(), place.depth + CONTAINER);
            *self = Self::Open(Box::new((encoding, object)));
            self.take(Stretch::Letters(&first), place, walk);
        }
    }
}
