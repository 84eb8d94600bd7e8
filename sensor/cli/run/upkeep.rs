//! The store of a running sensor between its records: summaries, retention, and sending incidents on.
//!
//! Owns: what is due when. Never does: keeping records, which has a thread of its own; waiting for anybody but the disk and receivers.

use crate::cli::clock::now;
use crate::cli::settings::Settings;
use crate::cli::store as shared;
use anyhow::Result;
use egret_model::{Severity, Timestamp, Vitals};
use egret_output::{Destination, Format, Header, Teller, Wire};
use egret_store::{Retention, Store};
use std::path::PathBuf;

/// Nanoseconds between two summaries in the store (1 min).
const SUMMARY_NS: i64 = 60_000_000_000;
/// Nanoseconds between two looks at what is old or too much (10 min).
const RETENTION_NS: i64 = 600_000_000_000;
/// Incidents that are sent at once.
const PORTION: usize = 200;

/// Looks after the store.
pub(super) struct Upkeep {
    store: Store,
    run: String,
    retention: Retention,
    ways: Vec<Way>,
    teller: Teller,
    summarised: Timestamp,
    retained: Timestamp,
}

/// A way to another system.
struct Way {
    name: &'static str,
    format: Format,
    wire: Wire,
    /// It did not work last time, which was told.
    failing: bool,
}

/// The ways to other systems, with names looked up and certificates read: the sandbox lets neither be done later.
pub(super) struct Ways(Vec<Way>);

impl Ways {
    /// What cannot be prepared is told, and tried again without.
    pub(super) fn prepare(settings: &Settings) -> Self {
        let exports = settings.exports().unwrap_or_default();
        let authorities = &settings.export.ca;
        let authorities: Option<PathBuf> = (!authorities.as_os_str().is_empty()).then(|| authorities.clone());
        Self(
            exports
                .into_iter()
                .map(|(name, format, destination)| {
                    let mut wire = Wire::new(destination, authorities.clone());
                    if let Err(error) = wire.prepare() {
                        tracing::error!(%error, "incidents cannot be sent there before a restart");
                    }
                    Way { name, format, wire, failing: false }
                })
                .collect(),
        )
    }

    /// TCP ports that are connected to.
    pub(super) fn ports(&self) -> Vec<u16> {
        let port = |way: &Way| match way.wire.destination() {
            Destination::Tcp(to) | Destination::Tls(to) => to.rsplit_once(':')?.1.parse().ok(),
            _ => None,
        };
        self.0.iter().filter_map(port).collect()
    }

    /// Folders of files that are written.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let folder = |way: &Way| match way.wire.destination() {
            Destination::File(path) => path.parent().map(shared::this_folder),
            _ => None,
        };
        self.0.iter().filter_map(folder).collect()
    }
}

impl Upkeep {
    /// Of the store at the path in `settings`, filled by the run of this id.
    pub(super) fn new(store: Store, run: String, settings: &Settings, ways: Ways) -> Self {
        Self {
            store,
            run,
            retention: settings.retention(),
            ways: ways.0,
            teller: shared::teller(),
            summarised: now(),
            retained: Timestamp::EPOCH,
        }
    }

    /// Does what is due. What fails is told and tried again.
    pub(super) fn step(&mut self, vitals: &Vitals) {
        let now = now();
        if now.since(self.summarised) >= SUMMARY_NS {
            self.summarised = now;
            self.told("the summary is not in the store", |upkeep| {
                Ok(upkeep.store.tell_summary(&upkeep.run, vitals, false, now)?)
            });
        }
        if now.since(self.retained) >= RETENTION_NS {
            self.retained = now;
            self.told("what is old is still in the store", |upkeep| {
                let removed = upkeep.store.retain(upkeep.retention, now)?;
                if removed.incidents + removed.records > 0 {
                    let (incidents, open) = (removed.incidents, removed.open_incidents);
                    tracing::info!(
                        incidents,
                        open,
                        records = removed.records,
                        "removed from the store by age or size"
                    );
                }
                Ok(())
            });
        }
        self.send();
    }

    /// Other signatures are in force.
    pub(super) fn signatures(&mut self, signatures: &egret_detect::SignatureSet) {
        let digest = shared::signature_digest(signatures);
        self.told("the change of signatures is not in the ledger", |upkeep| {
            Ok(upkeep.store.tell_signatures(&upkeep.run, &digest, now())?)
        });
    }

    /// The run has ended.
    pub(super) fn end(&mut self, vitals: &Vitals) {
        self.send();
        self.told("the end of the run is not in the store", |upkeep| {
            Ok(upkeep.store.tell_summary(&upkeep.run, vitals, true, now())?)
        });
    }

    fn told(&mut self, otherwise: &str, work: impl FnOnce(&mut Self) -> Result<()>) {
        if let Err(error) = work(self) {
            tracing::error!(%error, "{otherwise}");
        }
    }

    /// Sends what is new or has changed, each way as far as it gets.
    fn send(&mut self) {
        let Self { store, ways, teller, .. } = self;
        for way in ways {
            match way.send(store, teller) {
                Ok(()) if way.failing => {
                    way.failing = false;
                    tracing::info!(to = %way.wire.destination(), "incidents are sent again");
                }
                Ok(()) => {}
                Err(error) => {
                    if !way.failing {
                        tracing::error!(%error, "incidents cannot be sent; they are when that works again");
                    }
                    way.failing = true;
                }
            }
        }
    }
}

impl Way {
    fn send(&mut self, store: &mut Store, teller: &Teller) -> Result<()> {
        let to = format!("{} {}", self.name, self.wire.destination());
        let mut sent = store.sent_to(&to)?;
        let header = |severity| Header { host: teller.host.clone(), at: now(), severity, format: self.name };
        if let (Some(head), 0, None) = (self.format.header(), sent, self.wire.destination().remote()) {
            self.wire.send(&[head], &header(Severity::Info))?;
        }
        loop {
            let changed = store.changed_since(sent, PORTION)?;
            for (seq, id) in &changed {
                let case = store.case(id)?;
                self.wire.send(&self.format.lines(&case, teller)?, &header(case.incident.severity))?;
                sent = *seq;
                store.note_sent(&to, sent)?;
            }
            if changed.len() < PORTION {
                return Ok(());
            }
        }
    }
}
