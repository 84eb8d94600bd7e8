//! CAPWAP's data channel (RFC 5415 section 4, RFC 5416 section 2): frames between access points of a wireless network and their
//! controller.
//!
//! Owns: its header, and which byte order the frame behind it has. Never does: putting fragments together, opening DTLS; those
//! datagrams are payload like any other.

use crate::frame::Header;
use crate::layer::{Fault, Layer, Part};
use crate::plausible;
use crate::tunnel::Hop;
use crate::udp_tunnel::Opened;

/// The preamble of a channel that is not encrypted, in version 0.
const PLAIN: u8 = 0;
/// Of the third byte: a frame of the wireless network rather than IEEE 802.3.
const NATIVE: u8 = 0x01;
/// Of the last byte of flags: a fragment.
const FRAGMENT: u8 = 0x80;
/// Of the control of an IEEE 802.11 frame: version and type; the types of management and data.
const VERSION_AND_TYPE: u8 = 0x0f;
const MANAGEMENT: u8 = 0x00;
const DATA: u8 = 0x08;

/// Preamble, header length (5 bits, in words), radio (5), binding (5), what the frame is (1), flags, fragment; then addresses and
/// radio information up to the header's length.
pub(crate) fn open(mut layer: Layer<'_>) -> Result<Option<Opened<'_>>, Fault> {
    const HEAD: usize = 8;
    const ETHERNET_BINDING: u8 = 0;
    const WIRELESS_BINDING: u8 = 1;
    let [preamble, length, kind, flags, ..] = layer.array::<HEAD>(Part::Udp)?;
    let Some(rest) = (usize::from(length >> 3) * 4).checked_sub(HEAD) else { return Ok(None) };
    if preamble != PLAIN || flags & FRAGMENT != 0 {
        return Ok(None);
    }
    layer.take(rest, Part::Udp)?;
    let hop = Some(Hop::Capwap);
    Ok(match (kind & NATIVE != 0, kind >> 1 & 0x1f) {
        (true, WIRELESS_BINDING) => frame(&layer).map(|header| Opened { hop, header, inside: layer }),
        (false, ETHERNET_BINDING | WIRELESS_BINDING) if plausible::ethernet(&layer) => {
            Some(Opened { hop, header: Header::Ethernet, inside: layer })
        }
        _ => None,
    })
}

/// A frame of IEEE 802.11 begins here: Cisco's access points write the two bytes of its control in the other order.
fn frame(layer: &Layer<'_>) -> Option<Header> {
    let [first, second] = *layer.peek()?;
    match (first & VERSION_AND_TYPE, second & VERSION_AND_TYPE) {
        (DATA, _) => Some(Header::Wireless),
        (_, DATA) => Some(Header::WirelessSwapped),
        (MANAGEMENT, _) => Some(Header::Wireless),
        (_, MANAGEMENT) => Some(Header::WirelessSwapped),
        _ => None,
    }
}
