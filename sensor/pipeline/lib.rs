//! The pipeline: every thread and channel; the only place that knows all stages.
//!
//! Owns: the path of a packet through the stages, the order of events, the summary. Never does: the work of a stage; writing of
//! records, which go to the caller's sink.

#![forbid(unsafe_code)]

mod config;
mod correlate;
mod crew;
mod dispatch;
mod event;
mod evidence;
mod excerpt;
mod held;
mod inspect;
#[cfg(unix)]
pub mod live;
mod load;
mod observe;
#[cfg(test)]
mod population;
mod replay;
mod scanners;
mod secrets;
mod shard;
mod tally;
#[cfg(test)]
mod testing;
mod transfer;
mod unpack;
mod work;

pub use config::{InternalNetworks, ReplayConfig};
pub use evidence::{EvidencePacket, Shown, show_evidence};
pub use inspect::{ExtractedObject, FileInspector, InspectedFile};
pub use load::{Load, OverloadPolicy};
pub use replay::{Progress, ReplayError, Replayed, replay};
pub use transfer::How;

pub use egret_protocol::KeyLog;

use egret_model::{FindingRecord, Incident, SightingRecord, TransferRecord};

/// A record as it is made. A transfer is followed by its findings; incidents come last, the most urgent first.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// One movement of content.
    Transfer(&'a TransferRecord),
    /// One signature that matched in one object of the transfer before.
    Finding(&'a FindingRecord),
    /// One piece of identity evidence.
    Sighting(&'a SightingRecord),
    /// What an analyst acts on.
    Incident(&'a Incident),
}

/// Why a sink did not take a record; ends the replay.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;
