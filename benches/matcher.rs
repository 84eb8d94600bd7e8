//! The matcher beside Aho-Corasick: bytes searched a second for 100 to 100,000 literals, in one run.
//!
//! The table at the end takes turns, so that the noise of a machine hits all alike, and shows the best turn of each.
//! `EGRET_BENCH_TEXT=FILE` searches a text of your own. With `--features vectorscan` (Debian's libvectorscan-dev) Vectorscan takes
//! its turn too.

#[cfg(feature = "vectorscan")]
#[path = "vectorscan.rs"]
mod vectorscan;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use egret_benches::{TEXT_BYTES, phrases, prose};
use egret_detect::{Literal, Matcher};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Text searched at once, as the scanner does.
const BLOCK_BYTES: usize = 32 << 10;
/// Sizes of the sets.
const COUNTS: [usize; 5] = [100, 1_000, 10_000, 30_000, 100_000];
/// Turns of each in the table, and the bytes of one: so short that a busy machine leaves some of them alone.
const TURNS: usize = 80;
const TURN_BYTES: usize = 256 << 10;

type Search = Box<dyn Fn(&[u8]) -> usize>;

fn text() -> Vec<u8> {
    let mut text = match std::env::var_os("EGRET_BENCH_TEXT") {
        Some(path) => std::fs::read(path).expect("a readable text"),
        None => prose().into_bytes(),
    };
    text.truncate(TEXT_BYTES);
    text
}

fn by_matcher(literals: &[Literal]) -> Search {
    searching(Matcher::new(literals).expect("compiles"))
}

fn searching(matcher: Matcher) -> Search {
    Box::new(move |text| {
        let mut found = Vec::new();
        let (mut count, mut from) = (0, 0);
        while from < text.len() {
            let end = text.len().min(from + BLOCK_BYTES);
            let to = if end == text.len() { end } else { end - 1 };
            let held = from.saturating_sub(matcher.overlap());
            found.clear();
            matcher.find_all(text.get(held..end).unwrap_or_default(), from - held, to - held, &mut found);
            count += found.len();
            from = to;
        }
        count
    })
}

fn by_automaton(phrases: &[String], kind: AhoCorasickKind) -> Search {
    let automaton = AhoCorasick::builder()
        .kind(Some(kind))
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(phrases)
        .expect("compiles");
    Box::new(move |text| automaton.find_overlapping_iter(text).count())
}

/// Every way of searching that is worth its memory for so many literals.
fn searches(count: usize) -> Vec<(&'static str, Search)> {
    let phrases = phrases(count);
    let words: Vec<Literal> = phrases.iter().map(Literal::word).collect();
    let anywhere: Vec<Literal> = phrases.iter().map(Literal::anywhere).collect();
    let mut searches = vec![
        ("words", by_matcher(&words)),
        ("anywhere", by_matcher(&anywhere)),
        ("nfa", by_automaton(&phrases, AhoCorasickKind::ContiguousNFA)),
    ];
    #[cfg(feature = "vectorscan")]
    {
        let peer = vectorscan::Vectorscan::new(&phrases);
        searches.push(("vectorscan", Box::new(move |text| peer.count(text))));
    }
    if count <= 10_000 {
        searches.push(("dfa", by_automaton(&phrases, AhoCorasickKind::DFA)));
    }
    searches
}

fn search(bench: &mut Criterion) {
    let text = text();
    let mut table = Vec::new();
    let mut group = bench.benchmark_group("matcher");
    group.sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(200));
    group.throughput(Throughput::Bytes(text.len() as u64));
    for count in COUNTS {
        let searches = searches(count);
        for (name, search) in &searches {
            group.bench_with_input(BenchmarkId::new(*name, count), &text, |bench, text| {
                bench.iter(|| black_box(search(text)));
            });
        }
        let turn = text.get(..TURN_BYTES).unwrap_or(&text);
        table.push((count, in_turns(&searches, turn)));
    }
    group.finish();
    println!("\nGB/s, the best of {TURNS} turns each");
    for (count, rates) in table {
        let cells = rates.iter().map(|(name, rate)| format!("{name} {rate:.2}"));
        println!("{count:>7} literals: {}", cells.collect::<Vec<_>>().join("  "));
    }
}

/// The same search on each instruction set that this processor has.
fn instruction_sets(bench: &mut Criterion) {
    let text = text();
    let mut group = bench.benchmark_group("matcher/instructions");
    group.sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(200));
    group.throughput(Throughput::Bytes(text.len() as u64));
    for count in [1_000, 100_000] {
        let words: Vec<Literal> = phrases(count).iter().map(Literal::word).collect();
        for (set, matcher) in Matcher::on_each_instruction_set(&words).expect("compiles") {
            let search = searching(matcher);
            group.bench_with_input(BenchmarkId::new(set, count), &text, |bench, text| {
                bench.iter(|| black_box(search(text)));
            });
        }
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "the edge that reads a clock: what is measured here is time")]
fn in_turns(searches: &[(&'static str, Search)], text: &[u8]) -> Vec<(&'static str, f64)> {
    let mut best = vec![Duration::MAX; searches.len()];
    for _ in 0..TURNS {
        for ((_, search), best) in searches.iter().zip(&mut best) {
            let start = Instant::now();
            black_box(search(text));
            *best = (*best).min(start.elapsed());
        }
    }
    let rate = |best: &Duration| text.len() as f64 / best.as_secs_f64() / 1e9;
    searches.iter().zip(&best).map(|((name, _), best)| (*name, rate(best))).collect()
}

fn compile(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("matcher/compile");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    for count in [10_000, 100_000] {
        let literals: Vec<Literal> = phrases(count).iter().map(Literal::anywhere).collect();
        group.bench_with_input(BenchmarkId::from_parameter(count), &literals, |bench, literals| {
            bench.iter(|| black_box(Matcher::new(literals).expect("compiles")));
        });
    }
    group.finish();
}

criterion_group!(benches, compile, instruction_sets, search);
criterion_main!(benches);
