//! Benchmarks of the `content` stage: bodies through a walk, in pieces as packets bring them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use egret_content::Walker;
use egret_model::{ContentEvent, ContentHints, ContentLimits};
use std::hint::black_box;
use std::sync::Arc;

/// Bytes that come at once.
const PIECE: usize = 16 << 10;

fn walk(hints: &ContentHints, body: &[u8], limits: &Arc<ContentLimits>) {
    let mut walker = Walker::new(hints, Arc::clone(limits));
    let mut sink = |event: ContentEvent<'_>| {
        black_box(&event);
    };
    for piece in body.chunks(PIECE) {
        walker.push(piece, &mut sink);
    }
    walker.finish(true, &mut sink);
}

fn content(criterion: &mut Criterion) {
    let rows = b"1042,Ada Example,ada@corp.example,London,2026-03-01\r\n".repeat(40_000);
    let multipart = [
        b"--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.csv\"\r\n\r\n".as_slice(),
        &rows,
        b"\r\n--xx--\r\n",
    ]
    .concat();
    let line = b"MTA0MixBZGEgRXhhbXBsZSxhZGFAY29ycC5leGFtcGxlLExvbmRvbiwyMDI2LTAzLTAx\r\n";
    let header =
        b"From: a@b.c\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: base64\r\n\r\n".as_slice();
    let mail = [header, &line.repeat(30_000)].concat();
    let typed = |media_type: &str| ContentHints {
        media_type: Some(media_type.to_owned()),
        ..ContentHints::default()
    };
    let cases = [
        ("plain text", typed("text/csv"), rows),
        ("multipart", typed("multipart/form-data; boundary=xx"), multipart),
        ("base64 mail", ContentHints { mail: true, ..ContentHints::default() }, mail),
    ];
    let limits = Arc::new(ContentLimits::default());
    let mut group = criterion.benchmark_group("content");
    for (name, hints, body) in &cases {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(*name, |bencher| bencher.iter(|| walk(hints, body, &limits)));
    }
    group.finish();
}

criterion_group!(benches, content);
criterion_main!(benches);
