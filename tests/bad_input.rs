//! Bad input: one line that names the place and says what to do, the documented exit status, and everything valid beside it still done.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps nothing")]

mod support;

use std::fs;
use std::path::Path;

fn demo() -> std::path::PathBuf {
    support::file("tests/data/demo.pcap")
}

/// The lines that the program printed about what is wrong.
fn complaints(replayed: &support::Replayed) -> Vec<String> {
    replayed.stderr().lines().filter(|line| line.starts_with("egret: ")).map(str::to_owned).collect()
}

/// Replays a damaged capture beside a good one: the damage is told in one line, the good one is complete.
fn beside_a_good_capture(name: &str, bytes: &[u8], says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join(name);
    fs::write(&bad, bytes).unwrap();
    let good_alone = support::replay(&[&demo()], &["--quiet"]).records("transfers.jsonl").len();
    let replayed = support::replay(&[&bad, &demo()], &["--quiet"]);
    let said = complaints(&replayed);
    assert_eq!(replayed.status(), 1, "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    for part in says.iter().chain([&name]) {
        assert!(said[0].contains(part), "`{part}` is not in: {}", said[0]);
    }
    assert!(replayed.records("transfers.jsonl").len() >= good_alone);
    assert_eq!(replayed.summary()["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_a_capture_is_named() {
    beside_a_good_capture(
        "notes.txt",
        b"These are the minutes of the meeting, not a capture.",
        &["not a capture", "pcap"],
    );
}

#[test]
fn an_empty_file_is_named() {
    beside_a_good_capture("empty.pcap", b"", &["empty"]);
}

#[test]
fn a_capture_cut_in_a_packet_gives_everything_before_the_cut() {
    let whole = fs::read(demo()).unwrap();
    beside_a_good_capture(
        "cut.pcap",
        &whole[..whole.len() - 7],
        &["after packet 289", "byte 81006", "75 bytes"],
    );
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.pcap");
    fs::write(&cut, &whole[..whole.len() - 7]).unwrap();
    let replayed = support::replay(&[&cut], &["--quiet"]);
    assert_eq!(replayed.status(), 1);
    assert_eq!(replayed.summary()["packets"], 289);
}

#[test]
fn an_unknown_link_type_is_counted_as_unsupported() {
    let mut capture = fs::read(demo()).unwrap();
    capture[20..24].copy_from_slice(&147u32.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("link.pcap");
    fs::write(&path, capture).unwrap();
    let replayed = support::replay(&[&path], &["--quiet"]);
    let said = complaints(&replayed);
    assert_eq!(replayed.status(), 1, "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("link type 147") && said[0].contains("link.pcap"), "{said:?}");
    let ledger = &replayed.summary()["coverage"]["not_inspected"]["unsupported"];
    assert!(ledger.as_u64().unwrap() > 50_000, "{ledger}");
}

#[test]
fn a_directory_without_captures_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "nothing").unwrap();
    let replayed = support::replay(&[folder.path(), &demo()], &["--quiet"]);
    let said = complaints(&replayed);
    assert_eq!((replayed.status(), said.len()), (1, 1), "{said:?}");
    assert!(said[0].contains("no capture") && said[0].contains(folder.path().to_str().unwrap()), "{said:?}");
    assert!(!replayed.records("transfers.jsonl").is_empty());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let replayed = support::replay(&[Path::new("no/such.pcap"), &demo()], &["--quiet"]);
    let said = complaints(&replayed);
    assert_eq!((replayed.status(), said.len()), (1, 1), "{said:?}");
    assert!(said[0].contains("no/such.pcap"), "{said:?}");
    assert!(!replayed.records("transfers.jsonl").is_empty());
}

#[test]
fn nothing_readable_at_all_is_wrong_usage() {
    let replayed = support::replay(&[Path::new("no/such.pcap")], &["--quiet"]);
    assert_eq!(replayed.status(), 2, "{}", replayed.stderr());
    assert_eq!(complaints(&replayed).len(), 1, "{}", replayed.stderr());
}

#[test]
fn a_broken_signature_file_never_takes_down_the_good_ones() {
    const GOOD: &str = r#"
id = "acme/project"
title = "Project name"
severity = "high"
[[find]]
name = "name"
phrases = ["as discussed"]
[confidence]
high = "name"
[[test]]
match = "as discussed: the numbers"
"#;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.toml"), GOOD).unwrap();
    fs::write(
        folder.path().join("expression.toml"),
        GOOD.replace("acme/project", "acme/x").replace(r#"phrases = ["as discussed"]"#, "regex = 'ab(c'"),
    )
    .unwrap();
    fs::write(folder.path().join("syntax.toml"), "id = \"acme/broken\ntitle = 3\n").unwrap();
    let replayed = support::replay(&[&demo()], &["--quiet", "--signatures", folder.path().to_str().unwrap()]);
    let said = complaints(&replayed);
    assert_eq!(replayed.status(), 1, "{said:?}");
    assert_eq!(said.len(), 2, "{said:?}");
    for (name, line) in [("expression.toml", "7"), ("syntax.toml", "1")] {
        assert!(
            said.iter().any(|told| told.contains(&format!("{name}:{line}"))),
            "{name}:{line} is not named in {said:?}"
        );
    }
    let found = replayed.records("findings.jsonl");
    assert!(found.iter().any(|finding| finding["signature"] == "acme/project"));
    assert!(found.iter().any(|finding| finding["signature"] == "us-ssn"));
}

#[test]
fn a_directory_of_signatures_that_is_not_there_is_named() {
    let replayed = support::replay(&[&demo()], &["--quiet", "--signatures", "no/such/folder"]);
    let said = complaints(&replayed);
    assert_eq!((replayed.status(), said.len()), (1, 1), "{said:?}");
    assert!(said[0].contains("no/such/folder"), "{said:?}");
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output =
        support::egret().arg("replay").arg(demo()).arg("--output").arg(file.join("out")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be written") && said.contains("--output"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_wrong_line_in_the_table_of_users_leaves_the_others_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.csv");
    fs::write(&users, "ip,user\nnowhere,alice\n10.20.1.12,bob\n").unwrap();
    let replayed = support::replay(&[&demo()], &["--quiet", "--users", users.to_str().unwrap()]);
    let said = complaints(&replayed);
    assert!(said[0].contains("users.csv: line 2: `nowhere`"), "{said:?}");
    let transfers = replayed.records("transfers.jsonl");
    assert!(transfers.iter().any(|transfer| transfer["sender"]["user"] == "bob"));
}

#[test]
fn wrong_usage_is_status_2_and_an_incident_over_the_threshold_is_status_3() {
    let status = |arguments: &[&str]| {
        support::egret().arg("replay").arg(demo()).args(arguments).output().unwrap().status.code()
    };
    assert_eq!(status(&["--internal", "not-a-network"]), Some(2));
    assert_eq!(status(&["--no-such-option"]), Some(2));
    assert_eq!(status(&["--fail-on", "low", "--internal", "10.20.0.0/16"]), Some(3));
    assert_eq!(status(&["--fail-on", "low", "--internal", "192.0.2.0/24"]), Some(0));
}

#[test]
fn standard_input_is_read() {
    let output = support::egret()
        .args(["replay", "-", "--json"])
        .stdin(fs::File::open(demo()).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["summary"]["packets"], 290);
}
