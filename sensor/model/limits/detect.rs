//! Limits of the `detect` stage.

/// Limits of the `detect` stage.
#[derive(Clone, Debug)]
pub struct DetectLimits {
    /// Text scanned at once, bytes, beside the overlap. Default 32 KiB.
    pub block_bytes: usize,
    /// Matches of one finding that are written out, redacted; all are counted. Default 100.
    pub matches_reported: usize,
    /// Distinct values of one signature remembered for one object; beyond it `unique` is a lower bound. Default 100,000.
    pub values_tracked: usize,
}

impl Default for DetectLimits {
    fn default() -> Self {
        Self { block_bytes: 32 << 10, matches_reported: 100, values_tracked: 100_000 }
    }
}
