//! Indexes of records and documents beside signatures, and the signature by which each is reported by itself.
//!
//! Owns: reading of index and key files. Never does: what indexes hold.

use super::problem::{Fault, SignatureProblem, nearest};
use egret_fingerprint::{IndexError, Key, documents::DocumentIndex, records::RecordIndex};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Largest key file, bytes.
const KEY_BYTES: u64 = 1 << 10;
/// Bytes of the checksum that an index ends with.
const CHECKSUM_BYTES: u64 = 32;

/// What kind of file lies beside signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Records,
    Documents,
    Key,
}

impl Kind {
    /// By the end of its name.
    pub(crate) fn of(extension: &str) -> Option<Self> {
        match extension {
            "records" => Some(Self::Records),
            "documents" => Some(Self::Documents),
            "key" => Some(Self::Key),
            _ => None,
        }
    }
}

/// Indexes by their names.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    records: BTreeMap<String, Arc<RecordIndex>>,
    documents: BTreeMap<String, Arc<DocumentIndex>>,
    keys: Vec<Key>,
    waiting: Vec<(Kind, PathBuf)>,
    checksums: Vec<Vec<u8>>,
}

impl Indexes {
    /// Takes a file to be read when all keys are known.
    pub(crate) fn wait(&mut self, kind: Kind, path: &Path) {
        self.waiting.push((kind, path.to_owned()));
    }

    /// Reads what was taken. For each index the file that it came from and a signature for it.
    pub(crate) fn read(&mut self, problems: &mut Vec<SignatureProblem>) -> Vec<(PathBuf, String)> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut refuse = |path: &Path, message: String, fix: &str| {
            problems.push(SignatureProblem::unreadable(path.display().to_string(), message, fix));
        };
        for (_, path) in waiting.iter().filter(|(kind, _)| *kind == Kind::Key) {
            match read_key(path) {
                Ok(key) if self.keys.contains(&key) => {}
                Ok(key) => self.keys.push(key),
                Err(error) => {
                    refuse(path, error.to_string(), "name the key file that an index was built with");
                }
            }
        }
        let mut found = Vec::new();
        for (kind, path) in waiting.into_iter().filter(|(kind, _)| *kind != Kind::Key) {
            match self.read_index(kind, &path) {
                Ok(Some(text)) => found.push((path, text)),
                Ok(None) => refuse(
                    &path,
                    "another index has this name".into(),
                    "build one of them under another name",
                ),
                Err(error) => refuse(&path, error.to_string(), fix(&error)),
            }
        }
        found
    }

    /// The checksums of the indexes read, in the order in which they were.
    pub(crate) fn checksums(&self) -> impl Iterator<Item = &[u8]> {
        self.checksums.iter().map(Vec::as_slice)
    }

    /// Reads one index; None when there is one of its name.
    fn read_index(&mut self, kind: Kind, path: &Path) -> Result<Option<String>, IndexError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        self.checksums.push(checksum(&file, length)?);
        let mut input = BufReader::with_capacity(1 << 20, file);
        if kind == Kind::Records {
            let index = RecordIndex::read(&mut input, length, &self.keys)?;
            let text = records_signature(&index);
            let (name, taken) = (index.name().to_owned(), self.records.contains_key(index.name()));
            self.records.entry(name).or_insert_with(|| Arc::new(index));
            return Ok((!taken).then_some(text));
        }
        let index = DocumentIndex::read(&mut input, length, &self.keys)?;
        let text = documents_signature(&index);
        let (name, taken) = (index.name().to_owned(), self.documents.contains_key(index.name()));
        self.documents.entry(name).or_insert_with(|| Arc::new(index));
        Ok((!taken).then_some(text))
    }

    /// The records that a signature means by `name`.
    pub(crate) fn records(&self, name: &str) -> Result<&Arc<RecordIndex>, Fault> {
        self.records.get(name).ok_or_else(|| unknown(name, "records", self.records.keys()))
    }

    /// The documents that a signature means by `name`.
    pub(crate) fn documents(&self, name: &str) -> Result<&Arc<DocumentIndex>, Fault> {
        self.documents.get(name).ok_or_else(|| unknown(name, "documents", self.documents.keys()))
    }
}

/// An index ends with SHA-256 of all that stands before.
fn checksum(mut file: &File, length: u64) -> Result<Vec<u8>, IndexError> {
    let mut last = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(CHECKSUM_BYTES)))?;
    file.take(CHECKSUM_BYTES).read_to_end(&mut last)?;
    file.rewind()?;
    Ok(last)
}

fn unknown<'a>(name: &str, what: &str, known: impl Iterator<Item = &'a String>) -> Fault {
    let fix = nearest(name, known.map(String::as_str)).map_or_else(
        || format!("build the index: egret {what} build … --name {name} --out DIR, and name DIR with --signatures"),
        |meant| format!("did you mean `{meant}`?"),
    );
    Fault::new(format!("there is no index of {what} called `{name}`"), fix)
}

fn fix(error: &IndexError) -> &'static str {
    match error {
        IndexError::WrongKey { .. } => "give the key with --key FILE, or lay it beside the index",
        IndexError::Damaged(_) | IndexError::NotAnIndex => "copy it again from where it was built",
        _ => "build it with this release",
    }
}

fn read_key(path: &Path) -> Result<Key, IndexError> {
    if fs::metadata(path)?.len() > KEY_BYTES {
        return Err(IndexError::NotAKey);
    }
    Key::parse(&fs::read_to_string(path)?)
}

/// How a set of records is reported by itself.
fn records_signature(index: &RecordIndex) -> String {
    let (name, owner) = (index.name(), quoted(index.owner()));
    format!(
        "id = \"records/{name}\"\ntitle = \"Records of {name}\"\nowner = {owner}\nseverity = \"high\"\ntags = [\"records\"]\n\
         description = \"Rows of the registered table: cells of one row near each other.\"\n\
         [[find]]\nname = \"record\"\nrecords = \"{name}\"\n\
         [confidence]\nhigh = \"record and not doubtful\"\nmedium = \"record\"\n\
         [report]\nescalate = [{{ unique = 100, severity = \"critical\" }}]\n"
    )
}

/// How a set of documents is reported by itself.
fn documents_signature(index: &DocumentIndex) -> String {
    let (name, owner) = (index.name(), quoted(index.owner()));
    format!(
        "id = \"document/{name}\"\ntitle = \"Registered document of {name}\"\nowner = {owner}\nseverity = \"high\"\n\
         tags = [\"document\"]\ndescription = \"Passages, copies and near-identical files of registered documents.\"\n\
         [[find]]\nname = \"document\"\ndocuments = \"{name}\"\n\
         [confidence]\nhigh = \"document and not doubtful\"\nmedium = \"document\"\n"
    )
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
