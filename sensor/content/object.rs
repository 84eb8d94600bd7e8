//! One object on its way: hashed, recognised, read, its inner objects within it.
//!
//! Owns: what becomes of an object's bytes. Never does: reading of a format; choosing limits.

use crate::appended::Behind;
use crate::budget::Budget;
use crate::buffers::Buffers;
use crate::inside::Inside;
use crate::kind::{self, Kind, PREFIX_BYTES};
use crate::message::Message;
use crate::opaque::Opaque;
use crate::outlook_store::{self, Encoding};
use crate::parts::Parts;
use crate::plain::{Place, Plain};
use crate::transfer_encoding::{TransferEncoding, apparent};
use crate::{Output, Reader, form, formats, header::PartHeader, json::Json, part, path};
use egret_model::{
    ContentEvent, ContentLimits, ObjectId, ObjectRecord, ObjectStart, ObjectState, Uninspected,
};
use sha2::{Digest, Sha256};

/// Stands in text where bytes are missing: no number, word or phrase reaches over it.
pub(crate) const GAP: &[u8] = b"\n?\n";

/// What a container weighs against the limit on depth; a mail or multipart, which expands nothing, weighs one.
pub(crate) const CONTAINER: usize = 16;

/// What all objects of one transfer share while they are walked.
pub(crate) struct Walk<'a> {
    pub(crate) limits: &'a ContentLimits,
    pub(crate) budget: &'a mut Budget,
    pub(crate) buffers: &'a Buffers,
    pub(crate) sink: &'a mut dyn FnMut(ContentEvent<'_>),
}

/// What is known of an object before its first byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    /// Media type, character set, boundary, file name.
    pub(crate) header: PartHeader,
    /// It is a mail, whatever it looks like.
    pub(crate) mail: bool,
}

/// An object.
pub(crate) struct Object {
    declared: Declared,
    depth: usize,
    path: Path,
    mode: Mode,
    head: Option<Head>,
    state: ObjectState,
    reason: Option<(Uninspected, u64)>,
    /// Counts against the limits on what is unpacked.
    unpacked: bool,
    behind: Behind,
}

/// Something that is written in letters.
struct Encoded {
    encoding: TransferEncoding,
    inner: Object,
    /// The letters as text, where they make sense as that too.
    text: Option<Plain>,
}

/// Where an object stands: known for inner objects, by its kind for the body.
enum Path {
    Root,
    Inner(String),
}

/// Of an object that has been recognised.
struct Head {
    id: ObjectId,
    path: String,
    media_type: String,
    hasher: Sha256,
    size: u64,
}

enum Mode {
    /// The first bytes, until it is recognised.
    Unknown(Vec<u8>),
    /// Text as it comes.
    Text(Box<Plain>),
    /// Text in which something is written in letters: read as that.
    Encoded(Box<Encoded>),
    /// Bytes whose strings are worth a look.
    Raw,
    /// The same, whose bytes each stand for another; the last ones decoded.
    Substituted(Vec<u8>),
    /// Compressed bytes behind a gap, which cannot be decompressed: hashed only.
    Passed,
    /// What cannot be read, but for text in it.
    Opaque(Box<Opaque>),
    Json(Box<Json>),
    /// Held until it is whole.
    Held {
        reader: Reader,
        data: Vec<u8>,
        text: bool,
    },
    /// Cut into its parts.
    Parts(Box<Parts>),
    Message(Box<Message>),
    /// Over a limit: no more of it is taken.
    Closed,
}

impl Object {
    /// The body of a transfer. `coded`: it comes out of a content coding.
    pub(crate) fn root(declared: Declared, coded: bool) -> Self {
        Self::new(Path::Root, declared, 0, coded)
    }

    /// An object within `outer` that stands there as it is, or encoded.
    pub(crate) fn inner(outer: &str, name: &str, declared: Declared, depth: usize) -> Self {
        Self::new(Path::Inner(path::join(outer, name)), declared, depth, false)
    }

