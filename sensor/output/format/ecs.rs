//! Elastic Common Schema 9: an alert event for each incident.
//!
//! Owns: the mapping. Never does: field names outside of ECS, but under `egret`.
//! Source: elastic.co/guide/en/ecs.

use super::{Teller, community_id, description, scaled, transport, without_empty};
use egret_model::{Case, CaseState};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn event(case: &Case, teller: &Teller) -> Value {
    let incident = &case.incident;
    let first = case.transfers.first();
    let sender = first.map(|transfer| &transfer.sender);
    let receiver = first.map(|transfer| &transfer.receiver);
    let file = first.and_then(|transfer| transfer.objects.first());
    let is_ip = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let named = (!is_ip(&incident.destination)).then_some(&incident.destination);
    let rules: BTreeSet<(&str, &str)> =
        case.findings.iter().map(|finding| (finding.signature.as_str(), finding.title.as_str())).collect();
    let unique = |values: Vec<Option<&str>>| -> BTreeSet<String> {
        values.into_iter().flatten().filter(|value| !value.is_empty()).map(str::to_owned).collect()
    };
    without_empty(json!({
        "@timestamp": incident.last_at,
        "ecs": { "version": "9.0.0" },
        "message": incident.title,
        "tags": ["egret", incident.kind],
        "event": {
            "kind": "alert", "category": ["network", "file"], "type": ["info"], "module": "egret", "dataset": "egret.incident",
            "provider": "egret", "action": incident.kind, "id": incident.id, "start": incident.first_at, "end": incident.last_at,
            "severity": scaled(incident.severity, [10, 30, 50, 70, 90]), "risk_score": incident.risk,
            "reason": description(incident),
            "outcome": if case.handling.state == CaseState::Closed { "success" } else { "unknown" },
        },
        "observer": { "vendor": "Egret", "product": "Egret", "type": "ids", "version": teller.version, "hostname": teller.host },
        "rule": {
            "id": rules.first().map(|rule| rule.0), "name": rules.first().map(|rule| rule.1), "category": "data loss",
            "ruleset": "egret",
        },
        "threat": {
            "framework": "MITRE ATT&CK",
            "technique": {
                "id": incident.attack.iter().map(|id| id.split('.').next().unwrap_or(id)).collect::<BTreeSet<_>>(),
                "subtechnique": { "id": incident.attack.iter().filter(|id| id.contains('.')).collect::<Vec<_>>() },
            },
        },
        "user": { "name": incident.user, "domain": sender.and_then(|sender| sender.domain.as_ref()) },
        "host": { "name": incident.host },
        "source": {
            "ip": sender.map(|sender| &sender.ip), "port": sender.map(|sender| sender.port), "mac": sender.and_then(mac),
            "bytes": incident.bytes,
        },
        "destination": {
            "ip": receiver.map(|receiver| &receiver.ip), "port": receiver.map(|receiver| receiver.port),
            "address": incident.destination, "domain": named,
        },
        "network": {
            "protocol": first.map(|transfer| &transfer.protocol),
            "transport": first.map(|transfer| transport(&transfer.protocol)),
            "direction": first.map(|transfer| match transfer.direction.as_str() {
                "egress" => "outbound",
                "ingress" => "inbound",
                other => other,
            }),
            "bytes": incident.bytes,
            "community_id": first.and_then(|transfer| {
                let (from, to) = (transfer.sender.ip.parse().ok()?, transfer.receiver.ip.parse().ok()?);
                let ends = ((from, transfer.sender.port), (to, transfer.receiver.port));
                community_id(transport(&transfer.protocol), ends.0, ends.1)
            }),
        },
        "file": {
            "name": file.and_then(|file| file.filename.as_ref()), "path": file.map(|file| &file.path),
            "size": file.map(|file| file.size), "mime_type": file.and_then(|file| file.media_type.as_ref()),
            "hash": { "sha256": file.map(|file| &file.sha256) },
        },
        "related": {
            "user": unique(vec![incident.user.as_deref()]),
            "hosts": unique(vec![incident.host.as_deref(), named.map(String::as_str)]),
            "ip": unique(case.transfers.iter().flat_map(|t| [Some(t.sender.ip.as_str()), Some(t.receiver.ip.as_str())]).collect()),
            "hash": unique(case.transfers.iter().flat_map(|t| &t.objects).map(|object| Some(object.sha256.as_str())).collect()),
        },
        "egret": {
            "complete": incident.complete, "state": case.handling.state.name(), "assignee": case.handling.assignee,
            "verdict": case.handling.verdict.map(egret_model::Verdict::name),
            "signatures": rules.iter().map(|rule| rule.0).collect::<Vec<_>>(),
            "policy": incident.policy.verdict, "profile": incident.profile.as_ref().map(|profile| &profile.kind),
            "anomalies": incident.anomalies.iter().map(|anomaly| &anomaly.kind).collect::<Vec<_>>(),
        },
    }))
}

/// In capitals with hyphens (RFC 7042), as the schema asks.
fn mac(party: &egret_model::PartyView) -> Option<String> {
    party.mac.as_ref().map(|mac| mac.replace(':', "-").to_ascii_uppercase())
}
