//! The native records of a live run: files of JSON lines that are rotated by size and age.
//!
//! Owns: whole lines only, whatever happens: a line reaches its file at once, and what a crash has torn is cut off at the next start.
//! Never does: reading a clock; keeping records that the disk has refused for ever.

use crate::native::OutputError;
use egret_model::{FindingRecord, Incident, SightingRecord, Timestamp, TransferRecord};
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use thiserror::Error;

/// Lines that wait for a disk that refuses them, bytes of each file; beyond it records are lost, which is counted.
const PENDING_BYTES: usize = 16 << 20;
/// Nanoseconds between looks whether the file is still there (1 s).
const LOOK_NS: i64 = 1_000_000_000;
/// Bytes read at once while looking for the end of the last whole line.
const BLOCK: u64 = 1 << 16;

/// When a file is closed and another begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Size beyond which no line is added to a file that holds one, bytes; 0: never by size. Default 256 MiB.
    pub bytes: u64,
    /// Age at which a file is closed, nanoseconds; 0: never by age. Default 24 h.
    pub age_ns: i64,
    /// Closed files kept of each kind; the oldest are deleted. 0, the default: all.
    pub keep: usize,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 256 << 20, age_ns: 86_400_000_000_000, keep: 0 }
    }
}

/// A torn last line that was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// The file.
    pub path: PathBuf,
    /// Bytes of the torn line.
    pub torn_bytes: u64,
}

/// A record that could not be kept for a disk that refuses to be written.
#[derive(Debug, Error)]
#[error("{}: the record is lost, since earlier ones still wait to be written", .path.display())]
pub struct RecordLost {
    /// Its file.
    pub path: PathBuf,
}

/// A folder of records that are written while the sensor runs.
#[derive(Debug)]
pub struct RotatingFolder {
    transfers: RotatingLines,
    findings: RotatingLines,
    sightings: RotatingLines,
    incidents: RotatingLines,
}

impl RotatingFolder {
    /// Opens the folder, creating it where it is missing, and goes on behind the records that are in it. Torn last lines are cut off.
    pub fn open(
        folder: &Path,
        rotation: Rotation,
        now: Timestamp,
    ) -> Result<(Self, Vec<Mended>), OutputError> {
        fs::create_dir_all(folder).map_err(|reason| OutputError { path: folder.to_owned(), reason })?;
        let mut mended = Vec::new();
        let mut open = |kind: &'static str| {
            let (lines, torn) = RotatingLines::open(folder, kind, rotation, now)?;
            mended.extend(torn);
            Ok(lines)
        };
        let folder = Self {
            transfers: open("transfers")?,
            findings: open("findings")?,
            sightings: open("sightings")?,
            incidents: open("incidents")?,
        };
        Ok((folder, mended))
    }

    /// Takes a transfer.
    pub fn transfer(&mut self, record: &TransferRecord) -> Result<(), RecordLost> {
        self.transfers.add(record)
    }

    /// Takes a finding.
    pub fn finding(&mut self, record: &FindingRecord) -> Result<(), RecordLost> {
        self.findings.add(record)
    }

    /// Takes a piece of identity evidence.
    pub fn sighting(&mut self, record: &SightingRecord) -> Result<(), RecordLost> {
        self.sightings.add(record)
    }

    /// Takes an incident as it stands. A later line with the same id takes its place.
    pub fn incident(&mut self, record: &Incident) -> Result<(), RecordLost> {
        self.incidents.add(record)
    }

    /// Writes every line taken so far, and rotates what is due at `now`. What a file refuses is kept and tried again at the
    /// next call.
    pub fn flush(&mut self, now: Timestamp) -> Result<(), OutputError> {
        let mut outcome = Ok(());
        // Findings before transfers: who sees a transfer finds what it names.
        for lines in [&mut self.sightings, &mut self.findings, &mut self.transfers, &mut self.incidents] {
            outcome = outcome.and(lines.flush(now));
        }
        outcome
    }
}

/// One kind of records: the file that grows, and the closed ones beside it.
#[derive(Debug)]
struct RotatingLines {
    kind: &'static str,
    path: PathBuf,
    rotation: Rotation,
    file: File,
    /// Bytes of whole lines in the file.
    size: u64,
    /// When its first line was written; None while it is empty.
    since: Option<Timestamp>,
    pending: Vec<u8>,
    looked: Timestamp,
}

impl RotatingLines {
    fn open(
        folder: &Path,
        kind: &'static str,
        rotation: Rotation,
        now: Timestamp,
    ) -> Result<(Self, Option<Mended>), OutputError> {
        let path = folder.join(format!("{kind}.jsonl"));
        let begun = begun_at(&path);
        let (file, size, mended) =
            open_whole(&path).map_err(|reason| OutputError { path: path.clone(), reason })?;
        let since = (size > 0).then_some(begun.unwrap_or(now).min(now));
        Ok((Self { kind, path, rotation, file, size, since, pending: Vec::new(), looked: now }, mended))
    }

