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

/// Runs `egret` with these arguments: its status, its output as text.
fn run(arguments: &[&str]) -> (i32, String) {
    let output =
        support::egret().args(arguments).stdin(std::process::Stdio::null()).output().expect("egret runs");
    let shown =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("no signal"), shown)
}

fn json(arguments: &[&str]) -> Value {
    let (_, shown) = run(arguments);
    serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {shown}"))
}

#[test]
fn scan_says_what_nearly_matched_and_why_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = folder.path().join("own.toml");
    let lines = "id = \"acme/mrn\"\ntitle = \"MRN\"\nseverity = \"high\"\n[[find]]\nname = \"mrn\"\nregex = 'MRN-\\d{8}'\nvalidate = [\"luhn\"]\n\
                 [near]\nwords = [\"patient\"]\nwithin = 40\n[confidence]\nmedium = \"mrn and near\"\n[report]\nunique = 2\n";
    fs::write(&own, lines).expect("a file");
    let signatures = folder.path().to_str().expect("a UTF-8 path");
    let reasons = |content: &str| -> String {
        let file = folder.path().join("text.csv");
        fs::write(&file, content).expect("a file");
        let report = json(&["scan", file.to_str().expect("UTF-8"), "--json", "--near", "-s", signatures]);
        let misses = report["near_misses"].as_array().expect("a list").iter();
        let misses = misses.filter(|miss| text(miss, "signature") == "acme/mrn");
        misses.map(|miss| text(miss, "reason").to_owned() + "\n").collect()
    };
    assert!(reasons("patient MRN-12345678").contains("fails the check `luhn`"));
    assert!(reasons("number MRN-12345674").contains("no context word (patient) within 40 characters"));
    assert!(reasons("patient MRN-123456741").contains("inside a longer word or number"));
    assert!(reasons("patient MRN-12345674").contains("too few: 1 distinct"));
    assert_eq!(reasons("patient MRN-12345674, patient MRN-80000003"), "");
    let (_, shown) =
        run(&["scan", folder.path().join("text.csv").to_str().expect("UTF-8"), "-s", signatures]);
    assert!(shown.contains("MRN (acme/mrn)") && !shown.contains("12345674"), "{shown}");
}

#[test]
fn a_signature_is_made_of_examples_and_tested_in_every_carrier() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a UTF-8 path");
    let (status, shown) = run(&[
        "signatures",
        "new",
        "--id",
        "acme/mrn",
        "--title",
        "Patient record",
        "--severity",
        "high",
        "--example",
        "MRN-12345674",
        "--example",
        "MRN-80000003",
        "--counter-example",
        "MRN-12345678",
        "--into",
        path,
        "--yes",
    ]);
    assert_eq!(status, 0, "{shown}");
    let written = fs::read_to_string(folder.path().join("acme/mrn.toml")).expect("the file is written");
    assert!(written.contains("regex = 'MRN-\\d{8}'"), "{written}");
    // Of one's own folder, one's own signatures are told.
    let (status, shown) = run(&["signatures", "test", path]);
    assert_eq!(status, 0, "{shown}");
    let (_, listed) = run(&["signatures", "list", path, "--own"]);
    assert!(listed.contains("acme/mrn") && !listed.contains("payment-card"), "{listed}");
    let (_, explained) = run(&["signatures", "explain", "acme/mrn", path]);
    assert!(explained.contains("Patient record"), "{explained}");
    assert!(shown.contains("3 tests in 18 runs, 0 failed"), "{shown}");
    let (status, shown) = run(&["signatures", "cost", path, "--json", "--all"]);
    assert_eq!(status, 0, "{shown}");
    assert!(shown.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{shown}");
}

#[test]
fn a_verdict_becomes_an_exception_in_the_owners_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a UTF-8 path");
    let replayed = replay(&[]);
    let records = replayed.folder.path().to_str().expect("a UTF-8 path");
    let findings = replayed.records("findings.jsonl");
    let finding = findings.iter().find(|finding| text(finding, "signature") == "us-ssn").expect("a finding");
    let id = text(finding, "id");
    let judge = |more: &[&str]| {
        let mut arguments = vec!["signatures", "verdict", id, "--records", records, "-s", path];
        arguments.extend(more);
        run(&arguments)
    };
    let (status, shown) = judge(&["false", "--as", "destination"]);
    assert!(status == 2 && shown.contains("needs a reason"), "{shown}");
    let (status, shown) =
        judge(&["false", "--as", "destination", "--reason", "contract 7", "--until", "2027-01-31"]);
    assert!(status == 0 && shown.contains("would be let pass") && shown.contains("not saved"), "{shown}");
    assert!(!folder.path().join("overrides").exists());
    let (status, shown) =
        judge(&["false", "--as", "destination", "--reason", "contract 7", "--until", "2027-01-31", "--yes"]);
    assert!(status == 0 && shown.contains("0 right and 1 wrong"), "{shown}");
    let written = fs::read_to_string(folder.path().join("overrides/us-ssn.toml")).expect("an override");
    assert!(written.contains("override = \"us-ssn\"") && written.contains("until = 2027-01-31"), "{written}");
    // A value is excepted by its token only, which findings carry once the folder has a key.
    let (status, shown) = judge(&["false", "--as", "value", "--reason", "test data"]);
    assert!(status == 2 && shown.contains("a key for tokens was made"), "{shown}");
    // A right one becomes a test with a made-up value.
    let (status, shown) = judge(&["true", "--as", "test", "--yes"]);
    assert!(status == 0 && shown.contains("[[test]]") && shown.contains("the test passes"), "{shown}");
    let (_, shown) = run(&["signatures", "explain", "us-ssn", "-s", path]);
    assert!(shown.contains("judged so far: 1 right, 0 wrong") && shown.contains("contract 7"), "{shown}");
    let demo = support::file("tests/data/demo.pcap");
    let demo = demo.to_str().expect("a UTF-8 path");
    let report =
        json(&["signatures", "backtest", "shipped", path, demo, "--internal", "10.20.0.0/16", "--json"]);
    let lost = report["signatures"].as_array().expect("a list").iter();
    let lost: u64 =
        lost.filter(|one| text(one, "signature") == "us-ssn").filter_map(|one| one["lost"].as_u64()).sum();
    assert!(lost >= 1, "{report}");
    assert!(report["incidents"]["after"].as_u64() <= report["incidents"]["before"].as_u64(), "{report}");
    let (status, shown) = run(&["signatures", "backtest", "shipped", path, records]);
    assert!(status == 0 && shown.contains("lost: us-ssn"), "{shown}");
}

