//! Where the records of a running sensor go.
//!
//! Owns: the way from the pipeline's records to the sinks of `output` and to the store. Never does: deciding what is recorded.

use crate::cli::clock::now;
use crate::cli::store::keep;
use egret_model::Timestamp;
use egret_output::RotatingFolder;
use egret_pipeline::live::{Aside, Keeper, OwnedRecord, RecordSink};
use egret_pipeline::{Record, SinkError};
use egret_store::Fill;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The rotating files of JSON lines, and the store where there is one.
pub(super) struct Records {
    folder: RotatingFolder,
    store: Option<Aside>,
    habits: PathBuf,
}

/// The habits of users and hosts, beside the records.
const HABITS: &str = "habits.json";

/// What an earlier run has left.
pub(super) fn kept_habits(folder: &Path) -> Option<Vec<u8>> {
    std::fs::read(folder.join(HABITS)).ok()
}

impl Records {
    pub(super) fn new(folder: RotatingFolder, path: &Path, store: Option<Aside>) -> Self {
        Self { folder, store, habits: path.join(HABITS) }
    }
}

impl RecordSink for Records {
    fn record(&mut self, record: Record<'_>) -> Result<(), SinkError> {
        let stored = self.store.as_mut().map_or(Ok(()), |store| store.take(record));
        match record {
            Record::Transfer(transfer) => self.folder.transfer(transfer)?,
            Record::Finding(finding) => self.folder.finding(finding)?,
            Record::Sighting(sighting) => self.folder.sighting(sighting)?,
            Record::Incident(incident) => self.folder.incident(incident)?,
        }
        stored
    }

    /// Whole or not at all: the new file takes the place of the old one once it is on disk.
    fn keep_habits(&mut self, habits: &[u8]) -> Result<(), SinkError> {
        let fresh = self.habits.with_extension("json.new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(habits)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.habits)?;
        Ok(())
    }

    fn flush(&mut self, now: Timestamp) -> Result<(), SinkError> {
        let stored = self.store.as_mut().map_or(Ok(()), Aside::flush);
        self.folder.flush(now)?;
        stored
    }
}

/// Keeps records in the store, a batch a transaction.
pub(super) struct StoreKeeper(pub(super) Fill);

impl Keeper for StoreKeeper {
    fn keep(&mut self, records: &[OwnedRecord]) -> Result<(), SinkError> {
        let fill = &mut self.0;
        let kept = records.iter().try_for_each(|record| keep(fill, record.as_record()));
        if let Err(error) = kept.and_then(|()| fill.commit(now())) {
            fill.abandon();
            return Err(error.into());
        }
        Ok(())
    }
}
