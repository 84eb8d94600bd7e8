//! A block of the ring: packets as the kernel wrote them (TPACKET_V3, linux/if_packet.h).
//!
//! Owns: where the packets lie, when they came, and putting back what the kernel took out: the VLAN tag that it strips from every
//! frame, and the link header of interfaces that have none of their own. Never does: touching the ring; it works on a copy.

use super::sys::BLOCK_HEADER;
use crate::batch::PacketHead;
use egret_model::{Cursor, LinkType, Timestamp};

/// Where the number of packets, and the offset of the first, stand in a block.
const COUNT: usize = 12;
/// Header of a packet, with the address of its sender behind it.
const HEADER: usize = 48 + ADDRESS;
/// `struct sockaddr_ll`.
const ADDRESS: usize = 20;
/// Bytes of an Ethernet frame before its type.
const MAC_ADDRESSES: usize = 12;
const TAG: usize = 4;
/// Header of a Linux cooked capture, version 1.
const COOKED: usize = 16;
const VLAN_IS_VALID: u32 = 1 << 4;
const VLAN_TYPE_IS_VALID: u32 = 1 << 6;
const CUSTOMER_VLAN: u16 = 0x8100;
/// Hardware types whose frames begin with an Ethernet header: Ethernet and loopback.
const ETHERNET_HARDWARE: [u16; 2] = [1, 772];

/// What is given to each packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    /// Index of the interface.
    pub(crate) capture: u16,
    /// Number of the packet before.
    pub(crate) last: u64,
}

/// Appends the packets of `block`, a copy of a block, to `heads`; `base` is where it lies in the batch's buffer. Gives how many
/// packets the block says to hold; `numbering` moves on by those that could be read.
pub(crate) fn read(
    block: &mut [u8],
    base: usize,
    numbering: &mut Numbering,
    heads: &mut Vec<PacketHead>,
) -> u64 {
    let mut cursor = Cursor::new(block);
    let (Ok(_), Ok(count), Ok(first)) = (cursor.take(COUNT), cursor.array(), cursor.array()) else {
        return 0;
    };
    let (count, mut position) = (u32::from_ne_bytes(count), u32::from_ne_bytes(first) as usize);
    for _ in 0..count {
        let Some(frame) = block.get(position..).and_then(Frame::read) else { break };
        let Some((start, length, link)) = frame.restore(block, position) else { break };
        numbering.last += 1;
        heads.push(PacketHead {
            number: numbering.last,
            at: frame.at,
            start: base + start,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            original_length: frame
                .original_length
                .saturating_add(u32::try_from(length.saturating_sub(frame.captured)).unwrap_or(0)),
            link,
            capture: numbering.capture,
        });
        // A step back would give packets again and again.
        if frame.next < HEADER {
            break;
        }
        let Some(next) = position.checked_add(frame.next) else { break };
        position = next;
    }
    count.into()
}

/// The header of one packet. Offsets count from it.
struct Frame {
    next: usize,
    at: Timestamp,
    captured: usize,
    original_length: u32,
    status: u32,
    /// Of the link header, and of what follows it.
    link: usize,
    network: usize,
    vlan: u16,
    vlan_type: u16,
    /// `sockaddr_ll`: EtherType, hardware type, packet type, length of address, address.
    protocol: [u8; 2],
    hardware: u16,
    packet_type: u8,
    address_length: u8,
    address: [u8; 8],
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let mut word = || cursor.array().ok().map(u32::from_ne_bytes);
        let (next, seconds, nanoseconds) = (word()? as usize, word()?, word()?);
        let (captured, original_length, status) = (word()? as usize, word()?, word()?);
        let [m0, m1, n0, n1] = word()?.to_ne_bytes();
        let (_hash, vlan) = (word()?, word()?);
        let [t0, t1, _, _] = word()?.to_ne_bytes();
        let (_padding, _reserved) = (word()?, word()?);
        let [_family, _, p0, p1] = word()?.to_ne_bytes();
        let _interface = word()?;
        let [h0, h1, packet_type, address_length] = word()?.to_ne_bytes();
        let (a, b) = (word()?.to_ne_bytes(), word()?.to_ne_bytes());
        let [a0, a1, a2, a3] = a;
        let [a4, a5, a6, a7] = b;
        Some(Self {
            next,
            at: Timestamp::from_seconds(seconds.into()).plus(nanoseconds.into()),
            captured,
            original_length,
            status,
            link: u16::from_ne_bytes([m0, m1]).into(),
            network: u16::from_ne_bytes([n0, n1]).into(),
            vlan: (vlan & 0xffff) as u16,
            vlan_type: u16::from_ne_bytes([t0, t1]),
            protocol: [p0, p1],
            hardware: u16::from_ne_bytes([h0, h1]),
            packet_type,
            address_length,
            address: [a0, a1, a2, a3, a4, a5, a6, a7],
        })
    }

    /// Gives where the frame lies in `block` and what it begins with, after restoring its link header in the room that the
    /// packet's own header has taken before it.
    fn restore(&self, block: &mut [u8], position: usize) -> Option<(usize, usize, LinkType)> {
        let start = position.checked_add(self.link)?;
        if self.link < HEADER || start.checked_add(self.captured)? > block.len() {
            return None;
        }
        if ETHERNET_HARDWARE.contains(&self.hardware) {
            if self.status & VLAN_IS_VALID == 0 || self.captured < MAC_ADDRESSES {
                return Some((start, self.captured, LinkType::ETHERNET));
            }
            let tagged = start - TAG;
            block.copy_within(start..start + MAC_ADDRESSES, tagged);
            let kind = if self.status & VLAN_TYPE_IS_VALID == 0 { CUSTOMER_VLAN } else { self.vlan_type };
            let ([k0, k1], [v0, v1]) = (kind.to_be_bytes(), self.vlan.to_be_bytes());
            block.get_mut(tagged + MAC_ADDRESSES..start + MAC_ADDRESSES)?.copy_from_slice(&[k0, k1, v0, v1]);
            return Some((tagged, self.captured + TAG, LinkType::ETHERNET));
        }
        // The link header of any other hardware gives way to the one of cooked captures.
        let skipped = self.network.checked_sub(self.link)?.min(self.captured);
        let content = start + skipped;
        let cooked = content.checked_sub(COOKED)?;
        let ([h0, h1], [p0, p1]) = (self.hardware.to_be_bytes(), self.protocol);
        let [a0, a1, a2, a3, a4, a5, a6, a7] = self.address;
        let header =
            [0, self.packet_type, h0, h1, 0, self.address_length, a0, a1, a2, a3, a4, a5, a6, a7, p0, p1];
        block.get_mut(cooked..content)?.copy_from_slice(&header);
        Some((cooked, self.captured - skipped + COOKED, LinkType::LINUX_SLL))
    }
}

const _: () = assert!(COUNT + 8 <= BLOCK_HEADER);

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
