//! What the end-to-end tests share: running the program and reading its records.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test.
pub(crate) fn egret() -> Command {
    Command::new(env!("CARGO_BIN_EXE_egret"))
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Captures in a folder of the repository or of the labelled data, sorted by name.
pub(crate) fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng"))
        .collect();
    found.sort();
    found
}

/// A replay into a folder of its own.
pub(crate) struct Replayed {
    pub(crate) output: Output,
    pub(crate) folder: tempfile::TempDir,
}

impl Replayed {
    pub(crate) fn status(&self) -> i32 {
        self.output.status.code().unwrap_or_else(|| panic!("killed by a signal: {}", self.stderr()))
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// A record file as bytes.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}: {}", self.stderr()))
    }

    /// A record file, line by line.
    pub(crate) fn records(&self, name: &str) -> Vec<Value> {
        String::from_utf8(self.bytes(name))
            .expect("records are UTF-8")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}")))
            .collect()
    }

    pub(crate) fn summary(&self) -> Value {
        serde_json::from_slice(&self.bytes("summary.json")).expect("a summary in JSON")
    }
}

/// Replays captures with further arguments, records into a temporary folder.
pub(crate) fn replay(captures: &[&Path], arguments: &[&str]) -> Replayed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = egret()
        .arg("replay")
        .args(captures)
        .arg("--output")
        .arg(folder.path())
        .args(arguments)
        .output()
        .expect("the program starts");
    Replayed { output, folder }
}

/// The labelled data, where it was unpacked (`target/shared`, or the folder that EGRET_DATA names). Says aloud when it is absent.
pub(crate) fn labelled_data(suite: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("EGRET_DATA").map_or_else(|| file("target/shared"), PathBuf::from).join(suite);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: the labelled data is absent ({}); only the captures in tests/data were used",
        folder.display()
    );
    None
}
