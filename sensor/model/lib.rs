//! The types that cross stage boundaries, [`Limits`] and [`Cursor`].
//!
//! Owns: the vocabulary that all stages share. Never does: parsing of any protocol, I/O, threads, clocks, policy.
//! A stage crate depends on this crate and on no other stage.

#![forbid(unsafe_code)]

mod behavior;
mod case;
mod checksum;
mod content;
mod coverage;
mod cursor;
mod excerpt;
mod file_format;
mod finding;
mod flow;
mod id;
mod limits;
mod link;
mod packet;
mod record;
mod segment;
mod sighting;
mod time;
mod transfer;
mod vitals;

pub use behavior::{Anomaly, AnomalyKind, FlowSummary, Observation, Volume};
pub use case::{
    AnomalyView, Case, CaseState, FindingView, Handling, IncidentView, MatchView, Note, ObjectView,
    PartyView, PolicyView, ProfileView, TransferView, Verdict,
};
pub use checksum::{Checksum, TcpChecksum, ones_complement_sum};
pub use content::{ContentEvent, ContentHints, ObjectId, ObjectRecord, ObjectStart, ObjectState};
pub use coverage::{Coverage, Uninspected};
pub use cursor::{Cursor, Truncated};
pub use excerpt::{ClearText, Excerpt};
pub use file_format::{FILE_FORMATS, FileFormat};
pub use finding::{Confidence, Excepted, Hit, Match, Severity};
pub use flow::{CloseReason, Endpoint, Flow, FlowKind, Side, StreamEvent};
pub use id::IdHasher;
pub use limits::{
    BehaviorLimits, CaptureLimits, ContentLimits, DecodeLimits, DetectLimits, EvidenceLimits, IdentityLimits,
    IncidentLimits, Limits, PipelineLimits, ProtocolLimits, StreamLimits,
};
pub use link::{LinkFrame, LinkKind};
pub use packet::{LinkType, Packet, PacketRef};
pub use record::{
    Direction, ExceptedSum, FindingRecord, Incident, InsiderProfile, MatchRecord, Moment, Party, Policy,
    PolicyVerdict, Profile, RiskShare, SightingRecord, Summary, TransferRecord, UserRisk,
};
pub use segment::{MacAddress, Segment, TcpFlags, Transport, TunnelPath};
pub use sighting::{Attribution, Basis, Evidence, Person, Sighting};
pub use time::Timestamp;
pub use transfer::{Protocol, ProtocolEvent, TransferKey, TransferStart};
pub use vitals::{
    InFlight, InterfaceState, LATENCY_BOUNDS_NS, Latency, PacketAccount, QueueDepth, ShedPackets, Vitals,
};
