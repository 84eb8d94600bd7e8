//! `egret replay`: captures in, incidents out.
//!
//! Owns: the arguments of a replay and what is printed of it. Never does: inspection.

use super::clock::now;
use super::people::{Sources, network};
use super::{amount, context, evidence, key_log, signatures, status, store, view};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use egret_capture::Inputs;
use egret_model::{Direction, Incident, Limits, Severity, Summary, TransferRecord};
use egret_output::evidence::Sealer;
use egret_output::{NativeFolder, printable};
use egret_pipeline::{InternalNetworks, Progress, Record, ReplayConfig, replay};
use egret_store::{Fill, Store};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret replay monday.pcapng
  egret replay captures/ --output records --internal 10.0.0.0/8 --internal 2001:db8:20::/48
  egret replay monday.pcap --store monday.db --evidence evidence/
  egret replay monday.pcap --users people.csv --signatures our-signatures/
  egret replay monday.pcap --identity-log dc1-security.jsonl --directory people.ldif
  tcpdump -r old.pcap -w - port 80 | egret replay - --quiet --output records --fail-on high

The table of --users has a header: ip,user[,host][,mac][,from][,to][,ports]. An ip may be a network: 10.1.0.0/24.

Exit status: 0 done; 1 done, but part of the input could not be read; 2 wrong usage or configuration; 3 with --fail-on.";

/// Replay captures: who sent which sensitive data where.
///
/// Reads pcap and pcapng files, also compressed (gzip, zstd, xz), whole directories, or standard input (-). Several files are
/// read as one run in time order.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replay {
    /// Capture files or directories of them; - is standard input.
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<PathBuf>,

    /// Write the native records (JSON lines) and summary.json into this directory.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Keep incidents and what belongs to them in this store, for `egret incidents`, `egret users` and `egret report`. It is made where
    /// it is missing.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,

    /// Read the captures once more and write the packets of each incident into this directory: ID.pcapng; with --seal-to, excerpts of
    /// what matched too.
    #[arg(long, value_name = "DIR", requires = "store")]
    evidence: Option<PathBuf>,

    /// Seal evidence to the holder of this public key (age1…; see `egret evidence key`); may be given several times.
    #[arg(long, value_name = "KEY", requires = "evidence")]
    seal_to: Vec<String>,

    /// An internal network; may be given several times. Default: the private, shared and unique-local ranges.
    #[arg(short, long, value_name = "CIDR", value_parser = network)]
    internal: Vec<ipnet::IpNet>,

    #[command(flatten)]
    people: Sources,

    /// TLS keys in NSS key log format (SSLKEYLOGFILE): connections whose secrets are in it are read. Keys within pcapng captures are used
    /// without being asked for, and so is the log beside a capture under its name (`upload.keys`, `.keylog`, `.sslkeylog`); `none`: no log.
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// A directory of your own signatures, in addition to the shipped ones; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,

    /// The key of indexes of records and documents that lies apart from them; may be given several times.
    #[arg(short = 'k', long, value_name = "FILE")]
    key: Vec<PathBuf>,

    /// What your organisation knows of itself: assets, groups, destinations, acceptable use. Default: the shipped context.toml.
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,

    /// Intelligence: domains, addresses, JA4 fingerprints and SHA-256 hashes, plain, CSV, STIX or MISP JSON; may be given several times.
    #[arg(long, value_name = "FILE")]
    feed: Vec<PathBuf>,

    /// Threads that inspect. Changes the speed, never the records. Default: one for each processor.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// Print the summary and the incidents as JSON instead of tables.
    #[arg(long)]
    json: bool,

    /// Print nothing but warnings and errors.
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Exit with status 3 when there is an incident of at least this severity.
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Threshold>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Threshold {
    Low,
    Medium,
    High,
    Critical,
}

impl From<Threshold> for Severity {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Low => Self::Low,
            Threshold::Medium => Self::Medium,
            Threshold::High => Self::High,
            Threshold::Critical => Self::Critical,
        }
    }
}

