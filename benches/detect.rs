//! Bytes scanned a second, by kind of text and by signatures.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use egret_detect::{Scanner, SignatureSet};
use egret_model::DetectLimits;
use std::{fmt::Write as _, hint::black_box, sync::Arc};

/// Text scanned in one round, bytes.
const TEXT_BYTES: usize = 4 << 20;
/// Bytes pushed at once: the payload of one Ethernet frame.
const PIECE_BYTES: usize = 1460;

/// Words in about the order of their frequency.
const WORDS: &str = "the of and to in a is that for it as was with be by on not he this are or his from at which but have an had \
    they you were their one all we can her has there been if more when will would who so no said what up its about into than \
    them only other time new some could these two may first then do any like my now over such our man me even most made after \
    also did many off before must well back through years much where your way down should because long each just state those \
    people too mr how little good world make very year still see own work men day get here between both life being under three \
    never know same last another while us might great go come since against right came take used himself few house use during \
    without again place american around however home small found mrs thought went say part once general high upon school every \
    account card number secret report invoice payment customer contract budget quarter revenue forecast transfer project plan \
    password address email phone street bank credit social security insurance policy claim balance order shipment delivery";

/// A small generator of numbers, so that every run scans the same text.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }

    /// A word, frequent ones more often.
    fn word<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let most = self.roll(words.len()) + 1;
        words.get(self.roll(most)).copied().unwrap_or("the")
    }
}

fn prose() -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut dice = Dice(1);
    let mut text = String::with_capacity(TEXT_BYTES + 16);
    while text.len() < TEXT_BYTES {
        text.push_str(dice.word(&words));
        text.push_str(match dice.roll(14) {
            0 => ". ",
            1 => ", ",
            2 => "\n",
            _ => " ",
        });
    }
    text
}

/// Rows of names, numbers of many lengths, dates and amounts.
fn table() -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut dice = Dice(2);
    let mut text = String::with_capacity(TEXT_BYTES + 128);
    while text.len() < TEXT_BYTES {
        let (day, serial) = (dice.roll(28) + 1, 4_000_000_000_000_000 + dice.roll(usize::MAX));
        let (units, cents) = (dice.roll(9_999), dice.roll(100));
        let _ = writeln!(
            text,
            "{},2024-03-{day:02},{},{serial},{units}.{cents:02}",
            dice.roll(90_000),
            dice.word(&words)
        );
    }
    text
}

/// Prose in a Latin script with letters beyond ASCII.
fn accented() -> String {
    prose().replace("the ", "dîe ").replace('\n', " — ")
}

/// A thousand phrases of two to four words, one of them in no other text.
fn phrases() -> String {
    const SYLLABLES: [&str; 16] = [
        "bra", "clo", "dri", "fle", "gru", "kai", "lor", "mun", "nex", "pra", "quo", "rud", "ske", "tro",
        "vul", "zor",
    ];
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut dice = Dice(3);
    let list: Vec<String> = (0..1_000)
        .map(|number: usize| {
            let name: String = [number / 256, number / 16, number]
                .iter()
                .filter_map(|at| SYLLABLES.get(at % 16))
                .copied()
                .collect();
            format!("\"{} {name}k {}\"", dice.word(&words), dice.word(&words))
        })
        .collect();
    format!(
        "id = \"phrases\"\ntitle = \"Phrases\"\nseverity = \"low\"\n[[find]]\nname = \"phrase\"\nphrases = [{}]\n",
        list.join(", ")
    )
}

fn scan(bench: &mut Criterion) {
    let thousand = SignatureSet::from_texts(&[("phrases.toml".into(), phrases())]);
    assert!(thousand.1.is_empty(), "{:?}", thousand.1.first());
    let sets = [("shipped", Arc::new(SignatureSet::shipped())), ("1000-phrases", Arc::new(thousand.0))];
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
    bench.bench_function("detect/load-shipped", |bench| bench.iter(SignatureSet::shipped));
}

criterion_group!(benches, scan, load);
criterion_main!(benches);
