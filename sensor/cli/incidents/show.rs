//! `egret incidents show`.
//!
//! Owns: the page of one incident. Never does: hiding anything that counted.

use crate::cli::{amount, status, view};
use anyhow::Result;
use clap::Args;
use egret_model::{Case, FindingView, Handling, IncidentView, TransferView};
use egret_output::{case_json, printable};
use egret_store::Store;

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The incident.
    #[arg(value_name = "ID")]
    id: String,

    /// Print one JSON object: the record, its transfers and findings, and what analysts made of it.
    #[arg(long)]
    json: bool,

    /// Show all transfers, findings and moments, not the first ones.
    #[arg(short, long)]
    all: bool,
}

/// Lines of a list that are shown without --all.
const FIRST: usize = 12;

impl Show {
    pub(super) fn run(&self, store: &Store) -> Result<u8> {
        let case = store.case(&store.resolve(&self.id)?)?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&case_json(&case)?)?);
            return Ok(status::DONE);
        }
        let most = if self.all { usize::MAX } else { FIRST };
        head(&case.incident);
        reasons(&case.incident, most);
        timeline(&case.incident, most);
        transfers(&case, most);
        findings(&case.findings, most);
        handling(&case.handling);
        Ok(status::DONE)
    }
}

fn head(incident: &IncidentView) {
    println!("{}  {}", incident.id, printable(&incident.title));
    let mut facts: Vec<(&str, String)> = vec![
        ("kind", incident.kind.clone()),
        ("severity", incident.severity.to_string()),
        ("risk", format!("{} of 100", incident.risk)),
        (
            "when",
            format!("{} to {} UTC", incident.first_at.to_the_second(), incident.last_at.to_the_second()),
        ),
        ("user", incident.user.clone().unwrap_or_else(|| "not known".to_owned())),
        ("host", incident.host.clone().unwrap_or_else(|| "not known".to_owned())),
        ("to", incident.destination.clone()),
        ("amount", amount::bytes(incident.bytes)),
        (
            "complete",
            if incident.complete { "yes" } else { "no: there may be more than was seen" }.to_owned(),
        ),
        ("ATT&CK", incident.attack.join(", ")),
    ];
    if !incident.policy.verdict.is_empty() {
        facts.push(("policy", format!("{}: {}", incident.policy.verdict, incident.policy.reason)));
    }
    if let Some(profile) = &incident.profile {
        let why = profile.reasons.join("; ");
        facts.push(("profile", format!("{} ({:.0} %): {why}", profile.kind, profile.share * 100.0)));
    }
    if let Some(risk) = &incident.user_risk {
        facts.push(("user risk", format!("{} of 100", risk.score)));
    }
    for (name, value) in facts {
        println!("  {name:<10} {}", printable(&value));
    }
}

fn reasons(incident: &IncidentView, most: usize) {
    view::heading("Why");
    for reason in &incident.reasons {
        println!("• {}", printable(reason));
    }
    if !incident.risk_shares.is_empty() {
        view::heading("What the risk is made of");
        let mut table = view::table(&["points", "for"]);
        for share in incident.risk_shares.iter().take(most) {
            table.add_row(vec![view::number(format!("{:+.1}", share.points)), printable(&share.what).into()]);
        }
        println!("{table}");
        rest(incident.risk_shares.len(), most);
    }
    if !incident.anomalies.is_empty() {
        view::heading("What was unusual");
        for anomaly in incident.anomalies.iter().take(most) {
            println!(
                "• {} ({}, {:.0} % sure): {}",
                anomaly.kind,
                anomaly.attack,
                anomaly.score * 100.0,
                printable(&anomaly.explanation)
            );
        }
        rest(incident.anomalies.len(), most);
    }
}

fn timeline(incident: &IncidentView, most: usize) {
    if incident.timeline.is_empty() {
        return;
    }
    view::heading("Timeline");
    for moment in incident.timeline.iter().take(most) {
        println!("{}  {}", moment.at.to_the_second(), printable(&moment.what));
    }
    rest(incident.timeline.len(), most);
}

fn transfers(case: &Case, most: usize) {
    view::heading("Transfers");
    if case.transfers.is_empty() {
        println!("none was kept");
    }
    for TransferView {
        started_at,
        protocol,
        operation,
        sender,
        receiver,
        bytes,
        complete,
        objects,
        id,
        ..
    } in case.transfers.iter().take(most)
    {
        let to = receiver.name.as_deref().unwrap_or(&receiver.ip);
        println!(
            "{}  {protocol} {}  {}:{} -> {} ({}:{})  {}{}  {id}",
            started_at.to_the_second(),
            printable(operation),
            sender.ip,
            sender.port,
            printable(to),
            receiver.ip,
            receiver.port,
            amount::bytes(*bytes),
            if *complete { "" } else { ", incomplete" },
        );
        for object in objects.iter().take(4) {
            println!(
                "    {}  {}  {}  sha256 {}  {}",
                printable(&object.path),
                object.media_type.as_deref().map(printable).unwrap_or_default(),
                amount::bytes(object.size),
                object.sha256,
                object.state
            );
        }
        rest(objects.len(), 4);
    }
    rest(case.transfers.len(), most);
}

fn findings(findings: &[FindingView], most: usize) {
    view::heading("Findings, redacted");
    if findings.is_empty() {
        println!("none was kept");
        return;
    }
    let mut table = view::table(&["signature", "severity", "distinct", "in", "for example"]);
    for finding in findings.iter().take(most) {
        let example = finding.matches.first().map(|one| {
            format!(
                "{}\n{}\n{}",
                printable(&one.redacted),
                printable(&one.context),
                printable(&one.why.join(", "))
            )
        });
        table.add_row(vec![
            printable(&finding.signature).into(),
            view::severity(finding.severity),
            view::number(amount::count(finding.unique)),
            amount::shortened(&printable(&finding.object), 40).into(),
            example.unwrap_or_default().into(),
        ]);
    }
    println!("{table}");
    rest(findings.len(), most);
}

fn handling(handling: &Handling) {
    view::heading("Handling");
    let verdict = handling.verdict.map(|verdict| format!(", {}", verdict.name())).unwrap_or_default();
    let assignee = handling.assignee.as_deref().map_or_else(|| "nobody".into(), printable);
    println!(
        "{}{verdict}; worked on by {assignee}; last changed {}",
        handling.state.name(),
        handling.updated_at.to_the_second()
    );
    for note in &handling.notes {
        println!("{}  {}: {}", note.at.to_the_second(), printable(&note.author), printable(&note.text));
    }
}

fn rest(all: usize, shown: usize) {
    if all > shown {
        println!("    … and {} more", all - shown);
    }
}
