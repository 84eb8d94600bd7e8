//! Limits of the `protocol` stage.

/// Limits of the `protocol` stage.
#[derive(Clone, Debug)]
pub struct ProtocolLimits {
    /// Bytes of each side held until a protocol is recognised; then the flow is read as plain tcp or udp. Default 4 KiB.
    pub recognition_bytes: usize,
    /// Longest HTTP head or command line; a longer one is malformed. Default 64 KiB.
    pub head_bytes: usize,
    /// Transfers of one flow recorded; the rest count as over-limit. Default 1,048,576.
    pub transfers_per_flow: usize,
}

impl Default for ProtocolLimits {
    fn default() -> Self {
        Self { recognition_bytes: 4096, head_bytes: 64 << 10, transfers_per_flow: 1 << 20 }
    }
}
