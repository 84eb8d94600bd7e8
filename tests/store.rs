//! The store from end to end: filled by a replay, handled by an analyst, proved, and killed.

mod support;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use support::egret;

/// A store that the demo was replayed into.
struct Filled {
    folder: tempfile::TempDir,
    records: support::Replayed,
}

impl Filled {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let records = replay_demo(&folder.path().join("egret.db"), &[]);
        Self { folder, records }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("egret.db")
    }

    fn call(&self, arguments: &[&str]) -> Output {
        egret()
            .args(arguments)
            .arg("--store")
            .arg(self.path())
            .env("USER", "erin")
            .output()
            .expect("it starts")
    }

    /// Standard output of a call that must succeed.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn listed(&self, arguments: &[&str]) -> Vec<Value> {
        let told = self.told(&[&["incidents", "list", "--json"], arguments].concat());
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn demo() -> (PathBuf, PathBuf) {
    (support::file("tests/data/demo.pcap"), support::file("tests/data/demo-users.csv"))
}

fn replay_demo(store: &Path, more: &[&str]) -> support::Replayed {
    let (capture, users) = demo();
    let (store, users) = (store.to_str().expect("UTF-8"), users.to_str().expect("UTF-8"));
    let arguments = ["--internal", "10.20.0.0/16", "--users", users, "--store", store, "--quiet"];
    let replayed = support::replay(&[&capture], &[&arguments[..], more].concat());
    assert_eq!(replayed.status(), 0, "{}", replayed.stderr());
    replayed
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn the_store_holds_what_the_records_hold_and_what_analysts_add() {
    let filled = Filled::new();
    let mut written = filled.records.records("incidents.jsonl");
    let mut kept = filled.listed(&[]);
    assert_eq!(kept.len(), written.len());
    for (kept, written) in kept.iter_mut().zip(&mut written) {
        let handling = kept.as_object_mut().and_then(|record| record.remove("handling")).expect("handling");
        assert_eq!(text(&handling, "state"), "open");
        assert_eq!(kept, written);
    }
    let id = text(&kept[0], "id").to_owned();
    let short = &id[..10];
    filled.told(&["incidents", "assign", short, "dana", "--note", "asking her manager"]);
    filled.told(&["incidents", "close", short, "--as", "confirmed", "--by", "dana"]);
    assert_eq!(filled.listed(&[]).len(), kept.len() - 1, "closed incidents are not in the list");
    let closed = filled.listed(&["--state", "closed", "--assignee", "DANA"]);
    assert_eq!(text(&closed[0]["handling"], "verdict"), "confirmed");
    // A later replay of the same captures forgets nothing of that.
    replay_demo(&filled.path(), &["--workers", "3"]);
    let shown: Value =
        serde_json::from_str(&filled.told(&["incidents", "show", &id, "--json"])).expect("JSON");
    assert_eq!(text(&shown["handling"], "state"), "closed");
    assert_eq!(text(&shown["handling"]["notes"][0], "text"), "asking her manager");
    assert_eq!(text(&shown["handling"]["notes"][0], "author"), "erin");
    assert_eq!(shown["transfer_records"][0]["id"], shown["transfers"][0]);
    assert_eq!(shown["finding_records"][0]["id"], shown["findings"][0]);
    let page = filled.told(&["incidents", "show", &id]);
    for part in ["asking her manager", "Why", "Transfers", "Findings", "sha256", "confirmed"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let users = filled.told(&["users", "list"]);
    assert!(users.contains("alice") && users.contains("bob"), "{users}");
    let alice: Value =
        serde_json::from_str(&filled.told(&["users", "show", "ALICE", "--json"])).expect("JSON");
    assert!(alice["destinations"].as_array().is_some_and(|to| !to.is_empty()));
    assert_eq!(text(&alice["seen"][0], "host"), "ALICE-LT");
}

#[test]
fn a_store_is_proved_to_follow_from_its_captures_and_tampering_is_told() {
    let filled = Filled::new();
    let (capture, users) = demo();
    let (capture, users) = (capture.to_str().expect("UTF-8"), users.to_str().expect("UTF-8"));
    let proof = filled.told(&["incidents", "verify", capture, "--users", users]);
    assert!(proof.contains("as it was written") && proof.contains("byte for byte"), "{proof}");
    let other = support::file("tests/data/demo-users.csv");
    let wrong = filled.call(&["incidents", "verify", other.to_str().expect("UTF-8")]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("SHA-256"));
    // One digit of one record, in the file itself.
    let mut bytes = std::fs::read(filled.path()).expect("the store");
    let needle = b"attributed to alice";
    let places: Vec<usize> =
        bytes.windows(needle.len()).enumerate().filter(|(_, w)| w == needle).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + needle.len() - 5] = b'A';
    }
    std::fs::write(filled.path(), bytes).expect("the store");
    let told = filled.call(&["incidents", "verify"]);
    assert_eq!(told.status.code(), Some(1), "{}", String::from_utf8_lossy(&told.stdout));
    assert!(String::from_utf8_lossy(&told.stderr).contains("is not as it was written"));
}

#[test]
fn wrong_calls_are_told_with_what_to_do() {
    let filled = Filled::new();
    for (arguments, says) in [
        (&["incidents", "show", "i-ffff"][..], "no incident has this id"),
        (&["incidents", "show", "x'; DROP TABLE incident; --"], "no incident has this id"),
        (&["incidents", "close", "i-"], "--as"),
        (&["incidents", "list", "--since", "yesterday"], "so long ago"),
        (&["incidents", "prune"], "--older-than"),
        (&["users", "show", "nobody"], "users list"),
    ] {
        let output = filled.call(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
    let missing =
        egret().args(["incidents", "list", "--store", "/nowhere/egret.db"]).output().expect("it starts");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("egret replay --store"));
    let foreign = filled.folder.path().join("text");
    std::fs::write(&foreign, "no database at all").expect("written");
    let output = egret().args(["users", "list", "--store"]).arg(foreign).output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no store of egret"));
}
