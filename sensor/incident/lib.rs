//! Incidents: findings of one sender to one destination become one story that an analyst can act on.
//!
//! Owns: correlation over time, severity, risk and the reasons given. Never does: matching, attribution, I/O, clocks: time is the
//! transfers'.

#![forbid(unsafe_code)]

mod correlate;
mod daily;
mod explain;
mod score;

pub use correlate::Correlator;
