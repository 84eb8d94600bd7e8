//! PPP (RFC 1661), its framing (RFC 1662), Cisco's HDLC, and PPP over Ethernet (RFC 2516).
//!
//! Owns: their headers. Never does: link control or authentication; those frames hold no content.

use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;
use crate::tunnel::Hop;

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const MPLS_UNICAST: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;
/// A whole datagram, compressed (RFC 1962) or encrypted (RFC 1968, RFC 3078).
const COMPRESSED: u16 = 0x00fd;
const ENCRYPTED: u16 = 0x0053;
/// From here on, protocols that negotiate (RFC 1661 section 2).
const FIRST_CONTROL: u16 = 0x8000;

/// Reads the protocol field. Address and control field may be left out (RFC 1661 section 6.6), and a protocol below 256 may
/// take one byte (section 6.5).
pub(crate) fn read(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    let malformed = layer.malformed(Part::Ppp);
    // All stations, unnumbered information: the only address and control there are (RFC 1662 section 3.1).
    if layer.peek() == Some(&[0xff]) && layer.array(Part::Ppp)? != [0xff, 0x03] {
        return Err(malformed);
    }
    let [first] = layer.array(Part::Ppp)?;
    let number = if first & 1 == 1 {
        u16::from(first)
    } else {
        let [second] = layer.array(Part::Ppp)?;
        u16::from_be_bytes([first, second])
    };
    match number {
        IPV4 | IPV6 => Ok(Step::Header(Header::Ip, layer)),
        MPLS_UNICAST | MPLS_MULTICAST => Ok(Step::Header(Header::Mpls, layer)),
        COMPRESSED | ENCRYPTED => Err(layer.refuse(Cause::EncryptedPpp)),
        FIRST_CONTROL.. => Ok(Step::Control),
        number => Err(layer.refuse(Cause::PppProtocol(number))),
    }
}

/// PPP, or Cisco's HDLC (RFC 1547 section 4.3.1): unicast or broadcast address, a zero, an EtherType.
pub(crate) fn hdlc(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    /// Cisco's keep-alive.
    const SLARP: u16 = 0x8035;
    match layer.peek() {
        Some([0x0f | 0x8f, 0x00]) => {
            let [_, _, t0, t1] = layer.array(Part::Hdlc)?;
            match u16::from_be_bytes([t0, t1]) {
                SLARP => Ok(Step::Control),
                number => Ok(Step::Header(Header::EtherType(number), layer)),
            }
        }
        _ => Ok(Step::Header(Header::Ppp, layer)),
    }
}

/// A PPPoE session frame (RFC 2516 section 4): version and type, code, session, length.
pub(crate) fn over_ethernet<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let malformed = layer.malformed(Part::Pppoe);
    let [version_and_type, code, s0, s1, l0, l1] = layer.array(Part::Pppoe)?;
    if version_and_type != 0x11 {
        return Err(malformed);
    }
    if code != 0 {
        return Ok(Step::Control);
    }
    layer.limit(u16::from_be_bytes([l0, l1]).into());
    frame.enter(Hop::Pppoe(u16::from_be_bytes([s0, s1])), &layer)?;
    Ok(Step::Header(Header::Ppp, layer))
}
