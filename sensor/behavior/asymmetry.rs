//! Flows that carry out where they should bring in.
//!
//! Owns: two kinds: content of no known protocol to a bare address, and a destination that used to be read. Never does: judging by
//! size alone.

use crate::profile::{Habit, Profile};
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, FlowKind, Protocol, Timestamp};

/// Content of no known protocol: least bytes, and how much more than comes back.
const UNKNOWN: u64 = 64_000;
const UNKNOWN_TIMES: u64 = 20;
/// A destination that used to be read: days known, least bytes of today, and how much more than comes back.
const READ_DAYS: u32 = 3;
const WRITTEN: u64 = 5_000_000;
const WRITTEN_TIMES: u64 = 10;

pub(crate) fn reversed(
    contact: &Contact<'_>,
    profile: &Profile,
    habit: &Habit,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    let today = habit.today;
    if !contact.opened || setting.is_sanctioned(contact.peer) {
        return None;
    }
    let unknown = contact.flow.kind == FlowKind::Tcp
        && matches!(contact.flow.protocol, None | Some(Protocol::Tcp))
        && !contact.flow.midstream
        && contact.peer.host_name().is_none()
        && habit.is_new(setting.now)
        && today.out >= UNKNOWN
        && today.is_lopsided(UNKNOWN_TIMES);
    let (out_before, back_before) = habit.before;
    let turned = habit.days_before >= READ_DAYS
        && back_before > out_before.saturating_mul(2)
        && today.out >= WRITTEN
        && today.is_lopsided(WRITTEN_TIMES)
        && as_f64(today.out) >= 3.0 * profile.volumes.usual();
    let explanation = if unknown {
        format!(
            "{} in no known protocol to port {} of an address without a name, and {} back",
            size(as_f64(today.out)),
            contact.flow.responder.port,
            size(as_f64(today.back))
        )
    } else if turned {
        format!(
            "{} went out today, and {} came back, where on {} days before {} went out and {} came back",
            size(as_f64(today.out)),
            size(as_f64(today.back)),
            habit.days_before,
            size(as_f64(out_before)),
            size(as_f64(back_before))
        )
    } else {
        return None;
    };
    Some(Suspicion {
        since: Timestamp::from_nanos(today.since),
        baseline: turned.then(|| as_f64(out_before) / as_f64(u64::from(habit.days_before.max(1)))),
        ..Suspicion::of_bytes(AnomalyKind::Asymmetry, setting, today.out, explanation).to(contact.peer)
    })
}
