//! TNS (Oracle Net): whose program connects to an Oracle database, from which computer.
//!
//! Owns: the description in a connection request. Never does: believing it, since nobody proves it: it is what the operating system
//! told the program; reading the log-in to the database behind it, whose accounts are those of applications as a rule.

#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Length, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side};

const HEADER: usize = 8;
/// Packet types.
const CONNECT: u8 = 1;
const DATA: u8 = 6;

/// Recognises a connection request: length, checksum, type, flags; then the version, from 8 on, and the oldest that would do.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    const LEAST: usize = 34;
    match prefix.initiator {
        [] if !prefix.responder.is_empty() => Verdict::No,
        [l0, l1, 0, 0, CONNECT, _, _, _, v0, v1, c0, c1, ..] => {
            let number = |high: u8, low: u8| u16::from_be_bytes([high, low]);
            let (version, compatible) = (number(*v0, *v1), number(*c0, *c1));
            let known = (0x0130..0x0180).contains(&version) && (1..=version).contains(&compatible);
            if known && usize::from(number(*l0, *l1)) >= LEAST { Verdict::Yes } else { Verdict::No }
        }
        [_, _, 0, 0, CONNECT, ..] | [] | [_] | [_, _] | [_, _, 0] | [_, _, 0, 0] => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Tcp, Tns::default())
}

/// One connection, until its description has come: in the request, or, if it is long, in a packet of its own behind it.
#[derive(Default)]
struct Tns {
    client: Messages,
}

impl Witness for Tns {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        if from == Side::Responder {
            // A request that is to come again, and one that is accepted, look the same to who only wants to know who asks.
            return Heard::Listening;
        }
        let (mut account, mut behind) = (None, false);
        let in_step = self.client.push(context.limits, data, length, &mut |packet| match packet.get(4) {
            Some(&(CONNECT | DATA)) if account.is_none() => {
                account = packet.get(HEADER..).and_then(client);
                behind |= packet.get(4) == Some(&DATA);
            }
            _ => {}
        });
        if let Some(account) = &account {
            let ip = context.flow.endpoint(Side::Initiator).ip;
            context.sighting(account.sighting(ip, Evidence::DatabaseLogin, false, context.now()));
        }
        if in_step && account.is_none() && !behind { Heard::Listening } else { Heard::Enough }
    }
}

fn length(bytes: &[u8]) -> Length {
    match bytes {
        [l0, l1, ..] => match usize::from(u16::from_be_bytes([*l0, *l1])) {
            ..HEADER => Length::Malformed,
            length => Length::Bytes(length),
        },
        _ => Length::NeedMore,
    }
}

/// The client in `(DESCRIPTION=…(CONNECT_DATA=…(CID=(PROGRAM=…)(HOST=…)(USER=…)))…)`.
fn client(packet: &[u8]) -> Option<Account> {
    let start = packet.windows(5).position(|window| window.eq_ignore_ascii_case(b"(CID="))?;
    let identity = packet.get(start + 5..)?;
    // It ends where more brackets are closed than opened.
    let mut depth = 0_i32;
    let end = identity.iter().position(|byte| {
        depth += i32::from(*byte == b'(') - i32::from(*byte == b')');
        depth < 0
    })?;
    let identity = identity.get(..end)?;
    let value = |name: &[u8]| {
        let start = identity.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name))?;
        let value = identity.get(start + name.len()..)?;
        value.get(..value.iter().position(|byte| *byte == b')')?)
    };
    // Programs in Java stand in for a name with one of their own (__jdbc__).
    let own = |value: &&[u8]| !value.starts_with(b"__");
    let account = Account::parse(value(b"(USER=").filter(own)?)?;
    let host = value(b"(HOST=").filter(own).and_then(|host| std::str::from_utf8(host).ok());
    let host = host.map(str::trim).filter(|host| !host.is_empty() && !host.chars().any(char::is_control));
    // On Windows the computer stands behind its domain. An address is no name.
    let host = host.filter(|host| host.parse::<std::net::IpAddr>().is_err());
    let host = host.map(|host| host.rsplit('\\').next().unwrap_or(host).to_owned());
    Some(Account { host, ..account })
}
