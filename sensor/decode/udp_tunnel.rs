//! Tunnels over UDP: VXLAN (RFC 7348) and its generic extension, GENEVE (RFC 8926), GTP-U (3GPP TS 29.281), Teredo (RFC 4380), L2TP version 2 (RFC 2661),
//! GRE in UDP (RFC 8086), CAPWAP.
//!
//! Owns: the decision that a datagram is a tunnel. Never does: trusting a port for it: the bytes inside must prove it, or the
//! datagram is payload like any other.

use crate::capwap;
use crate::ethernet::{BRIDGED_ETHERNET, IPV4, IPV6};
use crate::frame::Header;
use crate::layer::{Fault, Layer, Part};
use crate::plausible;
use crate::tunnel::Hop;

const VXLAN: u16 = 4789;
/// Where Linux put VXLAN before it had a number.
const VXLAN_LINUX: u16 = 8472;
/// VXLAN with a protocol field (draft-ietf-nvo3-vxlan-gpe).
const VXLAN_GENERIC: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const TEREDO: u16 = 3544;
const L2TP: u16 = 1701;
const GRE: u16 = 4754;
const CAPWAP: u16 = 5247;

/// A UDP payload that is a tunnel.
pub(crate) struct Opened<'a> {
    /// Its name; None where the next header tells it.
    pub(crate) hop: Option<Hop>,
    pub(crate) header: Header,
    pub(crate) inside: Layer<'a>,
}

