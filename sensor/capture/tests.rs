//! Tests of single captures: every format and compression, damage, and the law that reads may be split anywhere.

use crate::{
    Capture, CaptureError, PacketBatch,
    fields::ByteOrder,
    samples::{Bytes, PcapVariant, Pieces, packets, pcap, pcapng},
};
use egret_model::{CaptureLimits, LinkType};
use flate2::{Compression, write::GzEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::{self, Cursor, Read, Write};

/// A packet, copied: number, nanoseconds, link type, original length, bytes.
type Copied = (u64, i64, u16, u32, Vec<u8>);

fn read_all(mut capture: Capture) -> (Vec<Copied>, Vec<String>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    let mut batch = PacketBatch::default();
    loop {
        match capture.next_batch(&mut batch) {
            Ok(true) => found.extend(batch.packets().map(|packet| {
                let number = packet.reference.number;
                assert_eq!(packet.reference.ordinal + 1, number);
                (number, packet.at.nanos(), packet.link.0, packet.original_length, packet.data.to_vec())
            })),
            Ok(false) => break,
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert!(batch.is_empty());
    (found, errors)
}

fn open(bytes: &[u8], limits: &CaptureLimits) -> Result<Capture, CaptureError> {
    Capture::from_reader("x", Box::new(Cursor::new(bytes.to_vec())), limits)
}

fn read(bytes: &[u8]) -> (Vec<Copied>, Vec<String>) {
    let limits = CaptureLimits { block_bytes: 4096, ..CaptureLimits::default() };
    match open(bytes, &limits) {
        Ok(capture) => read_all(capture),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).expect("options");
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn every_pcap_variant_gives_the_same_packets() {
    let packets = packets(100);
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] {
            for version in [(2, 4), (2, 3), (2, 2)] {
                let variant = PcapVariant { order, magic, version, ..PcapVariant::default() };
                let (found, errors) = read(&pcap(variant, &packets));
                assert_eq!((found.len(), errors), (100, vec![]), "{variant:?}");
                for (found, (number, (at, data))) in found.iter().zip((1..).zip(&packets)) {
                    assert_eq!(found, &(number, *at, 1, data.len() as u32 + 10, data.clone()), "{variant:?}");
                }
            }
        }
    }
}

#[test]
fn link_types_lose_what_is_not_part_of_them() {
    for (network, expected) in
        [(1, 1), (113, 113), (12, 101), (14, 101), (0x2400_0001, 1), (0xf000_0114, 276)]
    {
        let variant = PcapVariant { network, ..PcapVariant::default() };
        assert_eq!(read(&pcap(variant, &packets(1))).0[0].2, expected, "{network:#x}");
    }
}

#[test]
fn nanoseconds_are_kept() {
    let variant = PcapVariant { magic: 0xa1b2_3c4d, ..PcapVariant::default() };
    let (found, _) = read(&pcap(variant, &[(1_234_567_890_123_456_789, vec![1])]));
    assert_eq!(found[0].1, 1_234_567_890_123_456_789);
}

#[test]
fn every_pcapng_block_is_read() {
    let packets = packets(40);
    let (found, errors) = read(&pcapng(&packets));
    assert_eq!((found.len(), errors), (40, vec![]));
    for (i, ((number, at, link, original, data), sample)) in found.iter().zip(&packets).enumerate() {
        let simple = i % 20 % 4 == 3;
        assert_eq!(*number, i as u64 + 1);
        assert_eq!(*at, if simple { 0 } else { sample.0 }, "packet {number}");
        assert_eq!(*link, if i % 20 % 4 == 1 { LinkType::RAW.0 } else { 1 });
        assert_eq!(*original, sample.1.len() as u32 + 10);
        // A simple packet does not tell how many bytes were captured: padding may pass for some.
        assert!(if simple { data.starts_with(&sample.1) } else { *data == sample.1 }, "packet {number}");
    }
}

/// An interface's options, as (code, value).
type Options = &'static [(u16, &'static [u8])];

