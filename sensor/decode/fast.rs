//! The short way for what nearly every packet is: Ethernet, at most one VLAN tag, IPv4 without options or IPv6 without extension
//! headers, whole, TCP.
//!
//! Owns: recognising such a packet with a handful of comparisons. Never does: giving an answer of its own: whatever is unusual is
//! left to the general path, and for everything else both agree (a test holds them to it).

use crate::ethernet::{IPV4, IPV6, VLAN_CUSTOMER};
use crate::transport::{PLAIN_TCP, tcp_checksum, tcp_fields, tcp_header_bytes};
use egret_model::{MacAddress, TcpChecksum, Transport};
use etherparse::ip_number;
use std::net::IpAddr;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// A plain packet, read.
pub(crate) struct Plain<'a> {
    pub(crate) source_mac: MacAddress,
    pub(crate) destination_mac: MacAddress,
    /// 0 for none.
    pub(crate) vlan: u16,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) tcp_checksum: TcpChecksum,
    pub(crate) payload: &'a [u8],
}

/// Reads an Ethernet frame that is plain; None for any other.
#[inline]
pub(crate) fn read(frame: &[u8]) -> Option<Plain<'_>> {
    let ([d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1], rest) = frame.split_first_chunk::<14>()?;
    let (vlan, number, rest) = match u16::from_be_bytes([*t0, *t1]) {
        VLAN_CUSTOMER => {
            let ([c0, c1, t0, t1], rest) = rest.split_first_chunk::<4>()?;
            (u16::from_be_bytes([*c0, *c1]) & 0x0fff, u16::from_be_bytes([*t0, *t1]), rest)
        }
        number => (0, number, rest),
    };
    let (source, destination, segment) = match number {
        IPV4 => ipv4(rest)?,
        IPV6 => ipv6(rest)?,
        _ => return None,
    };
    let fixed = segment.first_chunk::<PLAIN_TCP>()?;
    let header = tcp_header_bytes(fixed);
    if header < PLAIN_TCP {
        return None;
    }
    let (header, payload) = segment.split_at_checked(header)?;
    Some(Plain {
        source_mac: MacAddress([*s0, *s1, *s2, *s3, *s4, *s5]),
        destination_mac: MacAddress([*d0, *d1, *d2, *d3, *d4, *d5]),
        vlan,
        source,
        destination,
        transport: tcp_fields(fixed),
        tcp_checksum: tcp_checksum(fixed, header),
        payload,
    })
}

#[inline]
fn ipv4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        packet.first_chunk::<IPV4_HEADER>()?;
    let fragment = u16::from_be_bytes([*f0, *f1]) & 0x3fff;
    if *first != 0x45 || fragment != 0 || *protocol != ip_number::TCP.0 {
        return None;
    }
    let segment = packet.get(IPV4_HEADER..usize::from(u16::from_be_bytes([*l0, *l1])))?;
    Some(([*s0, *s1, *s2, *s3].into(), [*d0, *d1, *d2, *d3].into(), segment))
}

#[inline]
fn ipv6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let (header, rest) = packet.split_first_chunk::<IPV6_HEADER>()?;
    let ([first, _, _, _, l0, l1, next, _], addresses) = header.split_first_chunk::<8>()?;
    if first >> 4 != 6 || *next != ip_number::TCP.0 {
        return None;
    }
    let segment = match usize::from(u16::from_be_bytes([*l0, *l1])) {
        0 => return None,
        length => rest.get(..length)?,
    };
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let destination = destination.first_chunk::<16>()?;
    Some(((*source).into(), (*destination).into(), segment))
}
