//! First packets of PostgreSQL (manual, chapter "Frontend/Backend Protocol", message formats) and MySQL (internals manual,
//! "Connection Phase").

use crate::account::Account;
use crate::registry::Verdict;
use crate::witness::Length;
use egret_model::{Cursor, Truncated};

/// What a client begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// Whom it names.
    User(Option<Account>),
    /// It asks for TLS first.
    Encryption,
}

/// Longest start-up packet (PostgreSQL's MAX_STARTUP_PACKET_LENGTH), bytes.
const LONGEST_STARTUP: usize = 10_000;
const VERSION_3: u32 = 0x0003_0000;
const TLS_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

pub(super) fn postgresql_verdict(client: &[u8]) -> Verdict {
    match (postgresql_length(client), client.get(4..8)) {
        (_, None) if client.iter().take(2).all(|byte| *byte == 0) && !client.is_empty() => Verdict::NeedMore,
        (Length::Bytes(_), Some(&[a, b, c, d]))
            if matches!(u32::from_be_bytes([a, b, c, d]), VERSION_3 | TLS_REQUEST | GSS_REQUEST) =>
        {
            Verdict::Yes
        }
        _ => Verdict::No,
    }
}

/// Length of a packet that has no kind in front: those before the session is accepted.
pub(super) fn postgresql_length(bytes: &[u8]) -> Length {
    let Some(length) = bytes.first_chunk::<4>() else { return Length::NeedMore };
    match u32::from_be_bytes(*length) as usize {
        length @ 8..=LONGEST_STARTUP => Length::Bytes(length),
        _ => Length::Malformed,
    }
}

pub(super) fn postgresql_startup(packet: &[u8]) -> Option<Startup> {
    let mut input = Cursor::new(packet);
    input.skip(4).ok()?;
    match input.u32_be().ok()? {
        TLS_REQUEST | GSS_REQUEST => return Some(Startup::Encryption),
        VERSION_3 => {}
        _ => return None,
    }
    // Pairs of name and value, each ended by a zero.
    let mut parts = input.rest().split(|byte| *byte == 0);
    while let (Some(name), Some(value)) = (parts.next().filter(|name| !name.is_empty()), parts.next()) {
        if name == b"user" {
            return Some(Startup::User(Account::parse(value)));
        }
    }
    None
}

/// Length of a packet of the server: a kind, then the length without it.
pub(super) fn postgresql_answer_length(bytes: &[u8]) -> Length {
    let Some(&[kind, a, b, c, d]) = bytes.first_chunk::<5>() else { return Length::NeedMore };
    match u32::from_be_bytes([a, b, c, d]) as usize {
        length @ 4.. if kind.is_ascii_alphabetic() => Length::Bytes(length.saturating_add(1)),
        _ => Length::Malformed,
    }
}

/// Whether the server accepts; None: it asks for more.
pub(super) fn postgresql_answer(packet: &[u8]) -> Option<bool> {
    match packet.first()? {
        b'E' => Some(false),
        // AuthenticationOk.
        b'R' => (packet.get(5..9)? == [0; 4]).then_some(true),
        _ => None,
    }
}

/// A TLS request: a packet of 32 bytes behind its head of four.
pub(super) const MYSQL_TLS_REQUEST: usize = 36;

pub(super) fn mysql_verdict(server: &[u8]) -> Verdict {
    match server {
        // Length of the greeting, sequence number 0, protocol 10, a version that begins with a digit.
        [_, 0, 0, 0, 10, version, ..] if version.is_ascii_digit() => Verdict::Yes,
        [] => Verdict::NeedMore,
        [_, rest @ ..] if rest.len() < 5 && [0, 0, 0, 10].starts_with(rest) => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// Length of a packet with its head: three bytes of length, one of sequence.
pub(super) fn mysql_length(bytes: &[u8]) -> Length {
    let Some(&[a, b, c, _]) = bytes.first_chunk::<4>() else { return Length::NeedMore };
    Length::Bytes(u32::from_le_bytes([a, b, c, 0]) as usize + 4)
}

/// The client's first packet: HandshakeResponse41 or SSLRequest.
pub(super) fn mysql_login(packet: &[u8]) -> Option<Startup> {
    let read = || -> Result<Option<Startup>, Truncated> {
        const PROTOCOL_41: u32 = 0x200;
        const TLS: u32 = 0x800;
        let mut input = Cursor::new(packet);
        let [_, _, _, sequence] = input.array::<4>()?;
        let capabilities = input.u32_le()?;
        if sequence != 1 || capabilities & PROTOCOL_41 == 0 {
            return Ok(None);
        }
        // Longest packet, character set, 23 zeros.
        input.skip(28)?;
        if input.is_empty() {
            return Ok((capabilities & TLS != 0).then_some(Startup::Encryption));
        }
        let name = input.rest().split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Some(Startup::User(Account::parse(name))))
    };
    read().ok().flatten()
}

/// Whether the server accepts; None: it asks for more.
pub(super) fn mysql_answer(packet: &[u8]) -> Option<bool> {
    match packet.get(4)? {
        0 => Some(true),
        0xff => Some(false),
        _ => None,
    }
}
