//! Documents: texts and files of which copies, passages and near-identical binaries are recognised when they leave.
//!
//! Owns: folding and winnowing of text, the index, its building, the search. Never does: extraction of text; opening of files.
//!
//! # How a passage is found
//!
//! Text is folded to its letters and digits in lower case, so that line breaks, punctuation, hyphens and table cells make no
//! difference. Of every 32 neighbouring places the one with the least local hash is chosen (winnowing: Schleimer, Wilkerson and
//! Aiken, 2003); the 32 folded bytes from there on, hashed under the key, are a print. So any copied stretch of 63 folded
//! bytes shares a print with its source, whatever stands around it, and a paragraph of 300 characters shares about a dozen.

mod build;
mod fold;
mod index;
mod matcher;
mod phrases;
mod similar;
#[cfg(test)]
mod tests;
mod winnow;

pub use build::{Builder, Built};
pub use index::{DocumentIndex, DocumentInfo};
pub use matcher::{DocumentMatch, DocumentMatcher, DocumentRule, DocumentScan, Passage};
pub use similar::{Similarity, digest, distance};
