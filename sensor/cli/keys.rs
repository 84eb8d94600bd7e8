//! Key files and index files on disk.
//!
//! Owns: where a key is looked for, that a new one is readable by its owner alone, that an index is replaced as a whole or not at
//! all. Never does: hashing.

use super::view;
use anyhow::{Context, Result, bail};
use egret_fingerprint::{IndexError, Key};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The key that lies beside indexes when no other is named.
const BESIDE: &str = "egret.key";

/// The key for indexes in `folder`: the one named, or the one that lies there; made if there is none yet.
pub(crate) fn for_building(named: Option<&Path>, folder: &Path) -> Result<Key> {
    let path = named.map_or_else(|| folder.join(BESIDE), Path::to_owned);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let key = Key::random()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file =
        options.open(&path).with_context(|| format!("{}: the key cannot be written", path.display()))?;
    file.write_all(key.to_file().as_bytes())?;
    file.sync_all()?;
    if named.is_none() {
        view::note(&format!(
            "a new key was made: {}. Whoever has it and the index can guess what is in it: keep it apart, and name it with --key",
            path.display()
        ));
    }
    Ok(key)
}

/// The keys that an index may have been built with: the one named, and those that lie beside it.
pub(crate) fn for_reading(named: Option<&Path>, index: &Path) -> Result<Vec<Key>> {
    if let Some(path) = named {
        let key = read(path)?.with_context(|| format!("{}: there is no such key", path.display()))?;
        return Ok(vec![key]);
    }
    let folder = index.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be read", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "key"))
        .collect();
    paths.sort();
    let keys = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let keys: Vec<Key> = keys.into_iter().flatten().collect();
    if keys.is_empty() {
        bail!("{}: the key that it was built with must be named with --key", index.display());
    }
    Ok(keys)
}

fn read(path: &Path) -> Result<Option<Key>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Key::parse(&text).with_context(|| path.display().to_string())?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}: the key cannot be read", path.display())),
    }
}

/// Whether a set may have this name: it becomes part of the id of a signature and of a file's name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 80 || !name.chars().all(plain) || name.starts_with('.') {
        bail!("`{name}` can't name a set: use small letters, digits and hyphens");
    }
    Ok(())
}

/// Writes a file by way of another, so that nobody ever sees half of it.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), IndexError>,
) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = || -> Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&part)?);
        write(&mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(fs::rename(&part, path)?)
    };
    written().with_context(|| format!("{}: cannot be written", path.display())).inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}
