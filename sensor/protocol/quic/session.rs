//! A session whose secrets are known: what its streams carry.
//!
//! Owns: the keys of both directions, the streams, and who reads them. Never does: the handshake.

use super::frames::{self, Frame};
use super::parse::{Kind, Packet, Version};
use super::protection::Keys;
use super::stream::{InOrder, Told};
use crate::Context;
use crate::http3::Http3;
use crate::inner_flow::InnerFlow;
use crate::key_log::{KeyLog, Label, Random};
use egret_model::{CloseReason, Side, StreamEvent, Uninspected};
use std::collections::BTreeMap;

/// What a session is known by.
pub(super) struct Known {
    pub(super) version: Version,
    pub(super) random: Random,
    /// The protocol that its client would rather speak.
    pub(super) protocol: Option<Vec<u8>>,
    pub(super) client: Side,
}

/// The keys and streams of one session.
pub(super) struct Session {
    client: Side,
    from_client: Option<Keys>,
    from_server: Option<Keys>,
    /// Of what the client says before it has heard of the server.
    early: Option<Keys>,
    streams: BTreeMap<(u64, Side), InOrder>,
    /// Streams before these have been forgotten, by the two bits that tell their kinds.
    forgotten: [u64; 4],
    carried: Carried,
}

/// Who reads the streams.
enum Carried {
    Http3(Box<Http3>),
    /// Whoever recognises each.
    Anything(BTreeMap<u64, InnerFlow>),
}

impl Session {
    /// None: none of its secrets is known.
    pub(super) fn of(context: &Context<'_>, log: &KeyLog, known: &Known) -> Option<Self> {
        let keys = |label| Keys::of(known.version, log.find(&known.random, label)?);
        let [from_client, from_server, early] =
            [Label::ClientTraffic, Label::ServerTraffic, Label::ClientEarly].map(keys);
        if from_client.is_none() && from_server.is_none() {
            return None;
        }
        let is_http = known.protocol.as_ref().is_none_or(|protocol| protocol.starts_with(b"h3"));
        let carried = if is_http {
            Carried::Http3(Box::new(Http3::new(context.limits, known.client)))
        } else {
            Carried::Anything(BTreeMap::new())
        };
        let client = known.client;
        let streams = BTreeMap::new();
        Some(Self { client, from_client, from_server, early, streams, forgotten: [0; 4], carried })
    }

    /// Reads a packet. False: it can't be opened.
    pub(super) fn packet(&mut self, context: &mut Context<'_>, from: Side, packet: &Packet<'_>) -> bool {
        let keys = match packet.kind {
            Kind::Content if from == self.client => &mut self.from_client,
            Kind::Content => &mut self.from_server,
            Kind::Early if from == self.client => &mut self.early,
            _ => return false,
        };
        let Some(payload) = keys.as_mut().and_then(|keys| keys.open(packet)) else { return false };
        let mut shown = Vec::new();
        let rest = frames::read(&payload, &mut |frame| shown.push(frame));
        context.not_inspected(Uninspected::Unsupported, rest.len() as u64);
        for frame in shown {
            match frame {
                Frame::Stream { stream, offset, data, ends } => {
                    self.stream(context, (stream, from), (offset, data, ends));
                }
                Frame::Reset { stream } => {
                    let Self { streams, carried, .. } = self;
                    if let Some(open) = streams.get_mut(&(stream, from)) {
                        open.finish(context, false, &mut |context, told| {
                            carried.told(context, (stream, from), told);
                        });
                    }
                }
                Frame::Datagram(data) => {
                    context.not_inspected(Uninspected::Unsupported, data.len() as u64);
                }
            }
        }
        true
    }

    fn stream(&mut self, context: &mut Context<'_>, key: (u64, Side), piece: (u64, &[u8], bool)) {
        let Self { streams, carried, forgotten, .. } = self;
        let first = usize::try_from(key.0 & 3).ok().and_then(|kind| forgotten.get(kind));
        if !streams.contains_key(&key) && first.is_some_and(|first| key.0 < *first) {
            // Nobody can tell any more what of it is new.
            return context.not_inspected(Uninspected::OverLimit, piece.1.len() as u64);
        }
        let tell = &mut |context: &mut Context<'_>, told: Told<'_>| carried.told(context, key, told);
        streams.entry(key).or_default().push(context, piece, tell);
        self.keep_to_limit(context);
    }

    /// Beyond the limit the oldest streams of requests are forgotten; those that have ended bring nothing more anyhow.
    fn keep_to_limit(&mut self, context: &mut Context<'_>) {
        while self.streams.len() > 2 * context.limits.pending_requests {
            let is_both = |(number, _): &&(u64, Side)| number & 2 == 0;
            let Some(key) = self.streams.keys().find(is_both).or(self.streams.keys().next()).copied() else {
                return;
            };
            let Self { streams, carried, forgotten, .. } = self;
            if let Some(mut open) = streams.remove(&key) {
                open.finish(context, false, &mut |context, told| carried.told(context, key, told));
            }
            if let Some(first) = usize::try_from(key.0 & 3).ok().and_then(|kind| forgotten.get_mut(kind)) {
                *first = (*first).max(key.0 + 1);
            }
        }
    }

    /// The session is over.
    pub(super) fn closed(&mut self, context: &mut Context<'_>) {
        let Self { streams, carried, .. } = self;
        for (key, open) in streams.iter_mut() {
            open.finish(context, false, &mut |context, told| carried.told(context, *key, told));
        }
        match carried {
            Carried::Http3(http) => http.closed(context),
            Carried::Anything(flows) => {
                for flow in flows.values_mut() {
                    flow.event(context, StreamEvent::Closed { reason: CloseReason::EndOfInput });
                }
            }
        }
    }
}

impl Carried {
    fn told(&mut self, context: &mut Context<'_>, (stream, from): (u64, Side), told: Told<'_>) {
        // Of datagrams, nobody but the streams within them knows that some are missing.
        if let Told::Missing(bytes) = told {
            context.not_inspected(Uninspected::Gap, bytes);
        }
        match self {
            Self::Http3(http) => match told {
                Told::Data(data) => http.data(context, from, stream, data),
                Told::Missing(bytes) => http.missing(context, from, stream, bytes),
                Told::End(whole) => http.end(context, from, stream, whole),
            },
            Self::Anything(flows) => {
                if flows.len() >= context.limits.pending_requests
                    && !flows.contains_key(&stream)
                    && let Some((_, mut oldest)) = flows.pop_first()
                {
                    oldest.event(context, StreamEvent::Closed { reason: CloseReason::Evicted });
                }
                let flow = flows.entry(stream).or_insert_with(|| {
                    let flow = context.flow;
                    InnerFlow::stream(context, (flow.initiator, flow.responder), "stream".to_owned())
                });
                match told {
                    Told::Data(data) => flow.event(context, StreamEvent::Data { from, data }),
                    Told::Missing(bytes) => {
                        flow.event(context, StreamEvent::Gap { from, bytes, reason: Uninspected::Gap });
                    }
                    Told::End(true) => flow.event(context, StreamEvent::Finished { from }),
                    Told::End(false) => {}
                }
            }
        }
    }
}
