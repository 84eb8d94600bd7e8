//! A protocol on a port that is another's.
//!
//! Owns: which ports are whose. Never does: minding ports that are nobody's.

use crate::profile::Habit;
use crate::suspicion::{Contact, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, FlowKind, Protocol, Severity, Timestamp};

/// Least upload, bytes a day.
const LEAST: u64 = 100_000;

/// What ports that every firewall lets through are for.
const fn owner(port: u16) -> Option<&'static [Protocol]> {
    match port {
        53 => Some(&[Protocol::Dns, Protocol::Tls, Protocol::Quic]),
        80 => Some(&[Protocol::Http, Protocol::Http2, Protocol::Websocket, Protocol::Tls]),
        443 => Some(&[
            Protocol::Tls,
            Protocol::Quic,
            Protocol::Http,
            Protocol::Http2,
            Protocol::Http3,
            Protocol::Websocket,
        ]),
        25 | 465 | 587 => Some(&[Protocol::Smtp, Protocol::Tls]),
        123 => Some(&[Protocol::Udp]),
        _ => None,
    }
}

pub(crate) fn odd(contact: &Contact<'_>, habit: &Habit, setting: Setting<'_>) -> Option<Suspicion> {
    let flow = contact.flow;
    let port = flow.responder.port;
    let protocol = flow.protocol.unwrap_or(Protocol::Tcp);
    let owners = owner(port)?;
    // Behind a lost start anything looks like plain bytes; UDP to 443 may be a QUIC session that began before.
    if flow.midstream
        || (flow.kind == FlowKind::Udp && protocol == Protocol::Udp)
        || owners.contains(&protocol)
    {
        return None;
    }
    if !contact.opened
        || habit.today.out < LEAST
        || !habit.is_new(setting.now)
        || setting.is_sanctioned(contact.peer)
    {
        return None;
    }
    let what = if protocol == Protocol::Tcp { "no known protocol".to_owned() } else { protocol.to_string() };
    let explanation = format!(
        "{} to port {port} in {what}, which is not what that port is for: it passes firewalls",
        size(as_f64(habit.today.out))
    );
    Some(Suspicion {
        severity: Severity::Medium,
        since: Timestamp::from_nanos(habit.today.since),
        ..Suspicion::of_bytes(AnomalyKind::OddPort, setting, habit.today.out, explanation)
            .to(contact.peer)
            .scored(0.5)
    })
}
