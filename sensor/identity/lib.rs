//! Identity: who used which address when.
//!
//! Owns: the index over [`Sighting`](egret_model::Sighting)s, what the operator's files tell (the address plan, the directory, logs),
//! and the attribution drawn from all of them. Never does: parsing of packets, I/O (files are parsed from text that the caller read),
//! clocks: time is the evidence's.

#![forbid(unsafe_code)]

mod account;
mod decide;
mod devices;
mod directory;
mod index;
mod log;
mod names;
mod people;
mod place;
mod plan;
mod station;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timeline;
mod weight;

pub use directory::{Directory, FileFault};
pub use index::{IdentityIndex, Question};
pub use log::IdentityLog;
pub use people::People;
pub use plan::{AddressPlan, PlanError};
