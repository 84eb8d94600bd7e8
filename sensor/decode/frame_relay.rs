//! Frame Relay: addresses of Q.922 and what is behind them (RFC 2427), or an EtherType as Cisco's routers write it.
//!
//! Owns: their headers. Never does: putting fragments (FRF.12) together or decompressing (FRF.9); they are counted.

use crate::ethernet;
use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;

/// Circuits of link management (Q.933 annex A; the last one that of its older form).
const MANAGEMENT: [u32; 2] = [0, 1023];
/// Unnumbered information (RFC 2427 section 4).
const UNNUMBERED: u8 = 0x03;
/// What protocol is meant (ISO/IEC TR 9577): signalling, SNAP, IS-IS and its kin, IPv6, IPv4, PPP (RFC 1973).
const SIGNALLING: u8 = 0x08;
const SNAP: u8 = 0x80;
const ISO: std::ops::RangeInclusive<u8> = 0x81..=0x83;
const IPV6: u8 = 0x8e;
const IPV4: u8 = 0xcc;
const PPP: u8 = 0xcf;
/// Bridged Ethernet in SNAP, with and without a check sequence (RFC 2427 section 4.2).
const BRIDGED_ETHERNET: [[u8; 5]; 2] = [[0x00, 0x80, 0xc2, 0, 1], [0x00, 0x80, 0xc2, 0, 7]];

/// Reads the address, of two to four bytes, and what it is an address of.
pub(crate) fn read<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let malformed = layer.malformed(Part::FrameRelay);
    let [high, low] = layer.array(Part::FrameRelay)?;
    let mut circuit = u32::from(high >> 2) << 4 | u32::from(low >> 4);
    let (mut last, mut more) = (low, 2);
    if high & 1 != 0 {
        return Err(malformed);
    }
    while last & 1 == 0 {
        [last] = layer.array(Part::FrameRelay)?;
        circuit = circuit << 7 | u32::from(last >> 1);
        more -= 1;
        if more == 0 && last & 1 == 0 {
            return Err(malformed);
        }
    }
    if MANAGEMENT.contains(&circuit) {
        return Ok(Step::Control);
    }
    match layer.peek() {
        Some([UNNUMBERED]) => layer.array::<1>(Part::FrameRelay)?,
        _ => {
            let number = u16::from_be_bytes(layer.array(Part::FrameRelay)?);
            return Ok(Step::Header(Header::EtherType(number), layer));
        }
    };
    // A pad, so that what follows is aligned.
    if layer.peek() == Some(&[0]) {
        layer.array::<1>(Part::FrameRelay)?;
    }
    let [protocol] = layer.array(Part::FrameRelay)?;
    match protocol {
        IPV4 | IPV6 => Ok(Step::Header(Header::Ip, layer)),
        PPP => Ok(Step::Header(Header::Ppp, layer)),
        SIGNALLING => Ok(Step::Control),
        number if ISO.contains(&number) => Ok(Step::Control),
        SNAP if layer.peek().is_some_and(|owned| BRIDGED_ETHERNET.contains(owned)) => {
            layer.array::<5>(Part::FrameRelay)?;
            frame.open(&layer)?;
            Ok(Step::Header(Header::Ethernet, layer))
        }
        SNAP => ethernet::snap(layer),
        number => Err(layer.refuse(Cause::NetworkLayerProtocol(number))),
    }
}
