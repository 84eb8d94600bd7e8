//! The report: one HTML page that stands alone.
//!
//! Owns: what the page shows and in which order. Never does: queries; scripts, or anything fetched from elsewhere.
//!
//! The page is made of texts from attackers. The template escapes every one of them for HTML, [`printable`](crate::printable) takes out
//! what does not show itself, and a content security policy forbids the page to run or to fetch anything.

mod page;
mod plot;
#[cfg(test)]
mod tests;

use askama::Template as _;
use egret_model::{Case, Coverage, Timestamp};

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its title.
    pub title: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Which incidents it tells of, in words.
    pub scope: String,
    /// Incidents that match in all; those told of may be fewer.
    pub matching: u64,
    /// Incidents, the most urgent first.
    pub cases: Vec<Case>,
    /// Who they are about, the riskiest first.
    pub senders: Vec<SenderPart>,
    /// Content that left, by hour.
    pub hours: Vec<Hour>,
    /// What filled the store.
    pub runs: Vec<RunPart>,
    /// That it is as it was written.
    pub proof: Proof,
}

/// Someone who sent something out.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct SenderPart {
    pub who: String,
    pub risk: u8,
    pub open: u64,
    pub incidents: u64,
    pub transfers: u64,
    pub bytes: u64,
    pub findings: u64,
    /// Hosts and addresses where the user was seen, with the evidence.
    pub seen: Vec<String>,
    pub hours: Vec<Hour>,
    /// Destination, transfers, bytes, findings.
    pub destinations: Vec<(String, u64, u64, u64)>,
}

/// Content that left within an hour.
#[derive(Clone, Copy, Debug)]
pub struct Hour {
    /// Its beginning.
    pub at: Timestamp,
    /// Content bytes.
    pub bytes: u64,
}

/// A run that filled the store.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct RunPart {
    pub id: String,
    /// `replay` or `live`.
    pub kind: String,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub egret: String,
    pub signatures: usize,
    pub signatures_sha256: String,
    /// Captures with their SHA-256, or interfaces; files about people, the context, feeds, limits.
    pub inputs: Vec<(String, String)>,
    pub packets: u64,
    pub transfers: u64,
    pub coverage: Coverage,
    pub problems: Vec<String>,
}

/// What vouches for the report.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Proof {
    pub entries: u64,
    pub head: String,
    pub flaws: Vec<String>,
}

impl Report {
    /// The page.
    pub fn html(&self) -> Result<String, askama::Error> {
        page::Page::new(self).render()
    }
}
