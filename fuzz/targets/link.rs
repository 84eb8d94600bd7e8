//! Any bytes as Ethernet frames of the link itself: each is a byte of length, then as many bytes, behind fixed addresses and one of the
//! EtherTypes that are looked into. No panic, bounded memory, and no more told than a station has addresses.

use egret_decode::Decoder;
use egret_model::{Cursor, DecodeLimits, LinkType, Packet, PacketRef, ProtocolLimits, Timestamp};
use egret_protocol::LinkWatch;

pub(crate) fn run(data: &[u8]) {
    let limits = ProtocolLimits { link_stations: 4, ..ProtocolLimits::default() };
    let (mut decoder, mut watch) = (Decoder::new(&DecodeLimits::default()), LinkWatch::new(&limits));
    decoder.keep_link_frames();
    let mut cursor = Cursor::new(data);
    let mut number = 0;
    while let Ok([kind, station, length]) = cursor.array() {
        let Ok(content) = cursor.take(usize::from(length).min(cursor.remaining())) else { break };
        let (to, from) =
            if kind & 4 == 0 { ([1, 0x80, 0xc2, 0, 0, 3], 2) } else { ([2, 0, 0, 0, 0, station], 1) };
        let ether_type: [u8; 2] = match kind & 3 {
            0 | 1 => [0x88, 0x8e],
            2 => [0x08, 0x06],
            _ => [0x86, 0xdd],
        };
        let from = if from == 2 { [2, 0, 0, 0, 0, station] } else { [2, 0, 0, 0, 0, 0xff] };
        let frame = [&to[..], &from, &ether_type, content].concat();
        number += 1;
        let packet = Packet {
            reference: PacketRef { ordinal: number, capture: 0, number },
            at: Timestamp::from_seconds(number.cast_signed()),
            link: LinkType::ETHERNET,
            original_length: frame.len() as u32,
            data: &frame,
        };
        decoder.decode(&packet, &mut |_| {});
        for frame in decoder.take_link_frames() {
            let mut told = 0;
            watch.frame(&frame, &mut |sighting| {
                assert!(sighting.mac.is_some());
                told += 1;
            });
            assert!(told <= 9);
        }
    }
}
