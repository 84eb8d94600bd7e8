//! Lists what stands under `signatures/` for the program to carry: signature files and dictionaries. A new one is a file
//! and nothing else. Gives the build an id: what one build has learnt about signatures is nothing to another.

use std::{
    collections::hash_map::DefaultHasher,
    env,
    fmt::Write as _,
    fs,
    hash::{Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

/// Where they stand, from the package.
const SIGNATURES: &str = "../../signatures";
/// What decides about the meaning of a signature, from the package: this code, the code below it, and the versions of all other.
const CODE: [&str; 4] = [".", "../fingerprint", "../model", "../../Cargo.lock"];

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
    fs::write(output.join("shipped.rs"), listing)?;
    let id = build_id(&package)?;
    let told = format!(
        "/// What this code is told apart from other versions of it by.\nconst BUILD_ID: u64 = {id:#x};\n"
    );
    fs::write(output.join("build_id.rs"), told)
}

/// A hash of the code.
fn build_id(package: &Path) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    env::var("CARGO_PKG_VERSION").unwrap_or_default().hash(&mut hasher);
    for part in CODE {
        println!("cargo::rerun-if-changed={part}");
        let path = package.join(part);
        let mut files = Vec::new();
        if path.is_dir() {
            walk(&path, &mut files)?;
        } else {
            files.push(path);
        }
        files.sort();
        for file in files {
            fs::read(file)?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
