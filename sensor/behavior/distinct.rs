//! How many different things there were: exactly for a few, by a sketch for more.
//!
//! Owns: the sketch. Never does: remembering the things themselves.
//!
//! A few are remembered by their hashes. Beyond that a kilobyte is enough for any number: the registers of HyperLogLog (Flajolet and others
//! 2007), and the estimate of Ting 2014 ("Streamed approximate counting of distinct elements"), which adds for every register that changes the
//! inverse of the chance of it: unbiased, within 2.6 % as a rule, and what each new thing adds is known at once. Whoever comes again never
//! counts again.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Registers: a power of two.
const REGISTERS: usize = 1_024;
/// Bits of a hash that choose the register.
const CHOICE_BITS: u32 = REGISTERS.trailing_zeros();

/// A count of different things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distinct {
    /// While there are few.
    exact: BTreeSet<u64>,
    /// Once there are many: for each register the most zeros that a hash began with, plus one. Empty before.
    registers: Vec<u8>,
    /// How many there were, once they are not counted exactly.
    estimate: f64,
}

impl Distinct {
    /// Adds something by its hash; beyond `exact_most` different ones, counts are estimates. Returns how much more there are: 1 for
    /// something new, 0 for something known; of a sketch, mostly 0 and now and then as much more, so that the sum is right.
    pub(crate) fn insert(&mut self, hash: u64, exact_most: usize) -> f64 {
        if self.registers.is_empty() {
            if self.exact.contains(&hash) {
                return 0.0;
            }
            if self.exact.len() < exact_most {
                self.exact.insert(hash);
                return 1.0;
            }
            self.become_sketch();
        }
        // Mostly nothing changes, and then the chance of it need not be known.
        if !self.would_raise(hash) {
            return 0.0;
        }
        let chance = self.chance();
        self.raise(hash);
        self.estimate += 1.0 / chance;
        1.0 / chance
    }

    /// How many different things there were.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and far below 2^53"
    )]
    pub(crate) fn count(&self) -> u64 {
        if self.registers.is_empty() { self.exact.len() as u64 } else { self.estimate.round() as u64 }
    }

    fn become_sketch(&mut self) {
        self.registers = vec![0; REGISTERS];
        let exact = std::mem::take(&mut self.exact);
        self.estimate = crate::suspicion::as_f64(exact.len() as u64);
        for hash in exact {
            self.raise(hash);
        }
    }

    /// The chance that something new changes a register.
    fn chance(&self) -> f64 {
        let sum: f64 = self.registers.iter().map(|most| 0.5_f64.powi(i32::from(*most))).sum();
        sum / crate::suspicion::as_f64(self.registers.len() as u64)
    }

    /// True where a hash changes its register.
    fn would_raise(&self, hash: u64) -> bool {
        let (place, zeros) = register(hash);
        self.registers.get(place).is_some_and(|most| *most < zeros)
    }

    /// Notes a hash.
    fn raise(&mut self, hash: u64) {
        let (place, zeros) = register(hash);
        if let Some(most) = self.registers.get_mut(place) {
            *most = zeros.max(*most);
        }
    }
}

/// The register of a hash, and what it says there.
fn register(hash: u64) -> (usize, u8) {
    let mixed = mixed(hash);
    let place = usize::try_from(mixed >> (64 - CHOICE_BITS)).unwrap_or_default();
    let zeros = ((mixed << CHOICE_BITS) | (1 << (CHOICE_BITS - 1))).leading_zeros() + 1;
    (place, u8::try_from(zeros).unwrap_or(u8::MAX))
}

/// Spreads the bits of a hash (the finaliser of SplitMix64).
const fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::hash;

    #[test]
    fn few_are_counted_exactly_and_many_within_a_few_per_cent() {
        for many in [0_u64, 1, 100, 128, 129, 1_000, 20_000, 300_000] {
            let mut distinct = Distinct::default();
            let mut sum = 0.0;
            for _ in 0..2 {
                for number in 0..many {
                    sum += distinct.insert(hash(&format!("name {number}")), 128);
                }
            }
            let counted = distinct.count();
            let off = (counted as f64 - many as f64).abs();
            assert!(if many <= 128 { off == 0.0 } else { off < 0.08 * many as f64 }, "{many}: {counted}");
            assert!((sum - counted as f64).abs() < 1.0, "{sum} {counted}");
        }
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut one = Distinct::default();
        let mut other = Distinct::default();
        for number in 0..2_000_u64 {
            one.insert(hash(&number.to_string()), 64);
            other.insert(hash(&number.to_string()), 64);
            if number % 500 == 3 {
                other = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
            }
        }
        assert_eq!(one, other);
        assert!(serde_json::to_string(&one).unwrap().len() < 4_096, "as small as it is said to be");
    }
}
