//! `egret run` while real programs talk past it.

use crate::network::{Network, SENSOR_ADDRESS, SENSOR_END};
use crate::sensor::{Running, Sensor, Servers, curl, mail, patients, records, wait_for};
use crate::support;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// A folder that an unprivileged sensor can pass, too.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("own folder");
    folder
}

fn url(path: &str) -> String {
    format!("http://{SENSOR_ADDRESS}/{path}")
}

fn ftp(path: &str) -> String {
    format!("ftp://alice:secret@{SENSOR_ADDRESS}/{path}")
}

/// Real programs, one after the other: a mail, a form, a plain upload, and files over FTP both ways.
fn everyday_traffic(network: &Network, servers: &Servers, folder: &Path) {
    let file = |name: &str, rows, first| patients(folder, name, rows, first).display().to_string();
    // First, since it tells the user's domain, which a replay knows of everything before, and a running sensor can't.
    mail(network, &patients(folder, "mail.csv", 80, 2000));
    curl(network, &["--form", &format!("file=@{}", file("form.csv", 60, 0)), &url("upload")]);
    curl(network, &["--upload-file", &file("put.csv", 300, 1000), &url("put.csv")]);
    curl(network, &["--header", "Content-Type: text/plain", "--data", "nothing of note", &url("note")]);
    if servers.have_ftp {
        curl(network, &["--upload-file", &file("passive.csv", 90, 3000), &ftp("passive.csv")]);
        curl(
            network,
            &["--ftp-port", "-", "--upload-file", &file("active.csv", 70, 4000), &ftp("active.csv")],
        );
        curl(network, &[&ftp("passive.csv")]);
    }
}

/// Records by content. Left out are: ids, which have the packet's number in the capture in them, and the capture's name; times, since
/// the kernel stamps a packet of the same machine anew for each who captures it, a microsecond apart; and how sure an attribution is,
/// since a replay also knows what evidence came later.
fn by_content(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for kind in ["transfers", "findings", "sightings"] {
        for mut record in records(folder, kind) {
            strip(&mut record);
            strip(&mut record["sender"]);
            strip(&mut record["receiver"]);
            if let Some(findings) = record["findings"].as_array() {
                record["findings"] = json!(findings.len());
            }
            lines.push(format!("{kind} {record}"));
        }
    }
    // Of an incident that grew, the last state is what counts.
    let mut incidents = std::collections::BTreeMap::new();
    for incident in records(folder, "incidents") {
        incidents.insert(incident["id"].to_string(), incident);
    }
    for mut incident in incidents.into_values() {
        incident["transfers"] = json!(incident["transfers"].as_array().map(Vec::len));
        incident["findings"] = json!(incident["findings"].as_array().map(Vec::len));
        strip(&mut incident);
        if let Some(reasons) = incident["reasons"].as_array_mut() {
            reasons.retain(|reason| !reason.as_str().is_some_and(|reason| reason.starts_with("attributed")));
        }
        lines.push(format!("incidents {incident}"));
    }
    lines.sort();
    lines
}

fn strip(record: &mut Value) {
    const OWN: [&str; 10] = [
        "id",
        "capture",
        "transfer",
        "started_at",
        "ended_at",
        "at",
        "until",
        "first_at",
        "last_at",
        "confidence",
    ];
    if let Some(fields) = record.as_object_mut() {
        // A finding's confidence is a word, and counts.
        fields.retain(|key, value| !OWN.contains(&key.as_str()) || key == "confidence" && value.is_string());
    }
}

#[test]
fn records_are_those_of_a_replay_of_the_same_traffic() {
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let Some(servers) = Servers::start(&network, work.path()) else { return };
    let people = work.path().join("people.csv");
    fs::write(&people, "ip,user,host\n10.77.0.1,alice,ALICE-LT\n").expect("own folder");
    let people = people.display().to_string();
    for (backend, workers) in [("af-packet", "2"), ("pcap", "1")] {
        let pcap = work.path().join(format!("{backend}.pcap"));
        let mut tcpdump = network.inside("tcpdump");
        tcpdump.args(["--immediate-mode", "--time-stamp-precision=nano", "-U", "-s", "0", "-Z", "root"]);
        tcpdump.args(["-i", SENSOR_END, "-w"]).arg(&pcap);
        let tcpdump = tcpdump.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut tcpdump = Running(tcpdump.expect("tcpdump starts"));
        // The file has its header once it captures.
        wait_for("tcpdump", || fs::metadata(&pcap).is_ok_and(|file| file.len() >= 24));
        let output = work.path().join(format!("records-{backend}"));
        let users = ["--users", &people];
        let sensor = Sensor::start(
            &network,
            &output,
            &[&["--backend", backend, "--workers", workers], &users[..]].concat(),
        );
        everyday_traffic(&network, &servers, work.path());
        let summary = sensor.stop();
        tcpdump.signal("INT");
        tcpdump.ended();

        let arguments = [&["--internal", "10.77.0.1/32", "--quiet"], &users[..]].concat();
        let replayed = support::replay(&[&pcap], &arguments);
        assert_eq!(replayed.status(), 0, "{}", replayed.stderr());
        let (live, again) = (by_content(&output), by_content(replayed.folder.path()));
        assert!(
            live.iter().filter(|line| line.starts_with("findings") && line.contains("us-ssn")).count() >= 3
        );
        let only = |one: &[String], other: &[String]| -> String {
            one.iter().filter(|line| !other.contains(line)).map(|line| format!("  {line}\n")).collect()
        };
        assert!(
            live == again,
            "{backend}: records differ\nlive only:\n{}replay only:\n{}",
            only(&live, &again),
            only(&again, &live)
        );
        assert_eq!(summary["packets"], replayed.summary()["packets"], "{backend}");
        assert_eq!(summary["coverage"], replayed.summary()["coverage"], "{backend}");
    }
}

