//! IPv6 extension headers (RFC 8200 section 4), and the authentication header of both IP versions (RFC 4302).
//!
//! Owns: passing over them up to the transport or a fragment. Never does: acting on an option, but for the jumbo length.

use crate::fragment::Fragment;
use crate::frame::{Datagram, Frame};
use crate::layer::{Fault, Layer, Part};
use etherparse::{IpNumber, ip_number};

/// Passes over the extension headers at the front of a datagram's payload. Ends at a fragment header: what stands behind it
/// may begin in another packet.
pub(crate) fn pass<'a>(mut datagram: Datagram<'a>, frame: &mut Frame) -> Result<Datagram<'a>, Fault> {
    let six = datagram.source.is_ipv6();
    while datagram.fragment.is_none() {
        let layer = &mut datagram.payload;
        match datagram.protocol {
            ip_number::AUTH => {
                frame.extend(layer)?;
                let [next, words, _, _] = layer.array(Part::Authentication)?;
                // The length counts 4-byte words without the first two (RFC 4302 section 2.2).
                let rest = (usize::from(words) * 4 + 8).saturating_sub(4);
                layer.take(rest, Part::Authentication)?;
                datagram.protocol = IpNumber(next);
            }
            ip_number::IPV6_FRAG if six => {
                frame.extend(layer)?;
                let [next, _, o0, o1, i0, i1, i2, i3] = layer.array(Part::Fragment)?;
                let offset_and_flags = u16::from_be_bytes([o0, o1]);
                let fragment = Fragment {
                    identification: u32::from_be_bytes([i0, i1, i2, i3]),
                    offset: usize::from(offset_and_flags & !7),
                    more: offset_and_flags & 1 != 0,
                };
                datagram.protocol = IpNumber(next);
                // A fragment that is the whole datagram stands alone (RFC 6946).
                datagram.fragment = (fragment.offset > 0 || fragment.more).then_some(fragment);
            }
            protocol if six && is_extension(protocol) => {
                frame.extend(layer)?;
                let [next, units, _, left] = layer.array(Part::Ipv6Extension)?;
                layer.take(usize::from(units) * 8 + 4, Part::Ipv6Extension)?;
                // With segments left, the destination is not yet the one that the transport's checksum covers.
                datagram.verifiable &= protocol != ip_number::IPV6_ROUTE || left == 0;
                datagram.protocol = IpNumber(next);
            }
            _ => break,
        }
    }
    Ok(datagram)
}

const fn is_extension(protocol: IpNumber) -> bool {
    matches!(
        protocol,
        ip_number::IPV6_HOP_BY_HOP
            | ip_number::IPV6_ROUTE
            | ip_number::IPV6_DEST_OPTIONS
            | ip_number::MOBILITY
            | ip_number::HIP
            | ip_number::SHIM6
    )
}

/// The length in a jumbo payload option (RFC 2675 section 2), where the first extension header holds one.
pub(crate) fn jumbo_payload(next: IpNumber, layer: &Layer<'_>) -> Option<usize> {
    const PAD_ONE: u8 = 0;
    const JUMBO: u8 = 0xc2;
    if next != ip_number::IPV6_HOP_BY_HOP {
        return None;
    }
    let [_, units] = layer.peek()?;
    let mut options = layer.bytes().get(2..usize::from(*units) * 8 + 8)?;
    loop {
        options = match options {
            [PAD_ONE, rest @ ..] => rest,
            [JUMBO, 4, l0, l1, l2, l3, ..] => {
                return usize::try_from(u32::from_be_bytes([*l0, *l1, *l2, *l3])).ok();
            }
            [_, length, rest @ ..] => rest.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}