    fn add(&mut self, record: &impl Serialize) -> Result<(), RecordLost> {
        let before = self.pending.len();
        if before > PENDING_BYTES || serde_json::to_writer(&mut self.pending, record).is_err() {
            self.pending.truncate(before);
            return Err(RecordLost { path: self.path.clone() });
        }
        self.pending.push(b'\n');
        Ok(())
    }

    fn flush(&mut self, now: Timestamp) -> Result<(), OutputError> {
        self.write(now).map_err(|reason| OutputError { path: self.path.clone(), reason })
    }

    fn write(&mut self, now: Timestamp) -> io::Result<()> {
        if now.since(self.looked) >= LOOK_NS {
            self.looked = now;
            if !self.path.exists() {
                // Someone else has moved it away, as log rotation does.
                self.reopen()?;
            }
        }
        if self.is_aged(now) {
            self.rotate(now)?;
        }
        let mut lines = std::mem::take(&mut self.pending);
        let mut written = 0;
        let outcome = loop {
            let rest = lines.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            let fits = self.lines_that_fit(rest);
            if fits == 0 {
                match self.rotate(now) {
                    Ok(()) => continue,
                    Err(error) => break Err(error),
                }
            }
            match self.file.write_all(rest.get(..fits).unwrap_or_default()) {
                Ok(()) => {
                    written += fits;
                    self.size += fits as u64;
                    self.since = self.since.or(Some(now));
                }
                Err(error) => {
                    // Part of a line may have reached the file: it is whole again without it, and the lines are tried again.
                    let _ = self.file.set_len(self.size);
                    break Err(error);
                }
            }
        };
        lines.drain(..written);
        self.pending = lines;
        outcome
    }

    /// Bytes of the whole lines at the front of `lines` that the file may still take; at least one line when it is empty.
    fn lines_that_fit(&self, lines: &[u8]) -> usize {
        let room = match self.rotation.bytes {
            0 => return lines.len(),
            bytes => usize::try_from(bytes.saturating_sub(self.size)).unwrap_or(usize::MAX),
        };
        if lines.len() <= room {
            return lines.len();
        }
        let head = lines.get(..room).unwrap_or_default();
        match head.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.size == 0 => {
                lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1)
            }
            None => 0,
        }
    }

    fn is_aged(&self, now: Timestamp) -> bool {
        self.rotation.age_ns > 0 && self.since.is_some_and(|since| now.since(since) >= self.rotation.age_ns)
    }

    /// Closes the file under a name that tells when, and begins another.
    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        self.file.sync_data()?;
        fs::rename(&self.path, self.closed_path(now))?;
        self.reopen()?;
        self.discard_old()
    }

    /// `transfers-20261126T152000Z-0000.jsonl`: closed files stand before the growing one, in order of time.
    fn closed_path(&self, now: Timestamp) -> PathBuf {
        let stamp: String =
            now.to_the_second().replace(' ', "T").chars().filter(|c| !matches!(c, '-' | ':')).collect();
        (0_u32..)
            .map(|number| format!("{}-{stamp}Z-{number:04}.jsonl", self.kind))
            .map(|name| self.path.with_file_name(name))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.path.with_extension("closed"))
    }

    fn reopen(&mut self) -> io::Result<()> {
        let (file, size, _) = open_whole(&self.path)?;
        (self.file, self.size, self.since) = (file, size, None);
        Ok(())
    }

    fn discard_old(&self) -> io::Result<()> {
        let (Some(folder), true) = (self.path.parent(), self.rotation.keep > 0) else { return Ok(()) };
        let mut closed: Vec<PathBuf> = fs::read_dir(folder)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| self.is_closed_file(path))
            .collect();
        closed.sort();
        let surplus = closed.len().saturating_sub(self.rotation.keep);
        closed.iter().take(surplus).try_for_each(fs::remove_file)
    }

    fn is_closed_file(&self, path: &Path) -> bool {
        path.file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix(self.kind)?.strip_prefix('-')?.strip_suffix(".jsonl"))
            .is_some_and(|stamp| stamp.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// When a file was created, or where that is not known last written.
fn begun_at(path: &Path) -> Option<Timestamp> {
    let metadata = fs::metadata(path).ok()?;
    let time = metadata.created().or_else(|_| metadata.modified()).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok().map(Timestamp::from_nanos)
}

/// Opens a file of lines for appending; a torn last line is cut off. Gives its size too.
pub(crate) fn open_whole(path: &Path) -> io::Result<(File, u64, Option<Mended>)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    let whole = end_of_last_line(&mut file, length)?;
    if whole == length {
        return Ok((file, length, None));
    }
    file.set_len(whole)?;
    Ok((file, whole, Some(Mended { path: path.to_owned(), torn_bytes: length - whole })))
}

fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(place) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
#[path = "rotating_tests.rs"]
mod tests;
