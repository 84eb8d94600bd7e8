//! `egret signatures`: what is looked for, whether one's own files are in order, and tools for tuning; one file a larger subcommand.
//!
//! Owns: loading with its messages, and the printed forms. Never does: the language itself.

mod backtest;
mod carriers;
mod cost;
mod create;
mod records;
mod verdict;

use super::{amount, cache, status, view};
use crate::cli::clock;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use egret_detect::{Signature, SignatureProblem, SignatureSet};
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  egret signatures list
  egret signatures explain payment-card
  egret signatures new --into our-signatures/
  egret signatures check our-signatures/
  egret signatures test our-signatures/
  egret signatures cost our-signatures/
  egret signatures backtest our-signatures/ changed/ monday.pcap
  egret signatures verdict f-1f2e… false --records monday -s our-signatures --as destination --reason 'agreement 2026-14'

Exit status: 0 all is in order; 2 a file has a fault (each is printed with its place and the likely fix).";

/// List, explain, make, check, test and tune signatures.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Signatures {
    /// Check directories of signatures: every fault with its place and the likely fix, and what costs more than usual.
    Check(Checking),
    /// Run the tests inside signatures, each again as a file, in base64, UTF-16, gzip and docx, and split over packets.
    Test(Testing),
    New(create::New),
    Cost(cost::CostOf),
    Backtest(backtest::Backtest),
    Verdict(verdict::Verdict),
    /// List the signatures in force.
    List(Listing),
    /// Show one signature.
    Explain(Explanation),
}

/// Directories, and how the outcome is printed.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct Checking {
    #[command(flatten)]
    directories: Directories,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  egret signatures check our-signatures/
  egret signatures check our-signatures/ --json | jq .problems

Exit status: 0 all is in order; 2 a file has a fault (each is printed with its place and the likely fix).";

/// Directories, whose tests, and how the outcome is printed.
#[derive(Debug, Args)]
#[command(after_help = TEST_EXAMPLES)]
pub(crate) struct Testing {
    #[command(flatten)]
    directories: Directories,
    /// The tests of shipped signatures too, where directories are given.
    #[arg(long, conflicts_with = "own")]
    all: bool,
    /// Only the tests in these directories: what is done anyway where directories are given.
    #[arg(long, hide = true)]
    own: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

const TEST_EXAMPLES: &str = "\
Examples:
  egret signatures test our-signatures/        your own signatures
  egret signatures test our-signatures/ --all  the shipped ones beside them
  egret signatures test                        the shipped ones: those with a failure are shown

Carriers are real: a mail with a base64 part, a UTF-16 file, a gzip file, a Word document, an HTTP upload in small TCP segments.

Exit status: 0 all passed; 2 a test failed, or a file has a fault.";

#[derive(Debug, Args)]
pub(crate) struct Directories {
    /// Directories of signatures, beside the shipped ones.
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,
}

/// The user's directories, however they are given: `list DIR` as `check DIR`, and `list --signatures DIR` as `scan` has it.
#[derive(Debug, Args)]
pub(crate) struct Own {
    /// Directories of your own signatures.
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,

    /// A directory of your own signatures; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,
}

impl Own {
    fn directories(&self) -> Vec<PathBuf> {
        self.directories.iter().chain(&self.signatures).cloned().collect()
    }
}

const LIST_EXAMPLES: &str = "\
Examples:
  egret signatures list
  egret signatures list our-signatures/ --own
  egret signatures list --json | jq -r 'select(.severity == \"critical\") | .id'";

#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct Listing {
    #[command(flatten)]
    named: Own,

    /// Only your own.
    #[arg(long)]
    own: bool,

