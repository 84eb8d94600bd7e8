//! `egret run` while real programs talk past it.

use crate::network::{Network, SENSOR_ADDRESS, SENSOR_END, is_there, run, skipped};
use crate::sensor::{Running, Sensor, Servers, curl, mail, patients, records, wait_for};
use crate::support;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

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
        if let Some(fields) = incident.as_object_mut() {
            // These speak of ids and times, and of how sure an attribution is.
            fields.retain(|key, _| {
                !["timeline", "user_risk", "anomalies", "attribution_confidence"].contains(&key.as_str())
            });
        }
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

/// Ids of the incidents in a store, which must be as it was written.
fn stored(store: &Path) -> Vec<String> {
    let call = |arguments: &[&str]| {
        let output = support::egret().args(arguments).arg("--store").arg(store).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    call(&["incidents", "verify"]);
    let list = call(&["incidents", "list", "--state", "all", "--limit", "0", "--json"]);
    list.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].to_string()).collect()
}

#[test]
fn a_kill_loses_what_was_in_flight_and_says_so() {
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let Some(_servers) = Servers::start(&network, work.path()) else { return };
    let output = work.path().join("records");
    // The store and what is sent from it live through the kill, too.
    let (store, sent) = (work.path().join("store/egret.db"), work.path().join("sent/ocsf.jsonl"));
    let config = work.path().join("sensor.toml");
    let text = format!(
        "[store]\nfile = {store:?}\n[export]\nto = [\"ocsf {}\"]\nevery_seconds = 1\n",
        sent.display()
    );
    fs::write(&config, text).expect("own folder");
    let config = config.display().to_string();
    let mut sensor = Sensor::start(&network, &output, &["--config", &config]);
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
    let lines = |path: &Path| fs::read_to_string(path).unwrap_or_default().lines().count();
    wait_for("the incident to be sent from the store", || lines(&sent) > 0);
    sensor.process.signal("KILL");
    assert_eq!(sensor.process.ended(), None);
    drop(slow);
    let kept = stored(&store);
    assert!(!kept.is_empty(), "what was sent is in the store");

    let sensor = Sensor::start(&network, &output, &["--config", &config]);
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
    let told: std::collections::HashSet<String> =
        records(&output, "incidents").iter().map(|incident| incident["id"].to_string()).collect();
    let later = stored(&store);
    assert_eq!(later.len(), told.len(), "{told:?}");
    assert!(kept.iter().all(|id| later.contains(id)) && later.len() > kept.len());
    assert!(lines(&sent) >= later.len(), "each incident is sent");
    assert!(runs[1]["in_flight"]["transfers"].as_u64().is_some_and(|transfers| transfers > 0), "{}", runs[1]);
}

#[test]
fn a_reload_during_traffic_loses_nothing() {
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let Some(_servers) = Servers::start(&network, work.path()) else { return };
    let signatures = work.path().join("signatures");
    fs::create_dir(&signatures).expect("own folder");
    let own = |word: &str| {
        format!(
            "id = \"own/word\"\ntitle = \"Word\"\nowner = \"me\"\nseverity = \"low\"\n[[find]]\nname = \"it\"\n\
             phrases = [\"{word}\"]\n[confidence]\nhigh = \"it\"\n[[test]]\nmatch = \"a {word} here\"\n"
        )
    };
    let file = signatures.join("word.toml");
    fs::write(&file, own("bittern")).expect("own folder");
    let output = work.path().join("records");
    let folder = signatures.display().to_string();
    let sensor = Sensor::start(&network, &output, &["--signatures", &folder, "--workers", "2"]);
    let texts = ["bittern", "heron"];
    let count = 60;
    for number in 0..count {
        if number == count / 2 {
            fs::write(&file, own("heron")).expect("own folder");
        }
        if number == count * 3 / 4 {
            // A broken file keeps the set before.
            fs::write(&file, "id = \"own/word\"\nthis is no signature").expect("own folder");
        }
        if number % 5 == 0 {
            sensor.process.signal("HUP");
        }
        let body =
            format!("number {number}: {} and 101-{:02}-{:04}", texts.join(", "), 11 + number, 1001 + number);
        curl(
            &network,
            &["--header", "Content-Type: text/plain", "--data", &body, &url(&format!("n{number}"))],
        );
    }
    let summary = sensor.stop();
    assert_eq!(summary["packet_account"]["dropped_by_kernel"], 0, "{summary}");
    let transfers = records(&output, "transfers");
    for number in 0..count {
        let operation = format!("POST /n{number}");
        // The answer is a transfer of the other direction.
        let found: Vec<&Value> = transfers
            .iter()
            .filter(|t| t["operation"] == operation.as_str() && t["direction"] == "egress")
            .collect();
        assert_eq!(found.len(), 1, "{operation}");
        assert_eq!(found[0]["complete"], true, "{operation}");
        // One word is looked for at any time: the old one, or the new one.
        let hits: Vec<Value> = records(&output, "findings")
            .into_iter()
            .filter(|f| f["transfer"] == found[0]["id"] && f["signature"] == "own/word")
            .collect();
        assert_eq!(hits.len(), 1, "{operation}: {hits:?}");
    }
}

