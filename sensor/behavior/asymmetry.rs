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
    if !contact.opened {
        return None;
    }
    // A connection for commands, of which no content is known, says nothing of the content beside it: only what is itself unknown counts.
    let (out, back) = today.unknown;
    let unknown = contact.flow.kind == FlowKind::Tcp
        && matches!(contact.flow.protocol, None | Some(Protocol::Tcp))
        && contact.peer.host_name().is_none()
        && habit.is_new(setting.now)
        && out >= UNKNOWN
        && out >= back.saturating_mul(UNKNOWN_TIMES);
    let (out_before, back_before) = habit.before;
    let turned = habit.days_before >= READ_DAYS
        && back_before > out_before.saturating_mul(2)
        && today.out >= WRITTEN
        && today.is_lopsided(WRITTEN_TIMES)
        && as_f64(today.out) >= 3.0 * profile.volumes.usual();
    if !(unknown || turned) || setting.is_sanctioned(contact.peer) {
        return None;
    }
    let explanation = if unknown {
        format!(
            "{} in no known protocol to port {} of an address without a name, and {} back",
            size(as_f64(out)),
            contact.flow.responder.port,
            size(as_f64(back))
        )
    } else {
        format!(
            "{} went out today, and {} came back, where on {} days before {} went out and {} came back",
            size(as_f64(today.out)),
            size(as_f64(today.back)),
            habit.days_before,
            size(as_f64(out_before)),
            size(as_f64(back_before))
        )
    };
    Some(Suspicion {
        since: Timestamp::from_nanos(today.since),
        baseline: turned.then(|| as_f64(out_before) / as_f64(u64::from(habit.days_before.max(1)))),
        ..Suspicion::of_bytes(
            AnomalyKind::Asymmetry,
            setting,
            if unknown { out } else { today.out },
            explanation,
        )
        .to(contact.peer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suspicion::tests::flow;
    use crate::{Actor, Peer};
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Volume};

    /// Flows to one bare address, each with its protocol, bytes out, bytes of those that are missing, and bytes back.
    fn told(flows: &[(Option<Protocol>, u64, u64, u64)]) -> bool {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let now = Timestamp::from_seconds(1_000_000);
        let setting = Setting { limits: &limits, context: &context, now };
        let actor =
            Actor { user: None, host: None, ip: [10, 0, 0, 1].into(), confidence: None, person: None };
        let peer = Peer { ip: [192, 0, 2, 1].into(), name: None, internal: false };
        let mut profile = Profile::default();
        let mut told = false;
        for (protocol, bytes, missing, back) in flows {
            let mut flow = flow(now);
            flow.protocol = *protocol;
            flow.up = Volume { bytes: *bytes, missing: *missing, ..Volume::default() };
            flow.down = Volume { bytes: *back, ..Volume::default() };
            let contact = Contact { actor: &actor, peer: &peer, flow: &flow, opened: true };
            let habit = profile.note_contact(&contact, &contact.peer.habit(), setting);
            told |= reversed(&contact, &profile, &habit, setting).is_some();
        }
        told
    }

    #[test]
    fn only_content_that_is_itself_unknown_counts() {
        assert!(told(&[(None, 100_000, 0, 500)]));
        assert!(told(&[(Some(Protocol::Tcp), 40_000, 0, 100), (None, 40_000, 100, 100)]));
        // The commands of FTP beside its files; packets of which only the heads were captured.
        assert!(!told(&[(Some(Protocol::Ftp), 100_000, 0, 0), (None, 500, 0, 900)]));
        assert!(!told(&[(None, 100_000, 90_000, 200)]));
    }
}
