//! HTTP/2 (RFC 9113): bodies of requests and responses, queries that carry content, log-ins; also of gRPC.
//!
//! Owns: frames of both directions, header blocks, and the way back into step behind gaps. Never does: undoing content codings;
//! refusing what a receiver might accept: what makes no sense is read as raw content.
//!
//! Whoever carries such a connection (TLS, a proxy's tunnel) hands it over like any other: it begins with the client's preface.

mod hpack;
mod parse;
#[cfg(test)]
mod tests;

use crate::http::{Exchange, Outlet, Streams};
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Protocol, ProtocolLimits, Side, Uninspected};
use hpack::Decoder;
use parse::{FrameHeader, HEADER_LENGTH, Kind, PREFACE};

/// Recognises HTTP/2 by the client's preface or by the server's settings; in the middle of a connection by its frames.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(prefix.initiator, prefix.responder, prefix.flow.midstream)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Http2::new(context.limits, context.flow.midstream))
}

/// One connection.
pub(crate) struct Http2 {
    client: Side,
    /// Which end is the client is not known yet.
    sides_unknown: bool,
    initiator: Direction,
    responder: Direction,
    streams: Streams,
}

/// What one side sends.
struct Direction {
    place: Place,
    decoder: Decoder,
    /// A header block that has begun.
    block: Option<Block>,
    /// What stands in no stream: frames of extensions, bytes that are no frames.
    apart: Option<Outlet>,
}

/// Where in the frames the next byte stands.
enum Place {
    /// In the client's preface: what has come of it.
    Preface(Vec<u8>),
    /// In the header of a frame: what has come of it.
    Header(Vec<u8>),
    /// In the payload of DATA.
    Data(Data),
    /// In the payload of HEADERS, PUSH_PROMISE or CONTINUATION, which is held.
    Block { left: u32, frame: FrameHeader, held: Vec<u8> },
    /// In a payload; `content`: it is read as what stands apart.
    Other { left: u32, content: bool },
    /// Nobody can tell where the next frame begins.
    Lost,
}

/// The payload of DATA (section 6.1).
struct Data {
    stream: u32,
    ends_stream: bool,
    /// The first byte tells the padding.
    padded: bool,
    /// Content still to come; with `padded` the padding and its length too.
    left: u32,
    padding: u32,
}

/// A header block (section 4.3), as far as it has come.
struct Block {
    stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
    /// Part of it is missing, or it is too long.
    broken: bool,
}

impl Direction {
    fn new(limits: &ProtocolLimits, place: Place) -> Self {
        Self { place, decoder: Decoder::new(limits.http2_table_bytes), block: None, apart: None }
    }
}

impl Http2 {
    fn new(limits: &ProtocolLimits, midstream: bool) -> Self {
        let place = |first| if midstream { Place::Lost } else { first };
        Self {
            client: Side::Initiator,
            sides_unknown: midstream,
            initiator: Direction::new(limits, place(Place::Preface(Vec::new()))),
            responder: Direction::new(limits, place(Place::Header(Vec::new()))),
            streams: Streams::new(Protocol::Http2),
        }
    }

    /// A connection that HTTP/1.1 has become by a request of `client` (RFC 7540 section 3.2), which is its first stream.
    pub(crate) fn upgraded(limits: &ProtocolLimits, client: Side, exchange: Exchange) -> Self {
        let mut this = Self::new(limits, false);
        if client == Side::Responder {
            std::mem::swap(&mut this.initiator, &mut this.responder);
        }
        this.client = client;
        this.streams.asked_before(client, exchange);
        this
    }

