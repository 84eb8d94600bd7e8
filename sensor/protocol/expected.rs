//! Connections that another connection has announced (RFC 959 section 3.2, RFC 1350 section 4).
//!
//! Owns: who is expected to connect where, and who reads that connection. Never does: parsing the announcement.

use crate::{Analyzer, Context};
use egret_model::{Endpoint, Flow, FlowKind, Timestamp};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Makes the analyzer of an announced connection when its first event comes.
pub(crate) type StartExpected = Box<dyn FnOnce(&mut Context<'_>) -> Box<dyn Analyzer> + Send>;

/// The end that listens, and the address from which it expects a connection, or its first datagram, of any port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: FlowKind,
    listener: Endpoint,
    opener: IpAddr,
}

struct Expected {
    /// Tells this announcement from another one with the same key.
    serial: u64,
    until: Timestamp,
    start: StartExpected,
}

/// The announced connections that have not come yet.
pub(crate) struct ExpectedConnections {
    table: HashMap<Key, Expected, foldhash::fast::RandomState>,
    /// In order of announcement, for the limit; may hold entries that have been taken.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    limit: usize,
}

impl ExpectedConnections {
    pub(crate) fn new(limit: usize) -> Self {
        Self { table: HashMap::default(), order: VecDeque::new(), serial: 0, limit }
    }

    /// `opener` is expected to connect, or to send datagrams, to `listener` before `until`. Replaces an earlier announcement for the same ends. When
    /// there are more than [`egret_model::ProtocolLimits::expected_connections`], the oldest is forgotten.
    pub(crate) fn announce(
        &mut self,
        kind: FlowKind,
        listener: Endpoint,
        opener: IpAddr,
        until: Timestamp,
        start: StartExpected,
    ) {
        let key = Key { kind, listener, opener };
        self.serial += 1;
        self.table.insert(key, Expected { serial: self.serial, until, start });
        self.order.push_back((key, self.serial));
        while self.order.len() > self.limit {
            if let Some((key, serial)) = self.order.pop_front() {
                self.forget(key, serial);
            }
        }
    }

    /// The connection will not come.
    pub(crate) fn withdraw(&mut self, kind: FlowKind, listener: Endpoint, opener: IpAddr) {
        self.table.remove(&Key { kind, listener, opener });
    }

    /// The announcement of this flow, if there is one: each is taken once. A flow whose start was not captured may have its
    /// ends mixed up.
    pub(crate) fn take(&mut self, flow: &Flow) -> Option<StartExpected> {
        if self.table.is_empty() {
            return None;
        }
        let told = [(flow.responder, flow.initiator.ip), (flow.initiator, flow.responder.ip)];
        let kind = flow.kind;
        let expected = told
            .into_iter()
            .find_map(|(listener, opener)| self.table.remove(&Key { kind, listener, opener }))?;
        (flow.opened_at <= expected.until).then_some(expected.start)
    }

    fn forget(&mut self, key: Key, serial: u64) {
        if self.table.get(&key).is_some_and(|expected| expected.serial == serial) {
            self.table.remove(&key);
        }
    }
}
