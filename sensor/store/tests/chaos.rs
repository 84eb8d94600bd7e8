//! Kill -9 at random, a hundred times, under load: nothing that was acknowledged is lost, and the store opens and verifies.
//!
//! The writer is this very program, called again: it acknowledges an incident on standard output once its batch is committed.

use egret_model::{
    CaseState, Direction, Incident, Party, Policy, Protocol, Severity, Timestamp, TransferRecord, Verdict,
};
use egret_store::{Change, Fill, IncidentFilter, Manifest, RunKind, SignatureDigest, Store};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const STORE: &str = "EGRET_CHAOS_STORE";
const ROUND: &str = "EGRET_CHAOS_ROUND";
const ROUNDS: u64 = 100;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_764_000_000 + i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn manifest(round: u64) -> Manifest {
    Manifest {
        kind: RunKind::Live,
        egret: "0.1.0".into(),
        signatures: SignatureDigest { count: 1, sha256: "aa".into() },
        captures: Vec::new(),
        interfaces: vec!["span0".into()],
        internal: Vec::new(),
        users: None,
        limits: None,
        context: None,
        feeds: Vec::new(),
        key_log: None,
        run: Some(format!("r-{round}")),
    }
}

fn transfer(id: &str) -> TransferRecord {
    TransferRecord {
        id: id.into(),
        capture: "span0".into(),
        protocol: Protocol::Http,
        operation: format!("POST /{}", "x".repeat(300)),
        direction: Direction::Egress,
        started_at: at(0),
        ended_at: at(1),
        tunnel: Vec::new(),
        sender: Party::new("10.0.0.1".parse().expect("an address"), 1024),
        receiver: Party::new("198.51.100.1".parse().expect("an address"), 80),
        bytes: 100,
        complete: true,
        readable: true,
        inconsistent_overlap: false,
        uninspected: Vec::new(),
        facts: Vec::new(),
        objects: Vec::new(),
        findings: Vec::new(),
    }
}

fn incident(id: &str, transfers: Vec<String>) -> Incident {
    Incident {
        id: id.into(),
        kind: "sensitive-egress".into(),
        severity: Severity::High,
        risk: 70,
        title: "somebody sent something".into(),
        first_at: at(0),
        last_at: at(1),
        user: Some("alice".into()),
        host: None,
        destination: "upload.example".into(),
        attack: Vec::new(),
        complete: true,
        reasons: vec!["because ".repeat(40)],
        bytes: 100,
        transfers,
        findings: Vec::new(),
        risk_shares: Vec::new(),
        user_risk: None,
        anomalies: Vec::new(),
        timeline: Vec::new(),
        profile: None,
        policy: Policy::default(),
        attribution_confidence: None,
    }
}

/// Not a test of its own: what the test below calls and kills.
#[test]
fn writer() {
    let (Some(path), Ok(round)) = (std::env::var_os(STORE), std::env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let store = Store::create(Path::new(&path)).unwrap();
    let mut fill = Fill::begin(store, &manifest(round), at(round)).unwrap();
    let mut out = std::io::stdout();
    for batch in 0.. {
        let ids: Vec<String> = (0..4).map(|number| format!("i-{round:06x}{batch:06x}{number:08x}")).collect();
        for id in &ids {
            let transfers: Vec<String> = (0..5).map(|number| format!("t-{id}-{number}")).collect();
            for transfer_id in &transfers {
                fill.transfer(&transfer(transfer_id), at(batch)).unwrap();
            }
            fill.incident(&incident(id, transfers), at(batch)).unwrap();
        }
        fill.commit(at(batch)).unwrap();
        for id in ids {
            writeln!(out, "acknowledged {id}").unwrap();
        }
        out.flush().unwrap();
    }
}

/// Writes until it is killed `after` it has begun to acknowledge; the incidents that it has acknowledged.
fn killed(path: &Path, round: u64, after: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["writer", "--exact", "--nocapture"])
        .env(STORE, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut acknowledged = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned)).collect::<Vec<_>>()
        });
        std::thread::sleep(after);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        reader.join().expect("its words")
    });
    // The kill may have cut the last line.
    acknowledged.retain(|id| id.len() == 22);
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_to_a_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("egret.db");
    let mut acknowledged = BTreeSet::new();
    let mut closed = BTreeSet::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let told = killed(&path, round, Duration::from_micros(8_000 + (random >> 33) % 90_000));
        acknowledged.extend(told);
        if !path.exists() {
            continue; // killed before it began
        }
        let mut store = Store::create(&path).unwrap();
        let kept = store.count(&IncidentFilter::default()).unwrap();
        assert!(kept >= acknowledged.len() as u64, "round {round}: {kept} of {}", acknowledged.len());
        // An analyst at work between the kills.
        if let Some(id) = acknowledged.iter().find(|id| !closed.contains(*id)) {
            store.change(id, &[Change::Close(Verdict::Confirmed)], "erin", at(round)).unwrap();
            closed.insert(id.clone());
        }
    }
    let store = Store::open(&path).unwrap();
    let kept = store.incidents(&IncidentFilter::default()).unwrap();
    let ids: BTreeSet<&str> = kept.iter().map(|one| one.incident.id.as_str()).collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !ids.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let of_analyst: BTreeSet<&str> = kept
        .iter()
        .filter(|one| one.handling.state == CaseState::Closed)
        .map(|one| one.incident.id.as_str())
        .collect();
    assert_eq!(of_analyst, closed.iter().map(String::as_str).collect());
    // Each with its transfers, since a batch is kept as a whole.
    for id in ids.iter().step_by(37) {
        assert_eq!(store.case(id).unwrap().transfers.len(), 5, "{id}");
    }
    let verification = store.verify(None).unwrap();
    assert!(verification.flaws.is_empty(), "{:?}", verification.flaws);
    println!("{} acknowledged, {} kept, {} entries", acknowledged.len(), kept.len(), verification.entries);
    assert!(acknowledged.len() > 200, "too few to prove anything: {}", acknowledged.len());
}
