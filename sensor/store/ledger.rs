//! The ledger: one entry for everything that was written, each bound to all before it by its hash.
//!
//! Owns: adding entries. Never does: changing or removing one; judging, which is `verify`'s.
//!
//! The hash of an entry is SHA-256 over the hash of the one before it and its own fields. Who knows the newest hash (a report prints
//! it) can tell whether anything before it was changed.

use crate::StoreError;
use crate::digest::Parts;
use egret_model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

/// The hash before the first entry.
pub(crate) const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Kinds of entries.
pub(crate) mod kind {
    /// A run began: the subject is its id, the detail its manifest.
    pub(crate) const BEGAN: &str = "run-began";
    /// What a run has come to so far: the detail is its summary.
    pub(crate) const SUMMARY: &str = "summary";
    /// A run ended.
    pub(crate) const ENDED: &str = "run-ended";
    /// Other signatures were put in force: the subject is the run, the detail their digest.
    pub(crate) const SIGNATURES: &str = "signatures";
    /// Transfers and findings: the digest is theirs, the subject the number of the entry that vouched for them first.
    pub(crate) const RECORDS: &str = "records";
    /// An incident's record, of which the digest is.
    pub(crate) const INCIDENT: &str = "incident";
    /// What an analyst did: the detail is what stands now, and who did it.
    pub(crate) const HANDLED: &str = "handled";
    /// An incident was removed by retention.
    pub(crate) const REMOVED: &str = "removed";
}

/// An entry to be added.
pub(crate) struct Entry<'a> {
    pub(crate) at: Timestamp,
    pub(crate) kind: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) detail: &'a str,
}

impl Entry<'_> {
    /// Its hash, as number `seq` behind an entry with the hash `previous`.
    pub(crate) fn hash(&self, seq: i64, previous: &str) -> String {
        Parts::new()
            .part(previous.as_bytes())
            .part(&seq.to_le_bytes())
            .part(&self.at.nanos().to_le_bytes())
            .part(self.kind.as_bytes())
            .part(self.subject.as_bytes())
            .part(self.digest.as_bytes())
            .part(self.detail.as_bytes())
            .hex()
    }
}

/// Number and hash of the newest entry.
pub(crate) fn head(connection: &Connection) -> Result<(i64, String), StoreError> {
    let head = connection
        .prepare_cached("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(head.unwrap_or_else(|| (0, ORIGIN.to_owned())))
}

/// Adds an entry, within the caller's transaction; gives its number.
pub(crate) fn add(connection: &Connection, entry: &Entry<'_>) -> Result<i64, StoreError> {
    let (last, previous) = head(connection)?;
    let seq = last + 1;
    let hash = entry.hash(seq, &previous);
    connection
        .prepare_cached(
            "INSERT INTO ledger (seq, at, kind, subject, digest, detail, hash) VALUES (?,?,?,?,?,?,?)",
        )?
        .execute((seq, entry.at.nanos(), entry.kind, entry.subject, entry.digest, entry.detail, hash))?;
    Ok(seq)
}

/// The digest of the transfers and findings of a batch as they stand.
pub(crate) fn batch_digest(connection: &Connection, batch: i64) -> Result<(String, u64), StoreError> {
    let mut parts = Parts::new();
    let mut count = 0;
    for table in ["transfer", "finding"] {
        let mut statement = connection
            .prepare_cached(&format!("SELECT id, record FROM {table} WHERE batch = ? ORDER BY id"))?;
        let mut rows = statement.query([batch])?;
        while let Some(row) = rows.next()? {
            parts.add(row.get_ref(0)?.as_bytes().unwrap_or_default());
            parts.add(row.get_ref(1)?.as_bytes().unwrap_or_default());
            count += 1;
        }
    }
    Ok((parts.hex(), count))
}

/// Vouches for what a batch holds now.
pub(crate) fn vouch(connection: &Connection, batch: i64, at: Timestamp) -> Result<(), StoreError> {
    let (digest, count) = batch_digest(connection, batch)?;
    let detail = format!("{{\"records\":{count}}}");
    let entry =
        Entry { at, kind: kind::RECORDS, subject: &batch.to_string(), digest: &digest, detail: &detail };
    add(connection, &entry).map(drop)
}
