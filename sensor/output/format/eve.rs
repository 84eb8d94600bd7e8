//! EVE JSON, the event format of Suricata: an alert for each finding, one for each transfer without, one for an incident without either.
//!
//! Owns: the mapping. Never does: inventing flow ids that Suricata would give; `community_id` joins with other tools.

use super::{community_id, scaled, transport, without_empty};
use egret_model::{Case, FindingView, Timestamp, TransferView};
use serde_json::{Value, json};

pub(super) fn events(case: &Case) -> Vec<Value> {
    let mut events = Vec::new();
    for transfer in &case.transfers {
        let of_transfer = |finding: &&FindingView| finding.transfer == transfer.id;
        let before = events.len();
        events.extend(
            case.findings
                .iter()
                .filter(of_transfer)
                .map(|finding| event(case, Some(transfer), Some(finding))),
        );
        if events.len() == before {
            events.push(event(case, Some(transfer), None));
        }
    }
    if events.is_empty() {
        events.push(event(case, None, None));
    }
    events
}

fn event(case: &Case, transfer: Option<&TransferView>, finding: Option<&FindingView>) -> Value {
    let incident = &case.incident;
    let severity = finding.map_or(incident.severity, |finding| finding.severity);
    let signature = finding.map_or(incident.title.as_str(), |finding| finding.title.as_str());
    let mut event = json!({
        "timestamp": timestamp(transfer.map_or(incident.first_at, |transfer| transfer.started_at)),
        "event_type": "alert",
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": signature_id(finding.map_or(incident.kind.as_str(), |finding| finding.signature.as_str())),
            "rev": 1,
            "signature": signature,
            "category": "Sensitive Data was Transmitted Across the Network",
            // One is the gravest.
            "severity": scaled(severity, [4, 4, 3, 2, 1]),
            "metadata": { "mitre_technique_id": incident.attack, "tag": finding.map(|finding| &finding.tags) },
        },
        "egret": {
            "incident": incident.id, "kind": incident.kind, "risk": incident.risk, "title": incident.title,
            "user": incident.user, "host": incident.host, "destination": incident.destination, "complete": incident.complete,
            "transfer": transfer.map(|transfer| &transfer.id), "finding": finding.map(|finding| &finding.id),
            "signature": finding.map(|finding| &finding.signature), "object": finding.map(|finding| &finding.object),
            "confidence": finding.map(|finding| finding.confidence), "unique": finding.map(|finding| finding.unique),
            "reasons": incident.reasons,
        },
    });
    if let Some(transfer) = transfer {
        network(&mut event, transfer);
    }
    without_empty(event)
}

fn network(event: &mut Value, transfer: &TransferView) {
    let (sender, receiver) = (&transfer.sender, &transfer.receiver);
    let protocol = transport(&transfer.protocol);
    event["src_ip"] = json!(sender.ip);
    event["dest_ip"] = json!(receiver.ip);
    event["proto"] = json!(protocol.to_ascii_uppercase());
    if protocol != "icmp" {
        event["src_port"] = json!(sender.port);
        event["dest_port"] = json!(receiver.port);
    }
    if !matches!(transfer.protocol.as_str(), "tcp" | "udp" | "icmp") {
        event["app_proto"] = json!(transfer.protocol);
    }
    event["pcap_filename"] = json!(transfer.capture);
    let ends = (sender.ip.parse(), receiver.ip.parse());
    if let (Ok(from), Ok(to)) = ends {
        event["community_id"] = json!(community_id(protocol, (from, sender.port), (to, receiver.port)));
    }
    if transfer.protocol == "http" {
        let (method, url) = transfer.operation.split_once(' ').unwrap_or((transfer.operation.as_str(), ""));
        event["http"] = json!({ "hostname": receiver.name, "http_method": method, "url": url });
    }
    let files: Vec<Value> = transfer
        .objects
        .iter()
        .map(|object| {
            json!({
                "filename": object.filename.as_ref().unwrap_or(&object.path), "sha256": object.sha256, "size": object.size,
                "magic": object.media_type, "state": if object.state == "inspected" { "CLOSED" } else { "TRUNCATED" },
            })
        })
        .collect();
    event["files"] = Value::Array(files);
}

/// As Suricata writes it: microseconds, and the zone without a colon.
fn timestamp(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}+0000", text.get(..26).unwrap_or(&text))
}

/// A number for a signature, the same in every release, in the range that is left to local rules (1,000,000 to 1,999,999).
fn signature_id(signature: &str) -> u64 {
    let hash = signature
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    1_000_000 + (hash >> 16) % 1_000_000
}
