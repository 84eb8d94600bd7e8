//! `egret signatures cost`: what each signature costs.
//!
//! Owns: the text that is measured on, and the table. Never does: the measurement itself.

use super::Directories;
use crate::cli::{amount, clock, status, view};
use anyhow::{Context as _, Result};
use clap::Args;
use egret_detect::{Cost, SignatureSet};
use egret_model::Limits;
use egret_pipeline::FileInspector;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  egret signatures cost our-signatures/
  egret signatures cost our-signatures/ --text exports/ --text mails/
  egret signatures cost --all --json

An anchor is a place where something of the signature stands and a closer look is taken. A find without any fixed text is searched for
in all of the text. Times are of this machine, now; compare them with each other.

Exit status: 0 done; 2 a file has a fault, or a text cannot be read.";

/// Show what each signature costs on ordinary text: closer looks per megabyte, and their time per gigabyte.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CostOf {
    #[command(flatten)]
    directories: Directories,
    /// Files or directories whose text is measured on; may be given several times [default: a megabyte of made-up office text]
    #[arg(long = "text", value_name = "PATH")]
    texts: Vec<PathBuf>,
    /// Every find, not the dearest twenty.
    #[arg(long)]
    all: bool,
    /// Print one JSON object a find.
    #[arg(long)]
    json: bool,
}

/// Lines shown without --all.
const SHOWN: usize = 20;
/// Most text measured on, bytes.
const TEXT_BYTES: usize = 64 << 20;

impl CostOf {
    pub(crate) fn run(&self) -> Result<u8> {
        let (set, broken) = super::load(&self.directories.directories);
        let text = if self.texts.is_empty() { made_up() } else { self.text()? };
        let start = clock::stopwatch();
        let costs = set.costs(&text, &mut || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let megabytes = text.len() as f64 / 1e6;
        let all: u64 = costs.iter().map(|cost| cost.ticks).sum::<u64>().max(1);
        let milliseconds = |cost: &Cost| cost.ticks as f64 / 1e6 / megabytes * 1e3;
        if self.json {
            for cost in &costs {
                let line = serde_json::json!({
                    "signature": cost.signature, "find": cost.find, "searched_everywhere": cost.everywhere,
                    "anchors_per_mb": cost.anchors as f64 / megabytes, "matches_per_mb": cost.matches as f64 / megabytes,
                    "ms_per_gb": milliseconds(cost), "share": cost.ticks as f64 / all as f64,
                });
                println!("{}", serde_json::to_string(&line)?);
            }
            return Ok(if broken { status::USAGE } else { status::DONE });
        }
        let mut table =
            view::table(&["signature", "find", "anchors per MB", "matches per MB", "ms per GB", "share"]);
        for cost in costs.iter().take(if self.all { usize::MAX } else { SHOWN }) {
            let anchors = if cost.everywhere {
                "everywhere".to_owned()
            } else {
                format!("{:.2}", cost.anchors as f64 / megabytes)
            };
            table.add_row(vec![
                cost.signature.as_str().into(),
                cost.find.as_str().into(),
                view::number(anchors),
                view::number(format!("{:.2}", cost.matches as f64 / megabytes)),
                view::number(format!("{:.1}", milliseconds(cost))),
                view::number(format!("{:.1} %", cost.ticks as f64 * 100.0 / all as f64)),
            ]);
        }
        println!("{table}");
        let total: f64 = costs.iter().map(milliseconds).sum();
        println!(
            "{} of text, {} with anything to look at; verification {total:.0} ms per GB in all",
            amount::bytes(text.len() as u64),
            amount::of(costs.len() as u64, "find"),
        );
        Ok(if broken { status::USAGE } else { status::DONE })
    }

    fn text(&self) -> Result<Vec<u8>> {
        let mut files = Vec::new();
        for path in &self.texts {
            crate::cli::scan::expand(path, &mut files)?;
        }
        let (none, _) = SignatureSet::from_texts(&[]);
        let mut inspector = FileInspector::new(none.into(), &Limits::default());
        let mut text = Vec::new();
        for path in files {
            let mut file =
                std::fs::File::open(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            inspector.inspect(&name, &mut file, &mut |piece| text.extend_from_slice(piece))?;
            if text.len() > TEXT_BYTES {
                text.truncate(TEXT_BYTES);
                view::warning(&format!(
                    "only the first {} are measured on",
                    amount::bytes(TEXT_BYTES as u64)
                ));
                break;
            }
        }
        anyhow::ensure!(!text.is_empty(), "the given files hold no text");
        Ok(text)
    }
}

/// A megabyte that looks like letters, tables, logs and code: always the same.
fn made_up() -> Vec<u8> {
    const WORDS: &[&str] = &[
        "the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "was", "on", "with", "as", "be",
        "by", "this", "have", "from", "or", "meeting", "report", "customer", "number", "please", "order",
        "invoice", "account", "patient", "date", "address", "server", "error", "value", "function", "return",
        "table", "project", "password", "key", "token", "code", "address,", "email", "phone", "name",
        "total", "amount", "payment", "card", "contract", "draft", "internal", "review",
    ];
    let mut text = String::with_capacity(1 << 20);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    while text.len() < 1_000_000 {
        let line = match next(5) {
            0 => format!(
                "{},{},{}.{:02},{}\n",
                next(100_000),
                WORDS[next(WORDS.len() as u64) as usize],
                next(1_000),
                next(100),
                next(1_000_000_000)
            ),
            1 => format!(
                "2026-{:02}-{:02}T{:02}:{:02}:{:02}Z INFO request {:016x} took {} ms\n",
                1 + next(12),
                1 + next(28),
                next(24),
                next(60),
                next(60),
                next(u64::MAX),
                next(2_000)
            ),
            _ => {
                (0..8 + next(8))
                    .map(|_| WORDS[next(WORDS.len() as u64) as usize])
                    .collect::<Vec<_>>()
                    .join(" ")
                    + ".\n"
            }
        };
        text.push_str(&line);
    }
    text.into_bytes()
}
