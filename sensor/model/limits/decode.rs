//! Limits of the `decode` stage.

/// Limits of the `decode` stage.
#[derive(Clone, Debug)]
pub struct DecodeLimits {
    /// Headers of tunnels opened in one packet; beyond it the packet counts as over-limit. Default 16.
    pub tunnel_depth: usize,
    /// Bytes held in unfinished IP fragments; the oldest datagram is dropped first and counts as over-limit. Default 64 MiB.
    pub fragment_bytes: usize,
    /// Age at which an unfinished datagram is given up (a gap), by packet time. Default 30 s (RFC 8200 allows 60).
    pub fragment_timeout_ns: i64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { tunnel_depth: 16, fragment_bytes: 64 << 20, fragment_timeout_ns: 30_000_000_000 }
    }
}
