//! Bytes scanned a second, by kind of text and by signatures.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use egret_benches::{accented, phrases, prose, signature, table};
use egret_detect::{Scanner, SignatureSet};
use egret_model::DetectLimits;
use std::{hint::black_box, sync::Arc};

/// Bytes pushed at once: the payload of one Ethernet frame.
const PIECE_BYTES: usize = 1460;

/// A signature of numbers alone.
const NUMBERS: &str = "id = \"numbers\"\ntitle = \"Numbers\"\nseverity = \"low\"\n[[find]]\nname = \"number\"\n\
    numbers = [\"#{16}\", \"####-####-####-####\"]\nvalidate = [\"luhn\"]\n";

fn scan(bench: &mut Criterion) {
    let thousand = SignatureSet::from_texts(&[("phrases.toml".into(), signature(&phrases(1_000)))]);
    assert!(thousand.1.is_empty(), "{:?}", thousand.1.first());
    // What is left of a scan when nothing but the gate for digits stands in its way.
    let numbers = SignatureSet::from_texts(&[("numbers.toml".into(), NUMBERS.into())]);
    assert!(numbers.1.is_empty(), "{:?}", numbers.1.first());
    let sets = [
        ("shipped", Arc::new(SignatureSet::shipped())),
        ("1000-phrases", Arc::new(thousand.0)),
        ("numbers", Arc::new(numbers.0)),
    ];
    let texts = [("prose", prose()), ("table", table()), ("accented", accented())];
    let mut group = bench.benchmark_group("detect");
    group.sample_size(10);
    for (set_name, set) in &sets {
        for (text_name, text) in &texts {
            group.throughput(Throughput::Bytes(text.len() as u64));
            let mut scanner = Scanner::new(Arc::clone(set), &DetectLimits::default());
            group.bench_with_input(BenchmarkId::new(*set_name, text_name), text, |bench, text| {
                bench.iter(|| {
                    let mut scan = scanner.begin();
                    for piece in text.as_bytes().chunks(PIECE_BYTES) {
                        scanner.push(&mut scan, piece);
                    }
                    black_box(scanner.finish(scan))
                });
            });
        }
    }
    group.finish();
}

fn load(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("detect/load");
    group.sample_size(10);
    group.bench_function("shipped", |bench| bench.iter(SignatureSet::shipped));
    for count in [10_000, 100_000] {
        // A file is at most a megabyte.
        let phrases = phrases(count);
        let file = |(at, part): (usize, &[String])| {
            let text = signature(part).replacen("id = \"phrases\"", &format!("id = \"phrases-{at}\""), 1);
            (format!("{at}.toml"), text)
        };
        let files: Vec<(String, String)> = phrases.chunks(10_000).enumerate().map(file).collect();
        group.bench_function(format!("{count}-phrases"), |bench| {
            bench.iter(|| SignatureSet::from_texts(&files));
        });
    }
    group.finish();
}

criterion_group!(benches, scan, load);
criterion_main!(benches);
