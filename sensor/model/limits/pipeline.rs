//! Limits of the `pipeline` stage.

/// Limits of the `pipeline` stage.
#[derive(Clone, Debug)]
pub struct PipelineLimits {
    /// Shards of the address-pair space. State is per shard, so that records do not depend on the worker count. Default 16.
    pub shards: usize,
    /// Batches in flight to one worker. Default 8.
    pub queue_batches: usize,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        Self { shards: 16, queue_batches: 8 }
    }
}
