//! The settings that flags override.
//!
//! Owns: the flags and which key each stands for. Never does: reading the file.

use crate::cli::settings::{BackendName, LogFormat, LogLevel, Settings};
use crate::cli::settings_file::{self, FileFault, Loaded};
use clap::Args;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Flags that override the configuration file.
#[derive(Clone, Debug, Args)]
pub(crate) struct Overrides {
    /// The configuration file. Default: /etc/egret/sensor.toml, where there is one.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// An interface to watch; may be given several times. One that does not exist yet is waited for.
    #[arg(short, long, value_name = "NAME")]
    interface: Vec<String>,

    /// Write the records into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Keep incidents and what belongs to them in this store.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,

    /// An internal network; may be given several times. Default: the private, shared and unique-local ranges.
    #[arg(long, value_name = "CIDR")]
    internal: Vec<ipnet::IpNet>,

    /// Who has which address: a CSV with the columns ip, user and optionally host, mac, from, to.
    #[arg(short, long, value_name = "CSV")]
    users: Option<PathBuf>,

    /// A directory of your own signatures, in addition to the shipped ones; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,

    /// A log of TLS secrets (SSLKEYLOGFILE), read on while it grows: connections whose secrets are in it are read.
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// Threads that inspect. Default: one for each processor.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// How packets are taken from the kernel.
    #[arg(long, value_name = "NAME")]
    backend: Option<BackendName>,

    /// Capture only what this filter lets through, in the language of tcpdump.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,

    /// One source for all workers, spread by the addresses inside tunnels.
    #[arg(long)]
    dispatcher: bool,

    /// Serve metrics and health here. Default: 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// Serve neither metrics nor health.
    #[arg(long, conflicts_with = "listen")]
    no_http: bool,

    /// Become this user once the sockets are open. Default: egret, or nobody where there is no such user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Keep every privilege and see every file. For machines that forbid the sandbox only.
    #[arg(long)]
    no_sandbox: bool,

    /// Refuse to run unless every fence of the sandbox stands.
    #[arg(long, conflicts_with = "no_sandbox")]
    require_sandbox: bool,

    /// How lines of the log look.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// From which level on lines are logged.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<LogLevel>,
}

impl Overrides {
    /// The file with what the flags override, and the flag of each key that one overrides.
    pub(crate) fn load(&self) -> Result<(Loaded, BTreeMap<&'static str, &'static str>), FileFault> {
        let mut loaded = settings_file::load(self.config.as_deref())?;
        let flags = self.apply(&mut loaded.settings);
        Ok((loaded, flags))
    }

    fn apply(&self, settings: &mut Settings) -> BTreeMap<&'static str, &'static str> {
        let Settings { capture, inspect, identity, records, store, http, log, sandbox, .. } = settings;
        let mut from = From::default();
        from.list(&mut capture.interfaces, &self.interface, "capture.interfaces", "--interface");
        from.value(&mut records.folder, self.output.as_ref(), "records.folder", "--output");
        from.value(&mut store.file, self.store.as_ref(), "store.file", "--store");
        from.list(&mut identity.internal, &self.internal, "identity.internal", "--internal");
        from.value(&mut identity.users, self.users.as_ref(), "identity.users", "--users");
        from.list(&mut inspect.signatures, &self.signatures, "inspect.signatures", "--signatures");
        from.value(&mut inspect.keylog, self.keylog.as_ref(), "inspect.keylog", "--keylog");
        from.value(
            &mut inspect.workers,
            self.workers.map(usize::from).as_ref(),
            "inspect.workers",
            "--workers",
        );
        from.value(&mut capture.backend, self.backend.as_ref(), "capture.backend", "--backend");
        from.value(&mut capture.filter, self.filter.as_ref(), "capture.filter", "--filter");
        from.value(
            &mut capture.dispatcher,
            self.dispatcher.then_some(&true),
            "capture.dispatcher",
            "--dispatcher",
        );
        from.value(&mut http.listen, self.listen.as_ref(), "http.listen", "--listen");
        from.value(&mut http.enabled, self.no_http.then_some(&false), "http.enabled", "--no-http");
        from.value(&mut sandbox.user, self.user.as_ref(), "sandbox.user", "--user");
        from.value(
            &mut sandbox.enabled,
            self.no_sandbox.then_some(&false),
            "sandbox.enabled",
            "--no-sandbox",
        );
        from.value(
            &mut sandbox.required,
            self.require_sandbox.then_some(&true),
            "sandbox.required",
            "--require-sandbox",
        );
        from.value(&mut log.format, self.log_format.as_ref(), "log.format", "--log-format");
        from.value(&mut log.level, self.log_level.as_ref(), "log.level", "--log-level");
        from.0
    }
}

/// The flag that each key was set by.
#[derive(Default)]
struct From(BTreeMap<&'static str, &'static str>);

impl From {
    fn value<T: Clone>(&mut self, setting: &mut T, flag: Option<&T>, key: &'static str, name: &'static str) {
        if let Some(flag) = flag {
            setting.clone_from(flag);
            self.0.insert(key, name);
        }
    }

    fn list<T: Clone>(&mut self, setting: &mut Vec<T>, flag: &[T], key: &'static str, name: &'static str) {
        if !flag.is_empty() {
            *setting = flag.to_vec();
            self.0.insert(key, name);
        }
    }
}
