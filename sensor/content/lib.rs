//! Content: peels codings, unpacks containers and extracts text, within limits.
//!
//! Owns: the walk from a transfer's bytes to objects and their text. Never does: matching, I/O, threads; what it cannot
//! read it says, as an object's state.

#![forbid(unsafe_code)]

mod reader;

pub use reader::{Inner, Output, Reader};
