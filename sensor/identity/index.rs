//! The interval index: evidence by address and time, and the attribution drawn from it.
//!
//! Owns: storage of evidence within limits and the evidence model. Never does: parsing; forgetting by a clock.

use crate::plan::AddressPlan;
use crate::weight;
use egret_model::{Attribution, Evidence, IdentityLimits, MacAddress, Sighting, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Evidence of one kind for one identity, repeated without interruption.
#[derive(Clone, Debug)]
struct Interval {
    first: Timestamp,
    last: Timestamp,
    until: Option<Timestamp>,
    user: Option<String>,
    host: Option<String>,
    domain: Option<String>,
    mac: Option<MacAddress>,
    evidence: Evidence,
    confirmed: bool,
}

/// Repeated evidence of the same kind for the same identity within this time is one interval, nanoseconds (15 min).
const COALESCE_NS: i64 = 900 * 1_000_000_000;

/// Who had which address when: evidence goes in, in any order; attributions come out for any time.
#[derive(Debug)]
pub struct IdentityIndex {
    plan: AddressPlan,
    by_place: HashMap<Place, Vec<Interval>>,
    /// Places in the order in which their intervals came, for forgetting the oldest.
    order: VecDeque<Place>,
    limit: usize,
}

/// What evidence speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Address(IpAddr),
    /// Evidence that names no address (RADIUS with a station's identifier alone): it holds for the address that the link address
    /// has at the time asked about.
    Link(MacAddress),
}

impl IdentityIndex {
    /// An index with the operator's plan and no evidence yet.
    #[must_use]
    pub fn new(plan: AddressPlan, limits: &IdentityLimits) -> Self {
        Self { plan, by_place: HashMap::new(), order: VecDeque::new(), limit: limits.intervals.max(1) }
    }

    /// Puts another plan in the place of the operator's; evidence stays.
    pub fn replace_plan(&mut self, plan: AddressPlan) {
        self.plan = plan;
    }

    /// Adds a piece of evidence; one that speaks of no address at all says nothing. Beyond [`IdentityLimits::intervals`] the oldest
    /// interval is forgotten.
    pub fn add(&mut self, sighting: &Sighting) {
        let place = match (sighting.ip, sighting.mac) {
            (Some(ip), _) => Place::Address(ip),
            (None, Some(mac)) => Place::Link(mac),
            (None, None) => return,
        };
        let (user, host) = person_and_host(sighting);
        let intervals = self.by_place.entry(place).or_default();
        let same = intervals.iter_mut().rev().find(|interval| {
            interval.evidence == sighting.evidence
                && interval.user == user
                && interval.host == host
                && sighting.at.since(interval.last).abs() <= COALESCE_NS
        });
        if let Some(interval) = same {
            interval.first = interval.first.min(sighting.at);
            interval.last = interval.last.max(sighting.at);
            interval.until = interval.until.max(sighting.until);
            interval.confirmed |= sighting.confirmed;
            interval.mac = interval.mac.or(sighting.mac);
            return;
        }
        intervals.push(Interval {
            first: sighting.at,
            last: sighting.at,
            until: sighting.until,
            user,
            host,
            domain: sighting.domain.clone(),
            mac: sighting.mac,
            evidence: sighting.evidence,
            confirmed: sighting.confirmed,
        });
        self.order.push_back(place);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
            && let Some(intervals) = self.by_place.get_mut(&oldest)
        {
            intervals.remove(0);
            if intervals.is_empty() {
                self.by_place.remove(&oldest);
            }
        }
    }

