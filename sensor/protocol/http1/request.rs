//! What the head of a request leads to.
//!
//! Owns: naming the request's content. Never does: framing itself; keeping credentials.

use super::adrift::Adrift;
use super::body::{Body, Framing};
use super::exchange::{Change, Credentials, Exchange};
use super::fields::{self, account};
use super::outlet::Outlet;
use super::parse::{Fields, RequestHead};
use super::target::{self, Target};
use super::{Http1, Incoming, Phase, Role};
use crate::Context;
use egret_model::{Evidence, Protocol, TransferStart};

impl Http1 {
    /// A request begins: its content, and what its response will need.
    pub(super) fn request(&mut self, context: &mut Context<'_>, head: &RequestHead<'_>) {
        let target = Target::parse(head.target);
        let exchange = self.exchange(context, head, &target);
        let start = self.request_start(context, &exchange);
        content_of_target(context, &target, &start);

        let told = fields::framing(&head.fields);
        let number = exchange.number;
        let then_wait = exchange.change.is_some();
        // The path of a POST names the program that takes the content, not the content.
        let named = exchange.filename.clone().filter(|_| head.method != "POST");
        let mut start = TransferStart { filename: named, ..start };
        fields::describe(&head.fields, &mut start);
        start.facts.extend(told.odd.map(|odd| ("framing", odd.to_owned())));
        let client = self.client();
        self.exchanges.request(context, client, exchange);

        let may_have_body = matches!(head.method.as_str(), "POST" | "PUT" | "PATCH");
        self.request = match told.framing {
            Some(Framing::Length(0)) => behind_request(then_wait),
            Some(framing) => Phase::Body(Box::new(Incoming {
                body: Body::new(framing, context.limits.head_bytes),
                outlet: Outlet::Untouched {
                    start: Box::new(start),
                    piece: fields::range(&head.fields),
                    path: [target.path, b"?", target.query].concat(),
                },
                gap: false,
                exchange: number,
                asked: head.fields.list("expect").any(|wish| wish.eq_ignore_ascii_case(b"100-continue")),
                doubtful: false,
                then_wait,
            })),
            // The end is not told, or not in a way that makes sense.
            None if told.given || (may_have_body && !then_wait) => {
                Phase::Adrift(Box::new(Adrift::new(Outlet::whole(start), true)))
            }
            None => behind_request(then_wait),
        };
    }

    fn exchange(&mut self, context: &Context<'_>, head: &RequestHead<'_>, target: &Target<'_>) -> Exchange {
        let outer = context.nesting();
        let connect = head.method == "CONNECT";
        let authority = if connect { Some(target.path) } else { target.authority };
        let named = authority.or_else(|| head.fields.first("host")).and_then(target::host);
        Exchange {
            number: self.exchanges.number(),
            at: context.now(),
            head_only: head.method == "HEAD",
            operation: target::operation(&head.method, target),
            filename: target::filename(target.path).filter(|_| !connect),
            fetches: head.method == "GET",
            server_name: named.or_else(|| outer?.server_name.clone()),
            via_proxy: authority.is_some() || outer.is_some_and(|outer| outer.via_proxy),
            change: change(connect, target, &head.fields),
            credentials: self.credentials(context, &head.fields),
            proxied: fields::proxied(&head.fields),
        }
    }

    /// Log-ins, or else the session that a cookie belongs to.
    fn credentials(&self, context: &Context<'_>, fields: &Fields<'_>) -> Vec<Credentials> {
        let given = [("proxy-authorization", Evidence::ProxyAuth), ("authorization", Evidence::HttpBasic)]
            .into_iter()
            .filter_map(|(name, evidence)| {
                let (account, evidence) = account(fields.first(name)?, evidence)?;
                Some(Credentials { account, evidence })
            });
        let given: Vec<Credentials> = given.collect();
        if !given.is_empty() {
            return given;
        }
        let server = context.flow.endpoint(self.side(Role::Response)).ip;
        let session =
            fields.first("cookie").and_then(|cookies| context.shared.cookies.account(server, cookies));
        let evidence = Evidence::SessionCookie;
        session.map(|account| Credentials { account: account.clone(), evidence }).into_iter().collect()
    }

    fn request_start(&self, context: &Context<'_>, exchange: &Exchange) -> TransferStart {
        let mut start = context.start(Protocol::Http, exchange.operation.clone(), self.side(Role::Request));
        start.server = self.side(Role::Response);
        start.server_name.clone_from(&exchange.server_name);
        start.via_proxy = exchange.via_proxy;
        start.user = exchange.user().or(start.user);
        start.facts.extend(exchange.proxied.iter().cloned());
        start
    }
}

/// The state behind a request's content.
const fn behind_request(then_wait: bool) -> Phase {
    if then_wait { Phase::Waiting(Vec::new()) } else { Phase::Head(Vec::new()) }
}

/// A query, or a long path, is content that the client sends: it becomes a transfer of its own.
fn content_of_target(context: &mut Context<'_>, target: &Target<'_>, start: &TransferStart) {
    let query = Some(target.query).filter(|query| target::query_is_content(query));
    let path = Some(target.path).filter(|path| target::path_is_content(path));
    for (content, media_type) in [(path, "text/plain"), (query, "application/x-www-form-urlencoded")]
        .map(|(c, m)| (c.unwrap_or_default(), m))
    {
        if !content.is_empty() {
            let mut start = TransferStart { media_type: Some(media_type.to_owned()), ..start.clone() };
            let encoded = target::encoded_bytes(content);
            if encoded > 0 {
                start.facts.push(("encoded-in-target", encoded.to_string()));
            }
            let transfer = context.begin(start);
            context.body(transfer, content);
            context.end(transfer, true);
        }
    }
}

fn change(connect: bool, target: &Target<'_>, fields: &Fields<'_>) -> Option<Change> {
    if connect {
        return Some(Change::Tunnel(String::from_utf8_lossy(target.path).into_owned()));
    }
    let mut upgrades = fields.list("upgrade").peekable();
    upgrades.peek()?;
    let web_socket = upgrades.any(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    Some(if web_socket { Change::WebSocket } else { Change::Other })
}
