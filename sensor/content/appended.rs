//! Archives behind something else: put behind a picture, so that it passes for one, or behind the program that unpacks them.
//!
//! Owns: finding where such an archive begins, and the object that it is. Never does: looking into formats that have archives in them of
//! their own.

use crate::object::{CONTAINER, Declared, Object, Walk};
use egret_model::ObjectState;
use memchr::memmem;

/// Bytes behind the beginning of an archive that are looked at before it is believed to be one.
const LOOK: usize = 64;
/// Archives that stand nearer to the beginning are no appendix.
const NEAREST: u64 = 64;

/// What may stand behind the bytes of an object that is no archive.
#[derive(Default)]
pub(crate) enum Behind {
    #[default]
    Nothing,
    Unknown(Box<Appended>),
    /// An archive.
    Archive(Box<Object>),
}

impl Behind {
    /// It is looked for.
    pub(crate) fn sought() -> Self {
        Self::Unknown(Box::default())
    }

    /// The next bytes of the object in which it stands.
    pub(crate) fn push(&mut self, data: &[u8], outer: &str, depth: usize, walk: &mut Walk<'_>) {
        match self {
            Self::Nothing => {}
            Self::Unknown(appended) => {
                if let Some(beginning) = appended.push(data) {
                    let mut archive =
                        Box::new(Object::inner(outer, "appended", Declared::default(), depth + CONTAINER));
                    archive.push(&beginning, walk);
                    *self = Self::Archive(archive);
                }
            }
            Self::Archive(archive) => {
                archive.push(data, walk);
            }
        }
    }

    /// Bytes are missing: an archive that begins in them is not found.
    pub(crate) fn gap(&mut self, missing: u64, walk: &mut Walk<'_>) {
        match self {
            Self::Nothing => {}
            Self::Unknown(appended) => **appended = Appended::default(),
            // They are counted once, of the object in which it stands.
            Self::Archive(archive) => archive.gap(missing, 0, walk),
        }
    }

    /// Ends it. Gives its size.
    pub(crate) fn finish(&mut self, walk: &mut Walk<'_>) -> u64 {
        let Self::Archive(archive) = std::mem::take(self) else { return 0 };
        let size = archive.size();
        archive.finish(ObjectState::Inspected, size, walk);
        size
    }
}

/// Looks for an archive in bytes that stream by.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    /// The last bytes, in which one may begin.
    held: Vec<u8>,
    /// Offset of the held bytes.
    offset: u64,
}

impl Appended {
    /// Takes the next bytes. Gives those from the beginning of an archive on, if there is one; nothing more is to be pushed then.
    pub(crate) fn push(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        self.held.extend_from_slice(data);
        let searched = self.held.len().saturating_sub(LOOK);
        if let Some(at) = self.find(searched) {
            return Some(self.held.split_off(at));
        }
        self.held.drain(..searched);
        self.offset += searched as u64;
        None
    }

    /// The first archive that begins before `to`.
    fn find(&self, to: usize) -> Option<usize> {
        let from = usize::try_from(NEAREST.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let found = KINDS.iter().filter_map(|(mark, is_one)| {
            // A mark may end behind `to`; it has to begin before.
            let stretch = self.held.get(from..self.held.len().min(to + mark.len() - 1))?;
            memmem::find_iter(stretch, mark)
                .map(|at| from + at)
                .find(|at| self.held.get(*at..).is_some_and(is_one))
        });
        found.min()
    }
}

type Kind = (&'static [u8], fn(&[u8]) -> bool);

/// How archives begin, and what else must hold: zip, RAR, 7z.
const KINDS: [Kind; 3] = [
    (b"PK\x03\x04", is_zip),
    (b"Rar!\x1a\x07", |archive| matches!(archive.get(6), Some(0 | 1))),
    // Version 0, then checksums.
    (b"7z\xbc\xaf\x27\x1c", |archive| archive.get(6) == Some(&0)),
];

/// A local header (APPNOTE.TXT section 4.3.7): a version, a method in use, a name that is one.
fn is_zip(archive: &[u8]) -> bool {
    const METHODS: [u16; 9] = [0, 8, 9, 12, 14, 93, 95, 98, 99];
    const NAME: usize = 30;
    let word = |at: usize| {
        archive.get(at..).and_then(<[u8]>::first_chunk).map_or(u16::MAX, |b| u16::from_le_bytes(*b))
    };
    let length = usize::from(word(26));
    let name = archive.get(NAME..(NAME + length).min(archive.len())).unwrap_or_default();
    word(4) <= 63
        && METHODS.contains(&word(8))
        && (1..=1024).contains(&length)
        && !name.is_empty()
        && name.iter().all(|byte| *byte >= b' ' && *byte != 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Option<Vec<u8>> {
        let mut appended = Appended::default();
        let mut found: Option<Vec<u8>> = None;
        for piece in bytes.chunks(piece) {
            match &mut found {
                Some(archive) => archive.extend_from_slice(piece),
                None => found = appended.push(piece),
            }
        }
        found
    }

    #[test]
    fn archives_are_found_behind_anything_however_they_come() {
        let zip = include_bytes!("../../tests/data/documents/outer.zip");
        let rar = include_bytes!("../../tests/data/documents/small-rar50.rar");
        let seven_zip = include_bytes!("../../tests/data/documents/small.7z");
        let noise: Vec<u8> = (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for archive in [&zip[..], rar, seven_zip] {
            let whole = [&noise, archive].concat();
            for piece in [1, 63, 64, 65, 1000, usize::MAX] {
                assert_eq!(read(&whole, piece).as_deref(), Some(archive), "in pieces of {piece}");
            }
        }
        assert_eq!(read(rar, usize::MAX), None, "it is one itself");
        let marks =
            [&noise[..], b"PK\x03\x04 Rar! PK\x03\x04\x14\0\0\0\x08\0 7z\xbc\xaf\x27\x1c\x09", &noise]
                .concat();
        assert_eq!(read(&marks, 100), None);
    }
}
