//! The signature language: TOML files that the owner of the data can read aloud.
//!
//! Owns: reading, checking and explaining signature files. Never does: matching.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod dictionary;
pub(crate) mod draft;
pub(crate) mod exception;
pub(crate) mod expression;
pub(crate) mod find;
pub(crate) mod fingerprints;
pub(crate) mod indexes;
pub(crate) mod layout;
pub(crate) mod levels;
pub(crate) mod phrases;
pub(crate) mod problem;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod tuning;
