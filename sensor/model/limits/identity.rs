//! Limits of the `identity` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `identity` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityLimits {
    /// Pieces of evidence kept; the oldest are forgotten first. Default 4,194,304.
    pub intervals: usize,
}

impl Default for IdentityLimits {
    fn default() -> Self {
        Self { intervals: 4 << 20 }
    }
}
