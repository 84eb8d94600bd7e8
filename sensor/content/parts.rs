//! The parts of a multipart body as objects.
//!
//! Owns: naming of parts, their transfer encodings, multiparts within multiparts. Never does: finding boundaries.

use crate::object::{Declared, Object, Walk};
use crate::part::{Multipart, PartEvent};
use crate::transfer_encoding::TransferEncoding;
use crate::{header, path};
use egret_model::ObjectState;
use std::collections::BTreeMap;

/// A multipart body that is being read.
pub(crate) struct Parts {
    machine: Multipart,
    inside: Inside,
}

struct Inside {
    /// Path of the object that the parts belong to.
    outer: String,
    depth: usize,
    open: Open,
    /// How often a name was given: later ones are numbered.
    names: BTreeMap<String, u32>,
}

enum Open {
    Nothing,
    Object { encoding: TransferEncoding, object: Box<Object>, stored: u64 },
    /// A multipart within: its parts belong to the same outer object.
    Parts { encoding: TransferEncoding, parts: Box<Parts> },
}

impl Parts {
    pub(crate) fn new(boundary: &str, outer: &str, depth: usize) -> Self {
        let inside = Inside { outer: outer.to_owned(), depth, open: Open::Nothing, names: BTreeMap::new() };
        Self { machine: Multipart::new(boundary), inside }
    }

    pub(crate) fn push(&mut self, data: &[u8], walk: &mut Walk<'_>) {
        let Self { machine, inside } = self;
        machine.push(data, &mut |event| inside.take(event, walk));
    }

    /// Bytes are missing: the part they fall in is partial.
    pub(crate) fn gap(&mut self, bytes: u64, walk: &mut Walk<'_>) {
        if self.machine.in_part() {
            match &mut self.inside.open {
                Open::Object { object, .. } => object.gap(bytes, walk),
                Open::Parts { parts, .. } => parts.gap(bytes, walk),
                Open::Nothing => {}
            }
        }
    }

    pub(crate) fn finish(mut self, walk: &mut Walk<'_>) {
        let Self { machine, inside } = &mut self;
        let complete = machine.finish(&mut |event| {
            // The last part of a body that was cut is cut itself.
            if let PartEvent::End = event {
                inside.end(ObjectState::Partial, walk);
            } else {
                inside.take(event, walk);
            }
        });
        debug_assert!(complete || matches!(inside.open, Open::Nothing));
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
                Open::Parts { encoding, parts } => encoding.push(data, &mut |decoded| parts.push(decoded, walk)),
                Open::Nothing => {}
            },
            PartEvent::End => self.end(ObjectState::Inspected, walk),
        }
    }

    fn begin(&mut self, raw: &[u8], walk: &Walk<'_>) {
        let header = header::parse(raw);
        let encoding = TransferEncoding::named(header.transfer_encoding.as_deref());
        let multipart = header.media_type.as_deref().is_some_and(|media_type| media_type.starts_with("multipart/"));
        self.open = match &header.boundary {
            Some(boundary) if multipart && self.depth < walk.limits.depth => {
                Open::Parts { encoding, parts: Box::new(Self::nested(boundary, &self.outer, self.depth)) }
            }
            _ if walk.budget.may_begin(walk.limits) => {
                let name = self.numbered(name_of(&header));
                let declared = Declared { header, mail: false };
                let object = Box::new(Object::inner(&self.outer, &name, declared, self.depth));
                Open::Object { encoding, object, stored: 0 }
            }
            _ => Open::Nothing,
        };
    }

    fn nested(boundary: &str, outer: &str, depth: usize) -> Parts {
        Parts::new(boundary, outer, depth + 1)
    }

    fn numbered(&mut self, name: String) -> String {
        let times = self.names.entry(name.clone()).or_insert(0);
        *times += 1;
        if *times == 1 { name } else { format!("{name}-{times}") }
    }

    fn end(&mut self, state: ObjectState, walk: &mut Walk<'_>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Object { mut encoding, mut object, stored } => {
                let good = encoding.finish(&mut |decoded| {
                    object.push(decoded, walk);
                });
                let state = if good || state != ObjectState::Inspected { state } else { ObjectState::Malformed };
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
