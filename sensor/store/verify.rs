//! Whether the store is as it was written.
//!
//! Owns: walking the ledger and holding every record against it. Never does: repairing.
//!
//! Whoever can write the file can also write a new ledger throughout; the newest hash, kept elsewhere (a report prints it), tells.

use crate::digest::sha256_hex;
use crate::handle::handling;
use crate::ledger::{self, Entry, ORIGIN, kind};
use crate::{Store, StoreError};
use egret_model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Entries of the ledger.
    pub entries: u64,
    /// The newest hash: vouches for all of them.
    pub head: String,
    /// Incidents held against it.
    pub incidents: u64,
    /// Transfers and findings held against it.
    pub records: u64,
    /// What is not as it was written, the first hundred.
    pub flaws: Vec<Flaw>,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An entry of the ledger does not follow from the one before it.
    Entry(i64),
    /// An incident's record is another than the one that was written.
    Incident(String),
    /// What analysts made of an incident is not what they did.
    Handling(String),
    /// An incident has gone without having been removed.
    Missing(String),
    /// An incident, transfer or finding came in by another way.
    Unvouched(String),
    /// Transfers or findings that were written together are not as they were.
    Records(i64),
    /// A run's manifest or summary is another than the one that was written.
    Run(String),
    /// An earlier hash that must be in the ledger is not.
    Hash(String),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry(seq) => write!(f, "entry {seq} of the ledger was changed, or one before it removed"),
            Self::Incident(id) => write!(f, "incident {id} is not as it was written"),
            Self::Handling(id) => {
                write!(f, "state, assignee or notes of incident {id} are not what analysts made them")
            }
            Self::Missing(id) => write!(f, "incident {id} has gone, and nothing tells why"),
            Self::Unvouched(id) => write!(f, "{id} is not in the ledger"),
            Self::Records(batch) => {
                write!(
                    f,
                    "transfers or findings that were written together (batch {batch}) are not as they were"
                )
            }
            Self::Run(id) => write!(f, "manifest or summary of {id} is not as it was written"),
            Self::Hash(hash) => write!(f, "the hash {hash} is not in the ledger"),
        }
    }
}

/// Flaws that are told.
const MOST: usize = 100;

/// What the ledger says of each thing last.
#[derive(Default)]
struct Said {
    incidents: BTreeMap<String, String>,
    handled: BTreeMap<String, String>,
    batches: BTreeMap<i64, String>,
    began: BTreeMap<String, String>,
    summaries: BTreeMap<String, String>,
}

impl Store {
    /// Holds everything in the store against the ledger. `known`: a hash that was noted earlier and must be in it.
    pub fn verify(&self, known: Option<&str>) -> Result<Verification, StoreError> {
        // One moment for all queries, though a sensor goes on writing.
        self.connection.execute_batch("BEGIN")?;
        let outcome = self.verify_within(known);
        self.connection.execute_batch("COMMIT")?;
        outcome
    }

    fn verify_within(&self, known: Option<&str>) -> Result<Verification, StoreError> {
        let mut result =
            Verification { entries: 0, head: ORIGIN.to_owned(), incidents: 0, records: 0, flaws: Vec::new() };
        let said = self.walk(&mut result, known)?;
        self.hold_incidents(&said, &mut result)?;
        self.hold_batches(&said, &mut result)?;
        self.hold_runs(&said, &mut result)?;
        result.flaws.truncate(MOST);
        Ok(result)
    }

