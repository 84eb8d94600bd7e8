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
    // A live run hardly waits; a replay lets a transfer wait for a minute, and one of somebody unknown for as long as there is room.
    for wait_s in [0, 60, 14_400, 1_000_000] {
        who_it_was(wait_s);
    }
}

fn who_it_was(wait_s: i64) {
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
    for question in &questions {
        let until = at(question).plus(wait_s * 1_000_000_000);
        while let Some(event) = events.next_if(|event| at(event) <= until) {
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
    let told = format!(
        "waiting {wait_s} s: right {right:.4}, wrong {wrong:.4}, abstained {abstained:.4}: {by_mode:?}"
    );
    eprintln!("{told}");
    assert!(right >= 0.95 && wrong <= 0.015, "{told}");
}

/// Resident memory of this process, bytes; None where the system does not tell.
fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Leases, machine accounts, tickets, file shares and the directory, over ten hours of fifty thousand hosts: the whole index stays
/// within 500 MB, and knows everybody.
#[test]
fn a_day_of_fifty_thousand_hosts_fits() {
    const HOSTS: u32 = 50_000;
    let Some(before) = resident_bytes() else {
        eprintln!("SKIPPED: the system does not tell how much memory is used");
        return;
    };
    let mut index = IdentityIndex::new(Arc::default(), &IdentityLimits::default());
    let ip = |host: u32| std::net::IpAddr::from((0x0a00_0000 + host).to_be_bytes());
    let mut given = 0;
    for hour in 0..10_u32 {
        for host in 0..HOSTS {
            let at = |minute: u32| {
                Timestamp::from_seconds(i64::from(hour) * 3600 + i64::from(minute * 60 + host % 60))
            };
            let seen = |minute: u32, user: Option<String>, evidence| Sighting {
                at: at(minute),
                ip: Some(ip(host)),
                ports: None,
                mac: None,
                host: None,
                user,
                domain: Some("CORP.EXAMPLE".into()),
                evidence,
                confirmed: true,
                until: None,
            };
            let user = || Some(format!("user{host}"));
            if hour % 4 == 0 {
                let until = Some(at(0).plus(4 * 3600 * 1_000_000_000));
                let machine = Some(format!("PC-{host}"));
                index.add(&Sighting { host: machine, until, ..seen(0, None, Evidence::Dhcp) });
                index.add(&seen(1, Some(format!("PC-{host}$")), Evidence::Kerberos));
                given += 2;
            }
            index.add(&seen(2, user(), Evidence::Kerberos));
            // Not everybody does everything in every hour, so that evidence is interrupted.
            if !(hour + host).is_multiple_of(3) {
                index.add(&seen(20, user(), Evidence::Ntlm));
                index.add(&seen(40, user(), Evidence::Ldap));
                given += 2;
            }
            given += 1;
        }
    }
    let bytes = resident_bytes().unwrap_or(before).saturating_sub(before);
    eprintln!("{given} pieces of evidence, {} kept, {} MiB", index.len(), bytes >> 20);
    assert!(bytes < 500_000_000, "{bytes} bytes");
    assert!(index.len() >= 3 * HOSTS as usize);
    for host in (0..HOSTS).step_by(997) {
        let at = Timestamp::from_seconds(5 * 3600 + 1800);
        let found = index.attribute(&Question { ip: ip(host), port: None, at, named: None });
        assert_eq!((found.user, found.host), (Some(format!("user{host}")), Some(format!("PC-{host}"))));
    }
}