    /// Print one JSON object a signature.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explanation {
    /// Its id, as listed.
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    named: Own,

    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Loads the shipped signatures and those in `directories`; each fault is one line on standard error. True when there was one.
pub(crate) fn load(directories: &[PathBuf]) -> (Arc<SignatureSet>, bool) {
    let (set, problems) = cache::load(directories, cache::folder().as_deref());
    for problem in &problems {
        view::warning(&problem.one_line());
    }
    (Arc::new(set), !problems.is_empty())
}

impl Signatures {
    pub(crate) fn run(&self) -> Result<u8> {
        match self {
            Self::Check(checking) => check(checking),
            Self::Test(testing) => test(testing),
            Self::New(new) => new.run(),
            Self::Cost(cost) => cost.run(),
            Self::Backtest(backtest) => backtest.run(),
            Self::Verdict(verdict) => verdict.run(),
            Self::List(listing) => list(listing),
            Self::Explain(explanation) => explain(explanation),
        }
    }
}

fn check(checking: &Checking) -> Result<u8> {
    let (set, problems) = SignatureSet::load_tested(&checking.directories.directories);
    let now = clock::now();
    let mut expired = Vec::new();
    for signature in set.signatures() {
        for exception in signature.exceptions().iter().filter(|exception| !exception.holds_at(Some(now))) {
            let (id, subject, until) = (signature.id(), exception.subject(), &exception.until);
            expired.push(format!("{id}: the exception {subject} ended on {until} ({})", exception.reason));
        }
    }
    if checking.json {
        let notes = set.notes().iter();
        let notes: Vec<String> =
            notes.map(|note| format!("{} ({}): {}", note.signature, note.find, note.note)).collect();
        let faults: Vec<serde_json::Value> = problems.iter().map(problem_json).collect();
        let report = serde_json::json!({
            "signatures": set.signatures().len(), "problems": faults, "notes": notes, "expired_exceptions": expired,
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for problem in &problems {
            println!("{problem}\n");
        }
        for note in set.notes() {
            println!("note: {} ({}): {}", note.signature, note.find, note.note);
        }
        for expired in &expired {
            println!("note: {expired}");
        }
        println!("{} in order, {} with a fault", owned(&set), amount::of(problems.len() as u64, "file"));
    }
    Ok(if problems.is_empty() { status::DONE } else { status::USAGE })
}

fn problem_json(problem: &SignatureProblem) -> serde_json::Value {
    serde_json::json!({
        "file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message, "fix": problem.fix,
    })
}

fn test(testing: &Testing) -> Result<u8> {
    let (set, problems) = SignatureSet::load_tested(&testing.directories.directories);
    let own = testing.own || !testing.all && !testing.directories.directories.is_empty();
    let outcome = carriers::run(set, own)?;
    if testing.json {
        let faults: Vec<serde_json::Value> = problems.iter().map(problem_json).collect();
        let report = serde_json::json!({
            "tests": outcome.tests, "runs": outcome.runs, "failures": outcome.failures, "problems": faults,
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let mut header = vec!["signature", "tests"];
        header.extend(carriers::CARRIERS);
        let mut table = view::table(&header);
        // A thousand lines of "ok" hide the one that is not.
        let failed = |id: &str| outcome.failures.iter().any(|one| one.signature == id);
        for (id, tests) in outcome.tests.iter().filter(|(id, _)| own || failed(id.as_str())) {
            let mut row = vec![id.as_str().into(), view::number(tests)];
            row.extend(carriers::CARRIERS.iter().map(|carrier| {
                let lost = outcome
                    .failures
                    .iter()
                    .filter(|one| one.signature == *id && one.carrier == *carrier)
                    .count();
                view::number(if lost == 0 { "ok".to_owned() } else { format!("{lost} failed") })
            }));
            table.add_row(row);
        }
        if !table.is_empty() {
            println!("{table}");
        }
        for failure in &outcome.failures {
            let expected =
                if failure.should_match { "should match and does not" } else { "should not match and does" };
            println!(
                "{}: in {}, this text {expected} `{}`",
                failure.place, failure.carrier, failure.signature
            );
        }
        for problem in &problems {
            println!("{problem}\n");
        }
        if own && outcome.tests.is_empty() {
            println!("No test in these directories: add `[[test]]` with `match = \"…\"` to a signature.");
        }
        println!(
            "{} in {}, {} failed; {} with a fault",
            amount::of(outcome.tests.values().sum::<usize>() as u64, "test"),
            amount::of(outcome.runs as u64, "run"),
            amount::count(outcome.failures.len() as u64),
            amount::of(problems.len() as u64, "file")
        );
    }
    Ok(if problems.is_empty() && outcome.failures.is_empty() { status::DONE } else { status::USAGE })
}

fn list(listing: &Listing) -> Result<u8> {
    let directories = listing.named.directories();
    let (set, broken) = load(&directories);
    let judged = verdict::judged(&directories);
    let shown = || set.signatures().iter().filter(|signature| !(listing.own && signature.shipped()));
    if listing.json {
        for signature in shown() {
            let line = serde_json::json!({
                "id": signature.id(), "title": signature.title(), "owner": signature.owner(),
                "severity": signature.severity(), "tags": signature.tags(), "file": signature.file(),
                "enabled": signature.enabled(), "tuned_by": signature.tuned_by(),
                "verdicts": judged.get(signature.id()), "precision": judged.get(signature.id()).map(|sum| sum.precision()),
            });
            println!("{}", serde_json::to_string(&line)?);
        }
    } else {
        let mut header = vec!["signature", "title", "severity", "owner", "tags"];
        header.extend((!judged.is_empty()).then_some("precision"));
        let mut table = view::table(&header);
        for signature in shown() {
            let mut row = vec![
                signature.id().into(),
                signature.title().into(),
                if signature.enabled() { view::severity(signature.severity()) } else { "off".into() },
                signature.owner().into(),
                signature.tags().join(", ").into(),
            ];
            if !judged.is_empty() {
                let sum = judged.get(signature.id());
                row.push(view::number(sum.map_or_else(String::new, |sum| {
                    format!("{:.2} ({} judged)", sum.precision(), sum.right + sum.wrong)
                })));
            }
            table.add_row(row);
        }
        println!("{table}");
        println!("{}", owned(&set));
    }
    Ok(if broken { status::USAGE } else { status::DONE })
}

fn explain(explanation: &Explanation) -> Result<u8> {
    let directories = explanation.named.directories();
    let (set, _) = load(&directories);
    let Some(signature) = set.signatures().iter().find(|signature| signature.id() == explanation.id) else {
        let near: Vec<&str> = set
            .signatures()
            .iter()
            .map(Signature::id)
            .filter(|id| id.contains(&explanation.id) || explanation.id.contains(id))
            .collect();
        let hint =
            if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
        bail!("{}: no signature of this id; `egret signatures list` shows all.{hint}", explanation.id);
    };
    let judged = verdict::judged(&directories).get(signature.id()).copied();
    let (at, unique, count) = signature.threshold();
    let (words, within) = signature.context();
    let words: Vec<&str> = words.collect();
    if explanation.json {
        let exceptions: Vec<serde_json::Value> = signature
            .exceptions()
            .iter()
            .map(|one| serde_json::json!({ "subject": one.subject(), "reason": &*one.reason, "until": &*one.until }))
            .collect();
        let report = serde_json::json!({
            "id": signature.id(), "title": signature.title(), "description": signature.description(),
            "severity": signature.severity(), "owner": signature.owner(), "tags": signature.tags(),
            "file": signature.file(), "enabled": signature.enabled(), "tuned_by": signature.tuned_by(),
            "finds": signature.finds().collect::<Vec<_>>(), "context_words": words, "within": within,
            "find_context": signature.own_context().map(|(find, words, within)| {
                serde_json::json!({ "find": find, "words": words, "within": within })
            }).collect::<Vec<_>>(),
            "report": { "at": at, "unique": unique, "count": count, "per_sender_day": signature.per_sender_day() },
            "exceptions": exceptions, "tests": signature.tests(), "verdicts": judged,
            "precision": judged.map(verdict::Judged::precision),
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(status::DONE);
    }
    println!("{}: {}", signature.id(), signature.title());
    if !signature.description().is_empty() {
        println!("{}", signature.description());
    }
    println!(
        "severity {}, owner {}, tags {}",
        signature.severity(),
        or_none(signature.owner()),
        or_none(&signature.tags().join(", "))
    );
    println!("from {}, {}", signature.file(), amount::of(signature.tests() as u64, "test"));
    if !signature.tuned_by().is_empty() {
        println!("changed by {}", signature.tuned_by().join(", "));
    }
    if !signature.enabled() {
        println!("switched off");
    }
    println!("finds {}", signature.finds().collect::<Vec<_>>().join(", "));
    if !words.is_empty() {
        println!("context words within {within} characters: {}", words.join(", "));
    }
    for (find, words, within) in signature.own_context() {
        println!("context words of {find} alone, within {within} characters: {}", words.join(", "));
    }
    println!("reported from {at} confidence, {unique} distinct and {count} in all");
    if let Some(day) = signature.per_sender_day() {
        println!("or from {day} distinct of one sender in a day");
    }
    for one in signature.exceptions() {
        println!("lets pass {} until {}: {}", one.subject(), one.until, one.reason);
    }
    if let Some(sum) = judged {
        println!("judged so far: {} right, {} wrong, precision {:.2}", sum.right, sum.wrong, sum.precision());
    }
    for note in set.notes().iter().filter(|note| note.signature == signature.id()) {
        println!("cost of {}: {}", note.find, note.note);
    }
    Ok(status::DONE)
}

/// How many signatures there are, and how many of them are the user's.
fn owned(set: &SignatureSet) -> String {
    let all = set.signatures().len() as u64;
    match set.signatures().iter().filter(|signature| !signature.shipped()).count() as u64 {
        0 => amount::of(all, "signature"),
        own => {
            format!("{} of your own and {} shipped", amount::of(own, "signature"), amount::count(all - own))
        }
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
