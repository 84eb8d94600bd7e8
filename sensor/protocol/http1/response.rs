//! What the head of a response leads to.
//!
//! Owns: naming the response's content, and handing the connection over when it becomes something else.
//! Never does: framing itself.

use super::body::{Body, Framing};
use super::exchange::{Change, Exchange};
use super::fields;
use super::outlet::Outlet;
use super::parse::ResponseHead;
use super::{Http1, Incoming, Phase, Role, target};
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
        let exchange = self.exchanges.respond(context, client);
        let change = exchange.as_ref().and_then(|exchange| exchange.change.as_ref());
        let tunnel = matches!(change, Some(Change::Tunnel(_))) && (200..300).contains(&head.status);
        if tunnel || head.status == 101 {
            let held = self.take_waiting().unwrap_or_default();
            self.finish(context, Role::Request, false);
            self.become_other(context, exchange, Some(head.status), held, rest);
            return &[];
        }
        // A refusal: the client goes on in HTTP.
        let held = if change.is_some() { self.take_waiting() } else { None };
        if let (Phase::Body(incoming), Some(exchange)) = (&mut self.request, &exchange) {
            let refused =
                incoming.asked && incoming.outlet.is_untouched() && incoming.exchange == exchange.number;
            incoming.doubtful = refused;
        }
        if let Some(account) = exchange.as_ref().and_then(Exchange::logged_in)
            && (200..400).contains(&head.status)
        {
            let server = context.flow.endpoint(self.side(Role::Response)).ip;
            head.fields.all("set-cookie").for_each(|set| context.shared.cookies.bind(server, set, account));
        }
        self.response = self.response_body(context, head, exchange.as_ref());
        if let Some(exchange) = exchange {
            self.exchanges.tell(context, client, exchange, Some(head.status));
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
        let told = fields::framing(&head.fields);
        let bodiless =
            matches!(head.status, 204 | 304) || exchange.is_some_and(|exchange| exchange.head_only);
        if bodiless || told.framing == Some(Framing::Length(0)) {
            return Phase::default();
        }
        let operation = exchange
            .map_or_else(|| format!("response {}", head.status), |exchange| exchange.operation.clone());
        let mut start = context.start(Protocol::Http, operation, self.side(Role::Response));
        start.server = self.side(Role::Response);
        if let Some(exchange) = exchange {
            start.server_name.clone_from(&exchange.server_name);
            start.via_proxy = exchange.via_proxy;
            start.user = exchange.user().or(start.user);
            start.facts.extend(exchange.proxied.iter().cloned());
            start.filename = exchange.filename.clone().filter(|_| exchange.fetches);
        }
        fields::describe(&head.fields, &mut start);
        start.facts.push(("status", head.status.to_string()));
        start.facts.extend(told.odd.map(|odd| ("framing", odd.to_owned())));
        // A piece that a client fetched (206) stands for itself: which ones belong together is the client's own affair.
        Phase::Body(Box::new(Incoming {
            body: Body::new(told.framing.unwrap_or(Framing::UntilClose), context.limits.head_bytes),
            outlet: Outlet::whole(start),
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
        exchange: Option<Exchange>,
        status: Option<u16>,
        client: Vec<u8>,
        server: &[u8],
    ) {
        let client_side = self.client();
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        let mut web_socket = None;
        if let Some(exchange) = exchange {
            nesting = inner_nesting(nesting, &exchange);
            web_socket = (exchange.change == Some(Change::WebSocket)).then(|| exchange.operation.clone());
            self.exchanges.tell(context, client_side, exchange, status);
        }
        self.exchanges.give_up(context, client_side);
        let unread = vec![(client_side, client), (client_side.other(), server.to_vec())];
        let successor = match web_socket {
            Some(operation) => Successor::Analyzer(Box::new(WebSocket::new(operation, client_side, nesting))),
            None => Successor::Recognition(nesting),
        };
        context.switch(successor, unread);
    }
}

/// What the rest of the connection stands in.
fn inner_nesting(outer: Nesting, exchange: &Exchange) -> Nesting {
    let Nesting { mut layers, server_name, via_proxy, user } = outer;
    let user = exchange.user().or(user);
    match &exchange.change {
        Some(Change::Tunnel(authority)) => {
            let shown: String = authority.chars().filter(|c| !c.is_control()).take(255).collect();
            layers.push(format!("connect {shown}"));
            Nesting { layers, server_name: target::host(authority.as_bytes()), via_proxy: true, user }
        }
        _ => Nesting {
            layers,
            server_name: exchange.server_name.clone().or(server_name),
            via_proxy: exchange.via_proxy || via_proxy,
            user,
        },
    }
}
