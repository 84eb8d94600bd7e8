//! HTTP/3 (RFC 9114): bodies of requests and responses, and what else is read of HTTP.
//!
//! Owns: frames on streams, header blocks that wait for their table. Never does: packets and the order of a stream's bytes, which are
//! QUIC's; undoing content codings.

mod parse;
mod qpack;
#[cfg(test)]
mod tests;

use crate::Context;
use crate::http::Streams;
use egret_model::{Cursor, Protocol, ProtocolLimits, Side, Uninspected};
use parse::{Frame, Kind, LONGEST_HEAD};
use qpack::{Decoder, Fault};
use std::collections::BTreeMap;

/// One connection.
pub(crate) struct Http3 {
    client: Side,
    streams: Streams,
    /// Of what each side sends.
    initiator: Decoder,
    responder: Decoder,
    open: BTreeMap<(u64, Side), Half>,
    /// Bytes that wait for a table.
    held: usize,
}

/// What one side sends on a stream.
struct Half {
    place: Place,
    /// What came behind a block that waits for its table, and whether it was the end.
    waiting: Option<Box<Waiting>>,
}

struct Waiting {
    block: Vec<u8>,
    behind: Vec<u8>,
    ended: Option<bool>,
}

/// Where on a stream the next byte stands.
enum Place {
    /// Before what tells the kind of a stream that one side has alone.
    Kind(Vec<u8>),
    /// In the head of a frame: what has come of it.
    Head(Vec<u8>),
    Data(u64),
    /// In a header block or the settings, which are held; None: they are too long.
    Held {
        frame: Frame,
        left: u64,
        held: Option<Vec<u8>>,
    },
    /// In a frame whose content is none of HTTP's; `known`: it tells nothing.
    Other {
        left: u64,
        known: bool,
    },
    /// Entries of the sender's table.
    Table,
    /// Nothing of the stream tells anything.
    Passed,
    /// Nobody can tell what is read.
    Unknown,
    /// Behind something that is missing: content, as far as anybody can tell.
    Lost,
}

/// The place of a head of which so much has come.
type PlaceOf = fn(Vec<u8>) -> Place;

/// Streams that one side has alone bear this bit (RFC 9000 section 2.1).
const ALONE: u64 = 2;

impl Http3 {
    pub(crate) fn new(limits: &ProtocolLimits, client: Side) -> Self {
        let decoder = || Decoder::new(limits.http2_table_bytes);
        Self {
            client,
            streams: Streams::new(Protocol::Http3),
            initiator: decoder(),
            responder: decoder(),
            open: BTreeMap::new(),
            held: 0,
        }
    }

