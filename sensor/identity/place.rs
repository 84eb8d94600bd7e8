//! The evidence of one address, in order of time.
//!
//! Owns: intervals, their order and their ends, and who comes and goes. Never does: weighing one user against another.

use crate::station::Span;
use crate::weight;
use egret_model::{Evidence, MacAddress, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Evidence of one kind for one identity, repeated without interruption.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) until: Option<Timestamp>,
    /// The address was somebody else's before: no hindsight beyond.
    not_before: Timestamp,
    /// The latest end of this interval and all before it.
    reach: Timestamp,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) host: Option<Arc<str>>,
    pub(crate) domain: Option<Arc<str>>,
    pub(crate) mac: Option<MacAddress>,
    /// Only connections from these ports.
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) evidence: Evidence,
    pub(crate) confirmed: bool,
    /// The account is a service's, not a person's.
    pub(crate) service: bool,
}

/// What is kept of one address, or of one link address.
#[derive(Debug, Default)]
pub(crate) struct PlaceRecord {
    /// By `first`.
    intervals: VecDeque<Interval>,
    /// The DHCP client that has the address.
    client: Option<(Option<MacAddress>, Option<Arc<str>>)>,
    /// When another client got it.
    changed_at: Option<Timestamp>,
    /// Since when that client has had it, without interruption.
    leased_since: Option<Timestamp>,
    /// The end of its last lease.
    leased_until: Option<Timestamp>,
    /// When it was nobody's, between leases; the latest few times.
    unleased: Vec<Span>,
    /// The only person ever seen there, if there is one.
    only: Only,
    /// A session was seen to end there: whoever is not seen is not there.
    sessions_end: bool,
    /// Grows with everything that is told of it.
    news: u64,
    /// Persons seen lately.
    people: Vec<Presence>,
    /// Several persons use the address at once; until then.
    shared_until: Option<Timestamp>,
}

/// A person at an address.
#[derive(Debug)]
struct Presence {
    user: Arc<str>,
    last: Timestamp,
    /// Was seen again soon after somebody else was.
    returned: bool,
}

/// Whether only one person was ever seen at an address.
#[derive(Debug, Default)]
enum Only {
    #[default]
    Nobody,
    One(Alone),
    Several,
}

/// The only person ever seen at an address.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) user: Arc<str>,
    pub(crate) domain: Option<Arc<str>>,
    /// The best of the evidence.
    pub(crate) evidence: Evidence,
    pub(crate) seen: Span,
}

/// Repeated evidence of the same kind for the same identity within this time is one interval, nanoseconds.
const COALESCE_NS: i64 = 3600 * weight::SECOND;
/// How far back an interval that goes on is looked for.
const COALESCE_DEPTH: usize = 32;
/// How long somebody counts as present, nanoseconds.
const PRESENT_NS: i64 = 4 * 3600 * weight::SECOND;
/// Somebody who is seen again within this time, with somebody else in between, never left, nanoseconds. At a kiosk people come back
/// later, after others.
const STAYED_NS: i64 = 2700 * weight::SECOND;
/// Persons who come and go at once make an address a shared one.
const SHARERS: usize = 3;
/// Times between leases that are kept in mind of one address.
const MOST_GAPS: usize = 8;
/// For how long an address counts as shared after it was last seen to be, nanoseconds.
const SHARED_NS: i64 = 7 * 24 * 3600 * weight::SECOND;

impl Interval {
    #[expect(clippy::too_many_arguments, reason = "a record's fields, each of which the caller has")]
    pub(crate) const fn new(
        at: Timestamp,
        until: Option<Timestamp>,
        user: Option<Arc<str>>,
        host: Option<Arc<str>>,
        domain: Option<Arc<str>>,
        mac: Option<MacAddress>,
        ports: Option<(u16, u16)>,
        evidence: Evidence,
        confirmed: bool,
        service: bool,
    ) -> Self {
        let (not_before, reach) = (at, at);
        let (first, last) = (at, at);
        Self {
            first,
            last,
            until,
            not_before,
            reach,
            user,
            host,
            domain,
            mac,
            ports,
            evidence,
            confirmed,
            service,
        }
    }

    /// What this evidence is worth at `at`, 0.0 to 1.0.
    pub(crate) fn strength(&self, at: Timestamp) -> f32 {
        let base = self.base();
        if at < self.first {
            if at < self.not_before {
                return 0.0;
            }
            return base * weight::HINDSIGHT * decay(self.first.since(at), weight::HINDSIGHT_HALF_LIFE_S);
        }
        if self.until.is_some_and(|until| at > until) {
            return 0.0;
        }
        if weight::holds(self.evidence) && self.until.is_some() {
            return base;
        }
        let half_life = match self.ports {
            Some((low, high)) if low == high => weight::PORT_HALF_LIFE_S,
            _ => weight::HALF_LIFE_S,
        };
        base * decay(at.since(self.last).max(0), half_life)
    }

