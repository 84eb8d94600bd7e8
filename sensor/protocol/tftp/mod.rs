//! TFTP: one file, block by block (RFC 1350; options: RFC 2347, 2348, 2349).
//!
//! Owns: the request, and the exchange of blocks, which the server leads from a port of its own choice (RFC 1350 section 4), so
//! as a rule it is another flow. Never does: believing a length that was only told.
//!
//! What does not fit the exchange is read as plain datagrams, so that nothing hides in it.

mod content;
mod parse;
#[cfg(test)]
mod tests;

use crate::raw;
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context, Nesting, Successor};
use content::{Blocks, Taken};
use egret_model::{FlowKind, Side};
use parse::{Packet, Request};

/// Recognises the first datagram: a request.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let datagram = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    if matches!(parse::packet(datagram), Some(Packet::Request(_))) { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Tftp { exchange: None, doubtful: false })
}

/// One flow of TFTP: requests, blocks, or both where the server stays at its port.
struct Tftp {
    exchange: Option<Exchange>,
    /// The flow was announced and has not shown anything of TFTP yet.
    doubtful: bool,
}

/// What one request has led to.
struct Exchange {
    request: Request,
    client: Side,
    blocks: Blocks,
}

impl Exchange {
    fn new(request: Request, client: Side) -> Self {
        let sender = if request.writes { client } else { client.other() };
        Self { blocks: Blocks::new(&request, sender, client.other()), request, client }
    }
}

impl Analyzer for Tftp {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if self.is_another(context, from, data) {
            return;
        }
        let fits = match parse::packet(data) {
            Some(Packet::Request(request)) => {
                self.request(context, from, request);
                true
            }
            Some(packet) => self.answer(context, from, &packet),
            None => false,
        };
        if fits {
            self.doubtful = false;
        } else if std::mem::take(&mut self.doubtful) {
            self.is_something_else(context, from, data);
        } else {
            raw::start(context).data(context, from, data);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let taken = self.exchange.as_mut().is_some_and(|exchange| exchange.blocks.cut(context, from, bytes));
        if !taken {
            raw::start(context).gap(context, from, bytes);
        }
    }

    fn finished(&mut self, _context: &mut Context<'_>, _from: Side) {}

    fn closed(&mut self, context: &mut Context<'_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.blocks.end(context);
        }
    }
}

impl Tftp {
    /// A request begins an exchange, here or on a flow that the server will open.
    fn request(&mut self, context: &mut Context<'_>, from: Side, request: Request) {
        if let Some(exchange) = &mut self.exchange {
            if exchange.request == request && exchange.blocks.is_untouched() {
                // Sent again, since no answer came.
                announce(context, from, request);
                return;
            }
            exchange.blocks.end(context);
        }
        announce(context, from, request.clone());
        self.exchange = Some(Exchange::new(request, from));
    }

    /// True when the datagram fits the exchange.
    fn answer(&mut self, context: &mut Context<'_>, from: Side, packet: &Packet<'_>) -> bool {
        let Some(exchange) = &mut self.exchange else { return false };
        match exchange.blocks.take(context, from, packet) {
            Taken::No => false,
            Taken::Yes => true,
            Taken::First => {
                // The exchange runs on this flow: no other one is to come.
                let (client, server) =
                    (context.flow.endpoint(exchange.client), context.flow.endpoint(exchange.client.other()));
                context.shared.expected.withdraw(FlowKind::Udp, client, server.ip);
                true
            }
        }
    }

    /// A server that uses its port again opens the exchange of a later request: true when that one's analyzer will read on.
    fn is_another(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> bool {
        let opens = matches!(
            parse::packet(data),
            Some(Packet::Options(_) | Packet::Acknowledgement(0) | Packet::Data { block: 1, .. })
        );
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| opens && exchange.blocks.is_over())
        else {
            return false;
        };
        let Some(start) = context.shared.expected.take(context.flow) else { return false };
        exchange.blocks.end(context);
        let successor = Successor::Analyzer(start(context));
        context.switch(successor, vec![(from, data.to_vec())]);
        true
    }

    /// The announced flow is none of TFTP; the one that was announced may yet come.
    fn is_something_else(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if let Some(exchange) = self.exchange.take() {
            announce(context, exchange.client, exchange.request);
        }
        context.switch(Successor::Recognition(Nesting::default()), vec![(from, data.to_vec())]);
    }
}

/// The server of this flow will send to the client from any of its ports.
fn announce(context: &mut Context<'_>, client: Side, request: Request) {
    let (listener, server) = (context.flow.endpoint(client), context.flow.endpoint(client.other()).ip);
    let until = context.now().plus(context.limits.tftp_answer_ns);
    let start = move |context: &mut Context<'_>| -> Box<dyn Analyzer> {
        let client = if context.flow.initiator == listener { Side::Initiator } else { Side::Responder };
        Box::new(Tftp { exchange: Some(Exchange::new(request, client)), doubtful: true })
    };
    context.shared.expected.announce(FlowKind::Udp, listener, server, until, Box::new(start));
}
