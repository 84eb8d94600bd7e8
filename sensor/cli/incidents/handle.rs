//! `egret incidents assign|close|reopen|note|prune`: changes by people.
//!
//! Owns: the arguments and what is printed. Never does: the changes themselves, which are the store's.

use super::short;
use crate::cli::clock::now;
use crate::cli::store::{author, span};
use crate::cli::{amount, status, view};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use egret_model::Verdict;
use egret_store::{Change, Retention, Store};

/// Who makes a change, and what they say about it.
#[derive(Debug, Args)]
struct Signed {
    /// Write this down with it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// Who you are. Default: your login name.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Assign {
    /// The incident.
    #[arg(value_name = "ID")]
    id: String,

    /// Who works on it; `none`: nobody.
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
pub(super) struct Close {
    /// The incidents.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    /// What it was.
    #[arg(long = "as", value_name = "VERDICT")]
    verdict: VerdictChoice,

    #[command(flatten)]
    signed: Signed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum VerdictChoice {
    /// Data left that should not have.
    Confirmed,
    /// It was no sensitive data.
    FalseAlarm,
    /// It was, and it was allowed to leave.
    Accepted,
}

#[derive(Debug, Args)]
pub(super) struct Reopen {
    /// The incident.
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
pub(super) struct Note {
    /// The incident.
    #[arg(value_name = "ID")]
    id: String,

    /// What is to be written down.
    #[arg(value_name = "TEXT")]
    text: String,

    /// Who you are. Default: your login name.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Remove what was last changed longer ago than this (90m, 24h, 30d); open incidents stay.
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    older_than: Option<i64>,

    /// Remove the oldest until the store is no larger than this, bytes; what belongs to no incident first, open incidents last.
    #[arg(long, value_name = "BYTES")]
    larger_than: Option<u64>,
}

fn parse_span(text: &str) -> Result<i64, String> {
    span(text).ok_or_else(|| "a number with m, h or d: 90m, 24h, 30d".to_owned())
}

impl Signed {
    fn change(&self, mut store: Store, id: &str, change: Change) -> Result<String> {
        let id = store.resolve(id)?;
        let mut changes = vec![change];
        changes.extend(self.note.clone().map(Change::Note));
        store.change(&id, &changes, &author(self.by.as_deref())?, now())?;
        Ok(id)
    }
}

impl Assign {
    pub(super) fn run(&self, store: Store) -> Result<u8> {
        let assignee = (self.name != "none").then(|| self.name.clone());
        let id = self.signed.change(store, &self.id, Change::Assign(assignee))?;
        println!("{}: assigned to {}", short(&id), egret_output::printable(&self.name));
        Ok(status::DONE)
    }
}

impl Close {
    pub(super) fn run(&self, mut store: Store) -> Result<u8> {
        let verdict = match self.verdict {
            VerdictChoice::Confirmed => Verdict::Confirmed,
            VerdictChoice::FalseAlarm => Verdict::FalseAlarm,
            VerdictChoice::Accepted => Verdict::Accepted,
        };
        let ids = self.ids.iter().map(|id| Ok(store.resolve(id)?)).collect::<Result<Vec<_>>>()?;
        let author = author(self.signed.by.as_deref())?;
        for id in ids {
            let mut changes = vec![Change::Close(verdict)];
            changes.extend(self.signed.note.clone().map(Change::Note));
            store.change(&id, &changes, &author, now())?;
            println!("{}: closed as {}", short(&id), verdict.name());
        }
        Ok(status::DONE)
    }
}

impl Reopen {
    pub(super) fn run(&self, store: Store) -> Result<u8> {
        let id = self.signed.change(store, &self.id, Change::Reopen)?;
        println!("{}: open again", short(&id));
        Ok(status::DONE)
    }
}

impl Note {
    pub(super) fn run(&self, mut store: Store) -> Result<u8> {
        let id = store.resolve(&self.id)?;
        store.change(&id, &[Change::Note(self.text.clone())], &author(self.by.as_deref())?, now())?;
        println!("{}: noted", short(&id));
        Ok(status::DONE)
    }
}

impl Prune {
    pub(super) fn run(&self, mut store: Store) -> Result<u8> {
        if self.older_than.is_none() && self.larger_than.is_none() {
            bail!("say what is to go: --older-than SPAN, --larger-than BYTES, or both");
        }
        let retention = Retention {
            age_ns: self.older_than.unwrap_or_default(),
            bytes: self.larger_than.unwrap_or_default(),
        };
        let removed = store.retain(retention, now())?;
        println!(
            "removed {} and {}; the store has {}",
            amount::of(removed.incidents, "incident"),
            amount::of(removed.records, "other record"),
            amount::bytes(store.bytes()?)
        );
        if removed.open_incidents > 0 {
            view::warning(&format!("{} of them still open", amount::of(removed.open_incidents, "incident")));
        }
        Ok(status::DONE)
    }
}
