//! Limits of the `identity` stage.

/// Limits of the `identity` stage.
#[derive(Clone, Debug)]
pub struct IdentityLimits {
    /// Pieces of evidence kept; the oldest are forgotten first. Default 4,194,304.
    pub intervals: usize,
}

impl Default for IdentityLimits {
    fn default() -> Self {
        Self { intervals: 4 << 20 }
    }
}
