//! Records of a replay, read again for judgements about them.
//!
//! Owns: as much of their shape as that needs. Never does: writing; `output` does.

use anyhow::{Context as _, Result};
use egret_detect::Circumstances;
use egret_model::{Confidence, Severity, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::path::Path;

/// A folder of records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) transfers: HashMap<String, Transfer>,
    pub(crate) findings: Vec<Finding>,
    /// The findings of each incident.
    pub(crate) incidents: Vec<Vec<String>>,
}

/// One transfer.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) started_at: Timestamp,
    pub(crate) receiver: Option<String>,
    pub(crate) receiver_ip: IpAddr,
    pub(crate) user: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) sender_ip: IpAddr,
}

/// One finding.
#[derive(Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) id: String,
    pub(crate) transfer: String,
    pub(crate) object: String,
    pub(crate) signature: String,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) count: u64,
    pub(crate) unique: u64,
    #[serde(default)]
    matches: Vec<Shown>,
    #[serde(skip)]
    pub(crate) tokens: Vec<String>,
    #[serde(skip)]
    pub(crate) example: String,
    /// Redacted text around the first match, the match as `▮`.
    #[serde(skip)]
    pub(crate) context: String,
}

#[derive(Debug, Deserialize)]
struct Shown {
    redacted: String,
    context: String,
    token: Option<String>,
}

impl Records {
    /// Reads the transfers, findings and incidents of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut records = Self::default();
        each(&folder.join("transfers.jsonl"), |value| {
            let id = text(&value["id"]).context("a transfer without an id")?;
            records.transfers.insert(id, Transfer::read(&value)?);
            Ok(())
        })?;
        each(&folder.join("findings.jsonl"), |value| {
            let mut finding: Finding = serde_json::from_value(value)?;
            finding.tokens = finding.matches.iter().filter_map(|one| one.token.clone()).collect();
            if let Some(first) = finding.matches.first() {
                finding.example = format!("{} | {}", first.redacted, first.context);
                finding.context.clone_from(&first.context);
            }
            records.findings.push(finding);
            Ok(())
        })?;
        each(&folder.join("incidents.jsonl"), |value| {
            let findings = value["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
            records.incidents.push(findings.iter().filter_map(text).collect());
            Ok(())
        })?;
        Ok(records)
    }
}

impl Transfer {
    fn read(value: &Value) -> Result<Self> {
        let address = |party: &str| -> Result<IpAddr> {
            let text = value[party]["ip"].as_str().unwrap_or_default();
            text.parse().with_context(|| format!("the address of the {party}"))
        };
        Ok(Self {
            started_at: value["started_at"]
                .as_str()
                .and_then(Timestamp::parse)
                .unwrap_or(super::backtest::UNKNOWN_TIME),
            receiver: text(&value["receiver"]["name"]),
            receiver_ip: address("receiver")?,
            user: text(&value["sender"]["user"]),
            host: text(&value["sender"]["host"]),
            sender_ip: address("sender")?,
        })
    }

    /// As exceptions see it.
    pub(crate) fn circumstances<'a>(&'a self, object: &'a str) -> Circumstances<'a> {
        Circumstances {
            destination: self.receiver.as_deref(),
            destination_ip: self.receiver_ip,
            user: self.user.as_deref(),
            host: self.host.as_deref(),
            sender_ip: self.sender_ip,
            object,
        }
    }

    /// Name of the receiver, else its address.
    pub(crate) fn destination(&self) -> &str {
        self.receiver.as_deref().unwrap_or("an address without a name")
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn each(path: &Path, mut take: impl FnMut(Value) -> Result<()>) -> Result<()> {
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let place = || format!("{}:{}", path.display(), index + 1);
        let line = line.with_context(place)?;
        if !line.trim().is_empty() {
            take(serde_json::from_str(&line).with_context(place)?).with_context(place)?;
        }
    }
    Ok(())
}
