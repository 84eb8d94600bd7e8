//! The index of a set of documents: what it holds, how it is written and read.
//!
//! Owns: the sections of its file and look-ups. Never does: searching of text.

use super::similar::DIGEST;
use crate::{
    IndexError, Key, KeyId,
    container::{self, Kind, Parts, u32_at},
    key::Hasher,
    table::Table,
};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// Documents that one print may lead to; what more have is boilerplate anyway.
pub(crate) const CHAIN: u64 = 64;

/// One document, as people are told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentInfo {
    /// Its file name.
    pub name: String,
    /// Its text, characters; 0 for a file without text.
    pub characters: u64,
    /// Its prints, without boilerplate.
    pub prints: u32,
    /// Keyed hash of the SHA-256 of its bytes.
    pub(crate) exact: u64,
    /// Its similarity digest, masked under the key, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) similar: String,
}

/// What an index says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) owner: String,
    /// Greatest distance of similarity digests that counts.
    pub(crate) distance: u32,
    pub(crate) documents: Vec<DocumentInfo>,
}

/// The hash functions of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashers {
    /// Of prints.
    pub(crate) print: Hasher,
    /// Of second and later documents with one print.
    chain: Hasher,
    /// Of SHA-256 sums.
    exact: Hasher,
    /// Masks of similarity digests.
    mask: Hasher,
}

impl Hashers {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            print: key.hasher(b"document print"),
            chain: key.hasher(b"document chain"),
            exact: key.hasher(b"document file"),
            mask: key.hasher(b"document digest"),
        }
    }

    /// Under which hash the `place`-th document with a print stands.
    pub(crate) fn chained(&self, hash: u64, place: u64) -> u64 {
        if place == 0 { hash } else { self.chain.pair(hash, place) }
    }

    /// Of the SHA-256 of a file, in lower-case hexadecimal digits.
    pub(crate) fn exact(&self, sha256: &str) -> u64 {
        self.exact.bytes(sha256.as_bytes())
    }

    /// A digest with its mask put on or taken off.
    pub(crate) fn masked(&self, document: usize, digest: [u8; DIGEST]) -> [u8; DIGEST] {
        let mut masked = digest;
        for (part, chunk) in masked.chunks_mut(8).enumerate() {
            let mask = self.mask.pair(document as u64, part as u64).to_le_bytes();
            chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        masked
    }
}

/// Where a print stands in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) document: u32,
    /// Which of the document's prints it is.
    pub(crate) ordinal: u32,
    /// Where it begins, characters of the extracted text.
    pub(crate) character: u32,
}

/// Bytes of a posting.
const POSTING: usize = 12;

impl Posting {
    pub(crate) fn to_bytes(self) -> [u8; POSTING] {
        let mut bytes = [0; POSTING];
        let numbers = [self.document, self.ordinal, self.character];
        for (slot, number) in bytes.chunks_mut(4).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

/// An index of documents, ready for look-ups.
#[derive(Clone, Debug)]
pub struct DocumentIndex {
    pub(crate) about: Description,
    pub(crate) hashers: Hashers,
    table: Table,
    postings: Vec<u8>,
    key: KeyId,
}

impl DocumentIndex {
    pub(crate) fn new(about: Description, key: &Key, table: Table, postings: Vec<u8>) -> Self {
        Self { about, hashers: Hashers::new(key), table, postings, key: key.id() }
    }

    /// Reads an index of `length` bytes that was built with one of `keys`.
    pub fn read(input: &mut dyn Read, length: u64, keys: &[Key]) -> Result<Self, IndexError> {
        let (Parts { about, table, targets: postings }, key) =
            container::open::<Description>(input, length, Kind::Documents, keys)?;
        if postings.len() % POSTING != 0 {
            return Err(IndexError::Damaged("the sizes of its parts"));
        }
        Ok(Self { about, hashers: Hashers::new(key), table, postings, key: key.id() })
    }

    /// Writes the index; the same documents and key give the same bytes.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), IndexError> {
        container::save(out, Kind::Documents, self.key, &self.about, &self.table, &self.postings)
    }

    /// Its name: what signatures call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Who answers for it, or empty.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.about.owner
    }

    /// Its documents.
    #[must_use]
    pub fn documents(&self) -> &[DocumentInfo] {
        &self.about.documents
    }

    /// Bytes that it takes, in memory as on disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.postings.len() + self.table.sections().iter().map(|section| section.len()).sum::<usize>()
    }

    /// Whether any document is compared by its similarity digest.
    #[must_use]
    pub fn compares_files(&self) -> bool {
        self.about.documents.iter().any(|document| !document.similar.is_empty())
    }

    /// The similarity digest of a document.
    pub(crate) fn digest(&self, document: usize) -> Option<[u8; DIGEST]> {
        let digits = &self.about.documents.get(document)?.similar;
        let mut masked = [0; DIGEST];
        if digits.len() != 2 * DIGEST || !digits.is_ascii() {
            return None;
        }
        for (slot, pair) in masked.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *slot = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(self.hashers.masked(document, masked))
    }

    /// Where a print stands, in each document that has it.
    pub(crate) fn postings(&self, hash: u64) -> impl Iterator<Item = Posting> + '_ {
        let found = (0..CHAIN).map_while(move |place| self.table.find(self.hashers.chained(hash, place)));
        found.filter_map(|number| {
            let at = (number as usize).checked_mul(3)?;
            let number = |place| u32_at(&self.postings, at + place);
            Some(Posting { document: number(0)?, ordinal: number(1)?, character: number(2)? })
        })
    }
}
