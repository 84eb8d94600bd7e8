//! What both sides of SOCKS say before the proxy becomes a pipe: SOCKS 4 and 4A (Lee, "SOCKS 4A", 1994), SOCKS 5 (RFC 1928), log-ins
//! (RFC 1929).
//!
//! Owns: stateless reading of the two sides from their first byte on. Never does: keeping a password.

use egret_model::{Cursor, Truncated};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What both sides have said, once the proxy has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened<'a> {
    pub(super) outcome: Outcome,
    /// The account, and whether a password was accepted for it.
    pub(super) user: Option<(&'a [u8], bool)>,
    /// The host that was asked for, `name` or address, and its port.
    pub(super) host: String,
    pub(super) port: u16,
    /// Bytes of each side that belong to this.
    pub(super) client_bytes: usize,
    pub(super) server_bytes: usize,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The connection is a pipe to the host.
    Pipe,
    /// Nothing, or datagrams beside this connection.
    Nothing,
}

/// Why nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// More is to come.
    Partial,
    /// These are other bytes.
    Foreign,
}

impl From<Truncated> for Fault {
    fn from(_: Truncated) -> Self {
        Self::Partial
    }
}

const CONNECT: u8 = 1;
const BIND: u8 = 2;
const ASSOCIATE: u8 = 3;

/// Longest name of a user or host, bytes (RFC 1928 section 5, RFC 1929 section 2).
const LONGEST_NAME: usize = 255;

/// Reads what both sides have said until now.
pub(super) fn read<'a>(client: &'a [u8], server: &[u8]) -> Result<Opened<'a>, Fault> {
    match client.first() {
        None => Err(Fault::Partial),
        Some(4) => version4(&mut Cursor::new(client), &mut Cursor::new(server)),
        Some(5) => version5(&mut Cursor::new(client), &mut Cursor::new(server)),
        Some(_) => Err(Fault::Foreign),
    }
}

fn version4<'a>(client: &mut Cursor<'a>, server: &mut Cursor<'_>) -> Result<Opened<'a>, Fault> {
    /// The request is granted.
    const GRANTED: u8 = 90;
    let _version = client.u8()?;
    let command = client.u8()?;
    is(matches!(command, CONNECT | BIND))?;
    let port = client.u16_be()?;
    let address: [u8; 4] = client.array()?;
    let user = until_zero(client)?;
    is(user.iter().all(|byte| !byte.is_ascii_control()))?;
    let host = match address {
        // SOCKS 4A: a name follows, since the client could not resolve it.
        [0, 0, 0, 1..=255] => name(until_zero(client)?)?,
        _ => Ipv4Addr::from(address).to_string(),
    };
    let mut granted = true;
    for _ in 0..answers(command) {
        if granted {
            is(server.u8()? == 0)?;
            let code = server.u8()?;
            is((GRANTED..=93).contains(&code))?;
            server.skip(6)?;
            granted = code == GRANTED;
        }
    }
    Ok(Opened {
        outcome: if granted { Outcome::Pipe } else { Outcome::Nothing },
        user: Some((user, false)).filter(|(user, _)| !user.is_empty()),
        host,
        port,
        client_bytes: client.position(),
        server_bytes: server.position(),
    })
}

fn version5<'a>(client: &mut Cursor<'a>, server: &mut Cursor<'_>) -> Result<Opened<'a>, Fault> {
    const NO_LOG_IN: u8 = 0;
    const PASSWORD: u8 = 2;
    const NONE_ACCEPTABLE: u8 = 0xff;
    let _version = client.u8()?;
    let count = client.u8()?;
    is(count > 0)?;
    let methods = client.take(usize::from(count))?;
    is(server.u8()? == 5)?;
    let method = server.u8()?;
    is(methods.contains(&method) || method == NONE_ACCEPTABLE)?;
    let mut user = None;
    match method {
        NO_LOG_IN => {}
        PASSWORD => {
            is(client.u8()? == 1)?;
            let length = client.u8()?;
            let account = client.take(usize::from(length))?;
            let length = client.u8()?;
            client.skip(usize::from(length))?;
            is(server.u8()? == 1)?;
            is(server.u8()? == 0)?;
            user = Some((account, true));
        }
        // Whatever else was agreed on may seal all that follows (RFC 1961).
        _ => return Err(Fault::Foreign),
    }
    is(client.u8()? == 5)?;
    let command = client.u8()?;
    is(matches!(command, CONNECT | BIND | ASSOCIATE))?;
    let _reserved = client.u8()?;
    let (host, port) = address(client)?;
    let mut granted = true;
    for _ in 0..answers(command) {
        if granted {
            is(server.u8()? == 5)?;
            granted = server.u8()? == 0;
            let _reserved = server.u8()?;
            let _bound = address(server)?;
        }
    }
    let outcome = if granted && command != ASSOCIATE { Outcome::Pipe } else { Outcome::Nothing };
    let (client_bytes, server_bytes) = (client.position(), server.position());
    Ok(Opened { outcome, user, host, port, client_bytes, server_bytes })
}