#[test]
fn any_clock_is_read() {
    let cases: &[(Options, u64, i64)] = &[
        (&[], 1_000_001, 1_000_001_000),
        (&[(9, &[0])], 7, 7_000_000_000),
        (&[(9, &[3])], 1_001, 1_001_000_000),
        (&[(9, &[9])], 1_000_000_007, 1_000_000_007),
        (&[(9, &[12])], 1_000_000_007_999, 1_000_000_007),
        (&[(9, &[100])], u64::MAX / 2, 0),
        (&[(9, &[0x80])], 3, 3_000_000_000),
        (&[(9, &[0x8a])], 1536, 1_500_000_000),
        (&[(9, &[0xff])], u64::MAX, 0),
        (&[(9, &[0])], u64::MAX, i64::MAX),
        (&[(2, b"eth0"), (14, &[0, 0, 0, 0, 0, 0, 0, 5]), (9, &[3])], 1, 5_001_000_000),
        (&[(14, &[255, 255, 255, 255, 255, 255, 255, 251])], 1, -4_999_999_000),
        (&[(9, &[3, 3]), (0, &[]), (9, &[0])], 1, 1_000),
    ];
    for (options, ticks, expected) in cases {
        let mut file = Bytes::new(ByteOrder::Big);
        file.section(ByteOrder::Big).interface(1, 0, options).enhanced(0, *ticks, b"x");
        let (found, errors) = read(&file.bytes);
        assert_eq!((found.first().map(|packet| packet.1), errors), (Some(*expected), vec![]), "{options:?}");
    }
}

#[test]
fn simple_packets_end_at_the_snap_length() {
    for (snap_length, original, captured) in [(0, 40, 40), (5, 40, 5), (96, 40, 40), (96, 400, 40), (0, 3, 3)]
    {
        let mut file = Bytes::new(ByteOrder::Little);
        file.section(ByteOrder::Little).interface(1, snap_length, &[]).simple(original, &[9; 40]);
        let (found, _) = read(&file.bytes);
        assert_eq!((found[0].3, found[0].4.len()), (original, captured));
    }
}

#[test]
fn secrets_are_kept_up_to_the_limit() {
    let mut file = Bytes::new(ByteOrder::Big);
    file.section(ByteOrder::Big).interface(1, 0, &[]);
    file.secret(1, &[1; 100]).secret(2, &[2; 100]).enhanced(0, 1, b"x");
    let limits = CaptureLimits { secrets_bytes: 150, block_bytes: 64, ..CaptureLimits::default() };
    let mut capture = open(&file.bytes, &limits).expect("a capture");
    let mut batch = PacketBatch::default();
    assert!(capture.next_batch(&mut batch).expect("no damage"));
    let secrets = capture.take_secrets();
    assert_eq!(secrets.iter().map(|secret| (secret.kind, secret.data.len())).collect::<Vec<_>>(), [(1, 100)]);
    assert!(!format!("{secrets:?}").contains("[1,"), "keys must not be printed");
    assert_eq!(capture.secrets_over_limit_bytes(), 120);
    assert_eq!(capture.take_secrets(), []);
}

#[test]
fn compression_changes_nothing() {
    let plain = pcapng(&packets(300));
    let expected = read(&plain);
    let (front, back) = plain.split_at(plain.len() / 3);
    let skippable = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let cases = [
        ("gzip", gzip(&plain)),
        ("gzip members", [gzip(front), gzip(back)].concat()),
        ("zstd", zstd(&plain)),
        ("zstd frames", [&skippable[..], &zstd(front), &skippable, &zstd(back), &skippable].concat()),
        ("xz", xz(&plain)),
        ("xz streams", [xz(front), vec![0; 4], xz(back)].concat()),
    ];
    for (name, packed) in cases {
        assert_eq!(read(&packed), expected, "{name}");
        let pieces = Capture::from_reader(
            "x",
            Box::new(Pieces::new(&packed, &[1, 7, 0, 2])),
            &CaptureLimits::default(),
        );
        assert_eq!(read_all(pieces.expect("a capture")), expected, "{name} in pieces");
    }
}

#[test]
fn damaged_compression_keeps_what_precedes_it() {
    let plain = pcap(PcapVariant::default(), &packets(2000));
    let expected = read(&plain).0;
    for (name, packed) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain)), ("xz", xz(&plain))] {
        let (found, errors) = read(&packed[..packed.len() * 3 / 4]);
        assert!(expected.starts_with(&found), "{name}");
        // All of this is within one zstd block and one LZMA2 chunk, which are unpacked whole or not at all.
        assert!(found.len() > expected.len() / 2 || name != "gzip", "{name}: {} packets", found.len());
        assert_eq!(errors.len(), 1, "{name}");
        assert!(errors[0].contains("of its unpacked content") && errors[0].contains(name), "{}", errors[0]);
    }
    // What comes before the broken block, chunk or few kilobytes is read.
    let noise: Vec<u8> = (0..400_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    let noisy = pcap(PcapVariant::default(), &vec![(0, noise[..1000].to_vec()); 400]);
    let noisy = [&noisy[..], &noise].concat();
    for (name, packed) in [("gzip", gzip(&noisy)), ("zstd", zstd(&noisy)), ("xz", xz(&noisy))] {
        let found = read(&packed[..packed.len() - 9]).0.len();
        assert!(found >= 380, "{name}: {found} packets");
    }
    let mut wrong = zstd(&plain);
    *wrong.last_mut().expect("a checksum") ^= 1;
    let (found, errors) = read(&wrong);
    assert_eq!(found, expected);
    assert!(errors[0].contains("checksum"), "{errors:?}");
}

