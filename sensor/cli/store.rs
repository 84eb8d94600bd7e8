//! The store as the subcommands share it: where it is, which incidents are meant, what a run was made of.
//!
//! Owns: those arguments, and the manifests of runs. Never does: queries.

use super::clock::now;
use super::people::Sources;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use egret_capture::Inputs;
use egret_detect::SignatureSet;
use egret_model::{CaseState, Limits, Severity, Timestamp};
use egret_output::Teller;
use egret_pipeline::Record;
use egret_store::{
    CaptureDigest, FileDigest, Fill, IncidentFilter, Manifest, Order, RunKind, SignatureDigest, Store,
    StoreError,
};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where the store of a sensor is.
pub(crate) const USUAL_PLACE: &str = "/var/lib/egret/store/egret.db";

/// Names a store.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The store. Default: what the variable EGRET_STORE names, else /var/lib/egret/store/egret.db.
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
}

impl Place {
    /// Opens it.
    pub(crate) fn open(&self) -> Result<Store> {
        let path = self.store.clone().or_else(|| std::env::var_os("EGRET_STORE").map(PathBuf::from));
        Ok(Store::open(&path.unwrap_or_else(|| USUAL_PLACE.into()))?)
    }
}

/// Which incidents.
#[derive(Clone, Debug, Args)]
pub(crate) struct Filter {
    /// Open incidents (the default), closed ones, or all.
    #[arg(long, value_name = "STATE", default_value = "open")]
    state: StateChoice,

    /// Of this user, in any case.
    #[arg(short, long, value_name = "NAME")]
    user: Option<String>,

    /// Of this host, in any case.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,

    /// To destinations that contain this.
    #[arg(short, long, value_name = "TEXT")]
    destination: Option<String>,

    /// At least this severe.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,

    /// At least this risk, 0 to 100.
    #[arg(long, value_name = "RISK", value_parser = clap::value_parser!(u8).range(..=100))]
    risk: Option<u8>,

    /// Of this kind: sensitive-egress, low-and-slow …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// That this person works on; `none`: nobody does.
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,

    /// That went on at this time or later: a day (2026-11-24), a time (2026-11-24T15:20:00Z), or so long ago (90m, 24h, 7d).
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// That began before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,

    /// With this in the record: a signature, an address, a transfer's id.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateChoice {
    Open,
    Closed,
    All,
}

impl Filter {
    /// As the store takes it.
    pub(crate) fn to_query(&self, order: Order, limit: Option<usize>) -> IncidentFilter {
        let unassigned = self.assignee.as_deref() == Some("none");
        IncidentFilter {
            state: match self.state {
                StateChoice::Open => Some(CaseState::Open),
                StateChoice::Closed => Some(CaseState::Closed),
                StateChoice::All => None,
            },
            severity: self.severity,
            risk: self.risk,
            user: self.user.clone(),
            host: self.host.clone(),
            destination: self.destination.clone(),
            kind: self.kind.clone(),
            assignee: self.assignee.clone().filter(|_| !unassigned),
            unassigned,
            since: self.since,
            until: self.until,
            text: self.text.clone(),
            order,
            limit,
        }
    }
}

impl Filter {
    /// In words, for the head of a report.
    pub(crate) fn describe(&self) -> String {
        let mut words = match self.state {
            StateChoice::Open => "Open incidents".to_owned(),
            StateChoice::Closed => "Closed incidents".to_owned(),
            StateChoice::All => "All incidents".to_owned(),
        };
        let mut add = |what: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push_str(&format!(", {what} {value}"));
            }
        };
        add("of user", self.user.clone());
        add("of host", self.host.clone());
        add("to", self.destination.clone());
        add("of kind", self.kind.clone());
        add("of at least severity", self.severity.map(|severity| severity.to_string()));
        add("of at least risk", self.risk.map(|risk| risk.to_string()));
        add("with", self.assignee.clone());
        add("since", self.since.map(Timestamp::to_the_second));
        add("before", self.until.map(Timestamp::to_the_second));
        add("that name", self.text.clone());
        words
    }
}

/// Who tells other systems.
pub(crate) fn teller() -> Teller {
    #[cfg(unix)]
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_default();
    Teller { host, version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn severity(text: &str) -> Result<Severity, String> {
    [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|severity| severity.to_string() == text)
        .ok_or_else(|| "one of info, low, medium, high, critical".to_owned())
}

/// A day, a time, or a span before now.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let refused =
        || "a day (2026-11-24), a time (2026-11-24T15:20:00Z), or so long ago (90m, 24h, 7d)".to_owned();
    if let Some(time) = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))) {
        return Ok(time);
    }
    Ok(now().plus(-span(text).ok_or_else(refused)?))
}

/// A span of time: a number with m, h or d; nanoseconds.
pub(crate) fn span(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds)?.checked_mul(1_000_000_000).filter(|nanos| *nanos >= 0)
}

/// Puts a record into the store.
pub(crate) fn keep(fill: &mut Fill, record: Record<'_>) -> Result<(), StoreError> {
    match record {
        Record::Transfer(transfer) => fill.transfer(transfer, now()),
        Record::Finding(finding) => fill.finding(finding, now()),
        Record::Sighting(sighting) => fill.sighting(sighting, now()),
        Record::Incident(incident) => fill.incident(incident, now()),
    }
}

