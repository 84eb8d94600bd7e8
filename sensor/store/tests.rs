use super::*;
use egret_model::{
    CaseState, Confidence, Direction, FindingRecord, Incident, Party, Policy, Protocol, Severity, Timestamp,
    TransferRecord, Verdict,
};
use std::path::PathBuf;

const DAY_NS: i64 = 86_400_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_764_000_000 + seconds)
}

fn manifest(capture: &str) -> Manifest {
    Manifest {
        kind: RunKind::Replay,
        egret: "0.1.0".into(),
        signatures: SignatureDigest { count: 1, sha256: "aa".into() },
        captures: vec![CaptureDigest { name: capture.into(), bytes: 1, sha256: None }],
        interfaces: Vec::new(),
        internal: Vec::new(),
        users: None,
        limits: None,
        context: None,
        feeds: Vec::new(),
        key_log: None,
        run: None,
    }
}

pub(crate) fn incident(number: u64, risk: u8, user: &str, bytes: u64) -> Incident {
    Incident {
        id: format!("i-{number:020x}"),
        kind: "sensitive-egress".into(),
        severity: if risk > 50 { Severity::High } else { Severity::Low },
        risk,
        title: format!("{user} sent something"),
        first_at: at(0),
        last_at: at(i64::from(risk)),
        user: Some(user.into()),
        host: Some("PC".into()),
        destination: "Upload.example".into(),
        attack: vec!["T1048.003".into()],
        complete: true,
        reasons: vec!["because".into()],
        bytes,
        transfers: vec![format!("t-{number}")],
        findings: vec![format!("f-{number}")],
        risk_shares: Vec::new(),
        user_risk: None,
        anomalies: Vec::new(),
        timeline: Vec::new(),
        profile: None,
        policy: Policy::default(),
        attribution_confidence: None,
    }
}

fn transfer(number: u64, user: &str, findings: &[&str]) -> TransferRecord {
    let mut sender = Party::new("10.0.0.1".parse().unwrap(), 1024);
    sender.user = Some(user.into());
    TransferRecord {
        id: format!("t-{number}"),
        capture: "a.pcap".into(),
        protocol: Protocol::Http,
        operation: "POST /".into(),
        direction: Direction::Egress,
        started_at: at(0),
        ended_at: at(1),
        tunnel: Vec::new(),
        sender,
        receiver: Party::new("198.51.100.1".parse().unwrap(), 80),
        bytes: 100,
        complete: true,
        readable: true,
        inconsistent_overlap: false,
        uninspected: Vec::new(),
        facts: vec![("mail-from", "a@b".into())],
        objects: Vec::new(),
        findings: findings.iter().map(|id| (*id).into()).collect(),
    }
}

fn finding(number: u64) -> FindingRecord {
    FindingRecord {
        id: format!("f-{number}"),
        transfer: format!("t-{number}"),
        object: "body".into(),
        signature: "us-ssn".into(),
        title: "Numbers".into(),
        owner: String::new(),
        tags: Vec::new(),
        severity: Severity::High,
        confidence: Confidence::High,
        count: 3,
        unique: 2,
        matches: Vec::new(),
        excepted: None,
        below_threshold: false,
        per_sender_day: None,
        values: Vec::new(),
    }
}

struct Sample {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// A store that one replay has filled: transfer, finding and incident of each number below `count`; the risk rises.
fn sample(count: u64) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("egret.db");
    fill(&path, "a.pcap", count);
    Sample { _folder: folder, path }
}

fn fill(path: &std::path::Path, capture: &str, count: u64) {
    let mut fill = Fill::begin(Store::create(path).unwrap(), &manifest(capture), at(100)).unwrap();
    for number in 0..count {
        let user = if number % 2 == 0 { "alice" } else { "bob" };
        let id = format!("f-{number}");
        fill.transfer(&transfer(number, user, &[&id]), at(100)).unwrap();
        fill.finding(&finding(number), at(100)).unwrap();
    }
    fill.transfer(&transfer(1_000_000, "carol", &[]), at(100)).unwrap();
    for number in 0..count {
        let user = if number % 2 == 0 { "alice" } else { "bob" };
        let risk = u8::try_from(number * 10 % 100).unwrap();
        fill.incident(&incident(number, risk, user, 1), at(100)).unwrap();
    }
    fill.finish(&serde_json::json!({ "packets": 1 }), at(101)).unwrap();
}

