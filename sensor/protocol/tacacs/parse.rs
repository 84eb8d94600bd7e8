//! Packets of TACACS+ (RFC 8907 sections 4, 5.1, 5.2, 7.1), as far as they tell who is where.

use crate::account::Account;
use crate::registry::Verdict;
use crate::witness::Length;
use egret_model::{Cursor, Truncated};
use std::net::IpAddr;

/// Octets of the header.
const HEADER: usize = 12;
/// Longest body that is believed, bytes.
const LONGEST_BODY: usize = 64 << 10;
const AUTHENTICATION: u8 = 1;
const ACCOUNTING: u8 = 3;
const UNENCRYPTED: u8 = 1;

/// What a packet tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Somebody at an address wants to log in.
    Start { account: Account, from: IpAddr },
    /// The log-in of the session was decided.
    Answer { passed: bool },
    /// Somebody is at work, or has gone.
    Accounting { account: Account, from: IpAddr, stop: bool },
}

pub(super) fn verdict(bytes: &[u8]) -> Verdict {
    match bytes {
        [0xc0 | 0xc1, 1..=3, number @ 1..=255, flags, ..] if flags & !5 == 0 => match length(bytes) {
            Length::NeedMore => Verdict::NeedMore,
            // The first packet of a session has the number 1; requests have odd ones.
            Length::Bytes(_) if *number <= 2 => Verdict::Yes,
            Length::Bytes(_) | Length::Skip(_) | Length::Malformed => Verdict::No,
        },
        [] | [0xc0 | 0xc1] | [0xc0 | 0xc1, 1..=3] | [0xc0 | 0xc1, 1..=3, 1..=255] => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

pub(super) fn length(bytes: &[u8]) -> Length {
    let Some(&[version, _, _, flags, _, _, _, _, a, b, c, d]) = bytes.first_chunk::<HEADER>() else {
        return Length::NeedMore;
    };
    let body = u32::from_be_bytes([a, b, c, d]) as usize;
    match (version, flags & UNENCRYPTED) {
        (0xc0 | 0xc1, _) if body > LONGEST_BODY => Length::Malformed,
        (0xc0 | 0xc1, UNENCRYPTED) => Length::Bytes(HEADER + body),
        // Obfuscated: only the devices can read it. The first packet is shown for its length alone.
        (0xc0 | 0xc1, _) => Length::Bytes(HEADER + body),
        _ => Length::Malformed,
    }
}

/// The session that a packet belongs to, and what it tells.
pub(super) fn message(packet: &[u8]) -> Option<(u32, Message)> {
    let mut input = Cursor::new(packet);
    let [_, kind, number, flags] = input.array().ok()?;
    let session = input.u32_be().ok()?;
    let length = input.u32_be().ok()? as usize;
    if flags & UNENCRYPTED == 0 {
        return None;
    }
    let mut body = input.sub(length).ok()?;
    let message = match (kind, number) {
        (AUTHENTICATION, 1) => start(&mut body).ok()??,
        (AUTHENTICATION, number) if number % 2 == 0 => match body.u8().ok()? {
            1 => Message::Answer { passed: true },
            2 | 7 => Message::Answer { passed: false },
            _ => return None,
        },
        (ACCOUNTING, number) if number % 2 == 1 => accounting(&mut body).ok()??,
        _ => return None,
    };
    Some((session, message))
}

fn start(body: &mut Cursor<'_>) -> Result<Option<Message>, Truncated> {
    body.skip(4)?;
    let [user, port, address, _data] = body.array()?;
    Ok(who(body, user, port, address)?.map(|(account, from)| Message::Start { account, from }))
}

fn accounting(body: &mut Cursor<'_>) -> Result<Option<Message>, Truncated> {
    const STOP: u8 = 4;
    let flags = body.u8()?;
    body.skip(4)?;
    let [user, port, address, arguments] = body.array()?;
    body.skip(usize::from(arguments))?;
    let stop = flags & STOP != 0;
    Ok(who(body, user, port, address)?.map(|(account, from)| Message::Accounting { account, from, stop }))
}

/// User and remote address, which stand one behind the other with the port between. Where the address is none (a console), the user
/// is nowhere on the network.
fn who(
    body: &mut Cursor<'_>,
    user: u8,
    port: u8,
    address: u8,
) -> Result<Option<(Account, IpAddr)>, Truncated> {
    let user = Account::parse(body.take(usize::from(user))?);
    body.skip(usize::from(port))?;
    let address =
        std::str::from_utf8(body.take(usize::from(address))?).ok().and_then(|text| text.trim().parse().ok());
    Ok(user.zip(address))
}
