//! Any bytes as what happens on two flows of any transport, with switches of protocol in the corpus: the first byte chooses
//! the transport, the rest is as in [`super::dialogue`].

use egret_model::FlowKind;

/// Runs the steps.
pub(crate) fn run(data: &[u8]) {
    if let Some((choice, steps)) = data.split_first() {
        let kind = match choice % 4 {
            0 | 1 => FlowKind::Tcp,
            2 => FlowKind::Udp,
            _ => FlowKind::Icmp,
        };
        super::dialogue::run(kind, steps);
    }
}
