//! The TCP checksum, verified where it is of use: with the flow at hand, on the worker that reads the payload anyway.
//!
//! Owns: the part of the sum that only the header's bytes know, and the verdict. Never does: deciding what to do about a
//! wrong checksum.

use crate::{Segment, Transport};
use std::net::IpAddr;

/// IP protocol number of TCP.
const TCP: u64 = 6;

/// The longest TCP segment, header included, that is surely one segment of the wire. A longer one may have been merged from
/// several by the receiving card, and then carries the checksum of one of them.
const UNMERGED_BYTES: usize = 1500;

/// What a TCP header contributes to the verification of its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpChecksum {
    /// The checksum field.
    pub field: u16,
    /// One's complement sum of all words of the header, options and checksum field included ([`ones_complement_sum`]).
    pub header_sum: u16,
    /// Bytes of the header, options included.
    pub header_bytes: u8,
}

/// What a checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is right.
    Valid,
    /// It holds the pseudo-header's sum only: captured before the network card filled it in. As good as right.
    Offloaded,
    /// It is wrong. A receiver discards the segment, if it was like that on the wire.
    Wrong,
    /// It cannot be verified: bytes are missing, or there is no such checksum, or the segment was merged from several.
    Unverifiable,
}

impl Segment<'_> {
    /// Verifies the TCP checksum (RFC 9293 section 3.1); 50 to 100 ns for a full segment.
    ///
    /// Segments with a wrong checksum are an evasion: a sensor that reads them sees what the receiver never does. But a
    /// capture on the sending host can show wrong checksums on everything that host sends, and an edited capture on some of
    /// it. So a [`Checksum::Wrong`] segment is to be distrusted only when the same side of the same flow has shown
    /// [`Checksum::Valid`] ones, and even then its bytes are better than none where no other segment brings them.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        let (Some(checksum), Transport::Tcp { .. }, 0) = (self.tcp_checksum, self.transport, self.missing)
        else {
            return Checksum::Unverifiable;
        };
        let length = usize::from(checksum.header_bytes) + self.payload.len();
        let addresses = address_sum(self.source) + address_sum(self.destination) + TCP;
        let pseudo_header = addresses + length as u64;
        // With segmentation offload some systems leave the length out of it, for the card to fill in.
        if [fold(pseudo_header), fold(addresses)].contains(&checksum.field) {
            return Checksum::Offloaded;
        }
        let sum =
            pseudo_header + u64::from(checksum.header_sum) + u64::from(ones_complement_sum(self.payload));
        match fold(sum) {
            0xffff => Checksum::Valid,
            _ if length > UNMERGED_BYTES => Checksum::Unverifiable,
            _ => Checksum::Wrong,
        }
    }
}

/// The one's complement sum of `bytes` as big-endian 16-bit words, an odd last byte padded with zero (RFC 1071).
///
/// ```
/// assert_eq!(egret_model::ones_complement_sum(&[0xff, 0xff, 0x00, 0x02, 0x01]), 0x0102);
/// ```
#[must_use]
pub fn ones_complement_sum(bytes: &[u8]) -> u16 {
    // The sum does not depend on the byte order it is made in (RFC 1071 section 2 B), nor on the word size.
    // Long words with the carries beside them: an addition and one with carry for eight bytes; four sums, which do not wait for each
    // other and stay in registers.
    let (words, rest) = bytes.as_chunks::<8>();
    let (fours, words) = words.as_chunks::<4>();
    let value = |word: &[u8; 8]| u128::from(u64::from_ne_bytes(*word));
    let (mut a, mut b, mut c, mut d) = (0_u128, 0_u128, 0_u128, 0_u128);
    for [one, two, three, four] in fours {
        a += value(one);
        b += value(two);
        c += value(three);
        d += value(four);
    }
    let mut sum = a + b + c + d + words.iter().map(value).sum::<u128>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    sum += u128::from(u64::from_ne_bytes(last));
    let (low, high) = (sum as u64, (sum >> 64) as u64);
    // 2^64 is 1 in one's complement of 16 bits, and so is 2^32.
    let sum = (low & 0xffff_ffff) + (low >> 32) + high;
    u16::from_be_bytes(fold(sum).to_ne_bytes())
}

fn address_sum(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(address) => address.segments().iter().map(|segment| u64::from(*segment)).sum(),
    }
}

/// Folds carries back in until 16 bits are left.
const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PacketRef, TcpFlags, Timestamp, TunnelPath};

    /// A SYN from 10.20.1.11 port 40000 to 198.51.100.7 port 80 with `payload` and the checksum field as given.
    fn segment(field: u16, payload: &[u8]) -> Segment<'_> {
        let [high, low] = field.to_be_bytes();
        let header =
            [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, TcpFlags::SYN, 0xff, 0xff, high, low, 0, 0];
        Segment {
            packet: PacketRef::default(),
            at: Timestamp::EPOCH,
            source_mac: None,
            destination_mac: None,
            tunnel: TunnelPath::default(),
            source: [10, 20, 1, 11].into(),
            destination: [198, 51, 100, 7].into(),
            transport: Transport::Tcp {
                source_port: 40_000,
                destination_port: 80,
                sequence: 1,
                acknowledgment: 0,
                flags: TcpFlags(TcpFlags::SYN),
                window: 0xffff,
            },
            tcp_checksum: Some(TcpChecksum {
                field,
                header_sum: ones_complement_sum(&header),
                header_bytes: 20,
            }),
            payload,
            missing: 0,
        }
    }

    /// The right field, worked out word by word as RFC 1071 writes it.
    fn right(payload: &[u8]) -> u16 {
        let mut words: Vec<u32> = vec![0x0a14, 0x010b, 0xc633, 0x6407, 6, 20 + payload.len() as u32];
        words.extend([0x9c40, 80, 0, 1, 0, 0, 0x5002, 0xffff, 0, 0]);
        words.extend(
            payload.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))),
        );
        let mut sum: u32 = words.iter().sum();
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn right_wrong_and_offloaded_are_told_apart() {
        for payload in [&b""[..], b"a", b"ab", b"abc", b"abcde", &[0xff; 1460]] {
            let field = right(payload);
            assert_eq!(segment(field, payload).checksum(), Checksum::Valid, "{} bytes", payload.len());
            assert_eq!(segment(field ^ 0x0100, payload).checksum(), Checksum::Wrong);
            let with_length = fold(0x0a14_010b + 0xc633_6407 + 6 + 20 + payload.len() as u64);
            assert_eq!(segment(with_length, payload).checksum(), Checksum::Offloaded);
            assert_eq!(segment(fold(0x0a14_010b + 0xc633_6407 + 6), payload).checksum(), Checksum::Offloaded);
        }
    }

    #[test]
    fn what_is_cut_or_merged_cannot_be_verified() {
        let field = right(b"abc");
        assert_eq!(Segment { missing: 1, ..segment(field, b"abc") }.checksum(), Checksum::Unverifiable);
        assert_eq!(
            Segment { tcp_checksum: None, ..segment(field, b"abc") }.checksum(),
            Checksum::Unverifiable
        );
        assert_eq!(segment(1, &[7; 2920]).checksum(), Checksum::Unverifiable);
    }
}
