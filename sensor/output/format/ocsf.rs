//! OCSF 1.9: Data Security Finding (2006) and Detection Finding (2004), with the profiles `host`, `incident` and `security_control`.
//!
//! Owns: the mapping. Never does: fields that the schema does not know; what has no place stands under `unmapped`.
//! Source: schema.ocsf.io, categories/findings.

use super::{Teller, description, milliseconds, scaled, transport, without_empty};
use egret_model::{Case, CaseState, Confidence, FindingView, ObjectView, PartyView, TransferView, Verdict};
use serde_json::{Value, json};

/// Transfers that become evidences; `related_events_count` counts all.
const EVIDENCES: usize = 50;

pub(super) fn data_security_finding(case: &Case, teller: &Teller) -> Value {
    let mut event = finding(case, teller, 2006, "Data Security Finding");
    let first = case.transfers.first();
    if let Some(transfer) = first {
        event["src_endpoint"] = endpoint(&transfer.sender);
        event["dst_endpoint"] = endpoint(&transfer.receiver);
        event["file"] = transfer.objects.first().map(file).unwrap_or_default();
    }
    event["data_security"] = data_security(case);
    // A case that nobody could make sense of is suppressed.
    if case.handling.verdict == Some(Verdict::FalseAlarm) {
        activity(&mut event, 2006, "Data Security Finding", (4, "Suppressed"));
    }
    without_empty(event)
}

pub(super) fn detection_finding(case: &Case, teller: &Teller) -> Value {
    let mut event = finding(case, teller, 2004, "Detection Finding");
    event["evidences"] = case.transfers.iter().take(EVIDENCES).map(evidence).collect();
    event["risk_details"] = json!(description(&case.incident));
    without_empty(event)
}

fn finding(case: &Case, teller: &Teller, class: u64, class_name: &str) -> Value {
    let (incident, handling) = (&case.incident, &case.handling);
    let severity_id = scaled(incident.severity, [1, 2, 3, 4, 5]);
    let (status_id, status) = match (handling.state, handling.verdict, &handling.assignee) {
        (CaseState::Closed, Some(Verdict::FalseAlarm), _) => (3, "Suppressed"),
        (CaseState::Closed, ..) => (4, "Resolved"),
        (CaseState::Open, _, Some(_)) => (2, "In Progress"),
        (CaseState::Open, _, None) => (1, "New"),
    };
    let verdict = handling.verdict.map(|verdict| match verdict {
        Verdict::Confirmed => (2, "True Positive"),
        Verdict::FalseAlarm => (1, "False Positive"),
        Verdict::Accepted => (5, "Benign"),
    });
    let confidence = case.findings.iter().map(|finding| finding.confidence).max();
    let mut event = json!({
        "class_uid": class, "class_name": class_name, "category_uid": 2, "category_name": "Findings",
        "time": milliseconds(incident.last_at), "start_time": milliseconds(incident.first_at),
        "end_time": milliseconds(incident.last_at), "timezone_offset": 0,
        "severity_id": severity_id,
        "severity": scaled(incident.severity, ["Informational", "Low", "Medium", "High", "Critical"]),
        "status_id": status_id, "status": status,
        "verdict_id": verdict.map(|verdict| verdict.0), "verdict": verdict.map(|verdict| verdict.1),
        "message": incident.title,
        "is_alert": true,
        "action_id": 3, "action": "Observed", "disposition_id": 15, "disposition": "Detected",
        "risk_score": incident.risk,
        "risk_level_id": scaled(incident.severity, [0, 1, 2, 3, 4]),
        "confidence_id": confidence.map(|confidence| confidence as i64 + 1),
        "confidence": confidence.map(confidence_name),
        "finding_info": finding_info(case),
        "metadata": {
            "version": "1.9.0-dev", "profiles": ["host", "incident", "security_control"], "uid": incident.id,
            "log_name": "incidents",
            "product": { "name": "Egret", "vendor_name": "Egret", "version": teller.version },
            "reporter": { "name": teller.host, "hostname": teller.host },
        },
        "actor": incident.user.as_ref().map(|user| json!({ "user": user_object(case, user) })),
        "device": incident.host.as_ref().map(|host| json!({ "hostname": host, "name": host, "type_id": 0 })),
        "assignee": handling.assignee.as_ref().map(|name| json!({ "name": name })),
        "comment": handling.notes.last().map(|note| &note.text),
        "observables": observables(case),
        "unmapped": {
            "kind": incident.kind, "complete": incident.complete, "bytes": incident.bytes, "policy": incident.policy.verdict,
            "insider_profile": incident.profile.as_ref().map(|profile| &profile.kind),
            "user_risk": incident.user_risk.as_ref().map(|risk| risk.score),
            "anomalies": incident.anomalies.iter().map(|anomaly| &anomaly.explanation).collect::<Vec<_>>(),
        },
    });
    let does = match handling.state {
        CaseState::Closed => (3, "Close"),
        CaseState::Open if handling.assignee.is_some() || !handling.notes.is_empty() => (2, "Update"),
        CaseState::Open => (1, "Create"),
    };
    activity(&mut event, class, class_name, does);
    event
}

fn activity(event: &mut Value, class: u64, class_name: &str, (id, name): (u64, &str)) {
    event["activity_id"] = json!(id);
    event["activity_name"] = json!(name);
    event["type_uid"] = json!(class * 100 + id);
    event["type_name"] = json!(format!("{class_name}: {name}"));
}

