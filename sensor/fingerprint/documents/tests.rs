//! Whole sets of documents: built, written, read, searched for.

use super::*;
use crate::{IndexError, Key};
use proptest::prelude::*;
use std::sync::Arc;

fn key() -> Key {
    Key::from_bytes([9; 32])
}

/// Prose that no other seed gives, in lines of a paragraph.
fn prose(seed: u64, paragraphs: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let mut text = String::new();
    for _ in 0..paragraphs {
        for _ in 0..80 {
            for _ in 0..2 + next(4) {
                let pair = usize::try_from(next(20)).expect("small") * 2;
                text.push_str(&"taleminorusavekipodegahibefuzonylatresco"[pair..pair + 2]);
            }
            text.push(' ');
        }
        text.push('\n');
    }
    text
}

fn built(documents: &[(&str, &str)]) -> Built {
    let mut builder = Builder::new("contracts", "", &key());
    for (at, (name, text)) in documents.iter().enumerate() {
        builder.document(name, text.as_bytes(), &format!("{at:064x}"), false);
    }
    builder.finish().expect("few documents")
}

fn matcher(documents: &[(&str, &str)], overlap: Option<f64>) -> DocumentMatcher {
    let mut matcher = DocumentMatcher::default();
    matcher.add(&Arc::new(built(documents).index), DocumentRule { overlap });
    matcher
}

fn search(matcher: &DocumentMatcher, pieces: &[&str]) -> Vec<DocumentMatch> {
    let mut scan = DocumentScan::default();
    let mut from = 0;
    for piece in pieces {
        matcher.push(&mut scan, piece.as_bytes(), |at| from + at as u64, 10_000);
        from += piece.len() as u64;
    }
    matcher.finish(&mut scan, None, 10_000)
}

#[test]
fn a_copy_is_told_by_name_and_share() {
    let (a, b) = (prose(1, 12), prose(2, 12));
    let matcher = matcher(&[("a.txt", &a), ("b.txt", &b)], None);
    let found = search(&matcher, &[&a]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].doubtful), ("a.txt", false));
    assert!(found[0].share > 0.98 && found[0].of_stream > 0.98, "{found:?}");
    assert!(search(&matcher, &[&prose(3, 40)]).is_empty());
}

#[test]
fn layout_and_the_order_of_paragraphs_make_little_difference() {
    let source = prose(1, 12);
    let matcher = matcher(&[("a.txt", &source), ("b.txt", &prose(2, 12))], None);
    let mut paragraphs: Vec<&str> = source.lines().collect();
    paragraphs.reverse();
    let moved = paragraphs.join("\n\n").to_uppercase();
    let wrapped: String = source
        .split(' ')
        .enumerate()
        .map(|(n, word)| word.to_owned() + if n % 9 == 8 { "\r\n> " } else { " " })
        .collect();
    let cells = source.replace(' ', "\t").replace("ta", "t-\na");
    for text in [moved, wrapped, cells] {
        let found = search(&matcher, &[&text]);
        assert_eq!(found.len(), 1);
        assert!(found[0].share > 0.85, "{}", found[0].share);
    }
}

#[test]
fn every_excerpt_of_300_characters_is_found_and_placed() {
    let source = prose(1, 30);
    let matcher = matcher(&[("a.txt", &source), ("b.txt", &prose(2, 30))], None);
    let around = prose(7, 3);
    let mut missed = 0;
    let mut asked = 0;
    for start in (0..source.len() - 300).step_by(97) {
        let text = format!("{around}{}\n{around}", &source[start..start + 300]);
        let found = search(&matcher, &[&text]);
        asked += 1;
        match found.as_slice() {
            [only] => {
                let passage = &only.passages[0];
                let near = |a: u64, b: usize| a.abs_diff(b as u64) < 130;
                assert!(
                    near(passage.range.start, around.len()) && near(passage.range.end, around.len() + 300),
                    "{passage:?}"
                );
                assert!(near(passage.characters.start, start), "{passage:?} for {start}");
            }
            _ => missed += 1,
        }
    }
    assert!(asked > 100 && missed == 0, "{missed} of {asked} missed");
}

