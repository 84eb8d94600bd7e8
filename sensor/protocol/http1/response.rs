//! What the head of a response leads to.
//!
//! Owns: naming the response's content, and handing the connection over when it becomes something else.
//! Never does: framing itself.

use super::body::{Body, Framing};
use super::exchange::{Change, Waiting};
use super::framing::framing;
use super::parse::ResponseHead;
use super::{Http1, Incoming, Phase, Role};
use crate::http::{self, Exchange};
use crate::http2::Http2;
use crate::websocket::WebSocket;
use crate::{Context, Nesting, Successor};
use egret_model::Protocol;

impl Http1 {
    /// A response begins; returns what stands behind its head.
    pub(super) fn response<'a>(
        &mut self,
        context: &mut Context<'_>,
        head: &ResponseHead<'_>,
        rest: &'a [u8],
    ) -> &'a [u8] {
        if (100..200).contains(&head.status) && head.status != 101 {
            return rest;
        }
        let client = self.client();
        let waiting = self.exchanges.respond(context, client);
        let change = waiting.as_ref().and_then(|waiting| waiting.change.as_ref());
        let tunnel = matches!(change, Some(Change::Tunnel(_))) && (200..300).contains(&head.status);
        if tunnel || head.status == 101 {
            let held = self.take_waiting().unwrap_or_default();
            self.finish(context, Role::Request, false);
            self.become_other(context, waiting, Some(head.status), held, rest);
            return &[];
        }
        // A refusal: the client goes on in HTTP.
        let held = if change.is_some() { self.take_waiting() } else { None };
        if let (Phase::Body(incoming), Some(waiting)) = (&mut self.request, &waiting) {
            let refused =
                incoming.asked && incoming.outlet.is_untouched() && incoming.exchange == waiting.number;
            incoming.doubtful = refused;
        }
        let mut exchange = waiting.map(|waiting| waiting.exchange);
        self.response = self.response_body(context, head, exchange.as_ref());
        if let Some(exchange) = &mut exchange {
            self.exchanges.log_ins.answered(context, client, exchange, (head.status, &head.fields));
        }
        self.feed(context, Role::Request, &held.unwrap_or_default());
        rest
    }

    /// What the client has sent since it asked for something else; it is no longer waiting.
    fn take_waiting(&mut self) -> Option<Vec<u8>> {
        match std::mem::take(&mut self.request) {
            Phase::Waiting(held) => Some(held),
            other => {
                self.request = other;
                None
            }
        }
    }

    fn response_body(
        &self,
        context: &Context<'_>,
        head: &ResponseHead<'_>,
        exchange: Option<&Exchange>,
    ) -> Phase {
        let told = framing(&head.fields);
        let bodiless =
            matches!(head.status, 204 | 304) || exchange.is_some_and(|exchange| exchange.head_only);
        if bodiless || told.framing == Some(Framing::Length(0)) {
            return Phase::default();
        }
        let server = self.side(Role::Response);
        let mut start =
            http::response_start(context, Protocol::Http, server, exchange, (head.status, &head.fields));
        start.facts.extend(told.odd.map(|odd| ("framing", odd.to_owned())));
        Phase::Body(Box::new(Incoming {
            body: Body::new(told.framing.unwrap_or(Framing::UntilClose), context.limits.head_bytes),
            outlet: http::response_outlet(exchange, (head.status, &head.fields), start),
            gap: false,
            exchange: 0,
            asked: false,
            doubtful: false,
            then_wait: false,
        }))
    }

    /// The connection becomes what was asked for. `status` is None where the answer was not captured; `client` and `server`
    /// are bytes that belong to what follows.
    pub(super) fn become_other(
        &mut self,
        context: &mut Context<'_>,
        waiting: Option<Waiting>,
        status: Option<u16>,
        client: Vec<u8>,
        server: &[u8],
    ) {
        let client_side = self.client();
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        let mut successor = None;
        if let Some(Waiting { change, mut exchange, .. }) = waiting {
            nesting = inner_nesting(nesting, change.as_ref(), &exchange);
            self.exchanges.log_ins.tell(context, client_side, &mut exchange, status);
            successor = match change {
                Some(Change::WebSocket) => {
                    let operation = exchange.operation;
                    let web_socket = WebSocket::new(operation, client_side, nesting.clone());
                    Some(Successor::Analyzer(Box::new(web_socket)))
                }
                Some(Change::Http2) if status.is_some() => {
                    let http2 = Http2::upgraded(context.limits, client_side, exchange);
                    Some(Successor::Analyzer(Box::new(http2)))
                }
                _ => None,
            };
        }
        self.exchanges.give_up(context, client_side);
        let unread = vec![(client_side, client), (client_side.other(), server.to_vec())];
        context.switch(successor.unwrap_or(Successor::Recognition(nesting)), unread);
    }
}

/// What the rest of the connection stands in.
fn inner_nesting(outer: Nesting, change: Option<&Change>, exchange: &Exchange) -> Nesting {
    let Nesting { mut layers, server_name, via_proxy, user } = outer;
    let user = exchange.user().or(user);
    match change {
        Some(Change::Tunnel(authority)) => {
            let shown: String = authority.chars().filter(|c| !c.is_control()).take(255).collect();
            layers.push(format!("connect {shown}"));
            Nesting { layers, server_name: http::host(authority.as_bytes()), via_proxy: true, user }
        }
        _ => Nesting {
            layers,
            server_name: exchange.server_name.clone().or(server_name),
            via_proxy: exchange.via_proxy || via_proxy,
            user,
        },
    }
}
