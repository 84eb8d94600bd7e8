//! `egret signatures`: what is looked for, and whether one's own files are in order.
//!
//! Owns: loading with its messages, and the printed forms. Never does: the language itself.

use super::{amount, status, view};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use egret_detect::{Signature, SignatureSet};
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  egret signatures list
  egret signatures explain payment-card
  egret signatures check our-signatures/

Exit status: 0 all is in order; 2 a file has a fault (each is printed with its place and the likely fix).";

/// List, explain and check signatures.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Signatures {
    /// Check directories of signatures: every fault with its place and the likely fix, and what costs more than usual.
    Check(Directories),
    /// Run the tests inside signatures. They also run whenever a signature is loaded.
    Test(Directories),
    /// List the signatures in force.
    List(Listing),
    /// Show one signature.
    Explain(Explanation),
}

#[derive(Debug, Args)]
pub(crate) struct Directories {
    /// Directories of signatures, beside the shipped ones.
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// A directory of your own signatures; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,

    /// Print one JSON object a signature.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explanation {
    /// Its id, as listed.
    #[arg(value_name = "ID")]
    id: String,

    /// A directory of your own signatures; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,
}

/// Loads the shipped signatures and those in `directories`; each fault is one line on standard error. True when there was one.
pub(crate) fn load(directories: &[PathBuf]) -> (Arc<SignatureSet>, bool) {
    let (set, problems) = SignatureSet::load(directories);
    for problem in &problems {
        view::warning(&problem.one_line());
    }
    (Arc::new(set), !problems.is_empty())
}

impl Signatures {
    pub(crate) fn run(&self) -> Result<u8> {
        match self {
            Self::Check(directories) => Ok(check(&directories.directories)),
            Self::Test(directories) => Ok(test(&directories.directories)),
            Self::List(listing) => list(listing),
            Self::Explain(explanation) => explain(explanation),
        }
    }
}

fn check(directories: &[PathBuf]) -> u8 {
    let (set, problems) = SignatureSet::load_tested(directories);
    for problem in &problems {
        println!("{problem}\n");
    }
    for note in set.notes() {
        println!("note: {} ({}): {}", note.signature, note.find, note.note);
    }
    println!(
        "{} in order, {} with a fault",
        amount::of(set.signatures().len() as u64, "signature"),
        amount::of(problems.len() as u64, "file")
    );
    if problems.is_empty() { status::DONE } else { status::USAGE }
}

fn test(directories: &[PathBuf]) -> u8 {
    let (set, problems) = SignatureSet::load_tested(directories);
    let mut table = view::table(&["signature", "tests passed"]);
    for signature in set.signatures() {
        table.add_row(vec![signature.id().into(), view::number(signature.tests())]);
    }
    println!("{table}");
    for problem in &problems {
        println!("{problem}\n");
    }
    let passed: usize = set.signatures().iter().map(Signature::tests).sum();
    println!(
        "{} passed, {} with a fault",
        amount::of(passed as u64, "test"),
        amount::of(problems.len() as u64, "file")
    );
    if problems.is_empty() { status::DONE } else { status::USAGE }
}

fn list(listing: &Listing) -> Result<u8> {
    let (set, broken) = load(&listing.signatures);
    if listing.json {
        for signature in set.signatures() {
            let line = serde_json::json!({
                "id": signature.id(), "title": signature.title(), "owner": signature.owner(),
                "severity": signature.severity(), "tags": signature.tags(), "file": signature.file(),
                "enabled": signature.enabled(), "tuned_by": signature.tuned_by(),
            });
            println!("{}", serde_json::to_string(&line)?);
        }
    } else {
        let mut table = view::table(&["signature", "title", "severity", "owner", "tags"]);
        for signature in set.signatures() {
            table.add_row(vec![
                signature.id().into(),
                signature.title().into(),
                if signature.enabled() { view::severity(signature.severity()) } else { "off".into() },
                signature.owner().into(),
                signature.tags().join(", ").into(),
            ]);
        }
        println!("{table}");
        println!("{}", amount::of(set.signatures().len() as u64, "signature"));
    }
    Ok(if broken { status::USAGE } else { status::DONE })
}

fn explain(explanation: &Explanation) -> Result<u8> {
    let (set, _) = load(&explanation.signatures);
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
    println!("from {}, {} passed", signature.file(), amount::of(signature.tests() as u64, "test"));
    if !signature.tuned_by().is_empty() {
        println!("changed by {}", signature.tuned_by().join(", "));
    }
    if !signature.enabled() {
        println!("switched off");
    }
    for note in set.notes().iter().filter(|note| note.signature == signature.id()) {
        println!("cost of {}: {}", note.find, note.note);
    }
    Ok(status::DONE)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
