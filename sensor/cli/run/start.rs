//! The start of a sensor, in the order in which privileges are needed.
//!
//! Owns: that order: sockets, then the sandbox, then files, then threads. Never does: looking after the sensor once it runs.

use super::condition::Condition;
use super::keys::Keys;
use super::loading;
use super::records::{self, Records, StoreKeeper};
use super::upkeep::{Upkeep, Ways};
use crate::cli::clock::now;
use crate::cli::replay;
use crate::cli::settings::Settings;
use crate::cli::store;
use anyhow::{Result, bail};
use egret_capture::live::{self, Live};
use egret_output::{FolderClaim, RotatingFolder, RunJournal};
use egret_pipeline::live::{Aside, LiveConfig, LiveRun};
use egret_sandbox::{Sandbox, SandboxOptions, State};
use egret_store::{Fill, Store};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The version of the program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A sensor at work.
pub(super) struct Sensor {
    pub(super) run: LiveRun,
    pub(super) journal: RunJournal,
    pub(super) listener: Option<TcpListener>,
    pub(super) sandbox: Sandbox,
    pub(super) condition: Condition,
    /// Where the system tells of the process's memory; opened before the sandbox hides it.
    pub(super) memory: Option<File>,
    /// Secrets of TLS connections, where they are told.
    pub(super) keys: Keys,
    /// Of the store, where there is one.
    pub(super) upkeep: Option<Upkeep>,
}

/// Starts everything. `config` is the configuration file, where there is one.
pub(super) fn start(settings: &Settings, config: Option<&Path>) -> Result<Sensor> {
    let loaded = loading::load(settings)?;
    for fault in &loaded.faults {
        tracing::error!("{fault}");
    }
    let options = settings.live_options();
    let workers = match settings.inspect.workers {
        0 => replay::processors(),
        workers => workers,
    };
    let Live { sources, backend } =
        live::open(&options, if settings.capture.dispatcher { 1 } else { workers })?;
    for warning in options.interfaces.iter().flat_map(|interface| live::offload_warnings(interface)) {
        tracing::warn!("{warning}");
    }
    let listener = listen(settings);
    let memory = File::open("/proc/self/statm").ok();
    let ways = Ways::prepare(settings);
    let sandbox = confine(settings, config, &ways)?;
    let claim = FolderClaim::new(&settings.records.folder)?;
    let (folder, mended) = RotatingFolder::open(&settings.records.folder, settings.rotation(), now())?;
    let (journal, loss) = claim.begin(now(), VERSION, &options.interfaces, &mended)?;
    if let Some(loss) = loss {
        tracing::warn!("{}", loss.sentence());
    }
    let condition = Condition::new(&loaded, now());
    let (keys, secrets) = Keys::start(settings);
    let live_config = LiveConfig {
        limits: settings.limits(),
        internal: settings.internal(),
        people: loaded.people,
        signatures: loaded.signatures,
        context: loaded.context,
        keys: secrets,
        habits: records::kept_habits(&settings.records.folder),
        interfaces: options.interfaces,
        workers,
        overload: settings.overload(),
    };
    let (aside, upkeep) = match settings.store() {
        Some(path) => {
            open_store(path, &journal, settings, &live_config, ways).map(|(a, b)| (Some(a), Some(b)))?
        }
        None => (None, None),
    };
    let count = sources.len();
    let run = LiveRun::start(
        sources,
        &live_config,
        Box::new(Records::new(folder, &settings.records.folder, aside)),
    )?;
    tracing::info!(
        run = journal.run(), %backend, sources = count, interfaces = ?live_config.interfaces,
        signatures = live_config.signatures.signatures().len(), records = %settings.records.folder.display(), "started"
    );
    Ok(Sensor { run, journal, listener, sandbox, condition, memory, keys, upkeep })
}

/// The way into the store, and what looks after it.
fn open_store(
    path: &Path,
    journal: &RunJournal,
    settings: &Settings,
    config: &LiveConfig,
    ways: Ways,
) -> Result<(Aside, Upkeep)> {
    let manifest = store::live_manifest(
        journal.run(),
        &config.interfaces,
        &store::Configured {
            signatures: &config.signatures,
            internal: &settings.identity.internal,
            people: &settings.sources(),
            limits: &settings.limits(),
            context: settings.context(),
            feeds: &settings.context.feeds,
            // A log that grows all the time tells nothing by what it was at the start.
            keylog: None,
        },
    )?;
    let fill = Fill::begin(Store::create(path)?, &manifest, now())?;
    let upkeep = Upkeep::new(Store::open(path)?, fill.id().to_owned(), settings, ways);
    Ok((Aside::start("store", StoreKeeper(fill))?, upkeep))
}

/// Metrics and health that nobody can ask for are no reason not to watch.
fn listen(settings: &Settings) -> Option<TcpListener> {
    if !settings.http.enabled {
        return None;
    }
    let address = settings.http.listen;
    match TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener)) {
        Ok(listener) => {
            tracing::info!(%address, "metrics at /metrics, health at /healthz");
            Some(listener)
        }
        Err(error) => {
            tracing::error!(%address, %error, "metrics and health are not served; choose another address with --listen");
            None
        }
    }
}

/// Gives up what is not needed any more, and says what is in force.
fn confine(settings: &Settings, config: Option<&Path>, ways: &Ways) -> Result<Sandbox> {
    let wanted = &settings.sandbox;
    if !wanted.enabled {
        tracing::warn!(
            "the sandbox is switched off: whoever takes over a parser has all that this process has"
        );
        return Ok(egret_sandbox::not_entered());
    }
    let named = |name: &String| (!name.is_empty()).then(|| name.clone());
    let sources = settings.sources();
    let readable: Vec<PathBuf> = settings
        .inspect
        .signatures
        .iter()
        .map(PathBuf::as_path)
        .chain(sources.files())
        .chain(settings.context())
        .chain(settings.keylog())
        .chain(settings.context.feeds.iter().map(PathBuf::as_path))
        .chain(config)
        .map(Path::to_owned)
        .collect();
    let sandbox = egret_sandbox::enter(&SandboxOptions {
        user: named(&wanted.user),
        group: named(&wanted.group),
        readable,
        writable: writable(settings, ways),
        listen_ports: Vec::new(),
        connect_ports: ways.ports(),
    })?;
    for fence in &sandbox.fences {
        match fence.state {
            State::InForce => tracing::info!("sandbox: {fence}"),
            State::Partial(_) | State::Absent(_) => tracing::warn!("sandbox: {fence}"),
        }
    }
    for warning in &sandbox.warnings {
        tracing::warn!("sandbox: {warning}");
    }
    if wanted.required && !sandbox.is_complete() {
        let missing: Vec<String> = sandbox.missing().map(ToString::to_string).collect();
        bail!("the sandbox is required and does not stand in full: {}", missing.join("; "));
    }
    Ok(sandbox)
}

/// The folders of records, of the store and of what is exported into files.
fn writable(settings: &Settings, ways: &Ways) -> Vec<PathBuf> {
    let store = settings.store().and_then(Path::parent).map(store::this_folder);
    [settings.records.folder.clone()].into_iter().chain(store).chain(ways.folders()).collect()
}
