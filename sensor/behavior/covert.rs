//! Data in echo requests and in requests for the time.
//!
//! Owns: what pairs of hosts have exchanged so. Never does: reading it.
//!
//! A ping repeats its payload but for a time stamp in front, and a client of a time server asks once in a minute or less often and
//! repeats what it was told. What is new in every packet was put there.

use crate::recent::Recent;
use crate::suspicion::{Contact, Setting, Suspicion, as_f64};
use egret_model::{AnomalyKind, FlowKind, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// New payload bytes behind the time stamps, of at least this many and this share.
const FRESH_BYTES: u64 = 2_000;
const FRESH_SHARE: f64 = 0.25;
/// Requests to one time server in an hour: clients poll every 16 seconds at the most (RFC 5905 section 7.2), in a burst of eight at
/// the start.
const REQUESTS_AN_HOUR: u64 = 300;
/// Requests that go on without answers: what gives up is no channel.
const UNANSWERED: u64 = 100;
/// Requests with times that nobody told.
const IMPLAUSIBLE: u64 = 8;
const TIME_PORT: u16 = 123;
const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

/// Exchanges by actor and peer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Covert {
    pairs: Recent<(String, String), Exchange>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Exchange {
    since: i64,
    bytes: u64,
    fresh: u64,
    requests: u64,
    answers: u64,
    implausible: u64,
}

impl Covert {
    pub(crate) fn flow(&mut self, contact: &Contact<'_>, setting: Setting<'_>) -> Option<Suspicion> {
        let flow = contact.flow;
        let time = flow.kind == FlowKind::Udp && flow.responder.port == TIME_PORT;
        if flow.kind != FlowKind::Icmp && !time {
            return None;
        }
        let now = flow.last_at.nanos();
        let key =
            (contact.actor.key(), format!("{} {}", if time { "ntp" } else { "icmp" }, contact.peer.label()));
        let pair = self.pairs.entry(&key, now, setting.limits.pairs, || Exchange {
            since: flow.opened_at.nanos(),
            ..Exchange::default()
        });
        if now - pair.since > DAY_NS {
            *pair = Exchange { since: flow.opened_at.nanos(), ..Exchange::default() };
        }
        let (out, back) = (contact.out(), contact.back());
        pair.bytes += out.bytes;
        pair.fresh += out.fresh;
        pair.requests += out.pieces;
        pair.answers += back.pieces;
        pair.implausible += out.implausible;
        let suspicion = if time { pair.time(now, setting) } else { pair.echo(setting) };
        suspicion.map(|suspicion| Suspicion {
            since: Timestamp::from_nanos(pair.since),
            ..suspicion.to(contact.peer)
        })
    }
}

impl Exchange {
    fn echo(&self, setting: Setting<'_>) -> Option<Suspicion> {
        let share = as_f64(self.fresh) / as_f64(self.bytes.max(1));
        if self.fresh < FRESH_BYTES || share < FRESH_SHARE {
            return None;
        }
        let explanation = format!(
            "{} echo requests, {} bytes of whose payload were new each time, where tools repeat theirs: data is carried in pings",
            self.requests, self.fresh
        );
        let severity = if self.fresh >= 10 * FRESH_BYTES { Severity::High } else { Severity::Medium };
        Some(Suspicion {
            severity,
            ..Suspicion::of_bytes(AnomalyKind::IcmpCovert, setting, self.fresh, explanation)
                .with_baseline(0.0)
                .scored(0.7 + 0.3 * share)
        })
    }

    fn time(&self, now: i64, setting: Setting<'_>) -> Option<Suspicion> {
        let hours = as_f64((now - self.since).max(HOUR_NS).unsigned_abs()) / as_f64(HOUR_NS.unsigned_abs());
        let rate = as_f64(self.requests) / hours;
        let unanswered = self.requests >= UNANSWERED && self.answers * 10 < self.requests;
        let frequent = rate >= as_f64(REQUESTS_AN_HOUR);
        if !(frequent || (unanswered && rate >= 100.0) || self.implausible >= IMPLAUSIBLE) {
            return None;
        }
        let explanation = format!(
            "{} requests for the time, {rate:.0} an hour, {} of them answered, {} with times that no server told: data is carried in time stamps",
            self.requests, self.answers, self.implausible
        );
        Some(
            Suspicion {
                observed: rate,
                unit: "requests an hour",
                ..Suspicion::of_bytes(AnomalyKind::NtpCovert, setting, self.bytes, explanation)
            }
            .with_baseline(60.0)
            .scored(if unanswered || self.implausible >= IMPLAUSIBLE { 0.8 } else { 0.5 }),
        )
    }
}
