//! The settings of a running sensor: what its configuration file holds and flags override.
//!
//! Owns: their names, defaults and what they mean for the pipeline. Never does: reading files.
//!
//! Each key, its default and its reason stand in `config/sensor.toml`; a test keeps that file and this one in step.

use super::people::Sources;
use egret_capture::live::{Backend, LiveOptions};
use egret_model::Limits;
use egret_output::{Destination, Format, Rotation};
use egret_pipeline::{InternalNetworks, OverloadPolicy};
use egret_store::Retention;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// All settings, by section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) capture: Capture,
    pub(crate) inspect: Inspect,
    pub(crate) identity: Identity,
    pub(crate) context: Context,
    pub(crate) records: Records,
    pub(crate) store: StoreSettings,
    pub(crate) export: Export,
    pub(crate) overload: Overload,
    pub(crate) http: Http,
    pub(crate) log: Log,
    pub(crate) sandbox: Sandbox,
    pub(crate) limits: Limits,
}

/// What is wrong with a setting though its value is of the right kind.
#[derive(Debug)]
pub(crate) struct SettingFault {
    /// The key, dotted.
    pub(crate) key: &'static str,
    /// What is wrong with it, a phrase that follows the key.
    pub(crate) message: String,
    /// What would mend it.
    pub(crate) fix: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.key, self.message, self.fix)
    }
}

/// `[capture]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Capture {
    pub(crate) interfaces: Vec<String>,
    pub(crate) backend: BackendName,
    pub(crate) filter: String,
    pub(crate) promiscuous: bool,
    pub(crate) snap_length_bytes: usize,
    pub(crate) buffer_bytes: usize,
    pub(crate) dispatcher: bool,
}

/// How packets are taken from the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BackendName {
    /// The fastest that the system has.
    #[default]
    Auto,
    /// Linux packet sockets, one a worker.
    AfPacket,
    /// libpcap, which works everywhere.
    Pcap,
}

/// `[inspect]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Inspect {
    pub(crate) workers: usize,
    pub(crate) signatures: Vec<PathBuf>,
    pub(crate) cache: PathBuf,
    pub(crate) keylog: PathBuf,
}

/// `[identity]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Identity {
    pub(crate) internal: Vec<IpNet>,
    pub(crate) users: PathBuf,
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) logs: Vec<PathBuf>,
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) shared: Vec<IpNet>,
    pub(crate) hold_ms: u32,
}

/// `[context]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Context {
    pub(crate) file: PathBuf,
    pub(crate) feeds: Vec<PathBuf>,
}

/// `[records]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Records {
    pub(crate) folder: PathBuf,
    pub(crate) rotate_bytes: u64,
    pub(crate) rotate_seconds: u32,
    pub(crate) keep_files: usize,
    pub(crate) summary_seconds: u32,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSettings {
    pub(crate) file: PathBuf,
    pub(crate) keep_days: u32,
    pub(crate) keep_bytes: u64,
}

/// `[export]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Export {
    pub(crate) to: Vec<String>,
    pub(crate) ca: PathBuf,
    pub(crate) every_seconds: u32,
}

/// `[overload]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overload {
    pub(crate) strained_backlog_ms: u32,
    pub(crate) shedding_backlog_ms: u32,
    pub(crate) hold_ms: u32,
    pub(crate) recovery_ms: u32,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub(crate) enabled: bool,
    pub(crate) listen: SocketAddr,
}

/// `[sandbox]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sandbox {
    pub(crate) enabled: bool,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) required: bool,
}

/// `[log]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// From which level on lines are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogLevel {
    /// What keeps the sensor from its work.
    Error,
    /// What someone should look at.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// What developers want to see.
    Debug,
}