    /// Who used `ip` at `at`. `named` is a user whom the exchange itself named (its own log-in, or the envelope sender of its
    /// mail): where evidence about the address is in conflict, the exchange knows best; where there is none, it is all there is.
    #[must_use]
    pub fn attribute(&self, ip: IpAddr, at: Timestamp, named: Option<(&str, Evidence)>) -> Attribution {
        let of_place = |place| self.by_place.get(&place).map(Vec::as_slice).unwrap_or_default();
        let intervals = of_place(Place::Address(ip));
        let planned = self.plan.entry(ip, at);
        // Host and link address: the plan's, else the strongest evidence that names one.
        let best = |has: &dyn Fn(&Interval) -> bool| {
            intervals
                .iter()
                .filter(|interval| has(interval) && interval.strength(at) > 0.01)
                .max_by(|a, b| a.strength(at).total_cmp(&b.strength(at)))
        };
        let mac = planned
            .and_then(|entry| entry.mac)
            .or_else(|| best(&|interval| interval.mac.is_some()).and_then(|interval| interval.mac));
        let of_link = mac.map(|mac| of_place(Place::Link(mac))).unwrap_or_default();
        let mut users = UserScores::default();
        if let Some(user) = planned.and_then(|entry| entry.user.as_deref()) {
            users.add(user, None, Evidence::AddressPlan, weight::of(Evidence::AddressPlan), at);
        }
        for interval in intervals.iter().chain(of_link) {
            let strength = interval.strength(at);
            if let Some(user) = interval.user.as_deref().filter(|_| strength > 0.01) {
                users.add(
                    user,
                    interval.domain.as_deref(),
                    interval.evidence,
                    strength,
                    interval.last.min(at),
                );
            }
        }
        if let Some((user, evidence)) = named
            && users.users.is_empty()
        {
            users.add(user, None, evidence, weight::of(evidence) * weight::UNCONFIRMED, at);
        }
        let mut attribution = users.decide(named.map(|(user, _)| user));
        let host_interval = best(&|interval| interval.host.is_some());
        attribution.host = planned
            .and_then(|entry| entry.host.clone())
            .or_else(|| host_interval.and_then(|interval| interval.host.clone()));
        attribution.mac = mac;
        if attribution.evidence.is_none() && attribution.host.is_some() && attribution.alternatives.is_empty()
        {
            let planned_host = planned.is_some_and(|entry| entry.host.is_some());
            attribution.evidence =
                if planned_host { Some(Evidence::AddressPlan) } else { host_interval.map(|i| i.evidence) };
            attribution.confidence = if planned_host {
                weight::of(Evidence::AddressPlan)
            } else {
                host_interval.map_or(0.0, |i| i.strength(at))
            };
        }
        attribution
    }
}

/// A machine account (`HOST$`) names a host, never a person.
fn person_and_host(sighting: &Sighting) -> (Option<String>, Option<String>) {
    match sighting.user.as_deref().map(str::trim).filter(|user| !user.is_empty()) {
        Some(user) => match user.strip_suffix('$') {
            Some(machine) => (None, sighting.host.clone().or_else(|| Some(machine.to_owned()))),
            None => (Some(user.to_owned()), sighting.host.clone()),
        },
        None => (None, sighting.host.clone()),
    }
}

impl Interval {
    /// What this evidence is worth at `at`, 0.0 to 1.0.
    fn strength(&self, at: Timestamp) -> f32 {
        let base = weight::of(self.evidence) * if self.confirmed { 1.0 } else { weight::UNCONFIRMED };
        if at < self.first {
            return base * weight::HINDSIGHT * decay(self.first.since(at), weight::HINDSIGHT_HALF_LIFE_S);
        }
        match self.until {
            Some(until) if at > until => 0.0,
            Some(_) => base,
            None => base * decay(at.since(self.last).max(0), weight::HALF_LIFE_S),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a decay needs no exact nanoseconds")]
fn decay(nanos: i64, half_life_s: f32) -> f32 {
    (-(nanos as f32 / 1e9) / half_life_s).exp2()
}

/// Scores of the users named for one address at one time.
#[derive(Default)]
struct UserScores<'a> {
    users: Vec<UserScore<'a>>,
}

struct UserScore<'a> {
    user: &'a str,
    domain: Option<&'a str>,
    evidence: Evidence,
    strongest: f32,
    /// Probability that all of the user's evidence is wrong (noisy-or).
    doubt: f32,
    last: Timestamp,
}

impl<'a> UserScores<'a> {
    fn add(
        &mut self,
        user: &'a str,
        domain: Option<&'a str>,
        evidence: Evidence,
        strength: f32,
        last: Timestamp,
    ) {
        let position = self.users.iter().position(|known| known.user.eq_ignore_ascii_case(user));
        let Some(known) = position.and_then(|index| self.users.get_mut(index)) else {
            self.users.push(UserScore {
                user,
                domain,
                evidence,
                strongest: strength,
                doubt: 1.0 - strength,
                last,
            });
            return;
        };
        known.doubt *= 1.0 - strength;
        known.last = known.last.max(last);
        known.domain = known.domain.or(domain);
        if strength > known.strongest {
            (known.strongest, known.evidence) = (strength, evidence);
        }
    }

