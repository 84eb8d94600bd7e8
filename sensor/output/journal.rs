//! The journal of a live folder: when runs started and stopped, and what a run that did neither has lost.
//!
//! Owns: `runs.jsonl`, `summary.json` while it is rewritten, and that one sensor at a time writes a folder.
//! Never does: guessing. What was in flight is what the last summary of that run says.

use crate::native::OutputError;
use crate::rotating::{Mended, open_whole};
use egret_model::{IdHasher, InFlight, Timestamp, Vitals};
use serde::Serialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A line of `runs.jsonl`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum RunEvent<'a> {
    /// A run begins.
    Started { run: &'a str, at: Timestamp, version: &'a str, interfaces: &'a [String] },
    /// An earlier run ended without stopping.
    Lost(&'a Loss),
    /// A run ends as it should.
    Stopped { run: &'a str, at: Timestamp, summary: &'a Vitals },
}

/// What a run that ended without stopping has lost: what was in flight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// The run that ended so.
    pub run: String,
    /// When this was found out.
    pub at: Timestamp,
    /// When its last summary was written; None when it wrote none.
    pub last_seen: Option<String>,
    /// What was under way then: flows that were being followed, transfers that had begun or were not recorded.
    pub in_flight: Option<Value>,
    /// Torn last lines that were cut off its files.
    pub mended: Vec<Mended>,
}

/// The summary as a live run writes it again and again.
#[derive(Serialize)]
struct LiveSummary<'a> {
    run: &'a str,
    started_at: Timestamp,
    written_at: Timestamp,
    /// The run has stopped, and nothing is in flight.
    stopped: bool,
    #[serde(flatten)]
    vitals: &'a Vitals,
}

/// The journal of the run that writes a folder now.
#[derive(Debug)]
pub struct RunJournal {
    folder: PathBuf,
    path: PathBuf,
    /// Locked for as long as it is open.
    file: File,
    run: String,
    started_at: Timestamp,
}

/// A folder that no other sensor writes, before a run begins in it.
#[derive(Debug)]
pub struct FolderClaim {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    torn: Option<Mended>,
}

impl FolderClaim {
    /// Takes the folder, creating it where it is missing. Comes before its records are opened.
    pub fn new(folder: &Path) -> Result<Self, OutputError> {
        let path = folder.join("runs.jsonl");
        let failed = |reason| OutputError { path: path.clone(), reason };
        fs::create_dir_all(folder).map_err(|reason| OutputError { path: folder.to_owned(), reason })?;
        let lock = File::options().append(true).create(true).open(&path).map_err(failed)?;
        lock.try_lock().map_err(|error| {
            failed(match error {
                fs::TryLockError::WouldBlock => {
                    io::Error::new(io::ErrorKind::AddrInUse, "another egret writes into this folder")
                }
                fs::TryLockError::Error(reason) => reason,
            })
        })?;
        let (_, _, torn) = open_whole(&path).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), path: path.clone(), file: lock, torn })
    }

    /// A run begins at `now`. Tells what the run before it has lost, if it did not stop. `mended`: the torn lines found in the
    /// folder's records.
    pub fn begin(
        self,
        now: Timestamp,
        version: &str,
        interfaces: &[String],
        mended: &[Mended],
    ) -> Result<(RunJournal, Option<Loss>), OutputError> {
        let Self { folder, path, file, torn } = self;
        let mended: Vec<Mended> = mended.iter().cloned().chain(torn).collect();
        let unstopped = unstopped(&path).map_err(|reason| OutputError { path: path.clone(), reason })?;
        let loss = unstopped.map(|run| {
            let summary = last_summary(&folder, &run);
            Loss {
                at: now,
                last_seen: summary.as_ref().and_then(|s| s["written_at"].as_str().map(str::to_owned)),
                in_flight: summary.map(|mut s| s["in_flight"].take()),
                mended,
                run,
            }
        });
        let run = IdHasher::new()
            .number(now.nanos().cast_unsigned())
            .number(u64::from(std::process::id()))
            .finish("r");
        let mut journal = RunJournal { folder, path, file, run: run.clone(), started_at: now };
        if let Some(loss) = &loss {
            journal.write(&RunEvent::Lost(loss))?;
        }
        journal.write(&RunEvent::Started { run: &run, at: now, version, interfaces })?;
        Ok((journal, loss))
    }
}

impl RunJournal {
    /// The id of this run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Writes `summary.json`, whole or not at all.
    pub fn summary(&self, vitals: &Vitals, now: Timestamp) -> Result<(), OutputError> {
        self.write_summary(vitals, now, false)
    }

