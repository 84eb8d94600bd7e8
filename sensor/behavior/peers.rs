//! Peers: what is usual in a user's department or group.
//!
//! Owns: a few figures of each member of a group, and what they come to. Never does: the members' own habits.
//!
//! Somebody of whom little is known yet is judged by what the others of the department do: the median of what each of them usually
//! uploads in a day, how far they differ, to how many destinations, and at which hours. Where the own habits are known they decide, and
//! the peers are a further reason. The logarithms of volumes are compared, for the reason that `volume` tells.

use crate::profile::{Profile, hash};
use crate::recent::Recent;
use crate::statistics::median_and_deviation;
use crate::suspicion::{Actor, Contact, Setting, Suspicion, as_f64, size};
use egret_context::GroupKind;
use egret_model::AnomalyKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Peers without whom nothing is usual, and days of activity of each.
const PEERS_NEEDED: usize = 5;
const DAYS_NEEDED: u32 = 3;
/// Least deviation between peers that is believed, in natural logarithms: colleagues differ by more than one's own days do.
const LEAST_DEVIATION: f64 = 1.0;
/// The same for the number of destinations.
const LEAST_SPREAD: f64 = 3.0;
/// Deviations above the peers that count in full for somebody without habits. One in a thousand of a bell curve is 3 up; people's are
/// wider.
const FAR_OUT: f64 = 5.0;
/// Least upload of a day that is unusual by its volume, bytes.
const LEAST_BYTES: u64 = 5_000_000;

/// What is usual for the members of each group.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Peers(Recent<String, Recent<u64, Usual>>);

/// A member's usual day.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Usual {
    bytes: f64,
    destinations: f64,
    /// Hours of the day (UTC) with activity, as bits.
    hours: u32,
}

/// What the peers of one user come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// Name of the group.
    pub(crate) group: String,
    /// How many peers it is made of.
    pub(crate) peers: usize,
    /// Median of their usual days, bytes.
    pub(crate) bytes: f64,
    /// Median absolute deviation of its logarithm.
    deviation: f64,
    /// Median of the destinations of their usual days, and its deviation.
    pub(crate) destinations: f64,
    spread: f64,
    /// Hours at which any of them is active.
    hours: u32,
}

impl Peers {
    /// A day of a member is over: what is usual for it now.
    pub(crate) fn note(&mut self, actor: &Actor, profile: &Profile, setting: Setting<'_>) {
        let Some(group) = group_of(actor, setting) else { return };
        if profile.days_before < DAYS_NEEDED {
            return;
        }
        let (now, limits) = (setting.now.nanos(), setting.limits);
        let members = self.0.entry(&group, now, limits.peer_groups, Recent::default);
        let usual = members.entry(&hash(&actor.key()), now, limits.peers_per_group, Usual::default);
        *usual = Usual {
            bytes: profile.volumes.usual(),
            destinations: profile.volumes.usual_destinations(),
            hours: profile.known_hours(setting.now),
        };
    }

    /// What the peers of `actor` come to; None where there are too few.
    pub(crate) fn baseline(&self, actor: &Actor, setting: Setting<'_>) -> Option<Baseline> {
        let group = group_of(actor, setting)?;
        let own = hash(&actor.key());
        let others = self.0.get(&group)?.iter().filter(|(member, _)| **member != own);
        let others: BTreeMap<u64, Usual> = others.map(|(member, usual)| (*member, *usual)).collect();
        if others.len() < PEERS_NEEDED {
            return None;
        }
        let logarithms: Vec<f64> = others.values().map(|usual| usual.bytes.ln_1p()).collect();
        let counts: Vec<f64> = others.values().map(|usual| usual.destinations).collect();
        let (middle, deviation) = median_and_deviation(&logarithms);
        let (destinations, spread) = median_and_deviation(&counts);
        let hours = others.values().fold(0, |all, usual| all | usual.hours);
        let peers = others.len();
        Some(Baseline { group, peers, bytes: middle.exp_m1(), deviation, destinations, spread, hours })
    }
}

impl Baseline {
    /// Deviations of a day's upload above the peers.
    pub(crate) fn above(&self, bytes: u64) -> f64 {
        (as_f64(bytes).ln_1p() - self.bytes.ln_1p()) / self.deviation.max(LEAST_DEVIATION)
    }

    /// Deviations of the number of a day's destinations above the peers.
    fn more_places(&self, destinations: u64) -> f64 {
        (as_f64(destinations) - self.destinations) / self.spread.max(LEAST_SPREAD)
    }

    /// No peer is ever active at this hour or beside it.
    pub(crate) fn is_unusual_hour(&self, hour: u32) -> bool {
        [23, 0, 1].iter().all(|beside| self.hours & (1 << ((hour + beside) % 24)) == 0)
    }

    /// For the explanation of what the own habits say already: that it is unusual among peers, too, or that it is not.
    pub(crate) fn remark(&self, bytes: u64) -> String {
        let Self { group, peers, bytes: usual, .. } = self;
        let usual = size(*usual);
        let above = self.above(bytes);
        if above >= FAR_OUT {
            format!("; {usual} are usual for {peers} peers in {group}, which it is far above, too")
        } else {
            format!("; {usual} are usual for {peers} peers in {group}")
        }
    }
}

