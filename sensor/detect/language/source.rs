//! Where signatures come from: files with their texts, and the dictionaries that they name.
//!
//! Owns: reading of folders, and which dictionary a name means. Never does: the language.

use super::indexes::{Indexes, Kind};
use super::problem::{Fault, SignatureProblem, nearest};
use crate::{
    ValueKey,
    kept::Kept,
    shipped::{DICTIONARIES, SHIPPED},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Largest signature file or dictionary, bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Folders within each other.
const DEPTH: usize = 16;

/// A signature file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As problems name it.
    pub(crate) name: String,
    /// Its path below the folder of signatures that it belongs to, with `/`.
    pub(crate) relative: String,
    /// Its text.
    pub(crate) text: Arc<str>,
    /// It is part of the program.
    pub(crate) shipped: bool,
}

impl Source {
    /// It was written by this program for an index.
    pub(crate) fn is_generated(&self) -> bool {
        let extension = Path::new(&self.name).extension().and_then(|extension| extension.to_str());
        matches!(extension.and_then(Kind::of), Some(Kind::Records | Kind::Documents))
    }
}

/// Every file of a set, before any is understood.
#[derive(Default)]
pub(crate) struct Sources {
    /// In the order in which they are loaded.
    pub(crate) files: Vec<Arc<Source>>,
    dictionaries: BTreeMap<String, Result<Arc<Source>, Fault>>,
    /// For tokens of values: of the first folder that has one.
    pub(crate) key: Option<ValueKey>,
    /// Of records and documents.
    pub(crate) indexes: Indexes,
    /// What earlier loads have learnt, where that is kept.
    pub(crate) kept: Kept,
}

impl Sources {
    /// What the program carries.
    pub(crate) fn shipped() -> Self {
        let source = |(file, text): &(&str, &str)| {
            let name = (*file).to_owned();
            Arc::new(Source { relative: name.clone(), name, text: (*text).into(), shipped: true })
        };
        let dictionaries = DICTIONARIES.iter().map(|entry| (entry.0.to_owned(), Ok(source(entry)))).collect();
        Self {
            files: SHIPPED.iter().map(source).collect(),
            dictionaries,
            key: None,
            indexes: Indexes::default(),
            kept: Kept::default(),
        }
    }

    /// Adds a text as if it were a file of the user's.
    pub(crate) fn add(&mut self, name: &str, text: &str) {
        let source = Arc::new(Source {
            name: name.to_owned(),
            relative: name.to_owned(),
            text: text.into(),
            shipped: false,
        });
        if Path::new(name).extension().is_some_and(|extension| extension == "txt") {
            self.dictionaries.insert(name.to_owned(), Ok(source));
        } else {
            self.files.push(source);
        }
    }

    /// Adds every `*.toml`, `*.txt` and index beneath a folder, in order of paths; or a key file. A dictionary takes the place of an earlier one of
    /// the same name.
    pub(crate) fn read(&mut self, folder: &Path, problems: &mut Vec<SignatureProblem>) {
        let extension = folder.extension().and_then(|extension| extension.to_str());
        if extension.and_then(Kind::of) == Some(Kind::Key) && !folder.is_dir() {
            return self.indexes.wait(Kind::Key, folder);
        }
        self.key = self.key.take().or_else(|| ValueKey::of_folder(folder));
        self.read_folder(folder, folder, DEPTH, problems);
    }

    /// Reads the indexes among what was added, with the keys among it.
    pub(crate) fn read_indexes(&mut self, problems: &mut Vec<SignatureProblem>) {
        for (path, text) in self.indexes.read(problems) {
            let name = path.display().to_string();
            let relative = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.files.push(Arc::new(Source { name, relative, text: text.into(), shipped: false }));
        }
    }

    /// SHA-256 over everything that the set is made of: files and dictionaries by their place below their folder, indexes by their
    /// own checksums.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        for source in self.files.iter().chain(self.dictionaries.values().flatten()) {
            part(source.relative.as_bytes());
            part(source.text.as_bytes());
        }
        for checksum in self.indexes.checksums() {
            part(checksum);
        }
        digest.finalize().into()
    }

    /// Puts a text in the place of a file, or adds it as one.
    pub(crate) fn change(&mut self, path: &Path, root: &Path, text: &str) {
        let name = path.display().to_string();
        let below = path.strip_prefix(root).unwrap_or(path);
        let relative = below.display().to_string();
        let source = Arc::new(Source { name, relative, text: text.into(), shipped: false });
        match self.files.iter_mut().find(|known| known.name == source.name) {
            Some(known) => *known = source,
            None => self.files.push(source),
        }
    }

    /// The dictionary that a signature means by `name`.
    pub(crate) fn dictionary(&self, name: &str) -> Result<&Arc<Source>, Fault> {
        match self.dictionaries.get(name) {
            Some(Ok(source)) => Ok(source),
            Some(Err(fault)) => Err(fault.clone()),
            None => {
                let known = self.dictionaries.keys().map(String::as_str);
                let fix = nearest(name, known).map_or_else(
                    || "name a text file by its path below the folder of signatures".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                Err(Fault::new(format!("there is no dictionary `{name}`"), fix))
            }
        }
    }

    fn read_folder(
        &mut self,
        root: &Path,
        folder: &Path,
        depth: usize,
        problems: &mut Vec<SignatureProblem>,
    ) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let fix = "name a folder of signature files";
                problems.push(refused(folder, format!("cannot be read: {error}"), fix));
                return;
            }
        };
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            let kind = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if depth == 0 {
                    let message = format!("folders nest more than {DEPTH} deep");
                    problems.push(refused(&path, message, "move its files up"));
                } else {
                    self.read_folder(root, &path, depth - 1, problems);
                }
            } else if let Some(kind) = kind.and_then(Kind::of) {
                self.indexes.wait(kind, &path);
            } else if let Some(kind @ ("toml" | "txt")) = kind {
                self.take(root, &path, kind == "txt", problems);
            }
        }
    }

    fn take(&mut self, root: &Path, path: &Path, dictionary: bool, problems: &mut Vec<SignatureProblem>) {
        let below = path.strip_prefix(root).unwrap_or(path).components();
        let relative = below.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        let name = path.display().to_string();
        let source = read_file(path).map(|text| {
            Arc::new(Source { name, relative: relative.clone(), text: text.into(), shipped: false })
        });
        match source {
            // Any text may lie beside signatures: it is only a fault when a signature names it.
            source if dictionary => {
                let named =
                    |(message, fix)| Fault::new(format!("the dictionary `{relative}`: {message}"), fix);
                self.dictionaries.insert(relative.clone(), source.map_err(named));
            }
            Ok(source) => self.files.push(source),
            Err((message, fix)) => problems.push(refused(path, message, fix)),
        }
    }
}

fn refused(path: &Path, message: String, fix: &str) -> SignatureProblem {
    SignatureProblem::unreadable(path.display().to_string(), message, fix)
}

fn read_file(path: &Path) -> Result<String, (String, &'static str)> {
    let unreadable =
        |error: std::io::Error| (format!("cannot be read: {error}"), "check that it is a file you may read");
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES {
        return Err(("larger than a megabyte".into(), "split it into several files"));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| ("not UTF-8".into(), "save it as UTF-8"))
}
