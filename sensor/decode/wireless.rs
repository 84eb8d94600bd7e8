//! IEEE 802.11 and what capture programs put before it: radiotap, PPI, Prism, AVS.
//!
//! Owns: their headers. Never does: opening what is encrypted, putting fragments or aggregates of frames together (they are
//! counted), checking the check sequence (the IP length decides where a payload ends).

use crate::ethernet;
use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;
use egret_model::MacAddress;

/// LINKTYPE_ numbers, as PPI announces what stands behind it.
pub(crate) const IEEE_802_11: u16 = 105;
pub(crate) const PRISM: u16 = 119;
pub(crate) const RADIOTAP: u16 = 127;
pub(crate) const AVS: u16 = 163;
pub(crate) const PPI: u16 = 192;
const ETHERNET: u32 = 1;

/// Radiotap (<https://www.radiotap.org>): version, padding, length, words that say which fields follow. Of these only the flags
/// matter, the second field.
pub(crate) fn radiotap<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    const HEAD: usize = 4;
    const WORD: usize = 4;
    const TIME_IS_PRESENT: u32 = 1;
    const FLAGS_ARE_PRESENT: u32 = 1 << 1;
    const MORE_WORDS: u32 = 1 << 31;
    const PADDED: u8 = 0x20;
    const DAMAGED: u8 = 0x40;
    let malformed = layer.malformed(Part::Wireless);
    let [version, _, l0, l1] = layer.array(Part::Wireless)?;
    let length = usize::from(u16::from_le_bytes([l0, l1])).checked_sub(HEAD);
    let fields = layer.take(length.filter(|_| version == 0).ok_or(malformed)?, Part::Wireless)?;
    let mut words = fields.as_chunks::<WORD>().0.iter().map(|word| u32::from_le_bytes(*word));
    let first = words.clone().next().ok_or(malformed)?;
    let count = words.position(|word| word & MORE_WORDS == 0).ok_or(malformed)? + 1;
    let mut flags = 0;
    if first & FLAGS_ARE_PRESENT != 0 {
        let mut at = HEAD + count * WORD;
        if first & TIME_IS_PRESENT != 0 {
            at = at.next_multiple_of(8) + 8;
        }
        flags = *fields.get(at - HEAD).ok_or(malformed)?;
    }
    if flags & DAMAGED != 0 {
        return Err(layer.malformed(Part::Wireless));
    }
    read(layer, frame, flags & PADDED != 0)
}

/// Per-packet information: version, flags, length, link type of what follows; then fields.
pub(crate) fn per_packet<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    const HEAD: usize = 8;
    let malformed = layer.malformed(Part::Wireless);
    let [version, _, l0, l1, t0, t1, t2, t3] = layer.array(Part::Wireless)?;
    let fields = usize::from(u16::from_le_bytes([l0, l1])).checked_sub(HEAD);
    layer.take(fields.filter(|_| version == 0).ok_or(malformed)?, Part::Wireless)?;
    match u32::from_le_bytes([t0, t1, t2, t3]) {
        ETHERNET => Ok(Step::Header(Header::Ethernet, layer)),
        number if number == u32::from(IEEE_802_11) => read(layer, frame, false),
        number => Err(layer.refuse(Cause::LinkType(u16::try_from(number).unwrap_or(u16::MAX)))),
    }
}

/// Prism: a code and a length, in the byte order of the machine. Some programs write AVS under its number.
pub(crate) fn prism<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    const HEAD: usize = 8;
    const LONGEST: u32 = 1024;
    if is_avs(&layer) {
        return avs(layer, frame);
    }
    let malformed = layer.malformed(Part::Wireless);
    let [_, _, _, _, length @ ..] = layer.array::<HEAD>(Part::Wireless)?;
    let length = u32::from_le_bytes(length).min(u32::from_be_bytes(length));
    let rest = (length as usize).checked_sub(HEAD).filter(|_| length <= LONGEST);
    layer.take(rest.ok_or(malformed)?, Part::Wireless)?;
    read(layer, frame, false)
}

