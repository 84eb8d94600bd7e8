//! The service manager (sd_notify(3)): ready, reloading, stopping, alive.
//!
//! Owns: what it is told. Never does: anything where there is none. A message that does not arrive changes nothing here.

use egret_model::Vitals;
use sd_notify::NotifyState;
use std::time::Duration;

/// Between signs of life where nobody waits for them.
const BEAT: Duration = Duration::from_secs(10);

/// Between signs of life: half of what the service manager allows.
pub(super) fn beat() -> Duration {
    sd_notify::watchdog_enabled().map_or(BEAT, |allowed| allowed / 2).max(Duration::from_millis(100))
}

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn reloading() {
    if let Ok(at) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, at]);
    }
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Every thread is at work.
pub(super) fn alive(vitals: &Vitals) {
    let account = vitals.packet_account;
    let status = format!(
        "{} packets, {} dropped, {} shed; {} transfers, {} incidents; load {}",
        account.received,
        account.dropped_by_kernel,
        account.shed.total(),
        vitals.summary.transfers,
        vitals.summary.incidents,
        vitals.load
    );
    tell(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
