//! What is unusual, whether anybody can read it or not: `tests/data/behavior/NAME.pcap`, and what is raised by each in
//! `expected.txt`; context and feeds over the demo.
//!
//! To add a case, add the capture and run the test once with UPDATE_EXPECTED=1; read what it wrote before you keep it.

mod support;

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

const INTERNAL: [&str; 3] = ["--quiet", "--internal", "10.77.0.0/16"];

#[test]
fn each_capture_raises_what_it_should() {
    let folder = support::file("tests/data/behavior");
    let mut found = String::new();
    for capture in &support::captures(&folder) {
        let name = capture.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        let _ = writeln!(found, "{name}");
        for incident in support::replay(&[capture], &INTERNAL).records("incidents.jsonl") {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let kinds: Vec<String> = incident["anomalies"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|anomaly| text(&anomaly["kind"]))
                .collect();
            let parts = ["kind", "severity", "host", "destination"].map(|key| text(&incident[key]));
            let _ = writeln!(found, "  {} {}", parts.join(" "), kinds.join(","));
        }
    }
    let expected = folder.join("expected.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&expected, &found).expect("the expectation can be written");
    }
    let expected = fs::read_to_string(&expected).expect("an expectation; see the head of this file");
    assert_eq!(found, expected);
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let captures = support::captures(&support::file("tests/data/behavior"));
    let captures: Vec<_> = captures.iter().map(AsRef::as_ref).collect();
    let one = support::replay(&captures, &[&INTERNAL[..], &["--workers", "1"]].concat());
    let four = support::replay(&captures, &[&INTERNAL[..], &["--workers", "4"]].concat());
    assert_eq!(one.bytes("incidents.jsonl"), four.bytes("incidents.jsonl"));
    assert!(!one.bytes("incidents.jsonl").is_empty());
}

/// Incidents of the demo under a context of its own.
fn under(context: &str, feed: Option<&str>) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("a UTF-8 path").to_owned()
    };
    let demo = support::file("tests/data/demo.pcap");
    let users = support::file("tests/data/demo-users.csv");
    let context = write("context.toml", context);
    let feed = feed.map(|feed| write("feed.csv", feed));
    let mut arguments = vec!["--quiet", "--internal", "10.20.0.0/16", "--context", &context];
    arguments.extend(["--users", users.to_str().expect("a UTF-8 path")]);
    if let Some(feed) = &feed {
        arguments.extend(["--feed", feed]);
    }
    support::replay(&[&demo], &arguments).records("incidents.jsonl")
}

fn to<'a>(incidents: &'a [Value], user: &str, destination: &str) -> &'a Value {
    incidents
        .iter()
        .find(|incident| incident["user"] == user && incident["destination"] == destination)
        .unwrap_or_else(|| panic!("no incident of {user} to {destination}: {incidents:#?}"))
}

#[test]
fn an_incident_tells_its_whole_story() {
    let incidents = under("", None);
    let bob = to(&incidents, "bob", "mx.postbox.example");
    for key in
        ["timeline", "risk_shares", "profile", "policy", "user_risk", "reasons", "attribution_confidence"]
    {
        assert!(!bob[key].is_null(), "{key} is missing: {bob:#}");
    }
    let sum: f64 =
        bob["risk_shares"].as_array().unwrap().iter().map(|share| share["points"].as_f64().unwrap()).sum();
    let risk = bob["risk"].as_f64().unwrap();
    assert!((sum.clamp(0.0, 100.0) - risk).abs() < 1.0, "{sum} for {risk}");
    // Alice has sent the same table.
    assert_eq!(bob["profile"]["kind"], "collusion");
    assert_eq!(bob["policy"]["verdict"], "unregulated");
}

#[test]
fn rules_groups_and_assets_change_what_comes_first() {
    let context = r#"
        [[group]]
        name = "leavers"
        kind = "leaver"
        users = ["alice"]
        [[asset]]
        name = "clinic"
        names = ["BOB-PC"]
        value = 3.0
        [[rule]]
        name = "customers to the CRM"
        allow = true
        users = ["alice"]
        destinations = ["crm-cloud.example"]
        reason = "contract 7"
        [[rule]]
        name = "nothing to drop places"
        allow = false
        destinations = ["dropfile.example"]
    "#;
    let (plain, judged) = (under("", None), under(context, None));
    let crm = to(&judged, "alice", "api.crm-cloud.example");
    assert_eq!((&crm["policy"]["verdict"], &crm["severity"]), (&"allowed".into(), &"low".into()));
    let dropped = to(&judged, "alice", "share.dropfile.example");
    assert_eq!(dropped["policy"]["verdict"], "forbidden");
    assert_eq!(dropped["profile"]["kind"], "malicious", "{dropped:#}");
    let bob = |incidents: &[Value]| to(incidents, "bob", "mx.postbox.example")["user_risk"]["score"].as_u64();
    assert!(bob(&judged) >= bob(&plain), "{:?} {:?}", bob(&judged), bob(&plain));
    let shares = to(&judged, "bob", "mx.postbox.example")["risk_shares"].to_string();
    assert!(shares.contains("from the asset clinic"), "{shares}");
}

#[test]
fn intelligence_is_told_by_feed_and_note() {
    let incidents = under("", Some("indicator,note\ndropfile.example,drop zone of group 7\n"));
    let kinds: Vec<&Value> = incidents
        .iter()
        .flat_map(|incident| incident["anomalies"].as_array().into_iter().flatten())
        .filter(|anomaly| anomaly["kind"] == "intelligence")
        .collect();
    assert!(!kinds.is_empty());
    assert!(
        kinds.iter().all(|anomaly| anomaly["explanation"].as_str().unwrap().contains("drop zone of group 7"))
    );
}

#[test]
fn a_context_that_cannot_be_read_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("context.toml");
    fs::write(&path, "[[asset]]\nname = \"x\"\nvalue = 99.0\n").expect("a file can be written");
    let demo = support::file("tests/data/demo.pcap");
    let output =
        support::egret().arg("replay").arg(demo).arg("--context").arg(&path).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("asset `x`: value = 99"), "{said}");
}