    fn walk(&self, result: &mut Verification, known: Option<&str>) -> Result<Said, StoreError> {
        let mut said = Said::default();
        let mut seen_known = known.is_none_or(|known| known == ORIGIN);
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq, at, kind, subject, digest, detail, hash FROM ledger ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            let [kind, subject, digest, detail, hash] =
                [2, 3, 4, 5, 6].map(|column| row.get::<_, String>(column));
            let (kind, subject, digest, detail, hash) = (kind?, subject?, digest?, detail?, hash?);
            let entry = Entry {
                at: Timestamp::from_nanos(at),
                kind: &kind,
                subject: &subject,
                digest: &digest,
                detail: &detail,
            };
            result.entries += 1;
            if i64::try_from(result.entries) != Ok(seq) || entry.hash(seq, &result.head) != hash {
                result.flaws.push(Flaw::Entry(seq));
                if result.flaws.len() >= MOST {
                    return Ok(said);
                }
            }
            seen_known |= known == Some(hash.as_str());
            result.head = hash;
            said.take(&kind, subject, digest);
        }
        if let (false, Some(known)) = (seen_known, known) {
            result.flaws.push(Flaw::Hash(known.to_owned()));
        }
        Ok(said)
    }

    fn hold_incidents(&self, said: &Said, result: &mut Verification) -> Result<(), StoreError> {
        let mut found = BTreeSet::new();
        let mut statement = self.connection.prepare_cached("SELECT id, record FROM incident ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, record): (String, String) = (row.get(0)?, row.get(1)?);
            result.incidents += 1;
            match said.incidents.get(&id) {
                None => result.flaws.push(Flaw::Unvouched(id.clone())),
                Some(digest) if *digest != sha256_hex(record.as_bytes()) => {
                    result.flaws.push(Flaw::Incident(id.clone()));
                }
                Some(_) => {}
            }
            let now = handling(&self.connection, &id)?;
            let untouched = || sha256_hex(br#"["open",null,null,[]]"#);
            if *said.handled.get(&id).unwrap_or(&untouched()) != sha256_hex(now.as_bytes()) {
                result.flaws.push(Flaw::Handling(id.clone()));
            }
            found.insert(id);
        }
        let gone = said.incidents.keys().filter(|id| !found.contains(*id));
        result.flaws.extend(gone.map(|id| Flaw::Missing(id.clone())));
        Ok(())
    }

    fn hold_batches(&self, said: &Said, result: &mut Verification) -> Result<(), StoreError> {
        for (batch, digest) in &said.batches {
            let (now, count) = ledger::batch_digest(&self.connection, *batch)?;
            result.records += count;
            if now != *digest {
                result.flaws.push(Flaw::Records(*batch));
            }
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT batch FROM transfer UNION SELECT DISTINCT batch FROM finding ORDER BY 1",
        )?;
        let batches = statement.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let stray = batches.into_iter().filter(|batch| !said.batches.contains_key(batch));
        result.flaws.extend(stray.map(|batch| Flaw::Unvouched(format!("batch {batch}"))));
        Ok(())
    }

    fn hold_runs(&self, said: &Said, result: &mut Verification) -> Result<(), StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, manifest, summary FROM run ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, manifest): (String, String) = (row.get(0)?, row.get(1)?);
            let summary: Option<String> = row.get(2)?;
            let as_written =
                |said: Option<&String>, text: &str| said.is_some_and(|d| *d == sha256_hex(text.as_bytes()));
            let holds = as_written(said.began.get(&id), &manifest)
                && summary.is_none_or(|summary| as_written(said.summaries.get(&id), &summary));
            if !holds {
                result.flaws.push(Flaw::Run(id));
            }
        }
        Ok(())
    }
}

impl Said {
    fn take(&mut self, kind: &str, subject: String, digest: String) {
        match kind {
            kind::INCIDENT => drop(self.incidents.insert(subject, digest)),
            kind::HANDLED => drop(self.handled.insert(subject, digest)),
            kind::REMOVED => {
                self.incidents.remove(&subject);
                self.handled.remove(&subject);
            }
            kind::RECORDS => {
                if let Ok(batch) = subject.parse() {
                    self.batches.insert(batch, digest);
                }
            }
            kind::BEGAN => drop(self.began.insert(subject, digest)),
            kind::SUMMARY => drop(self.summaries.insert(subject, digest)),
            _ => {}
        }
    }
}
