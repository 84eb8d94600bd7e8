//! `egret run`: watches interfaces until it is stopped.
//!
//! Owns: the arguments, the order in which a sensor starts and stops, signals. Never does: inspection; threads that inspect.

mod condition;
mod flags;
mod keys;
mod loading;
mod logging;
mod records;
mod reload;
mod service;
mod start;
mod upkeep;
mod watch;
mod web;

pub(crate) use flags::Overrides;
pub(crate) use keys::count as secrets_in;

use anyhow::{Result, bail};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  egret run --config /etc/egret/sensor.toml
  egret run --interface span0 --output /var/lib/egret/records
  egret run -i eth1 -i eth2 --internal 10.0.0.0/8 --users people.csv --signatures our-signatures/
  egret run -i span0 --keylog /run/user/1000/sslkeys.log     # with SSLKEYLOGFILE set to it where the browser runs
  egret run -i span0 --filter 'not port 22' --workers 4 --log-format json

Records are JSON lines, as of `egret replay`; a line of incidents.jsonl takes the place of an earlier one with the same id. Files are
rotated by size and age, runs.jsonl tells when the sensor started and stopped and what a crash has lost, and summary.json is rewritten
every few seconds. http://127.0.0.1:9464/metrics is for Prometheus, /healthz says what is in force and what is wrong.

SIGTERM or SIGINT ends it: what has been captured is still inspected and recorded. A second one ends it at once. SIGHUP, or a change of a
file, puts signatures, users and internal networks in force anew without losing a packet; if one has a fault, the old ones stay.

Exit status: 0 stopped; 1 a defect or an interface that failed for good, or ended by a second signal; 2 wrong usage or configuration.";

/// Watch network interfaces: who sends which sensitive data where, as it happens.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    #[command(flatten)]
    overrides: Overrides,
}

impl Run {
    pub(crate) fn run(&self) -> Result<u8> {
        let (loaded, _) = self.overrides.load()?;
        let settings = loaded.settings;
        if let Err(fault) = settings.check() {
            bail!("{fault}");
        }
        logging::start(&settings.log);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Whoever asks for new files while the sensor still starts is heard afterwards, and does not end it.
        let hangup = watch::hangup(&runtime)?;
        let sensor = start::start(&settings, loaded.file.as_deref())?;
        let watching = watch::watch(sensor, hangup, settings, loaded.file, self.overrides.clone());
        let outcome = runtime.block_on(watching);
        // Whoever has ended it at once waits for nothing.
        runtime.shutdown_background();
        outcome
    }
}
