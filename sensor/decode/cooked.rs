//! Linux cooked captures, versions 1 and 2 (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2): what "any" interface gives.
//!
//! Owns: their headers. Never does: using the packet type; direction is decided by addresses.

use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use egret_model::MacAddress;

/// Linux hardware type (`ARPHRD_`) of messages between kernel and programs.
const NETLINK: u16 = 824;
/// Hardware types whose protocol field is no EtherType: IEEE 802.11 as it is, behind Prism and behind radiotap; frame relay.
const WIRELESS: u16 = 801;
const WIRELESS_PRISM: u16 = 802;
const WIRELESS_RADIOTAP: u16 = 803;
const FRAME_RELAY: u16 = 770;

/// Version 1: packet type, hardware type, address length, address, protocol.
pub(crate) fn version_one<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [_, _, h0, h1, l0, l1, a0, a1, a2, a3, a4, a5, _, _, p0, p1] = layer.array(Part::Cooked)?;
    let address_length = u16::from_be_bytes([l0, l1]);
    sender(frame, address_length, [a0, a1, a2, a3, a4, a5]);
    protocol(u16::from_be_bytes([p0, p1]), u16::from_be_bytes([h0, h1]), layer)
}

/// Version 2: protocol, reserved, interface index, hardware type, packet type, address length, address.
pub(crate) fn version_two<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [p0, p1, _, _, _, _, _, _, h0, h1, _, length, a0, a1, a2, a3, a4, a5, _, _] =
        layer.array(Part::Cooked)?;
    sender(frame, length.into(), [a0, a1, a2, a3, a4, a5]);
    protocol(u16::from_be_bytes([p0, p1]), u16::from_be_bytes([h0, h1]), layer)
}

const fn sender(frame: &mut Frame, length: u16, address: [u8; 6]) {
    if length == 6 {
        frame.source_mac = Some(MacAddress(address));
    }
}

fn protocol(number: u16, hardware: u16, layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    match hardware {
        NETLINK => Ok(Step::Control),
        WIRELESS => Ok(Step::Header(Header::Wireless, layer)),
        WIRELESS_PRISM => Ok(Step::Header(Header::Prism, layer)),
        WIRELESS_RADIOTAP => Ok(Step::Header(Header::Radiotap, layer)),
        FRAME_RELAY => Ok(Step::Header(Header::FrameRelay, layer)),
        _ => Ok(Step::Header(Header::EtherType(number), layer)),
    }
}