#[test]
fn the_process_is_unprivileged_while_it_runs() {
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let sensor = Sensor::start(&network, &work.path().join("records"), &[]);
    assert!(!sensor.status("Uid:").split_whitespace().any(|id| id == "0"), "{}", sensor.said);
    assert!(!sensor.status("Gid:").split_whitespace().any(|id| id == "0"), "{}", sensor.said);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(sensor.status(set).trim_start_matches('0'), "", "{set} {}", sensor.said);
    }
    assert_eq!(sensor.status("NoNewPrivs:"), "1");
    assert_eq!(sensor.status("Seccomp:"), "2");
    // Every thread of it, not only the first.
    let tasks = fs::read_dir(format!("/proc/{}/task", sensor.process.0.id())).expect("threads");
    for task in tasks {
        let status = fs::read_to_string(task.expect("a thread").path().join("status")).expect("a thread");
        assert!(status.contains("CapEff:\t0000000000000000") && status.contains("Seccomp:\t2"), "{status}");
    }
    // All that is still to be done can be done: an interface that comes back is taken up again.
    let Some(_servers) = Servers::start(&network, work.path()) else { return };
    let file = patients(work.path(), "back.csv", 60, 0).display().to_string();
    for name in ["one", "two", "three"] {
        network.unplug();
        network.plug();
        let output = sensor.records.clone();
        wait_for("the interface to be taken up again", || {
            curl(&network, &["--upload-file", &file, &url(name)]);
            records(&output, "transfers")
                .iter()
                .any(|t| t["operation"].as_str().is_some_and(|o| o.contains(name)))
        });
    }
    sensor.stop();
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

/// A client that writes its keys into a file while it talks, as browsers do: the file does not even exist when the sensor starts.
#[test]
fn tls_is_read_while_its_keys_are_written() {
    if !is_there("openssl") {
        return skipped("TLS past a running sensor was not tested: `openssl` is not installed");
    }
    let Some(network) = Network::with_cable() else { return };
    let work = folder();
    let pem = work.path().join("tls.pem").display().to_string();
    let mut made = Command::new("openssl");
    made.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    run(made.args(["-subj", "/CN=upload.example", "-keyout", &pem, "-out", &pem]));
    // Older ones write the certificate over the key.
    if !fs::read_to_string(&pem).is_ok_and(|text| text.contains("PRIVATE KEY") && text.contains("BEGIN CERT"))
    {
        return skipped(
            "TLS past a running sensor was not tested: `openssl req` made no key beside its certificate",
        );
    }
    let Some(_servers) = Servers::start(&network, work.path()) else { return };
    let keys = work.path().join("keys/client.log");
    fs::create_dir(work.path().join("keys")).expect("own folder");
    let keylog = keys.display().to_string();
    let sensor = Sensor::start(&network, &work.path().join("records"), &["--keylog", &keylog]);
    for (name, version) in [("old.csv", "--tls-max=1.2"), ("new.csv", "--tlsv1.3")] {
        let file = patients(work.path(), name, 90, 500).display().to_string();
        let mut client = network.outside("curl");
        client.args([
            "--silent",
            "--show-error",
            "--fail",
            "--insecure",
            "--max-time",
            "60",
            "--output",
            "/dev/null",
        ]);
        client.args(version.split('=')).args(["--upload-file", &file]).env("SSLKEYLOGFILE", &keys);
        run(client.arg(format!("https://{SENSOR_ADDRESS}/{name}")));
    }
    if !keys.exists() {
        return skipped("TLS past a running sensor was not tested: this curl writes no SSLKEYLOGFILE");
    }
    let read = |folder: &Path, name: &str| {
        records(folder, "transfers").iter().any(|t| {
            t["operation"].as_str().is_some_and(|operation| operation.contains(name))
                && t["protocol"] == "http"
                && t["tunnel"].as_array().is_some_and(|layers| layers.contains(&json!("tls")))
                && t["complete"] == true
                && t["findings"].as_array().is_some_and(|findings| !findings.is_empty())
        })
    };
    for name in ["old.csv", "new.csv"] {
        sensor.wait_for(&format!("the record of {name}"), |folder| read(folder, name));
    }
    let summary = sensor.stop();
    assert_eq!(summary["coverage"]["not_inspected"]["gap"].as_u64().unwrap_or_default(), 0, "{summary}");
}
