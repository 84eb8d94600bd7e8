//! Retention: what is old, or too much, goes.
//!
//! Owns: the order in which things go. Never does: removing entries of the ledger, which tell what was there.
//!
//! By age: what the store was last told of longer ago than the age goes, but an open incident with all that belongs to it stays, since
//! somebody has yet to look at it. By size: what belongs to no incident goes first, then closed incidents, then open ones, each the
//! oldest first.

use crate::fill::finish;
use crate::ledger::{self, Entry, kind};
use crate::{Store, StoreError};
use egret_model::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Records that go at once.
const PORTION: i64 = 500;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Nanoseconds since the last change; 0: for ever.
    pub age_ns: i64,
    /// Bytes of the file; 0: any size.
    pub bytes: u64,
}

/// What has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Incidents.
    pub incidents: u64,
    /// Of those, the ones that were open.
    pub open_incidents: u64,
    /// Transfers and findings.
    pub records: u64,
}

impl Store {
    /// Removes what is to go at `now`.
    pub fn retain(&mut self, retention: Retention, now: Timestamp) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        if retention.age_ns > 0 {
            let before = now.plus(-retention.age_ns).nanos();
            while self.remove_incidents("state = 'closed' AND updated_at < ?", before, now, &mut removed)? {}
            while self.remove_records(before, now, &mut removed)? {}
            self.remove_sums(before)?;
        }
        if retention.bytes > 0 {
            let any = i64::MAX;
            while self.bytes()? > retention.bytes
                && (self.remove_records(any, now, &mut removed)?
                    || self.remove_incidents(
                        "state = 'closed' AND updated_at < ?",
                        any,
                        now,
                        &mut removed,
                    )?
                    || self.remove_incidents("updated_at < ?", any, now, &mut removed)?)
            {}
        }
        if removed != Removed::default() {
            self.connection.execute_batch("PRAGMA incremental_vacuum")?;
        }
        Ok(removed)
    }

    /// A portion of transfers, with their findings, that belong to no incident; false when there are none.
    fn remove_records(
        &mut self,
        before: i64,
        now: Timestamp,
        removed: &mut Removed,
    ) -> Result<bool, StoreError> {
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut work = || -> Result<u64, StoreError> {
            let ids: Vec<String> = connection
                .prepare_cached(
                    "SELECT id FROM transfer WHERE stored_at < ?1 AND NOT EXISTS (SELECT 1 FROM member WHERE member.id = transfer.id)
                     AND NOT EXISTS (SELECT 1 FROM finding JOIN member ON member.id = finding.id WHERE finding.transfer = transfer.id)
                     ORDER BY stored_at LIMIT ?2",
                )?
                .query_map((before, PORTION), |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut batches = BTreeSet::new();
            for id in &ids {
                remove(connection, "transfer", "id", id, &mut batches)?;
                removed.records += 1 + remove(connection, "finding", "transfer", id, &mut batches)?;
            }
            batches.into_iter().try_for_each(|batch| ledger::vouch(connection, batch, now))?;
            Ok(ids.len() as u64)
        };
        let worked = work();
        Ok(finish(connection, worked)? > 0)
    }

    /// A portion of incidents; what belonged to them and to no other goes with them. False when there are none.
    fn remove_incidents(
        &mut self,
        condition: &str,
        before: i64,
        now: Timestamp,
        removed: &mut Removed,
    ) -> Result<bool, StoreError> {
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut work = || -> Result<bool, StoreError> {
            let query =
                format!("SELECT id, state FROM incident WHERE {condition} ORDER BY updated_at, id LIMIT 20");
            let found: Vec<(String, String)> = connection
                .prepare_cached(&query)?
                .query_map([before], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let mut batches = BTreeSet::new();
            for (id, state) in &found {
                for table in ["transfer", "finding"] {
                    let members: Vec<String> = connection
                        .prepare_cached(&format!(
                            "SELECT {table}.id FROM member JOIN {table} ON member.id = {table}.id WHERE incident = ?1
                             AND NOT EXISTS (SELECT 1 FROM member AS other WHERE other.id = member.id AND other.incident <> ?1)"
                        ))?
                        .query_map([id], |row| row.get(0))?
                        .collect::<Result<_, _>>()?;
                    for member in members {
                        removed.records += remove(connection, table, "id", &member, &mut batches)?;
                    }
                }
                connection.prepare_cached("DELETE FROM incident WHERE id = ?")?.execute([id])?;
                let entry = Entry { at: now, kind: kind::REMOVED, subject: id, digest: "", detail: state };
                ledger::add(connection, &entry)?;
                removed.incidents += 1;
                removed.open_incidents += u64::from(state == "open");
            }
            batches.into_iter().try_for_each(|batch| ledger::vouch(connection, batch, now))?;
            Ok(!found.is_empty())
        };
        let worked = work();
        finish(connection, worked)
    }

    /// Sums are of the time that they are about.
    fn remove_sums(&mut self, before: i64) -> Result<(), StoreError> {
        self.connection.execute(
            "DELETE FROM activity WHERE hour < ?1 / 3600000000000 AND run IN (SELECT seq FROM run WHERE coalesce(ended_at, began_at) < ?1)",
            [before],
        )?;
        for table in ["whereabouts", "device"] {
            self.connection.execute(
                &format!(
                    "DELETE FROM {table} WHERE last_at < ?1 AND run IN (SELECT seq FROM run WHERE coalesce(ended_at, began_at) < ?1)"
                ),
                [before],
            )?;
        }
        Ok(())
    }
}

fn remove(
    connection: &Connection,
    table: &str,
    column: &str,
    id: &str,
    batches: &mut BTreeSet<i64>,
) -> Result<u64, StoreError> {
    let touched: Vec<i64> = connection
        .prepare_cached(&format!("DELETE FROM {table} WHERE {column} = ? RETURNING batch"))?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let count = touched.len() as u64;
    batches.extend(touched);
    Ok(count)
}
