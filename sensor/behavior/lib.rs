//! Behaviour: what is unusual in what users and hosts send, whether anybody can read it or not.
//!
//! Owns: habits, and one file a detector. Never does: I/O, clocks, threads; attribution; deciding what an incident is. Time is the
//! events'; state is bounded by [`BehaviorLimits`], comes out the same for the same events, and survives a restart
//! ([`Behavior::save`]).
//!
//! Every detector states what is usual, what was observed and how sure it is; its thresholds stand in its file with their reasons.

#![forbid(unsafe_code)]

mod account;
mod archive;
mod asymmetry;
mod beacon;
mod bulk;
mod channel;
mod collusion;
mod covert;
mod destination;
mod distinct;
mod former;
mod held;
mod hours;
mod intelligence;
mod peers;
mod port;
mod profile;
mod recent;
mod resolver;
mod staging;
mod statistics;
mod suspicion;
mod target;
mod trickle;
mod volume;

pub use suspicion::{Actor, Contact, Peer};

use channel::Channels;
use collusion::Collusion;
use covert::Covert;
use destination::Popularity;
use egret_context::Context;
use egret_model::{
    Anomaly, AnomalyKind, BehaviorLimits, Direction, FindingRecord, IdHasher, Observation, Protocol,
    Timestamp, TransferRecord,
};
use peers::Peers;
use profile::Profile;
use recent::Recent;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use suspicion::{Setting, Suspicion};

/// Growth after which an anomaly is told again.
const GROWN: f64 = 2.0;
/// The form of saved state: another one is not read.
const FORM: u32 = 2;

/// All habits and detectors.
#[derive(Debug)]
pub struct Behavior {
    limits: BehaviorLimits,
    context: Arc<Context>,
    state: State,
}

/// What survives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    form: u32,
    profiles: Recent<String, Profile>,
    peers: Peers,
    popularity: Popularity,
    channels: Channels,
    covert: Covert,
    collusion: Collusion,
    /// Assets that were read from, by reader: the worth of the best, and when.
    assets: Recent<String, (f32, i64)>,
    /// What was observed when an anomaly was told last, by its id.
    raised: Recent<String, f64>,
}

/// Where anomalies go.
pub type Sink<'a> = &'a mut dyn FnMut(Anomaly);

impl Behavior {
    /// Without habits.
    #[must_use]
    pub fn new(limits: &BehaviorLimits, context: Arc<Context>) -> Self {
        Self { limits: limits.clone(), context, state: State { form: FORM, ..State::default() } }
    }

    /// What the organisation knows of itself, from now on.
    pub fn replace_context(&mut self, context: Arc<Context>) {
        self.context = context;
    }

