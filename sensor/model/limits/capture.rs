//! Limits of the `capture` stage.

/// Limits of the `capture` stage.
#[derive(Clone, Debug)]
pub struct CaptureLimits {
    /// Bytes read at once; default 1 MiB.
    pub block_bytes: usize,
    /// Longest packet record accepted, bytes; a longer one is damage and ends that capture. Default 16 MiB.
    pub packet_bytes: usize,
}

impl Default for CaptureLimits {
    fn default() -> Self {
        Self { block_bytes: 1 << 20, packet_bytes: 16 << 20 }
    }
}
