//! Filling the store with the records of a run.
//!
//! Owns: batches, which are transactions, and that a run done again takes the place of the earlier one. Never does: threads.

use crate::activity::Pending;
use crate::digest::sha256_hex;
use crate::ledger::{self, Entry, kind};
use crate::{Manifest, SignatureDigest, Store, StoreError};
use egret_model::{Direction, FindingRecord, Incident, SightingRecord, Timestamp, TransferRecord};
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use std::collections::BTreeSet;

/// Records after which a batch is due, so that a write-ahead log stays small.
const BATCH: usize = 2_000;

/// A run's way into the store. What was not committed when it is dropped is not in the store.
#[derive(Debug)]
pub struct Fill {
    store: Store,
    run: i64,
    id: String,
    /// The number of the batch; None while there is none.
    batch: Option<i64>,
    records: usize,
    /// Earlier batches from which records of this one were taken.
    taken_from: BTreeSet<i64>,
    pending: Pending,
}

impl Fill {
    /// A run begins.
    pub fn begin(store: Store, manifest: &Manifest, now: Timestamp) -> Result<Self, StoreError> {
        let id = manifest.id()?;
        let text = serde_json::to_string(manifest)?;
        let connection = &store.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let began = || -> Result<i64, StoreError> {
            let run =
                connection.query_row("SELECT coalesce(max(seq), 0) + 1 FROM run", [], |row| row.get(0))?;
            connection.execute(
                "INSERT INTO run (seq, id, manifest, began_at) VALUES (?,?,?,?)",
                (run, &id, &text, now.nanos()),
            )?;
            let entry = Entry {
                at: now,
                kind: kind::BEGAN,
                subject: &id,
                digest: &sha256_hex(text.as_bytes()),
                detail: &text,
            };
            ledger::add(connection, &entry)?;
            Ok(run)
        };
        let run = finish(connection, began())?;
        Ok(Self {
            store,
            run,
            id,
            batch: None,
            records: 0,
            taken_from: BTreeSet::new(),
            pending: Pending::default(),
        })
    }

