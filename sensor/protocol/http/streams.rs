//! The streams of one connection (RFC 9113 sections 5 and 8, RFC 9114 section 4): each a request and its response.
//!
//! Owns: which body belongs to what, and its end. Never does: frames.

use super::grpc::Grpc;
use super::{
    Exchange, Fields, LogIns, Outlet, Request, Target, content_of_target, request_outlet, response_outlet,
    response_start,
};
use crate::Context;
use egret_model::{Protocol, Side, TransferStart};
use std::collections::BTreeMap;

/// The stream of a request that was made before the connection became HTTP/2.
const FIRST: u64 = 1;

/// The streams that are open, by their numbers.
pub(crate) struct Streams {
    protocol: Protocol,
    open: BTreeMap<u64, Stream>,
    log_ins: LogIns,
}

#[derive(Default)]
struct Stream {
    exchange: Option<Exchange>,
    initiator: Half,
    responder: Half,
}

/// What one side sends on a stream.
#[derive(Default)]
struct Half {
    /// Its head has come, or will not.
    begun: bool,
    body: Option<Box<Incoming>>,
    ended: bool,
}

/// A body on its way.
struct Incoming {
    content: Content,
    /// A part of it was missing.
    gap: bool,
}

enum Content {
    Body(Outlet),
    Messages(Grpc),
}

impl Streams {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self { protocol, open: BTreeMap::new(), log_ins: LogIns::default() }
    }

    /// `client` has made a request in HTTP/1.1, which is answered here.
    pub(crate) fn asked_before(&mut self, client: Side, exchange: Exchange) {
        let mut stream = Stream { exchange: Some(exchange), ..Stream::default() };
        *stream.half(client) = Half::ENDED;
        self.open.insert(FIRST, stream);
    }

    /// The fields of a head have come, or those behind a body.
    pub(crate) fn fields(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        (from, number): (Side, u64),
        fields: &[(Vec<u8>, Vec<u8>)],
        ends_stream: bool,
    ) {
        let fields = Fields::of_pairs(fields);
        let Self { protocol, open, log_ins } = self;
        let protocol = *protocol;
        let stream = open.entry(number).or_default();
        let status: Option<u16> = fields.text(":status").and_then(|status| status.parse().ok());
        let awaited = !stream.half(from).begun;
        if fields.first(":method").is_some() {
            if awaited {
                let incoming = stream.request(context, protocol, client, &fields);
                // A promised request (section 8.4) has no body.
                let half = if from == client { Half::open(incoming) } else { Half::ENDED };
                // A promise for a stream that the client had used already ends what it sent.
                std::mem::replace(stream.half(client), half).end(context, false);
            }
        } else if let Some(status) = status {
            if awaited && !(100..200).contains(&status) {
                let start =
                    response_start(context, protocol, from, stream.exchange.as_ref(), (status, &fields));
                let outlet = response_outlet(stream.exchange.as_ref(), (status, &fields), start.clone());
                if let Some(exchange) = &mut stream.exchange {
                    log_ins.answered(context, client, exchange, (status, &fields));
                }
                *stream.half(from) = Half::open(Incoming::new(outlet, &fields, start));
            }
        } else if awaited {
            *stream.half(from) = Half::open(stream.headless(context, protocol, client, (from, number)));
        }
        if ends_stream {
            self.half_closed(context, client, from, number);
        }
        self.keep_to_limit(context, client);
    }

    /// The next bytes of a body.
    pub(crate) fn data(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        from: Side,
        number: u64,
        data: &[u8],
    ) {
        if data.is_empty() {
            return;
        }
        self.incoming(context, client, from, number).content.body(context, data);
        self.keep_to_limit(context, client);
    }

    /// Bytes of a body are missing.
    pub(crate) fn missing(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        from: Side,
        number: u64,
        bytes: u64,
    ) {
        if bytes > 0 {
            let incoming = self.incoming(context, client, from, number);
            incoming.gap = true;
            incoming.content.missing(context, bytes);
            self.keep_to_limit(context, client);
        }
    }

    fn incoming(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        from: Side,
        number: u64,
    ) -> &mut Incoming {
        let protocol = self.protocol;
        let stream = self.open.entry(number).or_default();
        let known = stream.half(from).body.take();
        let incoming = known.unwrap_or_else(|| stream.headless(context, protocol, client, (from, number)));
        let half = stream.half(from);
        half.begun = true;
        half.body.insert(incoming)
    }

    /// `from` sends no more on this stream.
    pub(crate) fn half_closed(&mut self, context: &mut Context<'_>, client: Side, from: Side, number: u64) {
        let Some(stream) = self.open.get_mut(&number) else { return };
        std::mem::replace(stream.half(from), Half::ENDED).end(context, true);
        if stream.initiator.ended && stream.responder.ended {
            self.remove(context, client, number);
        }
    }

    /// The stream breaks off (section 6.4).
    pub(crate) fn reset(&mut self, context: &mut Context<'_>, client: Side, number: u64) {
        self.remove(context, client, number);
    }

    /// What `from` sends cannot be followed any more: any body may be hit.
    pub(crate) fn lose(&mut self, context: &mut Context<'_>, from: Side) {
        for stream in self.open.values_mut() {
            if let Some(incoming) = &mut stream.half(from).body {
                incoming.gap = true;
                incoming.content.missing(context, 0);
            }
        }
    }

    /// `from` has closed its side of the connection.
    pub(crate) fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        for stream in self.open.values_mut() {
            std::mem::replace(stream.half(from), Half::ENDED).end(context, false);
        }
    }

    /// The connection is over.
    pub(crate) fn closed(&mut self, context: &mut Context<'_>, client: Side) {
        while let Some((number, _)) = self.open.first_key_value() {
            let number = *number;
            self.remove(context, client, number);
        }
    }

    fn remove(&mut self, context: &mut Context<'_>, client: Side, number: u64) {
        let Some(Stream { exchange, initiator, responder }) = self.open.remove(&number) else { return };
        initiator.end(context, false);
        responder.end(context, false);
        if let Some(mut exchange) = exchange {
            self.log_ins.tell(context, client, &mut exchange, None);
        }
    }

    /// Beyond the limit the oldest stream is given up; what it still brings is told without what was asked.
    fn keep_to_limit(&mut self, context: &mut Context<'_>, client: Side) {
        while self.open.len() > context.limits.pending_requests
            && let Some((number, _)) = self.open.first_key_value()
        {
            let number = *number;
            self.remove(context, client, number);
        }
    }
}

