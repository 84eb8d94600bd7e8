//! Tests of runs over several captures: the order of packets, directories, problems, progress.

use crate::{
    Inputs, PacketBatch,
    samples::{PcapVariant, Sample, packets, pcap, pcapng},
};
use egret_model::CaptureLimits;
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::{TempDir, tempdir};

/// Writes captures into a fresh directory.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, Vec<PathBuf>) {
    let directory = tempdir().expect("a directory");
    let paths = files.iter().map(|(name, bytes)| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a directory");
        fs::write(&path, bytes).expect("written");
        path
    });
    let paths = paths.collect();
    (directory, paths)
}

/// Packets as (capture, number), with their ordinals checked.
fn order(inputs: &mut Inputs) -> Vec<(u16, u64)> {
    let mut batch = PacketBatch::default();
    let mut order = Vec::new();
    while inputs.next_batch(&mut batch) {
        for packet in batch.packets() {
            assert_eq!(packet.reference.ordinal, order.len() as u64);
            order.push((packet.reference.capture, packet.reference.number));
        }
    }
    assert!(!inputs.next_batch(&mut batch) && batch.is_empty(), "the end stays the end");
    order
}

fn names(inputs: &Inputs, directory: &Path) -> Vec<String> {
    let prefix = format!("{}/", directory.display());
    inputs.names().map(|name| name.strip_prefix(&prefix).unwrap_or(name).to_owned()).collect()
}

fn capture(times: &[i64]) -> Vec<u8> {
    let samples: Vec<Sample> = times.iter().map(|&at| (at, vec![at as u8; 30])).collect();
    pcap(PcapVariant { magic: 0xa1b2_3c4d, ..PcapVariant::default() }, &samples)
}

/// The order by its definition: the earliest next packet, at equal times the capture named first.
fn expected_order(captures: &[Vec<i64>]) -> Vec<(u16, u64)> {
    let mut taken = vec![0; captures.len()];
    let mut order = Vec::new();
    while let Some((_, capture)) =
        captures.iter().enumerate().filter_map(|(i, times)| Some((*times.get(taken[i])?, i))).min()
    {
        taken[capture] += 1;
        order.push((capture as u16, taken[capture] as u64));
    }
    order
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn captures_are_merged_in_time_order(
        captures in prop::collection::vec(prop::collection::vec(0_i64..40, 0..30), 1..5),
        sorted in any::<bool>(),
        block_bytes in 1_usize..2000,
    ) {
        let mut captures = captures;
        if sorted {
            captures.iter_mut().for_each(|times| times.sort_unstable());
        }
        let directory = tempdir().expect("a directory");
        let paths: Vec<_> = (0..captures.len()).map(|i| directory.path().join(format!("{i}.pcap"))).collect();
        for (path, times) in paths.iter().zip(&captures) {
            fs::write(path, capture(times)).expect("written");
        }
        let mut inputs = Inputs::open(&paths, &CaptureLimits::default());
        // Smaller than any share a caller can ask for, so that blocks end within captures.
        inputs.limits.block_bytes = block_bytes;
        prop_assert_eq!(order(&mut inputs), expected_order(&captures));
        prop_assert!(inputs.problems().is_empty());
    }
}

#[test]
fn merging_keeps_packets_whole() {
    let all = packets(90);
    let thirds: Vec<Vec<Sample>> = (0..3).map(|i| all.iter().skip(i).step_by(3).cloned().collect()).collect();
    let files: Vec<_> = thirds.iter().map(|third| pcap(PcapVariant::default(), third)).collect();
    let (_directory, paths) = folder(&[("a", &files[0]), ("b", &files[1]), ("c", &files[2])]);
    let mut inputs = Inputs::open(&paths, &CaptureLimits::default());
    let mut batch = PacketBatch::default();
    let mut found = Vec::new();
    while inputs.next_batch(&mut batch) {
        assert_eq!(
            batch.packet(batch.len() - 1).map(|packet| packet.at),
            batch.packets().last().map(|packet| packet.at)
        );
        found.extend(batch.packets().map(|packet| (packet.at.nanos(), packet.data.to_vec())));
    }
    assert_eq!(found, all);
}

