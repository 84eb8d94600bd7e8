//! What Git sends when somebody pushes (gitformat-pack, gitprotocol-pack): the files, notes on changes and names in a pack.
//!
//! Owns: the objects of a pack, and the names that trees in it give to them. Never does: rebuilding a file that is told as a change to
//! another one; of such a change what it adds is read.

use super::copy;
use super::text::{TEXT_BYTES, Text};
use crate::{Inner, Output};
use egret_model::{Cursor, ObjectState};
use flate2::bufread::ZlibDecoder;
use sha1::{Digest as _, Sha1};
use std::collections::HashMap;
use std::io::Read as _;

/// How a pack begins, of either version (gitformat-pack, "Header").
pub(crate) const SIGNATURES: [&[u8]; 2] = [b"PACK\0\0\0\x02", b"PACK\0\0\0\x03"];
/// What stands before it in a push: the end of the list of references.
const FLUSH: &[u8] = b"0000";

/// Types of objects.
const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;
const TAG: u8 = 4;
const OFFSET_DELTA: u8 = 6;
const REFERENCE_DELTA: u8 = 7;

/// Bytes of a name of an object.
const NAME: usize = 20;
/// Largest object of which the name is told, bytes: it is held while it is hashed. 16 MiB.
const HELD: u64 = 16 << 20;
/// Names remembered, and bytes of the longest of them, which is what file systems take. 100,000 and 255.
const MOST_NAMES: usize = 100_000;
const LONGEST_NAME: usize = 255;

/// Where the pack begins in what is sent; lines may stand before it. None: there is none.
pub(crate) fn begins(prefix: &[u8]) -> Option<usize> {
    let starts = |at: usize| {
        SIGNATURES.iter().any(|signature| prefix.get(at..).is_some_and(|rest| rest.starts_with(signature)))
    };
    if starts(0) {
        return Some(0);
    }
    let mut at = 0;
    loop {
        let digits = str::from_utf8(prefix.get(at..at + FLUSH.len())?).ok()?;
        match usize::from_str_radix(digits, 16).ok()? {
            0 if starts(at + FLUSH.len()) => return Some(at + FLUSH.len()),
            // The list of what a shallow clone lacks ends so too.
            0 => at += FLUSH.len(),
            length if length > FLUSH.len() => at += length,
            _ => return None,
        }
    }
}

/// Reads a push or a pack. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let start = begins(data).unwrap_or(0);
    let mut pack =
        Pack { text: Text::new(output), names: HashMap::new(), nameless: 0, left: TEXT_BYTES as u64 };
    let commands = String::from_utf8_lossy(data.get(..start).unwrap_or_default());
    pack.text.push(&commands.replace('\0', " "));
    pack.text.line();
    let mut header = Cursor::new(data.get(start..).unwrap_or_default());
    let count = header.skip(8).and_then(|()| header.u32_be());
    let mut rest = header.rest();
    let mut state = if count.is_ok() { ObjectState::Inspected } else { ObjectState::Partial };
    for _ in 0..count.unwrap_or_default() {
        state = pack.object(&mut rest);
        if state != ObjectState::Inspected {
            // Where the next object begins is not known, or no more of them is wanted.
            break;
        }
    }
    // The checksum of a pack is all that stands behind its last object.
    if state == ObjectState::Inspected && rest.len() > NAME {
        state = ObjectState::Malformed;
    }
    if state != ObjectState::Inspected {
        pack.text.output().degrade(state, rest.len() as u64);
    }
    pack.text.finish(data.len());
}

struct Pack<'o> {
    text: Text<'o>,
    names: HashMap<[u8; NAME], String>,
    nameless: usize,
    /// Bytes that what is no file may still come to: nothing behind this reader counts them.
    left: u64,
}

