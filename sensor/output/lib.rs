//! Output: records leave the sensor here.
//!
//! Owns: the native JSON-lines files of a replay. Never does: deciding what is recorded; redaction (matches arrive redacted).

#![forbid(unsafe_code)]

mod native;

pub use native::{NativeFolder, OutputError};