impl Stream {
    const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    /// A request begins.
    fn request(
        &mut self,
        context: &mut Context<'_>,
        protocol: Protocol,
        client: Side,
        fields: &Fields<'_>,
    ) -> Box<Incoming> {
        let method = fields.text(":method").unwrap_or_default().to_ascii_uppercase();
        let authority = fields.first(":authority");
        // A path that was told before the capture began is not known; a tunnel (section 8.5) has none.
        let path = fields.first(":path").or(authority.filter(|_| method == "CONNECT"));
        let target = Target::parse(path.unwrap_or("…".as_bytes()));
        let request =
            Request { method: &method, target: &target, authority, of_proxy: false, fields, client };
        let exchange = Exchange::new(context, &request);
        let start = exchange.request_start(context, protocol, client);
        content_of_target(context, &target, &start);
        let outlet = request_outlet(&request, &exchange, start.clone());
        self.exchange = Some(exchange);
        Incoming::new(outlet, fields, start)
    }

    /// A body of which no head is known.
    fn headless(
        &self,
        context: &Context<'_>,
        protocol: Protocol,
        client: Side,
        (from, number): (Side, u64),
    ) -> Box<Incoming> {
        let mut start = match &self.exchange {
            Some(exchange) => exchange.request_start(context, protocol, client),
            None => context.start(protocol, format!("stream {number}"), from),
        };
        if start.from != from {
            let other = context.start(protocol, start.operation, from);
            start = TransferStart { server_name: start.server_name, user: start.user, ..other };
        }
        start.server = client.other();
        Box::new(Incoming { content: Content::Body(Outlet::whole(start)), gap: true })
    }
}

impl Half {
    const ENDED: Self = Self { begun: true, body: None, ended: true };

    const fn open(incoming: Box<Incoming>) -> Self {
        Self { begun: true, body: Some(incoming), ended: false }
    }

    /// `seen`: its proper end was seen.
    fn end(self, context: &mut Context<'_>, seen: bool) {
        if let Some(incoming) = self.body {
            let complete = seen && !incoming.gap;
            match incoming.content {
                Content::Body(outlet) => outlet.end(context, complete),
                Content::Messages(messages) => messages.end(context, complete),
            }
        }
    }
}

impl Incoming {
    /// A body with this way and these fields; `start` is what messages in it begin with.
    fn new(outlet: Outlet, fields: &Fields<'_>, start: TransferStart) -> Box<Self> {
        let content = match Grpc::of(fields, start) {
            Some(messages) => Content::Messages(messages),
            None => Content::Body(outlet),
        };
        Box::new(Self { content, gap: false })
    }
}

impl Content {
    fn body(&mut self, context: &mut Context<'_>, data: &[u8]) {
        match self {
            Self::Body(outlet) => outlet.body(context, data),
            Self::Messages(messages) => messages.body(context, data),
        }
    }

    fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        match self {
            Self::Body(outlet) => outlet.missing(context, bytes),
            Self::Messages(messages) => messages.missing(context, bytes),
        }
    }
}
