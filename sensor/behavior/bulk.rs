//! Bulk uploads that nobody can read: to addresses without a name, to places for leaving files, or by somebody of whom no habits are
//! known yet.
//!
//! Owns: the thresholds. Never does: judging habits, which is `destination`'s.
//!
//! Services have names, and clients tell them when they open an encrypted session; who uploads to a bare address either works
//! with a machine of his own or hides.

use crate::profile::{Habit, Profile};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_context::DestinationKind;
use egret_model::{AnomalyKind, Severity, Timestamp};

/// To a bare address or a place for leaving files, bytes a day.
const NAMELESS: u64 = 256_000;
/// To any name, as long as no habits are known.
const NAMED: u64 = 5_000_000;
/// How much more goes out than comes back.
const LOPSIDED: u64 = 10;
/// Days of activity after which habits are known.
pub(crate) const KNOWN_DAYS: u32 = 3;

/// First labels of names whose owners tell what they are for.
const TELLING: [&str; 10] =
    ["share", "shares", "upload", "uploads", "drop", "dropbox", "transfer", "paste", "send", "sendfile"];

/// A name that says itself that files are left there; the context, where it knows the name, knows better.
fn says_so(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    TELLING.iter().any(|word| first.eq_ignore_ascii_case(word))
}

pub(crate) fn encrypted(
    contact: &Contact<'_>,
    profile: &Profile,
    habit: &Habit,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let bytes = habit.today.unreadable;
    let lopsided = habit.today.is_lopsided(LOPSIDED);
    if !contact.opened
        || !lopsided
        || bytes < NAMELESS
        || !habit.is_new(setting.now)
        || setting.is_sanctioned(contact.peer)
    {
        return None;
    }
    let kind = setting.destination(contact.peer).map(|known| known.kind);
    let drop_place = matches!(
        kind,
        Some(DestinationKind::FileSharing | DestinationKind::Paste | DestinationKind::Anonymiser)
    );
    let drop_place = drop_place || (kind.is_none() && contact.peer.host_name().is_some_and(says_so));
    let nameless = contact.peer.host_name().is_none();
    let unknown = profile.days_before < KNOWN_DAYS && bytes >= NAMED;
    if !(drop_place || nameless || unknown) {
        return None;
    }
    let what = match (drop_place, nameless) {
        (true, _) => "to a place for leaving files",
        (_, true) => "to an address that no name was asked for",
        _ => "by somebody of whom no habits are known yet",
    };
    let software =
        contact.flow.ja4.as_ref().map(|ja4| format!(" by software of JA4 {ja4}")).unwrap_or_default();
    let explanation =
        format!("{} left encrypted{software}, with hardly anything coming back, {what}", size(as_f64(bytes)));
    let severity = if bytes >= 200 * NAMELESS { Severity::High } else { Severity::Medium };
    Some(Suspicion {
        severity,
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::EncryptedBulk, setting, bytes, explanation)
            .to(contact.peer)
            .scored(if drop_place { 0.7 } else { 0.55 })
    })
}
