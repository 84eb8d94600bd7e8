//! IRC (RFC 2812): under which name a client registered, and files that are sent beside the chat.
//!
//! Owns: NICK and USER at the start of a connection, offers of files. Never does: messages, which are inspected as raw content;
//! keeping a password.

mod offer;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::lines::{LineBuffer, without_end};
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use offer::Offer;

/// Recognises the client's registration (section 3.1): PASS, NICK or USER in their forms.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let Some(end) = prefix.initiator.iter().position(|byte| *byte == b'\n') else {
        let begins = ["NICK ", "USER ", "CAP LS"].iter().any(|verb| {
            let length = verb.len().min(prefix.initiator.len());
            prefix.initiator.get(..length).is_some_and(|head| {
                head.eq_ignore_ascii_case(verb.get(..length).unwrap_or_default().as_bytes())
            })
        });
        return if begins && prefix.responder.is_empty() { Verdict::NeedMore } else { Verdict::No };
    };
    let line = without_end(prefix.initiator.get(..=end).unwrap_or_default());
    let known = match name(line) {
        Some(Name::Nick(_)) => prefix.initiator.len() > 5,
        Some(Name::User(_)) => true,
        None => line.get(..6).is_some_and(|head| head.eq_ignore_ascii_case(b"CAP LS")),
    };
    if known { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Irc, Irc::default())
}

/// A name that a client gives itself.
enum Name<'a> {
    Nick(&'a [u8]),
    User(&'a [u8]),
}

/// One connection.
#[derive(Default)]
struct Irc {
    client: LineBuffer,
    server: LineBuffer,
    given: Vec<(Timestamp, Account)>,
    /// The server has welcomed the client.
    welcomed: bool,
}

/// Names of one registration.
const MOST_NAMES: usize = 4;

impl Witness for Irc {
    fn data(&mut self, context: &mut Context<'_>, from: Side, mut data: &[u8]) -> Heard {
        let lines = if from == Side::Initiator { &mut self.client } else { &mut self.server };
        let limit = context.limits.head_bytes;
        while let Some(line) = lines.next(&mut data, limit) {
            let Ok(line) = line else { continue };
            let line = without_end(&line);
            if let Some(offer) = Offer::parse(line) {
                offer.announce(context, from);
            }
            if self.welcomed {
                continue;
            }
            if from == Side::Responder {
                // 001: welcome (section 5.1).
                if line.split(|byte| *byte == b' ').nth(1) == Some(b"001") {
                    tell(context, std::mem::take(&mut self.given), true);
                    self.welcomed = true;
                }
                continue;
            }
            if let Some(Name::Nick(name) | Name::User(name)) = name(line)
                && let Some(account) = Account::parse(name)
                && self.given.len() < MOST_NAMES
                && self.given.iter().all(|(_, known)| *known != account)
            {
                self.given.push((context.now(), account));
            }
        }
        Heard::Listening
    }

    /// Lines go on behind it, but not the one that it falls in.
    fn gap(&mut self, from: Side) -> bool {
        if from == Side::Initiator { &mut self.client } else { &mut self.server }.take();
        true
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        tell(context, std::mem::take(&mut self.given), false);
    }
}

fn tell(context: &mut Context<'_>, names: Vec<(Timestamp, Account)>, confirmed: bool) {
    let ip = context.flow.endpoint(Side::Initiator).ip;
    for (at, account) in names {
        context.sighting(account.sighting(ip, Evidence::ChatName, confirmed, at));
    }
}

/// The name in NICK, or in USER with its four parameters (sections 3.1.2 and 3.1.3).
fn name(line: &[u8]) -> Option<Name<'_>> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (verb, name) = (words.next()?, words.next()?);
    let name = name.strip_prefix(b":").unwrap_or(name);
    if verb.eq_ignore_ascii_case(b"NICK") && words.next().is_none() {
        return Some(Name::Nick(name));
    }
    (verb.eq_ignore_ascii_case(b"USER") && words.count() >= 3).then_some(Name::User(name))
}
