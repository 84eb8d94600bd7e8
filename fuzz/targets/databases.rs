//! Any bytes as what happens on two TCP flows, with PostgreSQL, MySQL, TDS and TNS in the corpus: see [`super::dialogue`].

use egret_model::FlowKind;

/// Runs the steps.
pub(crate) fn run(data: &[u8]) {
    super::dialogue::run(FlowKind::Tcp, data);
}
