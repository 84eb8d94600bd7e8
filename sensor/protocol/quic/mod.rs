//! QUIC (RFC 9000) without its secrets: how much goes where, the server's name and what software asks for it.
//!
//! Owns: recognition by the first long header, and what a client says before there are secrets. Never does: decrypting anything
//! else. The first packets count as encrypted with all others: of what they carry, only the hello is read.

mod initial;
mod parse;
#[cfg(test)]
mod tests;

use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Observation, Protocol, Side, TransferKey, Uninspected};
use initial::{Initials, Progress, Told};

/// Recognises a long header with fixed bit and a known version (section 17.2), connection ids of legal lengths.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let first = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    if parse::begins_session(first) { Verdict::Yes } else { Verdict::No }
}

/// An analyzer of one session.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Quic {
        initiator: None,
        responder: None,
        initials: Some(Box::default()),
        client: None,
        server_name: None,
    })
}

/// One session: a transfer a direction, from its first datagram on.
struct Quic {
    initiator: Option<TransferKey>,
    responder: Option<TransferKey>,
    /// Until the client's hello has been read.
    initials: Option<Box<Initials>>,
    /// The side that sent it.
    client: Option<Side>,
    server_name: Option<String>,
}

impl Quic {
    /// Looks for the hello in a datagram.
    fn hello(&mut self, context: &mut Context<'_>, from: Side, datagram: &[u8]) {
        let Some(initials) = &mut self.initials else { return };
        let Told { server_name, ja4 } = match initials.datagram(datagram, context.limits) {
            Progress::Reading => return,
            Progress::GivenUp => {
                self.initials = None;
                return;
            }
            Progress::Whole(told) => told,
        };
        self.initials = None;
        self.client = Some(from);
        context.observed(Observation::Hello { server_name: server_name.clone(), ja4 });
        if server_name.is_some() {
            for transfer in [self.initiator, self.responder].into_iter().flatten() {
                context.named(transfer, None, server_name.clone());
            }
            self.server_name = server_name;
        }
    }

    fn transfer(&mut self, context: &mut Context<'_>, from: Side) -> TransferKey {
        let known = match from {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        };
        *known.get_or_insert_with(|| {
            let mut start = context.start(Protocol::Quic, "quic".to_owned(), from);
            start.server = self.client.unwrap_or(Side::Initiator).other();
            start.server_name = self.server_name.clone().or(start.server_name);
            context.begin(start)
        })
    }
}

impl Analyzer for Quic {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        self.hello(context, from, data);
        let transfer = self.transfer(context, from);
        context.opaque(transfer, data.len() as u64, Uninspected::Encrypted);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let transfer = match from {
            Side::Initiator => self.initiator,
            Side::Responder => self.responder,
        };
        if let Some(transfer) = transfer {
            context.missing(transfer, bytes);
        }
    }

    fn finished(&mut self, _: &mut Context<'_>, _: Side) {}

    /// A session has no end that can be seen without keys: silence is one.
    fn closed(&mut self, context: &mut Context<'_>) {
        for transfer in self.initiator.take().into_iter().chain(self.responder.take()) {
            context.end(transfer, true);
        }
    }
}
