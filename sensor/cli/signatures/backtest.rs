//! `egret signatures backtest`: what a change of signatures would have changed.
//!
//! Owns: the comparison of two runs over the same traffic. Never does: inspection; captures are replayed, records are judged by what
//! they hold.

use super::records::Records;
use crate::cli::{amount, status, view};
use anyhow::{Result, ensure};
use clap::Args;
use egret_capture::Inputs;
use egret_detect::{Excuse, Signature, SignatureSet};
use egret_model::{Confidence, Limits, Severity, Timestamp};
use egret_pipeline::{InternalNetworks, Record, ReplayConfig, replay};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  egret signatures backtest our-signatures/ changed/ monday.pcap tuesday.pcap
  egret signatures backtest shipped our-signatures/ captures/ --internal 10.0.0.0/8
  egret signatures backtest our-signatures/ changed/ records/

OLD and NEW are directories of signatures beside the shipped ones, or `shipped` for these alone. Captures are replayed with each.
A directory with a findings.jsonl is taken as the records of a replay: they hold no content, so that what the old signatures did
not find can't be gained; what was found is judged by exceptions, thresholds and what is switched off.

Exit status: 0 done; 1 part of the input could not be read; 2 wrong usage, or a signature has a fault.";

/// Compare two sets of signatures on past traffic: findings gained, lost and unchanged, incidents per day before and after.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Backtest {
    /// Directory of the signatures as they are, or `shipped`.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Directory of the signatures as they would be, or `shipped`.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Captures, directories of captures, or directories of records.
    #[arg(value_name = "CAPTURE-OR-RECORDS", required = true)]
    inputs: Vec<PathBuf>,
    /// An internal network; may be given several times [default: private, shared and unique-local ranges]
    #[arg(long, value_name = "CIDR")]
    internal: Vec<ipnet::IpNet>,
    /// Examples shown of what was gained and lost.
    #[arg(long, default_value_t = 5)]
    examples: usize,
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
}

/// One finding, as far as runs are compared.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
struct Seen {
    severity: Severity,
    confidence: Confidence,
    unique: u64,
    excepted: bool,
    to: String,
    example: String,
}

/// Findings by transfer, object and signature, and incidents by day.
#[derive(Default)]
struct Run {
    findings: BTreeMap<(String, String, String), Seen>,
    incidents: u64,
    days: BTreeSet<i64>,
    complete: bool,
}

impl Run {
    fn per_day(&self) -> f64 {
        self.incidents as f64 / self.days.len().max(1) as f64
    }
}

impl Backtest {
    pub(crate) fn run(&self) -> Result<u8> {
        let ((old, old_broken), (new, new_broken)) = (signatures(&self.old), signatures(&self.new));
        let (records, captures): (Vec<&PathBuf>, Vec<&PathBuf>) =
            self.inputs.iter().partition(|path| path.join("findings.jsonl").is_file());
        let (mut before, mut after) =
            (Run { complete: true, ..Run::default() }, Run { complete: true, ..Run::default() });
        if !captures.is_empty() {
            self.replayed(&captures, &old, &mut before)?;
            self.replayed(&captures, &new, &mut after)?;
        }
        for folder in records {
            let records = Records::read(folder)?;
            judged(&records, &old, &mut before);
            judged(&records, &new, &mut after);
        }
        self.show(&before, &after)?;
        Ok(if old_broken || new_broken {
            status::USAGE
        } else if before.complete && after.complete {
            status::DONE
        } else {
            status::PARTIAL
        })
    }

    fn replayed(&self, captures: &[&PathBuf], set: &Arc<SignatureSet>, run: &mut Run) -> Result<()> {
        let limits = Limits::default();
        let internal = if self.internal.is_empty() {
            InternalNetworks::default()
        } else {
            InternalNetworks::new(self.internal.clone())
        };
        let config = ReplayConfig {
            internal,
            people: Arc::default(),
            signatures: Arc::clone(set),
            context: Arc::new(egret_context::Context::shipped()),
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            limits: limits.clone(),
        };
        let mut inputs = Inputs::open(captures, &limits.capture);
        let mut to = String::new();
        let findings = &mut run.findings;
        let days = &mut run.days;
        let replayed = replay(&mut inputs, &config, &mut |_| {}, &mut |record| {
            match record {
                Record::Transfer(transfer) => {
                    let receiver = &transfer.receiver;
                    to = receiver.name.clone().unwrap_or_else(|| receiver.ip.to_string());
                    days.insert(transfer.started_at.day());
                }
                Record::Finding(finding) if !finding.below_threshold => {
                    let key = (finding.transfer.clone(), finding.object.clone(), finding.signature.clone());
                    let example = finding.matches.first();
                    findings.insert(
                        key,
                        Seen {
                            severity: finding.severity,
                            confidence: finding.confidence,
                            unique: finding.unique,
                            excepted: finding.excepted.as_ref().is_some_and(|one| one.all),
                            to: to.clone(),
                            example: example.map_or_else(String::new, |one| {
                                format!("{} | {}", one.redacted, one.context)
                            }),
                        },
                    );
                }
                _ => {}
            }
            Ok(())
        })?;
        for problem in &replayed.summary.problems {
            view::warning(problem);
        }
        ensure!(
            replayed.summary.packets > 0 || replayed.summary.problems.is_empty(),
            "nothing could be read of the captures"
        );
        run.complete &= replayed.summary.problems.is_empty();
        run.incidents += replayed.summary.incidents;
        Ok(())
    }

