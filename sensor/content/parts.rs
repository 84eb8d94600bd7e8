//! The parts of a multipart body as objects.
//!
//! Owns: naming of parts, their transfer encodings, multiparts within multiparts. Never does: finding boundaries.

use crate::object::{CONTAINER, Declared, GAP, Object, Walk};
use crate::part::{Multipart, PartEvent};
use crate::transfer_encoding::TransferEncoding;
use crate::{header, path};
use egret_model::{ContentEvent, ObjectId, ObjectState};

/// A multipart body that is being read.
pub(crate) struct Parts {
    machine: Multipart,
    inside: Inside,
}

struct Inside {
    /// The object that the parts belong to, and its path.
    owner: ObjectId,
    outer: String,
    depth: usize,
    /// The parts are a mail's: their text has the line ends of mail.
    mail: bool,
    open: Open,
}

enum Open {
    /// Between parts, or in one over the limit on objects.
    Nothing,
    Object {
        encoding: TransferEncoding,
        object: Box<Object>,
        stored: u64,
    },
    /// A multipart within: its parts belong to the same outer object.
    Parts {
        encoding: TransferEncoding,
        parts: Box<Parts>,
    },
}

impl Parts {
    /// For the parts of the object `owner` at the path `outer`.
    pub(crate) fn new(boundary: &str, owner: ObjectId, outer: &str, depth: usize) -> Self {
        let inside = Inside { owner, outer: outer.to_owned(), depth, mail: false, open: Open::Nothing };
        Self { machine: Multipart::new(boundary), inside }
    }

    /// The parts of a mail.
    pub(crate) fn of_mail(boundary: &str, owner: ObjectId, outer: &str, depth: usize) -> Self {
        let mut this = Self::new(boundary, owner, outer, depth);
        this.inside.mail = true;
        this
    }

    pub(crate) fn push(&mut self, data: &[u8], walk: &mut Walk<'_>) {
        let Self { machine, inside } = self;
        machine.push(data, &mut |event| inside.take(event, walk));
    }

    /// Bytes are missing: the part they fall in is partial. False where no part takes them.
    pub(crate) fn gap(&mut self, bytes: u64, walk: &mut Walk<'_>) -> bool {
        let Self { machine, inside } = self;
        machine.gap(&mut |event| inside.take(event, walk));
        match &mut inside.open {
            Open::Object { encoding, object, .. } => {
                let missing = encoding.gap(bytes, &mut |decoded| {
                    object.push(decoded, walk);
                });
                object.gap(missing, bytes, walk);
                true
            }
            Open::Parts { encoding, parts } => {
                let missing = encoding.gap(bytes, &mut |decoded| parts.push(decoded, walk));
                parts.gap(missing, walk)
            }
            Open::Nothing => {
                inside.text(GAP, walk);
                false
            }
        }
    }

    pub(crate) fn finish(mut self, walk: &mut Walk<'_>) {
        let Self { machine, inside } = &mut self;
        machine.finish(&mut |event| {
            // The last part of a body that was cut is cut itself.
            if let PartEvent::End = event {
                inside.end(ObjectState::Partial, walk);
            } else {
                inside.take(event, walk);
            }
        });
    }
}

impl Inside {
    fn take(&mut self, event: PartEvent<'_>, walk: &mut Walk<'_>) {
        match event {
            PartEvent::Begin(raw) => self.begin(raw, walk),
            PartEvent::Data(data) => match &mut self.open {
                Open::Object { encoding, object, stored } => {
                    *stored += data.len() as u64;
                    encoding.push(data, &mut |decoded| {
                        object.push(decoded, walk);
                    });
                }
                Open::Parts { encoding, parts } => {
                    encoding.push(data, &mut |decoded| parts.push(decoded, walk));
                }
                // Over the limit on objects, or on depth: what is not taken apart is text of the outer object.
                Open::Nothing => self.text(data, walk),
            },
            PartEvent::End => self.end(ObjectState::Inspected, walk),
            PartEvent::Outside(data) => self.text(data, walk),
        }
    }

    fn text(&self, text: &[u8], walk: &mut Walk<'_>) {
        (walk.sink)(ContentEvent::Text { object: self.owner, text });
    }

    fn begin(&mut self, raw: &[u8], walk: &mut Walk<'_>) {
        let header = header::parse(raw);
        let encoding = match self.mail {
            true => {
                TransferEncoding::of_mail(header.transfer_encoding.as_deref(), header.media_type.as_deref())
            }
            false => TransferEncoding::named(header.transfer_encoding.as_deref()),
        };
        let multipart =
            header.media_type.as_deref().is_some_and(|media_type| media_type.starts_with("multipart/"));
        self.open = match &header.boundary {
            Some(boundary) if multipart && self.depth < walk.limits.depth * CONTAINER => {
                Open::Parts { encoding, parts: Box::new(self.nested(boundary)) }
            }
            _ if walk.budget.may_begin(walk.limits) => {
                let name = name_of(&header);
                let declared = Declared { header, mail: false };
                let object = Box::new(Object::inner(&self.outer, &name, declared, self.depth));
                Open::Object { encoding, object, stored: 0 }
            }
            _ => {
                self.text(b"\n", walk);
                Open::Nothing
            }
        };
    }

    fn nested(&self, boundary: &str) -> Parts {
        let mut parts = Parts::new(boundary, self.owner, &self.outer, self.depth + 1);
        parts.inside.mail = self.mail;
        parts
    }

    fn end(&mut self, state: ObjectState, walk: &mut Walk<'_>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Object { mut encoding, mut object, stored } => {
                let good = encoding.finish(&mut |decoded| {
                    object.push(decoded, walk);
                });
                let state =
                    if good || state != ObjectState::Inspected { state } else { ObjectState::Malformed };
                // Letters outside an alphabet leave nothing unread: the state says it, the ledger does not.
                object.finish(state, if state == ObjectState::Malformed { 0 } else { stored }, walk);
            }
            Open::Parts { mut encoding, mut parts } => {
                encoding.finish(&mut |decoded| parts.push(decoded, walk));
                parts.finish(walk);
            }
            Open::Nothing => {}
        }
    }
}

/// `field/file.csv` in forms, `file.csv`, `text` or `html` in mails.
pub(crate) fn name_of(header: &header::PartHeader) -> String {
    let media_type = header.media_type.as_deref().unwrap_or("text/plain");
    let own = header.filename.as_deref().map(path::segment);
    match (&header.field, own) {
        (Some(field), Some(filename)) => format!("{}/{filename}", path::segment(field)),
        (Some(field), None) => path::segment(field),
        (None, Some(filename)) => filename,
        (None, None) => match media_type {
            "text/plain" => "text".to_owned(),
            "text/html" => "html".to_owned(),
            "message/rfc822" | "message/global" => "message".to_owned(),
            other => path::segment(other.rsplit('/').next().unwrap_or("part")),
        },
    }
}
