//! The index over a log of five working days: DHCP reuse, a terminal server, a kiosk, service accounts, machines, run-as, refused
//! log-ins; and questions of which the true answer is known.

use crate::{IdentityIndex, Question};
use egret_model::{Evidence, IdentityLimits, Sighting, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The labelled data, where it was unpacked (`target/shared`, or the folder that EGRET_DATA names).
fn data(name: &str) -> Option<Vec<Value>> {
    let root = std::env::var_os("EGRET_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/shared"), PathBuf::from);
    let path = root.join("behavior").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: the labelled data is absent ({})", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect())
}

fn at(record: &Value) -> Timestamp {
    Timestamp::from_nanos((record["t"].as_f64().expect("a time") * 1e9) as i64)
}

fn port(record: &Value) -> Option<u16> {
    record["sport"].as_u64().map(|port| u16::try_from(port).expect("a port"))
}

/// None: nothing that a sensor would call evidence.
fn sighting(event: &Value) -> Option<Sighting> {
    let at = at(event);
    let (evidence, until) = match event["src"].as_str()? {
        "krb_asrep" | "krb_tgsrep" => (Evidence::Kerberos, None),
        "ntlm" => (Evidence::Ntlm, None),
        "ldap_bind" => (Evidence::Ldap, None),
        "dhcp" => (Evidence::Dhcp, event["lease"].as_i64().map(|lease| at.plus(lease * 1_000_000_000))),
        "logoff" => (Evidence::WindowsLogon, Some(at)),
        _ => return None,
    };
    let text = |key: &str| event[key].as_str().map(str::to_owned);
    Some(Sighting {
        at,
        ip: text("ip")?.parse().ok(),
        ports: port(event).map(|port| (port, port)),
        mac: None,
        host: text("host"),
        user: text("user"),
        domain: None,
        evidence,
        confirmed: true,
        until,
    })
}

#[derive(Debug, Default, PartialEq)]
struct Score {
    right: usize,
    wrong: usize,
    abstained: usize,
}

#[test]
fn who_it_was_on_five_working_days() {
    let (Some(mut events), Some(mut questions)) =
        (data("identity_timeline_events.jsonl"), data("identity_timeline_queries.jsonl"))
    else {
        return;
    };
    events.sort_by_key(at);
    questions.sort_by_key(at);
    let mut index = IdentityIndex::new(Arc::default(), &IdentityLimits::default());
    let mut by_mode: BTreeMap<String, Score> = BTreeMap::new();
    let mut events = events.iter().peekable();
    // Transfers wait a minute for evidence that comes just after.
    const HOLD_NS: i64 = 60 * 1_000_000_000;
    for question in &questions {
        while let Some(event) = events.next_if(|event| at(event) <= at(question).plus(HOLD_NS)) {
            sighting(event).iter().for_each(|sighting| index.add(sighting));
        }
        let ip = question["ip"].as_str().and_then(|ip| ip.parse().ok()).expect("an address");
        let found = index.attribute(&Question { ip, port: port(question), at: at(question), named: None });
        let score = by_mode.entry(question["mode"].as_str().unwrap_or_default().to_owned()).or_default();
        match (found.user.as_deref(), question["user"].as_str()) {
            (found, truth) if found == truth => score.right += 1,
            (None, Some(_)) => score.abstained += 1,
            (Some(found), truth) => {
                eprintln!("{} {}: {found} for {truth:?}", question["mode"], question["t"]);
                score.wrong += 1;
            }
            (None, None) => unreachable!("equal"),
        }
    }
    let sum =
        |part: fn(&Score) -> usize| by_mode.values().map(part).sum::<usize>() as f64 / questions.len() as f64;
    let (right, wrong, abstained) = (sum(|s| s.right), sum(|s| s.wrong), sum(|s| s.abstained));
    let told = format!("right {right:.4}, wrong {wrong:.4}, abstained {abstained:.4}: {by_mode:#?}");
    eprintln!("{told}");
    assert!(right >= 0.95 && wrong <= 0.015, "{told}");
}
