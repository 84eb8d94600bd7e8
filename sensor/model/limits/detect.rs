//! Limits of the `detect` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `detect` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectLimits {
    /// Text scanned at once, bytes, beside the overlap. Default 32 KiB.
    pub block_bytes: usize,
    /// Text held by all open scans of one scanner, bytes; beyond it each piece is scanned as it comes, in smaller blocks,
    /// with the same result. Default 64 MiB.
    pub held_bytes: usize,
    /// Matches of one finding that are written out, redacted; all are counted. Default 25.
    pub matches_reported: usize,
    /// Matches and distinct values of one signature remembered for one object; beyond it `unique` is a lower bound, and
    /// further matches count without the evidence that other finds give. Default 100,000.
    pub values_tracked: usize,
}

impl Default for DetectLimits {
    fn default() -> Self {
        Self { block_bytes: 32 << 10, held_bytes: 64 << 20, matches_reported: 25, values_tracked: 100_000 }
    }
}
