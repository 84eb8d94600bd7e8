//! Opening a store.
//!
//! Owns: the file, its settings, and that it is ours. Never does: queries.

use crate::StoreError;
use crate::schema::{APPLICATION_ID, MIGRATIONS, migrate};
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one waits for another that is writing.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open store. Several processes may have the same one open.
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Store {
    /// Opens the store at `path`, making it where it is missing: readable by its owner alone.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(reason) => return Err(StoreError::Create { path: path.to_owned(), reason }),
        }
        Self::open(path)
    }

    /// Opens the store at `path`, which must be there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let named = |reason| StoreError::Database { path: path.to_owned(), reason };
        // The path is a path and no URI, whatever it holds.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(named)?;
        prepare(&mut connection, path).map_err(|error| match error {
            StoreError::Sqlite(reason)
                if reason.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) =>
            {
                StoreError::Foreign { path: path.to_owned() }
            }
            StoreError::Sqlite(reason) => named(reason),
            error => error,
        })?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of its file in use, without the write-ahead log.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let number = |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        Ok((number("page_count")?.saturating_sub(number("freelist_count")?))
            .saturating_mul(number("page_size")?))
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    connection.busy_timeout(PATIENCE)?;
    let number = |connection: &Connection, pragma| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
    };
    let (id, version) = (number(connection, "application_id")?, number(connection, "user_version")?);
    let known = MIGRATIONS.len() as i64;
    if version > known && id == APPLICATION_ID {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != APPLICATION_ID && (tables > 0 || version > 0 || id != 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if tables == 0 {
        // Before the first table, or never: lets the file shrink when records are removed.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit is on the disk before it returns: what is acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A file that was tampered with must not make the library run functions.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    if version < known { migrate(connection, MIGRATIONS) } else { Ok(()) }
}
