//! TACACS+ (RFC 8907): who administers network devices, and from where.
//!
//! Owns: log-ins and accounting in sessions that are not obfuscated. Never does: undoing the obfuscation, which takes the devices'
//! secret; attributing anything to the device that asks; keeping a password.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use parse::Message;
use std::net::IpAddr;

/// Recognises the first packet by its header (section 4.1).
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    parse::verdict(bytes)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Tcp, Tacacs::default())
}

/// One connection between a device and its server.
#[derive(Default)]
struct Tacacs {
    initiator: Messages,
    responder: Messages,
    sessions: Sessions,
}

/// Log-ins that wait for their answer, by session.
#[derive(Default)]
struct Sessions {
    waiting: Vec<(u32, Timestamp, Account, IpAddr)>,
    told: usize,
}

impl Witness for Tacacs {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let limits = context.limits;
        let sessions = &mut self.sessions;
        let in_step = messages.push(limits, data, parse::length, &mut |packet| {
            if let Some((session, message)) = parse::message(packet) {
                sessions.message(context, session, message);
            }
        });
        if in_step && sessions.told < limits.witness_names { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        for (_, at, account, ip) in std::mem::take(&mut self.sessions.waiting) {
            self.sessions.tell(context, at, &account, ip, false, None);
        }
    }
}

impl Sessions {
    fn message(&mut self, context: &mut Context<'_>, session: u32, message: Message) {
        let now = context.now();
        match message {
            Message::Start { account, from } => {
                if self.waiting.len() >= context.limits.witness_pending.max(1) {
                    let (_, at, account, ip) = self.waiting.remove(0);
                    self.tell(context, at, &account, ip, false, None);
                }
                self.waiting.push((session, now, account, from));
            }
            Message::Answer { passed } => {
                let place = self.waiting.iter().position(|(waiting, ..)| *waiting == session);
                if let Some((_, at, account, ip)) = place.map(|place| self.waiting.remove(place))
                    && passed
                {
                    self.tell(context, at, &account, ip, true, None);
                }
            }
            Message::Accounting { account, from, stop } => {
                self.tell(context, now, &account, from, true, stop.then_some(now));
            }
        }
    }

    fn tell(
        &mut self,
        context: &mut Context<'_>,
        at: Timestamp,
        account: &Account,
        ip: IpAddr,
        confirmed: bool,
        until: Option<Timestamp>,
    ) {
        if self.told < context.limits.witness_names {
            self.told += 1;
            let mut sighting = account.sighting(ip, Evidence::Tacacs, confirmed, at);
            sighting.until = until;
            context.sighting(sighting);
        }
    }
}