    /// All that is remembered, as text.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).expect("numbers, texts and lists can be written as JSON")
    }

    /// Takes up what was saved. False: it is of another form or damaged, and nothing has changed.
    #[must_use]
    pub fn restore(&mut self, saved: &[u8]) -> bool {
        match serde_json::from_slice::<State>(saved) {
            Ok(state) if state.form == FORM => {
                self.state = state;
                true
            }
            _ => false,
        }
    }

    /// A flow, or what has come of it since it was last told.
    pub fn flow(&mut self, contact: &Contact<'_>, sink: Sink<'_>) {
        let now = contact.flow.last_at;
        let context = Arc::clone(&self.context);
        let limits = self.limits.clone();
        let setting = Setting { limits: &limits, context: &context, now };
        let mut suspicions: Vec<Suspicion> = Vec::new();
        suspicions.extend(self.state.covert.flow(contact, setting));
        if contact.peer.internal {
            self.inside(contact, setting);
        } else {
            self.outside(contact, setting, &mut suspicions);
        }
        for suspicion in suspicions {
            self.raise(contact.actor, suspicion, now, sink);
        }
    }

    /// Reading from inside is what staging begins with.
    fn inside(&mut self, contact: &Contact<'_>, setting: Setting<'_>) {
        let read = contact.back().bytes;
        if !contact.opened || read == 0 {
            return;
        }
        let (key, now) = (contact.actor.key(), setting.now.nanos());
        let profile = self.state.profiles.entry(&key, now, setting.limits.actors, Profile::default);
        profile.note_read(read, setting);
        if let Some(asset) = setting.context.asset(contact.peer.ip, contact.peer.name.as_deref()) {
            let worth = self.state.assets.entry(&key, now, setting.limits.actors, || (asset.value, now));
            if asset.value >= worth.0 || now - worth.1 > profile::DAY_NS {
                *worth = (asset.value, now);
            }
        }
    }

    fn outside(&mut self, contact: &Contact<'_>, setting: Setting<'_>, suspicions: &mut Vec<Suspicion>) {
        let (key, now) = (contact.actor.key(), setting.now);
        let habit_key = contact.peer.habit();
        suspicions.extend(intelligence::flow(contact, setting));
        if contact.flow.protocol == Some(Protocol::Tls)
            && !contact.flow.continued
            && let Some(name) = contact.peer.host_name()
        {
            suspicions.extend(self.state.channels.server_name(&key, &name.to_lowercase(), setting));
        }
        let others =
            if contact.opened { self.state.popularity.others(&key, &habit_key, setting) } else { usize::MAX };
        let known_actors = self.state.profiles.len();
        let asset = self
            .state
            .assets
            .get(&key)
            .filter(|(_, at)| now.nanos() - at < profile::DAY_NS)
            .map_or(1.0, |(worth, _)| *worth);
        let profile = self.state.profiles.entry(&key, now.nanos(), setting.limits.actors, Profile::default);
        if profile.active(now) {
            self.state.peers.note(contact.actor, profile, setting);
        }
        let unusual_hour = profile.is_unusual_hour(now);
        let closed = profile.note_upload(contact.out().bytes, &habit_key, setting);
        let habit = profile.note_contact(contact, &habit_key, setting);
        let sent = habit.today.out;
        let of_peers = profile.peers(now, || self.state.peers.baseline(contact.actor, setting));
        let peers = of_peers.as_ref();
        suspicions.extend(closed.and_then(|closed| volume::leak(closed, profile, setting)));
        suspicions.extend(volume::day(&profile.volumes, peers, setting));
        suspicions.extend(peers::volume(contact, profile, peers, setting));
        suspicions.extend(bulk::encrypted(contact, profile, &habit, setting));
        suspicions.extend(destination::new(contact, profile, &habit, others, setting));
        if unusual_hour {
            let off = profile.note_off_hours(contact.out().bytes, now);
            suspicions.extend(hours::off(contact, profile, &habit, off, peers, setting));
        }
        if let Some(peers) = peers {
            suspicions.extend(hours::off_of_peers(contact, profile, &habit, peers, setting));
        }
        suspicions.extend(asymmetry::reversed(contact, profile, &habit, setting));
        suspicions.extend(staging::out_after_read(contact, profile, &habit, asset, setting));
        suspicions.extend(trickle::one(contact, &habit, setting));
        if habit.is_new(now) {
            suspicions.extend(trickle::many(profile, setting));
        }
        suspicions.extend(resolver::carried(contact, &habit, setting));
        suspicions.extend(beacon::with_data(contact, &habit, others, setting));
        suspicions.extend(port::odd(contact, &habit, setting));
        suspicions.extend(account::foreign(contact, profile, sent, setting));
        profile.note_hour(now);
        suspicions.extend(self.state.collusion.flow(contact, sent, known_actors, setting));
    }

    /// A name was asked for, or the answer has come.
    pub fn name(
        &mut self,
        actor: &Actor,
        server: IpAddr,
        observation: &Observation,
        at: Timestamp,
        sink: Sink<'_>,
    ) {
        let context = Arc::clone(&self.context);
        let limits = self.limits.clone();
        let setting = Setting { limits: &limits, context: &context, now: at };
        let mut suspicions: Vec<Suspicion> = Vec::new();
        if let Observation::Question { name, .. } = observation {
            suspicions.extend(intelligence::name(name, setting));
        }
        if let Observation::HeldAnswers { server_name, .. } = observation {
            let peer = Peer { ip: server, name: server_name.clone(), internal: false };
            suspicions.extend(held::encrypted(&peer, observation, setting));
        }
        suspicions.extend(self.state.channels.name(actor, server, observation, setting));
        for suspicion in suspicions {
            self.raise(actor, suspicion, at, sink);
        }
    }

    /// Content that left, with what was found in it.
    pub fn transfer(
        &mut self,
        actor: &Actor,
        peer: &Peer,
        transfer: &TransferRecord,
        findings: &[FindingRecord],
        sink: Sink<'_>,
    ) {
        if transfer.direction != Direction::Egress {
            return;
        }
        let now = transfer.ended_at;
        let context = Arc::clone(&self.context);
        let limits = self.limits.clone();
        let setting = Setting { limits: &limits, context: &context, now };
        let mut suspicions: Vec<Suspicion> = Vec::new();
        suspicions.extend(intelligence::file(transfer, peer, setting));
        // Of the account, wherever it goes: one a day is enough.
        suspicions.extend(former::used(actor, "an upload", transfer.bytes, setting));
        suspicions.extend(self.state.collusion.transfer(actor, peer, transfer, findings, setting));
        let key = actor.key();
        let profile = self.state.profiles.entry(&key, now.nanos(), setting.limits.actors, Profile::default);
        if let Some((_, system)) = transfer.facts.iter().find(|(name, _)| *name == "device") {
            let most = limits.addresses_per_actor;
            profile.systems.entry(&actor.ip, now.nanos(), most, String::new).clone_from(system);
        }
        let habit = profile.destinations.get(&peer.habit());
        suspicions.extend(archive::hidden(transfer, habit.map(AsRef::as_ref), peer, setting));
        if let Some(bytes) = target::encoded(transfer) {
            suspicions.extend(target::channel(transfer, bytes, profile, peer, setting));
        }
        for suspicion in suspicions {
            self.raise(actor, suspicion, now, sink);
        }
    }

    /// Somebody was seen signing in.
    pub fn sign_in(&mut self, actor: &Actor, at: Timestamp, sink: Sink<'_>) {
        let context = Arc::clone(&self.context);
        let limits = self.limits.clone();
        let setting = Setting { limits: &limits, context: &context, now: at };
        if let Some(suspicion) = former::used(actor, "a sign-in", 0, setting) {
            self.raise(actor, suspicion, at, sink);
        }
    }

    /// Tells an anomaly, unless it was told today and has not grown much since.
    fn raise(&mut self, actor: &Actor, suspicion: Suspicion, at: Timestamp, sink: Sink<'_>) {
        let Suspicion { kind, severity, score, since, destination, baseline, observed, unit, bytes, .. } =
            suspicion;
        let service = match kind {
            // What left at odd hours is one sum, whoever got it.
            AnomalyKind::OffHours => "",
            _ => self.context.service(destination.as_deref().unwrap_or_default()),
        };
        let id = IdHasher::new()
            .part(kind.technique().as_bytes())
            .number(kind as u64)
            .part(actor.key().as_bytes())
            .part(service.as_bytes())
            .number(at.day().cast_unsigned())
            .finish("a");
        let mut first = false;
        let told = self.state.raised.entry(&id, at.nanos(), self.limits.raised, || {
            first = true;
            observed
        });
        if !first {
            if observed < *told * GROWN {
                return;
            }
            *told = observed;
        }
        sink(Anomaly {
            id,
            kind,
            severity,
            score,
            since: since.min(at),
            at,
            user: actor.user.clone(),
            host: actor.host.clone(),
            ip: actor.ip,
            confidence: actor.confidence,
            person: actor.person.clone(),
            destination,
            baseline,
            observed,
            unit,
            bytes,
            attack: kind.technique(),
            explanation: suspicion.explanation,
            transfers: suspicion.transfers,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{AnomalyKind, Person, Volume};

    const HOUR: i64 = 3_600;

    /// Somebody of the department uploads over TLS at an hour of a day.
    fn upload(behavior: &mut Behavior, user: &str, hour: i64, to: &str, bytes: u64) -> Vec<Anomaly> {
        let now = Timestamp::from_seconds(20_000 * 24 * HOUR + hour * HOUR);
        let person = Person { department: Some("Finance".to_owned()), ..Person::default() };
        let actor = Actor {
            user: Some(user.to_owned()),
            host: None,
            ip: [10, 0, 0, user.len().min(200) as u8].into(),
            confidence: Some(0.9),
            person: Some(person),
        };
        let peer = Peer { ip: [198, 51, 100, 7].into(), name: Some(to.to_owned()), internal: false };
        let mut flow = suspicion::tests::flow(now);
        flow.protocol = Some(Protocol::Tls);
        flow.up = Volume { bytes, ..Volume::default() };
        flow.down = Volume { bytes: bytes / 2, ..Volume::default() };
        let mut told = Vec::new();
        let contact = Contact { actor: &actor, peer: &peer, flow: &flow, opened: true };
        behavior.flow(&contact, &mut |anomaly| told.push(anomaly));
        told
    }

    /// A department of seven that has worked for ten days, from nine to five.
    fn department() -> Behavior {
        let mut behavior = Behavior::new(&BehaviorLimits::default(), Arc::new(Context::shipped()));
        for day in 0..10 {
            for member in 0..7_u64 {
                for hour in 9..17 {
                    let bytes = 200_000 + member * 20_000;
                    let told =
                        upload(&mut behavior, &format!("u{member}"), day * 24 + hour, "crm.example", bytes);
                    assert_eq!(told, [], "ordinary days are quiet");
                }
            }
        }
        behavior
    }

    fn kinds(told: &[Anomaly]) -> Vec<AnomalyKind> {
        told.iter().map(|anomaly| anomaly.kind).collect()
    }

    #[test]
    fn what_leaves_at_odd_hours_is_one_sum_wherever_it_goes() {
        let mut behavior = department();
        let first = upload(&mut behavior, "u1", 10 * 24 + 26, "drop.example", 4_500_000);
        assert!(kinds(&first).contains(&AnomalyKind::OffHours), "{first:#?}");
        for host in ["news.example", "a.shop.example", "b.shop.example"] {
            let more = upload(&mut behavior, "u1", 10 * 24 + 26, host, 2_000);
            assert!(!kinds(&more).contains(&AnomalyKind::OffHours), "{host}: {more:#?}");
        }
    }

    #[test]
    fn who_is_new_is_judged_by_the_department() {
        let mut behavior = department();
        // An ordinary first day; by day, much is much, by night less is.
        assert_eq!(upload(&mut behavior, "newcomer", 10 * 24 + 10, "crm.example", 2_000_000), []);
        let far = upload(&mut behavior, "newcomer", 10 * 24 + 11, "crm.example", 2_000_000_000);
        assert!(kinds(&far).contains(&AnomalyKind::PeerVolume), "{far:#?}");
        let told = &far.iter().find(|one| one.kind == AnomalyKind::PeerVolume).unwrap();
        assert!(told.explanation.contains("7 peers in Finance"), "{}", told.explanation);
        assert!(told.baseline.is_some_and(|usual| (1.5e6..3e6).contains(&usual)), "{:?}", told.baseline);
        let night = upload(&mut behavior, "night owl", 10 * 24 + 26, "crm.example", 4_500_000);
        assert_eq!(kinds(&night), [AnomalyKind::OffHours]);
        assert!(night[0].explanation.contains("none of 7 peers in Finance"), "{}", night[0].explanation);
    }

    #[test]
    fn a_restart_changes_no_judgement() {
        let mut one = department();
        let mut other = Behavior::new(&BehaviorLimits::default(), Arc::new(Context::shipped()));
        assert!(other.restore(&one.save()));
        // Numbers are written as decimals, whose last digit may differ; what is told is the same.
        let [told, told_later] = [&mut one, &mut other].map(|behavior| {
            let told = upload(behavior, "newcomer", 10 * 24 + 10, "crm.example", 2_000_000_000);
            told.into_iter().map(|one| (one.id, one.kind, one.explanation)).collect::<Vec<_>>()
        });
        assert!(told.iter().any(|(_, kind, _)| *kind == AnomalyKind::PeerVolume));
        assert_eq!(told, told_later);
        assert!(!other.restore(b"{}") && !other.restore(b"damaged"));
    }
}
