//! Which kind of insider an incident fits best.
//!
//! Owns: what speaks for which kind, and how much. Never does: accusing: the kind that fits best may still be wrong, so its part and
//! its reasons are told.

use crate::leaver::{Leaving, leaving};
use crate::open::Open;
use egret_context::{Context, DestinationKind, GroupKind};
use egret_model::{AnomalyKind, InsiderProfile, Profile};
use std::collections::BTreeMap;

/// The kind that fits best; None where hardly anything speaks for any.
pub(crate) fn best(open: &Open, slow: bool, context: &Context) -> Option<Profile> {
    let mut told: BTreeMap<InsiderProfile, (f32, Vec<String>)> = BTreeMap::new();
    let mut speak = |kind: InsiderProfile, points: f32, reason: &str| {
        let (sum, reasons) = told.entry(kind).or_default();
        *sum += points;
        reasons.push(reason.to_owned());
    };
    groups(open, context, &mut speak);
    let mut hides = open.evasion;
    if open.evasion {
        speak(InsiderProfile::Malicious, 2.0, "segments overlap with different bytes: an evasion");
    }
    if slow {
        hides = true;
        speak(InsiderProfile::Malicious, 2.0, "in portions each too small to be reported");
    }
    for anomaly in open.anomalies.values() {
        hides |= anomaly_speaks(anomaly.kind, &mut speak);
    }
    let kind = context.destination(open.receiver, Some(open.destination())).map(|known| known.kind);
    match kind {
        Some(DestinationKind::Paste | DestinationKind::Anonymiser) => {
            speak(InsiderProfile::Malicious, 1.0, "to a place where nobody knows who left what");
        }
        Some(
            DestinationKind::Webmail
            | DestinationKind::FileSharing
            | DestinationKind::Messaging
            | DestinationKind::Assistant
            | DestinationKind::CodeHosting,
        ) => {
            speak(InsiderProfile::Negligent, 1.0, "to a service that people use for convenience");
        }
        Some(DestinationKind::Partner) => speak(InsiderProfile::ThirdParty, 1.0, "to a partner's network"),
        Some(DestinationKind::Sanctioned | DestinationKind::Resolver) | None => {}
    }
    if !hides && !open.evidence.is_empty() {
        speak(InsiderProfile::Negligent, 2.0, "sent in the clear, nothing was done to hide it");
        if open.transfer_count == 1 {
            speak(InsiderProfile::Negligent, 0.5, "once only");
        }
    }
    let all: f32 = told.values().map(|(points, _)| points).sum();
    let (kind, (points, reasons)) = told.into_iter().max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))?;
    (points >= 1.0).then(|| Profile { kind, share: (points / all * 100.0).round() / 100.0, reasons })
}

fn groups(open: &Open, context: &Context, speak: &mut impl FnMut(InsiderProfile, f32, &str)) {
    let Some(user) = &open.user else { return };
    if let Some(leaving) = leaving(open) {
        let told = format!("{user} {}", leaving.told());
        match leaving {
            Leaving::Soon(_) => speak(InsiderProfile::Malicious, 3.0, &told),
            Leaving::Gone(_) => {
                speak(InsiderProfile::Malicious, 4.0, &told);
                speak(
                    InsiderProfile::Compromised,
                    2.0,
                    "somebody else may use an account that was left open",
                );
            }
        }
    }
    for (name, kind) in context.groups_of(user, &open.groups) {
        match kind {
            // Once is enough, where the directory tells when.
            GroupKind::Leaver if leaving(open).is_some() => {}
            GroupKind::Leaver => {
                speak(InsiderProfile::Malicious, 3.0, &format!("{user} is about to leave ({name})"));
            }
            GroupKind::ThirdParty => {
                speak(InsiderProfile::ThirdParty, 4.0, &format!("{user} belongs to a third party ({name})"));
            }
            GroupKind::Privileged => {
                speak(InsiderProfile::Compromised, 0.5, &format!("{user} has far-reaching access ({name})"));
            }
            GroupKind::Service => {
                speak(
                    InsiderProfile::Compromised,
                    1.5,
                    &format!("{user} is the account of a machine ({name})"),
                );
            }
            GroupKind::Executive | GroupKind::Department => {}
        }
    }
}

/// True for what is done to hide.
fn anomaly_speaks(kind: AnomalyKind, speak: &mut impl FnMut(InsiderProfile, f32, &str)) -> bool {
    use AnomalyKind as Kind;
    use InsiderProfile::{Collusion, Compromised, Malicious};
    match kind {
        Kind::DnsTunnel
        | Kind::IcmpCovert
        | Kind::NtpCovert
        | Kind::SniChannel
        | Kind::TargetChannel
        | Kind::ResolverChannel
        | Kind::HeldAnswers => {
            speak(Malicious, 2.0, "through a channel that is not meant for content");
            speak(Compromised, 1.5, "through a channel that malware uses, too");
            true
        }
        Kind::HiddenArchive => {
            speak(Malicious, 2.0, "in an archive that nobody can open, or that passes for something else");
            true
        }
        Kind::Staging => {
            speak(Malicious, 2.0, "gathered inside first");
            true
        }
        Kind::OffHours => {
            speak(Malicious, 1.0, "outside of the usual hours");
            speak(Compromised, 0.5, "at a time when the user does not work");
            true
        }
        Kind::Trickle | Kind::SlowLeak => {
            speak(Malicious, 1.5, "in small portions over time");
            true
        }
        Kind::NewDestination | Kind::EncryptedBulk => {
            speak(Malicious, 1.0, "in bulk to a place that is no habit");
            true
        }
        Kind::PeerVolume => {
            speak(Malicious, 0.5, "far more than colleagues send");
            false
        }
        // What the end of the employment says is said of the incident.
        Kind::FormerEmployee => false,
        Kind::UploadVolume | Kind::Asymmetry => {
            speak(Malicious, 0.5, "far more than usual");
            false
        }
        Kind::OddPort => {
            speak(Malicious, 1.0, "on a port that passes firewalls");
            speak(Compromised, 1.0, "on a port that malware likes");
            true
        }
        Kind::Beaconing => {
            speak(Compromised, 2.0, "as regular as a program");
            true
        }
        Kind::CompromisedAccount => {
            speak(Compromised, 4.0, "from an address that is not the user's, while the user's own is active");
            true
        }
        Kind::Intelligence => {
            speak(Compromised, 3.0, "intelligence warns of it");
            true
        }
        Kind::Collusion => {
            speak(Collusion, 3.0, "several users send the same, or to the same rare place");
            true
        }
    }
}
