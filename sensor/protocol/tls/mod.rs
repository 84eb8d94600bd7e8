//! TLS without keys (RFC 8446, RFC 5246): how much goes where, the server's name and what software asks for it.
//!
//! Owns: the record layer of both directions and the name in the ClientHello. Never does: decryption.

mod ja4;
mod parse;

use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Observation, Protocol, Side, TransferKey, Uninspected};
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

/// One connection.
#[derive(Default)]
struct Tls {
    initiator: Direction,
    responder: Direction,
    /// The side that sent a ClientHello.
    client: Option<Side>,
    server_name: Option<String>,
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

/// Longest ClientHello looked at, bytes.
const LONGEST_HELLO: usize = 64 << 10;

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
        let done = parse::handshake_is_complete(held) || held.len() > LONGEST_HELLO;
        if !done {
            return;
        }
        let hello = parse::client_hello(held);
        let ja4 = hello.as_ref().and_then(|_| ja4::of(held));
        self.direction(from).hello = Hello::Seen;
        let Some(hello) = hello else { return };
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

    fn end(&mut self, context: &mut Context<'_>, from: Side, end_seen: bool) {
        let whole = end_seen && !context.flow.midstream;
        let direction = self.direction(from);
        if let Some(transfer) = direction.transfer.take() {
            context.end(transfer, whole && !direction.gap);
        }
    }
}

impl Analyzer for Tls {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
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
                            direction.protected |= kind == ContentType::ChangeCipherSpec;
                            direction.place = Place::Payload { kind, left: length };
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
                    let kind = *kind;
                    if *left == 0 {
                        direction.place = Place::default();
                    }
                    match kind {
                        ContentType::ApplicationData => encrypted += payload.len() as u64,
                        ContentType::Handshake if !direction.protected => {
                            self.handshake(context, from, payload);
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
        let direction = self.direction(from);
        direction.gap = true;
        direction.hello = Hello::Seen;
        match &mut direction.place {
            Place::Payload { left, .. } if bytes <= *left as u64 => {
                *left -= usize::try_from(bytes).unwrap_or_default();
                if *left == 0 {
                    direction.place = Place::default();
                }
            }
            _ => direction.place = Place::Lost,
        }
        if let Some(transfer) = direction.transfer {
            context.missing(transfer, bytes);
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.end(context, from, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context, Side::Initiator, false);
        self.end(context, Side::Responder, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &length[..], payload].concat()
    }

    #[test]
    fn application_data_is_opaque_and_named_however_it_is_cut() {
        let client = [
            record(22, &parse::hello_for("Mail.Example")),
            record(20, &[1]),
            record(22, &[9; 40]),
            record(23, &[7; 300]),
        ]
        .concat();
        let server = [record(22, b"\x02\x00\x00\x01x"), record(23, &[8; 50])].concat();
        for step in [1, 3, 7, 1000] {
            let mut scene = Scene::new();
            let flow = scene.tcp(8443);
            for piece in client.chunks(step) {
                scene.client(flow, piece);
            }
            for piece in server.chunks(step) {
                scene.server(flow, piece);
            }
            scene.close(flow);
            let record = scene.end();
            let seen: Vec<_> = record
                .transfers
                .iter()
                .map(|t| {
                    (
                        t.start.protocol,
                        t.start.from,
                        t.start.server_name.as_deref(),
                        t.opaque,
                        t.body.len(),
                        t.ended,
                    )
                })
                .collect();
            assert_eq!(
                seen,
                [
                    (Protocol::Tls, Side::Initiator, Some("mail.example"), 300, 0, Some(true)),
                    (Protocol::Tls, Side::Responder, Some("mail.example"), 50, 0, Some(true)),
                ],
                "step {step}"
            );
            assert_eq!(record.not_inspected.iter().map(|(_, bytes)| bytes).sum::<u64>(), 40);
        }
    }

    #[test]
    fn what_only_begins_like_tls_is_read() {
        let mut scene = Scene::new();
        let flow = scene.tcp(443);
        scene.client(flow, [record(22, &parse::hello_for("a.example")), b"plain text".to_vec()].concat());
        scene.close(flow);
        let record = scene.end();
        assert_eq!(record.transfers[0].body, b"plain text");
    }

    #[test]
    fn a_gap_is_survived_and_midstream_is_recognised() {
        let mut scene = Scene::new();
        let flow = scene.tcp(443);
        scene.midstream(flow);
        scene.client(flow, record(23, &[1; 100]));
        scene.client(flow, &record(23, &[1; 100])[..50]);
        scene.gap(flow, Side::Initiator, 60);
        scene.client(flow, [5; 20]);
        scene.client(flow, record(23, &[1; 10]));
        scene.close(flow);
        let record = scene.end();
        assert_eq!(record.transfers.len(), 1);
        let transfer = &record.transfers[0];
        assert_eq!(
            (transfer.opaque, transfer.missing, transfer.ended),
            (100 + 45 + 20 + 10, 60, Some(false))
        );
    }
}