/// Who uses the program: what the ledger names as the author of a change.
pub(crate) fn author(named: Option<&str>) -> Result<String> {
    let named = named.map(str::to_owned).or_else(|| {
        ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|variable| std::env::var(variable).ok())
    });
    match named.filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name),
        None => bail!("it is not known who you are; say it with --by NAME"),
    }
}

/// What decides what a run finds in its packets.
#[derive(Clone, Copy)]
pub(crate) struct Configured<'a> {
    pub(crate) signatures: &'a SignatureSet,
    pub(crate) internal: &'a [ipnet::IpNet],
    pub(crate) people: &'a Sources,
    pub(crate) limits: &'a Limits,
    /// The file of the context; None for the shipped one.
    pub(crate) context: Option<&'a Path>,
    pub(crate) feeds: &'a [PathBuf],
    /// The log of TLS keys.
    pub(crate) keylog: Option<&'a Path>,
}

/// The manifest of a replay: what its records follow from.
pub(crate) fn replay_manifest(inputs: &Inputs, configured: &Configured<'_>) -> Result<Manifest> {
    let names: Vec<String> = inputs.names().map(str::to_owned).collect();
    let captures = names
        .into_iter()
        .zip(inputs.paths())
        .map(|(name, path)| match path {
            Some(path) => {
                let (bytes, sha256) = digest(path)?;
                Ok(CaptureDigest { name, bytes, sha256: Some(sha256) })
            }
            None => Ok(CaptureDigest { name, bytes: 0, sha256: None }),
        })
        .collect::<Result<_>>()?;
    Ok(Manifest { captures, ..manifest(RunKind::Replay, configured)? })
}

/// One digest for all that was told of people: of the table itself where there is nothing else.
fn people_digest(people: &Sources) -> Result<Option<FileDigest>> {
    let Sources { users, directories, logs, proxies, shared } = people;
    if directories.is_empty() && logs.is_empty() && proxies.is_empty() && shared.is_empty() {
        return users.as_deref().map(file_digest).transpose();
    }
    let files = people.files().map(file_digest).collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let networks = [("proxy", proxies), ("shared", shared)];
    let networks = networks
        .into_iter()
        .flat_map(|(what, list)| list.iter().map(move |network| format!("{what} {network}")));
    let lines: Vec<String> = files.iter().map(|file| file.sha256.clone()).chain(networks).collect();
    let sha256 = hexadecimal(Sha256::new_with_prefix(lines.join("\n")));
    Ok(Some(FileDigest { name: names.join(", "), sha256 }))
}

/// The manifest of a live run.
pub(crate) fn live_manifest(
    run: &str,
    interfaces: &[String],
    configured: &Configured<'_>,
) -> Result<Manifest> {
    Ok(Manifest {
        interfaces: interfaces.to_vec(),
        run: Some(run.to_owned()),
        ..manifest(RunKind::Live, configured)?
    })
}

/// The folder itself; of a bare name, the one we are in.
pub(crate) fn this_folder(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() }
}

fn manifest(kind: RunKind, configured: &Configured<'_>) -> Result<Manifest> {
    let Configured { signatures, internal, people, limits, context, feeds, keylog } = *configured;
    let context = match context {
        Some(path) => file_digest(path)?,
        None => FileDigest { name: "shipped".to_owned(), sha256: hexadecimal_of(egret_context::SHIPPED) },
    };
    Ok(Manifest {
        kind,
        egret: env!("CARGO_PKG_VERSION").to_owned(),
        signatures: signature_digest(signatures),
        captures: Vec::new(),
        interfaces: Vec::new(),
        internal: internal.iter().map(ToString::to_string).collect(),
        users: people_digest(people)?,
        // Their own form tells every one of them, also those that no configuration names.
        limits: Some(hexadecimal_of(&format!("{limits:?}"))),
        context: Some(context),
        feeds: feeds.iter().map(|path| file_digest(path)).collect::<Result<_>>()?,
        key_log: keylog.map(file_digest).transpose()?,
        run: None,
    })
}

/// The version of the signatures in force.
pub(crate) fn signature_digest(signatures: &SignatureSet) -> SignatureDigest {
    SignatureDigest { count: signatures.signatures().len(), sha256: signatures.sha256().to_owned() }
}

fn file_digest(path: &Path) -> Result<FileDigest> {
    Ok(FileDigest { name: path.display().to_string(), sha256: digest(path)?.1 })
}

/// Size and SHA-256 of a file.
pub(crate) fn digest(path: &Path) -> Result<(u64, String)> {
    let unreadable = || format!("{}: cannot be read", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut block).with_context(unreadable)?;
        if read == 0 {
            break;
        }
        digest.update(block.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
    Ok((bytes, hexadecimal(digest)))
}

fn hexadecimal_of(text: &str) -> String {
    hexadecimal(Sha256::new_with_prefix(text))
}

fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_moments_or_spans() {
        assert_eq!(time("2026-11-24").unwrap().to_the_second(), "2026-11-24 00:00:00");
        assert_eq!(time("2026-11-24T15:20:00Z").unwrap().to_the_second(), "2026-11-24 15:20:00");
        assert!(time("7d").unwrap() < now());
        for wrong in ["", "d", "7", "7y", "-7d", "yesterday", "99999999999999d", "7ä"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
