//! TLS (RFC 8446, RFC 5246): how much goes where, the server's name and what software asks for it; with the secrets of a key log,
//! what was said, which whoever recognises it reads on.
//!
//! Owns: the record layer of both directions, the name in the ClientHello, and the opening of records. Never does: telling a key;
//! breaking one. What can't be opened is counted as encrypted: early data, suites other than AES in GCM, CCM or CBC, ChaCha20 and RC4.

mod cipher;
mod decrypt;
mod ja4;
mod late;
mod parse;
#[cfg(test)]
mod tests;

use crate::inner_flow::InnerFlow;
use crate::registry::{Prefix, Verdict};
use crate::rounds::{Rounds, is_client};
use crate::{Analyzer, Context};
pub(crate) use cipher::expand_label;
use decrypt::Keys;
use egret_model::{CloseReason, Observation, Protocol, Side, StreamEvent, TransferKey, Uninspected};
use ja4::Carrier;
use late::Awaited;
pub(crate) use late::LateKeys;
use parse::{ContentType, HEADER_LENGTH, Header};

/// Recognises a handshake at the start of a flow; where the start was not captured, application data too.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    [prefix.initiator, prefix.responder]
        .into_iter()
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| parse::verdict(bytes, prefix.flow.midstream))
        .find(|verdict| *verdict != Verdict::No)
        .unwrap_or(Verdict::No)
}

/// An analyzer at the start of a record on each side.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Tls::default())
}

/// The same, within which `inner` goes on reading.
pub(crate) fn carrying(inner: Box<dyn Analyzer>) -> Box<dyn Analyzer> {
    Box::new(Tls { carried: Some(inner), ..Tls::default() })
}

/// What a client's hello tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) server_name: Option<String>,
    pub(crate) ja4: Option<String>,
    /// What key logs name the connection by.
    pub(crate) random: Option<[u8; 32]>,
    /// The protocol that the client would rather speak (RFC 7301).
    pub(crate) protocol: Option<Vec<u8>>,
}

/// What QUIC carries of a ClientHello (RFC 9001 section 4.1.3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HelloInQuic {
    /// It goes on.
    Partial,
    /// The whole of it.
    Whole(Told),
    /// Another message.
    None,
}

/// Reads a ClientHello of at most `limit` bytes from the start of what QUIC carries of it.
pub(crate) fn hello_in_quic(message: &[u8], limit: usize) -> HelloInQuic {
    const CLIENT_HELLO: u8 = 1;
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) || message.len() > limit {
        return HelloInQuic::None;
    }
    if !parse::handshake_is_complete(message) {
        return HelloInQuic::Partial;
    }
    let (server_name, random) =
        parse::client_hello(message).map_or((None, None), |hello| (hello.server_name, hello.random));
    let (ja4, protocol) = (ja4::of(message, Carrier::Quic), parse::first_protocol(message));
    HelloInQuic::Whole(Told { server_name, ja4, random, protocol })
}

/// One connection.
#[derive(Default)]
struct Tls {
    initiator: Direction,
    responder: Direction,
    /// The side that sent a ClientHello.
    client: Option<Side>,
    server_name: Option<String>,
    /// What key logs name the connection by.
    random: Option<[u8; 32]>,
    /// What was said, once the first of it is known, and who is to read it, where that is known.
    inner: Option<Box<InnerFlow>>,
    carried: Option<Box<dyn Analyzer>>,
    /// Keys may still come; and whether that was so before.
    awaited: Option<Box<Awaited>>,
    waited: bool,
    /// How it is asked and answered, as far as nobody reads it.
    rounds: Rounds,
}

/// What one side sends.
#[derive(Default)]
struct Direction {
    place: Place,
    /// Handshake bytes until its first message is complete; None behind that.
    hello: Hello,
    /// What comes in handshake and alert records is encrypted too (behind ChangeCipherSpec).
    protected: bool,
    transfer: Option<TransferKey>,
    gap: bool,
    keys: Option<Box<Keys>>,
    /// The head of the present record, what has come of it where it is to be opened, and whether something of it is missing.
    head: [u8; HEADER_LENGTH],
    record: Vec<u8>,
    broken: bool,
    /// Bytes on the wire since step was lost; None: it was not.
    lost: Option<u64>,
    /// Records that could not be opened since then.
    failures: u8,
}

