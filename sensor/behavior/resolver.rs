//! Data carried out in encrypted questions for names: DNS over HTTPS, TLS or QUIC (RFC 8484, RFC 7858, RFC 9250).
//!
//! Owns: the thresholds. Never does: minding that somebody asks in secret, which browsers do by themselves.
//!
//! Nobody sees the questions, so all there is are volumes. A question of a client that has nothing to hide is short, and padded to 128
//! bytes; its answer is padded to 468 (RFC 8467 section 4.1), so that three times as much comes back as goes out. Questions that carry data are
//! as long as they may be, and their answers hardly longer. A few kilobytes, which a tunnel needs to begin, nobody can tell apart.

use crate::profile::Habit;
use crate::suspicion::{Contact, Peer, Setting, Suspicion, as_f64, size};
use egret_context::DestinationKind;
use egret_model::{AnomalyKind, Severity, Timestamp};

/// The port of DNS over TLS and QUIC.
const PORT: u16 = 853;
/// Least that goes out, bytes a day: some five hundred padded questions, heads included; a browser at work stays below the shares.
const LEAST: u64 = 100_000;
/// What goes out, as a part of what comes back, from which on questions are as long as answers. Heads of requests add to both.
const SHARE: f64 = 0.8;

/// One that the context lists, or, where it knows nothing of it, whoever listens on the port for it. What the organisation sanctions is none.
pub(crate) fn is_resolver(peer: &Peer, port: u16, setting: Setting<'_>) -> bool {
    match setting.destination(peer).map(|known| known.kind) {
        Some(kind) => kind == DestinationKind::Resolver,
        None => port == PORT,
    }
}

pub(crate) fn carried(contact: &Contact<'_>, habit: &Habit, setting: Setting<'_>) -> Option<Suspicion> {
    let (out, back) = (habit.today.unreadable, habit.today.back);
    if !contact.opened || out < LEAST || as_f64(out) < SHARE * as_f64(back) {
        return None;
    }
    if !is_resolver(contact.peer, contact.flow.responder.port, setting) {
        return None;
    }
    let explanation = format!(
        "{} went to a resolver in encrypted questions and {} came back: questions for names are short and their answers longer, so \
         that these carry something else",
        size(as_f64(out)),
        size(as_f64(back))
    );
    Some(Suspicion {
        severity: Severity::Medium,
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::ResolverChannel, setting, out, explanation)
            .to(contact.peer)
            .with_baseline(as_f64(back) / 3.0)
            .scored(0.5 + 0.1 * (as_f64(out) / (SHARE * as_f64(back.max(1)))).log2().min(3.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;
    use crate::profile::Traffic;
    use crate::suspicion::tests::flow;
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Protocol};

    fn told(name: Option<&str>, ip: [u8; 4], port: u16, out: u64, back: u64) -> bool {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let now = Timestamp::from_seconds(1_000_000);
        let setting = Setting { limits: &limits, context: &context, now };
        let actor =
            Actor { user: None, host: None, ip: [10, 0, 0, 1].into(), confidence: None, person: None };
        let peer = Peer { ip: ip.into(), name: name.map(str::to_owned), internal: false };
        let mut flow = flow(now);
        (flow.responder.port, flow.protocol) = (port, Some(Protocol::Tls));
        let today = Traffic { out, back, unreadable: out, ..Traffic::default() };
        let mut habit = Habit::default();
        habit.today = today;
        carried(&Contact { actor: &actor, peer: &peer, flow: &flow, opened: true }, &habit, setting).is_some()
    }

    #[test]
    fn long_questions_to_resolvers_are_told_and_usual_ones_are_not() {
        assert!(told(Some("mozilla.cloudflare-dns.com"), [104, 16, 248, 249], 443, 400_000, 300_000));
        assert!(told(None, [1, 1, 1, 1], 443, 400_000, 300_000));
        assert!(told(Some("dot.nowhere.example"), [198, 51, 100, 7], 853, 400_000, 300_000));
        // As a browser asks all day; a tunnel that has just begun; a service that is no resolver.
        assert!(!told(Some("dns.google"), [8, 8, 8, 8], 443, 400_000, 1_200_000));
        assert!(!told(None, [1, 1, 1, 1], 443, 2_600, 3_000));
        assert!(!told(Some("upload.example"), [198, 51, 100, 7], 443, 400_000, 300_000));
    }
}
