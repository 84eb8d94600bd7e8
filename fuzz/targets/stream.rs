//! Any bytes as segments of a few flows: no panic, budgets kept, events in their order, each flow closed once.

use egret_model::{
    Flow, PacketRef, Segment, StreamEvent, StreamLimits, TcpChecksum, TcpFlags, Timestamp, Transport,
    TunnelPath,
};
use egret_stream::FlowTable;

/// Bytes that describe one segment.
const STEP: usize = 8;
const PAYLOAD: [u8; 64] = *b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

#[derive(Default)]
struct Order {
    finished: [bool; 2],
    closed: bool,
}

/// Takes each eight bytes for a segment, the first two for the limits.
pub(crate) fn run(data: &[u8]) {
    let Some(([flow_limit, total_limit], rest)) = data.split_first_chunk() else { return };
    let limits = StreamLimits {
        flow_bytes: usize::from(*flow_limit) * 8,
        total_bytes: usize::from(*total_limit) * 8,
        flows: 3,
        hole_segments: 4,
        remembered_segments: 16,
        ..StreamLimits::default()
    };
    let mut table = FlowTable::<Order>::new(&limits, 1);
    let (mut now, mut opened, mut closed) = (0_i64, 0, 0);
    let mut sink = |flow: &Flow, order: &mut Order, event: StreamEvent<'_>| {
        assert!(!order.closed, "nothing follows Closed");
        assert!(flow.opened_at <= flow.last_at);
        match event {
            StreamEvent::Data { from, data } => {
                assert!(!data.is_empty() && !order.finished[from as usize]);
            }
            StreamEvent::Gap { from, bytes, .. } => assert!(bytes > 0 && !order.finished[from as usize]),
            StreamEvent::Finished { from } => {
                assert!(!order.finished[from as usize], "once");
                order.finished[from as usize] = true;
            }
            StreamEvent::Closed { .. } => {
                order.closed = true;
                closed += 1;
            }
        }
    };
    for (number, step) in rest.as_chunks::<STEP>().0.iter().enumerate() {
        let [kind, flags, sequence, high, acknowledgment, offset, length, later] = *step;
        now += i64::from(later).pow(3) * 100_000;
        let start = usize::from(offset & 63);
        let payload = PAYLOAD.get(start..(start + usize::from(length & 31)).min(64)).unwrap_or_default();
        let client = kind & 1 == 0;
        let port = 1_000 + u16::from(kind >> 1 & 3);
        let (source_port, destination_port) = if client { (port, 80) } else { (80, port) };
        let far = u32::from(high) << if kind & 0x80 == 0 { 0 } else { 24 };
        let transport = match kind >> 3 & 7 {
            0 => Transport::Udp { source_port, destination_port },
            1 => Transport::IcmpEcho { identifier: port, reply: !client },
            2 => Transport::Other { protocol: flags },
            _ => Transport::Tcp {
                source_port,
                destination_port,
                sequence: u32::from(sequence).wrapping_sub(100).wrapping_add(far),
                acknowledgment: u32::from(acknowledgment).wrapping_sub(100),
                flags: TcpFlags(flags),
                window: 0,
            },
        };
        let (inside, outside) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let checksum = TcpChecksum { field: 1, header_sum: u16::from(offset), header_bytes: 20 };
        let segment = Segment {
            packet: PacketRef { ordinal: number as u64, ..PacketRef::default() },
            at: Timestamp::from_nanos(if later & 1 == 0 { now } else { now / 2 }),
            source_mac: None,
            destination_mac: None,
            tunnel: TunnelPath::default(),
            source: if client { inside } else { outside },
            destination: if client { outside } else { inside },
            transport,
            tcp_checksum: (kind & 0x40 != 0).then_some(checksum),
            payload,
            missing: if length & 0xe0 == 0xe0 { u32::from(high) } else { 0 },
        };
        table.segment(&segment, &mut sink);
        assert!(table.held_bytes() <= limits.total_bytes && table.len() <= limits.flows);
    }
    opened += table.stats().flows;
    table.finish(&mut sink);
    assert_eq!((table.len(), table.held_bytes()), (0, 0));
    assert_eq!(opened, closed, "each flow is closed once");
}
