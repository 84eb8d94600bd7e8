//! Asking the registry whose a flow is.
//!
//! Owns: the bytes held until a flow is recognised. Never does: knowing any protocol.

use crate::registry::{Prefix, REGISTRY, Registration, Verdict};
use egret_model::{Flow, Side};

/// Whose a flow is.
pub(crate) enum Recognition {
    /// This protocol's.
    Protocol(&'static Registration),
    /// More bytes are needed.
    Undecided,
    /// Nobody's.
    Unknown,
}

/// Asks every protocol of the flow's transport.
pub(crate) fn recognise(prefix: &Prefix<'_>) -> Recognition {
    let mut undecided = false;
    for registration in REGISTRY.iter().filter(|registration| registration.kind == prefix.flow.kind) {
        match (registration.probe)(prefix) {
            Verdict::Yes => return Recognition::Protocol(registration),
            Verdict::NeedMore => undecided = true,
            Verdict::No => {}
        }
    }
    if undecided { Recognition::Undecided } else { Recognition::Unknown }
}

/// What one side of a flow did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    Data(Side, &'a [u8]),
    Gap(Side, u64),
    Finished(Side),
}

/// [`Step`], of which the bytes stand elsewhere.
#[derive(Clone, Copy, Debug)]
enum HeldStep {
    Data(Side, usize),
    Finished(Side),
}

/// What has happened on a flow that is not recognised yet, in order.
#[derive(Default)]
pub(crate) struct Held {
    initiator: Vec<u8>,
    responder: Vec<u8>,
    steps: Vec<HeldStep>,
}

impl Held {
    pub(crate) fn data(&mut self, from: Side, data: &[u8]) {
        match from {
            Side::Initiator => self.initiator.extend_from_slice(data),
            Side::Responder => self.responder.extend_from_slice(data),
        }
        self.steps.push(HeldStep::Data(from, data.len()));
    }

    pub(crate) fn finished(&mut self, from: Side) {
        self.steps.push(HeldStep::Finished(from));
    }

    /// Bytes held, both sides.
    pub(crate) const fn bytes(&self) -> usize {
        self.initiator.len() + self.responder.len()
    }

    pub(crate) fn prefix<'a>(&'a self, flow: &'a Flow) -> Prefix<'a> {
        Prefix { flow, initiator: &self.initiator, responder: &self.responder }
    }

    /// What happened, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let (mut initiator, mut responder) = (self.initiator.as_slice(), self.responder.as_slice());
        self.steps.iter().map(move |step| match *step {
            HeldStep::Data(from, length) => {
                let side = match from {
                    Side::Initiator => &mut initiator,
                    Side::Responder => &mut responder,
                };
                let (data, rest) = side.split_at_checked(length).unwrap_or((*side, &[]));
                *side = rest;
                Step::Data(from, data)
            }
            HeldStep::Finished(from) => Step::Finished(from),
        })
    }
}
