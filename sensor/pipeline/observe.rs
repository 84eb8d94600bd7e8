//! Flows and names on their way to behaviour: put in order of time, and seen from whom they are.
//!
//! Owns: the order, and which end is whose. Never does: judging.
//!
//! A flow is told when it ends, which may be noticed late; behaviour should see flows in the order of their time. So each waits for
//! as long as transfers wait for evidence of identity, which serves both.

use crate::InternalNetworks;
use crate::correlate::host_of;
use crate::event::Asked;
use egret_behavior::{Actor, Peer};
use egret_identity::{IdentityIndex, Question};
use egret_model::{Direction, FlowKind, FlowSummary, Sighting, Timestamp, TransferRecord};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What behaviour is to see.
pub(crate) enum Observed {
    Flow(Box<FlowSummary>),
    Name(Timestamp, Box<Asked>),
    /// Somebody signed in whose employment has ended.
    SignIn(Timestamp, Box<Actor>),
}

/// Flows and names by time; among equals, in order of arrival.
pub(crate) struct Waiting {
    by_time: BTreeMap<(Timestamp, u64), Observed>,
    arrived: u64,
    most: usize,
}

impl Waiting {
    pub(crate) const fn new(most: usize) -> Self {
        Self { by_time: BTreeMap::new(), arrived: 0, most }
    }

    pub(crate) fn flow(&mut self, flow: Box<FlowSummary>) {
        self.insert(flow.last_at, Observed::Flow(flow));
    }

    pub(crate) fn name(&mut self, at: Timestamp, asked: Box<Asked>) {
        self.insert(at, Observed::Name(at, asked));
    }

    pub(crate) fn sign_in(&mut self, at: Timestamp, actor: Actor) {
        self.insert(at, Observed::SignIn(at, Box::new(actor)));
    }

    /// There are more than may wait: the oldest is judged at once.
    pub(crate) fn is_crowded(&self) -> bool {
        self.by_time.len() > self.most
    }

    fn insert(&mut self, at: Timestamp, observed: Observed) {
        self.arrived += 1;
        self.by_time.insert((at, self.arrived), observed);
    }

    /// The next one from up to `until`, or the oldest if there are too many.
    pub(crate) fn next(&mut self, until: Timestamp) -> Option<Observed> {
        let (oldest, _) = self.by_time.first_key_value()?.0;
        (*oldest <= until || self.is_crowded())
            .then(|| self.by_time.pop_first())
            .flatten()
            .map(|(_, next)| next)
    }
}

/// Who uses an address.
pub(crate) fn actor(ip: IpAddr, port: Option<u16>, at: Timestamp, identity: &IdentityIndex) -> Actor {
    let attribution = identity.attribute(&Question { ip, port, at, named: None });
    let confidence = attribution.evidence.map(|_| attribution.confidence);
    Actor { user: attribution.user, host: attribution.host, ip, confidence, person: attribution.person }
}

/// What a flow tells of the stations at its ends.
pub(crate) fn stations(flow: &FlowSummary, internal: &InternalNetworks, identity: &mut IdentityIndex) {
    let (initiator, responder) = (flow.initiator.ip, flow.responder.ip);
    for (ip, mac) in [(initiator, flow.macs.0), (responder, flow.macs.1)] {
        if let Some(mac) = mac {
            identity.station(ip, internal.contains(ip), mac, (flow.opened_at, flow.last_at));
        }
    }
    if flow.kind == FlowKind::Tcp && flow.up.bytes > 0 && flow.down.bytes > 0 {
        identity.served(responder, initiator);
    }
}

/// Who signed in though the employment has ended.
pub(crate) fn former(sighting: &Sighting, identity: &IdentityIndex) -> Option<Actor> {
    let ip = sighting.ip?;
    let (user, person) = identity.former(sighting)?;
    let person = Some(person);
    Some(Actor { user: Some(user), host: sighting.host.clone(), ip, confidence: None, person })
}

/// Whose flow it is, with whom, and whether they opened it. None: both ends are outside.
pub(crate) fn ends(
    flow: &FlowSummary,
    internal: &InternalNetworks,
    identity: &IdentityIndex,
) -> Option<(Actor, Peer, bool)> {
    let (initiator, responder) = (flow.initiator.ip, flow.responder.ip);
    let inside = (internal.contains(initiator), internal.contains(responder));
    let name = flow.server_name.as_deref().map(|name| host_of(name).to_lowercase());
    let (whose, with, opened) = match inside {
        (true, responder_inside) => {
            let there = match &name {
                Some(name) if flow.via_proxy => internal.contains_name(name),
                _ => responder_inside,
            };
            (flow.initiator, Peer { ip: responder, name, internal: there }, true)
        }
        (false, true) => (flow.responder, Peer { ip: initiator, name: None, internal: false }, false),
        (false, false) => return None,
    };
    Some((actor(whose.ip, Some(whose.port), flow.last_at, identity), with, opened))
}

/// Who sent content out, and to whom.
pub(crate) fn sender(transfer: &TransferRecord) -> Option<(Actor, Peer)> {
    let (sender, receiver) = (&transfer.sender, &transfer.receiver);
    (transfer.direction == Direction::Egress).then(|| {
        (
            Actor {
                user: sender.user.clone(),
                host: sender.host.clone(),
                ip: sender.ip,
                confidence: sender.confidence,
                person: sender.person.as_deref().cloned(),
            },
            Peer {
                ip: receiver.ip,
                name: receiver.name.as_deref().map(|name| host_of(name).to_lowercase()),
                internal: false,
            },
        )
    })
}
