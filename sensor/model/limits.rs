//! Every limit of the program in one place: unit, default, and what is recorded when it is hit.

mod behavior;
mod capture;
mod content;
mod decode;
mod detect;
mod evidence;
mod identity;
mod incident;
mod pipeline;
mod protocol;
mod stream;

pub use behavior::BehaviorLimits;
pub use capture::CaptureLimits;
pub use content::ContentLimits;
pub use decode::DecodeLimits;
pub use detect::DetectLimits;
pub use evidence::EvidenceLimits;
pub use identity::IdentityLimits;
pub use incident::IncidentLimits;
pub use pipeline::PipelineLimits;
pub use protocol::ProtocolLimits;
pub use stream::StreamLimits;

use serde::{Deserialize, Serialize};

/// All limits, by stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the stage it names")]
pub struct Limits {
    #[serde(skip)] // of captures in files only, which are not configured
    pub capture: CaptureLimits,
    pub decode: DecodeLimits,
    pub stream: StreamLimits,
    pub protocol: ProtocolLimits,
    pub content: ContentLimits,
    pub detect: DetectLimits,
    pub identity: IdentityLimits,
    pub behavior: BehaviorLimits,
    pub incident: IncidentLimits,
    #[serde(skip)] // evidence is collected out of captures, by a command of its own
    pub evidence: EvidenceLimits,
    pub pipeline: PipelineLimits,
}
