//! Content of no known protocol: inspected all the same.
//!
//! Owns: one transfer a direction of an unrecognised TCP flow; UDP datagrams and ICMP echoes put together over flows.
//! Never does: guessing at structure within the bytes.

mod datagrams;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use datagrams::DatagramGroups;

use crate::{Analyzer, Context};
use egret_model::{FlowKind, Protocol};

/// The analyzer of a flow that nobody recognises.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    match context.flow.kind {
        FlowKind::Tcp => Box::new(stream::RawStream::default()),
        FlowKind::Udp | FlowKind::Icmp => Box::new(datagrams::RawDatagrams::default()),
    }
}

/// The raw reading of a flow whose protocol is known, and not taken apart: nothing else is looked for in it.
pub(crate) fn known(context: &Context<'_>, protocol: Protocol) -> Box<dyn Analyzer> {
    match context.flow.kind {
        FlowKind::Tcp => Box::new(stream::RawStream::known(protocol)),
        FlowKind::Udp | FlowKind::Icmp => Box::new(datagrams::RawDatagrams::known(protocol)),
    }
}
