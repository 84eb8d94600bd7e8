//! Any bytes as literals and a text: the matcher must find what Aho-Corasick finds, whole and in blocks. The first byte is
//! the number of literals, the second the size of a block; each literal has a byte for its length and its edges.

use aho_corasick::AhoCorasick;
use egret_detect::{Literal, Matcher, Occurrence};

/// A literal and whether it must stand free on its left and right.
type Given<'a> = (&'a [u8], bool, bool);

pub(crate) fn run(data: &[u8]) {
    let [count, step, rest @ ..] = data else { return };
    let (given, text) = literals(*count % 32, rest);
    let literals: Vec<Literal> =
        given.iter().map(|(bytes, left, right)| Literal::new(bytes, *left, *right)).collect();
    let matcher = Matcher::new(&literals).expect("few literals compile");
    let expected = oracle(&given, text);
    assert_eq!(blocks(&matcher, text, text.len().max(1)), expected, "the whole text");
    assert_eq!(blocks(&matcher, text, usize::from(*step) + 2), expected, "in blocks");
}

/// Up to `count` distinct literals, and what is left as text.
fn literals(count: u8, mut rest: &[u8]) -> (Vec<Given<'_>>, &[u8]) {
    let mut given: Vec<Given<'_>> = Vec::new();
    for _ in 0..count {
        let Some((head, tail)) = rest.split_first() else { break };
        let Some((bytes, tail)) = tail.split_at_checked(usize::from(head & 0x3f) + 1) else { break };
        rest = tail;
        if !given.iter().any(|(known, ..)| known.eq_ignore_ascii_case(bytes)) {
            given.push((bytes, head & 0x40 != 0, head & 0x80 != 0));
        }
    }
    (given, rest)
}

fn oracle(given: &[Given<'_>], text: &[u8]) -> Vec<Occurrence> {
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(given.iter().map(|(bytes, ..)| bytes))
        .expect("few literals compile");
    let letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let free = |hit: &aho_corasick::Match| {
        given.get(hit.pattern().as_usize()).is_some_and(|(_, left, right)| {
            let begins = *left && letter(Some(hit.start())) && letter(hit.start().checked_sub(1));
            let goes_on = *right && letter(hit.end().checked_sub(1)) && letter(Some(hit.end()));
            !begins && !goes_on
        })
    };
    let mut hits: Vec<_> = automaton.find_overlapping_iter(text).filter(free).collect();
    hits.sort_by_key(|hit| (hit.end(), hit.start(), hit.pattern()));
    hits.iter().map(|hit| Occurrence { end: hit.end(), literal: hit.pattern().as_u32() }).collect()
}

fn blocks(matcher: &Matcher, text: &[u8], step: usize) -> Vec<Occurrence> {
    let (mut all, mut found) = (Vec::new(), Vec::new());
    let mut from = 0_usize;
    for end in (step..text.len()).step_by(step).chain([text.len()]) {
        // The last byte of a block waits for the next one, which may go on with its word.
        let to = if end == text.len() { end } else { end - 1 };
        let held = from.saturating_sub(matcher.overlap());
        found.clear();
        matcher.find_all(text.get(held..end).unwrap_or_default(), from - held, to - held, &mut found);
        all.extend(found.iter().map(|at| Occurrence { end: at.end + held, literal: at.literal }));
        from = to;
    }
    all
}