#[test]
fn what_was_committed_is_found_again() {
    let sample = sample(10);
    let store = Store::open(&sample.path).unwrap();
    let all = store.incidents(&IncidentFilter::default()).unwrap();
    let risks: Vec<u8> = all.iter().map(|one| one.incident.risk).collect();
    assert_eq!(risks, [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
    let filters = [
        (IncidentFilter { user: Some("ALICE".into()), ..IncidentFilter::default() }, 5),
        (IncidentFilter { severity: Some(Severity::High), ..IncidentFilter::default() }, 4),
        (IncidentFilter { risk: Some(30), limit: Some(3), ..IncidentFilter::default() }, 3),
        (IncidentFilter { destination: Some("upload".into()), ..IncidentFilter::default() }, 10),
        (IncidentFilter { destination: Some("%".into()), ..IncidentFilter::default() }, 0),
        (IncidentFilter { state: Some(CaseState::Closed), ..IncidentFilter::default() }, 0),
        (IncidentFilter { since: Some(at(85)), ..IncidentFilter::default() }, 1),
        (IncidentFilter { until: Some(at(0)), ..IncidentFilter::default() }, 0),
        (IncidentFilter { text: Some("f-7".into()), ..IncidentFilter::default() }, 1),
        (
            IncidentFilter {
                unassigned: true,
                kind: Some("sensitive-egress".into()),
                ..IncidentFilter::default()
            },
            10,
        ),
    ];
    for (filter, count) in filters {
        assert_eq!(store.incidents(&filter).unwrap().len(), count, "{filter:?}");
    }
    let case = store.case(&store.resolve("00000000000000000003").unwrap()).unwrap();
    assert_eq!((case.transfers.len(), case.findings.len()), (1, 1));
    assert_eq!(case.transfers[0].facts, [("mail-from".to_owned(), "a@b".to_owned())]);
    assert!(matches!(store.resolve("i-00"), Err(StoreError::Ambiguous { count: 10, .. })));
    assert!(matches!(store.resolve("i-1"), Err(StoreError::Unknown { .. })));
    assert!(matches!(store.resolve("' OR 1=1"), Err(StoreError::Unknown { .. })));
    let users: Vec<(String, u64, u64)> = store
        .users(0, 10)
        .unwrap()
        .into_iter()
        .map(|user| (user.who, user.incidents, user.transfers))
        .collect();
    assert_eq!(users, [("bob".into(), 5, 5), ("alice".into(), 5, 5), ("carol".into(), 0, 1)]);
    assert_eq!(store.destinations(Some("alice"), 5).unwrap()[0].bytes, 500);
    assert!(store.verify(None).unwrap().flaws.is_empty());
}

#[test]
fn a_replay_done_again_changes_nothing_and_forgets_nothing() {
    let sample = sample(4);
    let mut store = Store::open(&sample.path).unwrap();
    let id = store.resolve("00000000000000000001").unwrap();
    let changes = [
        Change::Assign(Some("dana".into())),
        Change::Note("asked bob\u{1b}[2J".into()),
        Change::Close(Verdict::Confirmed),
    ];
    store.change(&id, &changes, "erin", at(200)).unwrap();
    drop(store);
    fill(&sample.path, "a.pcap", 4);
    let store = Store::open(&sample.path).unwrap();
    let case = store.case(&id).unwrap();
    assert_eq!(case.handling.state, CaseState::Closed);
    assert_eq!(case.handling.verdict, Some(Verdict::Confirmed));
    assert_eq!(case.handling.assignee.as_deref(), Some("dana"));
    assert_eq!(case.handling.notes[0].text, "asked bob\u{1b}[2J");
    assert_eq!(store.runs().unwrap().len(), 1, "the same inputs are one run");
    assert_eq!(store.destinations(None, 5).unwrap()[0].transfers, 5, "sums are not doubled");
    assert!(store.verify(None).unwrap().flaws.is_empty());
    drop(store);
    fill(&sample.path, "b.pcap", 4);
    let store = Store::open(&sample.path).unwrap();
    assert_eq!(store.runs().unwrap().len(), 2);
    assert_eq!(store.case(&id).unwrap().handling.state, CaseState::Closed);
}

#[test]
fn a_batch_that_was_cut_off_leaves_no_trace() {
    let sample = sample(2);
    let mut fill = Fill::begin(Store::open(&sample.path).unwrap(), &manifest("c.pcap"), at(300)).unwrap();
    fill.incident(&incident(50, 99, "mallory", 1), at(300)).unwrap();
    fill.commit(at(300)).unwrap();
    fill.incident(&incident(51, 99, "mallory", 1), at(301)).unwrap();
    drop(fill);
    let store = Store::open(&sample.path).unwrap();
    assert_eq!(store.count(&IncidentFilter::default()).unwrap(), 3);
    assert!(store.verify(None).unwrap().flaws.is_empty());
}

#[test]
fn whatever_is_changed_behind_its_back_is_told() {
    let cases: [(&str, &str); 9] = [
        (
            "UPDATE incident SET record = replace(record, 'alice', 'mallory') WHERE user = 'alice'",
            "not as it was written",
        ),
        ("UPDATE incident SET state = 'closed'", "state, assignee or notes"),
        ("DELETE FROM incident WHERE user = 'bob'", "nothing tells why"),
        ("UPDATE transfer SET record = replace(record, '100', '101')", "written together"),
        ("DELETE FROM finding", "written together"),
        ("UPDATE run SET manifest = replace(manifest, 'a.pcap', 'b.pcap')", "manifest"),
        ("UPDATE ledger SET detail = 'x' WHERE seq = 2", "entry 2"),
        ("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)", "is not in the ledger"),
        (
            "INSERT INTO note (incident, at, author, text) SELECT id, 1, 'x', 'y' FROM incident LIMIT 1",
            "notes",
        ),
    ];
    for (tampering, told) in cases {
        let sample = sample(2);
        let store = Store::open(&sample.path).unwrap();
        let head = store.verify(None).unwrap().head;
        store.connection.execute_batch(tampering).unwrap();
        let flaws = store.verify(Some(&head)).unwrap().flaws;
        assert!(flaws.iter().any(|flaw| flaw.to_string().contains(told)), "{tampering}: {flaws:?}");
    }
}

#[test]
fn what_is_old_goes_but_open_incidents_stay() {
    let sample = sample(10);
    let mut store = Store::open(&sample.path).unwrap();
    let id = store.resolve("00000000000000000002").unwrap();
    store.change(&id, &[Change::Close(Verdict::FalseAlarm)], "erin", at(200)).unwrap();
    let age = Retention { age_ns: 30 * DAY_NS, bytes: 0 };
    assert_eq!(store.retain(age, at(300)).unwrap(), Removed::default());
    let removed = store.retain(age, at(300).plus(31 * DAY_NS)).unwrap();
    // The closed incident with its transfer and finding, and the transfer that belongs to none.
    assert_eq!(removed, Removed { incidents: 1, open_incidents: 0, records: 3 });
    assert!(matches!(store.case(&id), Err(StoreError::Unknown { .. })));
    assert_eq!(store.count(&IncidentFilter::default()).unwrap(), 9);
    let verification = store.verify(None).unwrap();
    assert!(verification.flaws.is_empty(), "{:?}", verification.flaws);
    assert!(store.hours(None).unwrap().is_empty());
}

#[test]
fn what_is_too_much_goes_and_the_file_shrinks() {
    let sample = sample(300);
    let mut store = Store::open(&sample.path).unwrap();
    let before = store.bytes().unwrap();
    let removed = store.retain(Retention { age_ns: 0, bytes: before / 2 }, at(500)).unwrap();
    assert!(removed.incidents > 0 && removed.incidents < 300, "{removed:?}");
    assert_eq!(removed.incidents, removed.open_incidents);
    assert!(store.bytes().unwrap() <= before / 2);
    assert!(store.verify(None).unwrap().flaws.is_empty());
}

#[test]
fn what_was_sent_is_not_sent_again_until_it_changes() {
    let sample = sample(3);
    let mut store = Store::open(&sample.path).unwrap();
    let changed = store.changed_since(store.sent_to("siem").unwrap(), 2).unwrap();
    assert_eq!(changed.len(), 2);
    store.note_sent("siem", changed[1].0).unwrap();
    let rest = store.changed_since(store.sent_to("siem").unwrap(), 10).unwrap();
    assert_eq!(rest.len(), 1);
    store.note_sent("siem", rest[0].0).unwrap();
    assert!(store.changed_since(store.sent_to("siem").unwrap(), 10).unwrap().is_empty());
    let first = changed[0].1.clone();
    store.change(&first, &[Change::Reopen, Change::Note("again".into())], "erin", at(900)).unwrap();
    let again = store.changed_since(store.sent_to("siem").unwrap(), 10).unwrap();
    assert_eq!(again.iter().map(|(_, id)| id).collect::<Vec<_>>(), [&first]);
    assert_eq!(store.sent_to("other").unwrap(), 0);
}

#[test]
fn what_was_abandoned_is_not_there() {
    let sample = sample(1);
    let mut fill = Fill::begin(Store::open(&sample.path).unwrap(), &manifest("d.pcap"), at(300)).unwrap();
    fill.transfer(&transfer(77, "mallory", &[]), at(300)).unwrap();
    fill.incident(&incident(60, 99, "mallory", 1), at(300)).unwrap();
    fill.abandon();
    fill.incident(&incident(61, 99, "mallory", 1), at(300)).unwrap();
    let store = fill.finish(&serde_json::json!({}), at(301)).unwrap();
    assert_eq!(store.count(&IncidentFilter::default()).unwrap(), 2);
    assert!(store.users(0, 10).unwrap().iter().all(|user| user.who != "mallory" || user.transfers == 0));
    assert!(store.verify(None).unwrap().flaws.is_empty());
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(
        &text,
        "this is no database, and longer than the header of one would be: a hundred bytes, at the very least",
    )
    .unwrap();
    assert!(matches!(Store::create(&text), Err(StoreError::Foreign { .. })), "{:?}", Store::create(&text));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(Store::create(&other), Err(StoreError::Foreign { .. })));
    assert!(matches!(Store::open(&folder.path().join("none")), Err(StoreError::Missing { .. })));
    let newer = folder.path().join("newer.db");
    Store::create(&newer).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&newer), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn a_store_of_an_earlier_release_is_brought_up_to_date() {
    let sample = sample(3);
    let mut store = Store::open(&sample.path).unwrap();
    let later =
        [schema::MIGRATIONS, &["ALTER TABLE incident ADD COLUMN later TEXT", "CREATE TABLE more (x)"]]
            .concat();
    schema::migrate(&mut store.connection, &later).unwrap();
    let version: i64 = store.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, later.len() as i64);
    assert_eq!(store.count(&IncidentFilter::default()).unwrap(), 3);
    // One that fails leaves the store as it was.
    let broken = [&later[..], &["CREATE TABLE even_more (x); CREATE TABLE more (x)"]].concat();
    assert!(schema::migrate(&mut store.connection, &broken).is_err());
    assert_eq!(store.count(&IncidentFilter::default()).unwrap(), 3);
    assert!(store.connection.prepare("SELECT * FROM even_more").is_err());
}

#[test]
fn devices_of_a_user_are_added_up_and_go_with_a_replay_that_is_done_again() {
    let sample = sample(0);
    for _ in 0..2 {
        let mut fill = Fill::begin(Store::open(&sample.path).unwrap(), &manifest("b.pcap"), at(100)).unwrap();
        for (number, device) in (0..).zip(["windows", "android phone", "windows"]) {
            let mut transfer = transfer(number, "Alice", &[]);
            transfer.started_at = at(number.cast_signed());
            transfer.facts = vec![("device", device.into())];
            fill.transfer(&transfer, at(100)).unwrap();
        }
        fill.finish(&serde_json::json!({}), at(101)).unwrap();
    }
    let devices = Store::open(&sample.path).unwrap().devices("alice", 10).unwrap();
    let told: Vec<_> = devices.iter().map(|one| (one.device.as_str(), one.times, one.last_at)).collect();
    assert_eq!(told, [("windows", 2, at(2)), ("android phone", 1, at(1))]);
}
