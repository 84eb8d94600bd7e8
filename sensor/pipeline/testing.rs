//! What tests of several modules share: a configuration, a capture.

use crate::{InternalNetworks, ReplayConfig};
use egret_detect::SignatureSet;
use egret_model::Limits;
use std::path::PathBuf;
use std::sync::Arc;

/// With these signatures; `unpack_bytes` may wait for the pool.
pub(crate) fn config(signatures: &Arc<SignatureSet>, unpack_bytes: usize, workers: usize) -> ReplayConfig {
    let mut limits = Limits::default();
    limits.pipeline.unpack_bytes = unpack_bytes;
    ReplayConfig {
        limits,
        internal: InternalNetworks::default(),
        people: Arc::default(),
        signatures: Arc::clone(signatures),
        context: Arc::default(),
        workers,
    }
}

/// The folder of the repository's captures.
pub(crate) fn captures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures")
}

/// The capture of the demonstration.
pub(crate) fn demo() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/demo.pcap")
}
