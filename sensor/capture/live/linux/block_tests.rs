//! Blocks as the kernel writes them, and as it never would.

use super::*;
use proptest::prelude::*;

/// What a test says of one packet.
#[derive(Clone)]
struct Sample {
    status: u32,
    vlan: (u16, u16),
    hardware: u16,
    link_bytes: u16,
    frame: Vec<u8>,
    cut: u32,
}

/// Where the kernel puts the frame behind its header when it keeps 2 bytes to align what follows Ethernet.
const LINK_AT: u16 = 82;

fn packet(sample: &Sample) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = sample.frame.len() as u32;
    for word in [0, 1_700_000_000, 123_456_789, length, length + sample.cut, sample.status] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    bytes.extend(LINK_AT.to_ne_bytes());
    bytes.extend((LINK_AT + sample.link_bytes).to_ne_bytes());
    bytes.extend(u32::to_ne_bytes(77));
    bytes.extend(u32::to_ne_bytes(sample.vlan.1.into()));
    bytes.extend(sample.vlan.0.to_ne_bytes());
    bytes.extend([0; 10]);
    assert_eq!(bytes.len(), 48);
    bytes.extend(17u16.to_ne_bytes());
    bytes.extend([0x08, 0x00]);
    bytes.extend(u32::to_ne_bytes(3));
    bytes.extend(sample.hardware.to_ne_bytes());
    bytes.extend([4, 6, 1, 2, 3, 4, 5, 6, 0, 0]);
    assert_eq!(bytes.len(), HEADER);
    bytes.resize(LINK_AT.into(), 0);
    bytes.extend(&sample.frame);
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

fn block(samples: &[Sample]) -> Vec<u8> {
    let mut block = vec![0; BLOCK_HEADER];
    block[12..16].copy_from_slice(&(samples.len() as u32).to_ne_bytes());
    block[16..20].copy_from_slice(&(BLOCK_HEADER as u32).to_ne_bytes());
    for (index, sample) in samples.iter().enumerate() {
        let mut packet = packet(sample);
        if index + 1 < samples.len() {
            let length = packet.len() as u32;
            packet[..4].copy_from_slice(&length.to_ne_bytes());
        }
        block.extend(packet);
    }
    block
}

fn ethernet(payload: &[u8]) -> Sample {
    let frame = [&[0xd; 6][..], &[0x5; 6], &[8, 0], payload].concat();
    Sample { status: 1, vlan: (0, 0), hardware: 1, link_bytes: 14, frame, cut: 0 }
}

/// Number, original length, link and bytes of a frame.
type Found = (u64, u32, LinkType, Vec<u8>);

/// How many packets the block says to hold, and those that are found.
fn frames(mut block: Vec<u8>) -> (u64, Vec<Found>) {
    let mut heads = Vec::new();
    let mut numbering = Numbering { capture: 2, last: 40 };
    let announced = read(&mut block, 0, &mut numbering, &mut heads);
    assert_eq!(numbering.last, 40 + heads.len() as u64);
    let frames = heads
        .iter()
        .map(|head| {
            let data = block[head.start..head.start + head.length as usize].to_vec();
            assert_eq!(head.capture, 2);
            (head.number, head.original_length, head.link, data)
        })
        .collect();
    (announced, frames)
}

#[test]
fn frames_come_out_as_they_were_on_the_wire() {
    let (first, cut) = (ethernet(b"first"), Sample { cut: 100, ..ethernet(b"cut") });
    let (announced, found) = frames(block(&[first.clone(), cut.clone()]));
    assert_eq!(announced, 2);
    assert_eq!(found[0], (41, 19, LinkType::ETHERNET, first.frame));
    assert_eq!(found[1], (42, 117, LinkType::ETHERNET, cut.frame));
}

#[test]
fn times_are_of_nanoseconds() {
    let mut bytes = block(&[ethernet(b"")]);
    let mut heads = Vec::new();
    read(&mut bytes, 0, &mut Numbering { capture: 0, last: 0 }, &mut heads);
    assert_eq!(heads[0].at, Timestamp::from_seconds(1_700_000_000).plus(123_456_789));
}

#[test]
fn a_tag_that_was_taken_out_is_put_back() {
    let provider = Sample {
        status: 1 | VLAN_IS_VALID | VLAN_TYPE_IS_VALID,
        vlan: (0x88a8, 0x2065),
        ..ethernet(b"inside")
    };
    let old_kernel = Sample { status: 1 | VLAN_IS_VALID, vlan: (0, 7), ..ethernet(b"inside") };
    let (_, found) = frames(block(&[provider.clone(), old_kernel]));
    let addresses = &provider.frame[..12];
    assert_eq!(found[0].3, [addresses, &[0x88, 0xa8, 0x20, 0x65], &[8, 0], b"inside"].concat());
    assert_eq!(found[0].1, 24);
    assert_eq!(found[1].3, [addresses, &[0x81, 0x00, 0, 7], &[8, 0], b"inside"].concat());
}

#[test]
fn other_hardware_gets_a_cooked_header() {
    let tunnel = Sample { hardware: 65534, link_bytes: 0, frame: b"E packet".to_vec(), ..ethernet(b"") };
    let ppp =
        Sample { hardware: 512, link_bytes: 4, frame: b"\xff\x03\0!E packet".to_vec(), ..ethernet(b"") };
    let (_, found) = frames(block(&[tunnel, ppp]));
    assert_eq!(found[0].2, LinkType::LINUX_SLL);
    assert_eq!(found[0].3, b"\0\x04\xff\xfe\0\x06\x01\x02\x03\x04\x05\x06\0\0\x08\0E packet");
    assert_eq!(found[0].1, 24);
    assert!(found[1].3.ends_with(b"\x08\0E packet"));
    assert_eq!(found[1].3.len(), 24);
}

#[test]
fn a_block_that_lies_ends_where_it_stops_making_sense() {
    let mut lies = block(&[ethernet(b"good"), ethernet(b"bad")]);
    lies[12..16].copy_from_slice(&u32::MAX.to_ne_bytes());
    let (announced, found) = frames(lies);
    assert_eq!((announced, found.len()), (u64::from(u32::MAX), 2));
    let mut backwards = block(&[ethernet(b"good"), ethernet(b"bad")]);
    backwards[BLOCK_HEADER..BLOCK_HEADER + 4].copy_from_slice(&1u32.to_ne_bytes());
    assert_eq!(frames(backwards).1.len(), 1);
    assert_eq!(frames(Vec::new()), (0, Vec::new()));
}

proptest! {
    #[test]
    fn any_block_is_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..600),
                             places in proptest::collection::vec((0usize..300, 0u8..4), 0..40)) {
        let mut start = block(&[ethernet(b"one"), ethernet(b"two")]);
        for (place, value) in places {
            if let Some(byte) = start.get_mut(place) {
                *byte = value;
            }
        }
        start.append(&mut bytes);
        let (_, found) = frames(start.clone());
        prop_assert!(found.len() <= start.len() / HEADER);
    }
}
