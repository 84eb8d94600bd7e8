//! The operator's files about people: the table of addresses, exports of the directory, logs of log-ins.
//!
//! Owns: reading them, and what is told of their faults. Never does: their meaning, which is `identity`'s.

use anyhow::{Context, Result};
use clap::Args;
use egret_identity::{AddressPlan, Directory, IdentityLog, People};
use egret_model::{IdentityLimits, Timestamp};
use ipnet::IpNet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the operator's knowledge of people comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Sources {
    /// Who has which address: a CSV with the columns ip, user and optionally host, mac, from, to, ports; and department, manager,
    /// groups, end.
    #[arg(short, long, value_name = "CSV")]
    pub(crate) users: Option<PathBuf>,

    /// An export of the directory (LDIF, or CSV with a column user): names, departments, managers, groups, ends of employment;
    /// may be given several times.
    #[arg(long = "directory", value_name = "FILE")]
    pub(crate) directories: Vec<PathBuf>,

    /// A log that tells who had which address: Windows security events (JSON, XML, CSV, syslog), DHCP, VPN, SSH and RADIUS logs; may
    /// be given several times.
    #[arg(long = "identity-log", value_name = "FILE")]
    pub(crate) logs: Vec<PathBuf>,

    /// A proxy whose word on its clients is taken (X-Forwarded-For, X-Authenticated-User); may be given several times.
    #[arg(long = "proxy", value_name = "CIDR", value_parser = network)]
    pub(crate) proxies: Vec<IpNet>,

    /// Addresses that several people use at once (terminal servers, NAT): only evidence of a connection's own port counts there; may be given several times.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) shared: Vec<IpNet>,
}

/// Faults of one file that are told one by one.
const FAULTS_TOLD: usize = 20;

impl Sources {
    /// Every file named.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.users.iter().chain(&self.directories).chain(&self.logs).map(PathBuf::as_path)
    }

    /// Reads everything. A file of which nothing is of use is an error; of others, each fault is one warning.
    pub(crate) fn read(&self, limits: &IdentityLimits, warn: &mut dyn FnMut(String)) -> Result<Arc<People>> {
        let mut plan = AddressPlan::default();
        let mut directory = Directory::default();
        if let Some(path) = &self.users {
            let text = text(path)?;
            let (read, faults) = AddressPlan::parse(&text);
            tell(path, read.is_empty(), &faults, warn)?;
            plan = read;
            if Directory::has_columns(&text) {
                directory = Directory::parse(&text, limits).0;
            }
        }
        for path in &self.directories {
            let (read, faults) = Directory::parse(&text(path)?, limits);
            tell(path, read.is_empty(), &faults, warn)?;
            directory = directory.and(read);
        }
        let mut events = Vec::new();
        for path in &self.logs {
            let log = IdentityLog::parse(&text(path)?, written(path), limits);
            tell(path, log.sightings.is_empty() && log.lines > 0, &log.faults, warn)?;
            if log.sightings.is_empty() {
                warn(format!(
                    "{}: none of {} entries tells who had which address",
                    path.display(),
                    log.lines
                ));
            }
            events.extend(log.sightings);
        }
        let people = People::of_plan(plan)
            .with_directory(directory)
            .with_events(events)
            .with_proxies(self.proxies.clone())
            .with_shared(self.shared.clone());
        Ok(Arc::new(people))
    }
}

/// A network, or an address alone.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "an address (10.0.0.5) or a network (10.0.0.0/24)".to_owned())
}

/// When a file was written last; the end of time where the system does not tell.
fn written(path: &Path) -> Timestamp {
    let since = path.metadata().and_then(|metadata| metadata.modified()).ok();
    let since = since.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .map_or(Timestamp::MAX, Timestamp::from_seconds)
}

/// Logs of Windows are often UTF-16; a byte order mark says so.
fn text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok(match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

fn tell<F: std::fmt::Display>(
    path: &Path,
    empty: bool,
    faults: &[F],
    warn: &mut dyn FnMut(String),
) -> Result<()> {
    if empty && let Some(first) = faults.first() {
        anyhow::bail!("{}: {first}", path.display());
    }
    for fault in faults.iter().take(FAULTS_TOLD) {
        warn(format!("{}: {fault}; the other lines hold", path.display()));
    }
    if faults.len() > FAULTS_TOLD {
        warn(format!("{}: {} more faults; the other lines hold", path.display(), faults.len() - FAULTS_TOLD));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_is_a_network_of_one() {
        assert_eq!(network("10.0.0.5").unwrap().to_string(), "10.0.0.5/32");
        assert_eq!(network("fd00::1").unwrap().to_string(), "fd00::1/128");
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert!(network("10.0.0").is_err() && network("10.0.0.0/40").is_err());
    }
}