impl Default for Capture {
    fn default() -> Self {
        let LiveOptions { promiscuous, snap_length, buffer_bytes, .. } = LiveOptions::default();
        Self {
            interfaces: Vec::new(),
            backend: BackendName::default(),
            filter: String::new(),
            promiscuous,
            snap_length_bytes: snap_length,
            buffer_bytes,
            dispatcher: false,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        let Rotation { bytes, age_ns, keep } = Rotation::default();
        Self {
            folder: "/var/lib/egret/records".into(),
            rotate_bytes: bytes,
            rotate_seconds: u32::try_from(age_ns / 1_000_000_000).unwrap_or(u32::MAX),
            keep_files: keep,
            summary_seconds: 5,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { file: PathBuf::new(), keep_days: 90, keep_bytes: 8 << 30 }
    }
}

impl Default for Export {
    fn default() -> Self {
        Self { to: Vec::new(), ca: PathBuf::new(), every_seconds: 10 }
    }
}

impl Default for Overload {
    fn default() -> Self {
        let policy = OverloadPolicy::default();
        let ms = |nanos: i64| u32::try_from(nanos / 1_000_000).unwrap_or(u32::MAX);
        Self {
            strained_backlog_ms: ms(policy.strained_backlog_ns),
            shedding_backlog_ms: ms(policy.shedding_backlog_ns),
            hold_ms: ms(policy.hold_ns),
            recovery_ms: ms(policy.recovery_ns),
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { enabled: true, user: String::new(), group: String::new(), required: false }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { enabled: true, listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

impl Settings {
    /// What is wrong though each value is of its kind.
    pub(crate) fn check(&self) -> Result<(), SettingFault> {
        let Self { overload, records, limits, .. } = self;
        let fault =
            |key, message: &str, fix: String| Err(SettingFault { key, message: message.to_owned(), fix });
        if overload.shedding_backlog_ms < overload.strained_backlog_ms {
            return fault(
                "overload.shedding_backlog_ms",
                "is smaller than overload.strained_backlog_ms, but large containers are given up before flows",
                format!("make it at least {}", overload.strained_backlog_ms),
            );
        }
        if records.folder.as_os_str().is_empty() {
            return fault(
                "records.folder",
                "is empty",
                "name the folder that records are written into".to_owned(),
            );
        }
        if records.summary_seconds == 0 {
            return fault(
                "records.summary_seconds",
                "is 0",
                "write 1 for the most frequent summary".to_owned(),
            );
        }
        if self.store().is_none() && !self.export.to.is_empty() {
            return fault(
                "export.to",
                "needs a store, from which incidents are sent",
                "name a file as store.file".to_owned(),
            );
        }
        if let Err(message) = self.exports() {
            return fault(
                "export.to",
                &message,
                "write FORMAT DESTINATION, as in \"cef tls://siem.example:6514\"".to_owned(),
            );
        }
        if self.export.every_seconds == 0 {
            return fault("export.every_seconds", "is 0", "write 1 for the most frequent".to_owned());
        }
        if limits.pipeline.shards == 0 {
            return fault("limits.pipeline.shards", "is 0", "leave it at its default, 16".to_owned());
        }
        Ok(())
    }

    /// How packets are captured.
    pub(crate) fn live_options(&self) -> LiveOptions {
        let Capture { interfaces, backend, filter, promiscuous, snap_length_bytes, buffer_bytes, .. } =
            &self.capture;
        LiveOptions {
            interfaces: interfaces.clone(),
            backend: match backend {
                BackendName::Auto => Backend::Auto,
                BackendName::AfPacket => Backend::AfPacket,
                BackendName::Pcap => Backend::Pcap,
            },
            filter: (!filter.trim().is_empty()).then(|| filter.clone()),
            promiscuous: *promiscuous,
            snap_length: *snap_length_bytes,
            buffer_bytes: *buffer_bytes,
            ..LiveOptions::default()
        }
    }

    /// Which addresses are inside.
    pub(crate) fn internal(&self) -> InternalNetworks {
        if self.identity.internal.is_empty() {
            InternalNetworks::default()
        } else {
            InternalNetworks::new(self.identity.internal.clone())
        }
    }

    /// Files about people, and whom to trust.
    pub(crate) fn sources(&self) -> Sources {
        let Identity { users, directories, logs, proxies, shared, internal: _, hold_ms: _ } =
            self.identity.clone();
        let users = (!users.as_os_str().is_empty()).then_some(users);
        Sources { users, directories, logs, proxies, shared }
    }

    /// The store, where there is one.
    pub(crate) fn store(&self) -> Option<&Path> {
        let file = &self.store.file;
        (!file.as_os_str().is_empty()).then_some(file)
    }

    /// What the store keeps.
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            age_ns: i64::from(self.store.keep_days) * 86_400_000_000_000,
            bytes: self.store.keep_bytes,
        }
    }

    /// Where incidents are sent, and in which format; an error says what is wrong.
    pub(crate) fn exports(&self) -> Result<Vec<(&'static str, Format, Destination)>, String> {
        let parse = |text: &String| {
            let (name, to) =
                text.trim().split_once(' ').ok_or_else(|| format!("`{text}` names no destination"))?;
            let known = Format::ALL.iter().find(|(known, _)| *known == name);
            let (name, format) = known.ok_or_else(|| format!("`{name}` is no format"))?;
            Ok((*name, *format, Destination::parse(to.trim())?))
        };
        self.export.to.iter().map(parse).collect()
    }

    /// The log of TLS secrets, where there is one.
    pub(crate) fn keylog(&self) -> Option<&Path> {
        let file = &self.inspect.keylog;
        (!file.as_os_str().is_empty()).then_some(file)
    }

    /// The folder for what loading of signatures has learnt, where it is to be kept.
    pub(crate) fn cache(&self) -> Option<&Path> {
        let folder = &self.inspect.cache;
        (!folder.as_os_str().is_empty()).then_some(folder)
    }

    /// The file of the context, where there is one of its own.
    pub(crate) fn context(&self) -> Option<&Path> {
        let file = &self.context.file;
        (!file.as_os_str().is_empty()).then_some(file)
    }

    /// The limits of every stage.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.limits.clone();
        limits.pipeline.attribution_hold_ns = milliseconds(self.identity.hold_ms);
        limits
    }

    /// When files of records are closed.
    pub(crate) fn rotation(&self) -> Rotation {
        Rotation {
            bytes: self.records.rotate_bytes,
            age_ns: i64::from(self.records.rotate_seconds) * 1_000_000_000,
            keep: self.records.keep_files,
        }
    }

    /// What is given up under overload.
    pub(crate) fn overload(&self) -> OverloadPolicy {
        let Overload { strained_backlog_ms, shedding_backlog_ms, hold_ms, recovery_ms } = self.overload;
        OverloadPolicy {
            strained_backlog_ns: milliseconds(strained_backlog_ms),
            shedding_backlog_ns: milliseconds(shedding_backlog_ms),
            hold_ns: milliseconds(hold_ms),
            recovery_ns: milliseconds(recovery_ms),
        }
    }
}

/// Nanoseconds.
fn milliseconds(milliseconds: u32) -> i64 {
    i64::from(milliseconds) * 1_000_000
}
