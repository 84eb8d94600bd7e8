//! Any bytes as text: scanned whole, and again in small pieces and blocks; the hits must be equal. Every number is looked at,
//! beside its context words or not.

use egret_detect::{Scanner, SignatureSet};
use egret_model::{DetectLimits, Hit};
use std::sync::{Arc, LazyLock};

static SHIPPED: LazyLock<Arc<SignatureSet>> = LazyLock::new(|| Arc::new(SignatureSet::shipped()));

pub(crate) fn run(data: &[u8]) {
    let (step, text) = data.split_first().map_or((1, data), |(first, rest)| (usize::from(*first) + 1, rest));
    let whole = scan(&DetectLimits::default(), text.len().max(1), text);
    let small = DetectLimits { block_bytes: step, held_bytes: step * 8, ..DetectLimits::default() };
    assert_eq!(whole, scan(&small, step, text), "hits depend on the pieces");
}

fn scan(limits: &DetectLimits, step: usize, text: &[u8]) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(&SHIPPED), limits);
    let mut scan = scanner.begin_all();
    for piece in text.chunks(step) {
        scanner.push(&mut scan, piece);
    }
    scanner.finish_all(scan)
}
