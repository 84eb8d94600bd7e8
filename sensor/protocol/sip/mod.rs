//! SIP (RFC 3261): who registered a telephone.
//!
//! Owns: the user in authenticated requests and whether the server accepted. Never does: calls.

#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::sasl::parameter;
use crate::witness::{Heard, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, FlowKind, Protocol, Side, Timestamp};

/// Recognises a request or a response by its first line (section 7).
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Verdict::No };
    let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    if line.starts_with(b"SIP/2.0 ") || line.ends_with(b" SIP/2.0") { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    let protocol = if context.flow.kind == FlowKind::Tcp { Protocol::Tcp } else { Protocol::Udp };
    watched(context, protocol, Sip::default())
}

/// The transactions of one flow, by Call-ID and CSeq.
#[derive(Default)]
struct Sip {
    asked: Vec<(Vec<u8>, Timestamp, Account)>,
    told: Option<Account>,
}

impl Witness for Sip {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        // Over TCP a message mostly comes in one piece; one that does not names nobody.
        let mut lines = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let first = lines.next().unwrap_or_default();
        let mut fields = Fields::default();
        for line in lines.take_while(|line| !line.is_empty()) {
            fields.line(line);
        }
        let key = [fields.call, b" ", fields.sequence].concat();
        if let Some(status) = first.strip_prefix(b"SIP/2.0 ") {
            if status.first() == Some(&b'1') {
                return Heard::Listening;
            }
            let place = self.asked.iter().position(|(asked, ..)| *asked == key);
            if let Some((_, at, account)) = place.map(|place| self.asked.swap_remove(place))
                && status.first() == Some(&b'2')
            {
                self.tell(context, from.other(), at, account, true);
            }
        } else if let Some(account) = fields.account
            && self.asked.len() < context.limits.witness_pending
            && self.asked.iter().all(|(asked, ..)| *asked != key)
        {
            self.asked.push((key, context.now(), account));
        }
        Heard::Listening
    }

    fn gap(&mut self, _from: Side) -> bool {
        true
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        for (_, at, account) in std::mem::take(&mut self.asked) {
            self.tell(context, Side::Initiator, at, account, false);
        }
    }
}

impl Sip {
    fn tell(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        at: Timestamp,
        account: Account,
        confirmed: bool,
    ) {
        if self.told.as_ref() != Some(&account) {
            let ip = context.flow.endpoint(client).ip;
            context.sighting(account.sighting(ip, Evidence::Sip, confirmed, at));
            self.told = Some(account);
        }
    }
}

/// The fields of a head that count.
#[derive(Default)]
struct Fields<'a> {
    call: &'a [u8],
    sequence: &'a [u8],
    account: Option<Account>,
}

impl<'a> Fields<'a> {
    fn line(&mut self, line: &'a [u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let is = |long: &str, short: &str| {
            let name = name.trim_ascii();
            name.eq_ignore_ascii_case(long.as_bytes())
                || !short.is_empty() && name.eq_ignore_ascii_case(short.as_bytes())
        };
        if is("call-id", "i") {
            self.call = value;
        } else if is("cseq", "") {
            self.sequence = value;
        } else if is("authorization", "") || is("proxy-authorization", "") {
            self.account = parameter(value, "username").and_then(|name| Account::parse(&name));
        }
    }
}
