//! The search for documents in text.
//!
//! Owns: the prints of a stream, what they add up to. Never does: keeping of text beyond two prints' length.

use super::{
    fold::Fold,
    index::DocumentIndex,
    similar::{self, Similarity},
    winnow::Winnow,
};
use crate::key::Hasher;
use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
};

/// Text that shares one way back to its place in the stream, bytes.
const STEP: u64 = 64;
/// Prints of the text between two that a document has, up to which they belong to one passage.
const GAP: u32 = 12;
/// Prints of a passage that tell nothing by themselves.
const STRAY: usize = 2;
/// Prints in one passage from which it is one: about 150 letters in a row.
const PASSAGE: usize = 6;
/// Characters of the document over which the prints of a passage must be spread; prints may crowd in a few words.
const SPREAD: u32 = 110;
/// Prints from which a match is beyond doubt: a long paragraph.
const LONG: usize = 18;
/// Share of a short document that is as good as a passage.
const MOST: f64 = 0.6;
/// Fewest prints of a short document.
const SHORT: usize = 3;
/// Share of a document from which a match is beyond doubt.
const MUCH: f64 = 0.3;
/// Passages that are told of one document.
const PASSAGES: usize = 8;

/// What is asked of a set of documents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DocumentRule {
    /// Least share of a document, from 0 to 1; None: a passage will do.
    pub overlap: Option<f64>,
}

/// A stretch of text that a document holds too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Where it stands in the stream, bytes; to within 64 bytes.
    pub range: Range<u64>,
    /// Where it stands in the document, characters of its text.
    pub characters: Range<u64>,
}

/// A document of which something was found.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentMatch {
    /// Which rule, by number.
    pub rule: u32,
    /// Tells the document from all others.
    pub document: u64,
    /// Its name.
    pub name: String,
    /// Length of its text, characters.
    pub length: u64,
    /// How much of it was found, from 0 to 1.
    pub share: f64,
    /// How much of the stream it makes up, from 0 to 1.
    pub of_stream: f64,
    /// The passages, in order of their places.
    pub passages: Vec<Passage>,
    /// The file is the document, byte for byte.
    pub exact: bool,
    /// Distance of the similarity digests, where they are near.
    pub distance: Option<u32>,
    /// A short passage: it may be a quotation that both have from elsewhere.
    pub doubtful: bool,
}

/// Sets of documents and the rules by which they are looked for. Shared by all workers.
#[derive(Debug, Default)]
pub struct DocumentMatcher {
    groups: Vec<(Hasher, Vec<usize>)>,
    sets: Vec<Set>,
    rules: u32,
}

#[derive(Debug)]
struct Set {
    index: Arc<DocumentIndex>,
    rules: Vec<(u32, DocumentRule)>,
}

/// What is known of one stream's prints. Holds a few hundred bytes of text, and what was found.
#[derive(Debug, Default)]
pub struct DocumentScan {
    fold: Fold,
    folded: Vec<u8>,
    base: u64,
    winnow: Winnow,
    /// Folded bytes and the place in the stream, every few bytes of text.
    places: Vec<(u64, u64)>,
    /// Bytes of text so far.
    length: u64,
    /// Place in the stream after the last byte.
    end: u64,
    prints: u32,
    hits: BTreeMap<(u32, u32), Vec<Hit>>,
    held: usize,
    similarity: Option<Box<Similarity>>,
}

/// A print of the stream that a document has.
#[derive(Clone, Copy, Debug)]
struct Hit {
    /// Which of the stream's prints.
    print: u32,
    ordinal: u32,
    character: u32,
    place: u64,
}

impl DocumentScan {
    /// Ready for another stream.
    pub fn clear(&mut self) {
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        folded.shrink_to(1 << 16);
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        *self = Self { folded, places, ..Self::default() };
    }

    /// The stream is a file's bytes as they are: its similarity digest is to be made.
    pub fn compare_file(&mut self) {
        self.similarity = Some(Box::default());
    }

    /// The similarity digest of the file so far, where it is made.
    #[must_use]
    pub fn digest(&self) -> Option<[u8; 35]> {
        self.similarity.as_ref()?.finish()
    }

    /// The file's next bytes, as they are.
    pub fn file(&mut self, bytes: &[u8]) {
        if let Some(similarity) = &mut self.similarity {
            similarity.push(bytes);
        }
    }
}