    const fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    /// Reads `data` up to the next change of place; returns the rest.
    fn step<'a>(&mut self, context: &mut Context<'_>, from: Side, data: &'a [u8]) -> &'a [u8] {
        match std::mem::replace(&mut self.direction(from).place, Place::Lost) {
            Place::Preface(held) => self.preface(context, from, held, data),
            Place::Header(held) => self.header(context, from, held, data),
            Place::Data(payload) => self.payload(context, from, payload, data),
            Place::Block { left, frame, mut held } => {
                let (bytes, rest) = take(data, left);
                let left = left - count(bytes);
                if held.len() + bytes.len() <= context.limits.head_bytes {
                    held.extend_from_slice(bytes);
                } else if let Some(block) = &mut self.direction(from).block {
                    block.broken = true;
                    context.not_inspected(Uninspected::OverLimit, u64::from(count(bytes)));
                }
                self.direction(from).place = Place::Block { left, frame, held };
                if left == 0 {
                    self.end_block_frame(context, from);
                }
                rest
            }
            Place::Other { left, content } => {
                let (bytes, rest) = take(data, left);
                if content {
                    self.apart(context, from, bytes);
                }
                let left = left - count(bytes);
                self.direction(from).place =
                    if left > 0 { Place::Other { left, content } } else { Place::Header(Vec::new()) };
                rest
            }
            Place::Lost => {
                if parse::begins_in_step(data) {
                    let preface = data.starts_with(PREFACE);
                    self.direction(from).place =
                        if preface { Place::Preface(Vec::new()) } else { Place::Header(Vec::new()) };
                    return data;
                }
                self.apart(context, from, data);
                &[]
            }
        }
    }

