//! SMB over TCP (MS-SMB2, MS-CIFS): who set up a session.
//!
//! Owns: the names in session set-ups and whether the server accepted. Never does: files, which are inspected as raw content.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use parse::Setup;

/// Session set-ups told for one connection: a terminal server has many users.
const MOST_SESSIONS: usize = 64;

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
    sessions: Sessions,
}

#[derive(Default)]
struct Sessions {
    /// A set-up that waits for its answer.
    asked: Option<(Timestamp, Side, Account)>,
    told: Vec<Account>,
}

impl Witness for Smb {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let limits = context.limits;
        let sessions = &mut self.sessions;
        let in_step = messages
            .push(limits, data, parse::length, &mut |message| sessions.message(context, from, message));
        if in_step && sessions.told.len() < MOST_SESSIONS { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.sessions.answered(context, None);
    }
}

impl Sessions {
    fn message(&mut self, context: &mut Context<'_>, from: Side, message: &[u8]) {
        match parse::session_setup(message) {
            Some(Setup::Request(Some(account))) => {
                self.answered(context, None);
                self.asked = Some((context.now(), from, account));
            }
            Some(Setup::Response { accepted: Some(accepted) }) => self.answered(context, Some(accepted)),
            Some(Setup::Request(None) | Setup::Response { accepted: None }) | None => {}
        }
    }

    fn answered(&mut self, context: &mut Context<'_>, accepted: Option<bool>) {
        let Some((at, from, account)) = self.asked.take() else { return };
        if accepted == Some(false) || self.told.contains(&account) {
            return;
        }
        let ip = context.flow.endpoint(from).ip;
        context.sighting(account.sighting(ip, Evidence::Ntlm, accepted.is_some(), at));
        self.told.push(account);
    }
}
