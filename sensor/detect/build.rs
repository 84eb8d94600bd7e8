//! Lists what stands under `signatures/` for the program to carry: signature files and dictionaries. A new one is a file
//! and nothing else.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Where they stand, from the package.
const SIGNATURES: &str = "../../signatures";

fn main() -> io::Result<()> {
    // Asked while it runs and told relative to the package, so that a checkout that was copied with what it has built reads
    // its own folder.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let root = package.join(SIGNATURES).canonicalize()?;
    println!("cargo::rerun-if-changed={SIGNATURES}");
    let mut files = Vec::new();
    walk(&root, &mut files)?;
    files.sort();
    let mut listing = String::new();
    for (name, extension) in [("SHIPPED", "toml"), ("DICTIONARIES", "txt")] {
        let _ = writeln!(listing, "pub(crate) const {name}: &[(&str, &str)] = &[");
        for file in files.iter().filter(|file| file.extension().is_some_and(|found| found == extension)) {
            let relative = file.strip_prefix(&root).map_err(io::Error::other)?;
            // Names are the same on every system.
            let relative = relative.components().map(|part| part.as_os_str().to_string_lossy());
            let relative = relative.collect::<Vec<_>>().join("/");
            let _ = writeln!(listing, "    ({relative:?}, include_str!({:?})),", file.display().to_string());
        }
        let _ = writeln!(listing, "];");
    }
    let output = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(output.join("shipped.rs"), listing)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