    /// What it is worth at best.
    pub(crate) fn base(&self) -> f32 {
        weight::of(self.evidence) * if self.confirmed { 1.0 } else { weight::UNCONFIRMED }
    }

    /// When it is worth nothing any more.
    fn end(&self) -> Timestamp {
        match self.until {
            Some(until) if weight::holds(self.evidence) => until,
            Some(until) => until.min(self.last.plus(weight::FADED_NS)),
            None => self.last.plus(weight::FADED_NS),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a decay needs no exact nanoseconds")]
pub(crate) fn decay(nanos: i64, half_life_s: f32) -> f32 {
    (-(nanos as f32 / 1e9) / half_life_s).exp2()
}

impl PlaceRecord {
    /// Adds evidence. False: it goes on with what was there, and takes no room of its own.
    pub(crate) fn add(&mut self, mut new: Interval) -> bool {
        let same = self.intervals.iter_mut().enumerate().rev().take(COALESCE_DEPTH).find(|(_, known)| {
            known.evidence == new.evidence
                && known.user == new.user
                && known.host == new.host
                && known.ports == new.ports
                && known.until.is_none_or(|until| until >= new.first)
                && new.first.since(known.last).abs() <= COALESCE_NS
        });
        if let Some((place, known)) = same {
            // Intervals stand by their beginnings, so that a piece that comes late does not move one.
            known.last = known.last.max(new.last);
            known.until =
                if known.until.is_none() || new.until.is_none() { None } else { known.until.max(new.until) };
            known.confirmed |= new.confirmed;
            known.mac = known.mac.or(new.mac);
            self.reach_from(place);
            return false;
        }
        new.not_before = self.changed_at.unwrap_or(Timestamp::from_nanos(i64::MIN)).min(new.first);
        let place = self.intervals.partition_point(|known| known.first <= new.first);
        self.intervals.insert(place, new);
        self.reach_from(place);
        true
    }

    /// Ends are put right from an interval on.
    fn reach_from(&mut self, place: usize) {
        let before =
            place.checked_sub(1).and_then(|before| self.intervals.get(before)).map(|known| known.reach);
        let mut reach = before.unwrap_or(Timestamp::from_nanos(i64::MIN));
        for interval in self.intervals.range_mut(place..) {
            reach = reach.max(interval.end());
            interval.reach = reach;
        }
    }

    /// The session of `user` here is over at `at`; of everybody, if None. The latest `most` pieces of evidence are looked at.
    pub(crate) fn close(&mut self, user: Option<&str>, at: Timestamp, most: usize) {
        let mut earliest = None;
        for (place, interval) in self.intervals.iter_mut().enumerate().rev().take(most) {
            if interval.reach < at {
                break;
            }
            let meant = user
                .is_none_or(|user| interval.user.as_deref().is_some_and(|u| u.eq_ignore_ascii_case(user)));
            if meant && interval.first <= at && interval.until.is_none_or(|until| until > at) {
                interval.until = Some(at);
                interval.last = interval.last.min(at);
                earliest = Some(place);
            }
        }
        if let Some(place) = earliest {
            self.reach_from(place);
        }
        self.people.retain(|known| user.is_some_and(|user| !known.user.eq_ignore_ascii_case(user)));
    }

    /// A DHCP server gave the address to a client: with another one than before, all that was known of the address is over.
    /// `most` as for [`Self::close`].
    pub(crate) fn leased(
        &mut self,
        mac: Option<MacAddress>,
        host: Option<&Arc<str>>,
        at: Timestamp,
        until: Option<Timestamp>,
        most: usize,
    ) {
        let other = self.client.as_ref().is_some_and(|(known_mac, known_host)| match (known_mac, mac) {
            (Some(known), Some(mac)) => *known != mac,
            _ => match (known_host, host) {
                (Some(known), Some(host)) => !known.eq_ignore_ascii_case(host),
                _ => false,
            },
        });
        if other {
            self.close(None, at, most);
            (self.changed_at, self.client) = (Some(at), None);
            (self.only, self.sessions_end) = (Only::Nobody, false);
        }
        if let Some(over) = self.leased_until.filter(|until| *until < at) {
            if self.unleased.len() >= MOST_GAPS {
                self.unleased.remove(0);
            }
            self.unleased.push(Span { since: over, last: at });
        }
        if other || self.leased_until.is_none_or(|until| until < at) {
            self.leased_since = Some(at);
        }
        let (known_mac, known_host) = self.client.take().unwrap_or_default();
        self.client = Some((mac.or(known_mac), host.cloned().or(known_host)));
        self.leased_until = until.or(self.leased_until.filter(|_| !other));
    }

    /// For how long the client has had the address.
    pub(crate) fn lease(&self) -> Option<Span> {
        Some(Span { since: self.leased_since?, last: self.leased_until? })
    }

    /// A session at the address was told to be over.
    pub(crate) const fn session_ended(&mut self) {
        self.sessions_end = true;
    }

    /// Somebody was seen at the address, whom `evidence` names: with another one than before, nobody is alone there.
    pub(crate) fn seen(
        &mut self,
        user: &Arc<str>,
        domain: Option<&Arc<str>>,
        evidence: Evidence,
        at: Timestamp,
    ) {
        match &mut self.only {
            Only::One(alone) if alone.user.eq_ignore_ascii_case(user) => {
                if weight::of(evidence) > weight::of(alone.evidence) {
                    (alone.evidence, alone.domain) = (evidence, domain.cloned());
                }
                alone.seen = Span { since: alone.seen.since.min(at), last: alone.seen.last.max(at) };
            }
            Only::Nobody => {
                let (user, domain) = (Arc::clone(user), domain.cloned());
                self.only = Only::One(Alone { user, domain, evidence, seen: Span { since: at, last: at } });
            }
            Only::One(_) | Only::Several => self.only = Only::Several,
        }
    }

    /// The only person ever seen there. None where sessions are seen to end: then whoever is not seen is not there.
    pub(crate) const fn alone(&self) -> Option<&Alone> {
        match &self.only {
            Only::One(alone) if !self.sessions_end => Some(alone),
            _ => None,
        }
    }

    /// Something was told of the address.
    pub(crate) const fn note_news(&mut self) {
        self.news += 1;
    }

    /// Grows with everything that is told of the address.
    pub(crate) const fn news(&self) -> u64 {
        self.news
    }

    /// The end of the lease before `at`, if nobody had the address then.
    pub(crate) fn lease_over(&self, at: Timestamp) -> Option<Timestamp> {
        let between =
            || self.unleased.iter().find(|gap| gap.since < at && at < gap.last).map(|gap| gap.since);
        self.leased_until.filter(|until| *until < at).or_else(between)
    }

    /// A person was seen: whether several use the address at once shows when they come and go. At most `most` are kept in mind.
    pub(crate) fn present(&mut self, user: &Arc<str>, at: Timestamp, most: usize) {
        self.people.retain(|known| at.since(known.last) <= PRESENT_NS);
        let before = self.people.iter().find(|known| known.user == *user).map(|known| known.last);
        let between = before.filter(|before| at.since(*before) <= STAYED_NS).is_some_and(|before| {
            self.people.iter().any(|known| known.user != *user && known.last > before && known.last <= at)
        });
        match self.people.iter_mut().find(|known| known.user == *user) {
            Some(known) => {
                known.last = known.last.max(at);
                known.returned |= between;
            }
            None => {
                if self.people.len() >= most {
                    self.people.remove(0);
                }
                self.people.push(Presence { user: Arc::clone(user), last: at, returned: false });
            }
        }
        if self.people.iter().filter(|known| known.returned).count() >= SHARERS {
            self.shared_until = Some(at.plus(SHARED_NS));
        }
    }

    /// True for an address that several persons are known to use at once.
    pub(crate) fn is_shared(&self, at: Timestamp) -> bool {
        self.shared_until.is_some_and(|until| at <= until)
    }

    /// Persons seen lately.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(|known| &*known.user)
    }

    /// The evidence that says something of `at`, the latest first, at most `most` pieces. Takes time by the logarithm of what is kept and by what holds
    /// at the time, not by what is kept.
    pub(crate) fn around(&self, at: Timestamp, most: usize) -> impl Iterator<Item = &Interval> {
        let horizon = at.plus(weight::HINDSIGHT_NS);
        let end = self.intervals.partition_point(|known| known.first <= horizon);
        self.intervals.range(..end).rev().take_while(move |known| known.reach >= at).take(most)
    }

    /// Forgets the oldest interval.
    pub(crate) fn forget_oldest(&mut self) {
        self.intervals.pop_front();
    }

    pub(crate) fn len(&self) -> usize {
        self.intervals.len()
    }
}