impl DocumentMatcher {
    /// True without any rule.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Whether any document is compared by its similarity digest.
    #[must_use]
    pub fn compares_files(&self) -> bool {
        self.sets.iter().any(|set| set.index.compares_files())
    }

    /// Adds a rule for a set; the rule's number.
    pub fn add(&mut self, index: &Arc<DocumentIndex>, rule: DocumentRule) -> u32 {
        let number = self.rules;
        self.rules += 1;
        if let Some(set) = self.sets.iter_mut().find(|set| Arc::ptr_eq(&set.index, index)) {
            set.rules.push((number, rule));
            return number;
        }
        let at = self.sets.len();
        self.sets.push(Set { index: Arc::clone(index), rules: vec![(number, rule)] });
        let print = index.hashers.print;
        let same = |(known, _): &&mut (Hasher, Vec<usize>)| known.bytes(b"") == print.bytes(b"");
        match self.groups.iter_mut().find(same) {
            Some((_, sets)) => sets.push(at),
            None => self.groups.push((print, vec![at])),
        }
        number
    }

    /// Takes the next text of a stream. `place` gives the place in the stream of an offset in `text`. At most `most` hits are
    /// remembered.
    pub fn push(&self, scan: &mut DocumentScan, text: &[u8], place: impl Fn(usize) -> u64, most: usize) {
        let mut at = 0;
        while at < text.len() {
            // Steps end at the same bytes in whatever pieces text comes.
            if scan.length.is_multiple_of(STEP) {
                scan.places.push((scan.base + scan.folded.len() as u64, place(at)));
            }
            let left = usize::try_from(STEP - scan.length % STEP).unwrap_or(1);
            let step = text.get(at..text.len().min(at + left)).unwrap_or_default();
            scan.fold.append(step, &mut scan.folded);
            scan.length += step.len() as u64;
            at += step.len();
        }
        scan.end = place(text.len());
        self.look(scan, most, false);
        let oldest = scan.winnow.oldest();
        let done = usize::try_from(oldest - scan.base).unwrap_or(0);
        scan.folded.drain(..done.min(scan.folded.len()));
        scan.base = oldest;
        let before = scan.places.partition_point(|(folded, _)| *folded <= oldest);
        scan.places.drain(..before.saturating_sub(1));
    }

    fn look(&self, scan: &mut DocumentScan, most: usize, last: bool) {
        let DocumentScan { folded, base, winnow, places, prints, hits, held, .. } = scan;
        let mut take = |at: u64, gram: &[u8]| {
            let print = *prints;
            *prints = print.saturating_add(1);
            for (hasher, sets) in &self.groups {
                let hash = hasher.bytes(gram);
                for set in sets {
                    let postings =
                        self.sets.get(*set).into_iter().flat_map(|known| known.index.postings(hash));
                    for posting in postings {
                        if *held >= most {
                            return;
                        }
                        let before = places.partition_point(|(folded, _)| *folded <= at);
                        let place = before
                            .checked_sub(1)
                            .and_then(|before| places.get(before))
                            .map_or(0, |(_, place)| *place);
                        let key = (u32::try_from(*set).unwrap_or(u32::MAX), posting.document);
                        let hit =
                            Hit { print, ordinal: posting.ordinal, character: posting.character, place };
                        hits.entry(key).or_default().push(hit);
                        *held += 1;
                    }
                }
            }
        };
        winnow.advance(folded, *base, &mut take);
        if last {
            winnow.finish(folded, *base, &mut take);
        }
    }