    /// The best answer, or none where two are about as good.
    fn decide(&self, named: Option<&str>) -> Attribution {
        let mut ranked: Vec<(f32, &UserScore<'_>)> = self
            .users
            .iter()
            .map(|score| {
                let displaced = self.users.iter().any(|other| {
                    other.last > score.last && other.strongest >= score.strongest * weight::DISPLACES_FROM
                });
                ((1.0 - score.doubt) * if displaced { weight::DISPLACED } else { 1.0 }, score)
            })
            .collect();
        ranked.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.user.cmp(y.user)));
        let Some(&(top, best)) = ranked.first() else { return Attribution::default() };
        let rivals: Vec<&(f32, &UserScore<'_>)> =
            ranked.iter().skip(1).filter(|(score, _)| *score >= top * weight::CONFLICT).collect();
        let own = named.and_then(|name| {
            ranked.iter().find(|(score, user)| {
                user.user.eq_ignore_ascii_case(name) && *score >= top * weight::CONFLICT
            })
        });
        let names = |except: &str| {
            rivals
                .iter()
                .map(|(_, user)| user.user)
                .chain([best.user])
                .filter(|user| *user != except)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if rivals.is_empty() || own.is_some() {
            let &(score, chosen) = own.unwrap_or(&(top, best));
            return Attribution {
                user: Some(chosen.user.to_owned()),
                domain: chosen.domain.map(str::to_owned),
                evidence: Some(chosen.evidence),
                confidence: score,
                alternatives: if rivals.is_empty() { Vec::new() } else { names(chosen.user) },
                ..Attribution::default()
            };
        }
        let mut alternatives = names("");
        alternatives.sort();
        Attribution { alternatives, ..Attribution::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn seen(seconds: i64, user: &str, evidence: Evidence) -> Sighting {
        Sighting {
            at: Timestamp::from_seconds(seconds),
            ip: Some(IP),
            mac: None,
            host: None,
            user: (!user.is_empty()).then(|| user.to_owned()),
            domain: None,
            evidence,
            confirmed: true,
            until: None,
        }
    }

    fn index(plan: &str, sightings: &[Sighting]) -> IdentityIndex {
        let (plan, errors) = AddressPlan::parse(plan);
        assert_eq!(errors, []);
        let mut index = IdentityIndex::new(plan, &IdentityLimits::default());
        sightings.iter().for_each(|sighting| index.add(sighting));
        index
    }

    fn who(index: &IdentityIndex, seconds: i64) -> Attribution {
        index.attribute(IP, Timestamp::from_seconds(seconds), None)
    }

    #[test]
    fn the_latest_strong_evidence_names_the_user() {
        let index = index(
            "ip,user\n",
            &[seen(100, "alice", Evidence::Kerberos), seen(900, "bob", Evidence::Kerberos)],
        );
        assert_eq!(who(&index, 200).user.as_deref(), Some("alice"));
        let later = who(&index, 1000);
        assert_eq!(later.user.as_deref(), Some("bob"));
        assert_eq!(later.evidence, Some(Evidence::Kerberos));
        assert!(later.confidence > 0.85);
    }

    #[test]
    fn weak_evidence_does_not_displace_strong() {
        let index = index(
            "ip,user\n",
            &[seen(100, "alice", Evidence::Kerberos), seen(900, "shop-login", Evidence::HttpBasic)],
        );
        assert_eq!(who(&index, 1000).user.as_deref(), Some("alice"));
    }

    #[test]
    fn the_plan_names_user_and_host() {
        let index =
            index("ip,user,host\n10.0.0.0/24,carol,CAROL-MB\n", &[seen(10, "anna", Evidence::MailFrom)]);
        let attribution = who(&index, 20);
        assert_eq!(attribution.user.as_deref(), Some("carol"));
        assert_eq!(attribution.host.as_deref(), Some("CAROL-MB"));
        assert_eq!(attribution.evidence, Some(Evidence::AddressPlan));
    }

    #[test]
    fn a_conflict_abstains_and_names_both_unless_the_exchange_knows() {
        let index = index(
            "ip,user\n",
            &[seen(100, "alice", Evidence::FtpLogin), seen(100, "bob", Evidence::FtpLogin)],
        );
        let attribution = who(&index, 110);
        assert_eq!(attribution.user, None);
        assert_eq!(attribution.alternatives, ["alice", "bob"]);
        let named = index.attribute(IP, Timestamp::from_seconds(110), Some(("bob", Evidence::FtpLogin)));
        assert_eq!(named.user.as_deref(), Some("bob"));
        assert_eq!(named.alternatives, ["alice"]);
    }

    #[test]
    fn without_other_evidence_the_exchange_itself_counts_a_little() {
        let index = index("ip,user\n", &[]);
        let attribution = index.attribute(IP, Timestamp::EPOCH, Some(("alice", Evidence::MailFrom)));
        assert_eq!(attribution.user.as_deref(), Some("alice"));
        assert!(attribution.confidence < 0.3, "{attribution:?}");
    }

    #[test]
    fn evidence_ends_with_its_lease_and_fades_without_one() {
        let mut leased = seen(100, "", Evidence::Dhcp);
        leased.host = Some("ALICE-LT".into());
        leased.until = Some(Timestamp::from_seconds(3700));
        let index = index("ip,user\n", &[leased, seen(100, "alice", Evidence::Ntlm)]);
        assert_eq!(who(&index, 3600).host.as_deref(), Some("ALICE-LT"));
        assert_eq!(who(&index, 3800).host, None);
        let fresh = who(&index, 100).confidence;
        let stale = who(&index, 100 + 4 * 3600).confidence;
        assert!((stale - fresh / 2.0).abs() < 0.01, "{fresh} {stale}");
    }

    #[test]
    fn hindsight_explains_a_little() {
        let index = index("ip,user\n", &[seen(1000, "alice", Evidence::Kerberos)]);
        assert_eq!(who(&index, 990).user.as_deref(), Some("alice"));
        assert_eq!(who(&index, 1000 - 8 * 3600).user, None);
    }

    #[test]
    fn evidence_of_a_link_address_holds_for_the_address_it_has() {
        let mac: MacAddress = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);
        let mut leased = seen(100, "", Evidence::Dhcp);
        (leased.mac, leased.host) = (Some(mac), Some("ALICE-LT".into()));
        let mut admitted = seen(90, "alice", Evidence::Radius);
        (admitted.ip, admitted.mac) = (None, Some(mac));
        let mut index = index("ip,user\n", &[leased, admitted.clone()]);
        assert_eq!(who(&index, 200).user.as_deref(), Some("alice"));
        (admitted.at, admitted.until) = (Timestamp::from_seconds(300), Some(Timestamp::from_seconds(300)));
        index.add(&admitted);
        assert_eq!(who(&index, 400).user, None, "the session is over");
    }

    #[test]
    fn a_machine_account_is_a_host() {
        let index = index(
            "ip,user\n",
            &[seen(0, "alice", Evidence::Kerberos), seen(10, "ALICE-LT$", Evidence::Kerberos)],
        );
        let attribution = who(&index, 20);
        assert_eq!(attribution.user.as_deref(), Some("alice"));
        assert_eq!(attribution.host.as_deref(), Some("ALICE-LT"));
    }

    #[test]
    fn repeated_evidence_takes_one_place_and_the_oldest_is_forgotten() {
        let mut index = IdentityIndex::new(AddressPlan::default(), &IdentityLimits { intervals: 2 });
        for second in 0..1000 {
            index.add(&seen(second, "alice", Evidence::ProxyAuth));
        }
        assert_eq!(index.order.len(), 1);
        index.add(&seen(1000, "bob", Evidence::ProxyAuth));
        index.add(&seen(1001, "carol", Evidence::ProxyAuth));
        assert_eq!(index.order.len(), 2);
        assert!(
            !index.by_place[&Place::Address(IP)]
                .iter()
                .any(|interval| interval.user.as_deref() == Some("alice"))
        );
    }
}