#[test]
fn a_window_over_the_limit_is_refused() {
    let limits = CaptureLimits { window_bytes: 16 << 10, ..CaptureLimits::default() };
    let plain = pcap(PcapVariant::default(), &packets(2000));
    for packed in [zstd(&plain), xz(&plain)] {
        let error = open(&packed, &limits).err().expect("refused");
        assert!(matches!(error, CaptureError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_capture_cut_anywhere_gives_the_packets_before_the_cut() {
    for whole in [pcap(PcapVariant::default(), &packets(12)), pcapng(&packets(12))] {
        let expected = read(&whole).0;
        let (mut counts, mut clean_ends) = (Vec::new(), 0);
        for cut in 1..=whole.len() {
            let (found, errors) = read(&whole[..cut]);
            assert!(expected.starts_with(&found), "cut at {cut}");
            assert!(errors.len() <= 1, "cut at {cut}: {errors:?}");
            clean_ends += usize::from(errors.is_empty());
            counts.push(found.len());
        }
        assert!(counts.is_sorted(), "a longer piece holds no fewer packets");
        assert_eq!(counts.last(), Some(&12));
        // A cut goes unnoticed only where a record ends.
        assert!((13..=25).contains(&clean_ends), "{clean_ends}");
    }
}

#[test]
fn what_is_lost_is_told() {
    let mut bytes = pcap(PcapVariant::default(), &[(0, vec![1; 100]), (0, vec![2; 100])]);
    bytes.truncate(bytes.len() - 30);
    let mut capture = open(&bytes, &CaptureLimits::default()).expect("a capture");
    let mut batch = PacketBatch::default();
    assert!(capture.next_batch(&mut batch).expect("the first packet"));
    let error = capture.next_batch(&mut batch).expect_err("the second is cut");
    assert_eq!(error.lost_bytes(), 86);
    assert_eq!(
        error.to_string(),
        "x: cut short at byte 140, after packet 1: 86 bytes of an unfinished record are lost; \
         the packets before it were read, copy the capture again if the original is whole"
    );
    assert!(!capture.next_batch(&mut batch).expect("told once"));
}

#[test]
fn damage_ends_a_capture_with_a_reason() {
    let sample = || {
        let mut file = Bytes::new(ByteOrder::Little);
        file.section(ByteOrder::Little).interface(1, 0, &[]).enhanced(0, 1, b"first");
        file
    };
    let with = |change: &dyn Fn(&mut Bytes)| {
        let mut file = sample();
        change(&mut file);
        file.enhanced(0, 2, b"never read").bytes.clone()
    };
    let mut long_packet = pcap(PcapVariant::default(), &[(1000, b"first".to_vec())]);
    long_packet.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0x7f]);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("a long packet", long_packet, "2130706432 bytes is over the limit of 16777216"),
        ("lengths differ", with(&|file| _ = file.u32(5).u32(12).u32(16)), "12 bytes long, at its end 16"),
        (
            "packet lengths differ",
            with(&|file| _ = file.u32(3).u32(12).u32(16)),
            "12 bytes long, at its end 16",
        ),
        ("a length of 8", with(&|file| _ = file.u32(6).u32(8)), "impossible length 8"),
        ("an odd length", with(&|file| _ = file.u32(77).u32(15)), "impossible length 15"),
        ("zeros", with(&|file| _ = file.raw(&[0; 64])), "(type 0x0) of the impossible length 0"),
        ("a long block", with(&|file| _ = file.u32(6).u32(1 << 30)), "over the limit"),
        ("no such interface", with(&|file| _ = file.enhanced(1, 0, b"x")), "interface 1, which its section"),
        (
            "interfaces end with their section",
            with(&|file| _ = file.section(ByteOrder::Big).simple(1, b"x")),
            "interface 0",
        ),
        ("a short block", with(&|file| _ = file.block(6, &[0; 8])), "shorter than its content"),
        (
            "a packet beyond its block",
            with(&|file| _ = file.block(6, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0])),
            "99 bytes in a block of 32",
        ),
        (
            "options beyond their block",
            with(&|file| _ = file.block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 99, 0])),
            "shorter than its content",
        ),
        (
            "a new version",
            with(&|file| _ = file.block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 2, 0, 0, 0])),
            "unknown version 2.0",
        ),
        ("no byte order", with(&|file| _ = file.block(0x0a0d_0d0a, &[0; 16])), "without byte-order magic"),
    ];
    for (name, bytes, reason) in cases {
        let (found, errors) = read(bytes);
        assert_eq!(found.iter().map(|packet| packet.4.as_slice()).collect::<Vec<_>>(), [b"first"], "{name}");
        assert_eq!(errors.len(), 1, "{name}");
        assert!(errors[0].contains(reason) && errors[0].contains("after packet 1"), "{name}: {}", errors[0]);
    }
}

