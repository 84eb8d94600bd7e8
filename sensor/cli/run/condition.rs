//! What is in force and what was refused: the part of health that the pipeline knows nothing of.
//!
//! Owns: the count of reloads and the faults of the files read last. Never does: reading them.

use super::loading::Loaded;
use egret_model::Timestamp;
use serde::Serialize;

/// Signatures and files, as they stand.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Condition {
    /// Signatures in force.
    pub(super) signatures: usize,
    /// When what is in force was put in force.
    pub(super) in_force_since: Timestamp,
    /// What is wrong with the files read last. After a reload, everything that was in force before it stays so.
    pub(super) faults: Vec<String>,
    /// Reloads that were put in force, and those that were refused for their faults.
    pub(super) reloads: u64,
    pub(super) refused_reloads: u64,
    /// Settings that were changed in the file and need a restart.
    pub(super) restart_needed_for: Vec<String>,
}

impl Condition {
    pub(super) fn new(loaded: &Loaded, now: Timestamp) -> Self {
        Self {
            signatures: loaded.signatures.signatures().len(),
            in_force_since: now,
            faults: loaded.faults.clone(),
            reloads: 0,
            refused_reloads: 0,
            restart_needed_for: Vec::new(),
        }
    }

    /// A reload was put in force.
    pub(super) fn renewed(&mut self, signatures: usize, restart_needed_for: Vec<String>, now: Timestamp) {
        self.signatures = signatures;
        self.in_force_since = now;
        self.faults.clear();
        self.reloads += 1;
        self.restart_needed_for = restart_needed_for;
    }

    /// A reload was refused.
    pub(super) fn refused(&mut self, faults: Vec<String>) {
        self.faults = faults;
        self.refused_reloads += 1;
    }
}
