//! Ethernet II, IEEE 802.3 with 802.2 and SNAP, and the tags between Ethernet and its payload: VLAN, VN-Tag, MACsec.
//!
//! Owns: everything an EtherType can announce. Never does: using the padding or the check sequence behind a payload; the IP
//! length decides where that ends.

use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;
use crate::tunnel::Hop;
use egret_model::{LinkKind, MacAddress};

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const ARP: u16 = 0x0806;
/// IEEE 802.1Q, 802.1ad, and what stacked tags used before that.
pub(crate) const VLAN_CUSTOMER: u16 = 0x8100;
pub(crate) const VLAN_PROVIDER: u16 = 0x88a8;
pub(crate) const VLAN_STACKED: u16 = 0x9100;
pub(crate) const MPLS_UNICAST: u16 = 0x8847;
pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
pub(crate) const PPPOE_DISCOVERY: u16 = 0x8863;
pub(crate) const PPPOE_SESSION: u16 = 0x8864;
/// Ethernet within another header (Linux `ETH_P_TEB`).
pub(crate) const BRIDGED_ETHERNET: u16 = 0x6558;
pub(crate) const LLDP: u16 = 0x88cc;
pub(crate) const EAPOL: u16 = 0x888e;
const VN_TAG: u16 = 0x8926;
const MACSEC: u16 = 0x88e5;
/// 802.2 without a length before it, as Linux numbers it in cooked captures.
const LINUX_802_2: u16 = 0x0004;

/// From here on the field is a type, up to [`LONGEST_LENGTH`] a length (IEEE 802.3 clause 3.2.6).
const SMALLEST_TYPE: u16 = 0x0600;
const LONGEST_LENGTH: u16 = 1500;

/// EtherTypes of the network's own business that tell nothing of who is there: RARP, wake on LAN, DEC maintenance, pause, slow protocols, PPPoE discovery,
/// LLDP, VLAN registration, PTP, fault management, FCoE initialisation, IEEE 1905, HomePlug, loop detection.
const CONTROL: &[u16] = &[
    0x0842,
    0x6001,
    0x6002,
    0x6003,
    0x8035,
    0x8808,
    0x8809,
    PPPOE_DISCOVERY,
    0x8899,
    0x887b,
    LLDP,
    0x88e1,
    0x88f5,
    0x88f6,
    0x88f7,
    0x8902,
    0x890d,
    0x8912,
    0x8914,
    0x893a,
    0x9000,
    0x9003,
];

/// Reads the addresses and the type of an Ethernet frame.
pub(crate) fn read<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = layer.array(Part::Ethernet)?;
    frame.destination_mac = Some(MacAddress([d0, d1, d2, d3, d4, d5]));
    frame.source_mac = Some(MacAddress([s0, s1, s2, s3, s4, s5]));
    type_or_length(u16::from_be_bytes([t0, t1]), layer)
}

pub(crate) fn type_or_length(number: u16, mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    match number {
        SMALLEST_TYPE.. => Ok(Step::Header(Header::EtherType(number), layer)),
        ..=LONGEST_LENGTH => {
            layer.limit(number.into());
            Ok(Step::Header(Header::Llc, layer))
        }
        _ => Err(layer.malformed(Part::Ethernet)),
    }
}

/// Reads what an EtherType announces.
pub(crate) fn ether_type<'a>(number: u16, layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    match number {
        IPV4 | IPV6 => Ok(Step::Header(Header::Ip, layer)),
        VLAN_CUSTOMER | VLAN_PROVIDER | VLAN_STACKED => vlan(layer, frame),
        MPLS_UNICAST | MPLS_MULTICAST => Ok(Step::Header(Header::Mpls, layer)),
        PPPOE_SESSION => Ok(Step::Header(Header::Pppoe, layer)),
        BRIDGED_ETHERNET => {
            frame.open(&layer)?;
            Ok(Step::Header(Header::Ethernet, layer))
        }
        VN_TAG => vn_tag(layer, frame),
        MACSEC => mac_sec(layer, frame),
        LINUX_802_2 => Ok(Step::Header(Header::Llc, layer)),
        EAPOL => Ok(Step::Link(LinkKind::Eapol, layer)),
        ARP => Ok(Step::Link(LinkKind::Arp, layer)),
        number if CONTROL.contains(&number) => Ok(Step::Control),
        number => Err(layer.refuse(Cause::EtherType(number))),
    }
}