#[test]
fn values_are_excepted_by_tokens_that_only_the_key_makes() {
    let key = "11".repeat(32);
    let tokens = |replayed: &support::Replayed| -> Vec<String> {
        let findings = replayed.records("findings.jsonl");
        let cards = findings.iter().filter(|finding| text(finding, "signature") == "payment-card");
        let matches = cards.flat_map(|finding| finding["matches"].as_array().cloned().unwrap_or_default());
        matches.filter_map(|one| one["token"].as_str().map(str::to_owned)).collect()
    };
    assert!(tokens(&replay(&[])).is_empty());
    let with_key = replay(&[(".egret-value-key", &key)]);
    let token = tokens(&with_key).first().expect("a token").clone();
    let exception = format!(
        "override = \"payment-card\"\n[[except]]\nvalue = \"{token}\"\nreason = \"ours\"\nuntil = 2027-01-31\n"
    );
    let replayed = replay(&[(".egret-value-key", &key), ("ours.toml", &exception)]);
    assert!(replayed.summary()["excepted"]["payment-card"]["matches"].as_u64() >= Some(1));
    let other = replay(&[(".egret-value-key", &"22".repeat(32)), ("ours.toml", &exception)]);
    assert!(other.summary()["excepted"]["payment-card"].is_null());
}

/// Kinds of files by their first bytes, a mail with its label, and track data: what `egret scan` finds in files of them.
#[test]
fn files_are_told_by_what_they_are() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mail: &[u8] = b"From: ada@corp.example\r\nTo: bob@rival.example\r\nSubject: offer\r\nSensitivity: Company-Confidential\r\n\
                        Content-Type: text/plain\r\n\r\nsee below\r\n";
    let track: &[u8] = b"swipe %B4539148803436467^BYRON/ADA^2712101000000000?\n";
    let cases: [(&str, &[u8], &str); 7] = [
        ("archive.dat", b"!BDN\x01\x02\x03\x04SM\x17\0", "file/mailbox"),
        ("holiday.jpg", b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\0\0\x04\0", "file/key-store"),
        ("plan.bin", b"AC1032\0\0\0\0\x03\x01", "design/file"),
        ("lsass.txt", b"MDMP\x93\xa7\0\0", "file/image-of-machine"),
        ("notes.db", b"SQLite format 3\0\x10\0\x01\x01", "file/database"),
        ("offer.eml", mail, "sensitivity-label"),
        ("swipe.log", track, "payment-track"),
    ];
    for (name, start, signature) in cases {
        let path = folder.path().join(name);
        let padding = if start == mail || start == track { 0 } else { 600 };
        fs::write(&path, [start, &vec![0; padding]].concat()).expect("a file can be written");
        let output = support::egret().args(["scan", "--json"]).arg(&path).output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("\"signature\":\"{signature}\"")), "{name}: {text}");
    }
}

#[test]
fn what_is_kept_of_loading_changes_no_record() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let demo = support::file("tests/data/demo.pcap");
    let replay = |kept: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = support::egret()
            .args(["replay", "--quiet", "--internal", "10.20.0.0/16", "--output"])
            .args([folder.path(), &demo])
            .env("EGRET_CACHE", kept)
            .output()
            .expect("egret runs");
        let replayed = support::Replayed { output, folder };
        ["transfers", "findings", "incidents"].map(|name| replayed.bytes(&format!("{name}.jsonl")))
    };
    let without = replay("off");
    let folder = cache.path().to_str().expect("a UTF-8 path");
    assert!(replay(folder) == without, "while it is made");
    let file = cache.path().join("signatures.kept");
    let kept = fs::read(&file).expect("something was kept");
    assert!(replay(folder) == without, "when it is there");
    let middle = kept.len() / 2;
    let damaged: Vec<u8> = kept.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == middle)).collect();
    fs::write(&file, damaged).expect("the file can be written");
    assert!(replay(folder) == without, "when it is damaged");
    assert!(fs::read(&file).expect("it was made anew") == kept);
}
