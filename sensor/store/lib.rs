//! The store: incidents and what belongs to them, kept in one file and found again.
//!
//! Owns: the database (SQLite, embedded), its migrations, what analysts do with incidents, retention, and the ledger: a hash chain
//! over everything that was ever written, from which a change made behind its back can be told. Never does: deciding what is an
//! incident; formats other than its own; clocks, threads.
//!
//! # What is acknowledged is kept
//!
//! Records come in batches ([`Fill`]); a batch is one transaction, and once [`Fill::commit`] has returned, neither a killed process nor
//! a power cut loses it (write-ahead log, synced at every commit). A batch that was cut off leaves no trace.
//!
//! # What is kept
//!
//! Incidents, findings, and the transfers that left or in which something was found, as the native records of DESIGN. Of all other
//! content that left, the sums by hour, sender, destination and protocol. Who was seen where, by evidence.

#![forbid(unsafe_code)]

mod activity;
mod digest;
mod error;
mod fill;
mod handle;
mod ledger;
mod manifest;
mod open;
mod query;
mod retention;
mod schema;
#[cfg(test)]
mod tests;
mod verify;

pub use activity::{ActivitySum, DeviceSeen, UserSummary, Whereabouts};
pub use digest::sha256_hex;
pub use error::StoreError;
pub use fill::Fill;
pub use handle::Change;
pub use manifest::{CaptureDigest, FileDigest, Manifest, Part, RunKind, SignatureDigest};
pub use open::Store;
pub use query::{IncidentFilter, Listed, Order, RunRow};
pub use retention::{Removed, Retention};
pub use verify::{Flaw, Verification};
