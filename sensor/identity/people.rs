//! What the operator's own files tell: the address plan, the directory, log lines, and whom to trust.
//!
//! Owns: holding them together. Never does: reading files; weighing.

use crate::directory::Directory;
use crate::plan::AddressPlan;
use egret_model::{Sighting, Timestamp};
use ipnet::IpNet;
use std::net::IpAddr;

/// Everything that files tell of people and addresses; exchanged as a whole when they change.
#[derive(Clone, Debug, Default)]
pub struct People {
    plan: AddressPlan,
    directory: Directory,
    events: Vec<Sighting>,
    proxies: Vec<IpNet>,
    shared: Vec<IpNet>,
}

impl People {
    /// What a table of addresses tells, and nothing else.
    #[must_use]
    pub fn of_plan(plan: AddressPlan) -> Self {
        Self { plan, ..Self::default() }
    }

    /// With people, their departments and groups.
    #[must_use]
    pub fn with_directory(self, directory: Directory) -> Self {
        Self { directory, ..self }
    }

    /// With evidence from logs, which is put into the order of its times.
    #[must_use]
    pub fn with_events(self, mut events: Vec<Sighting>) -> Self {
        events.sort_by_key(|sighting| sighting.at);
        Self { events, ..self }
    }

    /// With the addresses of proxies whose word on their clients is taken.
    #[must_use]
    pub fn with_proxies(self, proxies: Vec<IpNet>) -> Self {
        Self { proxies, ..self }
    }

    /// With addresses that several people use at once: terminal servers, NAT.
    #[must_use]
    pub fn with_shared(self, shared: Vec<IpNet>) -> Self {
        Self { shared, ..self }
    }

    pub(crate) const fn plan(&self) -> &AddressPlan {
        &self.plan
    }

    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Evidence from logs up to and with a time.
    pub(crate) fn events_until(&self, to: Timestamp) -> &[Sighting] {
        self.events.get(..self.events.partition_point(|event| event.at <= to)).unwrap_or_default()
    }

    /// Evidence from logs after `from`, up to and with `to`.
    pub(crate) fn events_between(&self, from: Timestamp, to: Timestamp) -> &[Sighting] {
        let until = self.events_until(to);
        until.get(until.partition_point(|event| event.at <= from)..).unwrap_or_default()
    }

    /// True for evidence that the logs tell.
    pub(crate) fn tells(&self, event: &Sighting) -> bool {
        let from = self.events.partition_point(|known| known.at < event.at);
        self.events.iter().skip(from).take_while(|known| known.at == event.at).any(|known| known == event)
    }

    /// True for the address of a proxy whose word on its clients is taken.
    pub(crate) fn is_proxy(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.proxies.iter().any(|network| network.contains(&ip))
    }

    /// True for an address that several people use at once.
    pub(crate) fn is_shared(&self, ip: IpAddr) -> bool {
        self.shared.iter().any(|network| network.contains(&ip)) || self.is_proxy(ip)
    }
}
