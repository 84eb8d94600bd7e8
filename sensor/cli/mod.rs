//! The command line: one file a subcommand.
//!
//! Owns: arguments, exit status, and what people see. Never does: inspection.

#[macro_use]
mod print;

mod amount;
mod cache;
mod clock;
#[cfg(unix)]
mod config;
mod context;
mod documents;
mod evidence;
mod incidents;
mod index;
mod key_log;
mod keys;
mod people;
mod records;
mod replay;
mod report;
#[cfg(unix)]
mod run;
mod scan;
#[cfg(unix)]
mod settings;
#[cfg(unix)]
mod settings_file;
mod signatures;
mod store;
mod users;
mod view;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Exit statuses, stable and documented in `egret --help`.
pub(crate) mod status {
    /// Done.
    pub(crate) const DONE: u8 = 0;
    /// Done, but part of the input could not be read.
    pub(crate) const PARTIAL: u8 = 1;
    /// Wrong usage or configuration.
    pub(crate) const USAGE: u8 = 2;
    /// An incident of at least the severity of `--fail-on` was found.
    pub(crate) const INCIDENT: u8 = 3;
}

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  done, but part of the input could not be read (what and why is printed)
  2  wrong usage or configuration
  3  with --fail-on: an incident of at least that severity was found

Environment:
  EGRET_CACHE  folder for what loading of signatures has learnt (default: egret in your cache folder); off: nothing is kept";

/// A network sensor against data loss: who sends which sensitive data where.
#[derive(Debug, Parser)]
#[command(name = "egret", version, max_term_width = 110, after_help = EXIT_STATUS, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(unix)]
    Run(Box<run::Run>),
    Replay(replay::Replay),
    Scan(scan::Scan),
    Incidents(incidents::Incidents),
    Users(users::Users),
    Report(report::ReportCommand),
    Evidence(evidence::Evidence),
    #[command(subcommand)]
    Signatures(signatures::Signatures),
    #[cfg(unix)]
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Records(records::Records),
    #[command(subcommand)]
    Documents(documents::Documents),
}

/// Runs the program.
pub(crate) fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        #[cfg(unix)]
        Command::Run(run) => run.run(),
        Command::Replay(replay) => replay.run(),
        Command::Scan(scan) => scan.run(),
        Command::Incidents(incidents) => incidents.run(),
        Command::Users(users) => users.run(),
        Command::Report(report) => report.run(),
        Command::Evidence(evidence) => evidence.run(),
        Command::Signatures(signatures) => signatures.run(),
        #[cfg(unix)]
        Command::Config(config) => config.run(),
        Command::Records(records) => records.run(),
        Command::Documents(documents) => documents.run(),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            view::error(&format!("{error:#}"));
            ExitCode::from(status::USAGE)
        }
    }
}
