//! Bytes that stand in no message anyone can tell: behind gaps, in malformed messages, in bodies without an end.
//!
//! Owns: inspecting them all the same, and the way back into step at the next head that begins a segment.
//! Never does: framing.

use super::{Http1, Phase, Role};
use crate::Context;
use crate::http::Outlet;
use crate::registry::Verdict;
use egret_model::Protocol;

/// One stretch of such bytes.
pub(super) struct Adrift {
    outlet: Outlet,
    /// Bytes that may be the beginning of a head.
    held: Vec<u8>,
    /// Nothing is known to be wrong but that the end was not told.
    sound: bool,
}

impl Adrift {
    pub(super) const fn new(outlet: Outlet, sound: bool) -> Self {
        Self { outlet, held: Vec::new(), sound }
    }

    pub(super) fn gap(&mut self, context: &mut Context<'_>, bytes: u64) {
        let held = std::mem::take(&mut self.held);
        self.outlet.body(context, &held);
        if !self.outlet.is_untouched() {
            self.outlet.missing(context, bytes);
        }
        self.sound = false;
    }

    fn end(self, context: &mut Context<'_>, end_seen: bool) {
        let Self { mut outlet, held, sound } = self;
        outlet.body(context, &held);
        outlet.end(context, end_seen && sound);
    }
}

impl Http1 {
    fn raw(&self, context: &Context<'_>, role: Role) -> Adrift {
        let operation = format!("tcp {}", context.flow.responder.port);
        let mut start = context.start(Protocol::Tcp, operation, self.side(role));
        start.server = self.side(Role::Response);
        Adrift::new(Outlet::whole(start), false)
    }

    /// `data` begins no message: it is read as raw content. Nothing of it is left.
    pub(super) fn lose_step<'a>(&mut self, context: &mut Context<'_>, role: Role, data: &[u8]) -> &'a [u8] {
        if !data.is_empty() {
            let mut adrift = self.raw(context, role);
            adrift.outlet.body(context, data);
            *self.phase(role) = Phase::Adrift(Box::new(adrift));
        }
        &[]
    }

    /// Whole messages may be missing, behind what is `held` of a head.
    pub(super) fn miss_messages(&mut self, context: &mut Context<'_>, role: Role, held: &[u8], bytes: u64) {
        let client = self.client();
        match role {
            Role::Request => self.exchanges.give_up(context, client),
            Role::Response => self.exchanges.responses_missed(),
        }
        let mut adrift = self.raw(context, role);
        adrift.outlet.body(context, held);
        adrift.gap(context, bytes);
        *self.phase(role) = Phase::Adrift(Box::new(adrift));
    }

    /// Looks for a head at the start of `data`; returns `data` if there is one.
    pub(super) fn adrift<'a>(
        &mut self,
        context: &mut Context<'_>,
        role: Role,
        mut adrift: Box<Adrift>,
        data: &'a [u8],
    ) -> &'a [u8] {
        if role.verdict(data) == Verdict::Yes {
            adrift.end(context, true);
            return data;
        }
        let mut held = std::mem::take(&mut adrift.held);
        let whole = if held.is_empty() {
            data
        } else {
            held.extend_from_slice(data);
            &held
        };
        match role.verdict(whole) {
            Verdict::Yes => {
                adrift.end(context, true);
                self.feed(context, role, &held);
                return &[];
            }
            Verdict::NeedMore if whole.len() < context.limits.recognition_bytes => {
                adrift.held = if held.is_empty() { data.to_vec() } else { held };
            }
            Verdict::NeedMore | Verdict::No => adrift.outlet.body(context, whole),
        }
        *self.phase(role) = Phase::Adrift(adrift);
        &[]
    }

    /// One side sends no more; `orderly` if it said so.
    pub(super) fn finish(&mut self, context: &mut Context<'_>, role: Role, orderly: bool) {
        match std::mem::take(self.phase(role)) {
            Phase::Head(held) => {
                self.lose_step(context, role, &held);
                if let Phase::Adrift(adrift) = std::mem::take(self.phase(role)) {
                    adrift.end(context, false);
                }
            }
            Phase::Body(incoming) => {
                let complete = orderly && incoming.body.ends_with_connection() && !incoming.gap;
                incoming.outlet.end(context, complete);
            }
            Phase::Adrift(adrift) => adrift.end(context, orderly),
            Phase::Waiting(held) => self.request = Phase::Waiting(held),
        }
    }
}
