//! Proof by content, for headers that no field announces: is this the start of an IP packet, or of an Ethernet frame?
//!
//! Owns: the tests. Never does: judging more than the headers named; what follows is read, and counted, like any other.

use crate::ethernet::{
    ARP, EAPOL, IPV4, IPV6, LLDP, MPLS_MULTICAST, MPLS_UNICAST, PPPOE_DISCOVERY, PPPOE_SESSION,
    VLAN_CUSTOMER, VLAN_PROVIDER, VLAN_STACKED,
};
use crate::layer::Layer;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// VLAN tags looked behind.
const TAGS: usize = 4;

/// The start of an IPv4 or IPv6 header whose lengths fit into the layer.
pub(crate) fn ip(layer: &Layer<'_>) -> bool {
    ip_start(layer.bytes(), layer.promised())
}

fn ip_start(bytes: &[u8], promised: usize) -> bool {
    match bytes {
        [first, _, l0, l1, ..] if first >> 4 == 4 => {
            let header = usize::from(first & 0x0f) * 4;
            let total = usize::from(u16::from_be_bytes([*l0, *l1]));
            // No total length at all is a super-frame.
            header >= IPV4_HEADER
                && promised >= header
                && (total == 0 || (header..=promised).contains(&total))
        }
        [first, _, _, _, l0, l1, ..] if first >> 4 == 6 => {
            let payload = usize::from(u16::from_be_bytes([*l0, *l1]));
            promised >= IPV6_HEADER + payload
        }
        _ => false,
    }
}

/// A PPP frame that carries IP, or negotiates with one of the usual protocols.
pub(crate) fn ppp(layer: &Layer<'_>) -> bool {
    /// Link control, its authentications and quality; control of IP, IPv6, compression, encryption, multilink and bridging.
    const CONTROL: [u16; 12] =
        [0xc021, 0xc023, 0xc025, 0xc223, 0xc227, 0xc02b, 0x8021, 0x8057, 0x80fd, 0x8053, 0x8031, 0x8281];
    let bytes = layer.bytes().strip_prefix(&[0xff, 0x03]).unwrap_or_else(|| layer.bytes());
    match bytes {
        [0x00, 0x21 | 0x57, packet @ ..] | [0x21 | 0x57, packet @ ..] => {
            ip_start(packet, packet.len() + layer.missing())
        }
        [n0, n1, ..] => CONTROL.contains(&u16::from_be_bytes([*n0, *n1])),
        _ => false,
    }
}

/// An Ethernet frame, tagged or not, that carries IP, ARP, MPLS, PPPoE, EAPOL, LLDP or spanning tree.
pub(crate) fn ethernet(layer: &Layer<'_>) -> bool {
    let mut rest = match layer.bytes().split_at_checked(12) {
        Some((_addresses, rest)) => rest,
        None => return false,
    };
    for _ in 0..=TAGS {
        let Some((number, payload)) = rest.split_first_chunk::<2>() else { return false };
        let promised = payload.len() + layer.missing();
        match (u16::from_be_bytes(*number), payload) {
            (VLAN_CUSTOMER | VLAN_PROVIDER | VLAN_STACKED, [_, _, behind @ ..]) => rest = behind,
            (IPV4, [first, ..]) => return first >> 4 == 4 && ip_start(payload, promised),
            (IPV6, [first, ..]) => return first >> 4 == 6 && ip_start(payload, promised),
            // Ethernet and IPv4 addresses of their usual lengths (RFC 826).
            (ARP, payload) => return payload.starts_with(&[0, 1, 8, 0, 6, 4]),
            (MPLS_UNICAST | MPLS_MULTICAST | LLDP | EAPOL, [_, ..]) => return true,
            (PPPOE_DISCOVERY | PPPOE_SESSION, [first, ..]) => return *first == 0x11,
            // Spanning tree, SNAP, IS-IS.
            (length @ 3..=1500, [d, s, 0x03, ..]) => {
                return d == s && [0x42, 0xaa, 0xfe].contains(d) && promised >= length.into();
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_is_told_by_its_lengths() {
        let header = |first: u8, total: u16| {
            let [high, low] = total.to_be_bytes();
            let mut bytes = vec![first, 0, high, low];
            bytes.resize(60, 0);
            bytes
        };
        for (first, total, plausible) in [
            (0x45, 60, true),
            (0x45, 61, false),
            (0x45, 19, false),
            (0x44, 60, false),
            (0x45, 0, true),
            (0x55, 60, false),
        ] {
            assert_eq!(ip(&Layer::new(&header(first, total), 0)), plausible, "{first:#x} {total}");
        }
        assert!(ip(&Layer::new(&header(0x45, 1500), 1440)), "cut by the snap length");
        let six = |payload: u8| [&[0x60, 0, 0, 0, 0, payload][..], &[0; 54]].concat();
        assert!(ip(&Layer::new(&six(20), 0)) && !ip(&Layer::new(&six(21), 0)));
        assert!(!ip(&Layer::new(&[], 0)) && !ip(&Layer::new(&[0x45], 0)));
    }

    #[test]
    fn ethernet_is_told_by_what_it_carries() {
        let frame = |types: &[u8], payload: &[u8]| [&[2; 12][..], types, payload, &[0; 50]].concat();
        let ip: &[u8] = &[0x45, 0, 0, 40];
        assert!(ethernet(&Layer::new(&frame(&[8, 0], ip), 0)));
        assert!(ethernet(&Layer::new(&frame(&[0x81, 0, 0, 7, 0x88, 0xa8, 0, 7, 8, 0], ip), 0)));
        assert!(!ethernet(&Layer::new(&frame(&[0x86, 0xdd], ip), 0)));
        assert!(!ethernet(&Layer::new(&frame(&[0x12, 0x34], ip), 0)));
        assert!(ethernet(&Layer::new(&frame(&[0, 38], &[0x42, 0x42, 3]), 0)));
        assert!(!ethernet(&Layer::new(&frame(&[0, 138], &[0x42, 0x42, 3]), 0)));
        assert!(!ethernet(&Layer::new(&[2; 12], 0)));
    }
}