/// Opens the tunnel that a UDP payload is; None when it is just payload.
pub(crate) fn open(source_port: u16, destination_port: u16, payload: Layer<'_>) -> Option<Opened<'_>> {
    let opened = match (source_port, destination_port) {
        (_, VXLAN | VXLAN_LINUX | VXLAN_GENERIC) => vxlan(payload),
        (_, GENEVE) => geneve(payload),
        (_, GTP_U) | (GTP_U, _) => gtp_u(payload),
        (_, TEREDO) | (TEREDO, _) => teredo(payload),
        (_, L2TP) | (L2TP, _) => l2tp(payload),
        (_, GRE) => gre(payload),
        (_, CAPWAP) | (CAPWAP, _) => capwap::open(payload),
        _ => return None,
    };
    // A header that does not fit is one more proof that this is no tunnel.
    opened.ok().flatten()
}

fn proved_ethernet(hop: Hop, inside: Layer<'_>) -> Option<Opened<'_>> {
    plausible::ethernet(&inside).then_some(Opened { hop: Some(hop), header: Header::Ethernet, inside })
}

fn proved_ip(hop: Hop, inside: Layer<'_>) -> Option<Opened<'_>> {
    plausible::ip(&inside).then_some(Opened { hop: Some(hop), header: Header::Ip, inside })
}

/// Flags, group or reserved, protocol where flagged, network (24 bits), reserved.
fn vxlan(mut layer: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    const NETWORK_IS_SET: u8 = 0x08;
    const PROTOCOL_IS_SET: u8 = 0x04;
    const ETHERNET: u8 = 3;
    let [flags, _, _, protocol, n0, n1, n2, _] = layer.array(Part::Udp)?;
    if flags & NETWORK_IS_SET == 0 {
        return Ok(None);
    }
    let hop = Hop::Vxlan(u32::from_be_bytes([0, n0, n1, n2]));
    // Without the extension the flag is a reserved bit, which receivers ignore (RFC 7348 section 5).
    Ok(if flags & PROTOCOL_IS_SET == 0 || protocol == ETHERNET {
        proved_ethernet(hop, layer)
    } else {
        proved_ip(hop, layer).or_else(|| proved_ethernet(hop, layer))
    })
}

/// Version and options length, flags, protocol, network (24 bits), reserved; then options (RFC 8926 section 3.4).
fn geneve(mut layer: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    let [version_and_length, _, p0, p1, n0, n1, n2, _] = layer.array(Part::Udp)?;
    if version_and_length >> 6 != 0 {
        return Ok(None);
    }
    layer.take(usize::from(version_and_length & 0x3f) * 4, Part::Udp)?;
    let hop = Hop::Geneve(u32::from_be_bytes([0, n0, n1, n2]));
    Ok(match u16::from_be_bytes([p0, p1]) {
        BRIDGED_ETHERNET => proved_ethernet(hop, layer),
        IPV4 | IPV6 => proved_ip(hop, layer),
        _ => None,
    })
}

/// TS 29.281 section 5.1: flags, message type, length, tunnel endpoint; then sequence, N-PDU number and next extension where
/// any of the three is flagged; then extension headers, whose first byte is a length in words and last the next type.
fn gtp_u(mut layer: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    const VERSION_ONE: u8 = 0x30;
    const OPTIONAL_FIELDS: u8 = 0x07;
    const USER_PACKET: u8 = 255;
    let [flags, message, l0, l1, t0, t1, t2, t3] = layer.array(Part::Udp)?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if flags & 0xf0 != VERSION_ONE || message != USER_PACKET || length > layer.promised() {
        return Ok(None);
    }
    layer.limit(length);
    if flags & OPTIONAL_FIELDS != 0 {
        let [_, _, _, mut next] = layer.array(Part::Udp)?;
        while next != 0 {
            let [words] = layer.array(Part::Udp)?;
            let Some(content) = (usize::from(words) * 4).checked_sub(2) else { return Ok(None) };
            layer.take(content, Part::Udp)?;
            [next] = layer.array(Part::Udp)?;
        }
    }
    let hop = Hop::GtpU(u32::from_be_bytes([t0, t1, t2, t3]));
    Ok(proved_ip(hop, layer).or_else(|| proved_ethernet(hop, layer)))
}

/// RFC 4380 section 5.1.1: an authentication and an origin indication may precede the IPv6 packet.
fn teredo(mut layer: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    if layer.peek() == Some(&[0, 1]) {
        let [_, _, client, authentication] = layer.array(Part::Udp)?;
        // Nonce (8 bytes) and confirmation (1) follow the two of variable length.
        layer.take(usize::from(client) + usize::from(authentication) + 9, Part::Udp)?;
    }
    if layer.peek() == Some(&[0, 0]) {
        layer.array::<8>(Part::Udp)?;
    }
    let version = layer.peek().map(|[first]| first >> 4);
    Ok(if version == Some(6) { proved_ip(Hop::Teredo, layer) } else { None })
}

/// RFC 2661 section 3.1: flags and version; length where flagged; tunnel, session; sequence numbers and an offset where flagged.
/// Then a PPP frame, whose protocol proves it. Control messages are payload like any other.
fn l2tp(mut layer: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    const PRIORITY: u16 = 0x0100;
    const VERSION_TWO: u16 = 2;
    let whole = layer.promised();
    let flags = u16::from_be_bytes(layer.array(Part::Udp)?);
    if flags & CONTROL != 0 || flags & !(LENGTH | SEQUENCE | OFFSET | PRIORITY) != VERSION_TWO {
        return Ok(None);
    }
    if flags & LENGTH != 0 {
        // Of all of it, these four bytes included.
        let length = usize::from(u16::from_be_bytes(layer.array(Part::Udp)?));
        let Some(rest) = length.checked_sub(4).filter(|_| length <= whole) else { return Ok(None) };
        layer.limit(rest);
    }
    let [t0, t1, s0, s1] = layer.array(Part::Udp)?;
    if flags & SEQUENCE != 0 {
        layer.array::<4>(Part::Udp)?;
    }
    if flags & OFFSET != 0 {
        let offset = u16::from_be_bytes(layer.array(Part::Udp)?);
        layer.take(offset.into(), Part::Udp)?;
    }
    let hop = Hop::L2tp(u16::from_be_bytes([t0, t1]), u16::from_be_bytes([s0, s1]));
    let header = Header::Ppp;
    Ok(plausible::ppp(&layer).then_some(Opened { hop: Some(hop), header, inside: layer }))
}

/// A GRE header without the bits that RFC 2784 reserves, and IP or Ethernet right behind it.
fn gre(payload: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    const CHECKSUM: u8 = 0x80;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    let mut layer = payload;
    let [flags, version, p0, p1] = layer.array(Part::Udp)?;
    if flags & !(CHECKSUM | KEY | SEQUENCE) != 0 || version != 0 {
        return Ok(None);
    }
    let options = [CHECKSUM, KEY, SEQUENCE].iter().filter(|bit| flags & **bit != 0).count();
    layer.take(options * 4, Part::Udp)?;
    let proved = match u16::from_be_bytes([p0, p1]) {
        IPV4 | IPV6 => plausible::ip(&layer),
        BRIDGED_ETHERNET => plausible::ethernet(&layer),
        _ => false,
    };
    Ok(proved.then_some(Opened { hop: None, header: Header::Gre, inside: payload }))
}
