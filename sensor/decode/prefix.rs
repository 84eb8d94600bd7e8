//! What firewalls, hosts, switches and capture cards put before a packet, or into its head: NFLOG, PKTAP, ERF, and the tags of
//! Broadcom's and Marvell's switches.
//!
//! Owns: their headers. Never does: believing what they say of direction or process; addresses decide.

use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;
use crate::tunnel::Hop;
use egret_model::MacAddress;

/// LINKTYPE_ numbers.
pub(crate) const PPP_WITH_DIRECTION: u16 = 204;
pub(crate) const ERF: u16 = 197;
pub(crate) const NFLOG: u16 = 239;
pub(crate) const PKTAP: u16 = 258;
/// That of private use under which macOS has written PKTAP.
pub(crate) const PKTAP_BEFORE: u16 = 149;
pub(crate) const BROADCOM_TAG: u16 = 281;
pub(crate) const BROADCOM_TAG_BEFORE: u16 = 282;
pub(crate) const MARVELL_TAG: u16 = 284;
pub(crate) const MARVELL_ETHERTYPE_TAG: u16 = 285;

/// A byte that tells the direction, then PPP.
pub(crate) fn ppp_with_direction(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    layer.array::<1>(Part::Ppp)?;
    Ok(Step::Header(Header::Hdlc, layer))
}

/// Netfilter's log (LINKTYPE_NFLOG): address family, version, group; then values with length and type, in the byte order of the
/// machine, each filled up to four bytes. One of them is the packet.
pub(crate) fn netfilter_log<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    /// Length and type.
    const HEAD: usize = 4;
    /// Types (`NFULA_`): the address that the packet came from, and the packet.
    const HARDWARE_ADDRESS: u16 = 8;
    const PAYLOAD: u16 = 9;
    let malformed = layer.malformed(Part::NetfilterLog);
    let [_family, version, _, _] = layer.array(Part::NetfilterLog)?;
    if version != 0 {
        return Err(malformed);
    }
    // Each round takes at least four bytes.
    loop {
        let [l0, l1, t0, t1] = layer.array(Part::NetfilterLog)?;
        // Types are small numbers, so the order shows.
        let little = u16::from_le_bytes([t0, t1]);
        let is_little = little < u16::from_be_bytes([t0, t1]);
        let (kind, length) = if is_little {
            (little, u16::from_le_bytes([l0, l1]))
        } else {
            (u16::from_be_bytes([t0, t1]), u16::from_be_bytes([l0, l1]))
        };
        let length = usize::from(length).checked_sub(HEAD).ok_or(malformed)?;
        if kind == PAYLOAD {
            layer.limit(length);
            return Ok(Step::Header(Header::Ip, layer));
        }
        let value = layer.take(length.next_multiple_of(4), Part::NetfilterLog)?;
        // Its length, two bytes that mean nothing, the address.
        if let (HARDWARE_ADDRESS, [0, 6, _, _, a0, a1, a2, a3, a4, a5, ..]) = (kind, value) {
            frame.source_mac = Some(MacAddress([*a0, *a1, *a2, *a3, *a4, *a5]));
        }
    }
}

/// macOS's PKTAP: length of this header, kind of record, link type of the packet, then names and numbers of interface and
/// process. Gives the link type.
pub(crate) fn packet_tap<'a>(layer: &mut Layer<'a>, number: u16) -> Result<u16, Fault> {
    const HEAD: usize = 12;
    const LONGEST: usize = 1024;
    const PACKET: u32 = 1;
    let (refused, malformed) = (layer.refuse(Cause::LinkType(number)), layer.malformed(Part::PacketTap));
    let mut words = [0; 3];
    let head = layer.array::<HEAD>(Part::PacketTap)?;
    words.iter_mut().zip(head.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    let [length, kind, link] = words;
    let rest = (length as usize).checked_sub(HEAD).filter(|rest| *rest <= LONGEST && kind == PACKET);
    // Under a number of private use it may be anything.
    let unknown = if number == PKTAP { malformed } else { refused };
    layer.take(rest.ok_or(unknown)?, Part::PacketTap)?;
    u16::try_from(link).ok().filter(|link| ![PKTAP, PKTAP_BEFORE].contains(link)).ok_or(malformed)
}

/// The extensible record format of Endace's cards: time, type, flags, length of the record, losses, length on the wire; further
/// headers of eight bytes while the first bit of the type, then of each of them, is set.
pub(crate) fn extensible_record(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    const MORE: u8 = 0x80;
    let unsupported = layer.refuse(Cause::LinkType(ERF));
    let [_, _, _, _, _, _, _, _, kind, _, _, _, _, _, w0, w1] = layer.array(Part::ExtensibleRecord)?;
    let mut more = kind;
    while more & MORE != 0 {
        [more, ..] = layer.array::<8>(Part::ExtensibleRecord)?;
    }
    let header = match kind & !MORE {
        // As they are, and with colours or hashes in place of the losses.
        1 | 10 | 15 | 17 => Header::Hdlc,
        2 | 11 | 16 | 20 => {
            // An offset and a pad.
            layer.array::<2>(Part::ExtensibleRecord)?;
            Header::Ethernet
        }
        22 | 23 => Header::Ip,
        // Of the card, and padding.
        27 | 48 => return Ok(Step::Control),
        _ => return Err(unsupported),
    };
    layer.limit(u16::from_be_bytes([w0, w1]).into());
    Ok(Step::Header(header, layer))
}

/// Ethernet with four bytes of Broadcom's before the type.
pub(crate) fn broadcom_tag<'a>(layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    switch_tag::<4>(layer, frame).map(|(step, _)| step)
}

/// The same before the frame.
pub(crate) fn broadcom_tag_before(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    layer.array::<4>(Part::SwitchTag)?;
    Ok(Step::Header(Header::Ethernet, layer))
}

/// Ethernet with four bytes of Marvell's before the type, the last twelve bits of which are a VLAN; with an EtherType of its
/// own and two zeros before them where `announced`.
pub(crate) fn marvell_tag<'a>(
    layer: Layer<'a>,
    frame: &mut Frame,
    announced: bool,
) -> Result<Step<'a>, Fault> {
    let (step, tag) = if announced {
        let (step, [_, _, _, _, tag @ ..]) = switch_tag::<8>(layer, frame)?;
        (step, tag)
    } else {
        switch_tag::<4>(layer, frame)?
    };
    let vlan = u32::from_be_bytes(tag) as u16 & 0x0fff;
    if let Step::Header(_, inside) = &step
        && vlan != 0
    {
        frame.enter(Hop::Vlan(vlan), inside)?;
    }
    Ok(step)
}

/// Addresses, a tag of `N` bytes, and the type.
fn switch_tag<'a, const N: usize>(
    mut layer: Layer<'a>,
    frame: &mut Frame,
) -> Result<(Step<'a>, [u8; N]), Fault> {
    let [destination, source] = [layer.array(Part::Ethernet)?, layer.array(Part::Ethernet)?];
    (frame.destination_mac, frame.source_mac) = (Some(MacAddress(destination)), Some(MacAddress(source)));
    let tag = layer.array(Part::SwitchTag)?;
    let number = u16::from_be_bytes(layer.array(Part::Ethernet)?);
    Ok((crate::ethernet::type_or_length(number, layer)?, tag))
}
