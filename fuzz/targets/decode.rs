//! Any bytes as packets: the first two choose the link type, the rest is split. No panic, bounded output, payload from nowhere
//! but the input.

use egret_decode::{Decoder, shard_of};
use egret_model::{Cursor, DecodeLimits, LinkType, Packet, PacketRef, Timestamp};

const SHARDS: usize = 7;

/// Each packet: two bytes of captured length, one of bytes cut off behind it (in tens), one of seconds since the last packet.
pub(crate) fn run(data: &[u8]) {
    let limits = DecodeLimits { fragment_bytes: 16 << 10, ..DecodeLimits::default() };
    let mut decoder = Decoder::new(&limits);
    let mut cursor = Cursor::new(data);
    let link = LinkType(cursor.u16_be().unwrap_or(LinkType::ETHERNET.0));
    let (mut number, mut seconds) = (0, 0);
    while let Ok([l0, l1, cut, later]) = cursor.array() {
        let length = usize::from(u16::from_be_bytes([l0, l1])).min(cursor.remaining());
        let Ok(data) = cursor.take(length) else { break };
        number += 1;
        seconds += i64::from(later.cast_signed());
        let packet = Packet {
            reference: PacketRef { ordinal: number, capture: 0, number },
            at: Timestamp::from_seconds(seconds),
            link,
            original_length: length as u32 + u32::from(cut) * 10,
            data,
        };
        let mut segments = 0;
        decoder.decode(&packet, &mut |segment| {
            segments += 1;
            assert!(shard_of(&segment, SHARDS) < SHARDS);
            let (inside, whole) = (segment.payload.as_ptr_range(), data.as_ptr_range());
            // What was put together lies elsewhere, and an IP datagram has no more than 65,535 bytes.
            if !inside.is_empty() && !whole.contains(&inside.start) {
                assert!(segment.payload.len() <= 65_535);
            }
        });
        assert!(segments <= 1);
    }
    decoder.finish();
    assert_eq!(decoder.take_coverage().inspected_bytes, 0);
}
