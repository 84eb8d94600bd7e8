//! How often something may be tried.
//!
//! Owns: the one clock of live capture. Never does: time stamps of packets, which are the kernel's.

use std::time::{Duration, Instant};

/// Lets something happen at once, then at most once an interval.
pub(crate) struct Pace {
    interval: Duration,
    last: Option<Instant>,
}

impl Pace {
    pub(crate) const fn every(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// True when it is time; counts as having been done then.
    #[expect(
        clippy::disallowed_methods,
        reason = "waiting for an interface is no work on packets, and has no packet to tell the time"
    )]
    pub(crate) fn due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.last.is_none_or(|last| now.duration_since(last) >= self.interval);
        if due {
            self.last = Some(now);
        }
        due
    }
}
