//! A table from keyed hashes to numbers, with a filter in front, read in place from three sections of bytes.
//!
//! Owns: its form and its look-ups. Never does: hashing of values; files.
//!
//! Entries of ten bytes (48 bits of hash, then a number) stand in order of their hashes; a directory says where those begin
//! whose first bits are the same. A blocked Bloom filter lets through about one in fifty hashes that are not there. Together
//! eleven and a half bytes an entry.

use crate::{
    IndexError,
    container::{u32_at, u64_at},
};

/// Bytes of one entry.
const ENTRY: usize = 10;
/// Bits of a hash that entries keep.
const KEPT: u32 = 48;
/// Entries for which the directory has one place.
const SHARE: usize = 16;
/// Bits of the filter for each entry.
const FILTER_BITS: usize = 10;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Keyed hash of a value; its upper 48 bits are kept.
    pub(crate) hash: u64,
    /// What it leads to.
    pub(crate) number: u32,
}

/// A table of entries with distinct hashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    entries: Vec<u8>,
    directory: Vec<u8>,
    filter: Vec<u8>,
    /// Bits of a hash that name a place in the directory.
    bits: u32,
}

impl Table {
    /// A table of these entries, in any order.
    pub(crate) fn build(mut given: Vec<Entry>) -> Result<Self, IndexError> {
        if given.len() > u32::MAX as usize / 2 {
            return Err(IndexError::TooLarge("more than two thousand million hashes; split the set"));
        }
        given.sort_unstable();
        let bits = bits_for(given.len());
        let mut entries = Vec::with_capacity(given.len() * ENTRY);
        let mut directory = Vec::with_capacity(((1 << bits) + 1) * 4);
        let mut filter = vec![0_u64; filter_words(given.len())];
        let mut next = 0;
        for place in 0..=1_u64 << bits {
            while given.get(next).is_some_and(|entry| directory_place(entry.hash, bits) < place) {
                next += 1;
            }
            directory.extend_from_slice(&u32::try_from(next).unwrap_or(u32::MAX).to_le_bytes());
        }
        for Entry { hash, number } in given {
            let hash = hash & !0xffff;
            entries.extend(hash.to_le_bytes().into_iter().skip(2));
            entries.extend_from_slice(&number.to_le_bytes());
            let (word, mask) = filter_place(hash, filter.len());
            if let Some(word) = filter.get_mut(word) {
                *word |= mask;
            }
        }
        let filter = filter.iter().flat_map(|word| word.to_le_bytes()).collect();
        Ok(Self { entries, directory, filter, bits })
    }

    /// A table from its sections.
    pub(crate) fn open(entries: Vec<u8>, directory: Vec<u8>, filter: Vec<u8>) -> Result<Self, IndexError> {
        let count = entries.len() / ENTRY;
        let bits = bits_for(count);
        let fits = entries.len() == count * ENTRY
            && directory.len() == ((1 << bits) + 1) * 4
            && filter.len() == filter_words(count) * 8;
        if !fits {
            return Err(IndexError::Damaged("the sizes of its parts"));
        }
        Ok(Self { entries, directory, filter, bits })
    }

    /// Its sections, as [`Table::open`] takes them.
    pub(crate) fn sections(&self) -> [&[u8]; 3] {
        [&self.entries, &self.directory, &self.filter]
    }

    /// Number of entries.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() / ENTRY
    }

    /// False for most hashes that are not in the table.
    #[inline]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let (word, mask) = filter_place(hash & !0xffff, self.filter.len() / 8);
        u64_at(&self.filter, word).is_some_and(|word| word & mask == mask)
    }

    /// The number under a hash.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        if !self.may_hold(hash) {
            return None;
        }
        let place = usize::try_from(directory_place(hash, self.bits)).ok()?;
        let from = u32_at(&self.directory, place)? as usize;
        let to = u32_at(&self.directory, place + 1)? as usize;
        let kept = hash >> (64 - KEPT);
        let entries = self.entries.get(from * ENTRY..to * ENTRY)?.chunks_exact(ENTRY);
        entries.map(split).find(|(known, _)| *known == kept).map(|(_, number)| number)
    }

    /// Every entry, in order of hashes, with the bits that are not kept as zeros.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let entry = |(kept, number): (u64, u32)| Entry { hash: kept << (64 - KEPT), number };
        self.entries.chunks_exact(ENTRY).map(move |bytes| entry(split(bytes)))
    }
}

