//! Limits of the `capture` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `capture` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureLimits {
    /// Bytes read at once, and so about the size of a batch of packets. Default 256 KiB: with sixteen batches in use, larger
    /// ones leave the processor's cache (measured: 10 GiB/s at 256 KiB, 3.6 at 1 MiB).
    pub block_bytes: usize,
    /// Bytes of the blocks of all captures that are merged, shared among them evenly (64 KiB each at least, `block_bytes`
    /// at most). Default 16 MiB.
    pub merge_bytes: usize,
    /// Longest packet accepted, bytes; a longer one is damage and ends that capture. Default 16 MiB.
    pub packet_bytes: usize,
    /// Interfaces in one section of a pcapng capture; more are damage and end that capture. Default 65,536.
    pub interfaces: usize,
    /// Decryption secrets kept of one capture, bytes; further ones are not kept, which is reported. Default 64 MiB.
    pub secrets_bytes: usize,
    /// Window that a compressed capture may ask for, bytes; one that asks for more is reported as damaged. Default 128 MiB.
    pub window_bytes: usize,
}

impl Default for CaptureLimits {
    fn default() -> Self {
        Self {
            block_bytes: 256 << 10,
            merge_bytes: 16 << 20,
            packet_bytes: 16 << 20,
            interfaces: 1 << 16,
            secrets_bytes: 64 << 20,
            window_bytes: 128 << 20,
        }
    }
}
