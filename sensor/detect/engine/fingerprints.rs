//! What is looked for by fingerprints: records, documents, files.
//!
//! Owns: which finder each rule of the matchers belongs to. Never does: searching, which is the work of `egret-fingerprint`.

use egret_fingerprint::{
    documents::{DocumentIndex, DocumentMatcher, DocumentRule, distance},
    records::{RecordIndex, RecordMatcher, Rule, RuleError},
};
use egret_model::FileFormat;
use std::sync::Arc;

/// Files by what they are as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileRule {
    /// SHA-256 sums in lower-case hexadecimal digits.
    pub(crate) sums: Vec<String>,
    /// Similarity digests.
    pub(crate) digests: Vec<[u8; 35]>,
    /// Greatest distance from one of them.
    pub(crate) distance: u32,
    /// Kinds of files.
    pub(crate) formats: Vec<&'static FileFormat>,
}

impl FileRule {
    /// Why a file with this sum and digest, of this kind, is one of them.
    pub(crate) fn says(
        &self,
        sum: Option<&str>,
        digest: Option<&[u8; 35]>,
        format: Option<&'static FileFormat>,
    ) -> Option<String> {
        if let Some(format) = format.filter(|format| self.formats.contains(format)) {
            return Some(format!("the file is a {} ({})", format.title, format.media_type));
        }
        if sum.is_some_and(|sum| self.sums.iter().any(|known| known == sum)) {
            return Some("the file's SHA-256".into());
        }
        let distances = self.digests.iter().filter_map(|known| distance(known, digest?));
        let least = distances.min().filter(|least| *least <= self.distance)?;
        Some(format!("similar to a known file: TLSH distance {least}"))
    }
}

/// Every rule and its finder.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    pub(crate) records: RecordMatcher,
    /// By rule: its finder, and the names of the set's columns.
    pub(crate) record_rules: Vec<(u32, Arc<[String]>)>,
    pub(crate) documents: DocumentMatcher,
    /// By rule: its finder.
    pub(crate) document_rules: Vec<u32>,
    pub(crate) files: Vec<(FileRule, u32)>,
}

impl Fingerprints {
    /// Records of a set.
    pub(crate) fn add_records(
        &mut self,
        index: &Arc<RecordIndex>,
        rule: &Rule,
        finder: u32,
    ) -> Result<(), RuleError> {
        self.records.add(index, rule)?;
        let names = index.columns().iter().map(|column| column.name.clone()).collect();
        self.record_rules.push((finder, names));
        Ok(())
    }

    /// Documents of a set.
    pub(crate) fn add_documents(&mut self, index: &Arc<DocumentIndex>, rule: DocumentRule, finder: u32) {
        self.documents.add(index, rule);
        self.document_rules.push(finder);
    }

    /// Whether similarity digests of files are of use.
    pub(crate) fn compares_files(&self) -> bool {
        self.documents.compares_files() || self.files.iter().any(|(rule, _)| !rule.digests.is_empty())
    }
}
