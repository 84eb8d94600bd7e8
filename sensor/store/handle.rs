//! What analysts do with incidents.
//!
//! Owns: the changes and their entries in the ledger. Never does: deciding who may make them; that is the file's permissions.

use crate::fill::finish;
use crate::ledger::{self, Entry, kind};
use crate::{Store, StoreError, sha256_hex};
use egret_model::{CaseState, Timestamp, Verdict};
use rusqlite::Connection;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody works on it; None: nobody any more.
    Assign(Option<String>),
    /// It needs no more work.
    Close(Verdict),
    /// It does after all.
    Reopen,
    /// Something is said about it.
    Note(String),
}

impl Store {
    /// Makes `changes` to an incident, all or none. `author` is who made them.
    pub fn change(
        &mut self,
        id: &str,
        changes: &[Change],
        author: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let made = changes.iter().try_for_each(|change| make(connection, id, change, author, now));
        finish(connection, made)
    }
}

fn make(
    connection: &Connection,
    id: &str,
    change: &Change,
    author: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = now.nanos();
    let changed = match change {
        Change::Assign(assignee) => connection
            .execute("UPDATE incident SET assignee = ?, updated_at = ? WHERE id = ?", (assignee, at, id))?,
        Change::Close(verdict) => connection.execute(
            "UPDATE incident SET state = ?, verdict = ?, updated_at = ? WHERE id = ?",
            (CaseState::Closed.name(), verdict.name(), at, id),
        )?,
        Change::Reopen => connection.execute(
            "UPDATE incident SET state = ?, verdict = NULL, updated_at = ? WHERE id = ?",
            (CaseState::Open.name(), at, id),
        )?,
        Change::Note(text) => {
            connection.execute(
                "INSERT INTO note (incident, at, author, text) SELECT id, ?, ?, ? FROM incident WHERE id = ?",
                (at, author, text, id),
            )?;
            connection.execute("UPDATE incident SET updated_at = ? WHERE id = ?", (at, id))?
        }
    };
    if changed == 0 {
        return Err(StoreError::Unknown { id: id.to_owned() });
    }
    let what = match change {
        Change::Assign(assignee) => serde_json::json!({ "assignee": assignee }),
        Change::Close(verdict) => serde_json::json!({ "state": "closed", "verdict": verdict.name() }),
        Change::Reopen => serde_json::json!({ "state": "open" }),
        Change::Note(text) => serde_json::json!({ "note": text }),
    };
    let detail = serde_json::json!({ "by": author, "what": what }).to_string();
    let digest = sha256_hex(handling(connection, id)?.as_bytes());
    ledger::add(
        connection,
        &Entry { at: now, kind: kind::HANDLED, subject: id, digest: &digest, detail: &detail },
    )
    .map(drop)
}

/// All that analysts have made of an incident, in one text for its digest.
pub(crate) fn handling(connection: &Connection, id: &str) -> Result<String, StoreError> {
    let (state, verdict, assignee): (String, Option<String>, Option<String>) = connection
        .prepare_cached("SELECT state, verdict, assignee FROM incident WHERE id = ?")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut notes = Vec::new();
    let mut statement =
        connection.prepare_cached("SELECT at, author, text FROM note WHERE incident = ? ORDER BY seq")?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        notes.push((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?));
    }
    Ok(serde_json::to_string(&(state, verdict, assignee, notes))?)
}
