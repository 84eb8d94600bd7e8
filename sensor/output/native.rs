//! The native records as files: `transfers.jsonl`, `findings.jsonl`, `sightings.jsonl`, `incidents.jsonl`, `summary.json`.
//!
//! Owns: a folder of records, written as they come. Never does: reading them back; changing a field.

use egret_model::{FindingRecord, Incident, SightingRecord, Summary, TransferRecord};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The folder or a file in it cannot be written.
#[derive(Debug, Error)]
#[error("{}: cannot be written: {reason}; choose a folder you may write to with --output", .path.display())]
pub struct OutputError {
    /// The folder or file.
    pub path: PathBuf,
    /// What the system says.
    pub reason: io::Error,
}

/// A folder that native records are written into.
#[derive(Debug)]
pub struct NativeFolder {
    transfers: Lines,
    findings: Lines,
    sightings: Lines,
    incidents: Lines,
    summary: PathBuf,
}

impl NativeFolder {
    /// Creates the folder where it is missing, and empties the record files of an earlier run in it.
    pub fn create(folder: &Path) -> Result<Self, OutputError> {
        fs::create_dir_all(folder).map_err(|reason| OutputError { path: folder.to_owned(), reason })?;
        let summary = folder.join("summary.json");
        // A summary says that the run is complete: an old one must not vouch for records that are being rewritten.
        if let Err(reason) = fs::remove_file(&summary)
            && reason.kind() != io::ErrorKind::NotFound
        {
            return Err(OutputError { path: summary, reason });
        }
        Ok(Self {
            transfers: Lines::create(folder.join("transfers.jsonl"))?,
            findings: Lines::create(folder.join("findings.jsonl"))?,
            sightings: Lines::create(folder.join("sightings.jsonl"))?,
            incidents: Lines::create(folder.join("incidents.jsonl"))?,
            summary,
        })
    }

    /// Writes a transfer.
    pub fn transfer(&mut self, record: &TransferRecord) -> Result<(), OutputError> {
        self.transfers.write(record)
    }

    /// Writes a finding.
    pub fn finding(&mut self, record: &FindingRecord) -> Result<(), OutputError> {
        self.findings.write(record)
    }

    /// Writes a piece of identity evidence.
    pub fn sighting(&mut self, record: &SightingRecord) -> Result<(), OutputError> {
        self.sightings.write(record)
    }

    /// Writes an incident.
    pub fn incident(&mut self, record: &Incident) -> Result<(), OutputError> {
        self.incidents.write(record)
    }

    /// Writes the summary, last, once all records are on disk: a folder with a summary is a complete run.
    pub fn finish(self, summary: &Summary) -> Result<(), OutputError> {
        for lines in [self.transfers, self.findings, self.sightings, self.incidents] {
            lines.finish()?;
        }
        let mut text = serde_json::to_vec_pretty(summary)
            .map_err(|error| OutputError { path: self.summary.clone(), reason: error.into() })?;
        text.push(b'\n');
        fs::write(&self.summary, text).map_err(|reason| OutputError { path: self.summary, reason })
    }
}

/// One file of JSON lines.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    fn create(path: PathBuf) -> Result<Self, OutputError> {
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file: BufWriter::with_capacity(1 << 16, file) }),
            Err(reason) => Err(OutputError { path, reason }),
        }
    }

    fn write(&mut self, record: &impl Serialize) -> Result<(), OutputError> {
        serde_json::to_writer(&mut self.file, record)
            .map_err(io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|reason| OutputError { path: self.path.clone(), reason })
    }

    fn finish(mut self) -> Result<(), OutputError> {
        self.file.flush().map_err(|reason| OutputError { path: self.path, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{Evidence, Timestamp};

    #[test]
    fn records_are_lines_and_the_summary_comes_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/out");
        let mut native = NativeFolder::create(&path).unwrap();
        let sighting = SightingRecord {
            at: Timestamp::from_nanos(1),
            ip: "10.0.0.1".parse().ok(),
            mac: None,
            host: Some("A\nB".into()),
            user: None,
            domain: None,
            evidence: Evidence::Dhcp,
            until: None,
        };
        native.sighting(&sighting).unwrap();
        native.sighting(&sighting).unwrap();
        assert!(!path.join("summary.json").exists());
        native.finish(&Summary { packets: 2, ..Summary::default() }).unwrap();
        let lines = fs::read_to_string(path.join("sightings.jsonl")).unwrap();
        assert_eq!(
            lines.lines().next().unwrap(),
            r#"{"at":"1970-01-01T00:00:00.000000001Z","ip":"10.0.0.1","mac":null,"host":"A\nB","user":null,"domain":null,"evidence":"dhcp","until":null}"#
        );
        assert_eq!(lines.lines().count(), 2);
        let summary: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path.join("summary.json")).unwrap()).unwrap();
        assert_eq!(summary["packets"], 2);
        assert_eq!(summary["coverage"]["not_inspected"]["encrypted"], 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = NativeFolder::create(&file.join("out")).unwrap_err().to_string();
        assert!(error.starts_with(&file.join("out").display().to_string()), "{error}");
        assert!(error.contains("--output"), "{error}");
    }
}
