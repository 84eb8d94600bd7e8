//! What can go wrong with a store.
//!
//! Owns: the words for it. Never does: recovery.

use std::path::PathBuf;
use thiserror::Error;

/// Why the store did not do what it was asked for.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are named by the messages that print them")]
pub enum StoreError {
    /// There is no such file.
    #[error("{}: there is no store; `egret replay --store` or `egret run` with store.file makes one", .path.display())]
    Missing { path: PathBuf },
    /// The file is of another program.
    #[error("{}: is no store of egret; choose another file", .path.display())]
    Foreign { path: PathBuf },
    /// The file is of a later release.
    #[error("{}: was written by a later release of egret (version {found} of the schema, this one knows {known}); update egret", .path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The file can't be made.
    #[error("{}: cannot be made: {reason}; choose a file in a folder you may write to", .path.display())]
    Create { path: PathBuf, reason: std::io::Error },
    /// No incident has such an id.
    #[error("{id}: no incident has this id; `egret incidents list` shows all")]
    Unknown { id: String },
    /// More than one incident's id begins so.
    #[error("{id}: the ids of {count} incidents begin so; give more of it")]
    Ambiguous { id: String, count: usize },
    /// A record that cannot be read back.
    #[error(
        "the record of {id} cannot be read: {reason}; `egret incidents verify` tells what else was changed"
    )]
    Record { id: String, reason: serde_json::Error },
    /// The database.
    #[error("{}: {reason}", .path.display())]
    Database { path: PathBuf, reason: rusqlite::Error },
    /// The database, before it is known which.
    #[error("the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A record that cannot be written as JSON.
    #[error("the store: a record cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}
