//! Tests of the reader of zip archives.

use super::*;
use crate::formats::testing::{Recording, archive};
use proptest::prelude::*;

const LONG: &[u8] = &[b'x'; 5000];

fn two_members() -> Vec<u8> {
    archive(&[("docs/a.txt", b"alpha"), ("docs/", b""), ("b.bin", LONG)])
}

#[test]
fn members_become_objects_and_names_text() {
    let recording = Recording::of(read, &two_members());
    assert_eq!(recording.text, "docs/a.txt\ndocs/\nb.bin\n");
    assert_eq!(recording.objects.len(), 2);
    assert_eq!(recording.object("docs/a.txt").data, b"alpha");
    assert_eq!(recording.object("b.bin").data, LONG);
    assert!(recording.object("b.bin").stored < 100);
    assert!(recording.objects.iter().all(|object| object.state == Some(ObjectState::Inspected)));
    assert_eq!(recording.degraded, []);
}

#[test]
fn bytes_before_the_archive_do_not_matter() {
    let data = [b"#!/bin/sh\nPK\x03\x04 not a header\n".repeat(9), two_members()].concat();
    let recording = Recording::of(read, &data);
    assert_eq!(recording.object("b.bin").data, LONG);
    assert_eq!(recording.objects.len(), 2);
    assert_eq!(recording.degraded, []);
}

#[test]
fn a_cut_archive_is_read_by_its_local_headers() {
    let whole = two_members();
    let end = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    let recording = Recording::of(read, &whole[..end]);
    assert_eq!(recording.object("docs/a.txt").data, b"alpha");
    assert_eq!(recording.object("b.bin").data, LONG);
    assert_eq!(recording.degraded, [(ObjectState::Partial, 0)]);
    // Cut within the second member.
    let recording = Recording::of(read, &whole[..end - 10]);
    assert_eq!(recording.object("docs/a.txt").state, Some(ObjectState::Inspected));
    assert_eq!(recording.object("b.bin").state, Some(ObjectState::Partial));
}

#[test]
fn members_that_the_directory_hides_are_found() {
    let hidden = archive(&[("hidden.txt", b"hidden")]);
    let end = memchr::memmem::find(&hidden, b"PK\x01\x02").unwrap();
    let data = [&hidden[..end], &two_members()].concat();
    let recording = Recording::of(read, &data);
    assert_eq!(recording.object("hidden.txt").data, b"hidden");
    assert_eq!(recording.object("docs/a.txt").data, b"alpha");
}

#[test]
fn streamed_members_end_at_their_descriptors() {
    let mut writer = zip_writer::stream(Vec::new());
    let options = zip_writer::options();
    for (name, content) in [("a.txt", &b"alpha"[..]), ("b.bin", LONG)] {
        writer.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut writer, content).unwrap();
    }
    let whole = writer.finish().unwrap().into_inner();
    assert_eq!(Recording::of(read, &whole).object("b.bin").data, LONG);
    let end = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    let recording = Recording::of(read, &whole[..end]);
    assert_eq!(recording.object("a.txt").data, b"alpha");
    assert_eq!(recording.object("b.bin").state, Some(ObjectState::Inspected));
}

#[test]
fn a_wrong_checksum_is_malformed_and_its_bytes_are_kept() {
    let mut data = two_members();
    let central = memchr::memmem::find(&data, b"PK\x01\x02").unwrap();
    data[central + 16] ^= 1;
    let recording = Recording::of(read, &data);
    assert_eq!(recording.object("docs/a.txt").state, Some(ObjectState::Malformed));
    assert_eq!(recording.object("docs/a.txt").data, b"alpha");
}

#[test]
fn members_that_cannot_be_read_say_why() {
    for (offset, value, expected) in [(8, 1, ObjectState::Encrypted), (10, 97, ObjectState::Unsupported)] {
        let mut data = two_members();
        let central = memchr::memmem::find(&data, b"PK\x01\x02").unwrap();
        data[central + offset] = value;
        let recording = Recording::of(read, &data);
        assert_eq!(recording.object("docs/a.txt").state, Some(expected));
        assert_eq!(recording.object("docs/a.txt").stored, 7);
        assert_eq!(recording.object("b.bin").state, Some(ObjectState::Inspected));
    }
}

#[test]
fn what_is_no_archive_is_malformed() {
    assert_eq!(Recording::of(read, b"PK\x03\x04").degraded, [(ObjectState::Malformed, 4)]);
    assert_eq!(Recording::of(read, b"").degraded, [(ObjectState::Malformed, 0)]);
    let empty = Recording::of(read, &archive(&[]));
    assert_eq!((empty.objects.len(), empty.degraded), (0, vec![]));
}

#[test]
fn a_bomb_stops_where_the_output_says() {
    let mut recording = Recording { object_limit: Some(1 << 20), ..Recording::default() };
    read(&archive(&[("zeros", &vec![0; 32 << 20])]), &mut recording);
    assert_eq!(recording.objects[0].state, Some(ObjectState::OverLimit));
    assert!(recording.objects[0].data.len() <= (1 << 20) + (64 << 10));
}

#[test]
fn many_headers_cost_no_more_than_their_size() {
    // Every header says that its size follows, and none does.
    let header = b"PK\x03\x04\x14\0\x08\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a";
    let recording = Recording::of(read, &header.repeat(20_000));
    assert_eq!(recording.objects.len(), 20_000);
}

proptest! {
    #[test]
    fn damage_is_survived(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>()) {
        let mut data = two_members();
        for (index, value) in flips {
            let position = index.index(data.len());
            data[position] = value;
        }
        data.truncate(cut.index(data.len() + 1));
        Recording::of(read, &data);
    }

    #[test]
    fn whatever_is_packed_is_unpacked(members in proptest::collection::btree_map("[a-zé]{1,9}", proptest::collection::vec(any::<u8>(), 0..300), 0..6)) {
        let list: Vec<(&str, &[u8])> = members.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let recording = Recording::of(read, &archive(&list));
        let unpacked: std::collections::BTreeMap<_, _> = recording.objects.into_iter().map(|object| (object.name, object.data)).collect();
        prop_assert_eq!(unpacked, members);
    }
}

/// The library's writer, whose crate has the name of this module.
mod zip_writer {
    use ::zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

    pub(super) fn stream(out: Vec<u8>) -> ZipWriter<StreamWriter<Vec<u8>>> {
        ZipWriter::new_stream(out)
    }

    pub(super) fn options() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Deflated)
    }
}