    const fn decoder(&mut self, side: Side) -> &mut Decoder {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    fn half(&mut self, key: (u64, Side)) -> &mut Half {
        self.open.entry(key).or_insert_with(|| {
            let alone = key.0 & ALONE != 0;
            Half {
                place: if alone { Place::Kind(Vec::new()) } else { Place::Head(Vec::new()) },
                waiting: None,
            }
        })
    }

    /// The next bytes of a stream.
    pub(crate) fn data(&mut self, context: &mut Context<'_>, from: Side, stream: u64, data: &[u8]) {
        let key = (stream, from);
        let mut rest = data;
        while !rest.is_empty() {
            if let Some(waiting) = &mut self.half(key).waiting {
                waiting.behind.extend_from_slice(rest);
                self.held += rest.len();
                return self.keep_to_limit(context);
            }
            rest = self.step(context, key, rest);
        }
    }

    /// Reads `data` up to the next change of place; returns the rest.
    fn step<'a>(&mut self, context: &mut Context<'_>, key: (u64, Side), data: &'a [u8]) -> &'a [u8] {
        let (stream, from) = key;
        match std::mem::replace(&mut self.half(key).place, Place::Lost) {
            Place::Kind(held) => self.head(key, (held, Place::Kind), data, |cursor| {
                Ok(match parse::kind(cursor)? {
                    Kind::Control => Place::Head(Vec::new()),
                    Kind::Encoder => Place::Table,
                    Kind::Decoder => Place::Passed,
                    Kind::Unknown => Place::Unknown,
                })
            }),
            Place::Head(held) => {
                let rest = self.head(key, (held, Place::Head), data, |cursor| {
                    Ok(match parse::frame(cursor)? {
                        (Frame::Data, left) => Place::Data(left),
                        (frame @ (Frame::Headers | Frame::Settings), left) => {
                            Place::Held { frame, left, held: Some(Vec::new()) }
                        }
                        (frame, left) => Place::Other { left, known: frame == Frame::Other },
                    })
                });
                self.end_frame(context, key);
                rest
            }
            Place::Data(left) => {
                let (content, rest) = take(data, left);
                self.streams.data(context, self.client, from, stream, content);
                self.half(key).place = Place::Data(left - content.len() as u64);
                self.end_frame(context, key);
                rest
            }
            Place::Held { frame, left, mut held } => {
                let (bytes, rest) = take(data, left);
                if let Some(known) = &mut held
                    && known.len() + bytes.len() <= context.limits.head_bytes
                {
                    known.extend_from_slice(bytes);
                } else {
                    held = None;
                    context.not_inspected(Uninspected::OverLimit, bytes.len() as u64);
                }
                self.half(key).place = Place::Held { frame, left: left - bytes.len() as u64, held };
                self.end_frame(context, key);
                rest
            }
            Place::Other { left, known } => {
                let (bytes, rest) = take(data, left);
                if !known {
                    context.not_inspected(Uninspected::Unsupported, bytes.len() as u64);
                }
                self.half(key).place = Place::Other { left: left - bytes.len() as u64, known };
                self.end_frame(context, key);
                rest
            }
            Place::Table => {
                let limit = context.limits.head_bytes;
                self.decoder(from).instructions(data, limit);
                self.half(key).place = Place::Table;
                self.resume_all(context, from, false);
                &[]
            }
            Place::Passed => {
                self.half(key).place = Place::Passed;
                &[]
            }
            Place::Unknown => {
                context.not_inspected(Uninspected::Unsupported, data.len() as u64);
                self.half(key).place = Place::Unknown;
                &[]
            }
            Place::Lost => {
                if stream & ALONE == 0 {
                    self.streams.data(context, self.client, from, stream, data);
                } else {
                    context.not_inspected(Uninspected::Unsupported, data.len() as u64);
                }
                &[]
            }
        }
    }

    /// Collects a head, which `read` makes a place of; returns what stands behind it.
    fn head<'a>(
        &mut self,
        key: (u64, Side),
        (mut held, place_of): (Vec<u8>, PlaceOf),
        data: &'a [u8],
        read: impl Fn(&mut Cursor<'_>) -> Result<Place, egret_model::Truncated>,
    ) -> &'a [u8] {
        let before = held.len();
        let (bytes, _) = data.split_at(data.len().min(LONGEST_HEAD.saturating_sub(before)));
        held.extend_from_slice(bytes);
        let mut cursor = Cursor::new(&held);
        if let Ok(place) = read(&mut cursor) {
            let read = cursor.position().saturating_sub(before);
            self.half(key).place = place;
            return data.get(read..).unwrap_or_default();
        }
        self.half(key).place = place_of(held);
        &[]
    }

    /// Goes on behind a frame that has come to its end.
    fn end_frame(&mut self, context: &mut Context<'_>, key: (u64, Side)) {
        let half = self.half(key);
        match &mut half.place {
            Place::Data(0) | Place::Other { left: 0, .. } => half.place = Place::Head(Vec::new()),
            Place::Held { frame, left: 0, held } => {
                let (frame, held) = (*frame, held.take());
                half.place = Place::Head(Vec::new());
                match (frame, held) {
                    (Frame::Headers, held) => self.block(context, key, held.unwrap_or_default()),
                    (_, Some(settings)) => {
                        if let Some(bytes) = parse::table_bytes(&settings) {
                            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                            self.decoder(key.1.other()).allow(bytes);
                        }
                    }
                    (_, None) => {}
                }
            }
            _ => {}
        }
    }

    /// A header block has come.
    fn block(&mut self, context: &mut Context<'_>, key: (u64, Side), block: Vec<u8>) {
        if self.fields(context, key, &block, false) == Err(Fault::Blocked) {
            self.held += block.len();
            self.half(key).waiting = Some(Box::new(Waiting { block, behind: Vec::new(), ended: None }));
            self.keep_to_limit(context);
        }
    }

