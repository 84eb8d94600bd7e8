//! Headers of packets and the frames of Initials (RFC 9000 sections 12.4, 16, 17.2 and 19; RFC 9369 section 3).
//!
//! Owns: stateless reading. Never does: protection.

use egret_model::{Cursor, Truncated};

/// Longest connection id, bytes (RFC 9000 section 17.2).
const LONGEST_ID: u8 = 20;

/// Versions whose packets are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    /// RFC 9369.
    Two,
    /// Drafts 29 to 32 of version 1, which protect Initials by another salt.
    Draft,
}

impl Version {
    const fn of(number: [u8; 4]) -> Option<Self> {
        Some(match number {
            // Drafts 33 and 34 are version 1 on the wire.
            [0, 0, 0, 1] | [0xff, 0, 0, 0x21..=0x22] => Self::One,
            [0x6b, 0x33, 0x43, 0xcf] => Self::Two,
            [0xff, 0, 0, 0x1d..=0x20] => Self::Draft,
            _ => return None,
        })
    }
}

/// What a packet is, by the two bits of type of a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    /// Content that a client sends before it has heard of the server (0-RTT).
    Early,
    Handshake,
    Retry,
    /// Content, behind a short header (1-RTT).
    Content,
}

impl Kind {
    const fn of(version: Version, first: u8) -> Self {
        match (version, first >> 4 & 3) {
            (Version::Two, 1) | (Version::One | Version::Draft, 0) => Self::Initial,
            (Version::Two, 2) | (Version::One | Version::Draft, 1) => Self::Early,
            (Version::Two, 0) | (Version::One | Version::Draft, 3) => Self::Retry,
            _ => Self::Handshake,
        }
    }
}

/// A packet, still protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    /// Of a long header.
    pub(super) version: Option<Version>,
    /// Destination Connection ID; of a short header not told apart.
    pub(super) destination: &'a [u8],
    /// Bytes of the Source Connection ID of a long header.
    pub(super) source_length: Option<usize>,
    /// From its first byte to its last.
    pub(super) bytes: &'a [u8],
    /// Where in it the packet number stands.
    pub(super) number_at: usize,
}

/// Does a packet with a long header of a known version begin here?
pub(super) fn begins_session(bytes: &[u8]) -> bool {
    matches!(long_header(&mut Cursor::new(bytes)), Ok(Some(_)))
}

/// Shows the packets of a datagram (RFC 9000 section 12.2), in their order. Where its receiver's connection ids have so many bytes, one
/// with a short header too, which is the last.
pub(super) fn packets<'a>(datagram: &'a [u8], id_length: Option<usize>, show: &mut dyn FnMut(Packet<'a>)) {
    let mut rest = datagram;
    while let Ok(Some((packet, behind))) = packet(rest) {
        show(packet);
        rest = behind;
    }
    // The second bit is fixed.
    if let (Some(0x40..=0x7f), Some(length)) = (rest.first(), id_length) {
        let (kind, number_at) = (Kind::Content, 1 + length);
        show(Packet { kind, version: None, destination: &[], source_length: None, bytes: rest, number_at });
    }
}

/// The packet with a long header at the start of `bytes`, and what stands behind it. None: nobody can tell where it ends.
fn packet(bytes: &[u8]) -> Result<Option<(Packet<'_>, &[u8])>, Truncated> {
    let mut cursor = Cursor::new(bytes);
    let Some((version, kind, destination, source)) = long_header(&mut cursor)? else { return Ok(None) };
    match kind {
        Kind::Retry => return Ok(None),
        Kind::Initial => {
            let token = integer(&mut cursor)?;
            cursor.skip(usize::try_from(token).unwrap_or(usize::MAX))?;
        }
        Kind::Early | Kind::Handshake | Kind::Content => {}
    }
    let length = integer(&mut cursor)?;
    let number_at = cursor.position();
    cursor.skip(usize::try_from(length).unwrap_or(usize::MAX))?;
    let (bytes, behind) = bytes.split_at(cursor.position());
    let (version, source_length) = (Some(version), Some(source.len()));
    Ok(Some((Packet { kind, version, destination, source_length, bytes, number_at }, behind)))
}

/// Version, type, Destination Connection ID and Source Connection ID.
type LongHeader<'a> = (Version, Kind, &'a [u8], &'a [u8]);

/// Up to the connection ids. None: another header, or of an unknown version.
fn long_header<'a>(cursor: &mut Cursor<'a>) -> Result<Option<LongHeader<'a>>, Truncated> {
    let first = cursor.u8()?;
    let version = Version::of(cursor.array()?);
    let Some(version) = version.filter(|_| first >= 0xc0) else { return Ok(None) };
    let mut id = || {
        let length = cursor.u8()?;
        Ok((length <= LONGEST_ID).then_some(cursor.take(usize::from(length))?))
    };
    let (destination, source) = (id()?, id()?);
    Ok(destination
        .zip(source)
        .map(|(destination, source)| (version, Kind::of(version, first), destination, source)))
}

