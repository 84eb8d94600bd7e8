//! Which shard a segment belongs to.
//!
//! Owns: the symmetric hash of the inner address pair. Never does: using ports, so that an FTP control connection and its data
//! meet on one shard.

use egret_model::Segment;
use std::net::IpAddr;

/// Odd constants with well-spread bits: the fractions of the square roots of 2, 3, 5 and 7.
const KEYS: [u64; 4] =
    [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1];

/// The shard of a segment, from 0 to below `shards`: the same for both directions and for every connection between its two
/// addresses, whatever the machine. 0 when `shards` is 0.
#[must_use]
pub fn shard_of(segment: &Segment<'_>, shards: usize) -> usize {
    let (one, other) = (mixed(segment.source), mixed(segment.destination));
    // Both combinations are symmetric, and together tell more than either: the exclusive or of equal halves is always 0.
    let hash = multiplied((one ^ other) ^ KEYS[2], one.wrapping_add(other) ^ KEYS[3]);
    // The high half of the product spreads over the shards without a division (Lemire 2019).
    ((u128::from(hash) * shards as u128) >> 64) as usize
}

fn mixed(address: IpAddr) -> u64 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    multiplied((bits >> 64) as u64 ^ KEYS[0], bits as u64 ^ KEYS[1])
}

/// The halves of the full product, folded: every bit of both factors reaches every bit of the result.
const fn multiplied(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{PacketRef, Timestamp, Transport, TunnelPath};

    fn segment(source: IpAddr, destination: IpAddr) -> Segment<'static> {
        Segment {
            packet: PacketRef::default(),
            at: Timestamp::EPOCH,
            source_mac: None,
            destination_mac: None,
            tunnel: TunnelPath::default(),
            source,
            destination,
            transport: Transport::Other { protocol: 132 },
            tcp_checksum: None,
            payload: &[],
            missing: 0,
        }
    }

    #[test]
    fn both_directions_meet_and_neighbours_spread() {
        for shards in [1, 2, 3, 16] {
            let mut sizes = vec![0; shards];
            for low in 0..=255 {
                for server in [[198, 51, 100, 7], [203, 0, 113, 9], [10, 20, 1, low]] {
                    for client in [
                        IpAddr::from([10, 20, 1, low]),
                        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, low.into()]),
                    ] {
                        let shard = shard_of(&segment(client, server.into()), shards);
                        assert_eq!(shard, shard_of(&segment(server.into(), client), shards));
                        sizes[shard] += 1;
                    }
                }
            }
            let even = 6 * 256 / shards;
            assert!(sizes.iter().all(|size| *size > even / 2 && *size < even * 2), "{sizes:?}");
        }
    }
}