#[test]
fn what_many_documents_share_does_not_count() {
    let shared = prose(50, 3);
    let texts: Vec<String> = (0..8).map(|n| prose(60 + n, 6) + &shared).collect();
    let names: Vec<String> = (0..8).map(|n| format!("{n}.txt")).collect();
    let documents: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let set = built(&documents);
    assert!(set.boilerplate > 20);
    let matcher = matcher(&documents, None);
    assert!(search(&matcher, &[&shared]).is_empty());
    assert_eq!(search(&matcher, &[&texts[3]]).len(), 1);
    // Versions of one document are not boilerplate, and are told as one.
    let versions: Vec<String> = (0..8).map(|n| prose(70, 9) + &prose(80 + n, 1)).collect();
    let documents: Vec<(&str, &str)> =
        names.iter().zip(&versions).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let found = search(&self::matcher(&documents, None), &[&versions[5]]);
    assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["5.txt"]);
}

#[test]
fn ordinary_texts_are_subtracted() {
    let (common, own) = (prose(50, 3), prose(51, 3));
    let mut builder = Builder::new("n", "", &key());
    builder.ordinary(common.as_bytes());
    builder.document("a.txt", (own.clone() + &common).as_bytes(), "00", false);
    let mut matcher = DocumentMatcher::default();
    matcher.add(&Arc::new(builder.finish().expect("small").index), DocumentRule { overlap: None });
    assert!(search(&matcher, &[&common]).is_empty());
    assert_eq!(search(&matcher, &[&own]).len(), 1);
}

#[test]
fn an_overlap_is_a_share_of_the_document() {
    let source = prose(1, 10);
    let half = &source[..source.len() / 2];
    assert_eq!(search(&matcher(&[("a.txt", &source)], Some(0.4)), &[half]).len(), 1);
    assert_eq!(search(&matcher(&[("a.txt", &source)], Some(0.6)), &[half]).len(), 0);
}

#[test]
fn files_are_known_by_their_sum_and_by_likeness() {
    let file: Vec<u8> =
        (0..30_000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 41) as u8).collect();
    let mut builder = Builder::new("n", "", &key());
    builder.document("turbine.cadx", &file, "aa", true);
    let index = builder.finish().expect("small").index;
    assert!(index.compares_files());
    let mut matcher = DocumentMatcher::default();
    matcher.add(&Arc::new(index), DocumentRule { overlap: None });
    let found = matcher.finish(&mut DocumentScan::default(), Some("aa"), 100);
    assert_eq!((found.len(), found[0].exact, found[0].share), (1, true, 1.0));
    assert!(matcher.finish(&mut DocumentScan::default(), Some("ab"), 100).is_empty());
    let mut changed = file;
    (0..30_000).step_by(150).for_each(|at| changed[at] ^= 0x55);
    let mut scan = DocumentScan::default();
    scan.compare_file();
    scan.file(&changed);
    let found = matcher.finish(&mut scan, Some("ab"), 100);
    assert!(found.len() == 1 && found[0].distance.is_some_and(|distance| distance <= 30), "{found:?}");
}

#[test]
fn an_index_is_read_back_and_damage_is_an_error() {
    let index = built(&[("a.txt", &prose(1, 3))]).index;
    let mut bytes = Vec::new();
    index.write(&mut bytes).expect("memory");
    let read = |bytes: &[u8], key: Key| DocumentIndex::read(&mut &*bytes, bytes.len() as u64, &[key]);
    assert_eq!(read(&bytes, key()).expect("its own bytes").documents(), index.documents());
    assert!(matches!(read(&bytes, Key::from_bytes([1; 32])), Err(IndexError::WrongKey { .. })));
    for at in (0..bytes.len()).step_by(11) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 8;
        assert!(read(&damaged, key()).is_err(), "a changed byte at {at}");
    }
    let words = prose(1, 3);
    let text = String::from_utf8_lossy(&bytes);
    assert!(words.split(' ').filter(|word| word.len() > 6).all(|word| !text.contains(word)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pieces_make_no_difference(from in 0_usize..3_000, cuts in prop::collection::vec(0_usize..6_000, 0..8)) {
        let source = prose(1, 12);
        let matcher = matcher(&[("a.txt", &source), ("b.txt", &prose(2, 4))], None);
        let text = prose(5, 1) + &source[from..from + 900] + "\n \u{2022}\n" + &prose(6, 2) + &prose(2, 2);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut from = 0;
        let pieces: Vec<&str> = cuts.iter().map(|cut| { let piece = &text[from..*cut]; from = *cut; piece }).collect();
        prop_assert_eq!(search(&matcher, &[&text]), search(&matcher, &pieces));
    }
}