/// An integer of variable length (RFC 9000 section 16).
pub(crate) fn integer(cursor: &mut Cursor<'_>) -> Result<u64, Truncated> {
    let first = cursor.u8()?;
    let more = (1_usize << (first >> 6)) - 1;
    let rest = cursor.take(more)?;
    Ok(rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte)))
}

/// Shows what CRYPTO frames of an Initial carry, each with its offset in the handshake. Ends at a frame that an Initial may not have
/// (RFC 9000 section 17.2.2).
pub(super) fn crypto(payload: &[u8], show: &mut dyn FnMut(u64, &[u8])) -> Result<(), Truncated> {
    let mut rest = Cursor::new(payload);
    while !rest.is_empty() {
        match integer(&mut rest)? {
            // PADDING, PING.
            0 | 1 => {}
            kind @ (2 | 3) => acknowledgement(&mut rest, kind == 3)?,
            6 => {
                let (offset, length) = (integer(&mut rest)?, integer(&mut rest)?);
                show(offset, rest.take(usize::try_from(length).unwrap_or(usize::MAX))?);
            }
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// The rest of an ACK frame (RFC 9000 section 19.3).
pub(super) fn acknowledgement(rest: &mut Cursor<'_>, with_counts: bool) -> Result<(), Truncated> {
    let (_largest, _delay) = (integer(rest)?, integer(rest)?);
    let ranges = integer(rest)?;
    let _first = integer(rest)?;
    for _ in 0..ranges {
        let (_gap, _length) = (integer(rest)?, integer(rest)?);
    }
    for _ in 0..if with_counts { 3 } else { 0 } {
        integer(rest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_of_the_standard_are_read() {
        // RFC 9000 appendix A.1.
        let cases: &[(&[u8], u64)] = &[
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ];
        for (bytes, value) in cases {
            assert_eq!(integer(&mut Cursor::new(bytes)), Ok(*value));
            assert!(integer(&mut Cursor::new(&bytes[..bytes.len() - 1])).is_err());
        }
    }

    /// A packet with a long header: ids of two bytes and one, a payload of five behind a token of one where there is one.
    fn long(first: u8, version: [u8; 4], token: &[u8]) -> Vec<u8> {
        [&[first], &version[..], &[2, 7, 8, 1, 9], token, &[5], &[1; 5]].concat()
    }

    #[test]
    fn initials_are_found_among_the_packets_of_a_datagram() {
        let (one, two) = ([0, 0, 0, 1], [0x6b, 0x33, 0x43, 0xcf]);
        let initial = long(0xc0, one, &[1, 9]);
        let datagrams = [
            (initial.clone(), 1),
            ([long(0xe0, one, &[]), initial.clone(), initial.clone(), vec![0x41; 9]].concat(), 2),
            // In version 2 the types have other numbers.
            (long(0xd0, two, &[1, 9]), 1),
            ([long(0xe0, two, &[]), long(0xd0, two, &[0])].concat(), 1),
            // Behind a Retry stands nothing.
            ([long(0xf0, one, &[]), initial.clone()].concat(), 0),
            (initial[..initial.len() - 1].to_vec(), 0),
            (long(0xc0, [9; 4], &[1, 9]), 0),
            (long(0x80, one, &[1, 9]), 0),
        ];
        for (datagram, expected) in datagrams {
            let mut found = Vec::new();
            packets(&datagram, None, &mut |packet| {
                if packet.kind == Kind::Initial {
                    found.push(packet);
                }
            });
            assert_eq!(found.len(), expected, "{datagram:?}");
            assert!(found.iter().all(|initial| initial.destination == [7, 8]));
            assert!(found.iter().all(|initial| initial.source_length == Some(1)));
        }
    }

    #[test]
    fn frames_are_read_up_to_one_that_does_not_belong() {
        let frames: &[&[u8]] = &[
            &[0, 0, 1],
            &[6, 3, 2, b'd', b'e'],
            &[2, 9, 0, 1, 0, 2, 3],
            &[3, 9, 0, 0, 0, 1, 2, 3],
            &[6, 0, 3, b'a', b'b', b'c'],
            &[0x08, 0, 6, 0, 1, b'x'],
        ];
        let mut seen = Vec::new();
        let read = crypto(&frames.concat(), &mut |offset, data| seen.push((offset, data.to_vec())));
        assert_eq!((read, seen), (Ok(()), vec![(3, b"de".to_vec()), (0, b"abc".to_vec())]));
        assert!(crypto(&[6, 0, 9, 1], &mut |_, _| ()).is_err());
        assert!(crypto(&[2, 9, 0, 0xff], &mut |_, _| ()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 0..80)) {
            let mut seen = 0;
            packets(&bytes, Some(4), &mut |packet| {
                assert!(packet.kind == Kind::Content || packet.number_at <= packet.bytes.len());
                seen += packet.bytes.len();
            });
            prop_assert!(seen <= bytes.len());
            let mut shown = 0;
            let _ = crypto(&bytes, &mut |_, data| shown += data.len());
            prop_assert!(shown <= bytes.len());
        }
    }
}