    /// The run has ended as it should.
    pub fn stop(mut self, vitals: &Vitals, now: Timestamp) -> Result<(), OutputError> {
        self.write_summary(vitals, now, true)?;
        let run = self.run.clone();
        self.write(&RunEvent::Stopped { run: &run, at: now, summary: vitals })
    }

    fn write_summary(&self, vitals: &Vitals, now: Timestamp, stopped: bool) -> Result<(), OutputError> {
        let path = self.folder.join("summary.json");
        let summary =
            LiveSummary { run: &self.run, started_at: self.started_at, written_at: now, stopped, vitals };
        let draft = self.folder.join(".summary.json.new");
        serde_json::to_vec_pretty(&summary)
            .map_err(io::Error::from)
            .and_then(|mut text| {
                text.push(b'\n');
                fs::write(&draft, text)
            })
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|reason| OutputError { path, reason })
    }

    fn write(&mut self, event: &RunEvent<'_>) -> Result<(), OutputError> {
        serde_json::to_vec(event)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.file.write_all(&line)
            })
            .map_err(|reason| OutputError { path: self.path.clone(), reason })
    }
}

impl Loss {
    /// In a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = format!("run {} ended without stopping", self.run);
        match (&self.last_seen, &self.in_flight) {
            (Some(seen), Some(in_flight)) => {
                let number = |name: &str| in_flight[name].as_u64().unwrap_or_default();
                let InFlight { flows, transfers, unrecorded, .. } = InFlight {
                    flows: number("flows"),
                    transfers: number("transfers"),
                    unrecorded: number("unrecorded"),
                    reassembly_bytes: 0,
                };
                sentence.push_str(&format!(
                    "; lost is what was in flight: at its last summary, {seen}, {flows} flows were followed, {transfers} transfers \
                     were under way and {unrecorded} not recorded, and whatever began after it"
                ));
            }
            _ => sentence.push_str("; lost is whatever it had in flight: it wrote no summary"),
        }
        for Mended { path, torn_bytes } in &self.mended {
            sentence.push_str(&format!("; a torn line of {torn_bytes} bytes was cut off {}", path.display()));
        }
        sentence
    }
}

/// The last run in a journal, if it has started and not stopped.
fn unstopped(path: &Path) -> io::Result<Option<String>> {
    let text = fs::read(path)?;
    let last = text.split(|byte| *byte == b'\n').rev().find(|line| !line.is_empty());
    let event: Option<Value> = last.and_then(|line| serde_json::from_slice(line).ok());
    Ok(event
        .filter(|event| event["event"] == "started")
        .and_then(|event| event["run"].as_str().map(str::to_owned)))
}

fn last_summary(folder: &Path, run: &str) -> Option<Value> {
    let text = fs::read(folder.join("summary.json")).ok()?;
    serde_json::from_slice(&text).ok().filter(|summary: &Value| summary["run"] == run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_764_000_000 + seconds)
    }

    fn open(folder: &Path, seconds: i64, mended: &[Mended]) -> (RunJournal, Option<Loss>) {
        FolderClaim::new(folder).unwrap().begin(at(seconds), "1", &["span0".to_owned()], mended).unwrap()
    }

    #[test]
    fn a_run_that_stopped_has_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, loss) = open(folder.path(), 0, &[]);
        assert_eq!(loss, None);
        journal.stop(&Vitals::default(), at(5)).unwrap();
        let (_, loss) = open(folder.path(), 9, &[]);
        assert_eq!(loss, None);
        let summary: Value =
            serde_json::from_slice(&fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
        assert_eq!(summary["stopped"], true);
        assert_eq!(summary["coverage"]["inspected_bytes"], 0, "the fields of a replay's summary");
    }

    #[test]
    fn a_run_that_died_is_told_with_what_was_in_flight() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path(), 0, &[]);
        let run = journal.run().to_owned();
        let mut vitals = Vitals::default();
        vitals.in_flight.flows = 7;
        vitals.in_flight.transfers = 2;
        journal.summary(&vitals, at(4)).unwrap();
        drop(journal);
        let mended = [Mended { path: "transfers.jsonl".into(), torn_bytes: 31 }];
        let (journal, loss) = open(folder.path(), 9, &mended);
        let loss = loss.unwrap();
        assert_eq!(loss.run, run);
        let sentence = loss.sentence();
        for part in ["7 flows", "2 transfers", "31 bytes", "2025-11-24T16:00:04"] {
            assert!(sentence.contains(part), "`{part}` is not in: {sentence}");
        }
        drop(journal);
        let events: Vec<String> = fs::read_to_string(folder.path().join("runs.jsonl"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(events, ["started", "lost", "started"]);
    }

    #[test]
    fn two_sensors_do_not_write_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (_first, _) = open(folder.path(), 0, &[]);
        let error = FolderClaim::new(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another egret"), "{error}");
    }
}
