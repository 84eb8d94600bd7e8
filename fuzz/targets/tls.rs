//! Any bytes as a key log, and as what happens on two TCP flows, with TLS in the corpus whose keys are known: see [`super::dialogue`].

use egret_model::FlowKind;
use egret_protocol::KeyLog;

/// Of the connection in the corpus.
const KEYS: &[u8] = include_bytes!("../../tests/data/captures/tls13-node-keys.keys");

/// Runs the steps.
pub(crate) fn run(data: &[u8]) {
    let mut keys = KeyLog::default();
    keys.add(KEYS);
    keys.add(data);
    super::dialogue::run_with(&keys, FlowKind::Tcp, data);
}
