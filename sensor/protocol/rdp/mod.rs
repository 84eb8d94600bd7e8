//! RDP (MS-RDPBCGR section 2.2.1.1): the user in the cookie of a connection request.
//!
//! Owns: that cookie. Never does: the session, which is encrypted as a rule; believing more of the name than the nine characters
//! that clients send.

#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side};

/// TPKT (RFC 1006 section 6) with a connection request of X.224 in it.
const COOKIE: &[u8] = b"Cookie: mstshash=";

/// Recognises the connection request.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    match prefix.initiator {
        [3, 0, _, _, _, 0xe0, ..] => Verdict::Yes,
        [] | [3] | [3, 0] | [3, 0, _] | [3, 0, _, _] | [3, 0, _, _, _] if prefix.responder.is_empty() => {
            Verdict::NeedMore
        }
        _ => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Tcp, Rdp::default())
}

/// One connection, until its request has come.
#[derive(Default)]
struct Rdp {
    request: Vec<u8>,
    account: Option<Account>,
}

impl Witness for Rdp {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        if from == Side::Initiator {
            self.request.extend_from_slice(data);
            let Some(&[_, _, a, b]) = self.request.first_chunk::<4>() else { return Heard::Listening };
            let length = usize::from(u16::from_be_bytes([a, b]));
            if self.request.len() < length {
                return Heard::Listening;
            }
            self.account = cookie(self.request.get(..length).unwrap_or_default());
            return if self.account.is_some() { Heard::Listening } else { Heard::Enough };
        }
        // The confirmation only says that there is an RDP server: nobody has proved anything yet.
        self.closed(context);
        Heard::Enough
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        if let Some(account) = self.account.take() {
            let ip = context.flow.endpoint(Side::Initiator).ip;
            context.sighting(account.sighting(ip, Evidence::RdpCookie, false, context.now()));
        }
    }
}

fn cookie(request: &[u8]) -> Option<Account> {
    let start = request.windows(COOKIE.len()).position(|window| window == COOKIE)? + COOKIE.len();
    let value = request.get(start..)?;
    Account::parse(value.get(..value.iter().position(|byte| *byte == b'\r')?)?)
}