#[test]
fn a_kill_loses_what_was_in_flight_and_says_so() {
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let Some(_servers) = Servers::start(&network, work.path()) else { return };
    let output = work.path().join("records");
    let mut sensor = Sensor::start(&network, &output, &[]);
    let before = patients(work.path(), "before.csv", 60, 0).display().to_string();
    curl(&network, &["--upload-file", &before, &url("before.csv")]);
    let has = |folder: &Path, name: &str| {
        records(folder, "transfers").iter().any(|t| t["operation"].as_str().is_some_and(|o| o.contains(name)))
    };
    sensor.wait_for("the record of the first upload", |folder| has(folder, "before.csv"));
    // Large and slow: it is under way when the sensor dies, and a summary has been written meanwhile.
    let large = patients(work.path(), "large.csv", 60_000, 5000);
    let mut slow = network.outside("curl");
    slow.args(["--silent", "--limit-rate", "200k", "--output", "/dev/null", "--upload-file"]).arg(&large);
    let slow = Running(slow.arg(url("large.csv")).stdin(Stdio::null()).spawn().expect("curl starts"));
    sensor.wait_for("a summary that knows of the slow upload", |folder| {
        let summary: Value = fs::read(folder.join("summary.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        summary["in_flight"]["flows"].as_u64().is_some_and(|flows| flows > 0)
            && summary["in_flight"]["transfers"].as_u64().is_some_and(|transfers| transfers > 0)
    });
    sensor.process.signal("KILL");
    assert_eq!(sensor.process.ended(), None);
    drop(slow);

    let sensor = Sensor::start(&network, &output, &[]);
    assert!(sensor.said.contains("lost"), "the log tells of the loss: {}", sensor.said);
    let after = patients(work.path(), "after.csv", 60, 900).display().to_string();
    curl(&network, &["--upload-file", &after, &url("after.csv")]);
    sensor.stop();
    // Whole lines only, or this fails.
    let transfers = records(&output, "transfers");
    assert!(has(&output, "before.csv") && has(&output, "after.csv"), "{transfers:?}");
    let ids: std::collections::HashSet<String> = transfers.iter().map(|t| t["id"].to_string()).collect();
    assert_eq!(ids.len(), transfers.len(), "ids are of one run and of no other");
    let runs = records(&output, "runs");
    let events: Vec<&str> = runs.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(events, ["started", "lost", "started", "stopped"]);
    assert!(runs[1]["in_flight"]["transfers"].as_u64().is_some_and(|transfers| transfers > 0), "{}", runs[1]);
}

#[test]
fn a_flood_is_accounted_for_to_the_packet() {
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let captures: Vec<_> = support::captures(&support::file("tests/data/captures"));
    let sensor = Sensor::start(&network, &work.path().join("records"), &["--workers", "2"]);
    let mut sent = 0;
    for capture in captures.iter().filter(|path| path.to_string_lossy().contains("http")) {
        let mut replay = network.outside("tcpreplay");
        replay.args(["--topspeed", "--loop=20", "-i", crate::network::FAR_END]).arg(capture);
        let output = replay.output().expect("tcpreplay starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text.split("Successful packets:").nth(1).and_then(|rest| rest.split_whitespace().next());
        sent += number.and_then(|number| number.parse::<u64>().ok()).unwrap_or_else(|| panic!("{text}"));
    }
    let summary = sensor.stop();
    assert!(sent > 0);
    assert_eq!(summary["packet_account"]["received"], sent);
    assert_eq!(summary["packet_account"]["waiting"], 0);
}
