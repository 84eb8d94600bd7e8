//! A TCP flow of no known protocol: one transfer a direction.
//!
//! Owns: a second look, since a known protocol may come to light in the first answer, behind a gap, or anywhere in a flow
//! whose start was not captured. Never does: holding bytes beyond that.

use crate::recognise::{Recognition, recognise};
use crate::registry::Prefix;
use crate::{Analyzer, Context, Successor};
use egret_model::{Protocol, Side, TransferKey};

/// Both directions of the flow.
#[derive(Default)]
pub(super) struct RawStream {
    initiator: RawSide,
    responder: RawSide,
    /// Bytes were missing: a known protocol may come to light behind them.
    gap: bool,
    /// What the flow is known to carry; then nothing else is looked for.
    known: Option<Protocol>,
}

#[derive(Default)]
struct RawSide {
    open: Option<TransferKey>,
    /// First bytes of an answer that may yet be recognised.
    held: Vec<u8>,
    gap: bool,
}

impl RawSide {
    fn body(&mut self, context: &mut Context<'_>, protocol: Protocol, from: Side, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let transfer = *self.open.get_or_insert_with(|| {
            let operation = format!("tcp {}", context.flow.responder.port);
            let start = context.start(protocol, operation, from);
            context.begin(start)
        });
        context.body(transfer, data);
    }

    fn end(&mut self, context: &mut Context<'_>, protocol: Protocol, from: Side, end_seen: bool) {
        let held = std::mem::take(&mut self.held);
        self.body(context, protocol, from, &held);
        if let Some(transfer) = self.open.take() {
            context.end(transfer, end_seen && !self.gap && !context.flow.midstream);
        }
    }
}

impl RawStream {
    /// A flow that carries `protocol`.
    pub(super) fn known(protocol: Protocol) -> Self {
        Self { known: Some(protocol), ..Self::default() }
    }

    fn protocol(&self) -> Protocol {
        self.known.unwrap_or(Protocol::Tcp)
    }

    const fn side(&mut self, side: Side) -> &mut RawSide {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    fn end(&mut self, context: &mut Context<'_>) {
        let protocol = self.protocol();
        self.initiator.end(context, protocol, Side::Initiator, false);
        self.responder.end(context, protocol, Side::Responder, false);
    }

    /// True when what `from` sends now deserves a look.
    fn is_doubtful(&mut self, context: &Context<'_>, from: Side) -> bool {
        if self.known.is_some() {
            return false;
        }
        let answer = self.side(from).open.is_none() && self.side(from.other()).open.is_some();
        (answer || self.gap || context.flow.midstream) && context.may_switch()
    }
}

impl Analyzer for RawStream {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let protocol = self.protocol();
        if !self.is_doubtful(context, from) {
            self.side(from).body(context, protocol, from, data);
            return;
        }
        let mut held = std::mem::take(&mut self.side(from).held);
        held.extend_from_slice(data);
        let flow = context.flow;
        let prefix = match from {
            Side::Initiator => Prefix { flow, initiator: &held, responder: &[] },
            Side::Responder => Prefix { flow, initiator: &[], responder: &held },
        };
        match recognise(&prefix) {
            Recognition::Protocol(_) => {
                self.end(context);
                let nesting = context.nesting().cloned().unwrap_or_default();
                context.switch(Successor::Recognition(nesting), vec![(from, held)]);
            }
            Recognition::Undecided if held.len() < context.limits.recognition_bytes => {
                self.side(from).held = held;
            }
            Recognition::Undecided | Recognition::Unknown => {
                self.side(from).body(context, protocol, from, &held);
            }
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        self.gap = true;
        let protocol = self.protocol();
        let side = self.side(from);
        let held = std::mem::take(&mut side.held);
        side.body(context, protocol, from, &held);
        side.gap = true;
        if let Some(transfer) = side.open {
            context.missing(transfer, bytes);
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        let protocol = self.protocol();
        self.side(from).end(context, protocol, from, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context);
    }
}
