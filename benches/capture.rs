//! Reading captures from the page cache: pcap and pcapng, several sizes of block, batches used in turn as workers would.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use egret_capture::{Inputs, PacketBatch};
use egret_model::CaptureLimits;
use std::{collections::VecDeque, env, fs, hint::black_box, path::PathBuf, process};

/// Batches that are in use at once, so that memory is as cold as behind a queue to workers.
const BATCHES: usize = 16;
/// Bytes of each generated capture.
const CAPTURE_BYTES: usize = 256 << 20;
/// Bytes of each packet.
const PACKET_BYTES: u32 = 1000;

fn pcap() -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    for number in 0_u32.. {
        if file.len() >= CAPTURE_BYTES {
            break;
        }
        file.extend(
            [number / 1000, number % 1000, PACKET_BYTES, PACKET_BYTES].map(u32::to_le_bytes).concat(),
        );
        file.resize(file.len() + PACKET_BYTES as usize, number.to_le_bytes()[0]);
    }
    file
}

fn pcapng() -> Vec<u8> {
    let section = [0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
    let mut file = section.map(u32::to_le_bytes).concat();
    file.extend([1_u32, 20, 1, 0, 20].map(u32::to_le_bytes).concat());
    let total = 32 + PACKET_BYTES;
    for number in 0_u32.. {
        if file.len() >= CAPTURE_BYTES {
            break;
        }
        file.extend([6, total, 0, 0, number, PACKET_BYTES, PACKET_BYTES].map(u32::to_le_bytes).concat());
        file.resize(file.len() + PACKET_BYTES as usize, number.to_le_bytes()[0]);
        file.extend(total.to_le_bytes());
    }
    file
}

/// Reads everything and touches each packet's first byte.
fn read(path: &PathBuf, limits: &CaptureLimits) -> u64 {
    let mut inputs = Inputs::open(&[path], limits);
    let mut pool: VecDeque<_> = (0..BATCHES).map(|_| PacketBatch::default()).collect();
    let mut sum = 0;
    while let Some(mut batch) = pool.pop_front() {
        if !inputs.next_batch(&mut batch) {
            break;
        }
        sum += batch
            .packets()
            .filter_map(|packet| packet.data.first())
            .map(|&byte| u64::from(byte))
            .sum::<u64>();
        pool.push_back(batch);
    }
    assert!(inputs.problems().is_empty(), "{:?}", inputs.problems());
    sum
}

fn capture(criterion: &mut Criterion) {
    for (format, bytes) in [("pcap", pcap()), ("pcapng", pcapng())] {
        let path = env::temp_dir().join(format!("egret-bench-{}.{format}", process::id()));
        fs::write(&path, &bytes).expect("room for the generated capture");
        let mut group = criterion.benchmark_group(format!("capture/{format}"));
        group.sample_size(10).throughput(Throughput::Bytes(bytes.len() as u64));
        drop(bytes);
        for kib in [64, 128, 256, 512, 1024, 2048] {
            let limits = CaptureLimits { block_bytes: kib << 10, ..CaptureLimits::default() };
            group.bench_function(format!("{kib} KiB blocks"), |bencher| {
                bencher.iter(|| black_box(read(&path, &limits)));
            });
        }
        group.finish();
        fs::remove_file(&path).expect("the file written above");
    }
}

criterion_group!(benches, capture);
criterion_main!(benches);
