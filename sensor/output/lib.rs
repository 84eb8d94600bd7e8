//! Output: records leave the sensor here.
//!
//! Owns: the native JSON-lines files of a replay and of a live run, its journal; incidents in the formats of other systems, and the way
//! there; the report. Never does: deciding what is recorded; redaction (matches arrive redacted).

#![forbid(unsafe_code)]

mod case_json;
pub mod evidence;
mod format;
mod journal;
mod metrics;
mod native;
pub mod report;
mod rotating;
mod text;
mod wire;

pub use case_json::{case_json, json_line};
pub use format::{Format, Teller, community_id};
pub use journal::{FolderClaim, Loss, RunJournal};
pub use metrics::{METRICS_MEDIA_TYPE, ProcessFacts, metrics};
pub use native::{NativeFolder, OutputError};
pub use rotating::{Mended, RecordLost, RotatingFolder, Rotation};
pub use text::printable;
pub use wire::{Destination, Header, Wire, WireError};
