//! A memory of what was delivered, so that a later copy with other content is noticed.
//!
//! Owns: a fixed number of records (flow, side, sequence number, length, hash), each in the one place where its key may stand;
//! a new one replaces what stood there. Holds no payload. A copy is compared where it begins with a remembered segment, and
//! on through the remembered segments that follow; what begins elsewhere is not compared.

use egret_model::Side;
use std::hash::{BuildHasher, Hasher};

#[derive(Clone, Copy, Default)]
struct Record {
    owner: u32,
    sequence: u32,
    length: u16,
    /// 48 bits of hash.
    hash: [u16; 3],
}

pub(crate) struct Delivered {
    records: Vec<Record>,
    state: foldhash::fast::RandomState,
}

impl Delivered {
    pub(crate) fn new(segments: usize) -> Self {
        let count = segments.clamp(1, 1 << 24).next_power_of_two();
        Self { records: vec![Record::default(); count], state: foldhash::fast::RandomState::default() }
    }

    /// Remembers the bytes that `side` of the flow with this serial number (from 1) sent at `sequence`.
    #[inline]
    pub(crate) fn record(&mut self, serial: u32, side: Side, sequence: u32, data: &[u8]) {
        let Ok(length) = u16::try_from(data.len()) else { return };
        let hash = self.hash(data);
        let owner = owner(serial, side);
        let place = self.place(owner, sequence);
        if let Some(record) = self.records.get_mut(place) {
            *record = Record { owner, sequence, length, hash };
        }
    }

    /// True when `data` differs from what is remembered of the bytes delivered from `sequence` on.
    pub(crate) fn differs(&self, serial: u32, side: Side, mut sequence: u32, mut data: &[u8]) -> bool {
        let owner = owner(serial, side);
        while !data.is_empty() {
            let Some(record) = self.records.get(self.place(owner, sequence)) else { return false };
            let length = usize::from(record.length);
            if record.owner != owner || record.sequence != sequence || length == 0 {
                return false;
            }
            let Some((first, rest)) = data.split_at_checked(length) else { return false };
            if self.hash(first) != record.hash {
                return true;
            }
            sequence = sequence.wrapping_add(u32::from(record.length));
            data = rest;
        }
        false
    }

    #[inline]
    fn place(&self, owner: u32, sequence: u32) -> usize {
        let key = u64::from(owner) << 32 | u64::from(sequence);
        // Fibonacci hashing: the high bits are the mixed ones. Where a record stands decides what is forgotten, so it must
        // not depend on a random seed.
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.records.len() - 1)
    }

    #[inline]
    fn hash(&self, data: &[u8]) -> [u16; 3] {
        let mut hasher = self.state.build_hasher();
        hasher.write(data);
        let hash = hasher.finish();
        [hash as u16, (hash >> 16) as u16, (hash >> 32) as u16]
    }
}

const fn owner(serial: u32, side: Side) -> u32 {
    serial << 1 | side as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_content_is_noticed_also_when_segments_are_joined() {
        let mut memory = Delivered::new(64);
        memory.record(1, Side::Initiator, u32::MAX - 2, b"abcde");
        memory.record(1, Side::Initiator, 2, b"fgh");
        let differs = |serial, side, sequence, data: &[u8]| memory.differs(serial, side, sequence, data);
        assert!(!differs(1, Side::Initiator, u32::MAX - 2, b"abcde"));
        assert!(!differs(1, Side::Initiator, u32::MAX - 2, b"abcdefgh"));
        assert!(differs(1, Side::Initiator, u32::MAX - 2, b"abcdefgX"));
        assert!(differs(1, Side::Initiator, 2, b"fgX"));
        assert!(!differs(1, Side::Initiator, 3, b"XX"), "begins where none is remembered");
        assert!(!differs(1, Side::Responder, 2, b"fgX"), "the other side");
        assert!(!differs(2, Side::Initiator, 2, b"fgX"), "another flow");
        assert!(!differs(1, Side::Initiator, 2, b"fX"), "a part cannot be compared");
    }
}
