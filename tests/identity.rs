//! Real captures and whom they name: `tests/data/identity/NAME.pcap`, and what all of them tell in `expected.txt`.
//!
//! To add a case, add the capture and run the test once with UPDATE_EXPECTED=1; read what it wrote before you keep it.

mod support;

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

#[test]
fn each_capture_names_whom_it_should() {
    let folder = support::file("tests/data/identity");
    let captures = support::captures(&folder);
    assert!(!captures.is_empty());
    let mut found = String::new();
    for capture in &captures {
        let name = capture.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        let replayed = support::replay(&[capture], &["--quiet"]);
        let _ = writeln!(found, "{name}");
        for sighting in replayed.records("sightings.jsonl") {
            let told = |key: &str| match &sighting[key] {
                Value::Null => "-".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let parts = ["evidence", "ip", "mac", "user", "domain", "host", "until"].map(told);
            let _ = writeln!(found, "  {}", parts.join(" "));
        }
    }
    let expected = folder.join("expected.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&expected, &found).expect("the expectation can be written");
    }
    let expected = fs::read_to_string(&expected).expect("an expectation; see the head of this file");
    assert_eq!(found, expected);
}
