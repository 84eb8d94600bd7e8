//! Limits of collecting evidence.

/// Limits of collecting evidence: how much of a content is shown to the owner of its seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceLimits {
    /// Text shown before a match and after it, bytes. Default 400.
    pub around_bytes: usize,
    /// Text of a match that is shown, bytes; of a longer one the beginning, and that it was cut. Default 4,096.
    pub match_bytes: usize,
    /// Excerpts of one incident, the first in order of input; of the others it is told how many are missing. Default 2,000.
    pub excerpts: usize,
    /// Text held for excerpts of objects that have not ended, bytes; what is beyond is missing, and told so. Default 64 MiB.
    pub held_bytes: usize,
}

impl Default for EvidenceLimits {
    fn default() -> Self {
        Self { around_bytes: 400, match_bytes: 4_096, excerpts: 2_000, held_bytes: 64 << 20 }
    }
}
