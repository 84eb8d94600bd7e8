//! RADIUS (RFC 2865, RFC 2866): who was let in, and with which address.
//!
//! Owns: pairing a request with its answer by identifier. Never does: attributing anything to the packets' own addresses, which
//! are an access server's and not the user's; keeping a password.

mod parse;
#[cfg(test)]
mod tests;

use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Sighting, Timestamp};
use parse::{Code, Message, Status};
use std::collections::BTreeMap;

/// Recognises the first datagram.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let datagram = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    if parse::message(datagram).is_some() { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Udp, Radius::default())
}

/// The requests of one access server that wait for their answer, by side and identifier: at most 512.
#[derive(Default)]
struct Radius {
    waiting: BTreeMap<(bool, u8), (Timestamp, Message)>,
    /// Users whose log-in goes on (EAP, RFC 3579), each with its first request.
    going_on: Vec<(Timestamp, Message)>,
}

impl Witness for Radius {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let Some(message) = parse::message(data) else { return Heard::Listening };
        let asked = |side: Side| (side == Side::Initiator, message.identifier);
        match message.code {
            Code::AccessRequest | Code::AccountingRequest => {
                let key = asked(from);
                // Another request under the same identifier: the first will not be answered any more.
                if let Some((at, unanswered)) = self.waiting.insert(key, (context.now(), message))
                    && self.waiting.get(&key).is_some_and(|(_, now)| *now != unanswered)
                {
                    report(context, at, unanswered, false);
                }
            }
            Code::AccessAccept => match self.waiting.remove(&asked(from.other())) {
                Some((at, request)) => {
                    self.going_on.retain(|(_, known)| known.user != request.user);
                    report(context, at, request.answered(message), true);
                }
                // The request went another way, or was lost: the server's word alone proves the user.
                None => report(context, context.now(), message, true),
            },
            Code::AccountingResponse => match self.waiting.remove(&asked(from.other())) {
                Some((at, request)) => report(context, at, request.answered(message), true),
                None => report(context, context.now(), message, false),
            },
            Code::AccessReject => {
                if let Some((_, request)) = self.waiting.remove(&asked(from.other())) {
                    self.going_on.retain(|(_, known)| known.user != request.user);
                }
                self.going_on.retain(|(_, known)| known.user != message.user);
            }
            Code::AccessChallenge => {
                if let Some((at, request)) = self.waiting.remove(&asked(from.other())) {
                    // As a rule both name the same user; where they don't, each name is a claim.
                    self.go_on(context, at, request);
                }
                self.go_on(context, context.now(), message);
            }
        }
        Heard::Listening
    }

    fn gap(&mut self, _from: Side) -> bool {
        true
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        let unanswered = std::mem::take(&mut self.waiting).into_values();
        for (at, request) in std::mem::take(&mut self.going_on).into_iter().chain(unanswered) {
            report(context, at, request, false);
        }
    }
}

impl Radius {
    /// The server asks for more: the next request names the same user.
    fn go_on(&mut self, context: &mut Context<'_>, at: Timestamp, asked: Message) {
        if asked.user.is_none() || self.going_on.iter().any(|(_, known)| known.user == asked.user) {
            return;
        }
        if self.going_on.len() >= context.limits.witness_pending.max(1) {
            let (at, request) = self.going_on.remove(0);
            report(context, at, request, false);
        }
        self.going_on.push((at, asked));
    }
}

fn report(context: &mut Context<'_>, at: Timestamp, message: Message, confirmed: bool) {
    let Message { user, legible, address, station, status, .. } = message;
    let Some(account) = user else { return };
    context.sighting(Sighting {
        at,
        ip: address,
        ports: None,
        mac: station,
        host: None,
        user: Some(account.user),
        domain: account.domain,
        evidence: Evidence::Radius,
        confirmed: confirmed && legible,
        // RFC 2866 section 5.1: with Stop the session, and so what it proves, is over.
        until: (status == Some(Status::Stop)).then_some(at),
    });
}
