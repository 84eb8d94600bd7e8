//! The overload policy: what is given up, in which order, and when it is taken up again.
//!
//! Owns: the steps and the measures that lead from one to the next. Never does: measuring; shedding itself.
//!
//! 1. Nothing is given up ([`Load::Normal`]).
//! 2. Large containers are no longer unpacked ([`Load::Strained`]): they are hashed, read as they are, and over-limit.
//! 3. New flows are not followed ([`Load::Shedding`]): their packets and bytes are counted as shed. A flow that is being followed
//!    is followed on, and one that was shed is never picked up in its middle.
//!
//! A step up needs a backlog (packets are worked on late) or packets that the kernel had to drop, and the step below must have
//! been held for a while, to let it work. A step down needs a time without either.

use std::fmt;

/// What a worker can bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// Everything is inspected.
    #[default]
    Normal,
    /// Large containers are not unpacked.
    Strained,
    /// Nor are new flows followed.
    Shedding,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Strained => "strained",
            Self::Shedding => "shedding",
        })
    }
}

/// When the steps of the policy are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverloadPolicy {
    /// Backlog from which large containers are not unpacked any more, nanoseconds. Default 200 ms.
    pub strained_backlog_ns: i64,
    /// Backlog from which new flows are shed, nanoseconds. Default 500 ms.
    pub shedding_backlog_ns: i64,
    /// Time for which a step is held before the next one up, nanoseconds. Default 200 ms.
    pub hold_ns: i64,
    /// Time without overload after which one step is taken back, nanoseconds. Default 3 s.
    pub recovery_ns: i64,
}

impl Default for OverloadPolicy {
    fn default() -> Self {
        Self {
            strained_backlog_ns: 200_000_000,
            shedding_backlog_ns: 500_000_000,
            hold_ns: 200_000_000,
            recovery_ns: 3_000_000_000,
        }
    }
}

/// Follows the load of one worker.
#[derive(Debug)]
pub(crate) struct LoadWatch {
    policy: OverloadPolicy,
    load: Load,
    /// When the step was taken, and when there last was overload; monotonic nanoseconds.
    since: i64,
    troubled: i64,
    /// The smallest lag seen: what the clocks of capture and sensor are apart, which is no backlog.
    least_lag_ns: i64,
}

impl LoadWatch {
    pub(crate) const fn new(policy: OverloadPolicy) -> Self {
        Self { policy, load: Load::Normal, since: 0, troubled: 0, least_lag_ns: i64::MAX }
    }

    /// The load now. `now`: monotonic nanoseconds. `lag_ns`: how long ago the packet now worked on was captured, by the wall
    /// clock; None when nothing waits. `dropped`: packets that the kernel dropped since the last call.
    pub(crate) fn observe(&mut self, now: i64, lag_ns: Option<i64>, dropped: u64) -> Load {
        let backlog = match lag_ns {
            Some(lag) => {
                self.least_lag_ns = self.least_lag_ns.min(lag);
                lag.saturating_sub(self.least_lag_ns)
            }
            None => 0,
        };
        let threshold = match self.load {
            Load::Normal => self.policy.strained_backlog_ns,
            Load::Strained | Load::Shedding => self.policy.shedding_backlog_ns,
        };
        let overload = backlog > threshold || dropped > 0;
        // Half of the first threshold: a backlog that hovers there must not make the steps flutter.
        if overload || backlog > self.policy.strained_backlog_ns / 2 {
            self.troubled = now;
        }
        let held = now.saturating_sub(self.since);
        let next = match self.load {
            Load::Normal if overload => Load::Strained,
            Load::Strained if overload && held >= self.policy.hold_ns => Load::Shedding,
            Load::Shedding if self.recovered(now) => Load::Strained,
            Load::Strained if self.recovered(now) => Load::Normal,
            same => same,
        };
        if next != self.load {
            (self.load, self.since) = (next, now);
        }
        self.load
    }

    fn recovered(&self, now: i64) -> bool {
        now.saturating_sub(self.troubled.max(self.since)) >= self.policy.recovery_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn the_steps_are_taken_in_order_and_taken_back_in_order() {
        let mut watch = LoadWatch::new(OverloadPolicy::default());
        // Time in ms, lag in ms, dropped packets, the load expected.
        let course = [
            (1_000, Some(5), 0, Load::Normal),
            (1_010, Some(150), 0, Load::Normal),
            (1_020, Some(300), 0, Load::Strained),
            (1_030, Some(900), 0, Load::Strained),
            (1_230, Some(900), 0, Load::Shedding),
            (1_300, Some(150), 0, Load::Shedding),
            (4_299, Some(10), 0, Load::Shedding),
            (4_300, Some(10), 0, Load::Strained),
            (7_299, None, 0, Load::Strained),
            (7_300, None, 0, Load::Normal),
        ];
        for (now, lag, dropped, expected) in course {
            assert_eq!(watch.observe(now * MS, lag.map(|lag| lag * MS), dropped), expected, "at {now} ms");
        }
    }

    #[test]
    fn packets_dropped_by_the_kernel_are_overload_whatever_the_lag() {
        let mut watch = LoadWatch::new(OverloadPolicy::default());
        assert_eq!(watch.observe(0, Some(MS), 1), Load::Strained);
        assert_eq!(
            watch.observe(100 * MS, Some(MS), 1),
            Load::Strained,
            "the first step is given time to work"
        );
        assert_eq!(watch.observe(200 * MS, Some(MS), 1), Load::Shedding);
    }

    #[test]
    fn clocks_that_stand_apart_are_no_backlog() {
        let mut watch = LoadWatch::new(OverloadPolicy::default());
        let year = 365 * 86_400_000 * MS;
        for millisecond in 0..1000 {
            assert_eq!(watch.observe(millisecond * MS, Some(year + MS), 0), Load::Normal);
        }
        assert_eq!(watch.observe(1001 * MS, Some(year + 400 * MS), 0), Load::Strained);
    }
}
