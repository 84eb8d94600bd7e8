//! Which station an address is, by the link addresses of its frames, and for how long it has been the same.
//!
//! Owns: the link address that each address has now and since when; which link addresses only forward; which addresses serve others.
//! Never does: naming anybody.
//!
//! A link address says whose an address is only where frames come from the station itself. Behind a router every address has the
//! router's: one that carries outside addresses, or many inside, tells nothing.

use egret_model::{MacAddress, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses of one station: IPv4, link-local, one that stays and one that changes for privacy, and as many again.
const MOST_ADDRESSES: usize = 8;

/// Hosts that a person's own station may answer (management, a neighbour); one that answers more is a server, whose traffic is its own.
const MOST_SERVED: usize = 2;

/// The stations of a network.
#[derive(Debug)]
pub(crate) struct Stations {
    by_address: HashMap<IpAddr, Stay>,
    links: HashMap<MacAddress, Carries>,
    most: usize,
}

/// An address has the same link address all this time.
#[derive(Debug)]
struct Stay {
    mac: MacAddress,
    since: Timestamp,
    last: Timestamp,
    news: u64,
    served: Vec<IpAddr>,
}

/// The addresses whose frames a link address sends.
#[derive(Debug)]
enum Carries {
    Own(Vec<IpAddr>),
    /// It forwards for others.
    Others,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) since: Timestamp,
    pub(crate) last: Timestamp,
}

impl Span {
    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.since <= at && at <= self.last
    }
}

impl Stations {
    /// At most so many addresses and so many link addresses are kept in mind; of further ones nothing is said.
    pub(crate) fn new(most: usize) -> Self {
        Self { by_address: HashMap::new(), links: HashMap::new(), most: most.max(1) }
    }

    /// Frames of an address came from a link address, all of this time.
    pub(crate) fn note(&mut self, ip: IpAddr, inside: bool, mac: MacAddress, seen: Span) {
        let full = self.links.len() >= self.most;
        match self.links.get_mut(&mac) {
            Some(Carries::Others) => return,
            Some(Carries::Own(addresses)) if inside => {
                if !addresses.contains(&ip) {
                    addresses.push(ip);
                }
                if addresses.len() > MOST_ADDRESSES {
                    self.links.insert(mac, Carries::Others);
                    return;
                }
            }
            None if full => return,
            known => {
                let own = known.is_none() && inside;
                self.links.insert(mac, if own { Carries::Own(vec![ip]) } else { Carries::Others });
                if !own {
                    return;
                }
            }
        }
        let full = self.by_address.len() >= self.most;
        match self.by_address.get_mut(&ip) {
            Some(stay) if stay.mac == mac => {
                stay.last = stay.last.max(seen.last);
                stay.news += 1;
            }
            // A flow that is told late says nothing of those who have come since.
            Some(stay) if seen.last > stay.last => {
                let since = seen.since.max(stay.last);
                *stay = Stay { mac, since, last: seen.last, news: stay.news + 1, served: Vec::new() };
            }
            None if !full => {
                let Span { since, last } = seen;
                self.by_address.insert(ip, Stay { mac, since, last, news: 1, served: Vec::new() });
            }
            Some(_) | None => {}
        }
    }

    /// The address answered a client.
    pub(crate) fn served(&mut self, ip: IpAddr, client: IpAddr) {
        if let Some(stay) = self.by_address.get_mut(&ip)
            && stay.served.len() <= MOST_SERVED
            && !stay.served.contains(&client)
        {
            stay.served.push(client);
        }
    }

    /// True for an address that serves others.
    pub(crate) fn is_server(&self, ip: IpAddr) -> bool {
        self.by_address.get(&ip).is_some_and(|stay| stay.served.len() > MOST_SERVED)
    }

    /// For how long the address has been one station's.
    pub(crate) fn stay(&self, ip: IpAddr) -> Option<Span> {
        let stay = self.by_address.get(&ip)?;
        matches!(self.links.get(&stay.mac), Some(Carries::Own(_)))
            .then_some(Span { since: stay.since, last: stay.last })
    }

    /// Grows whenever more is known of the address.
    pub(crate) fn news(&self, ip: IpAddr) -> u64 {
        self.by_address.get(&ip).map_or(0, |stay| stay.news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MacAddress = MacAddress([2, 0, 0x5e, 0, 0, 1]);
    const B: MacAddress = MacAddress([2, 0, 0x5e, 0, 0, 2]);

    fn span(since: i64, last: i64) -> Span {
        Span { since: Timestamp::from_seconds(since), last: Timestamp::from_seconds(last) }
    }

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn an_address_is_one_stations_until_another_link_address_shows() {
        let mut stations = Stations::new(100);
        stations.note(ip(1), true, A, span(10, 20));
        stations.note(ip(1), true, A, span(5, 60));
        assert_eq!(stations.stay(ip(1)), Some(span(10, 60)));
        stations.note(ip(1), true, B, span(30, 70));
        assert_eq!(stations.stay(ip(1)), Some(span(60, 70)), "what overlaps is nobody's for sure");
        stations.note(ip(1), true, A, span(11, 61));
        assert_eq!(stations.stay(ip(1)), Some(span(60, 70)), "told late");
    }

    #[test]
    fn a_router_is_no_station() {
        let mut stations = Stations::new(100);
        stations.note(ip(1), true, A, span(10, 20));
        stations.note([198, 51, 100, 7].into(), false, A, span(11, 12));
        stations.note(ip(1), true, A, span(20, 30));
        assert_eq!(stations.stay(ip(1)), None, "it carries outside addresses");
        for last in 1..=9 {
            stations.note(ip(last), true, B, span(40, 50));
        }
        assert_eq!(stations.stay(ip(2)), None, "it carries many");
    }

    #[test]
    fn who_answers_many_is_a_server() {
        let mut stations = Stations::new(100);
        stations.note(ip(1), true, A, span(10, 20));
        for (client, server) in [(2, false), (3, false), (3, false), (4, true), (5, true)] {
            stations.served(ip(1), ip(client));
            assert_eq!(stations.is_server(ip(1)), server, "{client}");
        }
        assert!(stations.by_address[&ip(1)].served.len() <= MOST_SERVED + 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut stations = Stations::new(4);
        for last in 0..200 {
            stations.note(ip(last), true, MacAddress([2, 0, 0, 0, 0, last]), span(0, 9));
        }
        assert_eq!((stations.links.len(), stations.by_address.len()), (4, 4));
        assert_eq!(stations.stay(ip(1)), Some(span(0, 9)));
        assert_eq!(stations.stay(ip(100)), None);
    }
}
