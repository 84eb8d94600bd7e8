//! `egret report`: one page for people who don't use a terminal.
//!
//! Owns: the arguments, and gathering what the page tells. Never does: the page, which is `output`'s.

use super::clock::now;
use super::store::{Filter, Place};
use super::{amount, status, view};
use anyhow::{Context, Result};
use clap::Args;
use egret_model::{Coverage, Uninspected};
use egret_output::report::{Hour, Proof, Report, RunPart, SenderPart};
use egret_store::{ActivitySum, Order, RunKind, RunRow, Store, UserSummary};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret report --html monday.html --store monday.db
  egret report --html week.html --since 7d --state all --title 'Week 48'
  egret report --html alice.html --user alice

The page stands alone: no script, nothing is fetched. It prints well. Its last line is the hash by which `egret incidents verify` proves
that nothing was changed since.

Exit status: 0 done; 1 the store is not as it was written (the page says so); 2 wrong usage.";

/// Write a report: ranking, timeline, a section for each sender, coverage and proof.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportCommand {
    #[command(flatten)]
    place: Place,

    /// Write the page into this file.
    #[arg(long, value_name = "FILE")]
    html: PathBuf,

    /// Its title.
    #[arg(long, value_name = "TEXT", default_value = "Sensitive data that left")]
    title: String,

    #[command(flatten)]
    filter: Filter,

    /// Incidents told of, the most urgent first; 0: all.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200)]
    limit: usize,
}

/// Destinations and places named of one sender.
const NAMED: usize = 12;

impl ReportCommand {
    pub(crate) fn run(&self) -> Result<u8> {
        let store = self.place.open()?;
        let query = self.filter.to_query(Order::Risk, Some(self.limit).filter(|limit| *limit > 0));
        let verification = store.verify(None)?;
        let cases = store
            .incidents(&query)?
            .iter()
            .map(|one| Ok(store.case(&one.incident.id)?))
            .collect::<Result<Vec<_>>>()?;
        let about: BTreeSet<String> = cases.iter().map(|case| case.incident.who().to_lowercase()).collect();
        let senders = store
            .users(0, usize::MAX)?
            .into_iter()
            .filter(|user| about.contains(&user.who.to_lowercase()))
            .map(|user| sender(&store, user))
            .collect::<Result<Vec<_>>>()?;
        let runs: Vec<RunPart> = store.runs()?.into_iter().map(run).collect();
        let flaws: Vec<String> = verification.flaws.iter().map(ToString::to_string).collect();
        let whole = flaws.is_empty();
        let report = Report {
            title: self.title.clone(),
            made_at: now(),
            scope: self.scope(&store),
            matching: store.count(&query)?,
            cases,
            senders,
            hours: hours(&store.hours(None)?),
            runs,
            proof: Proof { entries: verification.entries, head: verification.head.clone(), flaws },
        };
        write(&self.html, &report.html()?)?;
        println!(
            "{}: {} about {}; the ledger's newest hash is {}",
            self.html.display(),
            amount::of(report.cases.len() as u64, "incident"),
            amount::of(report.senders.len() as u64, "sender"),
            verification.head
        );
        if !whole {
            view::warning(
                "the store is not as it was written: `egret incidents verify` tells what was changed",
            );
            return Ok(status::PARTIAL);
        }
        Ok(status::DONE)
    }

    fn scope(&self, store: &Store) -> String {
        let name = store.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{} of {name}", self.filter.describe())
    }
}

fn write(path: &Path, page: &str) -> Result<()> {
    if path.as_os_str() == "-" {
        print!("{page}");
        return Ok(());
    }
    std::fs::write(path, page).with_context(|| format!("{}: cannot be written", path.display()))
}

fn sender(store: &Store, user: UserSummary) -> Result<SenderPart> {
    let seen = store
        .whereabouts(&user.who, NAMED)?
        .into_iter()
        .map(|place| {
            let host = if place.host.is_empty() { String::new() } else { format!("{} ", place.host) };
            format!("{host}{} by {}, {} times", place.ip, place.evidence, place.times)
        })
        .collect();
    let destinations = store
        .destinations(Some(&user.who), NAMED)?
        .into_iter()
        .map(|to| (to.destination, to.transfers, to.bytes, to.findings))
        .collect();
    Ok(SenderPart {
        risk: user.risk,
        open: user.open,
        incidents: user.incidents,
        transfers: user.transfers,
        bytes: user.bytes,
        findings: user.findings,
        seen,
        hours: hours(&store.hours(Some(&user.who))?),
        destinations,
        who: user.who,
    })
}

fn hours(sums: &[ActivitySum]) -> Vec<Hour> {
    sums.iter().map(|sum| Hour { at: sum.hour, bytes: sum.bytes }).collect()
}

fn run(row: RunRow) -> RunPart {
    let manifest = row.manifest;
    let summary: Value = row.summary.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let ledger = &summary["coverage"];
    let mut coverage =
        Coverage { inspected_bytes: number(&ledger["inspected_bytes"]), ..Coverage::default() };
    for (name, reason) in [
        ("encrypted", Uninspected::Encrypted),
        ("gap", Uninspected::Gap),
        ("over_limit", Uninspected::OverLimit),
        ("unsupported", Uninspected::Unsupported),
        ("malformed", Uninspected::Malformed),
        ("dropped", Uninspected::Dropped),
    ] {
        coverage.add(reason, number(&ledger["not_inspected"][name]));
    }
    let captures = manifest.captures.into_iter().map(|capture| {
        (
            capture.name,
            capture.sha256.unwrap_or_else(|| "none: a stream, which cannot be read again".to_owned()),
        )
    });
    let interfaces = manifest.interfaces.into_iter().map(|name| (format!("interface {name}"), String::new()));
    let users = manifest.users.map(|users| (format!("people {}", users.name), users.sha256));
    let context = manifest.context.map(|file| (format!("context {}", file.name), file.sha256));
    let feeds = manifest.feeds.into_iter().map(|file| (format!("feed {}", file.name), file.sha256));
    let limits = manifest.limits.map(|sha256| ("limits".to_owned(), sha256));
    let problems = summary["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    RunPart {
        id: row.id,
        kind: match manifest.kind {
            RunKind::Replay => "replay",
            RunKind::Live => "live",
        }
        .to_owned(),
        began_at: row.began_at,
        ended_at: row.ended_at,
        egret: manifest.egret,
        signatures: manifest.signatures.count,
        signatures_sha256: manifest.signatures.sha256,
        inputs: captures.chain(interfaces).chain(users).chain(context).chain(feeds).chain(limits).collect(),
        packets: number(&summary["packets"]),
        transfers: number(&summary["transfers"]),
        coverage,
        problems: problems.iter().filter_map(|problem| problem.as_str().map(str::to_owned)).collect(),
    }
}
