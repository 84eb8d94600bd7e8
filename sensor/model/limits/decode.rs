//! Limits of the `decode` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `decode` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeLimits {
    /// Tunnel headers and tags opened in one packet; beyond it the rest of the packet counts as over-limit. Default 16.
    pub tunnel_depth: usize,
    /// IP extension headers passed in one packet, all its IP headers together; beyond it the rest counts as over-limit. Default 32.
    pub extension_headers: usize,
    /// Bytes held in unfinished IP fragments, bookkeeping included; the oldest datagram is dropped first and counts as
    /// over-limit. Default 64 MiB.
    pub fragment_bytes: usize,
    /// Age at which an unfinished datagram is given up (a gap), by packet time. Default 30 s (RFC 8200 allows 60).
    pub fragment_timeout_ns: i64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            tunnel_depth: 16,
            extension_headers: 32,
            fragment_bytes: 64 << 20,
            fragment_timeout_ns: 30_000_000_000,
        }
    }
}
