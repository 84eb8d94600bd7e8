//! Rotation and mending: lines are whole, none is lost, none is doubled.

use super::*;
use egret_model::Evidence;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_764_000_000 + seconds)
}

fn sighting(number: usize) -> SightingRecord {
    SightingRecord {
        at: at(0),
        ip: Some("10.0.0.1".parse().unwrap()),
        mac: None,
        host: Some(format!("HOST-{number}")),
        user: None,
        domain: None,
        evidence: Evidence::Dhcp,
        until: None,
    }
}

fn open(folder: &Path, rotation: Rotation, now: Timestamp) -> (RotatingFolder, Vec<Mended>) {
    RotatingFolder::open(folder, rotation, now).unwrap()
}

/// The files of sightings in order of their names, which is that of time.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("sightings"))
        .collect();
    files.sort();
    files
}

/// The hosts told in all files of sightings, in order.
fn hosts(folder: &Path) -> Vec<String> {
    files(folder)
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.is_empty() || text.ends_with('\n'), "{}: a torn line", path.display());
            text.lines()
                .map(|line| {
                    serde_json::from_str::<serde_json::Value>(line).unwrap()["host"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn expected(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("HOST-{number}")).collect()
}

#[test]
fn a_file_is_closed_by_size_and_by_age_and_no_line_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = Rotation { bytes: 400, age_ns: 60_000_000_000, keep: 0 };
    let (mut records, _) = open(folder.path(), rotation, at(0));
    for number in 0..10 {
        records.sighting(&sighting(number)).unwrap();
    }
    records.flush(at(1)).unwrap();
    let by_size = files(folder.path());
    assert!(by_size.len() >= 3, "{by_size:?}");
    for path in &by_size {
        assert!(fs::metadata(path).unwrap().len() <= 400, "{}", path.display());
    }
    records.flush(at(62)).unwrap();
    assert_eq!(files(folder.path()).len(), by_size.len() + 1, "closed by age though nothing came");
    records.flush(at(300)).unwrap();
    assert_eq!(files(folder.path()).len(), by_size.len() + 1, "an empty file does not age");
    records.sighting(&sighting(10)).unwrap();
    records.flush(at(301)).unwrap();
    assert_eq!(hosts(folder.path()), expected(0..11));
}

#[test]
fn a_line_longer_than_a_file_may_be_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (mut records, _) = open(folder.path(), Rotation { bytes: 10, ..Rotation::default() }, at(0));
    for number in 0..3 {
        records.sighting(&sighting(number)).unwrap();
    }
    records.flush(at(0)).unwrap();
    assert_eq!(files(folder.path()).len(), 3);
    assert_eq!(hosts(folder.path()), expected(0..3));
}

#[test]
fn only_as_many_closed_files_are_kept_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sightings-of-mine.jsonl"), "{\"host\":\"mine\"}\n").unwrap();
    let (mut records, _) = open(folder.path(), Rotation { bytes: 10, age_ns: 0, keep: 2 }, at(0));
    for number in 0..9 {
        records.sighting(&sighting(number)).unwrap();
        records.flush(at(i64::try_from(number).unwrap())).unwrap();
    }
    fs::remove_file(folder.path().join("sightings-of-mine.jsonl"))
        .expect("a file of another's making is left alone");
    assert_eq!(hosts(folder.path()), expected(6..9));
}

#[test]
fn a_torn_last_line_is_cut_off_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut records, mended) = open(folder.path(), Rotation::default(), at(0));
    assert_eq!(mended, []);
    for number in 0..2 {
        records.sighting(&sighting(number)).unwrap();
    }
    records.flush(at(0)).unwrap();
    drop(records);
    let path = folder.path().join("sightings.jsonl");
    let whole = fs::read(&path).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in second..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut records, mended) = open(folder.path(), Rotation::default(), at(1));
        let torn: Vec<u64> = mended.iter().map(|mended| mended.torn_bytes).collect();
        assert_eq!(torn, if cut == second { vec![] } else { vec![(cut - second) as u64] });
        records.sighting(&sighting(1)).unwrap();
        records.flush(at(1)).unwrap();
        assert_eq!(hosts(folder.path()), expected(0..2));
    }
}

#[test]
fn a_torn_line_longer_than_a_block_is_cut_off_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sightings.jsonl");
    let torn = vec![b'x'; 3 * usize::try_from(BLOCK).unwrap() + 5];
    fs::write(&path, [b"{\"host\":\"HOST-0\"}\n".as_slice(), &torn].concat()).unwrap();
    let (_, mended) = open(folder.path(), Rotation::default(), at(0));
    assert_eq!(mended, [Mended { path, torn_bytes: torn.len() as u64 }]);
    assert_eq!(hosts(folder.path()), expected(0..1));
}

#[test]
fn a_file_moved_away_by_others_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (mut records, _) = open(folder.path(), Rotation::default(), at(0));
    records.sighting(&sighting(0)).unwrap();
    records.flush(at(0)).unwrap();
    fs::rename(folder.path().join("sightings.jsonl"), folder.path().join("sightings-1.jsonl")).unwrap();
    records.sighting(&sighting(1)).unwrap();
    records.flush(at(2)).unwrap();
    assert_eq!(hosts(folder.path()), expected(0..2));
    assert!(folder.path().join("sightings.jsonl").exists());
}

#[test]
fn a_disk_that_refuses_keeps_lines_waiting_and_then_loses_them_one_by_one() {
    if !Path::new("/dev/full").exists() {
        eprintln!("SKIPPED: no /dev/full on this system, so a full disk is not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut records, _) = open(folder.path(), Rotation::default(), at(0));
    records.sightings.file = OpenOptions::new().append(true).open("/dev/full").unwrap();
    records.sighting(&sighting(0)).unwrap();
    assert!(records.flush(at(0)).is_err());
    let long = SightingRecord { host: Some("x".repeat(1 << 20)), ..sighting(1) };
    let lost = (0..20).filter(|_| records.sighting(&long).is_err()).count();
    assert_eq!(lost, 4, "16 MiB wait");
    records.sightings.reopen().unwrap();
    records.flush(at(1)).unwrap();
    assert_eq!(hosts(folder.path()).len(), 17);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever comes when, and wherever the files are cut by their limits: all lines, in order, none twice.
    #[test]
    fn lines_are_neither_lost_nor_doubled(
        bytes in 0_u64..2_000, age in 0_i64..20, groups in prop::collection::vec((0_usize..12, 0_i64..15), 0..12)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let rotation = Rotation { bytes, age_ns: age * 1_000_000_000, keep: 0 };
        let (mut records, _) = open(folder.path(), rotation, at(0));
        let (mut number, mut now) = (0, 0);
        for (lines, pause) in groups {
            now += pause;
            for _ in 0..lines {
                records.sighting(&sighting(number)).unwrap();
                number += 1;
            }
            records.flush(at(now)).unwrap();
            if pause == 7 {
                records = open(folder.path(), rotation, at(now)).0;
            }
        }
        prop_assert_eq!(hosts(folder.path()), expected(0..number));
    }
}
