//! The log of TLS secrets, read on while others write it.
//!
//! Owns: how far it has been read, and noticing that it has grown. Never does: telling a secret; opening anything with one.

use super::reload::{place_of, watcher};
use crate::cli::settings::Settings;
use egret_pipeline::KeyLog;
use egret_pipeline::live::LiveRun;
use notify::RecommendedWatcher;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// Bytes read at once: a small part of what is kept in mind.
const PORTION_BYTES: u64 = 1 << 20;

/// The secrets of a sensor, where it is given a file of them.
pub(super) struct Keys {
    file: Option<KeyFile>,
    changed: Arc<Notify>,
    /// Watches for as long as it lives.
    _watcher: Option<RecommendedWatcher>,
}

impl Keys {
    /// The secrets that are there at the start; None: no file is named.
    pub(super) fn start(settings: &Settings) -> (Self, Option<KeyLog>) {
        let changed = Arc::new(Notify::new());
        let Some(path) = settings.keylog() else {
            return (Self { file: None, changed, _watcher: None }, None);
        };
        // Watched first, so that nothing is missed between.
        let places: Vec<PathBuf> = place_of(path).into_iter().collect();
        let watching = watcher(&places, &[], Arc::clone(&changed)).ok();
        let mut file = KeyFile::new(path.to_owned(), settings.limits.protocol.tls_secrets);
        let keys = file.read_on().unwrap_or_default();
        tracing::info!(file = %path.display(), secrets = keys.len(), "TLS is opened where its secrets are told");
        (Self { file: Some(file), changed, _watcher: watching }, Some(keys))
    }

    /// Waits until the file changes.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Puts in force what has been added to the file. Costs a look at its length where nothing has.
    pub(super) fn read_on(&mut self, run: &LiveRun) {
        if let Some(keys) = self.file.as_mut().and_then(KeyFile::read_on) {
            run.use_keys(keys);
        }
    }

    /// Reads the file from its beginning.
    pub(super) fn read_again(&mut self, run: &LiveRun) {
        if let Some(file) = &mut self.file {
            file.read = None;
        }
        self.read_on(run);
    }
}

/// A file that others append to, replace or empty.
struct KeyFile {
    path: PathBuf,
    keys: KeyLog,
    /// Secrets kept.
    most: usize,
    /// Which file was read (device and inode), and how far.
    read: Option<((u64, u64), u64)>,
    /// What was told to be wrong with it.
    fault: Option<String>,
}

impl KeyFile {
    fn new(path: PathBuf, most: usize) -> Self {
        Self { path, keys: KeyLog::default(), most, read: None, fault: None }
    }

    /// All secrets, if there are new ones.
    fn read_on(&mut self) -> Option<KeyLog> {
        let outcome = self.take_up();
        let fault = outcome.as_ref().err().map(ToString::to_string);
        if fault != self.fault {
            let path = self.path.display();
            match &fault {
                Some(fault) => {
                    tracing::warn!(
                        "{path}: the log of TLS secrets cannot be read now: {fault}; it is tried again"
                    );
                }
                None => tracing::info!("{path}: the log of TLS secrets can be read"),
            }
            self.fault = fault;
        }
        (outcome.unwrap_or_default() > 0).then(|| self.keys.clone())
    }

    /// Reads the lines that have been added; returns how many secrets they hold. A line is read once its end is there.
    fn take_up(&mut self) -> io::Result<usize> {
        let facts = std::fs::metadata(&self.path)?;
        let identity = (facts.dev(), facts.ino());
        let from = match self.read {
            Some((known, offset)) if known == identity && offset <= facts.len() => offset,
            _ => 0,
        };
        if self.read == Some((identity, facts.len())) {
            return Ok(0);
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(from))?;
        let (mut offset, mut text, mut secrets) = (from, Vec::new(), 0);
        loop {
            let more = (&mut file).take(PORTION_BYTES).read_to_end(&mut text)?;
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            secrets += self.keys.add_latest(text.get(..whole).unwrap_or_default(), self.most);
            // Of what is no line at all, nothing is kept.
            let passed = if whole == 0 && text.len() as u64 >= PORTION_BYTES { text.len() } else { whole };
            text.drain(..passed);
            offset += passed as u64;
            if more == 0 || (more as u64) < PORTION_BYTES {
                break;
            }
        }
        self.read = Some((identity, offset));
        Ok(secrets)
    }
}

/// Secrets in a file, for whoever checks a configuration; None where it does not exist yet.
pub(crate) fn count(path: &Path) -> io::Result<Option<usize>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(KeyLog::default().add(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    #[test]
    fn a_file_is_read_on_as_it_grows_and_anew_when_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.log");
        let line = |number: u32| format!("CLIENT_RANDOM {number:064x} {}\n", "ab".repeat(48));
        let append = |text: &str| {
            let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        let mut file = KeyFile::new(path.clone(), 1000);
        let mut held = || file.read_on().map(|keys| keys.len());
        assert_eq!(held(), None, "it does not exist yet");
        append(&line(1));
        assert_eq!(held(), Some(1));
        assert_eq!(held(), None, "nothing has been added");
        let (half, rest) = (line(2)[..40].to_owned(), line(2)[40..].to_owned());
        append(&half);
        assert_eq!(held(), None, "half a line is none");
        append(&format!("{rest}# a comment\n{}", line(3)));
        assert_eq!(held(), Some(3));
        // Emptied and written again, as by a new session; then replaced by another file.
        fs::write(&path, line(4)).unwrap();
        assert_eq!(held(), Some(4));
        let fresh = folder.path().join("fresh");
        fs::write(&fresh, format!("{}{}{}", line(5), line(6), line(7))).unwrap();
        fs::rename(&fresh, &path).unwrap();
        assert_eq!(held(), Some(7));
        assert_eq!(count(&path).unwrap(), Some(3));
        assert_eq!(count(&folder.path().join("none")).unwrap(), None);
        assert!(count(folder.path()).is_err());
    }
}
