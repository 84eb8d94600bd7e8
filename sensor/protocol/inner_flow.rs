//! Flows that the messages of another flow carry: what is said over TLS, a connection through ICMP echoes.
//!
//! Owns: their ends and what they stand in. Never does: recognition, which is the engine's for them as for any flow.

use crate::{Analyzer, Context, Nesting, Session};
use egret_model::{Endpoint, Flow, FlowKind, StreamEvent};

/// A flow that the messages of another one carry. It must be closed before that one is.
pub(crate) struct InnerFlow {
    flow: Flow,
    session: Session,
}

impl InnerFlow {
    /// A stream between these ends, within `layer`.
    pub(crate) fn stream(
        context: &Context<'_>,
        (initiator, responder): (Endpoint, Endpoint),
        layer: String,
    ) -> Self {
        let mut flow = context.flow.clone();
        flow.kind = FlowKind::Tcp;
        flow.opened_at = context.now();
        (flow.initiator, flow.responder) = (initiator, responder);
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        nesting.layers.push(layer);
        Self { flow, session: Session::within(nesting, None) }
    }

    /// A stream between the same ends, which stands in `nesting`; `analyzer` reads it, where it is known who does.
    pub(crate) fn here(context: &Context<'_>, nesting: Nesting, analyzer: Option<Box<dyn Analyzer>>) -> Self {
        Self { flow: context.flow.clone(), session: Session::within(nesting, analyzer) }
    }

    /// Handles what has happened on it.
    pub(crate) fn event(&mut self, context: &mut Context<'_>, event: StreamEvent<'_>) {
        self.flow.last_at = context.now();
        self.session.event(context.limits, context.shared, &self.flow, event, context.sink);
    }
}
