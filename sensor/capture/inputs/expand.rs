//! From the paths that a user gives to the files to be read.
//!
//! Owns: directories, standard input, files named twice. Never does: opening files.

use crate::{CaptureError, reader::display_name};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Something to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// `-`.
    StandardInput,
    /// A path that was given itself: must be a capture.
    File(PathBuf),
    /// A directory and the regular files in it and below it, sorted by path: those that are captures are read.
    Directory(PathBuf, Vec<PathBuf>),
}

/// Expands `paths` in their order. A file that is reached twice is read once.
pub(crate) fn expand<P: AsRef<Path>>(paths: &[P], problems: &mut Vec<CaptureError>) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    let mut is_new = |path: &Path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    let mut candidates = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        if path.as_os_str() == "-" {
            if is_new(path) {
                candidates.push(Candidate::StandardInput);
            }
        } else if path.is_dir() {
            let mut files = files_below(path, problems);
            let found = files.len();
            files.retain(|file| is_new(file));
            // A directory whose files are all being read already has nothing to add, and nothing wrong with it.
            if files.is_empty() && found > 0 {
                continue;
            }
            candidates.push(Candidate::Directory(path.to_owned(), files));
        } else if is_new(path) {
            candidates.push(Candidate::File(path.to_owned()));
        }
    }
    candidates
}

/// The regular files below `directory`. Links to files are followed, links to directories are not: they may form a circle.
fn files_below(directory: &Path, problems: &mut Vec<CaptureError>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        if let Err(source) = list(&directory, &mut directories, &mut files) {
            problems.push(CaptureError::Open { name: display_name(&directory), source });
        }
    }
    files.sort();
    files
}

fn list(directory: &Path, directories: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            directories.push(path);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
