//! A sensor while it runs: signals, changed files, the summary, the service manager.
//!
//! Owns: when what happens, and the end. Never does: inspection.

use super::flags::Overrides;
use super::reload::Reloader;
use super::service;
use super::start::Sensor;
use super::upkeep::Upkeep;
use super::web::{self, Face, STUCK_NS};
use crate::cli::clock::now;
use crate::cli::settings::Settings;
use crate::cli::status;
use anyhow::{Context, Result};
use egret_detect::SignatureSet;
use egret_model::Vitals;
use egret_output::RunJournal;
use egret_pipeline::live::RunError;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::interval;

/// Between looks whether a thread has ended though nobody asked it to, and whether changed files are to be read.
const LOOK: Duration = Duration::from_millis(200);

/// SIGHUP, heard from now on.
pub(super) fn hangup(runtime: &Runtime) -> Result<Signal> {
    let _within = runtime.enter();
    Ok(signal(SignalKind::hangup())?)
}

/// Looks after the sensor until it is stopped or broken; gives the exit status.
pub(super) async fn watch(
    sensor: Sensor,
    mut hangup: Signal,
    settings: Settings,
    config: Option<PathBuf>,
    overrides: Overrides,
) -> Result<u8> {
    let Sensor { run, journal, listener, sandbox, condition, memory, mut keys, upkeep } = sensor;
    let mut store = Tended::new(upkeep);
    let condition = Arc::new(Mutex::new(condition));
    let mut signals = Signals::new()?;
    let mut summary = interval(Duration::from_secs(u64::from(settings.records.summary_seconds)));
    let mut look = interval(LOOK);
    let mut beat = interval(service::beat());
    let mut tend = interval(Duration::from_secs(u64::from(settings.export.every_seconds)));
    if let Some(listener) = listener {
        let face = Face {
            view: run.view(),
            condition: Arc::clone(&condition),
            sandbox,
            run: journal.run().to_owned(),
            began: run.began(),
            memory,
        };
        tokio::spawn(web::serve(listener, Arc::new(face)));
    }
    let mut reloader = Reloader::new(overrides, config, settings);
    service::ready();
    loop {
        tokio::select! {
            name = signals.stop() => {
                tracing::info!(signal = name, "stopping: what has been captured is still inspected and recorded");
                break;
            }
            _ = hangup.recv() => {
                tracing::info!("SIGHUP: reading all files again");
                service::reloading();
                keys.read_again(&run);
                store.signatures(reloader.reload(&run, &condition).await).await;
                service::ready();
            }
            () = reloader.changed() => reloader.note_change(),
            () = keys.changed() => keys.read_on(&run),
            _ = summary.tick() => {
                if let Err(error) = journal.summary(&run.vitals(), now()) {
                    tracing::error!("{error}");
                }
            }
            _ = look.tick() => {
                if run.is_broken() {
                    tracing::error!("a thread has ended though nobody asked it to: stopping");
                    break;
                }
                // Of files on other machines, no change is told.
                keys.read_on(&run);
                if reloader.is_due() {
                    tracing::info!("a file has changed: reading all files again");
                    store.signatures(reloader.reload(&run, &condition).await).await;
                }
            }
            _ = tend.tick() => store.step(run.vitals()).await,
            _ = beat.tick() => {
                let vitals = run.vitals();
                if vitals.last_beat.is_some_and(|beat| now().since(beat) <= STUCK_NS) {
                    service::alive(&vitals);
                }
            }
        }
    }
    service::stopping();
    run.stop();
    let ended = tokio::task::spawn_blocking(move || run.join());
    tokio::select! {
        name = signals.stop() => {
            tracing::error!(signal = name, "ended at once: what was in flight is lost");
            Ok(status::PARTIAL)
        }
        ended = ended => {
            let ended = ended.context("internal error at the end of the run")?;
            if let Ok(vitals) = &ended {
                store.end(vitals.clone()).await;
            }
            finish(ended, journal)
        }
    }
}

/// The upkeep of the store, on threads where it may wait; a step that takes long leaves out the next ones.
struct Tended {
    idle: Option<Upkeep>,
    busy: Option<JoinHandle<Upkeep>>,
}

impl Tended {
    const fn new(upkeep: Option<Upkeep>) -> Self {
        Self { idle: upkeep, busy: None }
    }

    /// Begins a step, unless one is under way.
    async fn step(&mut self, vitals: Vitals) {
        if self.busy.as_ref().is_none_or(JoinHandle::is_finished) {
            self.wait().await;
            self.begin(move |upkeep| upkeep.step(&vitals));
        }
    }

    async fn signatures(&mut self, renewed: Option<Arc<SignatureSet>>) {
        if let Some(signatures) = renewed {
            self.wait().await;
            self.begin(move |upkeep| upkeep.signatures(&signatures));
        }
    }

    async fn end(&mut self, vitals: Vitals) {
        self.wait().await;
        self.begin(move |upkeep| upkeep.end(&vitals));
        self.wait().await;
    }

    fn begin(&mut self, work: impl FnOnce(&mut Upkeep) + Send + 'static) {
        if let Some(mut upkeep) = self.idle.take() {
            self.busy = Some(tokio::task::spawn_blocking(move || {
                work(&mut upkeep);
                upkeep
            }));
        }
    }

    async fn wait(&mut self) {
        if let Some(busy) = self.busy.take() {
            match busy.await {
                Ok(upkeep) => self.idle = Some(upkeep),
                Err(error) => {
                    tracing::error!(%error, "internal error: the store is not looked after any more");
                }
            }
        }
    }
}

/// Records how the run ended.
fn finish(ended: Result<Vitals, RunError>, journal: RunJournal) -> Result<u8> {
    let vitals = match ended {
        Ok(vitals) => vitals,
        Err(error) => {
            tracing::error!("{error}");
            return Ok(status::PARTIAL);
        }
    };
    let account = vitals.packet_account;
    tracing::info!(
        received = account.received,
        processed = account.processed,
        dropped_by_kernel = account.dropped_by_kernel,
        shed = account.shed.total(),
        transfers = vitals.summary.transfers,
        findings = vitals.summary.findings,
        incidents = vitals.summary.incidents,
        "stopped"
    );
    if !account.balances() {
        tracing::error!(?account, "packets are not accounted for");
    }
    journal.stop(&vitals, now())?;
    Ok(status::DONE)
}

/// The signals that end a sensor.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next signal that asks for the end.
    async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
