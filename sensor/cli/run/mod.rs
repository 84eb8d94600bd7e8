//! `egret run`: watches interfaces until it is stopped.
//!
//! Owns: the arguments, the order in which a sensor starts and stops, signals. Never does: inspection; threads that inspect.

mod logging;
mod records;

use super::settings::{BackendName, LogFormat, LogLevel, Settings};
use super::{plan, replay, status};
use anyhow::{Context, Result};
use clap::Args;
use egret_capture::live::{self, Live};
use egret_detect::SignatureSet;
use egret_model::Timestamp;
use egret_output::{FolderClaim, RotatingFolder, RunJournal};
use egret_pipeline::live::{LiveConfig, LiveRun};
use records::Records;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{Signal, SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  egret run --interface span0 --output /var/lib/egret/records
  egret run -i eth1 -i eth2 --internal 10.0.0.0/8 --users people.csv --signatures our-signatures/
  egret run -i span0 --filter 'not port 22' --workers 4 --log-format json

Records are JSON lines, as of `egret replay`; a line of incidents.jsonl takes the place of an earlier one with the same id. Files are
rotated by size and age, runs.jsonl tells when the sensor started and stopped, and summary.json is rewritten all the time.

SIGTERM or SIGINT ends it: what has been captured is still inspected and recorded. A second one ends it at once.

Exit status: 0 stopped; 1 a defect or an interface that failed for good, or ended by a second signal; 2 wrong usage or configuration.";

/// Watch network interfaces: who sends which sensitive data where, as it happens.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// An interface to watch; may be given several times. One that does not exist yet is waited for.
    #[arg(short, long, value_name = "NAME")]
    interface: Vec<String>,

    /// Write the records into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// An internal network; may be given several times. Default: the private, shared and unique-local ranges.
    #[arg(long, value_name = "CIDR")]
    internal: Vec<ipnet::IpNet>,

    /// Who has which address: a CSV with the columns ip, user and optionally host, mac, from, to.
    #[arg(short, long, value_name = "CSV")]
    users: Option<PathBuf>,

    /// A directory of your own signatures, in addition to the shipped ones; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,

    /// Threads that inspect. Default: one for each processor.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// How packets are taken from the kernel.
    #[arg(long, value_name = "NAME")]
    backend: Option<BackendName>,

    /// Capture only what this filter lets through, in the language of tcpdump.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,

    /// How lines of the log look.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// From which level on lines are logged.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<LogLevel>,
}

/// The wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a running sensor is an edge: its records and files are told by the clock"
)]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

impl Run {
    pub(crate) fn run(&self) -> Result<u8> {
        let settings = self.settings();
        settings.check()?;
        logging::start(&settings.log);
        let sensor = Sensor::start(&settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(sensor.watch(&settings));
        // Whoever has ended it at once waits for nothing.
        runtime.shutdown_background();
        outcome
    }

    /// The settings with what flags override.
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        let Self {
            interface,
            output,
            internal,
            users,
            signatures,
            workers,
            backend,
            filter,
            log_format,
            log_level,
        } = self;
        replace_unless_empty(&mut settings.capture.interfaces, interface);
        replace_unless_empty(&mut settings.identity.internal, internal);
        replace_unless_empty(&mut settings.inspect.signatures, signatures);
        replace(&mut settings.records.folder, output.as_ref());
        replace(&mut settings.identity.users, users.as_ref());
        replace(&mut settings.inspect.workers, workers.map(usize::from).as_ref());
        replace(&mut settings.capture.backend, backend.as_ref());
        replace(&mut settings.capture.filter, filter.as_ref());
        replace(&mut settings.log.format, log_format.as_ref());
        replace(&mut settings.log.level, log_level.as_ref());
        settings
    }
}

fn replace<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(flag) = flag {
        setting.clone_from(flag);
    }
}

fn replace_unless_empty<T: Clone>(setting: &mut Vec<T>, flag: &[T]) {
    if !flag.is_empty() {
        *setting = flag.to_vec();
    }
}

/// A sensor at work.
struct Sensor {
    run: LiveRun,
    journal: RunJournal,
}

impl Sensor {
    /// Starts everything, in the order in which privileges are needed.
    fn start(settings: &Settings) -> Result<Self> {
        let signatures = load_signatures(settings);
        let plan = plan::read_or_empty(settings.users(), &mut |warning| tracing::warn!("{warning}"))?;
        let options = settings.live_options();
        let wanted = match settings.inspect.workers {
            0 => replay::processors(),
            workers => workers,
        };
        let Live { sources, backend } =
            live::open(&options, if settings.capture.dispatcher { 1 } else { wanted })?;
        for warning in options.interfaces.iter().flat_map(|interface| live::offload_warnings(interface)) {
            tracing::warn!("{warning}");
        }
        let claim = FolderClaim::new(&settings.records.folder)?;
        let (folder, mended) = RotatingFolder::open(&settings.records.folder, settings.rotation(), now())?;
        let (journal, loss) = claim.begin(now(), env!("CARGO_PKG_VERSION"), &options.interfaces, &mended)?;
        if let Some(loss) = loss {
            tracing::warn!("{}", loss.sentence());
        }
        let config = LiveConfig {
            limits: settings.limits(),
            internal: settings.internal(),
            plan,
            signatures,
            interfaces: options.interfaces,
            workers: wanted,
            overload: settings.overload(),
        };
        tracing::info!(
            run = journal.run(), %backend, sources = sources.len(), interfaces = ?config.interfaces,
            signatures = config.signatures.signatures().len(), records = %settings.records.folder.display(), "started"
        );
        let run = LiveRun::start(sources, &config, Box::new(Records::new(folder)))?;
        Ok(Self { run, journal })
    }

    /// Looks after the sensor until it is stopped or broken.
    async fn watch(self, settings: &Settings) -> Result<u8> {
        let Self { run, journal } = self;
        let mut stop = Signals::new()?;
        let mut summary =
            tokio::time::interval(Duration::from_secs(u64::from(settings.records.summary_seconds)));
        let mut beat = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                name = stop.next() => {
                    tracing::info!(signal = name, "stopping: what has been captured is still inspected and recorded");
                    break;
                }
                _ = summary.tick() => {
                    if let Err(error) = journal.summary(&run.vitals(), now()) {
                        tracing::error!("{error}");
                    }
                }
                _ = beat.tick() => {
                    if run.is_broken() {
                        tracing::error!("a thread has ended though nobody asked it to: stopping");
                        break;
                    }
                }
            }
        }
        run.stop();
        let ended = tokio::task::spawn_blocking(move || run.join());
        tokio::select! {
            name = stop.next() => {
                tracing::error!(signal = name, "ended at once: what was in flight is lost");
                Ok(status::PARTIAL)
            }
            ended = ended => finish(ended.context("the end of the run")?, journal),
        }
    }
}

/// Records how the run ended.
fn finish(
    ended: std::result::Result<egret_model::Vitals, egret_pipeline::live::RunError>,
    journal: RunJournal,
) -> Result<u8> {
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

/// The shipped signatures and those of the settings; what is wrong with a file goes to the log.
fn load_signatures(settings: &Settings) -> Arc<SignatureSet> {
    let (set, problems) = SignatureSet::load(&settings.inspect.signatures);
    for problem in &problems {
        tracing::error!("{}", problem.one_line());
    }
    Arc::new(set)
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

    /// The name of the next signal.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
