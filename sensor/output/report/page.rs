//! The page as its template sees it: texts made printable, quantities as people read them.
//!
//! Owns: that translation. Never does: markup.

use super::plot::{HEIGHT, Plot, WIDTH};
use super::{Report, RunPart, SenderPart};
use crate::printable;
use askama::Template;
use egret_model::{Case, FindingView, Severity, TransferView};
use std::collections::HashMap;

/// Transfers, findings, moments and shares shown of one incident.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    title: String,
    made_at: String,
    scope: String,
    matching: u64,
    /// More match than are told of.
    more: bool,
    counts: Vec<(String, &'static str)>,
    ranking: Vec<Row>,
    plot: PlotPart,
    senders: Vec<Sender>,
    runs: Vec<Run>,
    entries: u64,
    head: String,
    flaws: Vec<String>,
}

/// An incident in the ranking.
struct Row {
    id: String,
    short: String,
    risk: u8,
    severity: Severity,
    who: String,
    to: String,
    what: String,
    when: String,
    state: String,
}

struct PlotPart {
    width: f64,
    height: f64,
    bars: Vec<[String; 5]>,
    dots: Vec<[String; 5]>,
    ticks: Vec<[String; 3]>,
    most: String,
}

struct Sender {
    who: String,
    anchor: usize,
    risk: u8,
    open: u64,
    incidents: u64,
    transfers: u64,
    bytes: String,
    findings: u64,
    seen: Vec<String>,
    plot: PlotPart,
    destinations: Vec<[String; 4]>,
    cases: Vec<CasePart>,
}

