//! Real captures and what a replay must find in them: `tests/data/captures/NAME.pcap` with `NAME.expected.json`, and `NAME.keys` where
//! there is a TLS key log.
//!
//! To add a case, add the capture and run the test once with UPDATE_EXPECTED=1; read what it wrote before you keep it.

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[test]
fn each_capture_gives_the_expected_records() {
    let folder = support::file("tests/data/captures");
    let mut wrong = Vec::new();
    let captures = support::captures(&folder);
    assert!(!captures.is_empty());
    for capture in &captures {
        let found = found_in(capture);
        let expected_path = capture.with_extension("expected.json");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            let text = serde_json::to_string_pretty(&found).expect("JSON");
            fs::write(&expected_path, text + "\n").expect("the expectation can be written");
            continue;
        }
        let text = fs::read_to_string(&expected_path).unwrap_or_else(|error| {
            panic!("{}: {error}; see the head of this file", expected_path.display())
        });
        let expected: Value = serde_json::from_str(&text).expect("an expectation in JSON");
        if found != expected {
            wrong.push(format!("{}:\n{}", capture.display(), difference(&expected, &found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What matters of a replay's records, without what any change of wording would touch.
fn found_in(capture: &Path) -> Value {
    let users = support::file("tests/data/demo-users.csv");
    let users = users.to_str().expect("a UTF-8 path");
    let mut options =
        vec!["--internal", "10.20.0.0/16", "--internal", "2001:db8:20::/64", "--users", users, "--quiet"];
    let keys = capture.with_extension("keys");
    if keys.exists() {
        options.extend(["--keylog", keys.to_str().expect("a UTF-8 path")]);
    }
    let replayed = support::replay(&[capture], &options);
    let transfers: Vec<Value> = replayed
        .records("transfers.jsonl")
        .iter()
        .map(|t| {
            let objects: Vec<Value> = list(&t["objects"])
                .iter()
                .map(|o| json!([o["path"], o["media_type"], o["size"], o["state"], o["sha256"]]))
                .collect();
            json!({
                "what": format!("{} {} {}", text(&t["protocol"]), text(&t["operation"]), text(&t["direction"])),
                "user": t["sender"]["user"], "evidence": t["sender"]["evidence"], "to": t["receiver"]["name"],
                "tunnel": t["tunnel"], "bytes": t["bytes"], "complete": t["complete"], "readable": t["readable"],
                "objects": objects,
            })
        })
        .collect();
    let findings: Vec<Value> = replayed
        .records("findings.jsonl")
        .iter()
        .map(|f| {
            json!([f["signature"], f["object"], f["severity"], f["confidence"], f["count"], f["unique"]])
        })
        .collect();
    let incidents: Vec<Value> = replayed
        .records("incidents.jsonl")
        .iter()
        .map(|i| json!([i["kind"], i["severity"], i["user"], i["destination"], i["complete"]]))
        .collect();
    let summary = replayed.summary();
    json!({
        "status": replayed.status(), "packets": summary["packets"], "flows": summary["flows"],
        "coverage": summary["coverage"], "problems": list(&summary["problems"]).len(),
        "transfers": transfers, "findings": findings, "incidents": incidents,
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The lines of the pretty forms that differ.
fn difference(expected: &Value, found: &Value) -> String {
    let (expected, found) = (format!("{expected:#}"), format!("{found:#}"));
    let missing = expected.lines().filter(|line| !found.lines().any(|other| other == *line));
    let extra = found.lines().filter(|line| !expected.lines().any(|other| other == *line));
    missing
        .map(|line| format!("  - {line}"))
        .chain(extra.map(|line| format!("  + {line}")))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Keys that a capture tells behind the packets that they open, as some recorders write them at the end.
#[test]
fn keys_at_the_end_of_a_capture_open_what_came_before_them() {
    const SECRETS: u32 = 10;
    let capture = support::file("tests/data/captures/tls-injected-secrets.pcapng");
    let bytes = fs::read(&capture).expect("a capture");
    let (mut others, mut secrets) = (Vec::new(), Vec::new());
    let mut rest = bytes.as_slice();
    while let Some(head) = rest.first_chunk::<8>() {
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let (block, behind) = rest.split_at(word(4) as usize);
        if word(0) == SECRETS {
            secrets.extend(block);
        } else {
            others.extend(block);
        }
        rest = behind;
    }
    assert!(!secrets.is_empty());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let moved = folder.path().join("moved.pcapng");
    fs::write(&moved, [others, secrets].concat()).expect("own folder");
    let told = |capture: &Path| -> Vec<Value> {
        let mut transfers = support::replay(&[capture], &["--quiet"]).records("transfers.jsonl");
        // These name the file, and what is made of its name.
        for field in ["capture", "id", "findings"] {
            transfers.iter_mut().for_each(|transfer| transfer[field] = Value::Null);
        }
        transfers
    };
    let (expected, found) = (told(&capture), told(&moved));
    assert!(expected.iter().any(|transfer| transfer["protocol"] != "tls"), "the keys open something");
    assert_eq!(found, expected);
}
