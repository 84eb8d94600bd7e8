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
    // Another context, and which it is.
    let context = filled.folder.path().join("context.toml");
    std::fs::write(&context, "").expect("a context");
    let context = context.to_str().expect("UTF-8");
    let other = filled.call(&["incidents", "verify", capture, "--users", users, "--context", context]);
    assert_eq!(other.status.code(), Some(2));
    let told = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(told.contains("another context (shipped)") && !told.contains("signatures"), "{told}");
    let other = filled.call(&["incidents", "verify", capture, "--feed", context]);
    let told = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(told.contains("other files about people") && told.contains("no feeds"), "{told}");
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

#[test]
fn incidents_are_exported_in_every_format() {
    let filled = Filled::new();
    let count = filled.listed(&[]).len();
    for format in ["json", "ocsf", "ocsf-detection", "ecs"] {
        let lines = filled.told(&["incidents", "export", "--format", format]);
        let events: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(events.len(), count, "{format}");
    }
    let eve = filled.told(&["incidents", "export", "--format", "eve"]);
    let community = eve.lines().filter(|line| line.contains(r#""community_id":"1:"#)).count();
    assert!(community >= count && community == eve.lines().count(), "{eve}");
    let cef = filled.told(&["incidents", "export", "--format", "cef", "--severity", "critical"]);
    assert!(cef.lines().count() < count && cef.lines().all(|line| line.starts_with("CEF:0|Egret|")), "{cef}");
    let table = filled.folder.path().join("table.csv");
    filled.told(&["incidents", "export", "--format", "csv", "--to", table.to_str().expect("UTF-8")]);
    let table = std::fs::read_to_string(table).expect("a table");
    assert_eq!(table.lines().count(), count + 1);
    assert!(table.starts_with("id,kind,severity,risk"));
}

#[test]
fn ocsf_events_hold_to_the_schema() {
    let Some(folder) = support::labelled_data("behavior/schema") else { return };
    let path = folder.join("ocsf_2004_2005_2006.compiled.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).expect("a schema")).expect("JSON");
    let filled = Filled::new();
    let id = text(&filled.listed(&[])[0], "id").to_owned();
    filled.told(&["incidents", "assign", &id, "dana"]);
    let other = text(&filled.listed(&[])[1], "id").to_owned();
    filled.told(&["incidents", "close", &other, "--as", "false-alarm", "--note", "a test"]);
    for (format, class) in [("ocsf", "data_security_finding"), ("ocsf-detection", "detection_finding")] {
        let lines = filled.told(&["incidents", "export", "--state", "all", "--format", format]);
        assert!(lines.lines().count() > 3);
        for line in lines.lines() {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let mut faults = Vec::new();
            let profiles: Vec<&str> = event["metadata"]["profiles"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            check_object(&schema, &schema["classes"][class], &event, class, &profiles, &mut faults);
            assert!(faults.is_empty(), "{faults:#?}\n{event:#}");
        }
    }
}

/// Holds an object against its class: no unknown field, none missing, each of its type and among its values.
fn check_object(
    schema: &Value,
    class: &Value,
    object: &Value,
    place: &str,
    profiles: &[&str],
    faults: &mut Vec<String>,
) {
    let Some(fields) = object.as_object() else {
        faults.push(format!("{place} is no object"));
        return;
    };
    let attributes = class["attributes"].as_object().expect("attributes");
    for (name, attribute) in attributes {
        let applies = attribute["profile"].as_str().is_none_or(|profile| profiles.contains(&profile));
        if applies && attribute["requirement"] == "required" && !fields.contains_key(name) {
            faults.push(format!("{place}.{name} is missing"));
        }
    }
    if let Some(least) = class["constraints"]["at_least_one"].as_array()
        && !least.iter().filter_map(Value::as_str).any(|name| fields.contains_key(name))
    {
        faults.push(format!("{place} has none of {least:?}"));
    }
    for (name, value) in fields {
        let place = format!("{place}.{name}");
        let Some(attribute) = attributes.get(name) else {
            faults.push(format!("{place} is not in the schema"));
            continue;
        };
        if attribute["profile"].as_str().is_some_and(|profile| !profiles.contains(&profile)) {
            faults.push(format!("{place} belongs to a profile that is not named"));
        }
        let values = match (attribute["is_array"].as_bool(), value.as_array()) {
            (Some(true), Some(values)) => values.iter().collect(),
            (Some(true), None) => {
                faults.push(format!("{place} is no list"));
                continue;
            }
            _ => vec![value],
        };
        for value in values {
            check_value(schema, attribute, value, &place, profiles, faults);
        }
    }
}

fn check_value(
    schema: &Value,
    attribute: &Value,
    value: &Value,
    place: &str,
    profiles: &[&str],
    faults: &mut Vec<String>,
) {
    let kind = text(attribute, "type");
    if let Some(class) = schema["objects"].get(kind).filter(|_| kind != "object") {
        return check_object(schema, class, value, place, profiles, faults);
    }
    let mut base = kind;
    while let Some(parent) = schema["types"][base]["type"].as_str() {
        base = parent;
    }
    let fits = match base {
        "string_t" => value.is_string(),
        "integer_t" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "long_t" => value.is_i64() || value.is_u64(),
        "boolean_t" => value.is_boolean(),
        "float_t" => value.is_number(),
        "object" => value.is_object(),
        "json_t" => true,
        other => panic!("{place}: the type {other} is not known to this test"),
    };
    if !fits {
        faults.push(format!("{place} is no {kind}: {value}"));
    }
    let known = attribute["enum"].as_object().filter(|known| !known.is_empty());
    let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if known.is_some_and(|known| !known.contains_key(&written)) {
        faults.push(format!("{place} is none of its values: {value}"));
    }
    let fits = match kind {
        "ip_t" => written.parse::<std::net::IpAddr>().is_ok(),
        "port_t" => value.as_u64().is_some_and(|port| port <= 65_535),
        "mac_t" => written.len() == 17 && written.split(':').all(|byte| u8::from_str_radix(byte, 16).is_ok()),
        "timestamp_t" => value.as_i64().is_some_and(|at| at > 1_700_000_000_000 && at < 2_000_000_000_000),
        _ => true,
    };
    if !fits {
        faults.push(format!("{place} does not look like {kind}: {value}"));
    }
}

#[test]
fn ecs_events_use_fields_of_the_schema() {
    let Some(folder) = support::labelled_data("behavior/schema") else { return };
    let known = std::fs::read_to_string(folder.join("ecs/generated/csv/fields.csv")).expect("the fields");
    let known: Vec<&str> = known.lines().filter_map(|line| line.split(',').nth(3)).collect();
    fn walk(value: &Value, name: &str, leaves: &mut Vec<String>) {
        match value.as_object() {
            Some(fields) => fields.iter().for_each(|(field, value)| {
                walk(value, &if name.is_empty() { field.clone() } else { format!("{name}.{field}") }, leaves);
            }),
            None => leaves.push(name.to_owned()),
        }
    }
    let filled = Filled::new();
    let lines = filled.told(&["incidents", "export", "--format", "ecs"]);
    let mut leaves = Vec::new();
    for line in lines.lines() {
        walk(&serde_json::from_str(line).expect("JSON"), "", &mut leaves);
    }
    assert!(leaves.len() > 100);
    let strange: Vec<&String> =
        leaves.iter().filter(|leaf| !leaf.starts_with("egret.") && !known.contains(&leaf.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn the_report_is_one_page_that_stands_alone_and_is_proved_later() {
    let filled = Filled::new();
    let path = filled.folder.path().join("report.html");
    let told = filled.told(&["report", "--html", path.to_str().expect("UTF-8"), "--title", "Monday <b>"]);
    let page = std::fs::read_to_string(&path).expect("a page");
    for one in filled.listed(&[]) {
        assert!(page.contains(&format!("id=\"{}\"", text(&one, "id"))), "{}", text(&one, "id"));
    }
    for part in
        ["Monday &#60;b&#62;", "alice", "ALICE-LT", "encrypted", "SHA-256", "<svg", "<circle", "demo.pcap"]
    {
        assert!(page.contains(part), "{part}");
    }
    for part in ["<script", "http://", "https://", "src="] {
        assert!(!page.contains(part), "{part}");
    }
    let hash = told.trim().rsplit(' ').next().expect("a hash").to_owned();
    assert!(page.contains(&hash));
    filled.told(&["incidents", "note", text(&filled.listed(&[])[0], "id"), "later"]);
    filled.told(&["incidents", "verify", "--hash", &hash]);
    let other =
        filled.call(&["incidents", "verify", "--hash", &hash.replace(|c: char| c.is_ascii_digit(), "a")]);
    assert_eq!(other.status.code(), Some(1));
}

#[test]
fn evidence_is_the_packets_of_one_incident_and_only_its_owner_opens_it() {
    let filled = Filled::new();
    let (capture, _) = demo();
    let capture = capture.to_str().expect("UTF-8");
    let path = |name: &str| filled.folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let told = filled.told(&["evidence", "collect", "--capture", capture, "--output", &path("clear")]);
    let listed = filled.listed(&[]);
    assert!(told.contains(&format!("{} incidents", listed.len())), "{told}");
    let all = filled.records.summary()["packets"].as_u64().expect("packets");
    for incident in &listed {
        let file = PathBuf::from(path(&format!("clear/{}.pcapng", text(incident, "id"))));
        // What Egret reads of it: the transfers of the incident, found again, and no packet of others.
        let again = support::replay(&[&file], &["--internal", "10.20.0.0/16", "--quiet"]);
        assert_eq!(again.status(), 0, "{}", again.stderr());
        assert!(again.summary()["packets"].as_u64().is_some_and(|packets| packets > 0 && packets < all / 2));
        let hashes = |records: Vec<Value>, of: &Value| -> Vec<String> {
            let of: Vec<&str> = of.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mut found: Vec<String> = records
                .iter()
                .filter(|transfer| of.is_empty() || of.contains(&text(transfer, "id")))
                .flat_map(|transfer| transfer["objects"].as_array().cloned().unwrap_or_default())
                .map(|object| text(&object, "sha256").to_owned())
                .collect();
            found.sort();
            found
        };
        let wanted = hashes(filled.records.records("transfers.jsonl"), &incident["transfers"]);
        let found = hashes(again.records("transfers.jsonl"), &Value::Null);
        assert!(wanted.iter().all(|hash| found.contains(hash)), "{incident}");
        let bytes = std::fs::read(&file).expect("evidence");
        assert!(String::from_utf8_lossy(&bytes).contains("found: "), "a packet is commented on");
    }
    let public = filled.told(&["evidence", "key", "--output", &path("owner.key")]);
    let id = text(&listed[0], "id");
    let sealed = ["evidence", "collect", id, "--capture", capture, "--output", &path("sealed"), "--seal-to"];
    let told = filled.told(&[&sealed[..], &[public.trim()]].concat());
    assert!(told.contains("excerpts of what matched"), "{told}");
    excerpts_hold_the_clear_text(&filled, id, &path("owner.key"));
    let file = path(&format!("sealed/{id}.pcapng.age"));
    filled.told(&[
        "evidence",
        "open",
        &file,
        "--key",
        &path("owner.key"),
        "--output",
        &path("opened.pcapng"),
    ]);
    let clear = std::fs::read(path(&format!("clear/{id}.pcapng"))).expect("evidence");
    assert_eq!(std::fs::read(path("opened.pcapng")).expect("evidence"), clear);
    filled.told(&["evidence", "key", "--output", &path("other.key")]);
    let refused =
        filled.call(&["evidence", "open", &file, "--key", &path("other.key"), "--output", &path("x")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!Path::new(&path("x")).exists(), "nothing is left of what could not be opened");
}

/// What the owner's key opens is what was sent, at the places where it was found; nobody else sees it.
fn excerpts_hold_the_clear_text(filled: &Filled, id: &str, key: &str) {
    let file = filled.folder.path().join(format!("sealed/{id}.excerpts.age"));
    let name = file.to_str().expect("UTF-8");
    let opened = filled.told(&["evidence", "open", name, "--key", key]);
    let lines: Vec<Value> = opened.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (excerpts, tail) = lines[1..].split_at(lines.len() - 2);
    assert_eq!((&tail[0]["excerpts"], &tail[0]["missing"]), (&Value::from(excerpts.len()), &Value::from(0)));
    let findings = filled.records.records("findings.jsonl");
    let sealed = std::fs::read(&file).expect("a file");
    let sealed = String::from_utf8_lossy(&sealed);
    for excerpt in excerpts {
        let finding = findings.iter().find(|one| one["id"] == excerpt["finding"]).expect("a finding");
        let found = finding["matches"].as_array().expect("matches");
        let found = found.iter().find(|one| one["offset"] == excerpt["offset"]).expect("a match");
        let clear = text(excerpt, "match");
        assert_eq!(found["length"], clear.len());
        // The redacted form keeps the ends of the match.
        let redacted = text(found, "redacted");
        assert_eq!(clear.chars().last(), redacted.chars().last(), "{excerpt} {found}");
        // A marking is no secret and is shown as it is.
        assert!(!sealed.contains(clear) && (clear == redacted || !opened.contains(redacted)), "{clear}");
    }
    let page = filled.told(&["evidence", "open", name, "--key", key, "--text"]);
    assert!(page.contains(&format!("⟦{}⟧", text(&excerpts[0], "match"))), "{page}");
}

/// What was decrypted with a log of keys is proved, and cut out, with that log only.
#[test]
fn a_key_log_is_part_of_what_incidents_follow_from() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().join("egret.db");
    let named = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let capture = support::file("tests/data/captures/tls12-cbc-curl-keys.pcap");
    let keys = named(support::file("tests/data/captures/tls12-cbc-curl-keys.keys"));
    let store_name = named(store.clone());
    let arguments = ["--internal", "10.20.0.0/16", "--keylog", &keys, "--store", &store_name, "--quiet"];
    let records = support::replay(&[&capture], &arguments);
    assert_eq!(records.status(), 0, "{}", records.stderr());
    let capture = named(capture);
    let filled = Filled { folder, records };
    let proof = filled.told(&["incidents", "verify", &capture, "--keylog", &keys]);
    assert!(proof.contains("1 incident ") && proof.contains("byte for byte"), "{proof}");
    let beside = filled.told(&["incidents", "verify", &capture]);
    assert!(beside.contains("byte for byte"), "the log lies beside the capture: {beside}");
    let without = filled.call(&["incidents", "verify", &capture, "--keylog", "none"]);
    assert_eq!(without.status.code(), Some(2));
    let told = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(told.contains("name them with --keylog") && !told.contains("signatures"), "{told}");
    let path = |name: &str| named(filled.folder.path().join(name));
    let public = filled.told(&["evidence", "key", "--output", &path("owner.key")]);
    let id = text(&filled.listed(&[])[0], "id").to_owned();
    let collect = ["evidence", "collect", &id, "--capture", &capture, "--keylog", &keys];
    let sealed = path("sealed");
    filled.told(&[&collect[..], &["--output", &sealed, "--seal-to", public.trim()]].concat());
    excerpts_hold_the_clear_text(&filled, &id, &path("owner.key"));
}
