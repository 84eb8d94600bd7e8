//! Who is on the link: users that a port or a wireless network let in (IEEE 802.1X), and which addresses their stations have.
//!
//! Owns: pairing an identity with what came of it, by station; the addresses of stations that ARP and neighbour discovery tell. Never
//! does: taking an identity alone for a proof: EAP-Success is; taking an outer identity that hides the inner one for a name.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::Account;
use egret_model::{Evidence, LinkFrame, LinkKind, MacAddress, ProtocolLimits, Sighting, Timestamp};
use parse::Eapol;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// What is known of the stations of a link.
#[derive(Debug)]
pub struct LinkWatch {
    stations: HashMap<MacAddress, Station>,
    /// The last answers of the stations: identifier, time, station. An outcome that is sent to all is found by them.
    answers: BTreeSet<(u8, Timestamp, MacAddress)>,
    places: HashMap<MacAddress, Vec<Place>>,
    most: usize,
    most_of_station: usize,
}

/// A station that has named itself.
#[derive(Debug)]
struct Station {
    account: Account,
    /// Identifier of its last answer: what comes of it has the same (RFC 3748 section 4.2).
    identifier: u8,
    heard: Timestamp,
    admitted: bool,
}

/// An address of a station.
#[derive(Debug)]
struct Place {
    ip: IpAddr,
    heard: Timestamp,
    /// When it was told as evidence.
    told: Option<Timestamp>,
}

/// For so long it is not told again that an address is a station's, nanoseconds (10 min).
const TOLD_NS: i64 = 600_000_000_000;
/// An answer that nothing has come of for so long is forgotten, nanoseconds (1 min; IEEE 802.1X: 30 s for each of two tries).
const ANSWER_NS: i64 = 60_000_000_000;
/// An address that was heard of longer ago than this is no station's any more, nanoseconds (4 h).
const PLACE_NS: i64 = 4 * 3_600_000_000_000;

impl LinkWatch {
    /// Nobody is known yet.
    #[must_use]
    pub fn new(limits: &ProtocolLimits) -> Self {
        Self {
            stations: HashMap::new(),
            answers: BTreeSet::new(),
            places: HashMap::new(),
            most: limits.link_stations.max(1),
            most_of_station: limits.link_addresses.max(1),
        }
    }

    /// Takes a frame, and tells what it proves.
    pub fn frame(&mut self, frame: &LinkFrame, sink: &mut dyn FnMut(Sighting)) {
        let at = frame.at;
        match frame.kind {
            LinkKind::Eapol => {
                if let Some(message) = parse::eapol(&frame.payload) {
                    self.eapol(frame, message, sink);
                }
            }
            LinkKind::Arp => self.place(parse::arp(&frame.payload), at, sink),
            LinkKind::Neighbour(source) => self.place(parse::neighbour(&frame.payload, source), at, sink),
        }
    }

    fn eapol(&mut self, frame: &LinkFrame, message: Eapol<'_>, sink: &mut dyn FnMut(Sighting)) {
        let at = frame.at;
        match message {
            Eapol::Identity { identifier, name } => {
                let Some(account) = named(name) else {
                    // Whoever was here before may be somebody else.
                    self.forget(frame.source);
                    return;
                };
                let admitted = self
                    .stations
                    .get(&frame.source)
                    .is_some_and(|known| known.admitted && known.account == account);
                self.forget(frame.source);
                if make_room(&mut self.stations, &frame.source, self.most, |station| station.heard) {
                    self.answers.retain(|(_, _, mac)| self.stations.contains_key(mac));
                }
                self.answers.insert((identifier, at, frame.source));
                self.stations.insert(frame.source, Station { account, identifier, heard: at, admitted });
            }
            Eapol::Response { identifier } => {
                if let Some(station) = self.stations.get_mut(&frame.source) {
                    self.answers.remove(&(station.identifier, station.heard, frame.source));
                    self.answers.insert((identifier, at, frame.source));
                    (station.identifier, station.heard) = (identifier, at);
                }
            }
            Eapol::Success { identifier } => {
                let Some(mac) = self.answered(frame.destination, identifier, at) else { return };
                if let Some(station) = self.stations.get_mut(&mac) {
                    station.admitted = true;
                    sink(sighting(&station.account, mac, at, None));
                    self.tell_places(mac, at, sink);
                }
            }
            Eapol::Failure { identifier } => {
                if let Some(mac) = self.answered(frame.destination, identifier, at) {
                    self.forget(mac);
                }
            }
            Eapol::Logoff => {
                if let Some(station) = self.forget(frame.source)
                    && station.admitted
                {
                    sink(sighting(&station.account, frame.source, at, Some(at)));
                }
            }
        }
    }

