//! Deterministic ids: the same input gives the same id, on any machine, in any release.

use std::fmt::Write as _;

/// Builds the ids of records (`t-…`, `f-…`, `i-…`) from what identifies them. FNV-1a over 128 bits with the length
/// of each part folded in, so that ("ab","c") and ("a","bc") differ. Not for security: ids only name things.
///
/// ```
/// use egret_model::IdHasher;
/// let id = IdHasher::new().part(b"a.pcap").number(7).finish("t");
/// assert!(id.starts_with("t-") && id.len() == 2 + 20);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IdHasher(u128);

impl Default for IdHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl IdHasher {
    /// An empty id (FNV offset basis, draft-eastlake-fnv section 5).
    #[must_use]
    pub const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Adds bytes.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        for byte in bytes.iter().copied().chain((bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.part(&number.to_le_bytes())
    }

    /// The id: `prefix`, a hyphen and twenty hexadecimal digits.
    #[must_use]
    pub fn finish(self, prefix: &str) -> String {
        let mut id = String::with_capacity(prefix.len() + 21);
        // The high bits of a multiplicative hash are the well-mixed ones.
        let _ = write!(id, "{prefix}-{:020x}", self.0 >> 48);
        id
    }
}