    /// The id of the run.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Takes a transfer. Kept are those that left and those in which something was found.
    pub fn transfer(&mut self, record: &TransferRecord, now: Timestamp) -> Result<(), StoreError> {
        self.pending.transfer(record);
        if record.direction == Direction::Egress || !record.findings.is_empty() {
            let batch = self.batch()?;
            let json = serde_json::to_string(record)?;
            if self.replaces("transfer", &record.id, &json)? {
                self.store
                    .connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO transfer (id, run, batch, stored_at, record) VALUES (?,?,?,?,?)",
                    )?
                    .execute((&record.id, self.run, batch, now.nanos(), json))?;
            }
        }
        self.count(now)
    }

    /// Takes a finding.
    pub fn finding(&mut self, record: &FindingRecord, now: Timestamp) -> Result<(), StoreError> {
        let batch = self.batch()?;
        let json = serde_json::to_string(record)?;
        if self.replaces("finding", &record.id, &json)? {
            self.store
                .connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO finding (id, run, batch, transfer, record) VALUES (?,?,?,?,?)",
                )?
                .execute((&record.id, self.run, batch, &record.transfer, json))?;
        }
        self.count(now)
    }

    /// Takes a piece of identity evidence.
    pub fn sighting(&mut self, record: &SightingRecord, now: Timestamp) -> Result<(), StoreError> {
        self.pending.sighting(record);
        self.count(now)
    }

    /// Takes an incident as it stands. What analysts have made of it stays.
    pub fn incident(&mut self, record: &Incident, now: Timestamp) -> Result<(), StoreError> {
        self.batch()?;
        let json = serde_json::to_string(record)?;
        let connection = &self.store.connection;
        let before: Option<String> = connection
            .prepare_cached("SELECT record FROM incident WHERE id = ?")?
            .query_row([&record.id], |row| row.get(0))
            .optional()?;
        if before.as_deref() == Some(&*json) {
            connection
                .prepare_cached("UPDATE incident SET run = ? WHERE id = ?")?
                .execute((self.run, &record.id))?;
            return self.count(now);
        }
        connection
            .prepare_cached(
                "INSERT INTO incident (id, run, kind, severity, risk, first_at, last_at, user, host, destination, record, updated_at)
                 VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET run = excluded.run, kind = excluded.kind,
                 severity = excluded.severity, risk = excluded.risk, first_at = excluded.first_at, last_at = excluded.last_at,
                 user = excluded.user, host = excluded.host, destination = excluded.destination, record = excluded.record,
                 updated_at = excluded.updated_at",
            )?
            .execute((
                &record.id,
                self.run,
                &record.kind,
                record.severity as i64,
                record.risk,
                record.first_at.nanos(),
                record.last_at.nanos(),
                &record.user,
                &record.host,
                &record.destination,
                &json,
                now.nanos(),
            ))?;
        let mut member =
            connection.prepare_cached("INSERT OR IGNORE INTO member (id, incident) VALUES (?,?)")?;
        for id in record.transfers.iter().chain(&record.findings) {
            member.execute((id, &record.id))?;
        }
        drop(member);
        let digest = sha256_hex(json.as_bytes());
        let detail = String::new();
        let entry =
            Entry { at: now, kind: kind::INCIDENT, subject: &record.id, digest: &digest, detail: &detail };
        ledger::add(connection, &entry)?;
        self.count(now)
    }

    /// Forgets what was taken since the last commit, as if it had never been.
    pub fn abandon(&mut self) {
        if self.batch.take().is_some() {
            // There may be no transaction any more: SQLite ends some by itself.
            let _ = self.store.connection.execute_batch("ROLLBACK");
        }
        self.records = 0;
        self.taken_from.clear();
        self.pending = Pending::default();
    }

    /// What was taken so far is on the disk when this returns, and stays there whatever happens then.
    pub fn commit(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.batch.is_none() && self.records == 0 {
            return Ok(());
        }
        let batch = self.batch()?;
        let written = self.pending.write(&self.store.connection, self.run).and_then(|()| {
            for batch in std::mem::take(&mut self.taken_from).into_iter().chain([batch]) {
                ledger::vouch(&self.store.connection, batch, now)?;
            }
            Ok(())
        });
        self.batch = None;
        self.records = 0;
        finish(&self.store.connection, written)
    }

    /// The run has ended. Sums of an earlier run with the same inputs are replaced by its own.
    pub fn finish(mut self, summary: &impl Serialize, now: Timestamp) -> Result<Store, StoreError> {
        self.commit(now)?;
        let connection = &self.store.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let ended = tell(connection, &self.id, summary, now)
            .and_then(|()| end(connection, &self.id, now))
            .and_then(|()| replace_earlier(connection, &self.id, self.run));
        finish(connection, ended)?;
        Ok(self.store)
    }

    /// The batch under way, begun where there is none.
    fn batch(&mut self) -> Result<i64, StoreError> {
        if let Some(batch) = self.batch {
            return Ok(batch);
        }
        let connection = &self.store.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        match ledger::head(connection) {
            Ok((last, _)) => {
                self.batch = Some(last + 1);
                Ok(last + 1)
            }
            Err(error) => finish(connection, Err(error)),
        }
    }

    /// Whether a record is new or differs from the one of its id that is there.
    fn replaces(&mut self, table: &str, id: &str, json: &str) -> Result<bool, StoreError> {
        let before: Option<(i64, String)> = self
            .store
            .connection
            .prepare_cached(&format!("SELECT batch, record FROM {table} WHERE id = ?"))?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match before {
            Some((_, record)) if record == json => Ok(false),
            Some((batch, _)) => {
                self.taken_from.insert(batch);
                Ok(true)
            }
            None => Ok(true),
        }
    }

    fn count(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.records += 1;
        if self.records >= BATCH || self.pending.is_full() { self.commit(now) } else { Ok(()) }
    }
}

