//! How much one transfer may unpack to.
//!
//! Owns: the counts behind the limits on objects, bytes and ratio, and that of containers which are held. Never does: deciding what
//! happens at a limit.

use egret_model::{ContentLimits, ObjectId};
use std::collections::BTreeMap;

/// Unpacked bytes that are allowed whatever the ratio, bytes (1 MiB): small things may be packed well.
const RATIO_FROM: u64 = 1 << 20;

/// What one transfer has used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    objects: u32,
    /// Bytes of the transfer as carried.
    carried: u64,
    unpacked: u64,
    /// Containers that are held until they are whole.
    containers: u32,
    /// Paths that were given, and how often: one a object, so that the limit on objects bounds them.
    paths: BTreeMap<String, u32>,
}

impl Budget {
    pub(crate) const fn carry(&mut self, bytes: u64) {
        self.carried = self.carried.saturating_add(bytes);
    }

    /// Bytes of the transfer so far, as carried.
    pub(crate) const fn carried(&self) -> u64 {
        self.carried
    }

    /// A container begins to be held.
    pub(crate) const fn hold(&mut self) {
        self.containers = self.containers.saturating_add(1);
    }

    /// One is held no longer.
    pub(crate) const fn let_go(&mut self) {
        self.containers = self.containers.saturating_sub(1);
    }

    /// Whether any is held.
    pub(crate) const fn holds_container(&self) -> bool {
        self.containers > 0
    }

    pub(crate) const fn next_id(&mut self) -> ObjectId {
        let id = ObjectId(self.objects);
        self.objects += 1;
        id
    }

    /// `path`, with a number where another object has it: `a.txt`, `a.txt-2`.
    pub(crate) fn unique(&mut self, path: String) -> String {
        let times = self.paths.entry(path.clone()).or_insert(0);
        *times += 1;
        let mut number = *times;
        let mut unique = path.clone();
        while number > 1 {
            unique = format!("{path}-{number}");
            if !self.paths.contains_key(&unique) {
                self.paths.insert(path, number);
                self.paths.insert(unique.clone(), 1);
                break;
            }
            number += 1;
        }
        unique
    }

    /// Whether another object may begin.
    pub(crate) const fn may_begin(&self, limits: &ContentLimits) -> bool {
        (self.objects as usize) < limits.objects
    }

    /// Counts unpacked bytes; false where they are too many.
    pub(crate) const fn unpack(&mut self, bytes: u64, limits: &ContentLimits) -> bool {
        self.unpacked = self.unpacked.saturating_add(bytes);
        self.unpacked <= limits.transfer_bytes
            && (self.unpacked <= RATIO_FROM || self.unpacked <= self.carried.saturating_mul(limits.ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_objects_share_a_path() {
        let mut budget = Budget::default();
        let given: Vec<String> =
            ["a", "a-2", "a", "a", "a-2"].iter().map(|path| budget.unique((*path).to_owned())).collect();
        assert_eq!(given, ["a", "a-2", "a-3", "a-4", "a-2-2"]);
    }
}
