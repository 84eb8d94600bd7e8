//! Content: peels codings, unpacks containers and extracts text, within limits.
//!
//! Owns: the walk from a transfer's bytes to objects and their text. Never does: matching, I/O, threads; what it cannot
//! read it says, as an object's state.

#![forbid(unsafe_code)]

mod appended;
mod budget;
mod buffers;
mod charset;
mod codings;
mod embedded;
mod encrypted;
mod file_format;
mod form;
mod formats;
mod header;
mod inside;
mod json;
mod kind;
mod message;
mod object;
mod opaque;
mod outlook_store;
mod part;
mod parts;
mod path;
mod plain;
mod reader;
#[cfg(test)]
mod tests;
mod transfer_encoding;
mod uuencode;
mod walk;

pub use buffers::Buffers;
pub use reader::{Inner, Output, Reader};
pub use walk::Walker;
