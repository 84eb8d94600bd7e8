//! Real captures and whom they name: `tests/data/identity/NAME.pcap`, and what all of them tell in `expected.txt`.
//!
//! To add a case, add the capture and run the test once with UPDATE_EXPECTED=1; read what it wrote before you keep it.

mod support;

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

/// What an operator's files tell reaches each transfer: a log-on of the security log, and the department and groups of the directory.
#[test]
fn logs_and_the_directory_name_senders() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a UTF-8 path").to_owned()
    };
    let event = "{\"EventTime\":\"2026-11-23T23:50:00Z\",\"EventID\":4624,\"LogonType\":3,\"TargetUserName\":\"alice\",\
                 \"TargetDomainName\":\"CORP\",\"IpAddress\":\"10.20.1.11\",\"WorkstationName\":\"ALICE-LT\"}\n";
    // As PowerShell writes it: UTF-16 with a byte order mark.
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(event.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let log = file("security.json", &wide);
    let lines = file(
        "syslog",
        b"Nov 23 23:40:00 gw dhcpd: DHCPACK on 10.20.1.12 to 02:00:5e:10:00:01 (BOB-PC) via eth0\n",
    );
    let people = file("people.csv", b"user,department,groups,end\nalice,Finance,Leavers;VPN,2026-12-31\n");
    let arguments = ["--quiet", "--internal", "10.20.0.0/16", "--directory", &people];
    let logs = ["--identity-log", &log, "--identity-log", &lines];
    let replayed =
        support::replay(&[&support::file("tests/data/demo.pcap")], &[&arguments[..], &logs[..]].concat());
    assert_eq!(replayed.stderr(), "");
    let transfers = replayed.records("transfers.jsonl");
    let sent_by = |ip: &str| {
        let sent = |transfer: &&Value| transfer["sender"]["ip"] == ip && transfer["direction"] == "egress";
        &transfers.iter().find(sent).unwrap_or_else(|| panic!("{ip} sends something"))["sender"]
    };
    let alice = sent_by("10.20.1.11");
    assert_eq!((&alice["user"], &alice["evidence"]), (&"alice".into(), &"windows-logon".into()));
    assert_eq!((&alice["host"], &alice["domain"]), (&"ALICE-LT".into(), &"CORP".into()));
    assert_eq!(alice["person"]["department"], "Finance");
    assert_eq!(alice["person"]["groups"], serde_json::json!(["Leavers", "VPN"]));
    assert_eq!(alice["person"]["employment_ends"], "2027-01-01T00:00:00.000000000Z");
    assert_eq!(sent_by("10.20.1.12")["host"], "BOB-PC");
    // A log that tells nothing is told of.
    let nothing = file("nothing.log", b"Nov 23 23:40:00 gw kernel: eth0 up\n");
    let replayed =
        support::replay(&[&support::file("tests/data/demo.pcap")], &["--quiet", "--identity-log", &nothing]);
    assert!(
        replayed.stderr().contains("none of 1 entries tells who had which address"),
        "{}",
        replayed.stderr()
    );
}

/// What nobody knew when it was sent is known once its station's only user has shown: two days later, a proxy log-in names who sent a TLS
/// upload, and the record says how.
#[test]
fn evidence_that_comes_days_later_names_the_only_user_of_a_station() {
    const HEADER: usize = 24;
    const TWO_DAYS: u32 = 172_800;
    let demo = support::file("tests/data/demo.pcap");
    let whole = fs::read(&demo).expect("the demo");
    let number = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().expect("four bytes"));
    let mut early = whole[..HEADER].to_vec();
    let mut at = HEADER;
    while at < whole.len() {
        let next = at + 16 + number(at + 8) as usize;
        let ports = &whole[at + 16 + 34..at + 16 + 38];
        if ports[..2] == 8443_u16.to_be_bytes() || ports[2..] == 8443_u16.to_be_bytes() {
            early.extend((number(at) - TWO_DAYS).to_le_bytes());
            early.extend(&whole[at + 4..next]);
        }
        at = next;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let before = folder.path().join("before.pcap");
    fs::write(&before, early).expect("own folder");
    let arguments = ["--quiet", "--internal", "10.20.0.0/16", "--workers", "2"];
    let sender = |captures: &[&std::path::Path]| {
        let replayed = support::replay(captures, &arguments);
        let transfers = replayed.records("transfers.jsonl");
        let sent = |t: &&Value| t["protocol"] == "tls" && t["direction"] == "egress";
        transfers.iter().find(sent).expect("an upload over TLS")["sender"].clone()
    };
    assert_eq!(sender(&[&before])["user"], Value::Null);
    let known = sender(&[&before, &demo]);
    assert_eq!((&known["user"], &known["evidence"]), (&"bob".into(), &"proxy-auth".into()));
    assert_eq!(known["basis"], "only-user");
    assert!(known["confidence"].as_f64().is_some_and(|sure| (0.2..0.5).contains(&sure)), "{known}");
}