/// Where in the records the next byte stands.
enum Place {
    /// In a record's header: what has come of it.
    Header(Vec<u8>),
    Payload {
        kind: ContentType,
        left: usize,
    },
    /// In no record: behind a gap, or this is no TLS after all.
    Lost,
}

impl Default for Place {
    fn default() -> Self {
        Self::Header(Vec::new())
    }
}

/// The first handshake message of a side.
enum Hello {
    Collecting(Vec<u8>),
    Seen,
}

impl Default for Hello {
    fn default() -> Self {
        Self::Collecting(Vec::new())
    }
}

/// Records behind a gap that are tried before a direction is given up: each is tried with many numbers.
const MOST_FAILURES: u8 = 4;

impl Tls {
    const fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    fn transfer(&mut self, context: &mut Context<'_>, from: Side) -> TransferKey {
        if let Some(transfer) = self.direction(from).transfer {
            return transfer;
        }
        let mut start = context.start(Protocol::Tls, "tls".to_owned(), from);
        start.server = self.client.unwrap_or(Side::Initiator).other();
        start.server_name = self.server_name.clone().or(start.server_name);
        let transfer = context.begin(start);
        self.direction(from).transfer = Some(transfer);
        transfer
    }

    /// Bytes of a handshake: all that is wanted of them is the name.
    fn handshake(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let Hello::Collecting(held) = &mut self.direction(from).hello else { return };
        held.extend_from_slice(data);
        let done = parse::handshake_is_complete(held) || held.len() > context.limits.hello_bytes;
        if !done {
            return;
        }
        let hello = parse::client_hello(held);
        let ja4 = hello.as_ref().and_then(|_| ja4::of(held, Carrier::Tcp));
        let answer = parse::server_hello(held);
        self.direction(from).hello = Hello::Seen;
        if let Some(answer) = answer {
            return self.server_hello(context, from, answer);
        }
        let Some(hello) = hello else { return };
        self.random = hello.random;
        context.observed(Observation::Hello { server_name: hello.server_name.clone(), ja4 });
        self.client = Some(from);
        self.server_name = hello.server_name;
        for side in [Side::Initiator, Side::Responder] {
            if let Some(transfer) = self.direction(side).transfer
                && self.server_name.is_some()
            {
                context.named(transfer, None, self.server_name.clone());
            }
        }
    }

    /// What both sides have agreed on is known: are the keys?
    fn server_hello(&mut self, context: &mut Context<'_>, from: Side, hello: parse::ServerHello) {
        if hello.is_retry() {
            self.direction(from).hello = Hello::default();
            return;
        }
        let depth = context.nesting().map_or(0, |nesting| nesting.layers.len());
        if self.client != Some(from.other()) || depth >= context.limits.switches_per_flow {
            return;
        }
        let random = self.random.filter(|_| !context.shared.keys.is_empty());
        let keys = random.and_then(|random| Keys::of(&context.shared.keys, &random, &hello));
        if !keys.as_ref().is_some_and(|keys| keys.iter().all(Keys::is_whole))
            && self.await_keys(context, hello, from)
        {
            return;
        }
        if let Some([client, server]) = keys {
            self.direction(from.other()).keys = Some(Box::new(client));
            self.direction(from).keys = Some(Box::new(server));
        }
    }

