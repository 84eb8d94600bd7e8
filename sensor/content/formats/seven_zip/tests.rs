//! Tests of the reader of 7z archives.

use super::*;
use crate::formats::testing::Recording;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// `docs/a.txt`, `b.bin` and the empty `empty.txt` in one block each time, by another method.
const SMALL: &[u8] = include_bytes!("../../../../tests/data/documents/small.7z");
const STORED: &[u8] = include_bytes!("../../../../tests/data/documents/small-copy.7z");
const METHODS: [(&str, &[u8]); 7] = [
    ("lzma2 behind x86", SMALL),
    ("none", STORED),
    ("lzma", include_bytes!("../../../../tests/data/documents/small-lzma.7z")),
    ("bzip2", include_bytes!("../../../../tests/data/documents/small-bzip2.7z")),
    ("deflate", include_bytes!("../../../../tests/data/documents/small-deflate.7z")),
    ("ppmd", include_bytes!("../../../../tests/data/documents/small-ppmd.7z")),
    ("x86", include_bytes!("../../../../tests/data/documents/small-x86.7z")),
];
const UNKNOWN: &[u8] = include_bytes!("../../../../tests/data/documents/small-zstd.7z");
const LOCKED: &[u8] = include_bytes!("../../../../tests/data/documents/locked.7z");
const LOCKED_NAMES: &[u8] = include_bytes!("../../../../tests/data/documents/locked-names.7z");
const RECORDS: &[u8] = include_bytes!("../../../../tests/data/documents/records.7z");

fn states(recording: &Recording) -> Vec<(&str, Option<ObjectState>)> {
    recording.objects.iter().map(|object| (object.name.as_str(), object.state)).collect()
}

#[test]
fn files_become_objects_whatever_the_method() {
    for (method, data) in METHODS {
        let recording = Recording::of(read, data);
        assert_eq!(recording.text, "docs/a.txt\nempty.txt\nb.bin\n", "{method}");
        assert_eq!(recording.objects.len(), 3, "{method}");
        let is_inspected = |(_, state)| state == Some(ObjectState::Inspected);
        assert!(states(&recording).into_iter().all(is_inspected), "{method}");
        assert_eq!(recording.object("docs/a.txt").data, b"alpha", "{method}");
        assert_eq!(recording.object("b.bin").data, [b'x'; 5000], "{method}");
        assert_eq!(recording.degraded, [], "{method}");
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    for (data, state) in [(LOCKED, ObjectState::Encrypted), (UNKNOWN, ObjectState::Unsupported)] {
        let recording = Recording::of(read, data);
        assert_eq!(recording.text, "docs/a.txt\nempty.txt\nb.bin\n");
        assert_eq!(recording.object("docs/a.txt").state, Some(state));
        assert_eq!(recording.object("b.bin").state, Some(state));
        assert!(recording.object("b.bin").stored > 0);
        assert!(recording.objects.iter().all(|object| object.data.is_empty()));
    }
    let recording = Recording::of(read, LOCKED_NAMES);
    assert_eq!(recording.degraded, [(ObjectState::Encrypted, LOCKED_NAMES.len() as u64)]);
    assert_eq!(recording.objects.len(), 0);
}

#[test]
fn a_cut_archive_is_partial() {
    for length in 0..SMALL.len() {
        let recording = Recording::of(read, &SMALL[..length]);
        assert_eq!(recording.degraded, [(ObjectState::Partial, length as u64)], "cut to {length}");
    }
    let unfinished = [&SMALL[..8], &[0; 24], &SMALL[32..]].concat();
    let recording = Recording::of(read, &unfinished);
    assert_eq!(recording.degraded, [(ObjectState::Partial, unfinished.len() as u64)]);
}

#[test]
fn a_wrong_checksum_does_not_hide_the_files_after_it() {
    let mut data = STORED.to_vec();
    data[33] ^= 1;
    let recording = Recording::of(read, &data);
    assert_eq!(recording.object("docs/a.txt").state, Some(ObjectState::Malformed));
    assert_eq!(recording.object("docs/a.txt").data, b"a\x6dpha");
    assert_eq!(recording.object("b.bin").state, Some(ObjectState::Inspected));
    assert_eq!(recording.object("b.bin").data.len(), 5000);
}

#[test]
fn damage_keeps_what_came_before_and_names_what_is_lost() {
    let mut data = RECORDS.to_vec();
    data[35_000] ^= 0xff;
    let whole = Recording::of(read, RECORDS);
    let recording = Recording::of(read, &data);
    assert_eq!(recording.object("customers.csv").data, whole.object("customers.csv").data);
    assert_eq!(recording.object("customers.csv").state, Some(ObjectState::Inspected));
    assert_ne!(recording.object("price_list.xlsx").state, Some(ObjectState::Inspected));
    assert_eq!(whole.objects.len(), recording.objects.len());
}

#[test]
fn nothing_is_unpacked_after_the_output_says_stop() {
    let mut recording = Recording { object_limit: Some(1), ..Recording::default() };
    read(RECORDS, &mut recording);
    let over = Some(ObjectState::OverLimit);
    assert_eq!(states(&recording), [("customers.csv", over), ("price_list.xlsx", over)]);
    assert!(recording.objects[0].data.len() <= 64 << 10);
    assert_eq!(recording.objects[1].data.len(), 0);
}

#[test]
fn real_files_come_out_whole() {
    let recording = Recording::of(read, RECORDS);
    let expected = [
        ("customers.csv", "183fa74cd1132a6edf85e691f12c4a677f1c158ee5eccd87b150bf7724ac1fcd"),
        ("price_list.xlsx", "52165af8da48215f2093ae6fe39cb15ade43462a60ed41392246687d9c26e557"),
    ];
    for (name, hash) in expected {
        let found: String =
            Sha256::digest(&recording.object(name).data).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, hash, "{name}");
    }
    let stored: u64 = recording.objects.iter().map(|object| object.stored).sum();
    assert!((39_900..=39_920).contains(&stored), "{stored}");
}

/// The archive with the checksums of its header set right again, so that damage within reaches the parser.
fn with_checksums(mut data: Vec<u8>) -> Vec<u8> {
    let field = |data: &[u8], at: usize| u64::from_le_bytes(data[at..at + 8].try_into().unwrap()) as usize;
    let start = field(&data, 12).saturating_add(32);
    let end = start.saturating_add(field(&data, 20));
    if let Some(header) = data.get(start..end) {
        let sum = checksum(header);
        data[28..32].copy_from_slice(&sum);
    }
    let sum = checksum(&data[12..32]);
    data[8..12].copy_from_slice(&sum);
    data
}

fn checksum(data: &[u8]) -> [u8; 4] {
    let mut checksum = flate2::Crc::new();
    checksum.update(data);
    checksum.sum().to_le_bytes()
}

#[test]
fn too_large_a_dictionary_is_over_limit() {
    let mut data = SMALL.to_vec();
    let coder = memchr::memmem::rfind(&data, b"\x21\x21\x01").unwrap();
    data[coder + 3] = 40;
    let data = with_checksums(data);
    assert_eq!(Recording::of(read, &data).degraded, [(ObjectState::OverLimit, data.len() as u64)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damage_is_survived(
        sample in 0..METHODS.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut data = METHODS[sample].1.to_vec();
        for (index, value) in flips {
            let position = index.index(data.len());
            data[position] = value;
        }
        Recording::of(read, &data);
        Recording::of(read, &with_checksums(data));
    }
}
