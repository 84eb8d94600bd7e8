//! The index: evidence by address and time, and the attribution drawn from it.
//!
//! Owns: storage of evidence within limits. Never does: parsing; weighing (`decide`); forgetting by a clock.

use crate::account::{Kind, Whereabouts};
use crate::decide::UserScores;
use crate::devices::Devices;
use crate::names::{Known, Names};
use crate::people::People;
use crate::place::{Interval, PlaceRecord, decay};
use crate::plan::PlanEntry;
use crate::station::{Span, Stations};
use crate::weight;
use egret_model::{Attribution, Basis, Evidence, IdentityLimits, MacAddress, Person, Sighting, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// Who had which address when: evidence goes in, in any order; attributions come out for any time.
#[derive(Debug)]
pub struct IdentityIndex {
    people: Arc<People>,
    /// How far time has come: evidence of the files up to here is in.
    now: Timestamp,
    places: HashMap<Place, PlaceRecord>,
    /// Places in the order in which their intervals came, one entry for each interval, for forgetting the oldest.
    order: VecDeque<Place>,
    names: Names,
    whereabouts: Whereabouts,
    devices: Devices,
    stations: Stations,
    most: usize,
    most_of_place: usize,
    most_people: usize,
    most_weighed: usize,
}

/// What evidence speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Address(IpAddr),
    /// Evidence that names no address (RADIUS with a station's identifier alone): it holds for the address that the link address
    /// has at the time asked about.
    Link(MacAddress),
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The address.
    pub ip: IpAddr,
    /// The port of the connection, where there is one: users of a shared address are told apart by it.
    pub port: Option<u16>,
    /// When.
    pub at: Timestamp,
    /// A user whom the exchange itself named (its own log-in, or the envelope sender of its mail): where evidence about the
    /// address is in conflict, the exchange knows best; where there is none, it is all there is.
    pub named: Option<(&'a str, Evidence)>,
}

impl IdentityIndex {
    /// An index with what the operator's files tell.
    #[must_use]
    pub fn new(people: Arc<People>, limits: &IdentityLimits) -> Self {
        Self {
            people,
            now: Timestamp::from_nanos(i64::MIN),
            places: HashMap::new(),
            order: VecDeque::new(),
            names: Names::default(),
            whereabouts: Whereabouts::new(limits),
            devices: Devices::new(limits.devices),
            stations: Stations::new(limits.stations),
            most: limits.intervals.max(1),
            most_of_place: limits.intervals_of_address.max(1),
            most_people: limits.people_of_address.max(1),
            most_weighed: limits.weighed.max(1),
        }
    }

    /// Puts other files in the place of the operator's. Evidence stays; what the files tell of the past and did not tell before is
    /// added.
    pub fn replace_people(&mut self, people: &Arc<People>) {
        let before = std::mem::replace(&mut self.people, Arc::clone(people));
        for event in people.events_until(self.now).iter().filter(|event| !before.tells(event)) {
            self.insert(event, people);
        }
    }

    /// Time has come to `now`: evidence of the files up to then is taken in. To be called with the time of each event. Gives what
    /// of it is of former employees ([`Self::former`]).
    pub fn advance(&mut self, now: Timestamp) -> Vec<Sighting> {
        let mut former = Vec::new();
        if now <= self.now {
            return former;
        }
        let people = Arc::clone(&self.people);
        for event in people.events_between(self.now, now) {
            self.insert(event, &people);
            if self.former(event).is_some() {
                former.push(event.clone());
            }
        }
        self.now = now;
        former
    }

    /// No event is to come: evidence of the files from `beyond_ns` after the last one is taken in, too, as it explains what came before it.
    pub fn look_beyond(&mut self, beyond_ns: i64) {
        if self.now > Timestamp::from_nanos(i64::MIN) {
            self.advance(self.now.plus(beyond_ns));
        }
    }

    /// True for the address of a proxy whose word on its clients is taken.
    #[must_use]
    pub fn is_proxy(&self, ip: IpAddr) -> bool {
        self.people.is_proxy(ip)
    }

    /// Who signed in though the employment has ended, by a piece of evidence: the account's name in the directory, and what that knows of
    /// the person. None for what is no proof that somebody was there: a claim, a host's name, the end of a session.
    #[must_use]
    pub fn former(&self, sighting: &Sighting) -> Option<(String, Person)> {
        let over = sighting.until.is_some_and(|until| until <= sighting.at);
        if !sighting.confirmed || over || weight::of(sighting.evidence) < weight::PRESENCE {
            return None;
        }
        let directory = self.people.directory();
        let (name, _) = directory.account(sighting.user.as_deref()?, sighting.domain.as_deref())?;
        let person = directory.person(name)?;
        person
            .employment_ends
            .is_some_and(|ends| ends <= sighting.at)
            .then(|| (name.to_owned(), person.clone()))
    }

    /// Adds a piece of evidence; one that speaks of no address at all says nothing, nor does one that a proxy tells which the
    /// operator has not named. Beyond [`IdentityLimits::intervals`] the oldest interval is forgotten.
    pub fn add(&mut self, sighting: &Sighting) {
        let people = Arc::clone(&self.people);
        self.insert(sighting, &people);
    }

    fn insert(&mut self, sighting: &Sighting, people: &People) {
        let place = match (sighting.ip, sighting.mac) {
            (Some(ip), _) => Place::Address(ip.to_canonical()),
            (None, Some(mac)) => Place::Link(mac),
            (None, None) => return,
        };
        let known = Known::of(sighting, people, &mut self.names);
        if known.kind == Kind::Anonymous {
            return;
        }
        let at = sighting.at;
        let record = self.places.entry(place).or_default();
        record.note_news();
        let over = sighting.until.is_some_and(|until| until <= at);
        if over {
            record.close(known.user.as_deref(), at, self.most_weighed);
            record.session_ended();
        }
        if sighting.evidence == Evidence::Dhcp && sighting.confirmed {
            record.leased(sighting.mac, known.host.as_ref(), at, sighting.until, self.most_weighed);
        }
        let person = known.kind == Kind::Person
            && sighting.confirmed
            && weight::of(sighting.evidence) >= weight::PRESENCE;
        if let (Place::Address(ip), Some(user)) = (place, &known.user)
            && sighting.confirmed
        {
            if person && !self.whereabouts.roams(user, at) {
                record.present(user, at, self.most_people);
            }
            self.whereabouts.note(user, ip, at);
        }
        if let Some(user) = known.user.as_ref().filter(|_| known.kind == Kind::Person && !over)
            && weight::of(sighting.evidence) >= weight::COMPANY
            && !self.whereabouts.roams(user, at)
        {
            record.seen(user, known.domain.as_ref(), sighting.evidence, at);
        }
        let shared = match place {
            Place::Address(ip) => record.is_shared(at) || people.is_shared(ip),
            Place::Link(_) => false,
        };
        // A single port says nothing where the address is one person's.
        let ports = sighting.ports.filter(|(low, high)| shared || low != high);
        let Known { user, host, domain, kind } = known;
        let interval = Interval::new(
            at,
            sighting.until,
            user,
            host,
            domain,
            sighting.mac,
            ports,
            sighting.evidence,
            sighting.confirmed,
            kind == Kind::Service,
        );
        if record.add(interval) {
            self.make_room(place);
        }
    }

    /// Room for the interval that `place` has got: its own oldest goes if it has too many, else the oldest of all.
    fn make_room(&mut self, place: Place) {
        if let Some(record) = self.places.get_mut(&place)
            && record.len() > self.most_of_place
        {
            // Its entry in the order now stands for the new one.
            record.forget_oldest();
            return;
        }
        self.order.push_back(place);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
            && let Some(record) = self.places.get_mut(&oldest)
        {
            record.forget_oldest();
            if record.len() == 0 {
                self.places.remove(&oldest);
            }
        }
    }

    /// An address showed a device ("windows", "android phone"), as it says itself: a hint whether several share the address, and nobody's
    /// name.
    pub fn device(&mut self, ip: IpAddr, device: &str, at: Timestamp) {
        self.devices.note(ip.to_canonical(), device, at);
    }

    /// Frames of an address came from a link address, from `since` to `last`; of an address `inside` the organisation it is that of its
    /// station, unless it forwards for others.
    pub fn station(
        &mut self,
        ip: IpAddr,
        inside: bool,
        mac: MacAddress,
        (since, last): (Timestamp, Timestamp),
    ) {
        self.stations.note(ip.to_canonical(), inside, mac, Span { since, last });
    }

    /// An address answered a client: one that answers several is a server, and nobody's desk.
    pub fn served(&mut self, ip: IpAddr, client: IpAddr) {
        self.stations.served(ip.to_canonical(), client);
    }

    /// Grows whenever something is told that may change who used an address.
    #[must_use]
    pub fn news(&self, ip: IpAddr) -> u64 {
        let ip = ip.to_canonical();
        self.places.get(&Place::Address(ip)).map_or(0, PlaceRecord::news) + self.stations.news(ip)
    }

    /// Pieces of evidence kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True without evidence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Who it was.
    #[must_use]
    pub fn attribute(&self, question: &Question<'_>) -> Attribution {
        let Question { at, .. } = *question;
        let ip = question.ip.to_canonical();
        let question = &Question { ip, ..*question };
        let planned = self.people.plan().entry(ip, question.port, at);
        let record = self.places.get(&Place::Address(ip));
        let best_of = |record: Option<&PlaceRecord>, has: &dyn Fn(&Interval) -> bool| {
            record?
                .around(at, self.most_weighed)
                .filter(|interval| has(interval) && interval.strength(at) > weight::NOTHING)
                .max_by(|a, b| a.strength(at).total_cmp(&b.strength(at)))
                .cloned()
        };
        let mac = planned.and_then(|entry| entry.mac).or_else(|| {
            best_of(record, &|interval| interval.mac.is_some()).and_then(|interval| interval.mac)
        });
        let shared = self.people.is_shared(ip) || record.is_some_and(|record| record.is_shared(at));
        let mut attribution = if shared {
            self.of_shared(question, planned, record)
        } else {
            let found = self.of_person(question, planned, record, mac);
            let known = found.user.is_some() || !found.alternatives.is_empty();
            if known { found } else { self.of_only_person(question, record).unwrap_or(found) }
        };
        attribution.mac = mac;
        let own = |user: &str| question.named.is_some_and(|(named, _)| named.eq_ignore_ascii_case(user));
        if attribution.user.as_deref().is_some_and(|user| !own(user)) && self.devices.are_mixed(ip, at) {
            attribution.confidence *= weight::MIXED_DEVICES;
        }
        let has_host = |interval: &Interval| interval.host.is_some();
        let of_link = mac.and_then(|mac| self.places.get(&Place::Link(mac)));
        let host = best_of(record, &has_host).or_else(|| best_of(of_link, &has_host));
        self.name_host(&mut attribution, planned, host.as_ref(), at);
        if let Some(user) = &attribution.user {
            attribution.person = self.people.directory().person(user).cloned();
        }
        attribution
    }

    /// The user of an address that is one person's at a time.
    fn of_person(
        &self,
        question: &Question<'_>,
        planned: Option<&PlanEntry>,
        record: Option<&PlaceRecord>,
        mac: Option<MacAddress>,
    ) -> Attribution {
        let Question { at, named, .. } = *question;
        let of_link = mac.and_then(|mac| self.places.get(&Place::Link(mac)));
        let lease_over = record.and_then(|record| record.lease_over(at));
        let mut users = UserScores::default();
        if let Some(user) = planned.and_then(|entry| entry.user.as_deref()) {
            users.add_planned(user, at);
        }
        let evidence = || {
            let places = [record, of_link].into_iter().flatten();
            places.flat_map(|record| record.around(at, self.most_weighed))
        };
        // A log-in after the fact explains it only where nobody was known before.
        for before in [true, false] {
            if !before && users.knows_a_person() {
                break;
            }
            for interval in evidence().filter(|interval| (interval.first <= at) == before) {
                let Some(user) = &interval.user else { continue };
                let holds = |(low, high)| question.port.is_some_and(|port| low <= port && port <= high);
                if !interval.ports.is_none_or(holds) {
                    continue;
                }
                let mut strength = interval.strength(at);
                if lease_over.is_some_and(|over| interval.last <= over) {
                    strength *= weight::LEASE_OVER;
                }
                if strength > weight::NOTHING {
                    let service = interval.service || self.whereabouts.roams(user, at);
                    users.add(interval, strength, service, at);
                }
            }
        }
        users.decide(named, at)
    }

    /// The user of a station at which nobody else was ever seen, of a moment when the evidence says little by itself: as long as the
    /// address is that station's, by its link address or its lease, the person who uses it is mostly the same.
    fn of_only_person(&self, question: &Question<'_>, record: Option<&PlaceRecord>) -> Option<Attribution> {
        let Question { ip, at, .. } = *question;
        let record = record?;
        let alone = record.alone().filter(|alone| weight::of(alone.evidence) >= weight::PRESENCE)?;
        if self.devices.are_mixed(ip, at)
            || self.stations.is_server(ip)
            || self.whereabouts.roams(&alone.user, at)
        {
            return None;
        }
        let nearest = at.max(alone.seen.since).min(alone.seen.last);
        let same = |span: Option<Span>| span.is_some_and(|span| span.covers(at) && span.covers(nearest));
        if !same(self.stations.stay(ip)) && !same(record.lease()) {
            return None;
        }
        let apart = at.since(nearest).abs();
        let base = weight::of(alone.evidence);
        let long = base * weight::ALONE * decay(apart, weight::ALONE_HALF_LIFE_S);
        let before = at < nearest;
        let short = if before { base * weight::HINDSIGHT * decay(apart, weight::HALF_LIFE_S) } else { 0.0 };
        let confidence = long.max(short);
        (confidence >= weight::LEAST).then(|| Attribution {
            user: Some(alone.user.to_string()),
            domain: alone.domain.as_deref().map(str::to_owned),
            evidence: Some(alone.evidence),
            confidence,
            basis: Some(if short >= long { Basis::Afterwards } else { Basis::OnlyUser }),
            ..Attribution::default()
        })
    }

    /// The user of an address that several use at once (a terminal server, a NAT): only what speaks of the connection's port counts.
    fn of_shared(
        &self,
        question: &Question<'_>,
        planned: Option<&PlanEntry>,
        record: Option<&PlaceRecord>,
    ) -> Attribution {
        let Question { at, port, named, .. } = *question;
        let mut users = UserScores::default();
        if let Some(user) =
            planned.filter(|entry| entry.ports.is_some()).and_then(|entry| entry.user.as_deref())
        {
            users.add_planned(user, at);
        }
        if let (Some(port), Some(record)) = (port, record) {
            let near = |low: u16, high: u16| {
                port >= low.saturating_sub(NEARBY) && port <= high.saturating_add(NEARBY)
            };
            let mut nearby = UserScores::default();
            for interval in record.around(at, self.most_weighed).filter(|interval| interval.user.is_some()) {
                let Some((low, high)) = interval.ports else { continue };
                let strength = interval.strength(at);
                if low <= port && port <= high && strength > weight::NOTHING {
                    users.add(interval, strength, false, at);
                }
                let strength = interval.base() * decay_of_shared(interval, at) * weight::NEARBY_PORTS;
                if low == high && near(low, high) && strength > weight::NOTHING {
                    nearby.add(interval, strength, false, at);
                }
            }
            // Where users have ports of their own, those around are of the same user; where they don't, they are mixed.
            if users.is_empty() && nearby.is_unanimous() {
                users = nearby;
            }
        }
        let mut attribution = users.decide(named, at);
        if attribution.user.is_none() && attribution.alternatives.is_empty() {
            let people = record.into_iter().flat_map(PlaceRecord::people).map(str::to_owned);
            attribution.alternatives = people.collect();
            attribution.alternatives.sort();
        }
        attribution
    }

    fn name_host(
        &self,
        attribution: &mut Attribution,
        planned: Option<&PlanEntry>,
        seen: Option<&Interval>,
        at: Timestamp,
    ) {
        let told = planned.and_then(|entry| entry.host.clone());
        let (evidence, confidence) = match (&told, seen) {
            (Some(_), _) => (Some(Evidence::AddressPlan), weight::of(Evidence::AddressPlan)),
            (None, Some(seen)) => (Some(seen.evidence), seen.strength(at)),
            (None, None) => (None, 0.0),
        };
        attribution.host = told.or_else(|| seen?.host.as_deref().map(str::to_owned));
        if attribution.evidence.is_none() && attribution.alternatives.is_empty() {
            (attribution.evidence, attribution.confidence) = (evidence, confidence);
        }
    }
}

/// Ports around a connection's that tell whose it is, where users have ports of their own.
const NEARBY: u16 = 256;

fn decay_of_shared(interval: &Interval, at: Timestamp) -> f32 {
    if at < interval.first {
        decay(interval.first.since(at), weight::HINDSIGHT_HALF_LIFE_S)
    } else if interval.until.is_some_and(|until| at > until) {
        0.0
    } else {
        decay(at.since(interval.last), weight::HALF_LIFE_S)
    }
}
