//! Frames made to measure.
//!
//! Owns: writing headers. Never does: using the code under test.

use std::net::IpAddr;

pub(super) const CLIENT: [u8; 4] = [10, 20, 1, 11];
pub(super) const SERVER: [u8; 4] = [198, 51, 100, 7];
const CLIENT_SIX: [u16; 8] = [0x2001, 0xdb8, 0x20, 0, 0, 0, 1, 0x11];
const SERVER_SIX: [u16; 8] = [0x2001, 0xdb8, 0xffff, 0, 0, 0, 0x203, 0x20];

pub(super) fn client(six: bool) -> IpAddr {
    if six { CLIENT_SIX.into() } else { CLIENT.into() }
}

pub(super) fn server(six: bool) -> IpAddr {
    if six { SERVER_SIX.into() } else { SERVER.into() }
}

pub(super) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

pub(super) fn tcp(payload: &[u8]) -> Vec<u8> {
    let header = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x18, 1, 0, 0xab, 0xcd, 0, 0, 1, 1, 1, 1];
    [&header[..], payload].concat()
}

/// IPv4 from client to server; `fragment` is the field of flags and offset.
pub(super) fn ipv4_part(protocol: u8, identification: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend((payload.len() as u16 + 20).to_be_bytes());
    header.extend(identification.to_be_bytes());
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(CLIENT);
    header.extend(SERVER);
    header.extend(payload);
    header
}

pub(super) fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([protocol, 64]);
    header.extend(CLIENT_SIX.iter().chain(&SERVER_SIX).flat_map(|word| word.to_be_bytes()));
    header.extend(payload);
    header
}

/// IP of either version from client to server.
pub(super) fn ip(six: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    if six { ipv6(protocol, payload) } else { ipv4_part(protocol, 1, 0, payload) }
}

/// One fragment of a datagram of either version: bytes from `start` to `end` of `payload`.
pub(super) fn fragment(six: bool, protocol: u8, payload: &[u8], start: usize, end: usize) -> Vec<u8> {
    part(six, protocol, &payload[start..end], start, end < payload.len())
}

/// One fragment, as its header says.
pub(super) fn part(six: bool, protocol: u8, payload: &[u8], offset: usize, more: bool) -> Vec<u8> {
    let offset = offset as u16;
    if six {
        let field = (offset | u16::from(more)).to_be_bytes();
        ipv6(44, &[&[protocol, 0, field[0], field[1], 0, 0, 0, 7][..], payload].concat())
    } else {
        ipv4_part(protocol, 7, (offset / 8) | if more { 0x2000 } else { 0 }, payload)
    }
}

pub(super) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &ether_type.to_be_bytes(), payload].concat()
}

/// The EtherType of an IP packet.
pub(super) fn ether_type(packet: &[u8]) -> u16 {
    if packet[0] >> 4 == 6 { 0x86dd } else { 0x0800 }
}
