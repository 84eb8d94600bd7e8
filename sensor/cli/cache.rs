//! The file in which what loading of signatures has learnt is kept for the next start.
//!
//! Owns: where it stands, who may read it, and that it is replaced whole. Never does: deciding what is kept (`egret_detect::Kept`);
//! failing: without the file, everything is found out again.
//!
//! The file tells what is looked for, canary strings and project names among it, so that nobody but its owner may read it; one that
//! another could have written is not read.

use egret_detect::{Kept, SignatureProblem, SignatureSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Names the folder; empty or `off`: nothing is kept.
const VARIABLE: &str = "EGRET_CACHE";
/// The file in it.
const NAME: &str = "signatures.kept";
/// Largest file that is read, bytes (128 MiB): what is written takes 16 MiB, or as much as the signatures themselves need.
const FILE_BYTES: u64 = 128 << 20;

/// Loads the shipped signatures and those in `directories`, the quicker for what is kept in `folder`.
pub(crate) fn load(directories: &[PathBuf], folder: Option<&Path>) -> (SignatureSet, Vec<SignatureProblem>) {
    let Some(folder) = folder else { return SignatureSet::load(directories) };
    let path = folder.join(NAME);
    let mut kept = read(&path).ok().and_then(|bytes| Kept::read(&bytes)).unwrap_or_default();
    let loaded = SignatureSet::load_kept(directories, &mut kept);
    if kept.has_news() {
        // Where nothing can be kept, the next start takes a moment longer: nobody needs to be told.
        let _ = write(folder, &path, &kept.to_bytes());
    }
    loaded
}

/// The user's folder for such files: `EGRET_CACHE`, or `egret` in the cache folder of the system. None: nothing is to be kept.
pub(crate) fn folder() -> Option<PathBuf> {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    if let Some(folder) = named(VARIABLE) {
        return (!folder.as_os_str().is_empty() && folder.as_os_str() != "off").then_some(folder);
    }
    // XDG Base Directory Specification: a relative path is to be ignored.
    let caches = named("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    let home = || Some(named("HOME").filter(|home| home.is_absolute())?.join(".cache"));
    Some(caches.or_else(home)?.join("egret"))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES || !is_private(&metadata) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether the file is this user's, and no one else's to read or write.
#[cfg(unix)]
fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

/// Writes aside, then puts it in place, so that nobody ever reads half of it; the last of several who do so at once stays.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut folders, mut options) = (fs::DirBuilder::new(), OpenOptions::new());
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        folders.mode(0o700);
        options.mode(0o600);
    }
    folders.recursive(true).create(folder)?;
    let part = folder.join(format!("{NAME}.{}", std::process::id()));
    // Of a process of the same number that was killed.
    let _ = fs::remove_file(&part);
    options
        .open(&part)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&part, path))
        .inspect_err(|_| drop(fs::remove_file(&part)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_kept_is_its_owners_alone_and_what_is_not_is_ignored() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cache");
        let path = folder.join(NAME);
        let sha256 = |folder: Option<&Path>| load(&[], folder).0.sha256().to_owned();
        let without = sha256(None);
        assert_eq!(sha256(Some(&folder)), without);
        let written = fs::read(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        // A second load has nothing to add, and leaves no draft behind.
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(sha256(Some(&folder)), without);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // One that others may write is as good as none, and is replaced; so is a damaged one.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(read(&path).is_err());
        assert_eq!(sha256(Some(&folder)), without);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, &written[..written.len() / 2]).unwrap();
        assert_eq!(sha256(Some(&folder)), without);
        assert_eq!(fs::read(&path).unwrap(), written);
        // Where nothing can be written, everything works all the same.
        assert_eq!(sha256(Some(&path.join("beneath a file"))), without);
    }
}
