//! Benchmarks of the `stream` stage: one segment through the flow table, among many flows.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use egret_model::{
    Flow, PacketRef, Segment, StreamEvent, StreamLimits, TcpChecksum, TcpFlags, Timestamp, Transport,
    TunnelPath, ones_complement_sum,
};
use egret_stream::FlowTable;
use std::net::{IpAddr, Ipv4Addr};

const FLOWS: u32 = 2_000;
const ROUNDS: u32 = 20;
const PAYLOAD: usize = 1_448;

/// The header of one segment; every payload is the same block of bytes.
#[derive(Clone, Copy)]
struct Header {
    flow: u32,
    sequence: u32,
}

fn segment<'a>(header: Header, at: i64, payload: &'a [u8], payload_sum: Option<u16>) -> Segment<'a> {
    let source = Ipv4Addr::from(0x0a14_0000 + header.flow);
    let destination = Ipv4Addr::new(198, 51, 100, 7);
    Segment {
        packet: PacketRef::default(),
        at: Timestamp::from_nanos(at),
        source_mac: None,
        destination_mac: None,
        tunnel: TunnelPath::default(),
        source: IpAddr::V4(source),
        destination: IpAddr::V4(destination),
        transport: Transport::Tcp {
            source_port: 40_000,
            destination_port: 80,
            sequence: header.sequence,
            acknowledgment: 1,
            flags: TcpFlags(TcpFlags::ACK),
            window: 0xffff,
        },
        tcp_checksum: payload_sum.map(|sum| {
            let mut all = u64::from(u32::from(source)) + u64::from(u32::from(destination));
            all += 6 + 20 + payload.len() as u64 + u64::from(sum);
            while all > 0xffff {
                all = (all & 0xffff) + (all >> 16);
            }
            TcpChecksum { field: 1, header_sum: 0xffff - all as u16, header_bytes: 20 }
        }),
        payload,
        missing: 0,
    }
}

/// `ROUNDS` segments of each flow in turn. `swapped` of 1,000 change places with the next of their flow.
fn headers(swapped: u32) -> Vec<Header> {
    let mut headers: Vec<Header> = (0..ROUNDS)
        .flat_map(|round| (0..FLOWS).map(move |flow| Header { flow, sequence: round * PAYLOAD as u32 }))
        .collect();
    let mut random = 1_u32;
    for place in 0..headers.len() - FLOWS as usize {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (random >> 8) % 1_000 < swapped && place >= FLOWS as usize {
            headers.swap(place, place + FLOWS as usize);
        }
    }
    headers
}

fn run(headers: &[Header], payload: &[u8], payload_sum: Option<u16>) -> u64 {
    let mut table = FlowTable::<u64>::new(&StreamLimits::default(), 16);
    let mut total = 0;
    let mut sink = |_: &Flow, bytes: &mut u64, event: StreamEvent<'_>| {
        if let StreamEvent::Data { data, .. } = event {
            *bytes += data.len() as u64;
            total += data.len() as u64;
        }
    };
    for (place, header) in headers.iter().enumerate() {
        table.segment(&segment(*header, place as i64 * 1_000, payload, payload_sum), &mut sink);
    }
    table.finish(&mut sink);
    total
}

fn stream(criterion: &mut Criterion) {
    let payload: Vec<u8> = (0..PAYLOAD).map(|index| (index * 31) as u8).collect();
    let sum = Some(ones_complement_sum(&payload));
    let mut group = criterion.benchmark_group("stream");
    for (name, swapped, sum) in [
        ("in order, 2,000 flows", 0, None),
        ("in order, checksums verified", 0, sum),
        ("2 % out of order", 20, None),
    ] {
        let headers = headers(swapped);
        group.throughput(Throughput::Elements(headers.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let total = run(&headers, &payload, sum);
                assert_eq!(total, headers.len() as u64 * PAYLOAD as u64);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, stream);
criterion_main!(benches);