    /// An object within `outer` that comes out of decompression.
    pub(crate) fn unpacked(outer: &str, name: &str, declared: Declared, depth: usize) -> Self {
        Self::new(Path::Inner(path::join(outer, name)), declared, depth, true)
    }

    fn new(path: Path, mut declared: Declared, depth: usize, unpacked: bool) -> Self {
        declared.header.filename = declared.header.filename.as_deref().map(path::cleaned);
        let (mode, head, state, reason) = (Mode::Unknown(Vec::new()), None, ObjectState::Inspected, None);
        Self { declared, depth, path, mode, head, state, reason, unpacked, behind: Behind::default() }
    }

    /// Its codings were not undone after all: bytes come as they were carried.
    pub(crate) const fn carried_as_is(&mut self) {
        self.unpacked = false;
    }

    /// Bytes of it so far, once it is recognised.
    pub(crate) fn size(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size)
    }

    /// At its end: whether its bytes make sense as text or as a format that is read.
    pub(crate) fn settled_with_sense(&mut self, walk: &mut Walk<'_>) -> bool {
        self.settle(walk);
        !matches!(self.mode, Mode::Raw | Mode::Substituted(_) | Mode::Opaque(_) | Mode::Unknown(_))
    }

    /// Takes the next bytes. False once a limit is hit.
    pub(crate) fn push(&mut self, data: &[u8], walk: &mut Walk<'_>) -> bool {
        if matches!(self.mode, Mode::Closed) {
            return false;
        }
        if let Mode::Unknown(prefix) = &mut self.mode {
            if prefix.is_empty() && data.len() >= PREFIX_BYTES {
                self.recognise(data, walk);
            } else {
                prefix.extend_from_slice(data);
                if prefix.len() < PREFIX_BYTES {
                    return true;
                }
                let prefix = std::mem::take(prefix);
                self.recognise(&prefix, walk);
                return self.take(&prefix, walk);
            }
        }
        self.take(data, walk)
    }

    /// Bytes are missing here: `missing` of this object, which are `stored` of the transfer as carried.
    pub(crate) fn gap(&mut self, missing: u64, stored: u64, walk: &mut Walk<'_>) {
        self.settle(walk);
        self.behind.gap(missing, walk);
        let taken = self.gap_in_mode(missing, stored, walk);
        // What an inner object takes on itself is counted once.
        self.degrade(ObjectState::Partial, Uninspected::Gap, if taken { 0 } else { stored });
    }

    fn gap_in_mode(&mut self, missing: u64, stored: u64, walk: &mut Walk<'_>) -> bool {
        let Some(head) = &self.head else { return false };
        let place = Place { id: head.id, path: &head.path, depth: self.depth };
        match &mut self.mode {
            Mode::Text(plain) => return plain.gap(missing, stored, place, walk),
            Mode::Raw | Mode::Substituted(_) => {
                (walk.sink)(ContentEvent::Text { object: place.id, text: GAP });
            }
            Mode::Encoded(encoded) => {
                let Encoded { encoding, inner, text } = &mut **encoded;
                if let Some(text) = text {
                    text.gap(missing, 0, place, walk);
                }
                let missing = encoding.gap(missing, &mut |decoded| {
                    inner.push(decoded, walk);
                });
                inner.gap(missing, stored, walk);
                return true;
            }
            Mode::Json(_) => self.read_json(walk, |json, output| json.push(GAP, output)),
            Mode::Held { data, text: true, .. } => data.extend_from_slice(GAP),
            // One compressed stream ends here: decompressed behind a gap, it would make text that nobody sent.
            Mode::Held { text: false, .. } if kind::is_one_stream(&head.media_type) => {
                self.close_mode(0, walk);
                self.mode = Mode::Passed;
            }
            // What follows stays where the format's own offsets say it is.
            Mode::Held { data, text: false, .. } => {
                let most = walk.limits.buffer_bytes.saturating_sub(data.len());
                match usize::try_from(missing) {
                    Ok(missing) if missing <= most => data.resize(data.len() + missing, 0),
                    _ => {
                        let held = std::mem::take(data);
                        self.release(&held, false, walk);
                        return self.gap_in_mode(missing, stored, walk);
                    }
                }
            }
            Mode::Parts(parts) => return parts.gap(missing, walk),
            Mode::Message(message) => return message.gap(missing, place.id, walk),
            Mode::Opaque(opaque) => {
                opaque.end(&mut |text| (walk.sink)(ContentEvent::Text { object: place.id, text }));
            }
            Mode::Passed | Mode::Unknown(_) | Mode::Closed => {}
        }
        false
    }

    /// Recognises the object by what there is of it, if there is anything.
    fn settle(&mut self, walk: &mut Walk<'_>) {
        if let Mode::Unknown(prefix) = &mut self.mode
            && !prefix.is_empty()
        {
            let prefix = std::mem::take(prefix);
            self.recognise(&prefix, walk);
            self.take(&prefix, walk);
        }
    }

    /// The state is the container's word, or `Inspected`; `stored` is the size there.
    pub(crate) fn finish(mut self, state: ObjectState, stored: u64, walk: &mut Walk<'_>) {
        if let Mode::Unknown(prefix) = &mut self.mode {
            let prefix = std::mem::take(prefix);
            self.recognise(&prefix, walk);
            self.take(&prefix, walk);
        }
        match state {
            ObjectState::Inspected => {}
            ObjectState::Partial => self.degrade(state, Uninspected::Gap, 0),
            ObjectState::Encrypted => self.degrade(state, Uninspected::Encrypted, stored),
            ObjectState::Unsupported => self.degrade(state, Uninspected::Unsupported, stored),
            ObjectState::OverLimit => self.degrade(state, Uninspected::OverLimit, stored),
            ObjectState::Malformed => self.degrade(state, Uninspected::Malformed, stored),
        }
        self.close_mode(stored, walk);
        let Some(head) = self.head else { return };
        let reason = self.reason.map(|(reason, bytes)| match reason {
            // What is missing is not in what the container counts.
            Uninspected::Gap => (reason, bytes),
            _ => (reason, if stored > 0 { bytes.min(stored) } else { bytes }),
        });
        let record = ObjectRecord {
            path: head.path,
            filename: self.declared.header.filename,
            media_type: head.media_type,
            size: head.size,
            sha256: hexadecimal(&head.hasher.finalize()),
            state: self.state,
        };
        (walk.sink)(ContentEvent::End {
            object: head.id,
            record,
            uninspected: reason.filter(|(_, bytes)| *bytes > 0),
        });
    }

    /// The worst that happened counts; the first reason stands.
    fn degrade(&mut self, state: ObjectState, reason: Uninspected, bytes: u64) {
        if self.state == ObjectState::Inspected || self.state == ObjectState::Partial {
            self.state = state;
        }
        match &mut self.reason {
            Some((known, sum)) if *known == reason => *sum = sum.saturating_add(bytes),
            Some(_) => {}
            none => *none = Some((reason, bytes)),
        }
    }

    fn recognise(&mut self, prefix: &[u8], walk: &mut Walk<'_>) {
        let prefix = prefix.get(..PREFIX_BYTES.min(prefix.len())).unwrap_or_default();
        let header = &self.declared.header;
        let mut recognised =
            kind::recognise(prefix, header.media_type.as_deref(), header.filename.as_deref());
        if recognised.kind == Kind::Multipart && self.boundary(prefix).is_none() {
            recognised = kind::recognise(prefix, None, self.declared.header.filename.as_deref());
        }
        let header = &self.declared.header;
        if self.declared.mail {
            recognised = kind::Recognised { kind: Kind::Mail, media_type: "message/rfc822".to_owned() };
        }
        let path = match &self.path {
            Path::Inner(path) => path.clone(),
            Path::Root => recognised.root_name().to_owned(),
        };
        let path = walk.budget.unique(path);
        let id = walk.budget.next_id();
        (walk.sink)(ContentEvent::Begin(ObjectStart {
            id,
            path: path.clone(),
            filename: header.filename.clone(),
            raw: matches!(recognised.kind, Kind::Binary | Kind::OutlookStore),
        }));
        self.mode = self.mode_for(recognised.kind, prefix, id, &path, walk);
        let deeper = self.depth < walk.limits.depth * CONTAINER;
        if deeper && (recognised.kind == Kind::Media || kind::is_program(prefix)) {
            self.behind = Behind::sought();
        }
        if matches!(self.mode, Mode::Held { text: false, .. }) {
            walk.budget.hold();
        }
        let (hasher, size) = (Sha256::new(), 0);
        self.head = Some(Head { id, path, media_type: recognised.media_type, hasher, size });
    }

    /// The boundary that the parts of a body with these first bytes are cut by. A declared one that a whole body lacks is none.
    fn boundary(&self, prefix: &[u8]) -> Option<String> {
        let declared = self.declared.header.boundary.as_deref();
        let comes = |boundary: &&str| memchr::memmem::find(prefix, boundary.as_bytes()).is_some();
        declared
            .filter(comes)
            .map(str::to_owned)
            .or_else(|| part::apparent_boundary(prefix))
            .or_else(|| declared.filter(|_| prefix.len() >= PREFIX_BYTES).map(str::to_owned))
    }

    fn mode_for(&mut self, kind: Kind, prefix: &[u8], id: ObjectId, path: &str, walk: &Walk<'_>) -> Mode {
        let header = &self.declared.header;
        let charset = header.charset.as_deref();
        let deeper = self.depth < walk.limits.depth * CONTAINER;
        let text = || Mode::Text(Box::new(Plain::new(prefix, charset, deeper)));
        match kind {
            Kind::Text => match apparent(prefix).filter(|_| deeper) {
                Some(encoding) => {
                    let inner =
                        Self::inner(path, encoding.name(), Declared::default(), self.depth + CONTAINER);
                    let text = encoding.is_text().then(|| Plain::new(prefix, charset, false));
                    Mode::Encoded(Box::new(Encoded {
                        encoding: TransferEncoding::apparent(encoding),
                        inner,
                        text,
                    }))
                }
                None => text(),
            },
            Kind::Binary => Mode::Raw,
            Kind::OutlookStore => self.mode_for_store(prefix),
            Kind::Media => {
                self.degrade(ObjectState::Unsupported, Uninspected::Unsupported, 0);
                Mode::Opaque(Box::default())
            }
            Kind::Encrypted => {
                self.degrade(ObjectState::Encrypted, Uninspected::Encrypted, 0);
                Mode::Opaque(Box::default())
            }
            Kind::Multipart if deeper => match self.boundary(prefix) {
                Some(boundary) => Mode::Parts(Box::new(Parts::new(&boundary, id, path, self.depth + 1))),
                None => text(),
            },
            Kind::Mail if deeper => Mode::Message(Box::new(Message::new(path, self.depth + 1))),
            Kind::Multipart | Kind::Mail => {
                let text = text();
                self.degrade(ObjectState::OverLimit, Uninspected::OverLimit, 0);
                text
            }
            Kind::Json => Mode::Json(Box::new(Json::new(walk.limits.buffer_bytes))),
            Kind::Html | Kind::Xml | Kind::UrlEncoded => match reader_for(kind) {
                Some(reader) => Mode::Held { reader, data: walk.buffers.take(), text: true },
                None => text(),
            },
            _ if !deeper => {
                self.degrade(ObjectState::OverLimit, Uninspected::OverLimit, 0);
                Mode::Opaque(Box::default())
            }
            _ => match reader_for(kind) {
                Some(reader) => Mode::Held { reader, data: walk.buffers.take(), text: false },
                None => {
                    self.degrade(ObjectState::Unsupported, Uninspected::Unsupported, 0);
                    Mode::Opaque(Box::default())
                }
            },
        }
    }

    /// Hashes bytes and hands them to the mode.
    fn take(&mut self, data: &[u8], walk: &mut Walk<'_>) -> bool {
        let Some(head) = &mut self.head else { return true };
        let length = data.len() as u64;
        if self.unpacked
            && (!walk.budget.unpack(length, walk.limits) || head.size + length > walk.limits.object_bytes)
        {
            // Whoever unpacks it knows how many stored bytes are lost by this.
            self.degrade(ObjectState::OverLimit, Uninspected::OverLimit, 0);
            self.close_mode(0, walk);
            self.mode = Mode::Closed;
            return false;
        }
        head.hasher.update(data);
        head.size += length;
        let id = head.id;
        self.behind.push(data, &head.path, self.depth, walk);
        match &mut self.mode {
            Mode::Text(plain) => plain.push(data, Place { id, path: &head.path, depth: self.depth }, walk),
            Mode::Raw => {
                // What could not be taken apart counts in full, not only what was held when that turned out.
                if let Some((Uninspected::OverLimit, bytes)) = &mut self.reason {
                    *bytes = bytes.saturating_add(length);
                }
                (walk.sink)(ContentEvent::Text { object: id, text: data });
            }
            Mode::Substituted(decoded) => {
                let text = outlook_store::decode(data, decoded);
                (walk.sink)(ContentEvent::Text { object: id, text });
            }
            Mode::Encoded(encoded) => {
                let Encoded { encoding, inner, text } = &mut **encoded;
                if let Some(text) = text {
                    text.push(data, Place { id, path: &head.path, depth: self.depth }, walk);
                }
                encoding.push(data, &mut |decoded| {
                    inner.push(decoded, walk);
                });
            }
            Mode::Json(_) => self.read_json(walk, |json, output| json.push(data, output)),
            Mode::Held { data: held, text, .. } => {
                if held.len() + data.len() <= walk.limits.buffer_bytes {
                    held.extend_from_slice(data);
                } else {
                    // Too large to be taken apart: its bytes as they are, then.
                    let (held, text) = (std::mem::take(held), *text);
                    self.release(&held, text, walk);
                    if !text {
                        self.degrade(ObjectState::OverLimit, Uninspected::OverLimit, length);
                    }
                    self.forward(data, walk);
                }
            }
            Mode::Parts(parts) => parts.push(data, walk),
            Mode::Message(message) => message.push(data, id, walk),
            Mode::Opaque(opaque) => {
                opaque.push(data, &mut |text| (walk.sink)(ContentEvent::Text { object: id, text }));
            }
            Mode::Passed | Mode::Unknown(_) | Mode::Closed => {}
        }
        true
    }

    /// Of a store of mails the text is read as it streams by.
    fn mode_for_store(&mut self, prefix: &[u8]) -> Mode {
        let encoding = outlook_store::encoding(prefix);
        let state = match encoding {
            Encoding::Plain | Encoding::Substituted => ObjectState::Partial,
            Encoding::Unread => ObjectState::Unsupported,
        };
        self.degrade(state, Uninspected::Unsupported, 0);
        if encoding == Encoding::Substituted { Mode::Substituted(Vec::new()) } else { Mode::Raw }
    }

    /// Lets JSON be read on.
    fn read_json(&mut self, walk: &mut Walk<'_>, work: impl FnOnce(&mut Json, &mut dyn Output)) {
        let Self { head: Some(head), mode: Mode::Json(json), declared, depth, .. } = self else { return };
        let mut output =
            Inside::new(head.id, &head.path, declared.header.filename.as_deref(), *depth + CONTAINER, walk);
        work(json, &mut output);
        let degraded = output.degraded;
        self.degrade_all(degraded);
    }

    fn degrade_all(&mut self, degraded: Vec<(ObjectState, u64)>) {
        for (state, bytes) in degraded {
            self.degrade(state, reason_of(state), bytes);
        }
    }

    /// Gives up holding: what is held goes out as raw text.
    fn release(&mut self, held: &[u8], text: bool, walk: &mut Walk<'_>) {
        let prefix = held.get(..PREFIX_BYTES.min(held.len())).unwrap_or_default();
        let charset = self.declared.header.charset.as_deref();
        self.mode = if text { Mode::Text(Box::new(Plain::new(prefix, charset, false))) } else { Mode::Raw };
        if !text {
            walk.budget.let_go();
            self.degrade(ObjectState::OverLimit, Uninspected::OverLimit, held.len() as u64);
        }
        self.forward(held, walk);
    }

    /// Bytes that have been hashed, to a streaming mode.
    fn forward(&mut self, data: &[u8], walk: &mut Walk<'_>) {
        let Some(head) = &self.head else { return };
        let object = head.id;
        match &mut self.mode {
            Mode::Text(plain) => {
                plain.push(data, Place { id: object, path: &head.path, depth: self.depth }, walk);
            }
            Mode::Raw => (walk.sink)(ContentEvent::Text { object, text: data }),
            _ => {}
        }
    }

    /// Ends what the mode has open.
    fn close_mode(&mut self, stored: u64, walk: &mut Walk<'_>) {
        let read_behind = self.behind.finish(walk);
        self.read_json(walk, Json::finish);
        let Some(head) = &self.head else { return };
        let (id, path, size) = (head.id, head.path.clone(), head.size);
        match std::mem::replace(&mut self.mode, Mode::Closed) {
            Mode::Text(plain) => {
                let lost = plain.finish(Place { id, path: &path, depth: self.depth }, walk);
                if lost > 0 {
                    self.degrade(ObjectState::OverLimit, Uninspected::OverLimit, lost);
                }
            }
            Mode::Encoded(encoded) => {
                let Encoded { mut encoding, mut inner, text } = *encoded;
                if let Some(text) = text {
                    text.finish(Place { id, path: &path, depth: self.depth }, walk);
                }
                encoding.finish(&mut |decoded| {
                    inner.push(decoded, walk);
                });
                inner.finish(ObjectState::Inspected, size, walk);
            }
            Mode::Held { reader, data, text } => {
                let filename = self.declared.header.filename.as_deref();
                let mut output = Inside::new(id, &path, filename, self.depth + CONTAINER, walk);
                output.unpacks = !text;
                reader(&data, &mut output);
                let degraded = output.degraded;
                walk.buffers.give(data);
                if !text {
                    walk.budget.let_go();
                }
                self.degrade_all(degraded);
            }
            Mode::Parts(parts) => parts.finish(walk),
            Mode::Message(message) => message.finish(id, walk),
            Mode::Opaque(mut opaque) => {
                opaque.end(&mut |text| (walk.sink)(ContentEvent::Text { object: id, text }));
                // An opaque body is uninspected as a whole.
                if let Some((_, bytes)) = &mut self.reason {
                    let whole = if stored > 0 { stored } else { size };
                    *bytes = (*bytes).max(whole.saturating_sub(read_behind));
                }
            }
            Mode::Json(_)
            | Mode::Raw
            | Mode::Substituted(_)
            | Mode::Passed
            | Mode::Unknown(_)
            | Mode::Closed => {}
        }
    }
}

fn reader_for(kind: Kind) -> Option<Reader> {
    match kind {
        Kind::UrlEncoded => Some(form::read),
        other => formats::reader_for(other),
    }
}

const fn reason_of(state: ObjectState) -> Uninspected {
    match state {
        ObjectState::Encrypted => Uninspected::Encrypted,
        ObjectState::Unsupported => Uninspected::Unsupported,
        ObjectState::OverLimit => Uninspected::OverLimit,
        ObjectState::Malformed => Uninspected::Malformed,
        ObjectState::Inspected | ObjectState::Partial => Uninspected::Gap,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
