//! Changed files while the sensor runs.
//!
//! Owns: noticing changes, reading everything again, and all or nothing: one fault, and what was in force stays so. Never does:
//! stopping anything. The pipeline changes over between objects.

use super::condition::Condition;
use super::flags::Overrides;
use super::loading;
use crate::cli::clock::now;
use crate::cli::settings::{Identity, Settings};
use crate::cli::settings_file;
use egret_detect::SignatureSet;
use egret_pipeline::live::LiveRun;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Quiet after a change before files are read again: editors and package managers write in several steps.
const QUIET: Duration = Duration::from_millis(500);

/// Settings that a reload puts in force; all others need a restart.
const RELOADED: [&str; 9] = [
    "context.feeds",
    "context.file",
    "identity.internal",
    "identity.users",
    "identity.directories",
    "identity.logs",
    "identity.proxies",
    "identity.shared",
    "inspect.signatures",
];

/// Watches the files and puts them in force.
pub(super) struct Reloader {
    overrides: Overrides,
    config: Option<PathBuf>,
    /// What the sensor was started with, but for what was reloaded since.
    settings: Settings,
    changed: Arc<Notify>,
    /// When a file changed last that was not read since.
    changed_at: Option<Instant>,
    /// Watches for as long as it lives.
    watcher: Option<RecommendedWatcher>,
}

/// Settings and all that they name, without a fault.
struct Fresh {
    settings: Settings,
    loaded: loading::Loaded,
}

impl Reloader {
    pub(super) fn new(overrides: Overrides, config: Option<PathBuf>, settings: Settings) -> Self {
        let mut reloader = Self {
            overrides,
            config,
            settings,
            changed: Arc::new(Notify::new()),
            changed_at: None,
            watcher: None,
        };
        reloader.watch();
        reloader
    }

    /// Waits until a file changes.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A file has changed: it is read once it is left alone.
    pub(super) fn note_change(&mut self) {
        self.changed_at = Some(Instant::now());
    }

    /// True once the files that have changed have been left alone for a moment.
    pub(super) fn is_due(&self) -> bool {
        self.changed_at.is_some_and(|at| at.elapsed() >= QUIET)
    }

    /// Reads everything again. Without a fault it is put in force; with one, what is in force stays, and the fault is told.
    /// Gives the signatures that are in force then, where they are other ones.
    pub(super) async fn reload(
        &mut self,
        run: &LiveRun,
        condition: &Mutex<Condition>,
    ) -> Option<Arc<SignatureSet>> {
        self.changed_at = None;
        let overrides = self.overrides.clone();
        let read = tokio::task::spawn_blocking(move || read(&overrides)).await;
        let faults = match read {
            Ok(Ok(fresh)) => {
                let signatures = Arc::clone(&fresh.loaded.signatures);
                self.put_in_force(fresh, run, condition);
                return Some(signatures);
            }
            Ok(Err(faults)) => faults,
            Err(error) => vec![format!("internal error while reading the files again: {error}")],
        };
        for fault in &faults {
            tracing::error!("{fault}");
        }
        tracing::error!(faults = faults.len(), "reload refused: what was in force stays in force");
        condition.lock().unwrap_or_else(PoisonError::into_inner).refused(faults);
        None
    }

    fn put_in_force(&mut self, fresh: Fresh, run: &LiveRun, condition: &Mutex<Condition>) {
        let Fresh { settings, loaded } = fresh;
        let restart_needed_for = self.differing(&settings);
        for key in &restart_needed_for {
            tracing::warn!(key, "this setting has changed and needs a restart");
        }
        let signatures = loaded.signatures.signatures().len();
        run.put_in_force(loaded.signatures);
        if !run.replace_people(settings.internal(), loaded.people) {
            tracing::error!("the run is over: the table of users was not put in force");
        }
        if !run.replace_context(loaded.context) {
            tracing::error!("the run is over: the context was not put in force");
        }
        tracing::info!(signatures, "reloaded");
        condition.lock().unwrap_or_else(PoisonError::into_inner).renewed(
            signatures,
            restart_needed_for,
            now(),
        );
        let moved = self.settings.sources() != settings.sources()
            || self.settings.context != settings.context
            || self.settings.inspect.signatures != settings.inspect.signatures;
        let hold_ms = self.settings.identity.hold_ms;
        self.settings.identity = Identity { hold_ms, ..settings.identity };
        self.settings.context = settings.context;
        self.settings.inspect.signatures = settings.inspect.signatures;
        if moved {
            self.watch();
        }
    }

    /// Keys of settings that differ from those in force and are not reloaded.
    fn differing(&self, fresh: &Settings) -> Vec<String> {
        let (old, new) = (settings_file::flatten(&self.settings), settings_file::flatten(fresh));
        old.into_iter()
            .filter(|(key, value)| !RELOADED.contains(&key.as_str()) && new.get(key) != Some(value))
            .map(|(key, _)| key)
            .collect()
    }

    /// Watches the files in force. Where the system can't, SIGHUP is left.
    fn watch(&mut self) {
        self.watcher = None;
        let sources = self.settings.sources();
        let files: Vec<PathBuf> = self
            .config
            .iter()
            .map(PathBuf::as_path)
            .chain(sources.files())
            .chain(self.settings.context())
            .chain(self.settings.context.feeds.iter().map(PathBuf::as_path))
            .filter_map(place_of)
            .collect();
        let folders: Vec<PathBuf> =
            self.settings.inspect.signatures.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        if files.is_empty() && folders.is_empty() {
            return;
        }
        match watcher(&files, &folders, Arc::clone(&self.changed)) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "files are not watched for changes; SIGHUP makes them be read again");
            }
        }
    }
}

pub(super) fn watcher(
    files: &[PathBuf],
    folders: &[PathBuf],
    changed: Arc<Notify>,
) -> notify::Result<RecommendedWatcher> {
    let (known_files, known_folders) = (files.to_vec(), folders.to_vec());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let matters = match event {
            // Our own reading is an access.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => event.paths.iter().any(|path| {
                known_files.contains(path) || known_folders.iter().any(|folder| path.starts_with(folder))
            }),
            // Events were lost: anything may have changed.
            Err(_) => true,
        };
        if matters {
            changed.notify_one();
        }
    })?;
    for folder in files.iter().filter_map(|file| file.parent()) {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    for folder in folders {
        watcher.watch(folder, RecursiveMode::Recursive)?;
    }
    Ok(watcher)
}

/// The file by its folder's full path, so that a new file of its name is known too.
pub(super) fn place_of(file: &Path) -> Option<PathBuf> {
    let full = std::path::absolute(file).ok()?;
    Some(full.parent()?.canonicalize().ok()?.join(full.file_name()?))
}

fn read(overrides: &Overrides) -> Result<Fresh, Vec<String>> {
    let (file, _) = overrides.load().map_err(|fault| vec![fault.one_line()])?;
    let settings = file.settings;
    settings.check().map_err(|fault| vec![fault.to_string()])?;
    let loaded = loading::load(&settings).map_err(|error| vec![format!("{error:#}")])?;
    if loaded.faults.is_empty() { Ok(Fresh { settings, loaded }) } else { Err(loaded.faults) }
}