    /// A record that is to be opened is here, or as much of it as was captured. Returns how many bytes of it nobody can read.
    fn sealed(&mut self, context: &mut Context<'_>, from: Side) -> u64 {
        let direction = self.direction(from);
        let record = std::mem::take(&mut direction.record);
        let length = record.len() as u64;
        let Some(keys) = &mut direction.keys else { return length };
        if std::mem::take(&mut direction.broken) {
            let [.., high, low] = direction.head;
            let whole = usize::from(u16::from_be_bytes([high, low]));
            let content = whole.saturating_sub(keys.overhead());
            if direction.lost.is_none() {
                keys.pass(&record, whole);
                self.inner_gap(context, from, content as u64);
            }
            return length;
        }
        let overhead = (keys.overhead() + HEADER_LENGTH) as u64;
        let Some((kind, content, skipped)) = keys.open(direction.head, &record, direction.lost.is_some())
        else {
            if let Some(lost) = &mut direction.lost {
                *lost = lost.saturating_add(length + HEADER_LENGTH as u64);
                direction.failures += 1;
                if direction.failures >= MOST_FAILURES {
                    direction.keys = None;
                }
            }
            return length;
        };
        if let Some(lost) = direction.lost.take() {
            direction.failures = 0;
            self.inner_gap(context, from, lost.saturating_sub(skipped.saturating_mul(overhead)));
        }
        if kind == ContentType::ApplicationData && !content.is_empty() {
            let inner = match &mut self.inner {
                Some(inner) => inner,
                None => {
                    let mut nesting = context.nesting().cloned().unwrap_or_default();
                    nesting.layers.push("tls".to_owned());
                    nesting.server_name = self.server_name.clone().or(nesting.server_name);
                    let inner = InnerFlow::here(context, nesting, self.carried.take());
                    self.inner.insert(Box::new(inner))
                }
            };
            inner.event(context, StreamEvent::Data { from, data: &content });
        }
        0
    }

    /// A record begins that nobody can read.
    fn message(&mut self, context: &mut Context<'_>, from: Side, length: usize) {
        /// What TLS 1.2 adds to a record (RFC 5288 section 3: nonce and tag); 1.3 adds 7 bytes less.
        const ADDED: usize = 24;
        let (client, bytes) = (is_client(from, self.client), length.saturating_sub(ADDED));
        if self.rounds.message(client, bytes, context.now()) {
            let name = self.server_name.clone();
            context.observed(self.rounds.observation(name, context.flow.responder.port));
        }
    }

    fn inner_gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if let Some(inner) = &mut self.inner {
            inner.event(context, StreamEvent::Gap { from, bytes, reason: Uninspected::Gap });
        }
    }

    fn end(&mut self, context: &mut Context<'_>, from: Side, end_seen: bool) {
        let whole = end_seen && !context.flow.midstream;
        let direction = self.direction(from);
        if let Some(transfer) = direction.transfer.take() {
            context.end(transfer, whole && !direction.gap);
        }
    }

    /// A record that did not come to its end.
    fn unfinished(&mut self, context: &mut Context<'_>, from: Side) {
        let bytes = std::mem::take(&mut self.direction(from).record).len() as u64;
        if bytes > 0 {
            let transfer = self.transfer(context, from);
            context.opaque(transfer, bytes, Uninspected::Encrypted);
            self.inner_gap(context, from, 0);
        }
    }
}

impl Direction {
    /// A record of this type is to be opened.
    fn opens(&self, kind: ContentType) -> bool {
        self.keys.as_ref().is_some_and(|keys| {
            if keys.is_modern() {
                kind == ContentType::ApplicationData
            } else {
                self.protected && kind != ContentType::ChangeCipherSpec
            }
        })
    }
}