impl Pack<'_> {
    /// Reads the object that `rest` begins with, and leaves what is behind it.
    fn object(&mut self, rest: &mut &[u8]) -> ObjectState {
        let mut head = Cursor::new(rest);
        let Some((kind, size)) = header(&mut head) else { return ObjectState::Partial };
        *rest = head.rest();
        let stored = rest.len();
        let mut inflated = ZlibDecoder::new(&mut *rest);
        if kind == BLOB && size > HELD {
            self.begin(None);
            let state = copy(&mut inflated, Some(size), self.text.output());
            self.text.output().end(state, (stored - rest.len()) as u64);
            return state;
        }
        if kind != BLOB {
            match self.left.checked_sub(size).filter(|_| size <= HELD) {
                Some(left) => self.left = left,
                None => return ObjectState::OverLimit,
            }
        }
        let mut data = Vec::new();
        // One byte more than there should be tells a size that lies.
        let read = inflated.by_ref().take(size + 1).read_to_end(&mut data);
        let whole = read.is_ok() && data.len() as u64 == size;
        let stored = (stored - rest.len()) as u64;
        let wanted = match kind {
            COMMIT | TAG => {
                self.text.push(&String::from_utf8_lossy(&data));
                self.text.line();
                true
            }
            TREE => {
                self.tree(&data);
                true
            }
            BLOB => {
                let name = self.names.remove(&name_of(&data));
                self.hand_over(name, &data, whole, stored)
            }
            OFFSET_DELTA | REFERENCE_DELTA => {
                let added = added(&data);
                added.is_empty() || self.hand_over(None, &added, whole, stored)
            }
            _ => return ObjectState::Malformed,
        };
        match (wanted, whole, rest.is_empty()) {
            (false, ..) => ObjectState::OverLimit,
            (true, true, _) => ObjectState::Inspected,
            (true, false, true) => ObjectState::Partial,
            (true, false, false) => ObjectState::Malformed,
        }
    }

    /// The names in a folder, and what they stand for.
    fn tree(&mut self, data: &[u8]) {
        let mut rest = Cursor::new(data);
        while let Some(end) = memchr::memchr(0, rest.rest()) {
            let (Ok(entry), Ok(())) = (rest.take(end), rest.skip(1)) else { break };
            let Ok(object) = rest.array::<NAME>() else { break };
            // The mode stands before the name.
            let name =
                memchr::memchr(b' ', entry).and_then(|blank| entry.get(blank + 1..)).unwrap_or_default();
            let told = String::from_utf8_lossy(name);
            self.text.push(&told);
            self.text.line();
            if self.names.len() < MOST_NAMES && name.len() <= LONGEST_NAME {
                self.names.insert(object, told.into_owned());
            }
        }
    }

    /// False: no more is wanted.
    fn hand_over(&mut self, name: Option<String>, data: &[u8], whole: bool, stored: u64) -> bool {
        self.begin(name);
        let output = self.text.output();
        let wanted = output.data(data);
        let state = match (wanted, whole) {
            (false, _) => ObjectState::OverLimit,
            (true, true) => ObjectState::Inspected,
            (true, false) => ObjectState::Partial,
        };
        output.end(state, stored);
        wanted
    }

    fn begin(&mut self, filename: Option<String>) {
        let name = filename.clone().unwrap_or_else(|| {
            self.nameless += 1;
            format!("object-{}", self.nameless)
        });
        self.text.output().begin(Inner { name, filename, media_type: None });
    }
}

/// Type and size of an object, and past the object that a change is one of.
fn header(rest: &mut Cursor<'_>) -> Option<(u8, u64)> {
    let first = rest.u8().ok()?;
    let kind = first >> 4 & 7;
    let mut size = u64::from(first & 15);
    let (mut byte, mut shift) = (first, 4);
    while byte & 0x80 != 0 {
        byte = rest.u8().ok()?;
        size |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
    }
    match kind {
        REFERENCE_DELTA => rest.skip(NAME).ok()?,
        OFFSET_DELTA => while rest.u8().ok()? & 0x80 != 0 {},
        _ => {}
    }
    Some((kind, size))
}

