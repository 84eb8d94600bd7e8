//! QUIC (RFC 9000): how much goes where, the server's name and what software asks for it; with the secrets of a key log, what its
//! streams carry, which HTTP/3 or whoever recognises it reads on.
//!
//! Owns: recognition by the first long header, what a client says before there are secrets, packets and streams of sessions whose
//! secrets are known. Never does: telling a key. The first packets count as encrypted: of what they carry, only the hello is read.

mod frames;
mod initial;
mod parse;
mod protection;
mod session;
mod stream;
#[cfg(test)]
mod tests;

use crate::registry::{Prefix, Verdict};
use crate::rounds::{Rounds, is_client};
use crate::tls::Told;
use crate::{Analyzer, Context};
use egret_model::{Observation, Protocol, Side, TransferKey, Uninspected};
use initial::{Initials, Progress};
pub(crate) use parse::integer;
use session::{Known, Session};

/// Recognises a long header with fixed bit and a known version (section 17.2), connection ids of legal lengths.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let first = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    if parse::begins_session(first) { Verdict::Yes } else { Verdict::No }
}

/// An analyzer of one session.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Quic { initials: Some(Box::default()), ..Quic::default() })
}

/// One session: a transfer a direction, from its first datagram on.
#[derive(Default)]
struct Quic {
    initiator: Option<TransferKey>,
    responder: Option<TransferKey>,
    /// Until the client's hello has been read.
    initials: Option<Box<Initials>>,
    /// The side that sent it.
    client: Option<Side>,
    server_name: Option<String>,
    /// Bytes of the connection ids that either side has chosen, and the other writes.
    of_initiator: Option<usize>,
    of_responder: Option<usize>,
    /// What secrets are looked for by, until they are there.
    known: Option<Box<Known>>,
    session: Option<Box<Session>>,
    /// How it is asked and answered, as far as nobody reads it.
    rounds: Rounds,
}

impl Quic {
    /// Looks for the hello in a datagram.
    fn hello(&mut self, context: &mut Context<'_>, from: Side, datagram: &[u8]) {
        let Some(initials) = &mut self.initials else { return };
        let (version, told) = match initials.datagram(datagram, context.limits) {
            Progress::Reading => return,
            Progress::GivenUp => {
                self.initials = None;
                return;
            }
            Progress::Whole(version, told) => (version, told),
        };
        let Told { server_name, ja4, random, protocol } = told;
        self.initials = None;
        self.client = Some(from);
        context.observed(Observation::Hello { server_name: server_name.clone(), ja4 });
        if server_name.is_some() {
            for transfer in [self.initiator, self.responder].into_iter().flatten() {
                context.named(transfer, None, server_name.clone());
            }
            self.server_name = server_name;
        }
        self.known = random.map(|random| Box::new(Known { version, random, protocol, client: from }));
    }

    /// Opens the session once its secrets are there.
    fn open(&mut self, context: &mut Context<'_>) {
        let Some(known) = self.known.take_if(|_| !context.shared.keys.is_empty()) else { return };
        match Session::of(context, &context.shared.keys, &known) {
            Some(session) => {
                let mut nesting = context.nesting().cloned().unwrap_or_default();
                nesting.layers.push("quic".to_owned());
                nesting.server_name = self.server_name.clone().or(nesting.server_name);
                context.notes.nesting = Some(Box::new(nesting));
                self.session = Some(Box::new(session));
            }
            None => self.known = Some(known),
        }
    }

    /// Reads the packets of a datagram; returns how many bytes of it nobody can read.
    fn packets(&mut self, context: &mut Context<'_>, from: Side, datagram: &[u8]) -> u64 {
        let id_length = match from {
            Side::Initiator => self.of_responder,
            Side::Responder => self.of_initiator,
        };
        let mut opened = 0;
        parse::packets(datagram, id_length, &mut |packet| {
            match from {
                Side::Initiator => self.of_initiator = packet.source_length.or(self.of_initiator),
                Side::Responder => self.of_responder = packet.source_length.or(self.of_responder),
            }
            if let Some(session) = &mut self.session
                && session.packet(context, from, &packet)
            {
                opened += packet.bytes.len();
            }
        });
        datagram.len().saturating_sub(opened) as u64
    }

    /// A datagram that nobody can read.
    fn datagram(&mut self, context: &mut Context<'_>, from: Side, length: usize) {
        /// Header, tag and acknowledgement of a packet (RFC 9000 sections 17.3 and 19.3), the first two with connection ids of 8 bytes.
        const ADDED: usize = 36;
        let (client, bytes) = (is_client(from, self.client), length.saturating_sub(ADDED));
        if self.rounds.message(client, bytes, context.now()) {
            let name = self.server_name.clone();
            context.observed(self.rounds.observation(name, context.flow.responder.port));
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
            // These are packets, not what they carry.
            if self.session.is_some() {
                start.inner_tunnel.pop();
            }
            context.begin(start)
        })
    }
}

impl Analyzer for Quic {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        self.hello(context, from, data);
        self.open(context);
        let sealed = self.packets(context, from, data);
        if sealed > 0 {
            let transfer = self.transfer(context, from);
            context.opaque(transfer, sealed, Uninspected::Encrypted);
        }
        if self.session.is_none() && self.initials.is_none() {
            self.datagram(context, from, data.len());
        }
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
        if let Some(session) = &mut self.session {
            session.closed(context);
        }
        for transfer in self.initiator.take().into_iter().chain(self.responder.take()) {
            context.end(transfer, true);
        }
    }
}