/// A user whom a switch has let in, by name; which address the station has, ARP tells. Frames after IEEE 802.1X-2020, RFC 3748 and RFC 826.
#[test]
fn whoever_a_port_let_in_sends_what_its_station_sends() {
    const STATION: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 7];
    const SWITCH: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];
    let eapol = |packet: &[u8]| [&[0x88, 0x8e, 2, 0, 0, packet.len() as u8], packet].concat();
    let identity = b"\x02\x07\x00\x17\x01alice@corp.example";
    let arp =
        [&[8, 6, 0, 1, 8, 0, 6, 4, 0, 2], &STATION[..], &[10, 20, 1, 11], &SWITCH, &[10, 20, 1, 1]].concat();
    let whose = |success: &[u8]| {
        // A minute before the demo's first packet.
        let mut pcap =
            vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
        for (second, (to, from, rest)) in [
            (SWITCH, STATION, eapol(identity)),
            (STATION, SWITCH, eapol(success)),
            (SWITCH, STATION, arp.clone()),
        ]
        .into_iter()
        .enumerate()
        {
            let frame = [&to[..], &from, &rest].concat();
            let at = 1_795_477_900 + second as u32;
            for word in [at, 0, frame.len() as u32, frame.len() as u32] {
                pcap.extend(word.to_le_bytes());
            }
            pcap.extend(frame);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let link = folder.path().join("link.pcap");
        fs::write(&link, pcap).expect("own folder");
        let demo = support::file("tests/data/demo.pcap");
        let replayed =
            support::replay(&[&demo, &link], &["--quiet", "--internal", "10.20.0.0/16", "--workers", "2"]);
        assert_eq!((replayed.status(), replayed.stderr().as_str()), (0, ""));
        let transfers = replayed.records("transfers.jsonl");
        let sent = |t: &&Value| t["sender"]["ip"] == "10.20.1.11" && t["direction"] == "egress";
        let sender = &transfers.iter().find(sent).expect("it sends something")["sender"];
        (sender["user"].clone(), sender["domain"].clone(), sender["evidence"].clone())
    };
    assert_eq!(whose(b"\x03\x07\x00\x04"), ("alice".into(), "corp.example".into(), "port-access".into()));
    assert_ne!(whose(b"\x04\x07\x00\x04").2, "port-access", "a failure proves nothing");
}

/// Who leaves soon, and who has left, is told by the directory; a sign-in after the end is told by itself.
#[test]
fn the_end_of_an_employment_counts_for_what_follows_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a UTF-8 path").to_owned()
    };
    let people = file(
        "people.csv",
        "user,department,end\nalice,Finance,2026-11-20\nbob,Sales,2026-12-10\ncarol,Sales,2026-11-01\n",
    );
    let log = file(
        "security.json",
        "{\"EventTime\":\"2026-11-23T23:50:00Z\",\"EventID\":4624,\"LogonType\":2,\"TargetUserName\":\"carol\",\
         \"TargetDomainName\":\"CORP\",\"IpAddress\":\"10.20.1.13\",\"WorkstationName\":\"CAROL-PC\"}\n",
    );
    let users = support::file("tests/data/demo-users.csv");
    let users = users.to_str().expect("a UTF-8 path");
    let arguments = ["--quiet", "--internal", "10.20.0.0/16", "--users", users, "--directory", &people];
    let replayed = support::replay(
        &[&support::file("tests/data/demo.pcap")],
        &[&arguments[..], &["--identity-log", &log]].concat(),
    );
    let incidents = replayed.records("incidents.jsonl");
    let of = |user: &str| -> Vec<&Value> { incidents.iter().filter(|one| one["user"] == user).collect() };
    let said = |incident: &Value, text: &str| {
        assert!(incident["reasons"].to_string().contains(text), "{text}: {incident:#}");
    };
    assert!(of("alice").len() > 1 && of("bob").len() > 1);
    for incident in of("alice") {
        said(incident, "is no longer employed since 2026-11-20");
        assert!(incident["profile"]["reasons"].to_string().contains("no longer employed"), "{incident:#}");
    }
    let told = incidents.iter().flat_map(|one| one["anomalies"].as_array().cloned().unwrap_or_default());
    let told = told.filter(|one| one["kind"] == "former-employee" && one["user"] == "alice").count();
    assert_eq!(told, 2, "once on each of the two days, wherever it goes");
    for incident in of("bob") {
        said(incident, "is about to leave: the employment ends on 2026-12-10");
        assert!(!incident["reasons"].to_string().contains("former-employee"), "{incident:#}");
    }
    let [carol] = of("carol")[..] else { panic!("one incident of carol: {:#?}", of("carol")) };
    assert_eq!((&carol["kind"], &carol["severity"]), (&"account-misuse".into(), &"high".into()));
    said(carol, "a sign-in of carol, whose employment ended on 2026-11-01, 22 days before");
}

/// What a proxy says of its client counts only if the operator trusts the proxy.
#[test]
fn only_trusted_proxies_name_their_clients() {
    let client = support::file("tests/data/identity/forwarded.pcap");
    let sender = |arguments: &[&str]| {
        let replayed = support::replay(&[&client], &[&["--quiet"], arguments].concat());
        let transfers = replayed.records("transfers.jsonl");
        transfers.into_iter().find(|transfer| transfer["operation"] == "PUT /q3.csv").expect("the upload")["sender"].take()
    };
    let trusted = sender(&["--proxy", "10.0.0.5"]);
    assert_eq!((&trusted["user"], &trusted["evidence"]), (&"alice".into(), &"proxy-header".into()));
    assert_eq!(sender(&["--proxy", "10.0.0.6"])["user"], Value::Null);
    assert_eq!(sender(&[])["user"], Value::Null);
}

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
