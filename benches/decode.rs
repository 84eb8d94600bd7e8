//! Benchmarks of the `decode` stage: the short way, the general path and etherparse's own slicing, on the same packets.

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use egret_decode::{Decoder, shard_of};
use egret_model::{Checksum, DecodeLimits, LinkType, Packet, PacketRef, Timestamp};
use etherparse::SlicedPacket;
use std::hint::black_box;

/// Frames a round; together more than the second-level cache holds.
const FRAMES: usize = 2_000;
const PAYLOAD: usize = 1_448;

const VLAN_CUSTOMER: u16 = 0x8100;
const VLAN_PROVIDER: u16 = 0x88a8;

/// TCP with a time stamp option, as most is.
fn tcp(number: usize) -> Vec<u8> {
    let mut segment = vec![0x9c, 0x40, 0, 80];
    segment.extend((number as u32).to_be_bytes());
    segment.extend([0, 0, 0, 1, 0x80, 0x18, 1, 0, 0x12, 0x34, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    segment.resize(segment.len() + PAYLOAD, number as u8);
    segment
}

fn ipv4(protocol: u8, number: usize, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((payload.len() as u16 + 20).to_be_bytes());
    packet.extend([
        0,
        0,
        0x40,
        0,
        64,
        protocol,
        0,
        0,
        10,
        20,
        (number >> 8) as u8,
        number as u8,
        198,
        51,
        100,
        7,
    ]);
    packet.extend(payload);
    packet
}

fn ipv6(number: usize, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([
        6,
        64,
        0x20,
        1,
        0xd,
        0xb8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        (number >> 8) as u8,
        number as u8,
    ]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    packet.extend(payload);
    packet
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &ether_type.to_be_bytes(), payload].concat()
}

fn tagged(tag: u16, packet: &[u8]) -> Vec<u8> {
    ethernet(tag, &[&[0, 10, 8, 0], packet].concat())
}

fn vxlan(number: usize) -> Vec<u8> {
    let inner = ethernet(0x0800, &ipv4(6, number, &tcp(number)));
    let length = (inner.len() as u16 + 16).to_be_bytes();
    let head = [0xc0, 0, 0x12, 0xb5, length[0], length[1], 0, 0, 8, 0, 0, 0, 0, 0, 42, 0];
    ethernet(0x0800, &ipv4(17, number, &[&head[..], &inner].concat()))
}

fn packet(data: &[u8]) -> Packet<'_> {
    Packet {
        reference: PacketRef::default(),
        at: Timestamp::EPOCH,
        link: LinkType::ETHERNET,
        original_length: data.len() as u32,
        data,
    }
}

fn egret(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, frame: impl Fn(usize) -> Vec<u8>) {
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(frame).collect();
    let mut decoder = Decoder::new(&DecodeLimits::default());
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut segments = 0;
            for data in &frames {
                decoder.decode(&packet(black_box(data)), &mut |segment| {
                    black_box(&segment);
                    segments += 1;
                });
            }
            assert_eq!(segments, FRAMES);
        });
    });
}

fn etherparse(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, frame: impl Fn(usize) -> Vec<u8>) {
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(frame).collect();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for data in &frames {
                let sliced = SlicedPacket::from_ethernet(black_box(data)).expect("a valid frame");
                black_box(&sliced);
            }
        });
    });
}

fn decode(criterion: &mut Criterion) {
    let plain = |number| ethernet(0x0800, &ipv4(6, number, &tcp(number)));
    let six = |number| ethernet(0x86dd, &ipv6(number, &tcp(number)));
    let in_vlan = |tag| move |number| tagged(tag, &ipv4(6, number, &tcp(number)));
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(FRAMES as u64));
    egret(&mut group, "ipv4 tcp, short way", plain);
    etherparse(&mut group, "ipv4 tcp, etherparse", plain);
    egret(&mut group, "ipv6 tcp, short way", six);
    etherparse(&mut group, "ipv6 tcp, etherparse", six);
    egret(&mut group, "vlan ipv4 tcp, short way", in_vlan(VLAN_CUSTOMER));
    egret(&mut group, "vlan ipv4 tcp, general path", in_vlan(VLAN_PROVIDER));
    etherparse(&mut group, "vlan ipv4 tcp, etherparse", in_vlan(VLAN_PROVIDER));
    egret(&mut group, "vxlan ipv4 tcp, general path", vxlan);
    group.finish();
}

/// What workers and dispatcher do with a segment besides.
fn segment(criterion: &mut Criterion) {
    let frames: Vec<Vec<u8>> =
        (0..FRAMES).map(|number| ethernet(0x0800, &ipv4(6, number, &tcp(number)))).collect();
    let mut decoder = Decoder::new(&DecodeLimits::default());
    let mut group = criterion.benchmark_group("segment");
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("decode and choose the shard", |bencher| {
        bencher.iter(|| {
            for data in &frames {
                decoder.decode(&packet(data), &mut |segment| {
                    black_box(shard_of(&segment, 16));
                });
            }
        });
    });
    group.bench_function("decode and verify the checksum", |bencher| {
        bencher.iter(|| {
            for data in &frames {
                decoder.decode(&packet(data), &mut |segment| {
                    assert_eq!(black_box(segment.checksum()), Checksum::Wrong);
                });
            }
        });
    });
    group.finish();
}

criterion_group!(benches, decode, segment);
criterion_main!(benches);