impl Analyzer for Tls {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if self.holds_data(context, from, data) {
            return;
        }
        let mut rest = data;
        let mut encrypted: u64 = 0;
        let direction = self.direction(from);
        if matches!(direction.place, Place::Lost) && parse::begins_record(data) {
            direction.place = Place::default();
        }
        while !rest.is_empty() {
            let direction = self.direction(from);
            match &mut direction.place {
                Place::Header(held) => {
                    let (head, behind) = rest.split_at((HEADER_LENGTH - held.len()).min(rest.len()));
                    held.extend_from_slice(head);
                    rest = behind;
                    if held.len() < HEADER_LENGTH {
                        break;
                    }
                    match Header::parse(held) {
                        Some(Header { kind, length }) => {
                            direction.head = held.first_chunk().copied().unwrap_or_default();
                            direction.protected |= kind == ContentType::ChangeCipherSpec;
                            direction.place = Place::Payload { kind, left: length };
                            let sealed = kind == ContentType::ApplicationData && direction.keys.is_none();
                            if sealed {
                                self.message(context, from, length);
                            }
                        }
                        None => {
                            let held = std::mem::take(held);
                            direction.place = Place::Lost;
                            let transfer = self.transfer(context, from);
                            context.body(transfer, &held);
                        }
                    }
                }
                Place::Payload { kind, left } => {
                    let (payload, behind) = rest.split_at((*left).min(rest.len()));
                    rest = behind;
                    *left -= payload.len();
                    let (kind, done) = (*kind, *left == 0);
                    if done {
                        direction.place = Place::default();
                    }
                    if direction.opens(kind) {
                        direction.record.extend_from_slice(payload);
                        if done {
                            encrypted += self.sealed(context, from);
                        }
                        continue;
                    }
                    match kind {
                        ContentType::ApplicationData => encrypted += payload.len() as u64,
                        ContentType::Handshake if !direction.protected => {
                            self.handshake(context, from, payload);
                            if self.awaited.is_some() && self.holds_data(context, from, rest) {
                                rest = &[];
                            }
                        }
                        ContentType::Handshake | ContentType::Alert if direction.protected => {
                            context.not_inspected(Uninspected::Encrypted, payload.len() as u64);
                        }
                        _ => {}
                    }
                }
                // Behind a gap it is the middle of a record; otherwise no TLS after all, which anyone could read.
                Place::Lost if direction.gap => {
                    encrypted += rest.len() as u64;
                    direction.lost = direction.lost.map(|lost| lost.saturating_add(rest.len() as u64));
                    rest = &[];
                }
                Place::Lost => {
                    let transfer = self.transfer(context, from);
                    context.body(transfer, rest);
                    rest = &[];
                }
            }
        }
        if encrypted > 0 {
            let transfer = self.transfer(context, from);
            context.opaque(transfer, encrypted, Uninspected::Encrypted);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if self.holds_gap(context, from, bytes) {
            return;
        }
        let direction = self.direction(from);
        direction.gap = true;
        direction.hello = Hello::Seen;
        let mut unread = 0;
        match &mut direction.place {
            Place::Payload { left, kind } if bytes <= *left as u64 => {
                *left -= usize::try_from(bytes).unwrap_or_default();
                let (kind, done) = (*kind, *left == 0);
                if done {
                    direction.place = Place::default();
                }
                if direction.opens(kind) {
                    direction.broken = true;
                    unread = if done { self.sealed(context, from) } else { 0 };
                }
            }
            place => {
                let begun = match place {
                    Place::Header(held) => held.len(),
                    Place::Payload { .. } | Place::Lost => direction.record.len(),
                };
                unread = std::mem::take(&mut direction.record).len() as u64;
                let lost = direction.lost.unwrap_or_default().saturating_add(begun as u64);
                direction.lost = Some(lost.saturating_add(bytes));
                direction.place = Place::Lost;
            }
        }
        let direction = self.direction(from);
        if let Some(transfer) = direction.transfer {
            context.missing(transfer, bytes);
        }
        if unread > 0 {
            let transfer = self.transfer(context, from);
            context.opaque(transfer, unread, Uninspected::Encrypted);
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        if self.holds_finished(context, from) {
            return;
        }
        self.unfinished(context, from);
        if let Some(inner) = &mut self.inner {
            inner.event(context, StreamEvent::Finished { from });
        }
        self.end(context, from, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        if self.leaves(context) {
            return;
        }
        self.unfinished(context, Side::Initiator);
        self.unfinished(context, Side::Responder);
        if let Some(mut inner) = self.inner.take() {
            inner.event(context, StreamEvent::Closed { reason: CloseReason::EndOfInput });
        }
        self.end(context, Side::Initiator, false);
        self.end(context, Side::Responder, false);
    }
}
