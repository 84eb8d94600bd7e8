//! A TCP flow of no known protocol: one transfer a direction.
//!
//! Owns: finding back to a known protocol where the start of the flow, or a part of it, was not captured.
//! Never does: holding bytes.

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
}

#[derive(Default)]
struct RawSide {
    open: Option<TransferKey>,
    gap: bool,
}

impl RawSide {
    fn transfer(&mut self, context: &mut Context<'_>, from: Side) -> TransferKey {
        *self.open.get_or_insert_with(|| {
            let operation = format!("tcp {}", context.flow.responder.port);
            let start = context.start(Protocol::Tcp, operation, from);
            context.begin(start)
        })
    }

    fn end(&mut self, context: &mut Context<'_>, end_seen: bool) {
        if let Some(transfer) = self.open.take() {
            context.end(transfer, end_seen && !self.gap && !context.flow.midstream);
        }
    }
}

impl RawStream {
    const fn side(&mut self, side: Side) -> &mut RawSide {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    fn end(&mut self, context: &mut Context<'_>) {
        self.initiator.end(context, false);
        self.responder.end(context, false);
    }
}

impl Analyzer for RawStream {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if (self.gap || context.flow.midstream) && context.may_switch() {
            let (initiator, responder) = match from {
                Side::Initiator => (data, &[][..]),
                Side::Responder => (&[][..], data),
            };
            let prefix = Prefix { flow: context.flow, initiator, responder };
            if matches!(recognise(&prefix), Recognition::Protocol(_)) {
                self.end(context);
                let nesting = context.nesting().cloned().unwrap_or_default();
                context.switch(Successor::Recognition(nesting), vec![(from, data.to_vec())]);
                return;
            }
        }
        let transfer = self.side(from).transfer(context, from);
        context.body(transfer, data);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        self.gap = true;
        let side = self.side(from);
        side.gap = true;
        if let Some(transfer) = side.open {
            context.missing(transfer, bytes);
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.side(from).end(context, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context);
    }
}