fn is_avs(layer: &Layer<'_>) -> bool {
    matches!(layer.peek(), Some([0x80, 0x21, 0x10, _]))
}

/// AVS: a magic number with the version, a length.
pub(crate) fn avs<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    const HEAD: usize = 8;
    let malformed = layer.malformed(Part::Wireless);
    if !is_avs(&layer) {
        return Err(malformed);
    }
    let [_, _, _, _, length @ ..] = layer.array::<HEAD>(Part::Wireless)?;
    let rest = (u32::from_be_bytes(length) as usize).checked_sub(HEAD);
    layer.take(rest.ok_or(malformed)?, Part::Wireless)?;
    read(layer, frame, false)
}

/// A frame of IEEE 802.11 (clause 9.2.4): control, duration, three addresses, sequence; a fourth address between access points;
/// two bytes of quality of service, and four more where it says so. `padded` headers end on a multiple of four bytes.
pub(crate) fn read<'a>(layer: Layer<'a>, frame: &mut Frame, padded: bool) -> Result<Step<'a>, Fault> {
    let [kind, flags] = *layer.peek().ok_or_else(|| layer.short(Part::Wireless))?;
    controlled((kind, flags), layer, frame, padded)
}

/// The same with the two bytes of its control in the other order.
pub(crate) fn swapped<'a>(layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let [flags, kind] = *layer.peek().ok_or_else(|| layer.short(Part::Wireless))?;
    controlled((kind, flags), layer, frame, false)
}

fn controlled<'a>(
    (kind, flags): (u8, u8),
    mut layer: Layer<'a>,
    frame: &mut Frame,
    padded: bool,
) -> Result<Step<'a>, Fault> {
    const VERSION: u8 = 0x03;
    const TYPE: u8 = 0x0c;
    const DATA: u8 = 0x08;
    const WITHOUT_DATA: u8 = 0x40;
    const QUALITY: u8 = 0x80;
    const MORE_FRAGMENTS: u8 = 0x04;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;
    if kind & VERSION != 0 {
        return Err(layer.malformed(Part::Wireless));
    }
    // Management and control; data frames that only tell of power saving.
    if kind & TYPE != DATA || kind & WITHOUT_DATA != 0 {
        return Ok(Step::Control);
    }
    layer.array::<4>(Part::Wireless)?;
    let addresses: [[u8; 6]; 3] =
        [layer.array(Part::Wireless)?, layer.array(Part::Wireless)?, layer.array(Part::Wireless)?];
    let [sequence, _] = layer.array(Part::Wireless)?;
    let mut length = 24;
    let [one, two, three] = addresses;
    let (destination, source) = match flags & 3 {
        0 => (one, two),
        1 => (three, two),
        2 => (one, three),
        _ => {
            length += 6;
            (three, layer.array(Part::Wireless)?)
        }
    };
    (frame.destination_mac, frame.source_mac) = (Some(MacAddress(destination)), Some(MacAddress(source)));
    let mut aggregate = false;
    if kind & QUALITY != 0 {
        let [quality, _] = layer.array(Part::Wireless)?;
        aggregate = quality & AGGREGATE != 0;
        length += 2;
        if flags & ORDER != 0 {
            layer.array::<4>(Part::Wireless)?;
            length += 4;
        }
    }
    if padded {
        layer.take(usize::next_multiple_of(length, 4) - length, Part::Wireless)?;
    }
    // Hardware that decrypts may leave the flag as it was on the air.
    if flags & PROTECTED != 0 && layer.peek() != Some(&[0xaa, 0xaa, 0x03, 0, 0, 0]) {
        return Err(layer.refuse(Cause::EncryptedWireless));
    }
    if aggregate || flags & MORE_FRAGMENTS != 0 || sequence & 0x0f != 0 {
        return Err(layer.refuse(Cause::WirelessParts));
    }
    ethernet::llc(layer)
}