/// How often the proxy answers: to BIND once more when somebody has connected.
const fn answers(command: u8) -> usize {
    if command == BIND { 2 } else { 1 }
}

/// An address and a port (RFC 1928 section 5).
fn address(side: &mut Cursor<'_>) -> Result<(String, u16), Fault> {
    let host = match side.u8()? {
        1 => Ipv4Addr::from(side.array::<4>()?).to_string(),
        3 => {
            let length = side.u8()?;
            name(side.take(usize::from(length))?)?
        }
        4 => Ipv6Addr::from(side.array::<16>()?).to_string(),
        _ => return Err(Fault::Foreign),
    };
    Ok((host, side.u16_be()?))
}

fn name(bytes: &[u8]) -> Result<String, Fault> {
    is(!bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic))?;
    String::from_utf8(bytes.to_ascii_lowercase()).map_err(|_| Fault::Foreign)
}

/// What stands before a zero, which is passed.
fn until_zero<'a>(side: &mut Cursor<'a>) -> Result<&'a [u8], Fault> {
    let rest = side.rest();
    match rest.iter().take(LONGEST_NAME + 1).position(|byte| *byte == 0) {
        Some(end) => {
            let text = side.take(end)?;
            side.skip(1)?;
            Ok(text)
        }
        None if rest.len() <= LONGEST_NAME => Err(Fault::Partial),
        None => Err(Fault::Foreign),
    }
}

const fn is(holds: bool) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Foreign) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_and_answers_are_read() {
        type Case<'a> =
            (&'a [u8], &'a [u8], Result<(Outcome, &'a str, u16, Option<(&'a [u8], bool)>), Fault>);
        let named = b"\x05\x01\x00\x05\x01\x00\x03\x09a.EXAMPLE\x00\x50";
        let cases: &[Case<'_>] = &[
            (
                b"\x04\x01\x00\x50\xcb\0\x71\x07\0",
                b"\0\x5a\0\0\0\0\0\0",
                Ok((Outcome::Pipe, "203.0.113.7", 80, None)),
            ),
            (
                b"\x04\x01\x00\x19\0\0\0\x01bob\0mx.example\0",
                b"\0\x5a\0\0\0\0\0\0",
                Ok((Outcome::Pipe, "mx.example", 25, Some((b"bob", false)))),
            ),
            (
                b"\x04\x01\x00\x50\xcb\0\x71\x07\0",
                b"\0\x5b\0\0\0\0\0\0",
                Ok((Outcome::Nothing, "203.0.113.7", 80, None)),
            ),
            (b"\x04\x02\x00\x50\xcb\0\x71\x07\0", b"\0\x5a\0\0\0\0\0\0", Err(Fault::Partial)),
            (b"\x04\x01\x00\x50\xcb\0\x71\x07\0", b"HTTP/1.1", Err(Fault::Foreign)),
            (named, b"\x05\0\x05\0\0\x01\x7f\0\0\x01\x10\x10", Ok((Outcome::Pipe, "a.example", 80, None))),
            (named, b"\x05\0\x05\x04\0\x01\0\0\0\0\0\0", Ok((Outcome::Nothing, "a.example", 80, None))),
            (named, b"\x05\0\x05\0\0\x01\x7f\0\0\x01\x10", Err(Fault::Partial)),
            (named, b"\x05\x02", Err(Fault::Foreign)),
            (
                b"\x05\x02\x00\x02\x01\x05alice\x06secret\x05\x01\x00\x01\xcb\0\x71\x07\x01\xbb",
                b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0",
                Ok((Outcome::Pipe, "203.0.113.7", 443, Some((b"alice", true)))),
            ),
            (
                b"\x05\x01\x00\x05\x03\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x35",
                b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
                Ok((Outcome::Nothing, "2001:db8::1", 53, None)),
            ),
            (b"GET / HTTP/1.1", b"", Err(Fault::Foreign)),
        ];
        for (client, server, expected) in cases {
            let told = read(client, server);
            let told =
                told.as_ref().map(|o| (o.outcome, o.host.as_str(), o.port, o.user)).map_err(|fault| *fault);
            assert_eq!(told, *expected, "{client:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            client in prop::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..40),
            server in prop::collection::vec(prop_oneof![0_u8..6, Just(90), any::<u8>()], 0..40),
        ) {
            if let Ok(opened) = read(&client, &server) {
                prop_assert!(opened.client_bytes <= client.len() && opened.server_bytes <= server.len());
                // What comes behind changes nothing.
                let more = [client.as_slice(), b"x"].concat();
                prop_assert_eq!(read(&more, &server).map(|o| o.client_bytes), Ok(opened.client_bytes));
            }
        }
    }
}