/// The department, else the first of the groups that the context or the directory names.
fn group_of(actor: &Actor, setting: Setting<'_>) -> Option<String> {
    let user = actor.user.as_deref()?;
    let person = actor.person.as_ref();
    if let Some(department) = person.and_then(|person| person.department.as_ref()) {
        return Some(department.clone());
    }
    let told = person.map(|person| person.groups.as_slice()).unwrap_or_default();
    let groups = setting.context.groups_of(user, told);
    groups.iter().find(|(_, kind)| *kind == GroupKind::Department).map(|(name, _)| (*name).to_owned())
}

/// Today is far out for somebody of whom too little is known to judge by own habits.
pub(crate) fn volume(
    contact: &Contact<'_>,
    profile: &Profile,
    peers: Option<&Baseline>,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let peers = peers?;
    let bytes = profile.volumes.today_bytes();
    if profile.volumes.today().is_some() || bytes < LEAST_BYTES || !contact.opened {
        return None;
    }
    if setting.is_sanctioned(contact.peer) {
        return None;
    }
    let above = peers.above(bytes);
    let more = peers.more_places(profile.volumes.today_destinations());
    // Much to many places counts earlier, as it does against own habits.
    let reached = (above / FAR_OUT).max((more.max(0.0) * above.clamp(0.0, FAR_OUT)).sqrt() / FAR_OUT * 1.2);
    if reached < 1.0 {
        return None;
    }
    let places = if more >= LEAST_SPREAD {
        format!(
            ", to {} destinations, where {:.0} are usual",
            profile.volumes.today_destinations(),
            peers.destinations
        )
    } else {
        String::new()
    };
    let explanation = format!(
        "{} uploaded in a day{places}; too little is known of the user's own days, and {} are usual for {} peers in {}",
        size(as_f64(bytes)),
        size(peers.bytes),
        peers.peers,
        peers.group
    );
    Some(Suspicion {
        unit: "bytes a day",
        ..Suspicion::of_bytes(AnomalyKind::PeerVolume, setting, bytes, explanation)
            .with_baseline(peers.bytes)
            .scored(0.45 + 0.2 * (reached - 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Person, Timestamp};

    fn actor(user: &str) -> Actor {
        let person = Person { department: Some("Finance".to_owned()), ..Person::default() };
        Actor {
            user: Some(user.to_owned()),
            host: None,
            ip: [10, 0, 0, 1].into(),
            confidence: Some(0.9),
            person: Some(person),
        }
    }

    fn active(bytes: u64, days: i64) -> Profile {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let mut profile = Profile::default();
        for day in 4..4 + days {
            let now = Timestamp::from_seconds(day * 86_400 + 10 * 3600);
            profile.active(now);
            let setting = Setting { limits: &limits, context: &context, now };
            profile.note_upload(bytes, "crm.example", setting);
            profile.note_hour(now);
        }
        profile
    }

    #[test]
    fn peers_tell_what_is_usual_once_there_are_enough() {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let now = Timestamp::from_seconds(20 * 86_400);
        let setting = Setting { limits: &limits, context: &context, now };
        let mut peers = Peers::default();
        for (number, bytes) in [1_000_000, 2_000_000, 1_500_000, 900_000, 3_000_000].into_iter().enumerate() {
            assert_eq!(peers.baseline(&actor("new"), setting), None);
            peers.note(&actor(&format!("u{number}")), &active(bytes, 5), setting);
        }
        let baseline = peers.baseline(&actor("new"), setting).unwrap();
        assert_eq!((baseline.group.as_str(), baseline.peers), ("Finance", 5));
        assert!((baseline.bytes - 1_500_000.0).abs() < 1.0, "{baseline:?}");
        assert!(baseline.above(3_000_000) < 1.0 && baseline.above(500_000_000) > FAR_OUT);
        assert!(!baseline.is_unusual_hour(11) && baseline.is_unusual_hour(3));
        assert_eq!(peers.baseline(&actor("U0"), setting), None, "nobody is a peer of their own");
        let again: Peers = serde_json::from_str(&serde_json::to_string(&peers).unwrap()).unwrap();
        assert_eq!(again.baseline(&actor("new"), setting), Some(baseline));
    }

    #[test]
    fn whose_habits_are_short_is_judged_by_peers() {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let now = Timestamp::from_seconds(20 * 86_400);
        let setting = Setting { limits: &limits, context: &context, now };
        let mut peers = Peers::default();
        for number in 0..6 {
            peers.note(&actor(&format!("u{number}")), &active(1_000_000 + number * 100_000, 5), setting);
        }
        let judged = |bytes: u64| {
            let mut profile = Profile::default();
            profile.note_upload(bytes, "drop.example", setting);
            let actor = actor("new");
            let peer = crate::Peer {
                ip: [192, 0, 2, 1].into(),
                name: Some("drop.example".to_owned()),
                internal: false,
            };
            let flow = crate::suspicion::tests::flow(now);
            let contact = Contact { actor: &actor, peer: &peer, flow: &flow, opened: true };
            volume(&contact, &profile, peers.baseline(&actor, setting).as_ref(), setting)
        };
        assert!(judged(20_000_000).is_none());
        let told = judged(900_000_000).unwrap();
        assert_eq!(told.kind, AnomalyKind::PeerVolume);
        assert!(told.explanation.contains("6 peers in Finance"), "{}", told.explanation);
        assert!(told.baseline.is_some_and(|baseline| baseline > 1e6 && baseline < 2e6));
    }
}
