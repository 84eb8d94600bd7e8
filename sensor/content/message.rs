//! A mail message (RFC 5322): its header as text, its body as objects.
//!
//! Owns: the split of header and body. Never does: reading of fields or parts.

use crate::header;
use crate::object::{Declared, Object, Walk};
use crate::part::header_end;
use crate::parts::{Parts, name_of};
use crate::transfer_encoding::TransferEncoding;
use egret_model::{ContentEvent, ObjectId, ObjectState};

/// A message that is being read.
pub(crate) struct Message {
    path: String,
    depth: usize,
    part: Part,
}

enum Part {
    /// Its bytes so far, and how many of them were searched for its end.
    Header {
        held: Vec<u8>,
        searched: usize,
    },
    Parts {
        encoding: TransferEncoding,
        parts: Box<Parts>,
    },
    Single {
        encoding: TransferEncoding,
        object: Box<Object>,
        stored: u64,
        gap: bool,
    },
    /// Over the limit on objects.
    Nothing,
}

impl Message {
    pub(crate) fn new(path: &str, depth: usize) -> Self {
        Self { path: path.to_owned(), depth, part: Part::Header { held: Vec::new(), searched: 0 } }
    }

    pub(crate) fn push(&mut self, data: &[u8], id: ObjectId, walk: &mut Walk<'_>) {
        let Part::Header { held, searched } = &mut self.part else { return self.body(data, walk) };
        held.extend_from_slice(data);
        let whole = std::mem::take(held);
        match header_end(&whole, *searched) {
            Some((raw, body)) => {
                self.open(raw, id, walk);
                self.body(body, walk);
            }
            None => {
                *searched = whole.len();
                *held = whole;
            }
        }
    }

    /// Bytes are missing. False where no inner object takes them. A header ends with them.
    pub(crate) fn gap(&mut self, bytes: u64, id: ObjectId, walk: &mut Walk<'_>) -> bool {
        if let Part::Header { held, .. } = &mut self.part {
            let held = std::mem::take(held);
            self.open(&held, id, walk);
        }
        match &mut self.part {
            Part::Parts { encoding, parts } => {
                let missing = encoding.gap(bytes, &mut |decoded| parts.push(decoded, walk));
                parts.gap(missing, walk)
            }
            Part::Single { encoding, object, gap, .. } => {
                *gap = true;
                let missing = encoding.gap(bytes, &mut |decoded| {
                    object.push(decoded, walk);
                });
                object.gap(missing, bytes, walk);
                true
            }
            Part::Header { .. } | Part::Nothing => false,
        }
    }

    pub(crate) fn finish(mut self, id: ObjectId, walk: &mut Walk<'_>) {
        if let Part::Header { held, .. } = &mut self.part {
            // No blank line: either nothing but a header, or a piece of a body whose header was not captured.
            let held = std::mem::take(held);
            if !held.is_empty() {
                self.open(&held, id, walk);
            }
        }
        match self.part {
            Part::Parts { mut encoding, mut parts } => {
                encoding.finish(&mut |decoded| parts.push(decoded, walk));
                parts.finish(walk);
            }
            Part::Single { mut encoding, mut object, stored, gap } => {
                encoding.finish(&mut |decoded| {
                    object.push(decoded, walk);
                });
                object.finish(if gap { ObjectState::Partial } else { ObjectState::Inspected }, stored, walk);
            }
            Part::Header { .. } | Part::Nothing => {}
        }
    }

    fn open(&mut self, raw: &[u8], id: ObjectId, walk: &mut Walk<'_>) {
        let header = header::parse(raw);
        if !header.text.is_empty() {
            (walk.sink)(ContentEvent::Text { object: id, text: header.text.as_bytes() });
        }
        let encoding =
            TransferEncoding::of_mail(header.transfer_encoding.as_deref(), header.media_type.as_deref());
        let multipart =
            header.media_type.as_deref().is_some_and(|media_type| media_type.starts_with("multipart/"));
        self.part = match &header.boundary {
            Some(boundary) if multipart => Part::Parts {
                encoding,
                parts: Box::new(Parts::of_mail(boundary, id, &self.path, self.depth)),
            },
            _ if walk.budget.may_begin(walk.limits) => {
                let name = name_of(&header);
                let object = Object::inner(&self.path, &name, Declared { header, mail: false }, self.depth);
                Part::Single { encoding, object: Box::new(object), stored: 0, gap: false }
            }
            _ => Part::Nothing,
        };
    }

    fn body(&mut self, data: &[u8], walk: &mut Walk<'_>) {
        match &mut self.part {
            Part::Parts { encoding, parts } => encoding.push(data, &mut |decoded| parts.push(decoded, walk)),
            Part::Single { encoding, object, stored, .. } => {
                *stored += data.len() as u64;
                encoding.push(data, &mut |decoded| {
                    object.push(decoded, walk);
                });
            }
            Part::Header { .. } | Part::Nothing => {}
        }
    }
}
