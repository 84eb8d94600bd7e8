//! Fingerprints of an organisation's real data: indexes of records (rows of a table) and of documents, and the search for
//! them in text.
//!
//! Owns: the keyed hashes, the index files, their building and changing, and the state machines that find registered records
//! and passages in a stream of text. Never does: extraction of text, signatures, threads, clocks; it opens no file (callers
//! hand over readers and writers).
//!
//! # What a stolen index tells
//!
//! Nothing about the data, without the key. Every stored hash is a SipHash-2-4 under a key of its own purpose, derived from 32
//! random bytes that stand in a file apart. The second and later records with one value are stored under hashes of their own,
//! and the cells of a record are masked by their place, so that not even equal values can be told to be equal. What shows is
//! the number of rows, the names and kinds of the columns, and the names and sizes of the documents.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod container;
pub mod documents;
mod error;
mod key;
pub mod records;
mod table;

pub use container::MAGIC;
pub use error::IndexError;
pub use key::{Key, KeyId};
