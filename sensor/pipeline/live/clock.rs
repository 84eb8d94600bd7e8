//! The clocks of a live run: the one module of the pipeline that reads any.
//!
//! Owns: wall time, monotonic time, and the event clock, which carries packet time on while no packet comes.
//! Never does: waiting.

use egret_model::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The wall clock, which also stamps the packets of live interfaces.
#[expect(
    clippy::disallowed_methods,
    reason = "a live run is an edge: its lag and its latency are told by the clock"
)]
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Monotonic(Instant);

impl Monotonic {
    #[expect(
        clippy::disallowed_methods,
        reason = "a live run is an edge: time passes for it without packets too"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Nanoseconds since the start.
    pub(super) fn nanos(self) -> i64 {
        i64::try_from(self.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Packet time, carried on: the latest packet's time plus what has passed since it was handled. Right whatever the wall clock
/// says, for packets of any time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EventClock {
    heard: Option<Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    /// Packet time, nanoseconds.
    event: u64,
    /// Monotonic nanoseconds when it was heard.
    at: i64,
}

impl EventClock {
    /// A packet of time `event` was handled at the monotonic time `now`.
    pub(super) fn hear(&mut self, event: u64, now: i64) {
        if self.now(now).is_none_or(|current| event >= current) {
            self.heard = Some(Heard { event, at: now });
        }
    }

    /// Packet time at the monotonic time `now`; None before the first packet.
    pub(super) fn now(&self, now: i64) -> Option<u64> {
        let Heard { event, at } = self.heard?;
        Some(event.saturating_add(now.saturating_sub(at).max(0).cast_unsigned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_time_goes_on_without_packets_and_never_back() {
        let mut clock = EventClock::default();
        assert_eq!(clock.now(5), None);
        clock.hear(1_000, 10);
        assert_eq!(clock.now(10), Some(1_000));
        assert_eq!(clock.now(60), Some(1_050));
        clock.hear(1_020, 60);
        assert_eq!(clock.now(60), Some(1_050), "a packet that was delayed does not set it back");
        clock.hear(2_000, 70);
        assert_eq!(clock.now(71), Some(2_001));
    }
}
