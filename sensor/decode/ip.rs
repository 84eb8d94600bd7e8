//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.
//!
//! Owns: the lengths that decide what is payload. Never does: trusting a zero length, which a sending host's segmentation
//! offload leaves for the card to fill in: the packet then is as long as what was captured.

use crate::extension;
use crate::fragment::Fragment;
use crate::frame::{Datagram, Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;
use crate::tunnel::Hop;
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, err, ip_number};

/// IPv4 header without options.
const PLAIN_IPV4: usize = 20;
/// Less than this behind an IPv6 header of payload length 0 is link padding, not a super-frame.
const SMALLEST_SUPER_FRAME: usize = 20;

/// Transports of routers among themselves, and "nothing follows": IGMP, EGP, IGP, RSVP, EIGRP, OSPF, PIM, VRRP.
const CONTROL: &[IpNumber] = &[
    ip_number::IGMP,
    ip_number::EGP,
    ip_number::IGP,
    ip_number::RSVP,
    ip_number::IPV6_NO_NEXT_HEADER,
    ip_number::EIGRP,
    ip_number::OSPFIGP,
    ip_number::PIM,
    ip_number::VRRP,
];

/// Reads an IP header of either version and the extension headers behind it.
pub(crate) fn read<'a>(layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    match layer.peek() {
        Some([first]) if first >> 4 == 6 => version_six(layer, frame),
        Some([first]) if first >> 4 == 4 => version_four(layer, frame),
        Some(_) => Err(layer.malformed(Part::Ipv4)),
        None => Err(layer.short(Part::Ipv4)),
    }
}

fn version_four<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let header = Ipv4HeaderSlice::from_slice(layer.bytes()).map_err(|error| match error {
        err::ipv4::HeaderSliceError::Len(_) => layer.short(Part::Ipv4),
        err::ipv4::HeaderSliceError::Content(_) => layer.malformed(Part::Ipv4),
    })?;
    let length = header.slice().len();
    match usize::from(header.total_len()) {
        0 => {}
        total if total < length => return Err(layer.malformed(Part::Ipv4)),
        total => layer.limit(total),
    }
    layer.take(length, Part::Ipv4)?;
    let fragment = Fragment {
        identification: header.identification().into(),
        offset: usize::from(header.fragments_offset().value()) * 8,
        more: header.more_fragments(),
    };
    let datagram = Datagram {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: header.protocol(),
        fragment: header.is_fragmenting_payload().then_some(fragment),
        // Options may hold a source route.
        verifiable: length == PLAIN_IPV4,
        payload: layer,
    };
    extension::pass(datagram, frame).map(Step::Datagram)
}

fn version_six<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    let header = Ipv6HeaderSlice::from_slice(layer.bytes()).map_err(|error| match error {
        err::ipv6::HeaderSliceError::Len(_) => layer.short(Part::Ipv6),
        err::ipv6::HeaderSliceError::Content(_) => layer.malformed(Part::Ipv6),
    })?;
    layer.take(header.slice().len(), Part::Ipv6)?;
    let next = header.next_header();
    match usize::from(header.payload_length()) {
        0 => {
            if let Some(jumbo) = extension::jumbo_payload(next, &layer) {
                layer.limit(jumbo);
            } else if layer.promised() < SMALLEST_SUPER_FRAME {
                return Ok(Step::Control);
            }
        }
        length => layer.limit(length),
    }
    let datagram = Datagram {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: next,
        fragment: None,
        verifiable: true,
        payload: layer,
    };
    extension::pass(datagram, frame).map(Step::Datagram)
}

/// Goes into the tunnel that a whole datagram's protocol number announces. None when it announces a transport.
pub(crate) fn tunnel<'a>(datagram: &Datagram<'a>, frame: &mut Frame) -> Result<Option<Step<'a>>, Fault> {
    let payload = datagram.payload;
    let hop = match (datagram.protocol, datagram.source.is_ipv4()) {
        (ip_number::IPV4, false) => Hop::FourInSix,
        (ip_number::IPV6, true) => Hop::SixInFour,
        (ip_number::IPV4 | ip_number::IPV6, _) => Hop::IpInIp,
        (ip_number::GRE, _) => return Ok(Some(Step::Header(Header::Gre, payload))),
        (ip_number::MPLS_IN_IP, _) => {
            frame.forget_macs();
            return Ok(Some(Step::Header(Header::Mpls, payload)));
        }
        (ip_number::ENCAP_SEC, _) => return Err(payload.refuse(Cause::EncryptedIp)),
        (protocol, _) if CONTROL.contains(&protocol) => return Ok(Some(Step::Control)),
        _ => return Ok(None),
    };
    frame.enter(hop, &payload)?;
    frame.forget_macs();
    Ok(Some(Step::Header(Header::Ip, payload)))
}
