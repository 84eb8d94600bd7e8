//! Accounts that somebody else may use: a user from an address that is not theirs, at the same time as from their own.
//!
//! Owns: the thresholds. Never does: judging users who roam: of whom many addresses are known.

use crate::profile::{DAY_NS, Profile};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, Severity, Timestamp};

/// Days of activity before addresses are known, and addresses of somebody who does not roam.
const KNOWN_DAYS: u32 = 5;
const FEW: usize = 3;
/// Activity on two addresses so close is at the same time, nanoseconds (10 min).
const OVERLAP_NS: i64 = 600_000_000_000;
/// Bytes out from the new address that make it worth more than a note.
const BULK: u64 = 500_000;
/// Attribution that is less sure is rather wrong than a stranger.
const SURE: f32 = 0.7;

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
    let explanation = format!(
        "{user} sends {} from {ip}, never used by {user} before, while {home}, used on many days, is active as well",
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
            .scored(0.6)
    })
}
