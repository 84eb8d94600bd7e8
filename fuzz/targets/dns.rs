//! Any bytes as datagrams of two UDP flows, with DNS in the corpus: see [`super::dialogue`].

use egret_model::FlowKind;

/// Runs the steps.
pub(crate) fn run(data: &[u8]) {
    super::dialogue::run(FlowKind::Udp, data);
}
