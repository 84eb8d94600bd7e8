//! What a run was made of: from the same captures, signatures and settings the same records follow.
//!
//! Owns: the manifest. Never does: reading captures or signatures; who fills the store digests them.

use crate::digest::sha256_hex;
use serde::{Deserialize, Serialize};

/// Inputs of a run. Two runs with equal manifests have equal records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// A replay or a live run.
    pub kind: RunKind,
    /// Version of the program.
    pub egret: String,
    /// The signatures in force.
    pub signatures: SignatureDigest,
    /// Captures in the order in which they were named; empty for a live run.
    #[serde(default)]
    pub captures: Vec<CaptureDigest>,
    /// Interfaces of a live run.
    #[serde(default)]
    pub interfaces: Vec<String>,
    /// Internal networks that were given; empty for the default.
    #[serde(default)]
    pub internal: Vec<String>,
    /// The table of users.
    #[serde(default)]
    pub users: Option<FileDigest>,
    /// Id of the live run, as in `runs.jsonl`.
    #[serde(default)]
    pub run: Option<String>,
}

/// How a run gets its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// From captures.
    Replay,
    /// From interfaces.
    Live,
}

/// The signatures in force: every file that they came from, the program's own included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureDigest {
    /// How many.
    pub count: usize,
    /// SHA-256 over their sources.
    pub sha256: String,
}

/// A capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureDigest {
    /// As it was named.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Of the file as stored; None for a stream, which nobody can read again.
    pub sha256: Option<String>,
}

/// Another file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// As it was named.
    pub name: String,
    /// Of the file.
    pub sha256: String,
}

impl Manifest {
    /// The id of a run: `run-` and part of the digest of its manifest.
    pub(crate) fn id(&self) -> Result<String, serde_json::Error> {
        let digest = sha256_hex(serde_json::to_string(self)?.as_bytes());
        Ok(format!("run-{}", digest.get(..20).unwrap_or(&digest)))
    }
}
