//! `egret incidents export`: incidents for other systems.
//!
//! Owns: the arguments. Never does: formats and ways, which are `output`'s.

use super::Filter;
use crate::cli::clock::now;
use crate::cli::{amount, status, store as shared, view};
use anyhow::{Result, anyhow};
use clap::Args;
use egret_output::{Destination, Format, Header, Wire};
use egret_store::{Order, Store};
use std::path::PathBuf;

/// Incidents that are read and sent at once.
const PORTION: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Only these incidents, whatever their state.
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    #[command(flatten)]
    filter: Filter,

    /// json (records with all that belongs to them), eve (Suricata), ocsf (Data Security Finding), ocsf-detection (Detection Finding),
    /// ecs (Elastic), cef (ArcSight) or csv.
    #[arg(short, long, value_name = "FORMAT", default_value = "json", value_parser = format)]
    format: NamedFormat,

    /// Where to: a file, - for standard output, or syslog at udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT. A file is added to.
    #[arg(short, long, value_name = "DESTINATION", default_value = "-", value_parser = Destination::parse)]
    to: Destination,

    /// For TLS: a file of certificates (PEM) that are trusted in the place of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A format and what it is called.
#[derive(Clone, Copy, Debug)]
struct NamedFormat(&'static str, Format);

fn format(text: &str) -> Result<NamedFormat, String> {
    Format::ALL
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(name, format)| NamedFormat(name, *format))
        .ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
            format!("one of {}", names.join(", "))
        })
}

impl Export {
    pub(super) fn run(&self, store: &Store) -> Result<u8> {
        let NamedFormat(name, format) = self.format;
        let ids = if self.ids.is_empty() {
            let found = store.incidents(&self.filter.to_query(Order::Risk, None))?;
            found.into_iter().map(|one| one.incident.id).collect()
        } else {
            self.ids.iter().map(|id| Ok(store.resolve(id)?)).collect::<Result<Vec<_>>>()?
        };
        let teller = shared::teller();
        let mut wire = Wire::new(self.to.clone(), self.ca.clone());
        let header = |severity| Header { host: teller.host.clone(), at: now(), severity, format: name };
        if let (Some(head), None) = (format.header(), self.to.remote()) {
            wire.send(&[head], &header(egret_model::Severity::Info))?;
        }
        for portion in ids.chunks(PORTION) {
            let mut lines = Vec::new();
            for id in portion {
                let case = store.case(id)?;
                let of_case = format.lines(&case, &teller)?;
                if self.to.remote().is_some() {
                    wire.send(&of_case, &header(case.incident.severity))?;
                } else {
                    lines.extend(of_case);
                }
            }
            match wire.send(&lines, &header(egret_model::Severity::Info)) {
                Ok(()) => {}
                // Whoever reads our output has seen enough.
                Err(error) if error.is_closed() => return Ok(status::DONE),
                Err(error) => return Err(anyhow!(error)),
            }
        }
        if self.to != Destination::Standard {
            view::note(&format!("{} sent to {}", amount::of(ids.len() as u64, "incident"), self.to));
        }
        Ok(status::DONE)
    }
}
