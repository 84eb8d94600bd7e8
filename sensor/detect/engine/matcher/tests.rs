//! The matcher against Aho-Corasick, and against a search without any cleverness.

use super::*;
use crate::engine::pattern::Pattern;
use aho_corasick::AhoCorasick;
use proptest::prelude::*;
use std::cmp::Reverse;

/// What Aho-Corasick finds in a text that is there as a whole.
fn oracle(literals: &[Literal], text: &[u8]) -> Vec<Occurrence> {
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(literals.iter().map(Literal::bytes))
        .expect("compiles");
    let joined = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut found: Vec<(usize, Reverse<usize>, u32)> = Vec::new();
    for hit in automaton.find_overlapping_iter(text) {
        let literal = &literals[hit.pattern().as_usize()];
        let left = literal.left && hit.start() > 0 && joined(text.get(hit.start() - 1));
        let right = literal.right && joined(text.get(hit.end()));
        if !left && !right {
            found.push((hit.end(), Reverse(hit.len()), hit.pattern().as_u32()));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(end, _, literal)| Occurrence { end, literal }).collect()
}

/// The text in blocks, each search with no more of the past than was asked for.
fn in_blocks(matcher: &Matcher, set: Instructions, text: &[u8], cuts: &[usize]) -> Vec<Occurrence> {
    let mut found = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().map(|cut| cut % (text.len() + 1)).chain([text.len()]) {
        let to = if cut == text.len() { cut } else { cut.saturating_sub(1) };
        if cut < from || to < from {
            continue;
        }
        let held = from.saturating_sub(matcher.overlap());
        let mut more = Vec::new();
        matcher.find_with(set, &text[held..cut], from - held, to - held, &mut more);
        found.extend(more.iter().map(|at| Occurrence { end: at.end + held, literal: at.literal }));
        from = to;
    }
    found
}

fn agree(literals: &[Literal], text: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    let matcher = Matcher::new(literals).expect("compiles");
    let expected = oracle(literals, text);
    let mut sorted = cuts.to_vec();
    sorted.sort_unstable();
    for set in Instructions::available() {
        prop_assert_eq!(&in_blocks(&matcher, set, text, &[]), &expected, "whole, {:?}", set);
        prop_assert_eq!(&in_blocks(&matcher, set, text, &sorted), &expected, "in blocks, {:?}", set);
    }
    Ok(())
}

fn literals(alphabet: &'static str, most: usize) -> impl Strategy<Value = Vec<Literal>> {
    let one = (alphabet, any::<bool>(), any::<bool>())
        .prop_map(|(text, left, right)| Literal::new(text, left, right));
    prop::collection::btree_set(one, 1..most).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Two letters and blanks: everything overlaps everything.
    #[test]
    fn dense_texts(
        literals in literals("[ab _]{1,14}", 12),
        text in "[abAB _]{0,400}",
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        agree(&literals, text.as_bytes(), &cuts)?;
    }

    /// Texts made of the literals themselves, in any case, with what may stand between.
    #[test]
    fn texts_full_of_the_literals(
        literals in literals("[a-cz0é@ж-]{1,24}", 24),
        order in prop::collection::vec((any::<prop::sample::Index>(), "(| |x|é|\n|[-@`\\[]{1,3}|[ ]{40,90})", any::<bool>()), 0..60),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut text = Vec::new();
        for (index, between, upper) in order {
            let bytes = index.get(&literals).bytes();
            text.extend(if upper { bytes.to_ascii_uppercase() } else { bytes.to_vec() });
            text.extend_from_slice(between.as_bytes());
        }
        agree(&literals, &text, &cuts)?;
    }

    /// Any bytes at all.
    #[test]
    fn any_bytes(
        literals in prop::collection::btree_set((prop::collection::vec(any::<u8>(), 1..16), any::<bool>(), any::<bool>()), 1..12),
        noise in prop::collection::vec(any::<u8>(), 0..600),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let literals: std::collections::BTreeSet<Literal> =
            literals.iter().map(|(bytes, left, right)| Literal::new(bytes, *left, *right)).collect();
        let literals: Vec<Literal> = literals.into_iter().collect();
        let mut text = noise;
        for literal in &literals {
            text.extend_from_slice(literal.bytes());
        }
        agree(&literals, &text, &cuts)?;
    }

    /// Long enough for four lanes, and for several pieces of wide and of narrow text.
    #[test]
    fn long_texts(
        literals in literals("[ab]{1,4}|[a-d]{9,13}|ж[ab]{0,3}|[жц]{6,8}", 10),
        seed in "[abAB]{40,60}|[a-dжц ]{30,60}",
        other in "[ab ]{50}",
        repeats in 1_usize..60,
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let text = [seed.repeat(repeats), other.repeat(repeats), seed.repeat(3)].concat();
        agree(&literals, text.as_bytes(), &cuts)?;
    }
}

proptest! {
    /// What guards admit is found, in blocks too; what they don't, where all is known, is not.
    #[test]
    fn guards_lose_nothing_that_they_admit(
        text in "([aksx1 _-]|sk|id: |-us|ab1){0,80}",
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let patterns: Vec<Pattern> = ["sk[-_][ax]", "[ak ]id: ?[01]", r"\bab[0-9](?:$|x)", "x-us[1-]", r"(?m)1sx$", "aks(?:1|$)"]
            .into_iter()
            .filter_map(|expression| Pattern::compile(expression).ok().map(|compiled| compiled.pattern))
            .collect();
        let literals: Vec<(Literal, Guards)> = patterns
            .iter()
            .flat_map(|pattern| pattern.literals().iter().cloned().zip(pattern.guards().iter().cloned()))
            .collect();
        prop_assert!(literals.len() >= patterns.len() && patterns.len() == 6);
        let (literals, guards): (Vec<Literal>, Vec<Guards>) = literals.into_iter().unzip();
        let matcher = Matcher::guarded(&literals, guards.iter().cloned().map(Some).collect()).expect("compiles");
        let text = text.as_bytes();
        let mut sorted = cuts;
        sorted.sort_unstable();
        for set in Instructions::available() {
            let found = in_blocks(&matcher, set, text, &sorted);
            for at in oracle(&literals, text) {
                let literal = at.literal as usize;
                let range = at.end - literals[literal].bytes.len()..at.end;
                if guards[literal].admit(text, &range, true) {
                    prop_assert!(found.contains(&at), "{:?} {:?}", set, at);
                }
            }
            let whole = in_blocks(&matcher, set, text, &[]);
            for at in &whole {
                let literal = at.literal as usize;
                let range = at.end - literals[literal].bytes.len()..at.end;
                prop_assert!(guards[literal].admit(text, &range, false), "{:?} {:?}", set, at);
            }
        }
    }
}

#[test]
fn many_literals_agree() {
    let literals: Vec<Literal> = (0..6_000)
        .map(|n| match n % 4 {
            0 => Literal::word(format!("w{n}")),
            1 => Literal::anywhere(format!("phrase-number-{n:05}")),
            2 => Literal::anywhere(format!("q{n}")),
            _ => Literal::new(format!("zz{n}"), true, false),
        })
        .collect();
    let text: String =
        (0..6_000).step_by(7).map(|n| format!("W{n} aPhrase-Number-{n:05}x q{n} zZ{n}9 ")).collect();
    agree(&literals, text.as_bytes(), &[1_000, 1_001, 40_000]).expect("equal");
}

#[test]
fn each_literal_goes_its_way() {
    let matcher = Matcher::new(&[
        Literal::word("heron"),
        Literal::anywhere("internationalisation"),
        Literal::anywhere("key"),
        Literal::word("международный"),
        Literal::word("ключ"),
        Literal::anywhere("::"),
    ])
    .expect("compiles");
    assert!(!matcher.grams.is_empty() && !matcher.signs.is_empty() && matcher.lanes.is_empty());
    assert!(!matcher.wide_windows.is_empty() && !matcher.wide_lanes.is_empty());
    let text = "Heron, a Xinternationalisationkey международный КЛЮЧ ключ ::";
    let mut found = Vec::new();
    matcher.find_all(text.as_bytes(), 0, text.len(), &mut found);
    assert_eq!(found.iter().map(|found| found.literal).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let signs: Vec<Literal> = (b'!'..=b'~').map(|byte| Literal::anywhere([byte, b'?'])).collect();
    assert!(!Matcher::new(&signs).expect("compiles").lanes.is_empty());
}

#[test]
fn an_empty_set_finds_nothing() {
    let mut found = Vec::new();
    Matcher::new(&[]).expect("compiles").find_all(b"text", 0, 4, &mut found);
    assert!(found.is_empty());
}
