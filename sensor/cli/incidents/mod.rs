//! `egret incidents`: what an analyst does with the store.
//!
//! Owns: the arguments. Never does: queries, which are the store's.

mod export;
mod handle;
mod list;
mod show;
mod verify;

use super::store::{Filter, Place};
use anyhow::Result;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  egret incidents list --store monday.db --severity high
  egret incidents list --since 24h --assignee none --json
  egret incidents show i-98e0bd
  egret incidents assign i-98e0bd dana --note 'asking her manager'
  egret incidents close i-98e0bd --as false-alarm --note 'test data of the billing team'
  egret incidents export --format ocsf --state all > incidents.jsonl
  egret incidents export --format cef --to tls://siem.example:6514 --since 24h
  egret incidents verify --store monday.db monday.pcap

An id may be cut short as long as it is one incident's. `egret replay --store FILE` and `egret run` with store.file fill a store;
EGRET_STORE names the usual one.

Exit status: 0 done; 1 `verify` found that something was changed; 2 wrong usage, or no such incident.";

/// List, show, handle, export and verify incidents.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Incidents {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List incidents, the most urgent first.
    List(list::List),
    /// Show everything about one incident.
    Show(show::Show),
    /// Say who works on an incident.
    Assign(handle::Assign),
    /// Say that an incident needs no more work, and what it was.
    Close(handle::Close),
    /// Say that a closed incident needs work after all.
    Reopen(handle::Reopen),
    /// Write something down about an incident.
    Note(handle::Note),
    /// Write incidents in the format of another system, to a file or over syslog.
    Export(export::Export),
    /// Remove what is old, or too much.
    Prune(handle::Prune),
    /// Prove that the store is as it was written, and that its incidents follow from their captures.
    Verify(verify::Verify),
}

impl Incidents {
    pub(crate) fn run(&self) -> Result<u8> {
        let store = self.place.open()?;
        match &self.action {
            Action::List(list) => list.run(&store),
            Action::Show(show) => show.run(&store),
            Action::Assign(assign) => assign.run(store),
            Action::Close(close) => close.run(store),
            Action::Reopen(reopen) => reopen.run(store),
            Action::Note(note) => note.run(store),
            Action::Export(export) => export.run(&store),
            Action::Prune(prune) => prune.run(store),
            Action::Verify(verify) => verify.run(&store),
        }
    }
}

/// An id as lists show it: enough of it to name one incident among millions.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
