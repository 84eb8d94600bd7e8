//! Limits of the `stream` stage.

/// Limits of the `stream` stage.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// Out-of-order bytes held for one side of one flow; beyond it the hole is given up and reported as a gap. Default 4 MiB.
    pub flow_bytes: usize,
    /// Out-of-order bytes held in all flows of the run together; divided evenly among shards. Default 256 MiB.
    pub total_bytes: usize,
    /// Flows tracked in the run; divided evenly among shards. Default 1,048,576.
    pub flows: usize,
    /// Packet time without a packet after which a TCP flow is over. Default 5 min.
    pub tcp_idle_ns: i64,
    /// The same for UDP and ICMP. Default 60 s.
    pub udp_idle_ns: i64,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            flow_bytes: 4 << 20,
            total_bytes: 256 << 20,
            flows: 1 << 20,
            tcp_idle_ns: 300_000_000_000,
            udp_idle_ns: 60_000_000_000,
        }
    }
}
