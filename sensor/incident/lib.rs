//! Incidents: findings and anomalies of one sender to one destination become one story that an analyst can act on.
//!
//! Owns: correlation over time, severity, risk, the fitting kind of insider, policy and the reasons given. Never does: matching, attribution, I/O, clocks: time is the
//! transfers'.

#![forbid(unsafe_code)]

mod activity;
mod conclude;
mod correlate;
mod daily;
mod explain;
mod leaver;
mod open;
mod profile;
mod score;
mod user_risk;

pub use correlate::{Correlator, Unknown};
