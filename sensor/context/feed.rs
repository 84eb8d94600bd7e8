//! Intelligence: domains, addresses, fingerprints and hashes that somebody has reason to warn of.
//!
//! Owns: the formats of feeds (plain, CSV, STIX 2.1 bundles, MISP events) and look-ups. Never does: opening or fetching of files.

use crate::names::NameMap;
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use thiserror::Error;

/// What a feed warns of, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// What was matched, as the feed writes it.
    pub value: String,
    /// Name of the feed.
    pub feed: Arc<str>,
    /// What the feed says of it.
    pub note: Option<String>,
}

/// Why a feed cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FeedError {
    /// JSON, but broken.
    #[error("not JSON: {0}")]
    Json(String),
    /// Nothing in it is an indicator.
    #[error("no domain, address, JA4 or hash in it")]
    Empty,
    /// All feeds together hold too many.
    #[error("more than {0} indicators")]
    TooMany(usize),
}

/// All feeds together.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// Indicators kept at most.
    most: usize,
    domains: NameMap<Indicator>,
    networks: BTreeMap<IpNet, Indicator>,
    /// Prefix lengths in use.
    lengths: Vec<u8>,
    /// JA4 fingerprints and SHA-256 hashes.
    exact: BTreeMap<String, Indicator>,
}

impl Feed {
    /// Without any; `most` are kept.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Adds a feed; returns how many indicators it has. The form is told by its content: JSON (STIX, MISP), CSV with a header, or a
    /// value a line with `#` before remarks.
    ///
    /// # Errors
    /// When nothing of it can be used.
    pub fn add(&mut self, name: &str, text: &str) -> Result<usize, FeedError> {
        let name: Arc<str> = name.into();
        let text = text.trim_start_matches('\u{feff}');
        let before = self.len();
        let mut add = |value: &str, note: Option<String>| {
            self.insert(value, Indicator { value: value.to_owned(), feed: Arc::clone(&name), note });
        };
        match text.trim_start().bytes().next() {
            Some(b'{' | b'[') => {
                let json = serde_json::from_str(text).map_err(|error| FeedError::Json(error.to_string()))?;
                from_json(&json, 0, &mut add);
            }
            _ => from_lines(text, &mut add),
        }
        match self.len() - before {
            _ if self.len() >= self.most => Err(FeedError::TooMany(self.most)),
            0 if before == 0 || !self.knows_any(text) => Err(FeedError::Empty),
            added => Ok(added),
        }
    }

    /// Indicators of all feeds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.domains.len() + self.networks.len() + self.exact.len()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A host name, or a name above it.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<&Indicator> {
        self.domains.find(name)
    }

    /// An address, or a network that it is in.
    #[must_use]
    pub fn address(&self, ip: IpAddr) -> Option<&Indicator> {
        let ip = ip.to_canonical();
        self.lengths.iter().find_map(|length| self.networks.get(&IpNet::new(ip, *length).ok()?.trunc()))
    }

    /// A JA4 fingerprint or a SHA-256 hash.
    #[must_use]
    pub fn exact(&self, value: &str) -> Option<&Indicator> {
        self.exact.get(value)
    }

    /// A feed may repeat what another one has told.
    fn knows_any(&self, text: &str) -> bool {
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\'')).take(10_000).any(|word| {
            self.exact.contains_key(word)
                || self.domain(word).is_some()
                || word.parse().is_ok_and(|ip| self.address(ip).is_some())
        })
    }

    fn insert(&mut self, value: &str, indicator: Indicator) {
        if self.len() >= self.most {
            return;
        }
        let value = value.trim().trim_matches(['"', '\'']).replace("[.]", ".").replace("hxxp", "http");
        let value = value.split_once("://").map_or(value.as_str(), |(_, behind)| behind);
        let value =
            if value.parse::<IpNet>().is_ok() { value } else { value.split('/').next().unwrap_or_default() };
        if let Ok(network) = value.parse::<IpNet>().or_else(|_| value.parse::<IpAddr>().map(IpNet::from)) {
            let length = network.prefix_len();
            if !self.lengths.contains(&length) {
                self.lengths.push(length);
                self.lengths.sort_unstable_by(|a, b| b.cmp(a));
            }
            self.networks.insert(network.trunc(), indicator);
        } else if is_ja4(value) || (value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            self.exact.insert(value.to_ascii_lowercase(), indicator);
        } else if is_domain(value) {
            self.domains.insert(value, indicator);
        }
    }
}

/// `t13d1516h2_8daaf6152771_e5627efa2ab1`
fn is_ja4(value: &str) -> bool {
    let mut parts = value.split('_');
    let lengths = [parts.next(), parts.next(), parts.next(), parts.next()].map(|part| part.map(str::len));
    lengths == [Some(10), Some(12), Some(12), None] && value.starts_with(['t', 'q', 'd'])
}

