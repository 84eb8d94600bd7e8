//! How much one transfer may unpack to.
//!
//! Owns: the counts behind the limits on objects, bytes and ratio. Never does: deciding what happens at a limit.

use egret_model::{ContentLimits, ObjectId};

/// Unpacked bytes that are allowed whatever the ratio, bytes (1 MiB): small things may be packed well.
const RATIO_FROM: u64 = 1 << 20;

/// What one transfer has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    objects: u32,
    /// Bytes of the transfer as carried.
    carried: u64,
    unpacked: u64,
}

impl Budget {
    pub(crate) const fn carry(&mut self, bytes: u64) {
        self.carried = self.carried.saturating_add(bytes);
    }

    /// Bytes of the transfer so far, as carried.
    pub(crate) const fn carried(&self) -> u64 {
        self.carried
    }

    pub(crate) const fn next_id(&mut self) -> ObjectId {
        let id = ObjectId(self.objects);
        self.objects += 1;
        id
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
