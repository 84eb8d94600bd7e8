//! Where the records of a running sensor go.
//!
//! Owns: the way from the pipeline's records to the sinks of `output`. Never does: deciding what is recorded.

use egret_model::Timestamp;
use egret_output::RotatingFolder;
use egret_pipeline::live::RecordSink;
use egret_pipeline::{Record, SinkError};

/// The rotating files of JSON lines.
pub(super) struct Records {
    folder: RotatingFolder,
}

impl Records {
    pub(super) const fn new(folder: RotatingFolder) -> Self {
        Self { folder }
    }
}

impl RecordSink for Records {
    fn record(&mut self, record: Record<'_>) -> Result<(), SinkError> {
        match record {
            Record::Transfer(transfer) => self.folder.transfer(transfer)?,
            Record::Finding(finding) => self.folder.finding(finding)?,
            Record::Sighting(sighting) => self.folder.sighting(sighting)?,
            Record::Incident(incident) => self.folder.incident(incident)?,
        }
        Ok(())
    }

    fn flush(&mut self, now: Timestamp) -> Result<(), SinkError> {
        Ok(self.folder.flush(now)?)
    }
}
