//! DCE/RPC over TCP (C706 chapter 12, MS-RPCE section 2.2.2): who authenticated with NTLM.
//!
//! Owns: the authentication of bindings. Never does: calls, which are inspected as raw content.

#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::logins::Logins;
use crate::ntlm;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Length, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Protocol, Side};

/// Kinds of packets (C706 section 12.6.4; MS-RPCE section 2.2.2.5).
const RESPONSE: u8 = 2;
const FAULT: u8 = 3;
const BIND: u8 = 11;
const BIND_NAK: u8 = 13;
const ALTER_CONTEXT: u8 = 14;
const AUTH3: u8 = 16;
/// Octets of the common header.
const HEADER: usize = 16;

/// Recognises a binding or its answer: version 5, and the kind.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    match bytes {
        [5, 0 | 1, BIND | 12, flags, 0x00 | 0x10, 0, 0, 0, ..] if flags & 3 == 3 => Verdict::Yes,
        [] | [5] | [5, 0 | 1] => Verdict::NeedMore,
        [5, 0 | 1, BIND | 12, ..] if bytes.len() < 8 => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Tcp, Rpc::default())
}

/// One connection.
#[derive(Default)]
struct Rpc {
    initiator: Messages,
    responder: Messages,
    logins: Logins,
}

impl Witness for Rpc {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let limits = context.limits;
        let logins = &mut self.logins;
        let in_step = messages.push(limits, data, length, &mut |bytes| packet(logins, context, from, bytes));
        if in_step && !logins.are_enough(context) { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.logins.answered(context, None);
    }
}

/// Length of a packet; those that tell nothing are passed over.
fn length(bytes: &[u8]) -> Length {
    let Some(&[version, _, kind, _, representation, _, _, _, a, b, ..]) = bytes.first_chunk::<HEADER>()
    else {
        return Length::NeedMore;
    };
    if version != 5 {
        return Length::Malformed;
    }
    let little = representation & 0x10 != 0;
    let whole = usize::from(if little { u16::from_le_bytes([a, b]) } else { u16::from_be_bytes([a, b]) });
    match kind {
        _ if whole < HEADER => Length::Malformed,
        BIND | ALTER_CONTEXT | AUTH3 | BIND_NAK | FAULT => Length::Bytes(whole),
        // The header is all that counts of a response, and it has come.
        RESPONSE => Length::Bytes(whole),
        _ => Length::Skip(whole),
    }
}

/// A log-in is accepted once a call is answered.
fn packet(logins: &mut Logins, context: &mut Context<'_>, from: Side, packet: &[u8]) {
    match packet.get(2) {
        Some(&RESPONSE) => logins.answered(context, Some(true)),
        Some(&(FAULT | BIND_NAK)) => logins.answered(context, Some(false)),
        Some(_) => {
            if let Some(ntlm::Message::Authenticate(Some(names))) = ntlm::find(packet)
                && let Some(account) = Account::ntlm(names)
            {
                logins.asked(context, from, account);
            }
        }
        None => {}
    }
}