#[test]
fn too_many_interfaces_are_damage() {
    let mut file = Bytes::new(ByteOrder::Little);
    file.section(ByteOrder::Little).interface(1, 0, &[]).interface(1, 0, &[]).interface(1, 0, &[]);
    let limits = CaptureLimits { interfaces: 2, ..CaptureLimits::default() };
    let (_, errors) = read_all(open(&file.bytes, &limits).expect("a capture"));
    assert!(errors[0].contains("more than 2 interfaces"), "{errors:?}");
}

#[test]
fn what_is_no_capture_is_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b"name,card\nAda,4111\n", "looks like text;"),
        ("{\"a\": \"\u{e9}\"}".as_bytes(), "looks like JSON;"),
        (b"<!doctype html>", "looks like HTML or XML;"),
        (b"PK\x03\x04rest", "looks like a ZIP archive"),
        (b"\x00\x01\x02\x03\x04\x05", "binary data of another format;"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "cut short at byte 0, after packet 0: 6 bytes"),
    ];
    for (bytes, expected) in cases {
        let (_, errors) = read(bytes);
        assert!(errors[0].contains(expected) && !errors[0].contains('\n'), "{}", errors[0]);
    }
    for bytes in [gzip(b""), gzip(b"just text"), gzip(&gzip(b"twice"))] {
        assert!(!read(&bytes).1[0].contains('\n'));
    }
    assert!(read(&gzip(&gzip(b"twice"))).1[0].contains("gzip-compressed data within"));
}

#[test]
fn a_failing_source_keeps_what_it_gave() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let file = pcap(PcapVariant::default(), &packets(50));
    for given in [24, 100, 1000, file.len() - 1] {
        let source = Cursor::new(file[..given].to_vec()).chain(Failing);
        let capture = Capture::from_reader("x", Box::new(source), &CaptureLimits::default());
        let (found, errors) = read_all(capture.expect("the header is there"));
        assert_eq!(found, read(&file[..given]).0);
        assert!(errors.len() == 1 && errors[0].contains("the disk is gone"), "{errors:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Neither the size of blocks nor the pieces in which a source gives its bytes change what is read, damage included.
    #[test]
    fn any_split_of_reads_gives_the_same(
        count in 0_usize..40,
        kind in 0..3,
        block_bytes in 1_usize..600,
        pieces in prop::collection::vec(0_usize..50, 1..5).prop_filter("an end", |all| all.iter().any(|&piece| piece > 0)),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = match kind {
            0 => pcap(PcapVariant { magic: 0xa1b2_cd34, ..PcapVariant::default() }, &packets(count)),
            1 => pcapng(&packets(count + 1)),
            _ => pcapng(&packets(count + 1)),
        };
        if let Some((index, value)) = damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if kind == 2 {
            bytes = gzip(&bytes);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        let limits = CaptureLimits { packet_bytes: 4096, ..CaptureLimits::default() };
        let whole = open(&bytes, &limits).map(read_all).map_err(|error| error.to_string());
        let limits = CaptureLimits { block_bytes, ..limits };
        let split = Capture::from_reader("x", Box::new(Pieces::new(&bytes, &pieces)), &limits);
        prop_assert_eq!(split.map(read_all).map_err(|error| error.to_string()), whole);
    }
}
