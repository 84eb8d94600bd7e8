//! What `content` is told, and what it hands to `detect`.

use crate::Uninspected;
use serde::Serialize;

/// What the carrying protocol says of a body.
#[derive(Clone, Debug, Default)]
pub struct ContentHints {
    /// Declared media type with parameters.
    pub media_type: Option<String>,
    /// Declared file name.
    pub filename: Option<String>,
    /// Content codings in the order applied.
    pub codings: Vec<String>,
    /// The body is a mail message.
    pub mail: bool,
}

/// Names an object within one transfer: 0 is the body, the rest in order of discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// How far an object was inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectState {
    /// All of it.
    Inspected,
    /// Some of it: bytes were missing, or part of it could not be read.
    Partial,
    /// Needs a password or key.
    Encrypted,
    /// A format that is not read; its hash and raw bytes were still used.
    Unsupported,
    /// Beyond a limit of depth, size, count or ratio.
    OverLimit,
    /// Breaks the rules of its format; what could be read was.
    Malformed,
}

/// An object as it is discovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectStart {
    /// Its key.
    pub id: ObjectId,
    /// Where it stands: `body`, `form/file/report.zip/q3.xlsx`, `mail/q3.xlsx`.
    pub path: String,
    /// File name, where there is one.
    pub filename: Option<String>,
    /// It is of no known format: its text is its bytes as they are.
    pub raw: bool,
}

/// An object once it is complete; as in `transfers.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectRecord {
    /// Where it stands.
    pub path: String,
    /// File name, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Media type: recognised by content, else as declared, else `application/octet-stream`.
    pub media_type: String,
    /// Bytes seen, after content codings.
    pub size: u64,
    /// SHA-256 of those bytes, lower-case hexadecimal.
    pub sha256: String,
    /// How far it was inspected.
    pub state: ObjectState,
}

/// What a content walk reports. Objects nest: an inner object begins and ends before its outer one ends.
#[derive(Debug)]
pub enum ContentEvent<'a> {
    /// An object begins.
    Begin(ObjectStart),
    /// The next piece of an object's extracted text: UTF-8 where a character set was known, raw bytes otherwise.
    Text {
        /// Of which object.
        object: ObjectId,
        /// The text. Pieces may end anywhere, within a character too.
        text: &'a [u8],
    },
    /// An object ends.
    End {
        /// Which one.
        object: ObjectId,
        /// What became of it.
        record: ObjectRecord,
        /// Bytes **of the transfer as carried** that this object's state leaves uninspected, with the reason; None when all
        /// was inspected. An inner object counts its stored (compressed) size, so that sums never exceed the transfer.
        uninspected: Option<(Uninspected, u64)>,
    },
}
