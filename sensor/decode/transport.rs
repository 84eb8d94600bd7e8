//! Transport headers: TCP (RFC 9293), UDP (RFC 768), and the echo messages of ICMP (RFC 792) and ICMPv6 (RFC 4443).
//!
//! Owns: where the header ends and the payload begins. Never does: anything with sequence numbers; verifying checksums, which
//! the segment itself can do where that is of use.

use crate::frame::Datagram;
use crate::layer::{Fault, Layer, Part};
use egret_model::{TcpChecksum, TcpFlags, Transport, ones_complement_sum};
use etherparse::{IpNumber, ip_number};

/// A TCP header without options.
pub(crate) const PLAIN_TCP: usize = 20;

/// A transport header that was read.
pub(crate) struct Read<'a> {
    pub(crate) transport: Transport,
    pub(crate) tcp_checksum: Option<TcpChecksum>,
    pub(crate) payload: Layer<'a>,
}

/// Reads the transport header of a whole datagram; None for a message that holds no content.
pub(crate) fn read<'a>(datagram: &Datagram<'a>) -> Result<Option<Read<'a>>, Fault> {
    let Datagram { protocol, payload, verifiable, .. } = *datagram;
    match protocol {
        ip_number::TCP => tcp(payload, verifiable).map(Some),
        ip_number::UDP => udp(payload).map(Some),
        ip_number::ICMP | ip_number::IPV6_ICMP => icmp(protocol, payload),
        IpNumber(protocol) => {
            Ok(Some(Read { transport: Transport::Other { protocol }, tcp_checksum: None, payload }))
        }
    }
}

fn tcp(mut layer: Layer<'_>, verifiable: bool) -> Result<Read<'_>, Fault> {
    let whole = layer;
    let fixed: [u8; PLAIN_TCP] = layer.array(Part::Tcp)?;
    let header = tcp_header_bytes(&fixed);
    if header < PLAIN_TCP || header > whole.promised() {
        return Err(whole.malformed(Part::Tcp));
    }
    let transport = tcp_fields(&fixed);
    let Some(bytes) = whole.bytes().get(..header) else {
        // The snap length cut within the options: what comes behind them is missing, and how much is known.
        let payload = Layer::new(&[], whole.promised() - header);
        return Ok(Read { transport, tcp_checksum: None, payload });
    };
    layer.take(header - PLAIN_TCP, Part::Tcp)?;
    Ok(Read { transport, tcp_checksum: verifiable.then(|| tcp_checksum(&fixed, bytes)), payload: layer })
}

/// Length of the header by its data offset, bytes; too short where that is wrong.
pub(crate) const fn tcp_header_bytes(fixed: &[u8; PLAIN_TCP]) -> usize {
    ((fixed[12] >> 4) as usize) * 4
}

/// The fields of a header's fixed part.
pub(crate) const fn tcp_fields(fixed: &[u8; PLAIN_TCP]) -> Transport {
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, w0, w1, _, _, _, _] = *fixed;
    Transport::Tcp {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: TcpFlags(flags),
        window: u16::from_be_bytes([w0, w1]),
    }
}

/// What the whole `header` contributes to its checksum.
pub(crate) fn tcp_checksum(fixed: &[u8; PLAIN_TCP], header: &[u8]) -> TcpChecksum {
    TcpChecksum {
        field: u16::from_be_bytes([fixed[16], fixed[17]]),
        header_sum: ones_complement_sum(header),
        // Four bits of data offset allow no more than 60.
        header_bytes: header.len() as u8,
    }
}

/// The length field decides, within what IP allows; 0 is a jumbogram (RFC 2675 section 4) or an offloaded super-frame.
fn udp(mut layer: Layer<'_>) -> Result<Read<'_>, Fault> {
    const HEADER: usize = 8;
    let malformed = layer.malformed(Part::Udp);
    let [s0, s1, d0, d1, l0, l1, _, _] = layer.array(Part::Udp)?;
    match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => {}
        length if length < HEADER => return Err(malformed),
        length => layer.limit((length - HEADER).min(layer.promised())),
    }
    let transport = Transport::Udp {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
    };
    Ok(Read { transport, tcp_checksum: None, payload: layer })
}

/// True for the messages that tell link addresses (RFC 4861 sections 4.3 and 4.4).
pub(crate) fn is_neighbour_discovery(datagram: &Datagram<'_>) -> bool {
    datagram.protocol == ip_number::IPV6_ICMP && matches!(datagram.payload.bytes().first(), Some(135 | 136))
}

fn icmp(protocol: IpNumber, mut layer: Layer<'_>) -> Result<Option<Read<'_>>, Fault> {
    let whole = layer;
    let [kind, _, _, _, i0, i1, _, _] = layer.array(Part::Icmp)?;
    let reply = match (protocol, kind) {
        (ip_number::ICMP, 8) | (ip_number::IPV6_ICMP, 128) => false,
        (ip_number::ICMP, 0) | (ip_number::IPV6_ICMP, 129) => true,
        // Errors, router discovery, time stamps, address masks; errors, group and neighbour discovery and what came after.
        (ip_number::ICMP, 3..=5 | 9..=18) | (ip_number::IPV6_ICMP, 1..=4 | 130..=161) => return Ok(None),
        (IpNumber(protocol), _) => {
            let transport = Transport::Other { protocol };
            return Ok(Some(Read { transport, tcp_checksum: None, payload: whole }));
        }
    };
    let transport = Transport::IcmpEcho { identifier: u16::from_be_bytes([i0, i1]), reply };
    Ok(Some(Read { transport, tcp_checksum: None, payload: layer }))
}