    /// Beyond the limit nothing waits any more.
    fn keep_to_limit(&mut self, context: &mut Context<'_>) {
        if self.held > context.limits.tls_awaited_flow_bytes {
            self.resume_all(context, Side::Initiator, true);
            self.resume_all(context, Side::Responder, true);
        }
    }

    fn fields(
        &mut self,
        context: &mut Context<'_>,
        key: (u64, Side),
        block: &[u8],
        at_once: bool,
    ) -> Result<(), Fault> {
        let limit = context.limits.head_bytes;
        let (mut fields, mut size) = (Vec::new(), 0_usize);
        let told = self.decoder(key.1).decode(block, at_once, &mut |name, value| {
            size = size.saturating_add(name.len()).saturating_add(value.len());
            if size <= limit && !name.is_empty() {
                fields.push((name.to_vec(), value.to_vec()));
            }
        });
        if told != Err(Fault::Blocked) {
            let (stream, from) = key;
            self.streams.fields(context, self.client, (from, stream), &fields, false);
        }
        told
    }

    /// More of a side's table has come, or no more will (`at_once`): blocks that waited go on.
    fn resume_all(&mut self, context: &mut Context<'_>, from: Side, at_once: bool) {
        let waiting = |((stream, side), half): (&(u64, Side), &Half)| {
            (*side == from && half.waiting.is_some()).then_some((*stream, *side))
        };
        let keys: Vec<_> = self.open.iter().filter_map(waiting).collect();
        for key in keys {
            self.resume(context, key, at_once);
        }
    }

    fn resume(&mut self, context: &mut Context<'_>, key: (u64, Side), at_once: bool) {
        let Some(waiting) = self.half(key).waiting.take() else { return };
        if self.fields(context, key, &waiting.block, at_once) == Err(Fault::Blocked) {
            self.half(key).waiting = Some(waiting);
            return;
        }
        let Waiting { block, behind, ended } = *waiting;
        self.held -= block.len() + behind.len();
        self.data(context, key.1, key.0, &behind);
        if let Some(whole) = ended {
            self.end(context, key.1, key.0, whole);
        }
    }

    /// Bytes of a stream are missing.
    pub(crate) fn missing(&mut self, context: &mut Context<'_>, from: Side, stream: u64, bytes: u64) {
        let key = (stream, from);
        if self.half(key).waiting.is_some() {
            self.resume(context, key, true);
        }
        let half = self.half(key);
        match &mut half.place {
            Place::Data(left) if bytes <= *left => {
                *left -= bytes;
                self.streams.missing(context, self.client, from, stream, bytes);
                self.end_frame(context, key);
            }
            Place::Table => {
                self.decoder(from).lose();
                self.resume_all(context, from, true);
            }
            Place::Passed | Place::Unknown => {}
            _ => {
                half.place = Place::Lost;
                if stream & ALONE == 0 {
                    self.streams.missing(context, self.client, from, stream, bytes);
                }
            }
        }
    }

    /// A side sends no more on a stream; `whole`: its proper end was seen.
    pub(crate) fn end(&mut self, context: &mut Context<'_>, from: Side, stream: u64, whole: bool) {
        let key = (stream, from);
        if let Some(waiting) = &mut self.half(key).waiting {
            waiting.ended = Some(whole);
            return;
        }
        let between_frames = match &self.half(key).place {
            Place::Head(held) => held.is_empty(),
            _ => false,
        };
        self.open.remove(&key);
        if stream & ALONE != 0 {
            return;
        }
        if whole && between_frames {
            self.streams.half_closed(context, self.client, from, stream);
        } else {
            self.streams.reset(context, self.client, stream);
        }
    }

    /// The connection is over.
    pub(crate) fn closed(&mut self, context: &mut Context<'_>) {
        self.resume_all(context, Side::Initiator, true);
        self.resume_all(context, Side::Responder, true);
        self.streams.closed(context, self.client);
    }
}

/// As many bytes off the front of `data` as are there, but no more than `most`.
fn take(data: &[u8], most: u64) -> (&[u8], &[u8]) {
    data.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(data.len()))
}
