//! Output: records leave the sensor here.
//!
//! Owns: the native JSON-lines files of a replay and of a live run, its journal. Never does: deciding what is recorded; redaction (matches arrive redacted).

#![forbid(unsafe_code)]

mod case_json;
mod journal;
mod metrics;
mod native;
mod rotating;
mod text;

pub use case_json::{case_json, json_line};
pub use journal::{FolderClaim, Loss, RunJournal};
pub use metrics::{METRICS_MEDIA_TYPE, ProcessFacts, metrics};
pub use native::{NativeFolder, OutputError};
pub use rotating::{Mended, RecordLost, RotatingFolder, Rotation};
pub use text::printable;
