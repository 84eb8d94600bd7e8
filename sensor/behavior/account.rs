//! Accounts that somebody else may use: a user from an address that is not theirs, at the same time as from their own.
//!
//! Owns: the thresholds. Never does: judging users who roam: of whom many addresses are known.

use crate::profile::{DAY_NS, Profile};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Severity, Timestamp};
use std::collections::BTreeSet;

/// Days of activity before addresses are known, and addresses of somebody who does not roam.
const KNOWN_DAYS: u32 = 5;
const FEW: usize = 3;
/// Activity on two addresses so close is at the same time, nanoseconds (10 min).
const OVERLAP_NS: i64 = 600_000_000_000;
/// Bytes out from the new address that make it worth more than a note.
const BULK: u64 = 500_000;
/// Attribution that is less sure is rather wrong than a stranger.
const SURE: f32 = 0.7;

/// How sure it is where the new address shows a device of a kind that the user's own are not.
const STRANGE_DEVICE: f64 = 0.75;

/// Notes the address; `sent` is what the user has sent to this destination today.
pub(crate) fn foreign(
    contact: &Contact<'_>,
    profile: &mut Profile,
    sent: u64,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let user = contact.actor.user.as_ref()?;
    let (now, day, ip) = (setting.now.nanos(), setting.now.day(), contact.actor.ip);
    let known = profile.addresses.get(&ip).is_some_and(|(days, _)| *days > 1);
    let others: Vec<(std::net::IpAddr, i64)> = profile
        .addresses
        .iter()
        .filter(|(other, (days, _))| **other != ip && *days >= KNOWN_DAYS)
        .map(|(other, (_, last))| (*other, *last))
        .collect();
    let roams = profile.addresses.len() > FEW;
    let (days, last) =
        profile.addresses.entry(&ip, now, setting.limits.addresses_per_actor, || (0, i64::MIN));
    if *last == i64::MIN || Timestamp::from_nanos(*last).day() < day {
        *days += 1;
    }
    *last = (*last).max(now);
    let recent = others.iter().find(|(_, last)| (now - last).abs() < OVERLAP_NS);
    let (home, _) = recent?;
    let sure = contact.actor.confidence.is_none_or(|confidence| confidence >= SURE);
    if known || roams || !sure || profile.days_before < KNOWN_DAYS || sent < BULK {
        return None;
    }
    // A device of a kind that the user has nowhere else is more likely a stranger's than one like those.
    let system = profile.systems.get(&ip);
    let own: BTreeSet<&str> =
        others.iter().filter_map(|(other, _)| profile.systems.get(other)).map(String::as_str).collect();
    let strange = system.filter(|system| !own.is_empty() && !own.contains(system.as_str()));
    let device = strange.map_or_else(String::new, |system| {
        format!(
            "; there it is {system}, where {user} has {}",
            own.into_iter().collect::<Vec<_>>().join(" and ")
        )
    });
    let explanation = format!(
        "{user} sends {} from {ip}, never used by {user} before, while {home}, used on many days, is active as well{device}",
        size(as_f64(sent))
    );
    Some(Suspicion {
        severity: Severity::High,
        since: Timestamp::from_nanos(now - OVERLAP_NS.min(DAY_NS)),
        observed: 2.0,
        unit: "addresses at once",
        ..Suspicion::of_bytes(AnomalyKind::CompromisedAccount, setting, sent, explanation)
            .to(contact.peer)
            .with_baseline(1.0)
            .scored(if strange.is_some() { STRANGE_DEVICE } else { 0.6 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suspicion::tests::flow;
    use crate::{Actor, Peer};
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Volume};
    use std::net::IpAddr;

    const HOME: [u8; 4] = [10, 0, 0, 1];
    const ELSEWHERE: [u8; 4] = [10, 0, 0, 99];

    /// A week at home, then both addresses at once; what the devices there say of themselves.
    fn told(home: Option<&str>, elsewhere: Option<&str>) -> Option<(f32, String)> {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let mut profile = Profile::default();
        let peer = Peer { ip: [198, 51, 100, 7].into(), name: None, internal: false };
        for (ip, system) in [(HOME, home), (ELSEWHERE, elsewhere)] {
            if let Some(system) = system {
                profile.systems.entry(&IpAddr::from(ip), 0, 8, || system.to_owned());
            }
        }
        let mut seen = |ip: [u8; 4], seconds: i64| {
            let now = Timestamp::from_seconds(20_000 * 86_400 + seconds);
            profile.active(now);
            let actor = Actor {
                user: Some("alice".to_owned()),
                host: None,
                ip: ip.into(),
                confidence: Some(0.9),
                person: None,
            };
            let mut flow = flow(now);
            flow.up = Volume { bytes: BULK, ..Volume::default() };
            let contact = Contact { actor: &actor, peer: &peer, flow: &flow, opened: true };
            let setting = Setting { limits: &limits, context: &context, now };
            foreign(&contact, &mut profile, BULK, setting)
        };
        for day in 0..7 {
            assert!(seen(HOME, day * 86_400).is_none());
        }
        seen(ELSEWHERE, 6 * 86_400 + 60).map(|suspicion| (suspicion.score, suspicion.explanation))
    }

    #[test]
    fn a_device_unlike_the_users_own_makes_it_surer() {
        let (score, said) = told(None, None).expect("two addresses at once");
        assert!(score < 0.7 && !said.contains("there it is"), "{score} {said}");
        assert_eq!(told(Some("windows"), Some("windows")).expect("all the same").0, score);
        assert_eq!(told(None, Some("android phone")).expect("nothing to compare with").0, score);
        let (score, said) = told(Some("windows"), Some("android phone")).expect("two at once");
        assert!(
            score > 0.7 && said.contains("it is android phone, where alice has windows"),
            "{score} {said}"
        );
    }
}
