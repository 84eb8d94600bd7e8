//! Detection: finds the organisation's sensitive data in text, by signatures that its owners write.
//!
//! Owns: the signature language, the engine, validators, evidence and confidence, redaction. Never does: reading of
//! captures or formats, threads, clocks; the only files it reads are signatures, when a set is loaded.
//!
//! The clear text of a match never leaves this crate: what a [`egret_model::Hit`] shows is masked at the source.
//!
//! # How text is scanned
//!
//! Text is normalised as it comes, gathered into blocks, and each block passed over twice: once for the literals of all
//! signatures (words, phrases, context words, what regular expressions require; see [`Matcher`]), once by a
//! gate that skips text without digits. What they find is verified in a bounded window: the rest of a phrase, a regular
//! expression, the written form of a number, validators. A match then waits until the context around it is known. Whether a
//! match counts depends on evidence: context words, other finds beside it, and how many of its look-alikes in the same
//! object are valid, since one in ten numbers of any table passes a check digit.
//!
//! Blocks overlap by the widest window, so that hits do not depend on the pieces in which text came.

#![deny(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod cost;
mod engine;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod fingerprint_tests;
mod kept;
mod language;
mod near_miss;
mod object;
mod propose;
mod scanner;
mod shipped;
mod signatures;
#[cfg(test)]
mod tests;
mod validators;
mod value_key;
mod verdict;

pub use cost::Cost;
pub use engine::matcher::{Literal, Matcher, MatcherError, Occurrence};
pub use engine::normalise::normalised;
pub use kept::Kept;
pub use language::{
    exception::{Circumstances, Exception},
    problem::SignatureProblem,
};
pub use near_miss::NearMiss;
pub use object::ObjectScan;
pub use propose::{Proposal, propose};
pub use scanner::Scanner;
pub use signatures::{Case, CostNote, Excuse, Signature, SignatureSet};
pub use value_key::ValueKey;
