//! The shape that every protocol has: an [`Analyzer`] fed by events, reporting through its [`Context`].
//!
//! Owns: the trait and the context. Never does: parsing.

use crate::Shared;
use crate::http::Told;
use egret_model::{
    Flow, Observation, Protocol, ProtocolEvent, ProtocolLimits, Side, Sighting, Timestamp, TransferKey,
    TransferStart, Uninspected,
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

/// What the rest of a flow stands in, when one protocol carries another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nesting {
    /// Tunnels within the flow, outermost first: `connect mail.example:25`.
    pub layers: Vec<String>,
    /// Name of the real other end, where the outer protocol told it.
    pub server_name: Option<String>,
    /// The responder only forwards.
    pub via_proxy: bool,
    /// A user whom the outer protocol named.
    pub user: Option<String>,
}

/// Who reads the rest of a flow.
pub enum Successor {
    /// This analyzer: the protocol has told what follows (STARTTLS).
    Analyzer(Box<dyn Analyzer>),
    /// Whoever recognises it: the protocol has become a pipe (CONNECT). Replaces what the flow stood in until now.
    Recognition(Nesting),
}

/// A wish of the analyzer that is being called: to be replaced.
pub(crate) struct Switch {
    pub(crate) successor: Successor,
    pub(crate) unread: Vec<(Side, Vec<u8>)>,
}

/// What the engine keeps for a flow whatever analyzes it.
#[derive(Default)]
pub(crate) struct FlowNotes {
    /// What the flow's content stands in; boxed, since most flows have none.
    pub(crate) nesting: Option<Box<Nesting>>,
    /// Transfers begun.
    pub(crate) transfers: usize,
    /// Replacements so far.
    pub(crate) switches: usize,
    /// The present analyzer was told that the initiator sends no more.
    pub(crate) initiator_finished: bool,
    /// The same of the responder.
    pub(crate) responder_finished: bool,
    /// What the client's first User-Agent told of its device.
    pub(crate) device: Told,
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
    pub(crate) notes: &'a mut FlowNotes,
    pub(crate) switch: &'a mut Option<Switch>,
}

/// The key of transfers beyond [`ProtocolLimits::transfers_per_flow`]: they are counted, not reported.
const BEYOND_LIMIT: TransferKey = TransferKey(u64::MAX);

impl Context<'_> {
    /// Time of the packet that is being handled.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.flow.last_at
    }

    /// What the flow's content stands in, if an outer protocol carries it.
    #[must_use]
    pub fn nesting(&self) -> Option<&Nesting> {
        self.notes.nesting.as_deref()
    }

    /// A start for content sent by `from` on this flow, to be filled in with what the protocol knows.
    #[must_use]
    pub fn start(&self, protocol: Protocol, operation: String, from: Side) -> TransferStart {
        let nesting = self.nesting().cloned().unwrap_or_default();
        TransferStart {
            protocol,
            operation,
            from,
            sender: self.flow.endpoint(from),
            sender_mac: self.flow.mac(from),
            receiver: self.flow.endpoint(from.other()),
            server: Side::Responder,
            server_name: nesting.server_name,
            via_proxy: nesting.via_proxy,
            user: nesting.user,
            filename: None,
            media_type: None,
            codings: Vec::new(),
            mail: false,
            facts: Vec::new(),
            inner_tunnel: nesting.layers,
            at: self.now(),
        }
    }

    /// True when the flow has had [`ProtocolLimits::transfers_per_flow`] transfers: one more will only be counted.
    pub(crate) const fn has_all_transfers(&self) -> bool {
        self.notes.transfers >= self.limits.transfers_per_flow
    }

    /// Begins a transfer.
    pub fn begin(&mut self, start: TransferStart) -> TransferKey {
        if self.has_all_transfers() {
            return BEYOND_LIMIT;
        }
        self.notes.transfers += 1;
        let transfer = self.shared.next_transfer();
        (self.sink)(ProtocolEvent::Begin { transfer, start: Box::new(start) });
        transfer
    }

    /// Content of a transfer.
    pub fn body(&mut self, transfer: TransferKey, data: &[u8]) {
        if transfer == BEYOND_LIMIT {
            self.not_inspected(Uninspected::OverLimit, data.len() as u64);
        } else if !data.is_empty() {
            (self.sink)(ProtocolEvent::Body { transfer, data });
        }
    }

    /// Content of a transfer that is missing; 0 bytes when nobody knows how many.
    pub fn missing(&mut self, transfer: TransferKey, bytes: u64) {
        if transfer != BEYOND_LIMIT {
            (self.sink)(ProtocolEvent::Gap { transfer, bytes });
        }
    }

    /// Content of a transfer that cannot be read.
    pub fn opaque(&mut self, transfer: TransferKey, bytes: u64, reason: Uninspected) {
        if transfer == BEYOND_LIMIT {
            self.not_inspected(reason, bytes);
        } else if bytes > 0 {
            (self.sink)(ProtocolEvent::Opaque { transfer, bytes, reason });
        }
    }

    /// Tells a name learnt after the start.
    pub fn named(&mut self, transfer: TransferKey, filename: Option<String>, server_name: Option<String>) {
        if transfer != BEYOND_LIMIT {
            (self.sink)(ProtocolEvent::Named { transfer, filename, server_name });
        }
    }

    /// Ends a transfer.
    pub fn end(&mut self, transfer: TransferKey, complete: bool) {
        let at = self.now();
        if transfer != BEYOND_LIMIT {
            (self.sink)(ProtocolEvent::End { transfer, complete, at });
        }
    }

    /// Reports evidence of identity.
    pub fn sighting(&mut self, mut sighting: Sighting) {
        let of = |end: egret_model::Endpoint| (sighting.ip == Some(end.ip)).then_some((end.port, end.port));
        if sighting.user.is_some() {
            sighting.ports =
                sighting.ports.or_else(|| of(self.flow.initiator)).or_else(|| of(self.flow.responder));
        }
        (self.sink)(ProtocolEvent::Sighting(sighting));
    }

    /// Reports what behaviour is made of.
    pub fn observed(&mut self, observation: Observation) {
        (self.sink)(ProtocolEvent::Observed(observation));
    }

    /// Counts bytes outside any transfer that could not be inspected.
    pub fn not_inspected(&mut self, reason: Uninspected, bytes: u64) {
        if bytes > 0 {
            (self.sink)(ProtocolEvent::NotInspected { reason, bytes });
        }
    }

    /// False when the flow has had [`ProtocolLimits::switches_per_flow`] analyzers: one more could only be raw.
    pub(crate) const fn may_switch(&self) -> bool {
        self.notes.switches.saturating_add(1) < self.limits.switches_per_flow
    }

    /// Once the present call returns, `successor` reads the flow in place of this analyzer, which is dropped without a
    /// further call: its transfers must have ended. `unread` are bytes in order of arrival that this analyzer was given and
    /// left to its successor.
    pub fn switch(&mut self, successor: Successor, unread: Vec<(Side, Vec<u8>)>) {
        *self.switch = Some(Switch { successor, unread });
    }
}
