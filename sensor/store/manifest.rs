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
    /// The limits of every stage, by digest. None of runs that older releases have made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<String>,
    /// What the organisation knows of itself, the shipped context included. None as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<FileDigest>,
    /// Feeds of intelligence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feeds: Vec<FileDigest>,
    /// The log of TLS keys, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_log: Option<FileDigest>,
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

/// Another file. Two are the same whatever their names are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileDigest {
    /// As it was named.
    pub name: String,
    /// Of the file.
    pub sha256: String,
}

impl PartialEq for FileDigest {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for FileDigest {}

/// A part of a manifest, for telling in what two runs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the part it names")]
pub enum Part {
    Release,
    Captures,
    Signatures,
    People,
    Limits,
    Context,
    Feeds,
    KeyLog,
}

impl Manifest {
    /// In what another run over what should be the same inputs differs. What an older release has not noted is taken for the same.
    #[must_use]
    pub fn differs_in(&self, other: &Self) -> Vec<Part> {
        let captures =
            |manifest: &Self| manifest.captures.iter().map(|one| one.sha256.clone()).collect::<Vec<_>>();
        let both =
            |one: Option<&str>, other: Option<&str>| one.zip(other).is_some_and(|(one, other)| one != other);
        let context = |manifest: &Self| manifest.context.as_ref().map(|file| file.sha256.clone());
        [
            (Part::Release, self.egret != other.egret),
            (Part::Captures, captures(self) != captures(other)),
            (Part::Signatures, self.signatures.sha256 != other.signatures.sha256),
            (Part::People, self.users != other.users),
            (Part::Limits, both(self.limits.as_deref(), other.limits.as_deref())),
            (Part::Context, both(context(self).as_deref(), context(other).as_deref())),
            // Feeds are noted together with the context.
            (Part::Feeds, self.context.is_some() && other.context.is_some() && self.feeds != other.feeds),
            (Part::KeyLog, self.key_log != other.key_log),
        ]
        .into_iter()
        .filter_map(|(part, differs)| differs.then_some(part))
        .collect()
    }

    /// The id of a run: `run-` and part of the digest of its manifest.
    pub(crate) fn id(&self) -> Result<String, serde_json::Error> {
        let digest = sha256_hex(serde_json::to_string(self)?.as_bytes());
        Ok(format!("run-{}", digest.get(..20).unwrap_or(&digest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(digest: &str) -> FileDigest {
        FileDigest { name: "a".to_owned(), sha256: digest.to_owned() }
    }

    #[test]
    fn each_part_that_differs_is_told() {
        let one = Manifest {
            kind: RunKind::Replay,
            egret: "1".to_owned(),
            signatures: SignatureDigest { count: 1, sha256: "s".to_owned() },
            captures: Vec::new(),
            interfaces: Vec::new(),
            internal: Vec::new(),
            users: None,
            limits: Some("l".to_owned()),
            context: Some(file("c")),
            feeds: Vec::new(),
            key_log: None,
            run: None,
        };
        assert_eq!(one.differs_in(&one), []);
        for (part, other) in [
            (Part::Release, Manifest { egret: "2".to_owned(), ..one.clone() }),
            (Part::People, Manifest { users: Some(file("u")), ..one.clone() }),
            (Part::Limits, Manifest { limits: Some("m".to_owned()), ..one.clone() }),
            (Part::Context, Manifest { context: Some(file("d")), ..one.clone() }),
            (Part::Feeds, Manifest { feeds: vec![file("f")], ..one.clone() }),
            (Part::KeyLog, Manifest { key_log: Some(file("k")), ..one.clone() }),
        ] {
            assert_eq!(one.differs_in(&other), [part]);
            assert_eq!(other.differs_in(&one), [part]);
        }
        let older = Manifest { limits: None, context: None, feeds: Vec::new(), ..one.clone() };
        assert_eq!(one.differs_in(&older), [], "what was not noted is no difference");
        let written = serde_json::to_string(&older).unwrap();
        assert!(!written.contains("limits") && !written.contains("context"), "{written}");
        assert_eq!(serde_json::from_str::<Manifest>(&written).unwrap(), older);
        let named =
            Manifest { context: Some(FileDigest { name: "b".to_owned(), ..file("c") }), ..one.clone() };
        assert_eq!(one.differs_in(&named), [], "a name is no difference");
    }
}
