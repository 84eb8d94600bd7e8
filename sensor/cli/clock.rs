//! The clocks of the program's edge.
//!
//! Owns: the time of day, and a stopwatch for what is measured for people. Never does: giving time to a stage, which takes it from
//! packets.

use egret_model::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge tells records, files and exceptions that end by the clock"
)]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Starts a stopwatch.
#[expect(clippy::disallowed_methods, reason = "a measurement for people, on which no record depends")]
pub(crate) fn stopwatch() -> Instant {
    Instant::now()
}
