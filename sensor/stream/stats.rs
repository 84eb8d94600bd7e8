//! What a table counts.

/// Counters of one table over the run. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Segments and datagrams of tracked transports.
    pub segments: u64,
    /// Flows opened.
    pub flows: u64,
    /// Flows whose start was not captured; counted when they close.
    pub midstream: u64,
    /// Flows closed to stay within the budget of flows.
    pub evictions: u64,
    /// Segments that began no flow: they belong to none that is known and carry no payload.
    pub strays: u64,
    /// Segments that carried other bytes than an earlier copy.
    pub inconsistent_overlaps: u64,
    /// Payload bytes that had come before, datagrams captured twice included.
    pub retransmitted_bytes: u64,
    /// Datagrams captured twice.
    pub duplicate_datagrams: u64,
    /// Keep-alive probes.
    pub keep_alives: u64,
    /// Gaps reported.
    pub gaps: u64,
    /// Bytes in them.
    pub gap_bytes: u64,
    /// Segments with a wrong checksum on a side that has shown right ones.
    pub wrong_checksums: u64,
    /// Segments too far from where their side stands to belong to it; their bytes are not delivered.
    pub out_of_window: u64,
    /// Their payload bytes, as long as the side did not go on from there.
    pub out_of_window_bytes: u64,
    /// Sides that went on far from where they stood, or whose first bytes came far behind their beginning: the gap has what is
    /// known to be missing, or at most 1 MiB; the true size is not known.
    pub resynchronised: u64,
    /// Bytes from before the place at which a capture came upon a side in the middle, out of order: not delivered, each counted
    /// once as long as they come in one stretch.
    pub early_bytes: u64,
    /// RSTs with a sequence number that no receiver accepts, and RSTs after which their sender went on.
    pub resets_ignored: u64,
    /// FINs beyond which their sender went on.
    pub fins_ignored: u64,
    /// SYNs inside a connection that goes on.
    pub syns_ignored: u64,
    /// Segments of flows that are not followed because of overload ([`crate::FlowTable::shed_new_flows`]).
    pub shed_segments: u64,
    /// Their payload bytes, captured or not.
    pub shed_bytes: u64,
    /// Segments of transports that are not tracked ([`egret_model::Transport::Other`]).
    pub untracked_segments: u64,
    /// Their payload bytes, captured or not, and those of RSTs: not inspected, as unsupported.
    pub untracked_bytes: u64,
}
