//! Limits of the `stream` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `stream` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamLimits {
    /// Out-of-order bytes held for one side of one flow, 64 bytes of bookkeeping for each piece included; beyond it the
    /// oldest hole is given up and reported as an over-limit gap. Default 4 MiB.
    pub flow_bytes: usize,
    /// Out-of-order bytes held in all flows of the run together, counted likewise; divided evenly among shards. Beyond it the
    /// side that has held bytes longest gives up its hole, an over-limit gap. Default 256 MiB.
    pub total_bytes: usize,
    /// Flows tracked in the run; divided evenly among shards. Beyond it flows are closed as evicted: those that are over
    /// already first, then handshakes without an answer, then the one idle longest. Default 1,048,576.
    pub flows: usize,
    /// Of those, TCP flows of which one side only has been heard of and no payload (a SYN without an answer); divided
    /// likewise. Beyond it the oldest of them is closed as evicted, so that a flood of handshakes costs no more than this:
    /// what answers later is tracked all the same. Default 65,536.
    pub opening_flows: usize,
    /// Packet time without a packet after which a TCP flow is over. Default 5 min.
    pub tcp_idle_ns: i64,
    /// The same while only one side has been heard of (a SYN without an answer). Default 60 s.
    pub opening_idle_ns: i64,
    /// The same for UDP and ICMP. Default 60 s.
    pub udp_idle_ns: i64,
    /// Packet time for which a TCP flow is remembered after its end, so that late copies of its segments are known for what
    /// they are, and after a reset, so that a forged one is found out. Default 10 s.
    pub linger_ns: i64,
    /// Segments of a flow that may still bring the bytes of a hole after the receiver has acknowledged them: how far a
    /// capture may be out of order. Then the hole is a gap. Default 32.
    pub hole_segments: u16,
    /// The same in packet time, whichever comes first. Default 1 s.
    pub hole_ns: i64,
    /// Packet time after which a hole is given up where only one direction was captured, so that nothing tells what the
    /// receiver has; longer than the first retransmission timers (RFC 6298). Default 5 s.
    pub one_way_hole_ns: i64,
    /// Delivered segments remembered in the run (16 bytes each), so that a copy with other content is noticed; divided
    /// evenly among shards. The oldest are forgotten, silently. Default 65,536.
    pub remembered_segments: usize,
    /// Packet time within which an identical datagram of the same sender in the same flow is a second capture of the same
    /// packet, counted and not delivered again. Default 5 ms.
    pub duplicate_datagram_ns: i64,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            flow_bytes: 4 << 20,
            total_bytes: 256 << 20,
            flows: 1 << 20,
            opening_flows: 1 << 16,
            tcp_idle_ns: 300_000_000_000,
            opening_idle_ns: 60_000_000_000,
            udp_idle_ns: 60_000_000_000,
            linger_ns: 10_000_000_000,
            hole_segments: 32,
            hole_ns: 1_000_000_000,
            one_way_hole_ns: 5_000_000_000,
            remembered_segments: 1 << 16,
            duplicate_datagram_ns: 5_000_000,
        }
    }
}
