//! The tables, and how a store of an earlier release becomes one of this.
//!
//! Owns: the schema and its migrations, each a transaction. Never does: losing a record on the way.

use crate::StoreError;
use rusqlite::Connection;

/// Marks the file as ours: "EGRT".
pub(crate) const APPLICATION_ID: i64 = 0x4547_5254;

/// Each brings the schema to the next version; none is ever changed once it was released.
pub(crate) const MIGRATIONS: &[&str] = &[FIRST, DEVICES];

/// Times are nanoseconds since the epoch, UTC. `record` columns hold the native records of DESIGN, byte for byte.
const FIRST: &str = "
CREATE TABLE run (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,              -- of its manifest: the same inputs, the same id
  manifest TEXT NOT NULL,
  began_at INTEGER NOT NULL,     -- by the clock
  ended_at INTEGER,              -- NULL: it goes on, or was cut off
  summary TEXT
) STRICT;
CREATE INDEX run_id ON run (id);

CREATE TABLE incident (
  id TEXT PRIMARY KEY,
  run INTEGER NOT NULL,
  kind TEXT NOT NULL,
  severity INTEGER NOT NULL,
  risk INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  user TEXT COLLATE NOCASE,
  host TEXT COLLATE NOCASE,
  destination TEXT NOT NULL COLLATE NOCASE,
  record TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open',
  verdict TEXT,
  assignee TEXT COLLATE NOCASE
) STRICT;
CREATE INDEX incident_rank ON incident (state, risk DESC, first_at);
CREATE INDEX incident_user ON incident (user);
CREATE INDEX incident_time ON incident (last_at);

CREATE TABLE note (
  seq INTEGER PRIMARY KEY,
  incident TEXT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX note_incident ON note (incident);

CREATE TABLE transfer (
  id TEXT PRIMARY KEY,
  run INTEGER NOT NULL,
  batch INTEGER NOT NULL,        -- the ledger's entry that vouches for it
  stored_at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX transfer_batch ON transfer (batch);
CREATE INDEX transfer_stored ON transfer (stored_at);

CREATE TABLE finding (
  id TEXT PRIMARY KEY,
  run INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  transfer TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_batch ON finding (batch);
CREATE INDEX finding_transfer ON finding (transfer);

-- Which incident names which transfers and findings: keeps them as long as it.
CREATE TABLE member (
  id TEXT NOT NULL,
  incident TEXT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
  PRIMARY KEY (id, incident)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_incident ON member (incident);

CREATE TABLE activity (
  run INTEGER NOT NULL,
  hour INTEGER NOT NULL,         -- hours since the epoch
  who TEXT NOT NULL COLLATE NOCASE,
  is_user INTEGER NOT NULL,
  destination TEXT NOT NULL COLLATE NOCASE,
  protocol TEXT NOT NULL,
  transfers INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  PRIMARY KEY (run, hour, who, is_user, destination, protocol)
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_who ON activity (who);

CREATE TABLE whereabouts (
  run INTEGER NOT NULL,
  user TEXT NOT NULL COLLATE NOCASE,
  host TEXT NOT NULL COLLATE NOCASE,
  ip TEXT NOT NULL,
  domain TEXT NOT NULL,
  evidence TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  times INTEGER NOT NULL,
  PRIMARY KEY (run, user, host, ip, domain, evidence)
) STRICT, WITHOUT ROWID;
CREATE INDEX whereabouts_user ON whereabouts (user);

-- Up to which entry of the ledger incidents were sent to another system.
CREATE TABLE sent (
  destination TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  digest TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_subject ON ledger (subject, kind);
";

/// Devices that users sent from, as these say themselves.
const DEVICES: &str = "
CREATE TABLE device (
  run INTEGER NOT NULL,
  user TEXT NOT NULL COLLATE NOCASE,
  ip TEXT NOT NULL,
  device TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  times INTEGER NOT NULL,
  PRIMARY KEY (run, user, ip, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_user ON device (user);
";

/// Brings the schema to the version of this release.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    loop {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let Some(next) = migrations.get(version) else { return Ok(()) };
        transaction.execute_batch(next)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}