    fn preface<'a>(
        &mut self,
        context: &mut Context<'_>,
        from: Side,
        mut held: Vec<u8>,
        data: &'a [u8],
    ) -> &'a [u8] {
        let (bytes, rest) = data.split_at(data.len().min(PREFACE.len() - held.len()));
        held.extend_from_slice(bytes);
        if !PREFACE.starts_with(&held) {
            // Lost: the frames may begin at once.
            self.apart(context, from, &held);
        } else if held.len() == PREFACE.len() {
            self.direction(from).place = Place::Header(Vec::new());
        } else {
            self.direction(from).place = Place::Preface(held);
        }
        rest
    }

    /// Collects the header of a frame.
    fn header<'a>(
        &mut self,
        context: &mut Context<'_>,
        from: Side,
        mut held: Vec<u8>,
        data: &'a [u8],
    ) -> &'a [u8] {
        let (bytes, rest) = data.split_at(data.len().min(HEADER_LENGTH - held.len()));
        held.extend_from_slice(bytes);
        if held.len() < HEADER_LENGTH {
            self.direction(from).place = Place::Header(held);
        } else if let Some(frame) = FrameHeader::parse(&held) {
            self.frame(context, from, frame);
        } else {
            self.lose_step(context, from);
            self.apart(context, from, &held);
        }
        rest
    }

    /// A frame begins.
    fn frame(&mut self, context: &mut Context<'_>, from: Side, frame: FrameHeader) {
        let left = frame.length;
        if frame.kind != Kind::Continuation && self.direction(from).block.is_some() {
            // A block that something else interrupts has no end (section 6.10).
            self.end_block(context, from, true);
        }
        let ends_stream = frame.has(FrameHeader::END_STREAM);
        match frame.kind {
            Kind::Data => {
                let padded = frame.has(FrameHeader::PADDED) && left > 0;
                self.direction(from).place =
                    Place::Data(Data { stream: frame.stream, ends_stream, padded, left, padding: 0 });
                if left == 0 {
                    self.end_data(context, from, frame.stream, ends_stream);
                }
            }
            Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                let begun = Block { stream: frame.stream, ends_stream, bytes: Vec::new(), broken: false };
                let block = &mut self.direction(from).block;
                if frame.kind != Kind::Continuation {
                    *block = Some(begun);
                } else if block.as_ref().is_none_or(|block| block.stream != frame.stream) {
                    *block = Some(Block { ends_stream: false, broken: true, ..begun });
                }
                self.direction(from).place = Place::Block { left, frame, held: Vec::new() };
                if left == 0 {
                    self.end_block_frame(context, from);
                }
            }
            Kind::Reset => {
                self.streams.reset(context, self.client, u64::from(frame.stream));
                self.other(left, from, false);
            }
            Kind::Priority | Kind::Settings | Kind::Ping | Kind::WindowUpdate => {
                self.other(left, from, false);
            }
            Kind::GoAway | Kind::Other => self.other(left, from, true),
        }
    }

    fn other(&mut self, left: u32, from: Side, content: bool) {
        self.direction(from).place =
            if left > 0 { Place::Other { left, content } } else { Place::Header(Vec::new()) };
    }

    /// Reads the payload of DATA; returns what stands behind it.
    fn payload<'a>(
        &mut self,
        context: &mut Context<'_>,
        from: Side,
        mut payload: Data,
        data: &'a [u8],
    ) -> &'a [u8] {
        let mut rest = data;
        if payload.padded
            && let Some((padding, behind)) = rest.split_first()
        {
            payload.padded = false;
            payload.left -= 1;
            // More padding than there is room for is none (section 6.1 forbids it).
            payload.padding =
                Some(u32::from(*padding)).filter(|padding| *padding <= payload.left).unwrap_or(0);
            payload.left -= payload.padding;
            rest = behind;
        }
        let (content, behind) = take(rest, payload.left);
        payload.left -= count(content);
        self.streams.data(context, self.client, from, u64::from(payload.stream), content);
        let (padding, behind) =
            if payload.left == 0 { take(behind, payload.padding) } else { (&[][..], behind) };
        payload.padding -= count(padding);
        // Padding is of zeros; what is not is content that somebody hides.
        if padding.iter().any(|byte| *byte != 0) {
            self.apart(context, from, padding);
        }
        let Data { stream, ends_stream, left, padding, padded } = payload;
        self.direction(from).place = Place::Data(payload);
        if left == 0 && padding == 0 && !padded {
            self.end_data(context, from, stream, ends_stream);
        }
        behind
    }

    fn end_data(&mut self, context: &mut Context<'_>, from: Side, stream: u32, ends_stream: bool) {
        self.direction(from).place = Place::Header(Vec::new());
        if ends_stream {
            self.streams.half_closed(context, self.client, from, u64::from(stream));
        }
    }

    /// The payload of a frame that carries a part of a header block has come.
    fn end_block_frame(&mut self, context: &mut Context<'_>, from: Side) {
        let place = std::mem::replace(&mut self.direction(from).place, Place::Header(Vec::new()));
        let Place::Block { frame, held, .. } = place else { return };
        let limit = context.limits.head_bytes;
        let Some(block) = &mut self.direction(from).block else { return };
        match fragment(frame, &held) {
            // Behind a hole, nothing can be decoded.
            _ if block.broken => {}
            Some((promised, fragment)) => {
                block.stream = promised.unwrap_or(block.stream);
                if block.bytes.len() + fragment.len() <= limit {
                    block.bytes.extend_from_slice(fragment);
                } else {
                    block.broken = true;
                    context.not_inspected(Uninspected::OverLimit, fragment.len() as u64);
                }
            }
            None => block.broken = true,
        }
        if frame.has(FrameHeader::END_HEADERS) {
            self.end_block(context, from, false);
        }
    }

    /// A header block ends. `cut`: without its proper end.
    fn end_block(&mut self, context: &mut Context<'_>, from: Side, cut: bool) {
        let limit = context.limits.head_bytes;
        let direction = self.direction(from);
        let Some(Block { stream, ends_stream, bytes, broken }) = direction.block.take() else { return };
        let (mut fields, mut size) = (Vec::new(), 0_usize);
        // What was decoded before the fault is good.
        let _ = direction.decoder.decode(&bytes, &mut |name, value| {
            size = size.saturating_add(name.len()).saturating_add(value.len());
            if size <= limit && !name.is_empty() {
                fields.push((name.to_vec(), value.to_vec()));
            }
        });
        if broken || cut {
            direction.decoder.lose();
        }
        if self.sides_unknown {
            let has = |known: &[u8]| fields.iter().any(|(name, _)| name == known);
            self.sides_unknown = !(has(b":method") || has(b":status"));
            // A server may send the fields of a request too, for a stream that it promises: those have even numbers.
            if has(b":status") || (has(b":method") && stream.is_multiple_of(2)) {
                self.client = from.other();
            } else if has(b":method") {
                self.client = from;
            }
        }
        self.streams.fields(context, self.client, (from, u64::from(stream)), &fields, ends_stream);
    }

    /// Bytes of no stream.
    fn apart(&mut self, context: &mut Context<'_>, from: Side, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let server = self.client.other();
        let mut start = None;
        if self.direction(from).apart.is_none() {
            let mut begun = context.start(Protocol::Http2, "outside streams".to_owned(), from);
            begun.server = server;
            start = Some(begun);
        }
        let apart = &mut self.direction(from).apart;
        if let Some(start) = start {
            *apart = Some(Outlet::whole(start));
        }
        if let Some(outlet) = apart {
            outlet.body(context, bytes);
        }
    }

    /// What follows cannot be told: any stream may go on in it.
    fn lose_step(&mut self, context: &mut Context<'_>, from: Side) {
        self.end_block(context, from, true);
        let direction = self.direction(from);
        direction.place = Place::Lost;
        direction.decoder.lose();
        self.streams.lose(context, from);
    }

    fn end(&mut self, context: &mut Context<'_>, from: Side) {
        match std::mem::replace(&mut self.direction(from).place, Place::Lost) {
            Place::Preface(held) | Place::Header(held) => self.apart(context, from, &held),
            Place::Block { .. } => {
                if let Some(block) = &mut self.direction(from).block {
                    block.broken = true;
                }
            }
            Place::Data(_) | Place::Other { .. } | Place::Lost => {}
        }
        self.end_block(context, from, true);
        if let Some(apart) = self.direction(from).apart.take() {
            apart.end(context, true);
        }
    }
}

