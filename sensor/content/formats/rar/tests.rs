//! Tests of the reader of RAR archives.

use super::*;
use crate::formats::testing::Recording;
use proptest::prelude::*;

/// `docs/a.txt`, the empty `empty.txt` and `b.bin`, by each version of the format.
const VERSIONS: [(&str, &[u8]); 8] = [
    ("1.4", include_bytes!("../../../../tests/data/documents/small-rar14.rar")),
    ("1.5", include_bytes!("../../../../tests/data/documents/small-rar15.rar")),
    ("2.0", include_bytes!("../../../../tests/data/documents/small-rar20.rar")),
    ("2.9", include_bytes!("../../../../tests/data/documents/small-rar29.rar")),
    ("2.9 with PPMd", include_bytes!("../../../../tests/data/documents/small-ppmd.rar")),
    ("5", SMALL),
    ("5, solid", SOLID),
    ("5, not compressed", STORED),
];
const SMALL: &[u8] = include_bytes!("../../../../tests/data/documents/small-rar50.rar");
const SOLID: &[u8] = include_bytes!("../../../../tests/data/documents/small-solid.rar");
const STORED: &[u8] = include_bytes!("../../../../tests/data/documents/small-store.rar");
const COMMENTED: &[u8] = include_bytes!("../../../../tests/data/documents/commented.rar");
const LOCKED: &[u8] = include_bytes!("../../../../tests/data/documents/locked.rar");
const LOCKED_SOLID: &[u8] = include_bytes!("../../../../tests/data/documents/locked-solid.rar");
const LOCKED_NAMES: &[u8] = include_bytes!("../../../../tests/data/documents/locked-names.rar");
/// The first and the second volume of a set with `rows.txt`, and the first of an older version.
const VOLUMES: [(&[u8], &str); 3] = [
    (include_bytes!("../../../../tests/data/documents/volume-1.rar"), "0,"),
    (include_bytes!("../../../../tests/data/documents/volume-2.rar"), ""),
    (include_bytes!("../../../../tests/data/documents/volume-old.rar"), "0,"),
];

#[test]
fn files_become_objects_whatever_the_version() {
    for (version, data) in VERSIONS {
        let recording = Recording::of(read, data);
        let name = |name: &str| {
            let found = recording.objects.iter().find(|object| object.name.eq_ignore_ascii_case(name));
            found.unwrap_or_else(|| panic!("{version}: no {name} in {recording:?}"))
        };
        assert_eq!(recording.objects.len(), 3, "{version}");
        assert_eq!(name("docs/a.txt").data, b"alpha", "{version}");
        assert_eq!(name("b.bin").data, [b'x'; 5000], "{version}");
        assert!(
            recording.objects.iter().all(|object| object.state == Some(ObjectState::Inspected)),
            "{version}"
        );
        assert!(name("b.bin").stored > 0 && name("empty.txt").data.is_empty(), "{version}");
        assert_eq!(recording.text.to_ascii_lowercase().replace('\\', "/"), "docs/a.txt\nempty.txt\nb.bin\n");
        assert_eq!(recording.degraded, [], "{version}");
    }
    assert_eq!(Recording::of(read, COMMENTED).text, "docs/a.txt\nthe comment\n");
}

#[test]
fn what_is_encrypted_says_so() {
    for data in [LOCKED, LOCKED_SOLID] {
        let recording = Recording::of(read, data);
        assert!(recording.text.starts_with("docs/a.txt\n"), "its names are open");
        for name in ["docs/a.txt", "b.bin"] {
            let object = recording.object(name);
            assert_eq!((object.state, object.data.len()), (Some(ObjectState::Encrypted), 0), "{name}");
        }
    }
    let recording = Recording::of(read, LOCKED_NAMES);
    assert_eq!(recording.degraded, [(ObjectState::Encrypted, LOCKED_NAMES.len() as u64)]);
    assert_eq!(recording.objects.len(), 0);
}

#[test]
fn of_a_set_each_volume_gives_what_stands_in_it() {
    for (data, beginning) in VOLUMES {
        let recording = Recording::of(read, data);
        let part = recording.object("rows.txt");
        assert_eq!(part.state, Some(ObjectState::Partial));
        assert!(part.data.len() > 2000 && part.data.starts_with(beginning.as_bytes()));
        assert_eq!(part.data.len() as u64, part.stored);
    }
}

#[test]
fn a_damaged_file_leaves_the_others() {
    let mut damaged = STORED.to_vec();
    let at = memchr::memmem::find(&damaged, b"alpha").expect("it is not compressed");
    damaged[at] ^= 1;
    let recording = Recording::of(read, &damaged);
    assert_eq!(recording.object("docs/a.txt").state, Some(ObjectState::Malformed));
    assert_eq!(recording.object("docs/a.txt").data, b"`lpha");
    assert_eq!(recording.object("b.bin").state, Some(ObjectState::Inspected));
}

#[test]
fn who_has_had_enough_gets_no_more() {
    for data in [STORED, SOLID] {
        let mut recording = Recording { object_limit: Some(3), ..Recording::default() };
        read(data, &mut recording);
        let states: Vec<_> = recording.objects.iter().map(|object| object.state).collect();
        assert_eq!(states, [Some(ObjectState::OverLimit); 3], "each file is told");
    }
}

#[test]
fn the_last_file_of_a_solid_archive_may_be_damaged() {
    let mut damaged = SOLID.to_vec();
    // The end of the compressed data stands before the header that ends the archive.
    let at = damaged.len() - 12;
    damaged[at] ^= 0x55;
    let recording = Recording::of(read, &damaged);
    assert_eq!(recording.object("docs/a.txt").state, Some(ObjectState::Inspected));
    assert_eq!(recording.object("b.bin").state, Some(ObjectState::Malformed));
}

#[test]
fn any_cut_is_survived_and_keeps_what_came_before() {
    let mut most = 0;
    for length in 0..STORED.len() {
        let recording = Recording::of(read, &STORED[..length]);
        let whole = recording.objects.iter().filter(|object| object.state == Some(ObjectState::Inspected));
        most = most.max(whole.count());
        if let Some(object) = recording.objects.iter().find(|object| object.name == "docs/a.txt") {
            assert!(b"alpha".starts_with(&object.data), "{length}");
        }
    }
    assert!(most >= 2);
}

proptest! {
    #[test]
    fn damage_is_survived(version in 0..VERSIONS.len(), places in prop::collection::vec((0_usize..6000, any::<u8>()), 1..8)) {
        let mut data = VERSIONS[version].1.to_vec();
        for (at, byte) in places {
            let length = data.len();
            data[at % length] = byte;
        }
        let _recording = Recording::of(read, &data);
    }
}