#[test]
fn directories_give_their_captures_by_path() {
    let one = capture(&[1]);
    let files: &[(&str, &[u8])] = &[
        ("b.pcap", &one),
        ("a/z.bin", &one),
        ("a/notes.txt", b"not a capture"),
        ("a/empty.pcap", b""),
        ("c/d/e.pcapng", &pcapng(&packets(3))),
        ("none/x.txt", b"nothing here"),
    ];
    let (directory, paths) = folder(files);
    let mut inputs = Inputs::open(&[directory.path(), &paths[0]], &CaptureLimits::default());
    assert_eq!(names(&inputs, directory.path()), ["a/z.bin", "b.pcap", "c/d/e.pcapng"]);
    assert_eq!(order(&mut inputs).len(), 5);
    assert!(inputs.problems().is_empty(), "{:?}", inputs.problems());

    let inputs = Inputs::open(&[directory.path().join("none")], &CaptureLimits::default());
    assert!(inputs.problems()[0].to_string().contains("no captures in this directory"));
    // Its only capture is read already.
    let inputs = Inputs::open(
        &[directory.path().join("c/d/e.pcapng"), directory.path().join("c")],
        &CaptureLimits::default(),
    );
    assert_eq!((inputs.names().len(), inputs.problems().len()), (1, 0));
}

#[test]
fn problems_do_not_stop_the_rest() {
    let mut cut = capture(&[5, 6, 7]);
    cut.truncate(cut.len() - 1);
    let (directory, mut paths) = folder(&[
        ("cut.pcap", &cut),
        ("notes.txt", b"text"),
        ("empty", b""),
        ("good.pcap", &capture(&[1, 9])),
    ]);
    paths.push(directory.path().join("missing\x1b[2J.pcap"));
    let mut inputs = Inputs::open(&paths, &CaptureLimits::default());
    assert_eq!(order(&mut inputs), [(1, 1), (0, 1), (0, 2), (1, 2)]);
    assert_eq!(names(&inputs, directory.path()), ["cut.pcap", "good.pcap"]);
    let problems: Vec<String> = inputs.problems().iter().map(ToString::to_string).collect();
    for (problem, expected) in
        problems.iter().zip(["not a capture", "is empty", "cannot be opened", "cut short"])
    {
        assert!(problem.contains(expected) && !problem.contains(char::is_control), "{problem}");
    }
    assert_eq!((problems.len(), inputs.problems()[3].lost_bytes()), (4, 45));
}

#[test]
fn progress_reaches_the_total() {
    let mut damaged = capture(&[1, 2]);
    damaged.extend([0xff; 300_000]);
    let good = capture(&[3; 1000]);
    let (_directory, paths) = folder(&[("damaged", &damaged), ("good", &good)]);
    let mut inputs = Inputs::open(&paths, &CaptureLimits::default());
    let progress = inputs.progress();
    assert_eq!((progress.total(), progress.consumed()), (Some((damaged.len() + good.len()) as u64), 0));
    order(&mut inputs);
    assert_eq!(Some(progress.consumed()), progress.total());
    assert_eq!(inputs.problems()[0].lost_bytes(), 300_000);
}

#[test]
fn secrets_tell_their_capture() {
    let (_directory, paths) = folder(&[("a", &capture(&[1])), ("b", &pcapng(&packets(2)))]);
    let limits = CaptureLimits { secrets_bytes: 40, ..CaptureLimits::default() };
    let mut inputs = Inputs::open(&paths, &limits);
    order(&mut inputs);
    assert_eq!(
        inputs.secrets().iter().map(|secret| (secret.capture, secret.kind)).collect::<Vec<_>>(),
        [(1, 0x544c_534b)]
    );
    assert!(
        inputs.problems()[0].to_string().contains("40 bytes of decryption secrets"),
        "{:?}",
        inputs.problems()
    );
}