fn finding_info(case: &Case) -> Value {
    let incident = &case.incident;
    let attacks: Vec<Value> = incident
        .attack
        .iter()
        .map(|technique| match technique.split_once('.') {
            Some((parent, _)) => {
                json!({ "technique": { "uid": parent }, "sub_technique": { "uid": technique } })
            }
            None => json!({ "technique": { "uid": technique } }),
        })
        .collect();
    let analytics: Vec<Value> = signatures(case)
        .into_iter()
        .map(|finding| json!({ "uid": finding.signature, "name": finding.title, "type_id": 1, "type": "Rule" }))
        .chain(incident.anomalies.iter().map(
            |anomaly| json!({ "uid": anomaly.kind, "name": anomaly.kind, "type_id": 2, "type": "Behavioral" }),
        ))
        .collect();
    json!({
        "uid": incident.id, "title": incident.title, "desc": description(incident), "types": [incident.kind],
        "first_seen_time": milliseconds(incident.first_at), "last_seen_time": milliseconds(incident.last_at),
        "created_time": milliseconds(incident.first_at), "modified_time": milliseconds(case.handling.updated_at),
        "attacks": attacks, "analytic": analytics.first(), "related_analytics": analytics,
        "related_events_count": incident.transfers.len(),
    })
}

fn data_security(case: &Case) -> Value {
    let tagged = |tags: &[&str]| {
        case.findings.iter().any(|finding| finding.tags.iter().any(|tag| tags.contains(&tag.as_str())))
    };
    let (category_id, category) = if tagged(&["pii", "person", "phi", "health"]) {
        (1, "Personal")
    } else if tagged(&["pci", "financial", "finance"]) {
        (3, "Financial")
    } else if tagged(&["secret", "secrets", "credential", "credentials"]) {
        (6, "Security")
    } else if case.findings.is_empty() {
        (0, "Unknown")
    } else {
        (4, "Business")
    };
    let titles: Vec<&str> = signatures(case).iter().map(|finding| finding.title.as_str()).collect();
    let example = case.findings.iter().flat_map(|finding| &finding.matches).next();
    let policy = &case.incident.policy;
    json!({
        "category_id": category_id, "category": category,
        "data_lifecycle_state_id": 2, "data_lifecycle_state": "Data in-Transit",
        "detection_system_id": 2, "detection_system": "DLP Gateway",
        "detection_pattern": titles.join(", "),
        "pattern_match": example.map(|one| &one.redacted),
        "policy": policy.rule.as_ref().map(|rule| json!({ "name": rule, "is_applied": true, "desc": policy.reason })),
        "size": case.incident.bytes,
        "total": case.findings.iter().map(|finding| finding.count).sum::<u64>().min(i32::MAX.unsigned_abs().into()),
        "status_id": if case.incident.complete { 1 } else { 2 },
        "status": if case.incident.complete { "Complete" } else { "Partial" },
    })
}

/// One finding of each signature, in order of signatures.
fn signatures(case: &Case) -> Vec<&FindingView> {
    let mut found: Vec<&FindingView> = case.findings.iter().collect();
    found.sort_by(|a, b| a.signature.cmp(&b.signature));
    found.dedup_by(|a, b| a.signature == b.signature);
    found
}

fn user_object(case: &Case, user: &str) -> Value {
    let domain = case.transfers.iter().find_map(|transfer| transfer.sender.domain.as_ref());
    json!({
        "name": user, "domain": domain, "type_id": 1, "type": "User",
        "risk_score": case.incident.user_risk.as_ref().map(|risk| risk.score),
    })
}

fn endpoint(party: &PartyView) -> Value {
    let name = party.name.as_ref().or(party.host.as_ref()).unwrap_or(&party.ip);
    json!({
        "ip": party.ip, "port": party.port, "hostname": party.host.as_ref().or(party.name.as_ref()), "mac": party.mac, "name": name,
        "owner": party.user.as_ref().map(|user| json!({ "name": user })),
    })
}

fn file(object: &ObjectView) -> Value {
    let name = object.filename.as_deref().filter(|name| !name.is_empty());
    let name =
        name.or_else(|| object.path.rsplit('/').next()).filter(|name| !name.is_empty()).unwrap_or("body");
    json!({
        "name": name, "path": object.path, "type_id": 1, "type": "Regular File", "size": object.size, "mime_type": object.media_type,
        "hashes": [{ "algorithm_id": 3, "algorithm": "SHA-256", "value": object.sha256 }],
    })
}

fn evidence(transfer: &TransferView) -> Value {
    let ipv6 = transfer.sender.ip.contains(':');
    let direction = match transfer.direction.as_str() {
        "egress" => (2, "Outbound"),
        "ingress" => (1, "Inbound"),
        "internal" => (3, "Lateral"),
        _ => (0, "Unknown"),
    };
    json!({
        "uid": transfer.id, "name": transfer.operation,
        "src_endpoint": endpoint(&transfer.sender), "dst_endpoint": endpoint(&transfer.receiver),
        "connection_info": {
            "direction_id": direction.0, "direction": direction.1, "protocol_name": transport(&transfer.protocol),
            "protocol_ver_id": if ipv6 { 6 } else { 4 },
        },
        "file": transfer.objects.first().map(file),
    })
}

fn observables(case: &Case) -> Vec<Value> {
    let incident = &case.incident;
    let mut observables = vec![
        json!({ "name": "device.hostname", "type_id": 1, "type": "Hostname", "value": incident.host }),
        json!({ "name": "actor.user.name", "type_id": 4, "type": "User Name", "value": incident.user }),
    ];
    observables.retain(|observable| !observable["value"].is_null());
    let first = case.transfers.first();
    observables.extend(first.map(
        |transfer| json!({ "name": "dst_endpoint.ip", "type_id": 2, "type": "IP Address", "value": transfer.receiver.ip }),
    ));
    observables
}

const fn confidence_name(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "Low",
        Confidence::Medium => "Medium",
        Confidence::High => "High",
    }
}
