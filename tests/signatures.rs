//! Signatures of the user's own, seen through the whole program: exceptions, thresholds over a day, overrides.

mod support;

use serde_json::Value;
use std::fs;

/// Replays the demonstration with these files as signatures.
fn replay(files: &[(&str, &str)]) -> support::Replayed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a signature can be written");
    }
    let users = support::file("tests/data/demo-users.csv");
    support::replay(
        &[&support::file("tests/data/demo.pcap")],
        &[
            "--internal",
            "10.20.0.0/16",
            "--users",
            users.to_str().expect("a UTF-8 path"),
            "--signatures",
            folder.path().to_str().expect("a UTF-8 path"),
        ],
    )
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn what_is_excepted_is_counted_and_raises_no_incident() {
    let exception = |until: &str| {
        format!(
            "override = \"us-ssn\"\n[[except]]\ndestination = \".crm-cloud.example\"\nreason = \"contract 7\"\nuntil = {until}\n"
        )
    };
    let plain = replay(&[]);
    let replayed = replay(&[("agreed.toml", &exception("2027-01-31"))]);
    let excepted: Vec<Value> = replayed
        .records("findings.jsonl")
        .into_iter()
        .filter(|finding| !finding["excepted"].is_null())
        .collect();
    assert_eq!(excepted.len(), 1);
    assert_eq!(text(&excepted[0]["excepted"], "reason"), "contract 7");
    assert_eq!(excepted[0]["unique"], 120);
    let to_crm = |replayed: &support::Replayed| {
        let incidents = replayed.records("incidents.jsonl");
        incidents.iter().filter(|incident| text(incident, "destination") == "api.crm-cloud.example").count()
    };
    assert_eq!((to_crm(&plain), to_crm(&replayed)), (1, 0));
    assert_eq!(replayed.summary()["excepted"]["us-ssn"]["matches"], excepted[0]["count"]);
    assert!(replayed.stdout().contains("Let pass by exceptions"), "{}", replayed.stdout());
    // The capture is of November 2026: an exception that ended before is told and lets nothing pass.
    let ended = replay(&[("agreed.toml", &exception("2026-10-31"))]);
    assert_eq!(to_crm(&ended), 1);
    assert!(
        ended.summary()["expired_exceptions"][0].as_str().is_some_and(|told| told.contains("2026-10-31"))
    );
}

#[test]
fn low_and_slow_senders_are_told() {
    // Cards of alice: one in one transfer, forty in another; both below a hundred, together not below forty-one.
    let over = |unique: u32| {
        format!(
            "override = \"payment-card\"\n[report]\nunique = 100\nper_sender_day = {{ unique = {unique} }}\n"
        )
    };
    let slow = |unique: u32| -> Vec<Value> {
        let replayed = replay(&[("slow.toml", &over(unique))]);
        let incidents = replayed.records("incidents.jsonl");
        incidents.into_iter().filter(|incident| text(incident, "kind") == "low-and-slow").collect()
    };
    let told = slow(40);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(text(&told[0], "user"), "alice");
    assert!(told[0]["reasons"][0].as_str().is_some_and(|reason| reason.contains("2026-11-23")));
    assert!(slow(500).is_empty());
}

#[test]
fn a_signature_switched_off_finds_nothing() {
    let replayed = replay(&[("off.toml", "override = \"person/\"\nenabled = false\n")]);
    let findings = replayed.records("findings.jsonl");
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|finding| text(finding, "signature") != "us-ssn"));
}