/// As many bytes off the front of `data` as are there, but no more than `most`.
fn take(data: &[u8], most: u32) -> (&[u8], &[u8]) {
    data.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(data.len()))
}

/// Length of bytes that [`take`] has taken.
fn count(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The part of a header block in a frame's payload, without padding and priority (sections 6.2 and 6.6), and the stream that it
/// promises. None: the payload is too short.
fn fragment(frame: FrameHeader, payload: &[u8]) -> Option<(Option<u32>, &[u8])> {
    if frame.kind == Kind::Continuation {
        return Some((None, payload));
    }
    let mut rest = payload;
    if frame.has(FrameHeader::PADDED) {
        let (padding, behind) = rest.split_first()?;
        rest = behind.get(..behind.len().checked_sub(usize::from(*padding))?)?;
    }
    if frame.kind == Kind::PushPromise {
        let (promised, behind) = rest.split_first_chunk::<4>()?;
        return Some((Some(u32::from_be_bytes(*promised) & 0x7fff_ffff), behind));
    }
    if frame.has(FrameHeader::PRIORITY) {
        rest = rest.get(5..)?;
    }
    Some((None, rest))
}

impl Analyzer for Http2 {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            rest = self.step(context, from, rest);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let inside = u32::try_from(bytes).ok();
        match std::mem::replace(&mut self.direction(from).place, Place::Lost) {
            Place::Data(mut payload)
                if inside.is_some_and(|bytes| bytes <= payload.left + payload.padding) =>
            {
                let bytes = inside.unwrap_or_default();
                let content = bytes.min(payload.left);
                payload.padded &= bytes == 0;
                self.streams.missing(
                    context,
                    self.client,
                    from,
                    u64::from(payload.stream),
                    u64::from(content),
                );
                payload.left -= content;
                payload.padding -= bytes - content;
                let done = payload.left == 0 && payload.padding == 0;
                let (stream, ends_stream) = (payload.stream, payload.ends_stream);
                self.direction(from).place = Place::Data(payload);
                if done {
                    self.end_data(context, from, stream, ends_stream);
                }
            }
            Place::Block { left, frame, held } if inside.is_some_and(|bytes| bytes <= left) => {
                if let Some(block) = &mut self.direction(from).block {
                    block.broken = true;
                }
                let left = left - inside.unwrap_or_default();
                self.direction(from).place = Place::Block { left, frame, held };
                if left == 0 {
                    self.end_block_frame(context, from);
                }
            }
            Place::Other { left, content } if inside.is_some_and(|bytes| bytes <= left) => {
                let left = left - inside.unwrap_or_default();
                if content && let Some(apart) = &mut self.direction(from).apart {
                    apart.missing(context, bytes);
                }
                self.other(left, from, content);
            }
            Place::Preface(held) | Place::Header(held) => {
                self.apart(context, from, &held);
                self.lose_step(context, from);
            }
            Place::Data(_) | Place::Block { .. } | Place::Other { .. } | Place::Lost => {
                self.lose_step(context, from);
            }
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.end(context, from);
        self.streams.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context, Side::Initiator);
        self.end(context, Side::Responder);
        self.streams.closed(context, self.client);
    }
}