impl Store {
    /// Other signatures are in force in a run, by its id, from now on.
    pub fn tell_signatures(
        &mut self,
        run: &str,
        signatures: &SignatureDigest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let detail = serde_json::to_string(signatures)?;
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let entry = Entry {
            at: now,
            kind: kind::SIGNATURES,
            subject: run,
            digest: &signatures.sha256,
            detail: &detail,
        };
        finish(connection, ledger::add(connection, &entry).map(drop))
    }

    /// Up to which entry of the ledger incidents were sent to `destination`; 0 before the first.
    pub fn sent_to(&self, destination: &str) -> Result<i64, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT seq FROM sent WHERE destination = ?")?;
        Ok(statement.query_row([destination], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// Notes that incidents up to an entry of the ledger were sent to `destination`.
    pub fn note_sent(&mut self, destination: &str, seq: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO sent (destination, seq) VALUES (?,?)")?
            .execute((destination, seq))?;
        Ok(())
    }

    /// Incidents that were told anew or changed by an analyst after entry `seq` of the ledger, each once with its newest entry, in the
    /// order of those; at most `limit`.
    pub fn changed_since(&self, seq: i64, limit: usize) -> Result<Vec<(i64, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT max(ledger.seq), subject FROM ledger JOIN incident ON incident.id = subject
             WHERE ledger.seq > ? AND ledger.kind IN ('incident', 'handled') GROUP BY subject ORDER BY 1 LIMIT ?",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(statement
            .query_map((seq, limit), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?)
    }

    /// The summary of a run that goes on, or with `ended` of one that has come to its end, by its id.
    pub fn tell_summary(
        &mut self,
        run: &str,
        summary: &impl Serialize,
        ended: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let told = tell(connection, run, summary, now);
        let told = if ended { told.and_then(|()| end(connection, run, now)) } else { told };
        finish(connection, told)
    }
}

fn tell(
    connection: &Connection,
    run: &str,
    summary: &impl Serialize,
    now: Timestamp,
) -> Result<(), StoreError> {
    let summary = serde_json::to_string(summary)?;
    connection.execute("UPDATE run SET summary = ? WHERE id = ?", (&summary, run))?;
    let digest = sha256_hex(summary.as_bytes());
    ledger::add(
        connection,
        &Entry { at: now, kind: kind::SUMMARY, subject: run, digest: &digest, detail: &summary },
    )
    .map(drop)
}

fn end(connection: &Connection, run: &str, now: Timestamp) -> Result<(), StoreError> {
    connection.execute("UPDATE run SET ended_at = ? WHERE id = ?", (now.nanos(), run))?;
    ledger::add(connection, &Entry { at: now, kind: kind::ENDED, subject: run, digest: "", detail: "" })
        .map(drop)
}

/// What an earlier run with the same inputs left belongs to this one, and its sums are dropped.
fn replace_earlier(connection: &Connection, id: &str, run: i64) -> Result<(), StoreError> {
    for table in ["activity", "whereabouts", "device"] {
        connection.execute(
            &format!("DELETE FROM {table} WHERE run IN (SELECT seq FROM run WHERE id = ?1 AND seq <> ?2)"),
            (id, run),
        )?;
    }
    for table in ["incident", "transfer", "finding"] {
        connection.execute(
            &format!(
                "UPDATE {table} SET run = ?2 WHERE run IN (SELECT seq FROM run WHERE id = ?1 AND seq <> ?2)"
            ),
            (id, run),
        )?;
    }
    connection.execute("DELETE FROM run WHERE id = ? AND seq <> ?", (id, run))?;
    Ok(())
}

/// Ends the transaction: for good, or as if it had never begun.
pub(crate) fn finish<T>(connection: &Connection, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    let outcome = outcome.and_then(|value| Ok(connection.execute_batch("COMMIT").map(|()| value)?));
    if outcome.is_err() {
        // There may be none any more: SQLite ends some transactions by itself.
        let _ = connection.execute_batch("ROLLBACK");
    }
    outcome
}
