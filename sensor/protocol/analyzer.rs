//! The shape that every protocol has: an [`Analyzer`] fed by events, reporting through its [`Context`].
//!
//! Owns: the trait and the context. Never does: parsing.

use crate::Shared;
use egret_model::{
    Flow, ProtocolEvent, ProtocolLimits, Side, Sighting, Timestamp, TransferKey, TransferStart, Uninspected,
};

/// A protocol's state machine for one flow. Bytes of one side come in order, exactly once, cut anywhere.
pub trait Analyzer: Send {
    /// The next bytes of `from` (TCP), or one datagram (UDP, ICMP).
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]);

    /// `bytes` bytes of `from` are missing here. The analyzer reports the gap to the transfer it falls in and finds its
    /// way back into step behind it.
    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64);

    /// `from` sends no more.
    fn finished(&mut self, context: &mut Context<'_>, from: Side);

    /// The flow is over: end every open transfer. No call follows.
    fn closed(&mut self, context: &mut Context<'_>);
}

/// What an analyzer may see and do while it handles one event.
pub struct Context<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Limits.
    pub limits: &'a ProtocolLimits,
    /// What flows of one address pair share (expected data connections, pieces of one object).
    pub shared: &'a mut Shared,
    /// Where reports go.
    pub sink: &'a mut dyn FnMut(ProtocolEvent<'_>),
}

impl Context<'_> {
    /// Time of the packet that is being handled.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.flow.last_at
    }

    /// A start for content sent by `from` on this flow, to be filled in with what the protocol knows.
    #[must_use]
    pub fn start(&self, protocol: egret_model::Protocol, operation: String, from: Side) -> TransferStart {
        TransferStart {
            protocol,
            operation,
            from,
            sender: self.flow.endpoint(from),
            sender_mac: self.flow.mac(from),
            receiver: self.flow.endpoint(from.other()),
            server: Side::Responder,
            server_name: None,
            via_proxy: false,
            user: None,
            filename: None,
            media_type: None,
            codings: Vec::new(),
            mail: false,
            facts: Vec::new(),
            inner_tunnel: Vec::new(),
            at: self.now(),
        }
    }

    /// Begins a transfer.
    pub fn begin(&mut self, start: TransferStart) -> TransferKey {
        let transfer = self.shared.next_transfer();
        (self.sink)(ProtocolEvent::Begin { transfer, start: Box::new(start) });
        transfer
    }

    /// Content of a transfer.
    pub fn body(&mut self, transfer: TransferKey, data: &[u8]) {
        if !data.is_empty() {
            (self.sink)(ProtocolEvent::Body { transfer, data });
        }
    }

    /// Content of a transfer that is missing.
    pub fn missing(&mut self, transfer: TransferKey, bytes: u64) {
        (self.sink)(ProtocolEvent::Gap { transfer, bytes });
    }

    /// Content of a transfer that cannot be read.
    pub fn opaque(&mut self, transfer: TransferKey, bytes: u64, reason: Uninspected) {
        (self.sink)(ProtocolEvent::Opaque { transfer, bytes, reason });
    }

    /// Ends a transfer.
    pub fn end(&mut self, transfer: TransferKey, complete: bool) {
        let at = self.now();
        (self.sink)(ProtocolEvent::End { transfer, complete, at });
    }

    /// Reports evidence of identity.
    pub fn sighting(&mut self, sighting: Sighting) {
        (self.sink)(ProtocolEvent::Sighting(sighting));
    }

    /// Counts bytes outside any transfer that could not be inspected.
    pub fn not_inspected(&mut self, reason: Uninspected, bytes: u64) {
        if bytes > 0 {
            (self.sink)(ProtocolEvent::NotInspected { reason, bytes });
        }
    }
}