impl Replay {
    pub(crate) fn run(&self) -> Result<u8> {
        let limits = Limits::default();
        let (set, broken) = signatures::load(&[self.signatures.as_slice(), &self.key].concat());
        let config = ReplayConfig {
            internal: if self.internal.is_empty() {
                InternalNetworks::default()
            } else {
                InternalNetworks::new(self.internal.clone())
            },
            people: self.people.read(&limits.identity, &mut |warning| view::warning(&warning))?,
            signatures: set,
            context: context::read(self.context.as_deref(), &self.feed, &limits.behavior, &mut |warning| {
                view::warning(&warning);
            })?,
            workers: self.workers.map_or_else(processors, usize::from),
            limits,
        };
        let keylog = key_log::of(self.keylog.as_deref(), &self.captures, !self.quiet && !self.json);
        let mut inputs = open(&self.captures, keylog.as_deref(), &config.limits)?;
        let mut folder = self.output.as_deref().map(NativeFolder::create).transpose()?;
        let mut fill = self.fill(&inputs, keylog.as_deref(), &config)?;
        let sealer = evidence::sealer(&self.seal_to)?;
        let bar = self.progress_bar(&inputs);
        let mut overview = Overview::default();
        let outcome = replay(
            &mut inputs,
            &config,
            &mut |Progress { consumed, .. }| bar.set_position(consumed),
            &mut |record| {
                overview.take(record);
                match (&mut folder, record) {
                    (Some(folder), Record::Transfer(transfer)) => folder.transfer(transfer)?,
                    (Some(folder), Record::Finding(finding)) => folder.finding(finding)?,
                    (Some(folder), Record::Sighting(sighting)) => folder.sighting(sighting)?,
                    (Some(folder), Record::Incident(incident)) => folder.incident(incident)?,
                    (None, _) => {}
                }
                fill.as_mut().map_or(Ok(()), |fill| Ok(store::keep(fill, record)?))
            },
        );
        bar.finish_and_clear();
        let replayed = outcome?;
        for problem in &replayed.summary.problems {
            view::warning(problem);
        }
        if let Some(folder) = folder {
            folder.finish(&replayed.summary)?;
        }
        if let Some(fill) = fill {
            let store = fill.finish(&replayed.summary, now())?;
            self.collect_evidence(&store, keylog.as_deref(), &replayed.incidents, sealer.as_ref())?;
        }
        if self.json {
            let both = serde_json::json!({ "summary": replayed.summary, "incidents": replayed.incidents });
            println!("{}", serde_json::to_string_pretty(&both)?);
        } else if !self.quiet && replayed.summary.packets > 0 {
            show(&replayed.summary, &replayed.incidents, &overview, self.output.as_deref());
            if let Some(store) = &self.store {
                println!(
                    "store: {0}; `egret incidents list --store {0}` lists what is open",
                    store.display()
                );
            }
        }
        Ok(self.status(&replayed.summary, &replayed.incidents, broken))
    }

    /// The packets of the incidents, where they are asked for.
    fn collect_evidence(
        &self,
        store: &Store,
        keylog: Option<&Path>,
        incidents: &[Incident],
        sealer: Option<&Sealer>,
    ) -> Result<()> {
        let Some(folder) = &self.evidence else { return Ok(()) };
        let ids: Vec<String> = incidents.iter().map(|incident| incident.id.clone()).collect();
        evidence::collect(store, &ids, (&self.captures, keylog), folder, sealer).map(drop)
    }

    /// The way into the store, where there is one.
    fn fill(&self, inputs: &Inputs, keylog: Option<&Path>, config: &ReplayConfig) -> Result<Option<Fill>> {
        let Some(path) = &self.store else { return Ok(None) };
        let configured = store::Configured {
            signatures: &config.signatures,
            internal: &self.internal,
            people: &self.people,
            limits: &config.limits,
            context: self.context.as_deref(),
            feeds: &self.feed,
            keylog,
        };
        let manifest = store::replay_manifest(inputs, &configured)?;
        Ok(Some(Fill::begin(Store::create(path)?, &manifest, now())?))
    }

    fn progress_bar(&self, inputs: &Inputs) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        match inputs.progress().total() {
            Some(total) => ProgressBar::new(total).with_style(style(
                "replaying {bar:30} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta} left",
            )),
            None => ProgressBar::no_length()
                .with_style(style("replaying {spinner} {bytes}  {binary_bytes_per_sec}")),
        }
    }

    /// Something unreadable beside readable input is a partial result; nothing readable at all is a wrong call.
    fn status(&self, summary: &Summary, incidents: &[Incident], broken_signatures: bool) -> u8 {
        let threshold = self.fail_on.map(Severity::from);
        if threshold.is_some_and(|least| incidents.iter().any(|incident| incident.severity >= least)) {
            status::INCIDENT
        } else if summary.packets == 0 && !summary.problems.is_empty() {
            status::USAGE
        } else if !summary.problems.is_empty() || broken_signatures {
            status::PARTIAL
        } else {
            status::DONE
        }
    }
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What is summed up for people while records pass.
#[derive(Debug, Default)]
struct Overview {
    senders: HashMap<String, Sums>,
    destinations: HashMap<String, Sums>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    bytes: u64,
    transfers: u64,
    findings: u64,
}

/// Reasons shown for one incident; the records have all.
const REASONS_SHOWN: usize = 2;

/// Lines of the tables of senders, destinations and incidents.
const MOST_SHOWN: usize = 10;

impl Overview {
    fn take(&mut self, record: Record<'_>) {
        let Record::Transfer(transfer) = record else { return };
        if transfer.direction != Direction::Egress {
            return;
        }
        let sums = Sums { bytes: transfer.bytes, transfers: 1, findings: transfer.findings.len() as u64 };
        self.senders.entry(sender_name(transfer)).or_default().add(sums);
        let destination = transfer.receiver.name.clone().unwrap_or_else(|| transfer.receiver.ip.to_string());
        self.destinations.entry(destination).or_default().add(sums);
    }
}

impl Sums {
    const fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.transfers += other.transfers;
        self.findings += other.findings;
    }
}

