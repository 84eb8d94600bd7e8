//! Identity: who used which address when.
//!
//! Owns: the interval index over [`Sighting`](egret_model::Sighting)s, the address plan (`--users`), and the attribution drawn from both.
//! Never does: parsing of packets, I/O (the plan is parsed from text that the caller read), clocks: time is the evidence's.

#![forbid(unsafe_code)]

mod index;
mod plan;
mod weight;

pub use index::IdentityIndex;
pub use plan::{AddressPlan, PlanError};