    /// Ends a stream: what was found, in order of rules and documents. `sha256`: of the file, in hexadecimal digits, where known.
    pub fn finish(&self, scan: &mut DocumentScan, sha256: Option<&str>, most: usize) -> Vec<DocumentMatch> {
        self.look(scan, most, true);
        let similar = scan.similarity.as_ref().and_then(|similarity| similarity.finish());
        let mut found = Vec::new();
        for (number, set) in (0..).zip(&self.sets) {
            let exact = sha256.map(|sum| set.index.hashers.exact(sum));
            let mut claimed: HashSet<u32> = HashSet::new();
            let mut documents: Vec<Seen<'_>> = Vec::new();
            for (at, info) in set.index.documents().iter().enumerate() {
                let hits = u32::try_from(at)
                    .ok()
                    .and_then(|at| scan.hits.get(&(number, at)))
                    .map_or(&[][..], Vec::as_slice);
                let exact = exact == Some(info.exact);
                let distance = similar
                    .and_then(|digest| similar::distance(&digest, &set.index.digest(at)?))
                    .filter(|distance| *distance <= set.index.about.distance);
                if !hits.is_empty() || exact || distance.is_some() {
                    documents.push(Seen { at, hits, exact, distance });
                }
            }
            // Versions share prints: the one that explains most takes them.
            documents.sort_by_key(|seen| (!seen.exact, std::cmp::Reverse(seen.hits.len()), seen.at));
            for seen in documents {
                let hits: Vec<Hit> =
                    seen.hits.iter().filter(|hit| !claimed.contains(&hit.print)).copied().collect();
                let matched = set.told(number, &seen, &hits, scan);
                if !matched.is_empty() {
                    claimed.extend(hits.iter().map(|hit| hit.print));
                    found.extend(matched);
                }
            }
        }
        found.sort_by_key(|found| (found.rule, found.document));
        found
    }
}

/// A document of which there is something in a stream.
struct Seen<'a> {
    at: usize,
    hits: &'a [Hit],
    exact: bool,
    distance: Option<u32>,
}

impl Set {
    /// What each rule says of a document.
    fn told(&self, number: u32, seen: &Seen<'_>, hits: &[Hit], scan: &DocumentScan) -> Vec<DocumentMatch> {
        let Some(info) = self.index.documents().get(seen.at) else { return Vec::new() };
        let runs: Vec<&[Hit]> =
            hits.chunk_by(|a, b| b.print - a.print <= GAP).filter(|run| distinct(run) > STRAY).collect();
        let matched = runs.iter().copied().flatten().map(|hit| hit.ordinal).collect::<HashSet<u32>>().len();
        let longest =
            runs.iter().filter(|run| spread(run) >= SPREAD).map(|run| distinct(run)).max().unwrap_or(0);
        let whole = seen.exact || seen.distance.is_some();
        let share = if seen.exact { 1.0 } else { matched as f64 / f64::from(info.prints.max(1)) };
        let short = share >= MOST && matched >= SHORT;
        let holds = |rule: &DocumentRule| match rule.overlap {
            Some(least) => whole || share >= least && matched >= SHORT,
            None => whole || longest >= PASSAGE || short,
        };
        let in_stream: HashSet<u32> = runs.iter().copied().flatten().map(|hit| hit.print).collect();
        let of_stream = if seen.exact { 1.0 } else { in_stream.len() as f64 / f64::from(scan.prints.max(1)) };
        let told = |(rule, _): &(u32, DocumentRule)| DocumentMatch {
            rule: *rule,
            document: u64::from(number) << 32 | seen.at as u64,
            name: info.name.clone(),
            length: info.characters,
            share,
            of_stream,
            passages: passages(&runs, scan.end),
            exact: seen.exact,
            distance: seen.distance,
            doubtful: !seen.exact && longest < LONG && share < MUCH && seen.distance.is_none(),
        };
        self.rules.iter().filter(|(_, rule)| holds(rule)).map(told).collect()
    }
}

/// Characters of the document between the first and the last print.
fn spread(run: &[Hit]) -> u32 {
    let characters = || run.iter().map(|hit| hit.character);
    characters().max().unwrap_or(0) - characters().min().unwrap_or(0)
}

fn distinct(run: &[Hit]) -> usize {
    run.iter().map(|hit| hit.ordinal).collect::<HashSet<u32>>().len()
}

/// The longest passages, in order of their places.
fn passages(runs: &[&[Hit]], end: u64) -> Vec<Passage> {
    let mut longest: Vec<&&[Hit]> = runs.iter().collect();
    longest.sort_by_key(|run| std::cmp::Reverse(run.len()));
    longest.truncate(PASSAGES);
    let passage = |run: &&&[Hit]| {
        let from = run.iter().map(|hit| hit.place).min()?;
        let to = run.iter().map(|hit| hit.place).max()?;
        let first = run.iter().map(|hit| u64::from(hit.character)).min()?;
        let last = run.iter().map(|hit| u64::from(hit.character)).max()?;
        // A print is 32 letters or a little more text.
        let stop = (to + STEP).min(end.max(from));
        Some(Passage { range: from..stop, characters: first..last + STEP })
    };
    let mut told: Vec<Passage> = longest.iter().filter_map(passage).collect();
    told.sort_by_key(|passage| passage.range.start);
    told
}
