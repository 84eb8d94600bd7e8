//! Packets of the tunnel, without state.

use egret_model::Cursor;
use std::net::Ipv4Addr;

const MAGIC: u32 = 0xd520_0880;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The connection is asked for.
    Start,
    Close,
    /// Content, acknowledgements, passwords.
    Other,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) from_proxy: bool,
    pub(super) state: State,
    pub(super) number: u16,
    /// Where the connection is to go, in the packet that asks for it.
    pub(super) destination: Option<(Ipv4Addr, u16)>,
    pub(super) content: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the data of an echo. None: it is no packet.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(data);
        if cursor.u32_be().ok()? != MAGIC {
            return None;
        }
        let ip = Ipv4Addr::from(cursor.u32_be().ok()?);
        let port = cursor.u32_be().ok()?;
        let flags = cursor.u32_be().ok()?;
        let _acknowledged = cursor.u32_be().ok()?;
        let length = usize::try_from(cursor.u32_be().ok()?).ok()?;
        let number = cursor.u16_be().ok()?;
        let _connection = cursor.u16_be().ok()?;
        let content = cursor.take(length).ok()?;
        let from_proxy = match flags >> 30 {
            1 => false,
            2 => true,
            _ => return None,
        };
        let state = match flags & 0x3fff_ffff {
            0 => State::Start,
            1 | 2 | 4 => State::Other,
            3 => State::Close,
            _ => return None,
        };
        let destination = u16::try_from(port).ok().filter(|port| *port > 0 && state == State::Start);
        Some(Self { from_proxy, state, number, destination: destination.map(|port| (ip, port)), content })
    }
}

/// A packet, for tests.
#[cfg(test)]
pub(super) fn packet(flags: u32, number: u16, content: &[u8]) -> Vec<u8> {
    let start = flags & 0xff == 0;
    let words = [MAGIC, u32::from(Ipv4Addr::new(192, 0, 2, 9)), if start { 7003 } else { 0 }, flags, 0xffff];
    let length = u32::try_from(content.len()).unwrap();
    let head: Vec<u8> = words.into_iter().chain([length]).flat_map(u32::to_be_bytes).collect();
    [&head, &number.to_be_bytes()[..], &[0x7f, 0x10], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_from_other_echoes() {
        let bytes = packet(0x4000_0002, 5, b"content");
        let read = Packet::parse(&bytes).unwrap();
        assert_eq!(
            (read.number, read.content, read.from_proxy, read.destination),
            (5, &b"content"[..], false, None)
        );
        let start = packet(0x8000_0000, 0, b"");
        let read = Packet::parse(&start).unwrap();
        assert_eq!((read.state, read.from_proxy), (State::Start, true));
        assert_eq!(read.destination, Some((Ipv4Addr::new(192, 0, 2, 9), 7003)));
        for other in
            [&bytes[1..], &bytes[..30], &packet(0xc000_0000, 0, b""), b"abcdefghijklmnopqrstuvwabcdefghi"]
        {
            assert_eq!(Packet::parse(other), None);
        }
    }
}
