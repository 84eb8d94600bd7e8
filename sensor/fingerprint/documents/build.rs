//! Building an index from documents.
//!
//! Owns: what is left out of documents (properties that programs write, boilerplate), the prints of the rest. Never does:
//! extraction of text.

use super::{
    fold::Fold,
    index::{CHAIN, Description, DocumentIndex, DocumentInfo, Hashers, Posting},
    phrases::{self, Phrases},
    similar::{DIGEST, Similarity},
    winnow::{GRAM, Winnow},
};
use crate::{
    IndexError, Key,
    table::{Entry, Table},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Distinct documents that share a print, from which it is boilerplate, if that is a tenth of all or more.
const SHARED_BY: usize = 4;
/// Share of the smaller document that two have in common, from which they are versions of one.
const VERSIONS: f64 = 0.6;
/// Fewest distinct bytes of a print that says something.
const DISTINCT: usize = 8;
/// How far apart similarity digests may be.
pub(crate) const DISTANCE: u32 = 30;

/// Takes documents and makes an index of them.
#[derive(Debug)]
pub struct Builder {
    about: Description,
    hashers: Hashers,
    key: Key,
    /// Prints of each document, with their places.
    prints: Vec<Vec<(u64, u32)>>,
    boilerplate: HashSet<u64>,
    phrases: Phrases,
}

/// An index and what was found on the way.
#[derive(Debug)]
pub struct Built {
    /// The index.
    pub index: DocumentIndex,
    /// Phrases that stand in one document and are rare: for its owner to read and edit.
    pub phrases: Vec<(String, Vec<String>)>,
    /// Prints that were left out because many documents or ordinary texts have them.
    pub boilerplate: usize,
}

impl Builder {
    /// A builder for a set of this name.
    #[must_use]
    pub fn new(name: &str, owner: &str, key: &Key) -> Self {
        let about = Description {
            name: name.to_owned(),
            owner: owner.to_owned(),
            distance: DISTANCE,
            documents: Vec::new(),
        };
        Self {
            about,
            hashers: Hashers::new(key),
            key: key.clone(),
            prints: Vec::new(),
            boilerplate: HashSet::new(),
            phrases: Phrases::default(),
        }
    }

    /// Adds a document: its extracted text, normalised as the scanner does it, and the SHA-256 of its file in hexadecimal digits.
    /// `binary`: the text is the file's bytes as they are.
    pub fn document(&mut self, name: &str, text: &[u8], sha256: &str, binary: bool) {
        let exact = self.hashers.exact(sha256);
        if self.about.documents.iter().any(|known| known.exact == exact) {
            return;
        }
        let mut similar = String::new();
        if binary {
            let mut similarity = Similarity::default();
            similarity.push(text);
            if let Some(digest) = similarity.finish() {
                let masked: [u8; DIGEST] = self.hashers.masked(self.about.documents.len(), digest);
                similar = masked.iter().map(|byte| format!("{byte:02x}")).collect();
            }
        } else {
            self.phrases.document(text);
        }
        let characters = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
        self.prints.push(self.prints_of(text, binary));
        self.about.documents.push(DocumentInfo {
            name: name.to_owned(),
            characters,
            prints: 0,
            exact,
            similar,
        });
        if binary {
            self.phrases.document(b"");
        }
    }

    /// Adds an ordinary text: what it shares with documents does not count.
    pub fn ordinary(&mut self, text: &[u8]) {
        let prints = self.prints_of(text, false);
        self.boilerplate.extend(prints.iter().map(|(print, _)| *print));
        self.phrases.ordinary(text);
    }

    /// The index.
    pub fn finish(mut self) -> Result<Built, IndexError> {
        if self.about.documents.len() > u32::MAX as usize / 2 {
            return Err(IndexError::TooLarge("too many documents"));
        }
        let shared = self.shared();
        let mut left_out = HashSet::new();
        let mut postings: BTreeMap<u64, Vec<Posting>> = BTreeMap::new();
        for (document, (info, prints)) in (0..).zip(self.about.documents.iter_mut().zip(&self.prints)) {
            let mut seen = HashSet::new();
            for (print, character) in prints {
                if shared.contains(print) || self.boilerplate.contains(print) {
                    left_out.insert(*print);
                } else if seen.insert(*print) {
                    let posting = Posting { document, ordinal: info.prints, character: *character };
                    postings.entry(*print).or_default().push(posting);
                    info.prints += 1;
                }
            }
        }
        let mut entries = Vec::new();
        let mut bytes = Vec::new();
        for (print, places) in postings {
            for (place, posting) in (0..CHAIN).zip(places) {
                let number =
                    u32::try_from(entries.len()).map_err(|_| IndexError::TooLarge("too many prints"))?;
                entries.push(Entry { hash: self.hashers.chained(print, place), number });
                bytes.extend_from_slice(&posting.to_bytes());
            }
        }
        let table = Table::build(entries)?;
        let phrases =
            self.phrases.chosen(|at| self.about.documents.get(at).map(|document| document.name.clone()));
        let index = DocumentIndex::new(self.about, &self.key, table, bytes);
        Ok(Built { index, phrases, boilerplate: left_out.len() })
    }

    /// Prints that many documents share which are not versions of one another.
    fn shared(&self) -> HashSet<u64> {
        let mut holders: HashMap<u64, Vec<u32>> = HashMap::new();
        for (document, prints) in (0..).zip(&self.prints) {
            for (print, _) in prints {
                let holders = holders.entry(*print).or_default();
                if holders.last() != Some(&document) {
                    holders.push(document);
                }
            }
        }
        let family = self.families(&holders);
        let least = SHARED_BY.max(self.prints.len() / 10);
        let families = |holders: &Vec<u32>| {
            let distinct: HashSet<u32> =
                holders.iter().filter_map(|document| family.get(*document as usize).copied()).collect();
            distinct.len()
        };
        holders.iter().filter(|(_, holders)| families(holders) >= least).map(|(print, _)| *print).collect()
    }

    /// For each document, the first one that it is a version of.
    fn families(&self, holders: &HashMap<u64, Vec<u32>>) -> Vec<u32> {
        // One print in eight tells as much, and prints of everywhere tell nothing.
        let mut common: HashMap<(u32, u32), usize> = HashMap::new();
        let mut sampled = vec![0_usize; self.prints.len()];
        for (_, documents) in
            holders.iter().filter(|(print, documents)| *print % 8 == 0 && documents.len() <= 64)
        {
            for (at, a) in documents.iter().enumerate() {
                if let Some(count) = sampled.get_mut(*a as usize) {
                    *count += 1;
                }
                for b in documents.iter().skip(at + 1) {
                    *common.entry((*a, *b)).or_default() += 1;
                }
            }
        }
        let mut family: Vec<u32> = (0..).take(self.prints.len()).collect();
        let mut pairs: Vec<(&(u32, u32), &usize)> = common.iter().collect();
        pairs.sort_unstable();
        for ((a, b), shared) in pairs {
            let size = |document: &u32| sampled.get(*document as usize).copied().unwrap_or(0);
            let smaller = size(a).min(size(b)).max(1);
            if *shared as f64 >= VERSIONS * smaller as f64
                && let (Some(first), Some(second)) =
                    (family.get(*a as usize).copied(), family.get(*b as usize).copied())
            {
                let (low, high) = (first.min(second), first.max(second));
                family.iter_mut().filter(|known| **known == high).for_each(|known| *known = low);
            }
        }
        family
    }

    /// The prints of a text with the characters at which they begin.
    fn prints_of(&self, text: &[u8], binary: bool) -> Vec<(u64, u32)> {
        let (mut fold, mut folded) = (Fold::default(), Vec::new());
        // Folded bytes at every few characters, to find the way back.
        let mut places: Vec<(u64, u32)> = Vec::new();
        let mut character = 0_u32;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let left_out = !binary && phrases::is_property(line);
            for piece in line.chunks(16) {
                places.push((folded.len() as u64, character));
                if !left_out {
                    fold.append(piece, &mut folded);
                }
                let begun = piece.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
                character = character.saturating_add(u32::try_from(begun).unwrap_or(u32::MAX));
            }
        }
        let mut prints = Vec::new();
        let mut take = |place: u64, gram: &[u8]| {
            if is_telling(gram) {
                let at = places.partition_point(|(folded, _)| *folded <= place);
                let character =
                    at.checked_sub(1).and_then(|at| places.get(at)).map_or(0, |(_, character)| *character);
                prints.push((self.hashers.print.bytes(gram), character));
            }
        };
        let mut winnow = Winnow::default();
        winnow.advance(&folded, 0, &mut take);
        winnow.finish(&folded, 0, &mut take);
        prints
    }
}

/// A print of a few repeated signs is in every table.
fn is_telling(gram: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in gram.iter().take(GRAM) {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() >= DISTINCT
}
