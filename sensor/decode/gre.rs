//! GRE (RFC 2784, RFC 2890; routing as in RFC 1701), PPTP's version 1 (RFC 2637), NVGRE (RFC 7637) and ERSPAN.
//!
//! Owns: their headers. Never does: checking their checksum or order.

use crate::ethernet::{BRIDGED_ETHERNET, IPV4, IPV6};
use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tunnel::Hop;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Version 1 only.
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

const PPP: u16 = 0x880b;
/// ERSPAN types I and II.
const ERSPAN: u16 = 0x88be;
const ERSPAN_THREE: u16 = 0x22eb;
/// Web cache redirection (WCCP version 2): a 4-byte header of its own, or none.
const WCCP: u16 = 0x883e;
/// A keep-alive holds a packet back to its sender, which holds nothing.
const KEEP_ALIVE: u16 = 0;

/// Reads the GRE header and what goes with it.
pub(crate) fn read<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let malformed = layer.malformed(Part::Gre);
    let [f0, f1, p0, p1] = layer.array(Part::Gre)?;
    let (flags, protocol) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([p0, p1]));
    frame.forget_macs();
    match flags & VERSION {
        0 => version_zero(flags, protocol, layer, frame),
        1 if protocol == PPP && flags & KEY != 0 => version_one(flags, layer, frame),
        _ => Err(malformed),
    }
}

fn version_zero<'a>(
    flags: u16,
    protocol: u16,
    mut layer: Layer<'a>,
    frame: &mut Frame,
) -> Result<Step<'a>, Fault> {
    if flags & (CHECKSUM | ROUTING) != 0 {
        layer.array::<4>(Part::Gre)?;
    }
    let key = if flags & KEY != 0 { Some(u32::from_be_bytes(layer.array(Part::Gre)?)) } else { None };
    if flags & SEQUENCE != 0 {
        layer.array::<4>(Part::Gre)?;
    }
    if flags & ROUTING != 0 {
        pass_routes(&mut layer)?;
    }
    match protocol {
        ERSPAN if flags & SEQUENCE == 0 => {
            frame.enter(Hop::Erspan(None), &layer)?;
            Ok(Step::Header(Header::Ethernet, layer))
        }
        ERSPAN => erspan_two(layer, frame),
        ERSPAN_THREE => erspan_three(layer, frame),
        BRIDGED_ETHERNET => {
            // RFC 7637 section 3.2: a key (24 bits of subnet, 8 of flow), no checksum and no sequence number.
            let hop = match key {
                Some(key) if flags & (CHECKSUM | SEQUENCE) == 0 => Hop::Nvgre(key >> 8),
                _ => Hop::Gre,
            };
            frame.enter(hop, &layer)?;
            Ok(Step::Header(Header::Ethernet, layer))
        }
        KEEP_ALIVE => Ok(Step::Control),
        protocol => {
            frame.enter(Hop::Gre, &layer)?;
            Ok(match protocol {
                IPV4 | IPV6 => Step::Header(Header::Ip, layer),
                PPP => Step::Header(Header::Ppp, layer),
                WCCP => {
                    if !matches!(layer.peek(), Some([first]) if first >> 4 == 4) {
                        layer.array::<4>(Part::Gre)?;
                    }
                    Step::Header(Header::Ip, layer)
                }
                protocol => Step::Header(Header::EtherType(protocol), layer),
            })
        }
    }
}

/// Source route entries up to the empty one (RFC 1701): address family, offset, length, that many bytes.
fn pass_routes(layer: &mut Layer<'_>) -> Result<(), Fault> {
    loop {
        let [f0, f1, _offset, length] = layer.array(Part::Gre)?;
        if [f0, f1, length] == [0, 0, 0] {
            return Ok(());
        }
        layer.take(length.into(), Part::Gre)?;
    }
}

/// RFC 2637 section 4.1: the key is payload length and call; without a sequence number there is no payload.
fn version_one<'a>(flags: u16, mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [l0, l1, _, _] = layer.array(Part::Gre)?;
    if flags & SEQUENCE == 0 {
        return Ok(Step::Control);
    }
    layer.array::<4>(Part::Gre)?;
    if flags & ACKNOWLEDGMENT != 0 {
        layer.array::<4>(Part::Gre)?;
    }
    layer.limit(u16::from_be_bytes([l0, l1]).into());
    frame.enter(Hop::Gre, &layer)?;
    Ok(Step::Header(Header::Ppp, layer))
}

/// Type II: version and VLAN, class and session (10 bits), reserved and port index.
fn erspan_two<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let malformed = layer.malformed(Part::Erspan);
    let [version, _, s0, s1, _, _, _, _] = layer.array(Part::Erspan)?;
    if version >> 4 != 1 {
        return Err(malformed);
    }
    frame.enter(Hop::Erspan(Some(session(s0, s1))), &layer)?;
    Ok(Step::Header(Header::Ethernet, layer))
}

/// Type III: version and VLAN, class and session, time stamp, group tag, flags; eight bytes more where the last bit is set.
fn erspan_three<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    /// Frame type 2: an IP packet without a link header.
    const BARE_IP: u8 = 2;
    let malformed = layer.malformed(Part::Erspan);
    let [version, _, s0, s1, _, _, _, _, _, _, kind, flags] = layer.array(Part::Erspan)?;
    if version >> 4 != 2 {
        return Err(malformed);
    }
    if flags & 1 != 0 {
        layer.array::<8>(Part::Erspan)?;
    }
    frame.enter(Hop::Erspan(Some(session(s0, s1))), &layer)?;
    let header = if (kind >> 2) & 0x1f == BARE_IP { Header::Ip } else { Header::Ethernet };
    Ok(Step::Header(header, layer))
}

const fn session(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low]) & 0x03ff
}
