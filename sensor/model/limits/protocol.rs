//! Limits of the `protocol` stage.

/// Limits of the `protocol` stage.
#[derive(Clone, Debug)]
pub struct ProtocolLimits {
    /// Bytes of both sides of a flow held until a protocol is recognised; then the flow is read as plain tcp or udp.
    /// Default 4 KiB.
    pub recognition_bytes: usize,
    /// Longest HTTP head or command line; a longer one is malformed. Default 64 KiB.
    pub head_bytes: usize,
    /// Transfers of one flow recorded; the rest count as over-limit. Default 1,048,576.
    pub transfers_per_flow: usize,
    /// Protocols that a flow may carry one within the other or one after the other (CONNECT, gaps); what comes then is read
    /// as plain tcp or udp. Default 16.
    pub switches_per_flow: usize,
    /// Connections of one shard that another connection has announced (FTP data) and that have not come; beyond it the
    /// oldest announcement is forgotten and that connection read as plain tcp. Default 4,096.
    pub expected_connections: usize,
    /// Packet time without a datagram after which content of unknown UDP and of ICMP echo, put together over flows, ends.
    /// Default 60 s.
    pub datagram_idle_ns: i64,
    /// Packet time after which such content ends even though it goes on; the rest is a transfer of its own. Default 1 h.
    pub datagram_group_ns: i64,
    /// Such contents open at once in one shard; beyond it all of them end, and what follows begins anew. Default 65,536.
    pub datagram_groups: usize,
}

impl Default for ProtocolLimits {
    fn default() -> Self {
        Self {
            recognition_bytes: 4096,
            head_bytes: 64 << 10,
            transfers_per_flow: 1 << 20,
            switches_per_flow: 16,
            expected_connections: 4096,
            datagram_idle_ns: 60_000_000_000,
            datagram_group_ns: 3_600_000_000_000,
            datagram_groups: 1 << 16,
        }
    }
}