fn sender_name(transfer: &TransferRecord) -> String {
    let sender = &transfer.sender;
    match (&sender.user, &sender.host) {
        (Some(user), Some(host)) => format!("{user} ({host})"),
        (Some(user), None) => format!("{user} ({})", sender.ip),
        (None, Some(host)) => format!("{host} ({})", sender.ip),
        (None, None) => sender.ip.to_string(),
    }
}

fn show(summary: &Summary, incidents: &[Incident], overview: &Overview, output: Option<&Path>) {
    println!(
        "{} ({}) in {}: {}, {}, {}, {}",
        amount::of(summary.packets, "packet"),
        amount::bytes(summary.bytes),
        amount::of(summary.flows, "flow"),
        amount::of(summary.transfers, "transfer"),
        amount::of(summary.findings, "finding"),
        amount::of(summary.sightings, "sighting"),
        amount::of(summary.incidents, "incident"),
    );
    if let (Some(first), Some(last)) = (summary.first_at, summary.last_at) {
        println!("from {} to {} UTC", first.to_the_second(), last.to_the_second());
    }
    show_incidents(incidents);
    show_sums("Top senders (content that left)", "sender", &overview.senders);
    show_sums("Top destinations", "destination", &overview.destinations);
    show_ledger(summary);
    show_excepted(summary);
    if let Some(folder) = output {
        println!("\nrecords: {}", folder.display());
    }
}

fn show_incidents(incidents: &[Incident]) {
    view::heading("Incidents, the most urgent first");
    if incidents.is_empty() {
        println!("none");
        return;
    }
    let mut table = view::table(&["risk", "severity", "who", "to", "what", "when"]);
    view::widen(&mut table, 4);
    for incident in incidents.iter().take(MOST_SHOWN) {
        let who = match (&incident.user, &incident.host) {
            (Some(user), Some(host)) => format!("{}\n{}", printable(user), printable(host)),
            (user, host) => printable(user.as_deref().or(host.as_deref()).unwrap_or_default()).into_owned(),
        };
        table.add_row(vec![
            view::number(incident.risk),
            view::severity(incident.severity),
            who.into(),
            amount::shortened(&printable(&incident.destination), 40).into(),
            incident
                .reasons
                .iter()
                .take(REASONS_SHOWN)
                .map(|r| format!("• {}", printable(r)))
                .collect::<Vec<_>>()
                .join("\n")
                .into(),
            incident.first_at.to_the_second().into(),
        ]);
    }
    println!("{table}");
    if incidents.len() > MOST_SHOWN {
        println!("… and {} more; --output or --json gives all", incidents.len() - MOST_SHOWN);
    }
}

fn show_sums(title: &str, column: &str, sums: &HashMap<String, Sums>) {
    if sums.is_empty() {
        return;
    }
    let mut ranked: Vec<(&String, &Sums)> = sums.iter().collect();
    ranked.sort_by(|(a, x), (b, y)| (y.findings, y.bytes, a).cmp(&(x.findings, x.bytes, b)));
    view::heading(title);
    let mut table = view::table(&[column, "findings", "transfers", "bytes"]);
    for (name, sums) in ranked.iter().take(MOST_SHOWN) {
        table.add_row(vec![
            amount::shortened(&printable(name), 60).into(),
            view::number(amount::count(sums.findings)),
            view::number(amount::count(sums.transfers)),
            view::number(amount::bytes(sums.bytes)),
        ]);
    }
    println!("{table}");
}

/// What exceptions let pass, so that nobody forgets them.
fn show_excepted(summary: &Summary) {
    if !summary.excepted.is_empty() {
        view::heading("Let pass by exceptions of signatures");
        let mut table = view::table(&["signature", "findings", "matches"]);
        for (signature, sum) in &summary.excepted {
            table.add_row(vec![
                signature.into(),
                view::number(amount::count(sum.findings)),
                view::number(amount::count(sum.matches)),
            ]);
        }
        println!("{table}");
    }
    if !summary.expired_exceptions.is_empty() {
        view::heading("Exceptions that have ended");
        for expired in &summary.expired_exceptions {
            println!("{expired}");
        }
    }
}

fn show_ledger(summary: &Summary) {
    view::heading("Coverage: payload bytes");
    let coverage = &summary.coverage;
    let mut table = view::table(&["", "bytes"]);
    table.add_row(vec!["inspected".into(), view::number(amount::bytes(coverage.inspected_bytes))]);
    for (reason, bytes) in coverage.reasons() {
        let name = serde_json::to_value(reason).ok();
        let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().replace('_', " ");
        table.add_row(vec![format!("not inspected: {name}").into(), view::number(amount::bytes(bytes))]);
    }
    println!("{table}");
}
/// The captures, with the log of TLS keys that belongs to them.
pub(crate) fn open(captures: &[PathBuf], keylog: Option<&Path>, limits: &Limits) -> Result<Inputs> {
    let mut inputs = Inputs::open(captures, &limits.capture);
    if let Some(path) = keylog {
        let text = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        inputs.add_key_log(text);
    }
    Ok(inputs)
}