    fn show(&self, before: &Run, after: &Run) -> Result<()> {
        let mut sums: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
        let mut examples: Vec<(&str, &(String, String, String), &Seen)> = Vec::new();
        let keys: BTreeSet<&(String, String, String)> =
            before.findings.keys().chain(after.findings.keys()).collect();
        for key in keys {
            let sum = sums.entry(key.2.as_str()).or_default();
            let counted = |run: &'_ Run| run.findings.get(key).filter(|seen| !seen.excepted).cloned();
            match (counted(before), counted(after)) {
                (None, Some(_)) => {
                    sum[0] += 1;
                    examples.extend(after.findings.get(key).map(|seen| ("gained", key, seen)));
                }
                (Some(_), None) => {
                    sum[1] += 1;
                    examples.extend(before.findings.get(key).map(|seen| ("lost", key, seen)));
                }
                (Some(one), Some(other)) if one == other => sum[2] += 1,
                (Some(_), Some(_)) => {
                    sum[3] += 1;
                    examples.extend(after.findings.get(key).map(|seen| ("changed", key, seen)));
                }
                (None, None) => {}
            }
        }
        if self.json {
            return self.show_json(before, after, &sums, &examples);
        }
        let mut table = view::table(&["signature", "gained", "lost", "changed", "unchanged"]);
        for (signature, [gained, lost, same, changed]) in &sums {
            let cells = [gained, lost, changed, same].map(|number| view::number(amount::count(*number)));
            table.add_row(std::iter::once((*signature).into()).chain(cells));
        }
        println!("{table}");
        for kind in ["gained", "lost", "changed"] {
            for (_, (_, object, signature), seen) in
                examples.iter().filter(|(of, ..)| *of == kind).take(self.examples)
            {
                println!(
                    "{kind}: {signature} to {} in {object}, {} distinct, {} confidence: {}",
                    seen.to, seen.unique, seen.confidence, seen.example
                );
            }
        }
        println!(
            "incidents: {} before, {} after; {:.1} and {:.1} a day over {}",
            amount::count(before.incidents),
            amount::count(after.incidents),
            before.per_day(),
            after.per_day(),
            amount::of(before.days.len().max(1) as u64, "day")
        );
        Ok(())
    }

    fn show_json(
        &self,
        before: &Run,
        after: &Run,
        sums: &BTreeMap<&str, [u64; 4]>,
        examples: &[(&str, &(String, String, String), &Seen)],
    ) -> Result<()> {
        let signatures: Vec<serde_json::Value> = sums
            .iter()
            .map(|(id, [gained, lost, unchanged, changed])| {
                serde_json::json!({ "signature": id, "gained": gained, "lost": lost, "changed": changed, "unchanged": unchanged })
            })
            .collect();
        let of = |kind: &str| -> Vec<serde_json::Value> {
            let chosen = examples.iter().filter(|(of, ..)| *of == kind).take(self.examples);
            chosen
                .map(|(_, (transfer, object, signature), seen)| {
                    serde_json::json!({ "transfer": transfer, "object": object, "signature": signature, "finding": seen })
                })
                .collect()
        };
        let report = serde_json::json!({
            "signatures": signatures,
            "examples": { "gained": of("gained"), "lost": of("lost"), "changed": of("changed") },
            "incidents": { "before": before.incidents, "after": after.incidents },
            "incidents_per_day": { "before": before.per_day(), "after": after.per_day() },
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
        Ok(())
    }
}

fn signatures(folder: &PathBuf) -> (Arc<SignatureSet>, bool) {
    if folder.as_os_str() == "shipped" && !folder.exists() {
        super::load(&[])
    } else {
        super::load(std::slice::from_ref(folder))
    }
}

/// What a set makes of recorded findings. An incident is lost when none of its findings is left.
fn judged(records: &Records, set: &SignatureSet, run: &mut Run) {
    let mut left: BTreeSet<&str> = BTreeSet::new();
    for finding in &records.findings {
        let Some(transfer) = records.transfers.get(&finding.transfer) else { continue };
        run.days.insert(transfer.started_at.day());
        let known = set.signatures().iter().find(|signature| signature.id() == finding.signature);
        // Indexes are not in the sets that are compared here.
        let index = finding.signature.starts_with("records/") || finding.signature.starts_with("document/");
        if known.is_none_or(|known| !known.enabled()) && !index {
            continue;
        }
        let (at, unique, count) = known.map_or((Confidence::Low, 1, 1), Signature::threshold);
        if finding.confidence < at || finding.unique < unique || finding.count < count {
            continue;
        }
        let circumstances = transfer.circumstances(&finding.object);
        let excepted = matches!(
            set.exception(&finding.signature, &circumstances, transfer.started_at),
            Excuse::Holds(_)
        ) || known.is_some_and(|known| {
            let tokens = &finding.tokens;
            !tokens.is_empty()
                && tokens.iter().all(|token| known.exceptions().iter().any(|one| one.names_value(token)))
        });
        if !excepted {
            left.insert(finding.id.as_str());
        }
        let key = (finding.transfer.clone(), finding.object.clone(), finding.signature.clone());
        run.findings.insert(
            key,
            Seen {
                severity: known.map_or(finding.severity, |known| known.severity().max(finding.severity)),
                confidence: finding.confidence,
                unique: finding.unique,
                excepted,
                to: transfer.destination().to_owned(),
                example: finding.example.clone(),
            },
        );
    }
    run.incidents += records
        .incidents
        .iter()
        .filter(|findings| {
            findings.is_empty() || findings.iter().any(|finding| left.contains(finding.as_str()))
        })
        .count() as u64;
}

/// The epoch where a record's time can't be read: exceptions hold then.
pub(crate) const UNKNOWN_TIME: Timestamp = Timestamp::EPOCH;