/// IEEE 802.1Q clause 9.6.
fn vlan<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [c0, c1, t0, t1] = layer.array(Part::Vlan)?;
    match u16::from_be_bytes([c0, c1]) & 0x0fff {
        // A priority without a VLAN.
        0 => frame.open(&layer)?,
        id => frame.enter(Hop::Vlan(id), &layer)?,
    }
    type_or_length(u16::from_be_bytes([t0, t1]), layer)
}

/// Cisco's VN-Tag: direction, pointer, destination interface (14 bits); looped, reserved, version, source interface (12 bits).
/// The named interface is the virtual machine's, whichever way the frame goes.
fn vn_tag<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [d0, d1, s0, s1, t0, t1] = layer.array(Part::VnTag)?;
    let towards_interface = d0 & 0x80 != 0;
    let (destination, source) =
        (u16::from_be_bytes([d0, d1]) & 0x3fff, u16::from_be_bytes([s0, s1]) & 0x0fff);
    frame.enter(Hop::VnTag(if towards_interface { destination } else { source }), &layer)?;
    type_or_length(u16::from_be_bytes([t0, t1]), layer)
}

/// IEEE 802.1AE clause 9: integrity alone leaves the payload readable; its check value is a trailer.
fn mac_sec<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    const SECURE_CHANNEL: u8 = 0x20;
    const ENCRYPTED_OR_CHANGED: u8 = 0x0c;
    let [control, _short_length, _, _, _, _] = layer.array(Part::MacSec)?;
    if control & SECURE_CHANNEL != 0 {
        layer.array::<8>(Part::MacSec)?;
    }
    if control & ENCRYPTED_OR_CHANGED != 0 {
        return Err(layer.refuse(Cause::EncryptedEthernet));
    }
    frame.open(&layer)?;
    let number = u16::from_be_bytes(layer.array(Part::MacSec)?);
    type_or_length(number, layer)
}

/// IEEE 802.2, and SNAP (RFC 1042).
pub(crate) fn llc(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    const SNAP: u8 = 0xaa;
    const IP: u8 = 0x06;
    /// Spanning tree, IS-IS, and the null access point of test frames.
    const CONTROL_POINTS: [u8; 3] = [0x42, 0xfe, 0x00];
    let [destination, source, control] = layer.array(Part::Llc)?;
    match destination {
        SNAP if source == SNAP && control == 0x03 => snap(layer),
        IP => Ok(Step::Header(Header::Ip, layer)),
        point if CONTROL_POINTS.contains(&point) => Ok(Step::Control),
        point => Err(layer.refuse(Cause::LlcAccessPoint(point))),
    }
}

/// What follows the access points of SNAP: who owns the number, and the number.
pub(crate) fn snap(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    /// EtherTypes as they are, and as IEEE 802.1H tunnels them.
    const ETHER_TYPES: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];
    /// Cisco's discovery, trunking and spanning tree protocols; Extreme's discovery.
    const CONTROL_OWNERS: [[u8; 3]; 2] = [[0, 0, 0x0c], [0, 0xe0, 0x2b]];
    let owner = layer.array::<3>(Part::Llc)?;
    let number = u16::from_be_bytes(layer.array(Part::Llc)?);
    if ETHER_TYPES.contains(&owner) {
        Ok(Step::Header(Header::EtherType(number), layer))
    } else if CONTROL_OWNERS.contains(&owner) {
        Ok(Step::Control)
    } else {
        Err(layer.refuse(Cause::LlcAccessPoint(0xaa)))
    }
}
