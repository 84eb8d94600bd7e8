use super::*;
use egret_model::{Handling, Note, Timestamp};
use proptest::prelude::*;

/// A case whose every text is `evil`.
pub(crate) fn case(evil: &str) -> Case {
    let record = serde_json::json!({
        "id": "i-00000000000000000001", "kind": "sensitive-egress", "severity": "high", "risk": 77, "title": evil,
        "first_at": "2026-11-23T23:52:53.259967000Z", "last_at": "2026-11-23T23:52:54.000000000Z", "user": evil, "host": evil,
        "destination": evil, "attack": ["T1048.003", "T1030"], "complete": false, "reasons": [evil, evil], "bytes": 4096,
        "transfers": ["t-1"], "findings": ["f-1"], "a_field_of_a_later_release": { "x": 1 },
    });
    let transfer = serde_json::json!({
        "id": "t-1", "capture": evil, "protocol": "http", "operation": format!("POST {evil}"), "direction": "egress",
        "started_at": "2026-11-23T23:52:53.259967000Z", "ended_at": "2026-11-23T23:52:54.000000000Z", "tunnel": [],
        "sender": { "ip": "10.20.1.11", "port": 38708, "mac": "3c:52:82:00:1a:0b", "host": evil, "user": evil },
        "receiver": { "ip": "203.0.113.20", "port": 80, "name": evil }, "bytes": 4096, "complete": true, "readable": true,
        "objects": [{ "path": evil, "filename": evil, "media_type": "text/plain", "size": 5, "sha256": "ab", "state": "inspected" }],
        "findings": ["f-1"],
    });
    let finding = serde_json::json!({
        "id": "f-1", "transfer": "t-1", "object": evil, "signature": "payment-card", "title": "Payment card numbers", "owner": evil,
        "tags": ["pci", evil], "severity": "high", "confidence": "medium", "count": 3, "unique": 2,
        "matches": [{ "offset": 1, "length": 2, "redacted": evil, "context": evil, "why": [evil] }],
    });
    let (record, transfer, finding) = (record.to_string(), transfer.to_string(), finding.to_string());
    Case {
        incident: serde_json::from_str(&record).unwrap(),
        handling: Handling {
            assignee: Some(evil.to_owned()),
            notes: vec![Note { at: Timestamp::EPOCH, author: evil.to_owned(), text: evil.to_owned() }],
            ..Handling::default()
        },
        transfers: vec![serde_json::from_str(&transfer).unwrap()],
        findings: vec![serde_json::from_str(&finding).unwrap()],
        record,
        transfer_records: vec![transfer],
        finding_records: vec![finding],
    }
}

fn teller() -> Teller {
    Teller { host: "sensor-1".to_owned(), version: "0.1.0".to_owned() }
}

#[test]
fn each_format_tells_who_what_and_where_to() {
    for (name, format) in Format::ALL {
        let lines = format.lines(&case("Zoe"), &teller()).unwrap();
        assert_eq!(lines.len(), 1, "{name}");
        for part in ["i-00000000000000000001", "Zoe", "203.0.113.20", "payment-card", "4096"] {
            // EVE tells no volume of an alert.
            assert!(
                lines[0].contains(part) || (name == "eve" && part == "4096"),
                "{name}: {part}: {}",
                lines[0]
            );
        }
        assert_eq!(Format::parse(name), Some(format));
    }
    let eve = Format::Eve.lines(&case("Zoe"), &teller()).unwrap();
    assert!(eve[0].contains(r#""timestamp":"2026-11-23T23:52:53.259967+0000""#), "{}", eve[0]);
    assert!(eve[0].contains(r#""community_id":"1:"#), "{}", eve[0]);
    let cef = Format::Cef.lines(&case("Zoe"), &teller()).unwrap();
    assert!(
        cef[0].starts_with("CEF:0|Egret|Egret|0.1.0|sensitive-egress|Zoe|8|externalId=i-0"),
        "{}",
        cef[0]
    );
}

#[test]
fn an_incident_without_transfers_is_told_too() {
    let mut case = case("Zoe");
    case.transfers.clear();
    case.findings.clear();
    for (name, format) in Format::ALL {
        assert_eq!(format.lines(&case, &teller()).unwrap().len(), 1, "{name}");
    }
}

proptest! {
    /// Whatever the wire says, a case is one line, JSON stays JSON, and nothing hidden reaches a format for people.
    #[test]
    fn evil_text_stays_text(evil in any::<String>()) {
        let case = case(&evil);
        for (name, format) in Format::ALL {
            for line in format.lines(&case, &teller()).unwrap() {
                prop_assert!(!line.contains(['\n', '\r']), "{}: {}", name, line);
                match format {
                    Format::Cef | Format::Csv => prop_assert!(!line.contains(|c: char| c.is_control())),
                    _ => prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok()),
                }
            }
        }
    }

    /// A reader of CEF that knows the escapes finds the fields that were written, and no other.
    #[test]
    fn no_field_of_cef_can_be_smuggled_in(evil in ".{0,40}") {
        let line = Format::Cef.lines(&case(&evil), &teller()).unwrap().remove(0);
        let mut bars = 0;
        let mut escaped = false;
        let extension: String = line
            .chars()
            .filter(|c| {
                if bars < 7 {
                    if !escaped && *c == '|' {
                        bars += 1;
                    }
                    escaped = !escaped && *c == '\\';
                    return false;
                }
                true
            })
            .collect();
        prop_assert_eq!(bars, 7);
        let mut fields = Vec::new();
        let mut word = String::new();
        let mut escaped = false;
        for c in extension.chars() {
            match c {
                '=' if !escaped => fields.push(std::mem::take(&mut word)),
                ' ' => word.clear(),
                c => word.push(c),
            }
            escaped = !escaped && c == '\\';
        }
        let expected = Format::Cef.lines(&case("Zoe"), &teller()).unwrap().remove(0).matches('=').count();
        prop_assert!(fields.len() == expected || evil.trim().is_empty(), "{:?}", fields);
        prop_assert_eq!(fields.iter().filter(|name| *name == "suser").count(), usize::from(!evil.is_empty()));
    }
}