fn split(entry: &[u8]) -> (u64, u32) {
    let mut hash = [0; 8];
    let mut number = [0; 4];
    for (slot, byte) in hash.iter_mut().zip(entry.iter().take(6)) {
        *slot = *byte;
    }
    for (slot, byte) in number.iter_mut().zip(entry.iter().skip(6)) {
        *slot = *byte;
    }
    (u64::from_le_bytes(hash), u32::from_le_bytes(number))
}

/// Bits of the directory for so many entries.
fn bits_for(count: usize) -> u32 {
    (count / SHARE).max(1).next_power_of_two().trailing_zeros().min(30)
}

fn directory_place(hash: u64, bits: u32) -> u64 {
    if bits == 0 { 0 } else { hash >> (64 - bits) }
}

fn filter_words(count: usize) -> usize {
    (count * FILTER_BITS).div_ceil(64).max(1)
}

/// The word of the filter and the bits in it that stand for a hash. The hash is keyed already; it is only spread again, so
/// that the filter does not share bits with the directory.
fn filter_place(hash: u64, words: usize) -> (usize, u64) {
    let spread = (hash | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let spread = spread ^ spread >> 29;
    let word = ((spread >> 32) * words as u64) >> 32;
    let mask =
        1 << (spread & 63) | 1 << (spread >> 6 & 63) | 1 << (spread >> 12 & 63) | 1 << (spread >> 18 & 63);
    (usize::try_from(word).unwrap_or(0), mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn hashes(count: u64, from: u64) -> Vec<u64> {
        let hasher = Key::from_bytes([3; 32]).hasher(b"test");
        (from..from + count).map(|value| hasher.pair(value, 0)).collect()
    }

    #[test]
    fn what_is_in_it_is_found_and_nothing_else() {
        for count in [0, 1, 15, 16, 17, 1_000, 40_000] {
            let known = hashes(count, 0);
            let given = (0..).zip(&known).map(|(number, hash)| Entry { hash: *hash, number }).collect();
            let table = Table::build(given).expect("small");
            let [entries, directory, filter] = table.sections().map(<[u8]>::to_vec);
            let table = Table::open(entries, directory, filter).expect("its own sections");
            assert_eq!(table.len() as u64, count);
            for (number, hash) in (0..).zip(&known) {
                assert_eq!(table.find(*hash), Some(number));
            }
            let others = hashes(20_000, 1_000_000);
            assert!(others.iter().all(|hash| table.find(*hash).is_none()));
            let passed = others.iter().filter(|hash| table.may_hold(**hash)).count();
            assert!(count < 1_000 || passed < 1_000, "{passed} of 20,000 pass the filter");
        }
    }

    #[test]
    fn it_takes_less_than_twelve_bytes_an_entry() {
        let given = (0..).zip(hashes(100_000, 0)).map(|(number, hash)| Entry { hash, number }).collect();
        let table = Table::build(given).expect("small");
        let bytes: usize = table.sections().iter().map(|section| section.len()).sum();
        assert!(bytes < 12 * 100_000, "{bytes}");
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert!(Table::open(vec![0; 10], vec![0; 4], vec![0; 8]).is_err());
        assert!(Table::open(vec![0; 11], vec![0; 8], vec![0; 8]).is_err());
        // Fitting nonsense finds nothing, or anything, but never fails.
        let table = Table::open(vec![0xff; 20], vec![0xff; 8], vec![0xff; 8]).expect("sizes fit");
        assert_eq!(table.find(u64::MAX), None);
    }
}
