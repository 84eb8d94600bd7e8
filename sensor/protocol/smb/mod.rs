//! SMB over TCP (MS-SMB2, MS-CIFS): who set up a session.
//!
//! Owns: the names in session set-ups and whether the server accepted. Never does: files, which are inspected as raw content.

mod parse;
#[cfg(test)]
mod tests;

use crate::logins::Logins;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Protocol, Side};
use parse::Setup;

/// Recognises the first message, behind a NetBIOS session request where there is one (RFC 1002 section 4.3).
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    parse::verdict(bytes)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Smb, Smb::default())
}

/// One connection.
#[derive(Default)]
struct Smb {
    initiator: Messages,
    responder: Messages,
    logins: Logins,
}

impl Witness for Smb {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let limits = context.limits;
        let logins = &mut self.logins;
        let in_step =
            messages.push(limits, data, parse::length, &mut |bytes| message(logins, context, from, bytes));
        if in_step && !logins.are_enough(context) { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.logins.answered(context, None);
    }
}

fn message(logins: &mut Logins, context: &mut Context<'_>, from: Side, message: &[u8]) {
    match parse::session_setup(message) {
        Some(Setup::Request(Some(account))) => logins.asked(context, from, account),
        Some(Setup::Response { accepted: Some(accepted) }) => logins.answered(context, Some(accepted)),
        Some(Setup::Request(None) | Setup::Response { accepted: None }) | None => {}
    }
}
