//! What `egret records` and `egret documents` have in common: where an index is made and with which key, and how one is read.
//!
//! Owns: those arguments. Never does: what an index holds.

use super::keys;
use anyhow::{Context as _, Result};
use clap::Args;
use egret_fingerprint::{IndexError, Key};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// An index that is to be made.
#[derive(Debug, Args)]
pub(crate) struct Made {
    /// What signatures call the set, and by which it is reported.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,

    /// The folder for the index, to be named with --signatures.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// The key file; made if there is none. Default: egret.key in the folder.
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Who answers for the data.
    #[arg(long, value_name = "OWNER", default_value = "")]
    pub(crate) owner: String,
}

impl Made {
    /// Makes its folder, if the name will do.
    pub(crate) fn prepare(&self) -> Result<()> {
        keys::check_name(&self.name)?;
        fs::create_dir_all(&self.out).with_context(|| format!("{}: cannot be made", self.out.display()))
    }

    pub(crate) fn key(&self) -> Result<Key> {
        keys::for_building(self.key.as_deref(), &self.out)
    }

    /// A file of it, by its ending.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        self.out.join(format!("{}.{ending}", self.name))
    }
}

/// An index that there is.
#[derive(Debug, Args)]
pub(crate) struct Existing {
    /// The index.
    #[arg(value_name = "INDEX")]
    pub(crate) index: PathBuf,

    /// The key file. Default: those beside the index.
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Existing {
    /// Reads it by its `form`.
    pub(crate) fn read<I>(
        &self,
        form: impl FnOnce(&mut dyn Read, u64, &[Key]) -> Result<I, IndexError>,
    ) -> Result<I> {
        let path: &Path = &self.index;
        let keys = keys::for_reading(self.key.as_deref(), path)?;
        let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let length = file.metadata()?.len();
        form(&mut BufReader::with_capacity(1 << 20, file), length, &keys)
            .with_context(|| path.display().to_string())
    }
}