struct CasePart {
    id: String,
    title: String,
    severity: Severity,
    facts: Vec<(&'static str, String)>,
    reasons: Vec<String>,
    shares: Vec<(String, String, String)>,
    anomalies: Vec<String>,
    moments: Vec<(String, String)>,
    transfers: Vec<[String; 5]>,
    more_transfers: usize,
    findings: Vec<[String; 5]>,
    more_findings: usize,
    notes: Vec<String>,
}

struct Run {
    id: String,
    kind: String,
    when: String,
    by: String,
    signatures: String,
    inputs: Vec<(String, String)>,
    packets: u64,
    transfers: u64,
    inspected: String,
    total: String,
    /// Class, name, bytes, share in per cent.
    parts: Vec<(&'static str, &'static str, String, String)>,
    problems: Vec<String>,
}

impl Page {
    pub(super) fn new(report: &Report) -> Self {
        let mut of_sender: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, case) in report.cases.iter().enumerate() {
            of_sender.entry(case.incident.who().to_lowercase()).or_default().push(index);
        }
        let with = |severity| report.cases.iter().filter(|case| case.incident.severity == severity).count();
        let bytes: u64 = report.hours.iter().map(|hour| hour.bytes).fold(0, u64::saturating_add);
        Self {
            title: plain(&report.title),
            made_at: report.made_at.to_the_second(),
            scope: plain(&report.scope),
            matching: report.matching,
            more: (report.cases.len() as u64) < report.matching,
            counts: vec![
                (report.cases.len().to_string(), "incidents"),
                (with(Severity::Critical).to_string(), "critical"),
                (with(Severity::High).to_string(), "high"),
                (report.senders.len().to_string(), "senders"),
                (quantity(bytes), "left the networks"),
            ],
            ranking: report.cases.iter().map(row).collect(),
            plot: PlotPart::new(&Plot::new(&report.hours, report.cases.iter().enumerate()), &report.cases),
            senders: report
                .senders
                .iter()
                .enumerate()
                .map(|(anchor, sender)| {
                    let cases =
                        of_sender.get(&sender.who.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
                    Sender::new(anchor, sender, cases, &report.cases)
                })
                .collect(),
            runs: report.runs.iter().map(Run::new).collect(),
            entries: report.proof.entries,
            head: plain(&report.proof.head),
            flaws: report.proof.flaws.iter().map(|flaw| plain(flaw)).collect(),
        }
    }
}

fn row(case: &Case) -> Row {
    let incident = &case.incident;
    Row {
        id: plain(&incident.id),
        short: plain(incident.id.get(..12).unwrap_or(&incident.id)),
        risk: incident.risk,
        severity: incident.severity,
        who: plain(incident.who()),
        to: plain(&incident.destination),
        what: plain(&incident.title),
        when: incident.last_at.to_the_second(),
        state: case
            .handling
            .verdict
            .map_or(case.handling.state.name(), egret_model::Verdict::name)
            .to_owned(),
    }
}

impl PlotPart {
    fn new(plot: &Plot, cases: &[Case]) -> Self {
        Self {
            width: WIDTH,
            height: HEIGHT,
            bars: plot
                .bars
                .iter()
                .map(|bar| {
                    let told = format!("{}: {}", bar.at.to_the_second(), quantity(bar.bytes));
                    [bar.x.clone(), bar.y.clone(), bar.width.clone(), bar.height.clone(), told]
                })
                .collect(),
            dots: plot
                .dots
                .iter()
                .filter_map(|dot| {
                    let incident = &cases.get(dot.case)?.incident;
                    let told = format!(
                        "{} (risk {}): {}",
                        incident.first_at.to_the_second(),
                        incident.risk,
                        incident.title
                    );
                    Some([
                        dot.x.clone(),
                        dot.y.clone(),
                        dot.severity.to_string(),
                        plain(&told),
                        plain(&incident.id),
                    ])
                })
                .collect(),
            ticks: plot
                .ticks
                .iter()
                .map(|tick| [tick.x.clone(), tick.anchor.to_owned(), tick.label.clone()])
                .collect(),
            most: quantity(plot.most),
        }
    }
}

impl Sender {
    fn new(anchor: usize, sender: &SenderPart, cases: &[usize], all: &[Case]) -> Self {
        let own = || cases.iter().filter_map(|index| Some((*index, all.get(*index)?)));
        Self {
            who: plain(&sender.who),
            anchor,
            risk: sender.risk,
            open: sender.open,
            incidents: sender.incidents,
            transfers: sender.transfers,
            bytes: quantity(sender.bytes),
            findings: sender.findings,
            seen: sender.seen.iter().map(|seen| plain(seen)).collect(),
            plot: PlotPart::new(&Plot::new(&sender.hours, own()), all),
            destinations: sender
                .destinations
                .iter()
                .map(|(to, transfers, bytes, findings)| {
                    [plain(to), findings.to_string(), transfers.to_string(), quantity(*bytes)]
                })
                .collect(),
            cases: own().map(|(_, case)| CasePart::new(case)).collect(),
        }
    }
}

impl CasePart {
    fn new(case: &Case) -> Self {
        let incident = &case.incident;
        let list = |texts: &[String]| texts.iter().map(|text| plain(text)).collect();
        Self {
            id: plain(&incident.id),
            title: plain(&incident.title),
            severity: incident.severity,
            facts: facts(case),
            reasons: list(&incident.reasons),
            shares: incident
                .risk_shares
                .iter()
                .take(SHOWN)
                .map(|share| {
                    let width = f64::from(share.points.abs()).min(100.0);
                    (format!("{:+.1}", share.points), format!("{width:.1}"), plain(&share.what))
                })
                .collect(),
            anomalies: incident
                .anomalies
                .iter()
                .map(|anomaly| {
                    plain(&format!("{} ({}): {}", anomaly.kind, anomaly.attack, anomaly.explanation))
                })
                .collect(),
            moments: incident
                .timeline
                .iter()
                .take(2 * SHOWN)
                .map(|moment| (moment.at.to_the_second(), plain(&moment.what)))
                .collect(),
            transfers: case.transfers.iter().take(SHOWN).map(transfer).collect(),
            more_transfers: case.transfers.len().saturating_sub(SHOWN),
            findings: case.findings.iter().take(SHOWN).map(finding).collect(),
            more_findings: case.findings.len().saturating_sub(SHOWN),
            notes: case
                .handling
                .notes
                .iter()
                .map(|note| plain(&format!("{}, {}: {}", note.at.to_the_second(), note.author, note.text)))
                .collect(),
        }
    }
}

fn facts(case: &Case) -> Vec<(&'static str, String)> {
    let incident = &case.incident;
    let mut facts = vec![
        ("risk", format!("{} of 100, {}", incident.risk, incident.severity)),
        ("when", format!("{} to {}", incident.first_at.to_the_second(), incident.last_at.to_the_second())),
        ("host", plain(incident.host.as_deref().unwrap_or("not known"))),
        ("to", plain(&incident.destination)),
        ("amount", quantity(incident.bytes)),
        (
            "complete",
            if incident.complete { "yes" } else { "no: there may be more than was seen" }.to_owned(),
        ),
        ("ATT&CK", plain(&incident.attack.join(", "))),
    ];
    if !incident.policy.verdict.is_empty() {
        facts.push(("policy", plain(&format!("{}: {}", incident.policy.verdict, incident.policy.reason))));
    }
    if let Some(profile) = &incident.profile {
        let why = profile.reasons.join("; ");
        facts.push(("profile", plain(&format!("{} ({:.0} %): {why}", profile.kind, profile.share * 100.0))));
    }
    let handling = &case.handling;
    let verdict = handling.verdict.map(|verdict| format!(", {}", verdict.name())).unwrap_or_default();
    let assignee = handling.assignee.as_deref().map(|name| format!(", with {}", plain(name)));
    facts.push(("handling", format!("{}{verdict}{}", handling.state.name(), assignee.unwrap_or_default())));
    facts
}

fn transfer(transfer: &TransferView) -> [String; 5] {
    let to = transfer.receiver.name.as_deref().unwrap_or(&transfer.receiver.ip);
    let files: Vec<&str> = transfer
        .objects
        .iter()
        .map(|object| object.filename.as_deref().unwrap_or(&object.path))
        .take(3)
        .collect();
    [
        transfer.started_at.to_the_second(),
        plain(&format!("{} {}", transfer.protocol, transfer.operation)),
        plain(&format!("{} to {to}", transfer.sender.ip)),
        quantity(transfer.bytes),
        plain(&files.join(", ")),
    ]
}

fn finding(finding: &FindingView) -> [String; 5] {
    let example = finding.matches.first();
    [
        plain(&finding.title),
        finding.severity.to_string(),
        finding.unique.to_string(),
        plain(&finding.object),
        example
            .map(|one| plain(&format!("{} in “{}”", one.redacted, one.context.trim())))
            .unwrap_or_default(),
    ]
}

impl Run {
    fn new(run: &RunPart) -> Self {
        let coverage = &run.coverage;
        let total = coverage.inspected_bytes.saturating_add(coverage.uninspected_bytes());
        let share = |bytes: u64| format!("{:.2}", bytes as f64 * 100.0 / total.max(1) as f64);
        let parts = [
            ("inspected", "inspected", coverage.inspected_bytes),
            ("encrypted", "encrypted", coverage.encrypted),
            ("gap", "missing from the capture", coverage.gap),
            ("limit", "beyond a limit", coverage.over_limit),
            ("unsupported", "of unsupported formats", coverage.unsupported),
            ("malformed", "malformed", coverage.malformed),
            ("dropped", "dropped", coverage.dropped),
        ];
        let ended = run
            .ended_at
            .map_or_else(|| "still running, or cut off".to_owned(), egret_model::Timestamp::to_the_second);
        Self {
            id: plain(&run.id),
            kind: plain(&run.kind),
            when: format!("{} to {ended}", run.began_at.to_the_second()),
            by: plain(&run.egret),
            signatures: plain(&format!("{}, SHA-256 {}", run.signatures, run.signatures_sha256)),
            inputs: run.inputs.iter().map(|(name, digest)| (plain(name), plain(digest))).collect(),
            packets: run.packets,
            transfers: run.transfers,
            inspected: share(coverage.inspected_bytes),
            total: quantity(total),
            parts: parts
                .into_iter()
                .filter(|(.., bytes)| *bytes > 0)
                .map(|(class, name, bytes)| (class, name, quantity(bytes), share(bytes)))
                .collect(),
            problems: run.problems.iter().map(|problem| plain(problem)).collect(),
        }
    }
}

fn plain(text: &str) -> String {
    printable(text).into_owned()
}

/// Bytes with a binary unit.
fn quantity(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} PiB")
}