/// A host name with at least two labels. A public suffix alone would name half of the world.
fn is_domain(value: &str) -> bool {
    let value = value.trim_start_matches("*.");
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    value.len() <= 253
        && value.contains('.')
        && value.split('.').all(label)
        && value.rsplit('.').next().is_some_and(|last| last.bytes().any(|b| b.is_ascii_alphabetic()))
        && psl::domain_str(value).is_some()
}

/// A value a line, or CSV: of each line the first cell that is an indicator, with the longest other cell as its note.
fn from_lines(text: &str, add: &mut impl FnMut(&str, Option<String>)) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    for record in reader.records().filter_map(Result::ok) {
        let note = record.iter().skip(1).max_by_key(|cell| cell.len()).filter(|cell| !cell.is_empty());
        for cell in record.iter().take(8) {
            // Lists of hosts write `0.0.0.0 name`; remarks stand behind the value.
            let value =
                cell.strip_prefix("0.0.0.0 ").or_else(|| cell.strip_prefix("127.0.0.1 ")).unwrap_or(cell);
            add(value.split_whitespace().next().unwrap_or_default(), note.map(str::to_owned));
        }
    }
}

/// STIX patterns (`[domain-name:value = 'x']`) and MISP attributes (`{"type": "domain", "value": "x"}`), wherever they stand.
fn from_json(value: &Value, depth: usize, add: &mut impl FnMut(&str, Option<String>)) {
    /// Levels looked at.
    const DEEPEST: usize = 16;
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| from_json(item, depth + 1, add)),
        Value::Object(fields) => {
            let text = |key: &str| fields.get(key).and_then(Value::as_str);
            let note = ["name", "comment", "info", "description"].iter().find_map(|key| text(key));
            let note = note.filter(|note| !note.is_empty()).map(str::to_owned);
            if let Some(pattern) = text("pattern") {
                quoted(pattern).for_each(|value| add(value, note.clone()));
            } else if let (Some(_), Some(value)) = (text("type"), text("value")) {
                value.split('|').for_each(|value| add(value, note.clone()));
            }
            fields.values().for_each(|field| from_json(field, depth + 1, add));
        }
        _ => {}
    }
}

/// What stands between single quotes behind an equals sign.
fn quoted(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split("= '").skip(1).filter_map(|behind| behind.split('\'').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &str) -> Feed {
        let mut feed = Feed::new(1000);
        feed.add("test", text).unwrap();
        feed
    }

    #[test]
    fn every_form_is_read() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        let stix = format!(
            r#"{{"type":"bundle","objects":[{{"type":"indicator","name":"c2","pattern":"[domain-name:value = 'evil.example'] OR [ipv4-addr:value = '203.0.113.0/24']"}},{{"type":"indicator","pattern":"[file:hashes.'SHA-256' = '{hash}']"}},{{"pattern":"[x:ja4 = '{ja4}']"}}]}}"#
        );
        let misp = format!(
            r#"{{"Event":{{"info":"x","Attribute":[{{"type":"domain|ip","value":"evil.example|203.0.113.7"}},{{"type":"sha256","value":"{hash}"}},{{"type":"ja4","value":"{ja4}"}}]}}}}"#
        );
        let plain = format!("# remarks\nevil[.]example\n203.0.113.0/24\n{hash}\n{ja4}\n");
        let csv = format!(
            "indicator,type,note\nevil.example,domain,\"drop, zone\"\nhxxp://203.0.113.7/x,url,\n{hash},sha256,\n{ja4},ja4,\n"
        );
        for text in [&stix, &misp, &plain, &csv] {
            let feed = feed(text);
            assert!(feed.domain("a.evil.example").is_some(), "{text}");
            assert!(feed.address("203.0.113.7".parse().unwrap()).is_some(), "{text}");
            assert!(feed.exact(hash).is_some() && feed.exact(ja4).is_some(), "{text}");
            assert!(feed.domain("notevil.example").is_none());
        }
        assert_eq!(
            feed(&csv).domain("evil.example").and_then(|known| known.note.as_deref()),
            Some("drop, zone")
        );
    }

    #[test]
    fn what_warns_of_everything_or_nothing_is_refused() {
        let mut feed = Feed::new(1000);
        assert_eq!(feed.add("x", "com\nco.uk\n"), Err(FeedError::Empty));
        assert!(matches!(feed.add("x", "{\"a\":"), Err(FeedError::Json(_))));
        assert_eq!(feed.add("x", "a.example\n"), Ok(1));
        assert_eq!(feed.add("y", "a.example\n"), Ok(0), "another feed repeats it");
    }
}
