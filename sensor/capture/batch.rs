//! A block of capture and the packets in it.
//!
//! Owns: the buffer, and where each packet lies in it. Never does: parsing.

use egret_model::{LinkType, Packet, PacketRef, Timestamp};

/// Packets that follow each other in the input, and the bytes they lie in. Meant to be filled again and again: clearing
/// it keeps its memory.
#[derive(Debug, Default)]
pub struct PacketBatch {
    /// Initialised memory; what lies beyond `used` is left over from earlier uses.
    buffer: Vec<u8>,
    used: usize,
    heads: Vec<PacketHead>,
    first_ordinal: u64,
}

/// A packet without its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketHead {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    /// Where its bytes begin in the buffer.
    pub(crate) start: usize,
    pub(crate) length: u32,
    pub(crate) original_length: u32,
    pub(crate) link: LinkType,
    pub(crate) capture: u16,
}

impl PacketBatch {
    /// The packets in order of input.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = Packet<'_>> {
        self.heads.iter().enumerate().map(|(index, head)| self.view(index, head))
    }

    /// The packet at `index`, counted from 0 within the batch.
    #[must_use]
    pub fn packet(&self, index: usize) -> Option<Packet<'_>> {
        self.heads.get(index).map(|head| self.view(index, head))
    }

    /// How many packets it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.heads.len()
    }

    /// True without packets.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The bytes that the packets lie in, record headers included.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.buffer.get(..self.used).unwrap_or_default()
    }

    /// Bytes of buffer in use, record headers included.
    #[must_use]
    pub const fn used_bytes(&self) -> usize {
        self.used
    }

    /// Forgets the packets and keeps the memory.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.used = 0;
        self.first_ordinal = 0;
    }

    pub(crate) const fn number_from(&mut self, first_ordinal: u64) {
        self.first_ordinal = first_ordinal;
    }

    /// The time of the latest packet.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        self.heads.iter().map(|head| head.at).max()
    }

    /// The first `bytes` bytes of the buffer, to be written; it grows to hold them.
    pub(crate) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        self.buffer.get_mut(..bytes).unwrap_or_default()
    }

    /// Declares the first `used` bytes written, and lends them with the list of packets to be found in them.
    pub(crate) fn written(&mut self, used: usize) -> (&[u8], &mut Vec<PacketHead>) {
        self.used = used.min(self.buffer.len());
        (self.buffer.get(..self.used).unwrap_or_default(), &mut self.heads)
    }

    /// Appends a copy of `block`, and lends it, where it lies in the buffer, and the list of packets to be found in it.
    #[cfg(target_os = "linux")]
    pub(crate) fn append(&mut self, block: &[u8]) -> (usize, &mut [u8], &mut Vec<PacketHead>) {
        let start = self.used;
        self.used += block.len();
        if self.buffer.len() < self.used {
            self.buffer.resize(self.used, 0);
        }
        let copy = self.buffer.get_mut(start..self.used).unwrap_or_default();
        copy.copy_from_slice(block);
        (start, copy, &mut self.heads)
    }

    /// Appends a copy of `packet`: for sources that have no block of memory to lend.
    pub fn push(&mut self, packet: &Packet<'_>) {
        let start = self.used;
        let end = start + packet.data.len();
        if self.buffer.len() < end {
            self.buffer.resize(end.max(self.buffer.len() * 2), 0);
        }
        if let Some(target) = self.buffer.get_mut(start..end) {
            target.copy_from_slice(packet.data);
        }
        self.used = end;
        self.heads.push(PacketHead {
            number: packet.reference.number,
            at: packet.at,
            start,
            length: u32::try_from(packet.data.len()).unwrap_or(u32::MAX),
            original_length: packet.original_length,
            link: packet.link,
            capture: packet.reference.capture,
        });
    }

    fn view(&self, index: usize, head: &PacketHead) -> Packet<'_> {
        let ordinal = self.first_ordinal.saturating_add(index as u64);
        let data = self.buffer.get(head.start..).and_then(|rest| rest.get(..head.length as usize));
        Packet {
            reference: PacketRef { ordinal, capture: head.capture, number: head.number },
            at: head.at,
            link: head.link,
            original_length: head.original_length,
            data: data.unwrap_or_default(),
        }
    }
}