/// The name of a file by its content.
fn name_of(data: &[u8]) -> [u8; NAME] {
    let mut digest = Sha1::new();
    digest.update(format!("blob {}\0", data.len()));
    digest.update(data);
    digest.finalize().into()
}

/// What a change adds (gitformat-pack, "Deltified representation"), a line each.
fn added(delta: &[u8]) -> Vec<u8> {
    let mut rest = Cursor::new(delta);
    // The sizes of both files.
    for _ in 0..2 {
        while rest.u8().is_ok_and(|byte| byte & 0x80 != 0) {}
    }
    let mut added = Vec::new();
    while let Ok(instruction) = rest.u8() {
        if instruction & 0x80 != 0 {
            // Copied from the other file: each bit stands for a byte of where and how much.
            if rest.skip((instruction & 0x7f).count_ones() as usize).is_err() {
                break;
            }
        } else {
            let Ok(text) = rest.take(usize::from(instruction)) else { break };
            if !added.is_empty() {
                added.push(b'\n');
            }
            added.extend_from_slice(text);
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    /// The body of a push over HTTP by Git 2.47: two commits, the second of which changes a file.
    const PUSH: &[u8] = include_bytes!("push.bin");

    #[test]
    fn files_of_a_push_have_their_names() {
        let recording = Recording::of(read, PUSH);
        assert_eq!(recording.object("customers.csv").data, b"name,ssn\nJane Doe,536-90-4399\n");
        assert!(recording.object("main.py").data.starts_with(b"import os\n"));
        for line in ["refs/heads/main", "add the customers", "notes.md"] {
            assert!(recording.text.contains(line), "{line}: {}", recording.text);
        }
        assert_eq!(recording.degraded, []);
        let notes = String::from_utf8_lossy(&recording.object("notes.md").data);
        assert!(notes.contains("\nthe line that was added\n200\n"));
    }

    #[test]
    fn a_cut_push_yields_what_there_is() {
        let pack = begins(PUSH).unwrap();
        for end in pack + SIGNATURES[0].len()..PUSH.len() - NAME {
            let recording = Recording::of(read, &PUSH[..end]);
            assert!(!recording.degraded.is_empty(), "what is missing at {end} is told");
        }
        let recording = Recording::of(read, &PUSH[..PUSH.len() - 40]);
        assert!(recording.text.contains("refs/heads/main"));
    }

    #[test]
    fn what_nobody_wants_or_expects_is_told() {
        let recording = Recording { object_limit: Some(10), ..Recording::default() };
        let mut limited = recording;
        read(PUSH, &mut limited);
        assert_eq!(limited.objects.len(), 1, "no further object is inflated");
        assert!(matches!(limited.degraded[..], [(ObjectState::OverLimit, 1..)]), "{:?}", limited.degraded);
        let longer = [PUSH, b"hidden behind the end"].concat();
        let degraded = Recording::of(read, &longer).degraded;
        assert_eq!(degraded, [(ObjectState::Malformed, 41)]);
        // A commit that claims to be huge.
        let huge = [SIGNATURES[0], &[0, 0, 0, 1, 0x9f, 0xff, 0xff, 0xff, 0x7f, 0x78, 0x9c]].concat();
        assert!(matches!(Recording::of(read, &huge).degraded[..], [(ObjectState::OverLimit, _)]));
    }

    #[test]
    fn additions_of_a_change() {
        // Sizes 5 and 9, three bytes copied, "new", two bytes copied, "end".
        let delta = [b"\x05\x0b\x90\x03\x03new\x91\x03\x02\x03end".as_slice()].concat();
        assert_eq!(added(&delta), b"new\nend");
    }

    #[test]
    fn bytes_that_changed_do_no_harm() {
        let mut state = 3_u64;
        for _ in 0..3000 {
            let mut changed = PUSH.to_vec();
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % changed.len();
            changed[at] = (state >> 24) as u8;
            Recording::of(read, &changed);
        }
    }
}
