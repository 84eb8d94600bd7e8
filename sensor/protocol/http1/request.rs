//! What the head of a request leads to.
//!
//! Owns: the place of the request's content. Never does: framing itself; keeping credentials.

use super::adrift::Adrift;
use super::body::{Body, Framing};
use super::exchange::{Change, Waiting};
use super::framing::framing;
use super::parse::RequestHead;
use super::{Http1, Incoming, Phase};
use crate::Context;
use crate::http::{self, Exchange, Fields, Request, Target};
use egret_model::Protocol;

impl Http1 {
    /// A request begins: its content, and what its response will need.
    pub(super) fn request(&mut self, context: &mut Context<'_>, head: &RequestHead<'_>) {
        let target = Target::parse(head.target);
        let connect = head.method == "CONNECT";
        let authority = if connect { Some(target.path) } else { target.authority };
        let client = self.client();
        let request = Request {
            method: &head.method,
            target: &target,
            authority,
            of_proxy: authority.is_some(),
            fields: &head.fields,
            client,
        };
        let exchange = Exchange::new(context, &request);
        let mut start = exchange.request_start(context, Protocol::Http, client);
        http::content_of_target(context, &target, &start);

        let told = framing(&head.fields);
        start.facts.extend(told.odd.map(|odd| ("framing", odd.to_owned())));
        let outlet = http::request_outlet(&request, &exchange, start);
        let (number, change) = (self.exchanges.number(), change(connect, &target, &head.fields));
        let then_wait = change.is_some();
        self.exchanges.request(context, client, Waiting { number, change, exchange });

        let may_have_body = matches!(head.method.as_str(), "POST" | "PUT" | "PATCH");
        self.request = match told.framing {
            Some(Framing::Length(0)) => behind_request(then_wait),
            Some(framing) => Phase::Body(Box::new(Incoming {
                body: Body::new(framing, context.limits.head_bytes),
                outlet,
                gap: false,
                exchange: number,
                asked: head.fields.list("expect").any(|wish| wish.eq_ignore_ascii_case(b"100-continue")),
                doubtful: false,
                then_wait,
            })),
            // The end is not told, or not in a way that makes sense.
            None if told.given || (may_have_body && !then_wait) => {
                Phase::Adrift(Box::new(Adrift::new(outlet.into_whole(), true)))
            }
            None => behind_request(then_wait),
        };
    }
}

/// The state behind a request's content.
const fn behind_request(then_wait: bool) -> Phase {
    if then_wait { Phase::Waiting(Vec::new()) } else { Phase::Head(Vec::new()) }
}

fn change(connect: bool, target: &Target<'_>, fields: &Fields<'_>) -> Option<Change> {
    if connect {
        return Some(Change::Tunnel(String::from_utf8_lossy(target.path).into_owned()));
    }
    let mut other = None;
    for protocol in fields.list("upgrade") {
        if protocol.eq_ignore_ascii_case(b"websocket") {
            return Some(Change::WebSocket);
        }
        let http2 = protocol.eq_ignore_ascii_case(b"h2c");
        other = if http2 { Some(Change::Http2) } else { other.or(Some(Change::Other)) };
    }
    other
}
