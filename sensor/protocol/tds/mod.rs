//! TDS (MS-TDS, and TDS 5.0 before it): who logs in to Microsoft SQL Server or Sybase, and from which computer.
//!
//! Owns: log-in messages and whether they were granted. Never does: keeping a password, which is hardly hidden; reading statements or
//! rows, which are inspected as raw content; what is within TLS, as log-ins to newer servers are.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::{Account, LogIn};
use crate::ntlm;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use parse::{Answer, Packet};

/// Recognises the client's first packet: a negotiation or a log-in.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    if prefix.initiator.is_empty() {
        return if prefix.responder.is_empty() { Verdict::NeedMore } else { Verdict::No };
    }
    parse::opens(prefix.initiator)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Tcp, Tds::default())
}

/// One connection, until its log-in is answered.
#[derive(Default)]
struct Tds {
    initiator: Messages,
    responder: Messages,
    session: Session,
}

#[derive(Default)]
struct Session {
    asked: Option<Asked>,
    /// Nothing more is to be learnt.
    over: bool,
}

struct Asked {
    at: Timestamp,
    who: Option<LogIn>,
    /// Where Windows vouches for the user.
    ntlm: Option<Account>,
}

impl Witness for Tds {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let limits = context.limits;
        let session = &mut self.session;
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let in_step = messages.push(limits, data, parse::length, &mut |message| {
            if !session.over {
                session.packet(context, from, message);
            }
        });
        if in_step && !session.over { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.session.tell(context, false);
    }
}

impl Session {
    fn packet(&mut self, context: &mut Context<'_>, from: Side, message: &[u8]) {
        match (from, parse::packet(message)) {
            (Side::Initiator, Packet::LogIn(names)) => {
                let account = names.and_then(|names| {
                    let account = Account::parse(names.user.as_bytes())?;
                    Some(Account { host: names.host, ..account })
                });
                let who = account.map(|account| LogIn::asked(account, context));
                self.asked = Some(Asked { at: context.now(), who, ntlm: None });
            }
            (Side::Initiator, Packet::Security(message)) => {
                if let (Some(asked), Some(ntlm::Message::Authenticate(Some(names)))) =
                    (&mut self.asked, ntlm::find(message))
                {
                    asked.ntlm = Account::ntlm(names);
                }
            }
            (Side::Responder, Packet::Answer(answer)) if self.asked.is_some() => match answer {
                Answer::Granted => self.tell(context, true),
                Answer::Refused => (self.asked, self.over) = (None, true),
                Answer::GoesOn => {}
            },
            // Statements: the log-in is behind.
            (Side::Initiator, Packet::Other) if self.asked.is_some() => self.tell(context, false),
            _ => {}
        }
    }

    fn tell(&mut self, context: &mut Context<'_>, granted: bool) {
        let Some(asked) = self.asked.take() else { return };
        self.over = true;
        if let Some(account) = asked.ntlm {
            let ip = context.flow.endpoint(Side::Initiator).ip;
            context.sighting(account.sighting(ip, Evidence::Ntlm, granted, asked.at));
        } else if let Some(who) = asked.who {
            if granted {
                who.accepted(context);
            } else {
                who.left_open(context);
            }
        }
    }
}
