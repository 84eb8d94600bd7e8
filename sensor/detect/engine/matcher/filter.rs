//! Which keys are in a set: a filter that stays in cache and says "surely not" or "perhaps", and the exact table behind it.
//!
//! Owns: hashing and both tables. Never does: comparing text.

/// An odd number whose bits are spread evenly (2^64 divided by the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bits of the filter for each key, so that one foreign key in two hundred passes, or fewer.
const BITS_A_KEY: usize = 32;
/// Words of the filter: 4 KiB at least, 1 MiB at most, which fits the second-level cache of a server's core.
const WORDS: std::ops::RangeInclusive<usize> = 1 << 9..=1 << 17;

/// The high bits depend on the whole key; the low ones do not.
#[inline(always)]
pub(super) fn hash(key: u64) -> u64 {
    key.wrapping_mul(MULTIPLIER)
}

/// Two bits in one word for each key.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
    shift: u32,
}

/// The filter as an inner loop holds it, in registers.
#[derive(Clone, Copy)]
pub(super) struct Probe<'a> {
    words: &'a [u64],
    shift: u32,
}

impl Filter {
    pub(super) fn new(keys: &[u64]) -> Self {
        let wanted = (keys.len() * BITS_A_KEY / 64).next_power_of_two();
        let size = wanted.clamp(*WORDS.start(), *WORDS.end());
        let mut filter = Self { words: vec![0; size], shift: u64::BITS - size.trailing_zeros() };
        for key in keys {
            let hash = hash(*key);
            if let Some(word) = filter.words.get_mut((hash >> filter.shift) as usize) {
                *word |= bits(hash);
            }
        }
        filter
    }

    #[inline]
    pub(super) fn probe(&self) -> Probe<'_> {
        Probe { words: &self.words, shift: self.shift }
    }
}

impl Probe<'_> {
    /// 1 where `key` may be in the set, 0 where it is surely not.
    #[inline(always)]
    pub(super) fn passes(self, key: u64) -> usize {
        let hash = hash(key);
        let word = self.words.get((hash >> self.shift) as usize).copied().unwrap_or_default();
        usize::from(word & bits(hash) == bits(hash))
    }
}

/// The bits in their word, by bits of the hash that do not choose the word.
#[inline(always)]
fn bits(hash: u64) -> u64 {
    1 << (hash >> 40 & 63) | 1 << (hash >> 34 & 63)
}

/// A place in a literal at which a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) literal: u32,
    /// Bytes of the literal before the key.
    pub(super) offset: u32,
}

/// From a whole key to its places: open addressing, at most half full.
#[derive(Debug)]
pub(super) struct Table {
    /// 0 is free; no key is 0.
    keys: Vec<u64>,
    /// Where the places of a key begin, and their number.
    spans: Vec<(u32, u32)>,
    places: Vec<Place>,
    shift: u32,
}

impl Table {
    pub(super) fn new(mut pairs: Vec<(u64, Place)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut distinct: Vec<(u64, u32, u32)> = Vec::new();
        for (at, (key, _)) in (0_u32..).zip(&pairs) {
            match distinct.last_mut() {
                Some((last, _, count)) if last == key => *count += 1,
                _ => distinct.push((*key, at, 1)),
            }
        }
        let size = (distinct.len() * 2).next_power_of_two().max(2);
        let mut table = Self {
            keys: vec![0; size],
            spans: vec![(0, 0); size],
            places: pairs.into_iter().map(|(_, place)| place).collect(),
            shift: u64::BITS - size.trailing_zeros(),
        };
        for (key, first, count) in &distinct {
            let slot = table.slot(*key);
            if let (Some(known), Some(span)) = (table.keys.get_mut(slot), table.spans.get_mut(slot)) {
                *known = *key;
                *span = (*first, *count);
            }
        }
        table
    }

    /// Every key once.
    pub(super) fn keys(&self) -> Vec<u64> {
        self.keys.iter().copied().filter(|key| *key != 0).collect()
    }

    /// Where `key` is, or the free slot where it would be.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mut slot = (hash(key) >> self.shift) as usize;
        loop {
            match self.keys.get(slot) {
                Some(known) if *known != 0 && *known != key => slot = (slot + 1) & (self.keys.len() - 1),
                _ => return slot,
            }
        }
    }

    #[inline]
    pub(super) fn places(&self, key: u64) -> &[Place] {
        let slot = self.slot(key);
        let Some((first, count)) = self.spans.get(slot).copied() else { return &[] };
        self.places.get(first as usize..(first + count) as usize).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_few_others_pass() {
        for count in [0_u64, 1, 1_000, 40_000] {
            let key = |at: u64| at.wrapping_mul(0x5851_f42d_4c95_7f2d) | 1;
            let pairs = (0..count).map(|at| (key(at), Place { literal: at as u32, offset: 0 })).collect();
            let table = Table::new(pairs);
            let filter = Filter::new(&table.keys());
            assert_eq!(table.is_empty(), count == 0);
            for at in 0..count {
                assert_eq!(filter.probe().passes(key(at)), 1);
                assert_eq!(table.places(key(at)), [Place { literal: at as u32, offset: 0 }]);
            }
            let foreign = (count..count + 10_000).map(key);
            let passed: usize = foreign.map(|key| filter.probe().passes(key) + table.places(key).len()).sum();
            assert!(passed < 200, "{passed} of 10,000 with {count} keys");
        }
    }

    #[test]
    fn a_key_has_all_its_places() {
        let places = [Place { literal: 1, offset: 2 }, Place { literal: 7, offset: 0 }];
        let table = Table::new(vec![(5, places[1]), (5, places[0]), (5, places[0])]);
        assert_eq!(table.places(5), places);
        assert!(table.places(6).is_empty());
    }
}