    /// The station that an outcome is for. On a wire it is sent to a group address: then the only station that has given this answer.
    fn answered(&self, destination: MacAddress, identifier: u8, at: Timestamp) -> Option<MacAddress> {
        let fits =
            |station: &Station| station.identifier == identifier && at.since(station.heard) <= ANSWER_NS;
        if destination.0[0] & 1 == 0 {
            return self.stations.get(&destination).filter(|station| fits(station)).map(|_| destination);
        }
        let first = (identifier, at.plus(-ANSWER_NS), MacAddress([0; 6]));
        let last = (identifier, Timestamp::MAX, MacAddress([u8::MAX; 6]));
        let mut fitting = self.answers.range(first..=last);
        let (_, _, mac) = fitting.next()?;
        fitting.next().is_none().then_some(*mac)
    }

    fn forget(&mut self, mac: MacAddress) -> Option<Station> {
        let station = self.stations.remove(&mac)?;
        self.answers.remove(&(station.identifier, station.heard, mac));
        Some(station)
    }

    /// A station has an address.
    fn place(&mut self, told: Option<(MacAddress, IpAddr)>, at: Timestamp, sink: &mut dyn FnMut(Sighting)) {
        let Some((mac, ip)) = told else { return };
        let heard = |places: &Vec<Place>| places.iter().map(|place| place.heard).max().unwrap_or_default();
        make_room(&mut self.places, &mac, self.most, heard);
        let places = self.places.entry(mac).or_default();
        match places.iter_mut().find(|place| place.ip == ip) {
            Some(place) => place.heard = at,
            None => {
                if places.len() >= self.most_of_station {
                    places.remove(0);
                }
                places.push(Place { ip, heard: at, told: None });
            }
        }
        if self.stations.get(&mac).is_some_and(|station| station.admitted) {
            self.tell_places(mac, at, sink);
        }
    }

    /// Tells which addresses an admitted station has, now and then.
    fn tell_places(&mut self, mac: MacAddress, at: Timestamp, sink: &mut dyn FnMut(Sighting)) {
        let Some(places) = self.places.get_mut(&mac) else { return };
        places.retain(|place| at.since(place.heard) <= PLACE_NS);
        for place in places.iter_mut() {
            if place.told.is_some_and(|told| at.since(told) < TOLD_NS) {
                continue;
            }
            place.told = Some(at);
            sink(Sighting {
                at,
                ip: Some(place.ip),
                ports: None,
                mac: Some(mac),
                host: None,
                user: None,
                domain: None,
                evidence: Evidence::LinkAddress,
                confirmed: true,
                until: None,
            });
        }
    }
}

/// The account that an identity names. None for one that hides the name, as the outer one of a tunnel does (RFC 7542 section 2.4).
fn named(identity: &[u8]) -> Option<Account> {
    const HIDDEN: [&str; 3] = ["anonymous", "anon", "@"];
    let identity = identity.strip_prefix(b"host/").map_or_else(
        || identity.to_vec(),
        // A computer by its full name, as Windows writes it: its account is its first label.
        |host| [host.split(|byte| *byte == b'.').next().unwrap_or_default(), b"$"].concat(),
    );
    let account = Account::parse(&identity)?;
    let name = account.user.to_ascii_lowercase();
    let hides = HIDDEN.iter().any(|hidden| name == *hidden) || name.starts_with("anonymous");
    (!hides && name.chars().any(char::is_alphanumeric)).then_some(account)
}

/// An admission; it holds for whichever addresses the station has.
fn sighting(account: &Account, mac: MacAddress, at: Timestamp, until: Option<Timestamp>) -> Sighting {
    Sighting {
        at,
        ip: None,
        ports: None,
        mac: Some(mac),
        host: None,
        user: Some(account.user.clone()),
        domain: account.domain.clone(),
        evidence: Evidence::PortAccess,
        confirmed: true,
        until,
    }
}

/// Room for one more: what was heard of longest ago goes, and then it is true. At once a sixteenth, so that a flood of forged addresses costs little.
fn make_room<T>(
    known: &mut HashMap<MacAddress, T>,
    new: &MacAddress,
    most: usize,
    heard: impl Fn(&T) -> Timestamp,
) -> bool {
    if known.len() < most || known.contains_key(new) {
        return false;
    }
    let mut by_age: Vec<(Timestamp, MacAddress)> =
        known.iter().map(|(mac, value)| (heard(value), *mac)).collect();
    by_age.sort_unstable();
    for (_, mac) in by_age.into_iter().take(most / 16 + 1) {
        known.remove(&mac);
    }
    true
}
