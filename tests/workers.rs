//! Promise: the same input gives the same records, byte for byte, at any number of workers.

mod support;

use std::path::{Path, PathBuf};

const RECORDS: [&str; 5] =
    ["transfers.jsonl", "findings.jsonl", "sightings.jsonl", "incidents.jsonl", "summary.json"];

/// Labelled captures that are replayed as one run: starting the program for each takes longer than reading them.
const TOGETHER: usize = 24;

#[test]
fn records_are_the_same_at_any_number_of_workers() {
    let mut captures = support::captures(&support::file("tests/data/captures"));
    captures.push(support::file("tests/data/demo.pcap"));
    let mut runs: Vec<Vec<_>> = captures.into_iter().map(|capture| vec![capture]).collect();
    if let Some(lab) = support::labelled_data("lab") {
        runs.extend(support::captures(&lab).chunks(TOGETHER).map(<[_]>::to_vec));
    }
    let mut compared = 0;
    for captures in &runs {
        let internal = ["--internal", "10.20.0.0/16", "--quiet", "--workers"];
        let paths: Vec<&Path> = captures.iter().map(PathBuf::as_path).collect();
        let run = |workers: &str| support::replay(&paths, &[&internal[..], &[workers]].concat());
        let one = run("1");
        for workers in ["2", "5", "16"] {
            let many = run(workers);
            assert_eq!(one.status(), many.status(), "{captures:?}");
            for name in RECORDS {
                assert!(one.bytes(name) == many.bytes(name), "{name} with {workers} workers of {captures:?}");
            }
        }
        compared += captures.len();
    }
    println!("{compared} captures compared at 1, 2, 5 and 16 workers");
    assert!(compared > 10);
}

#[test]
fn several_captures_are_one_run_in_time_order() {
    let captures = support::captures(&support::file("tests/data/captures"));
    let all: Vec<_> = captures.iter().map(PathBuf::as_path).collect();
    let one = support::replay(&all, &["--workers", "1", "--quiet"]);
    let three = support::replay(&all, &["--workers", "3", "--quiet"]);
    for name in RECORDS {
        assert!(one.bytes(name) == three.bytes(name), "{name}");
    }
    assert!(one.records("transfers.jsonl").len() > captures.len());
}
