//! Which log of TLS keys goes with captures.
//!
//! Owns: the one that is named, and the one that lies beside a capture under its name. Never does: reading secrets.

use super::view;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Says on a command line that there is none, whatever lies beside the captures.
const NONE: &str = "none";
/// How key logs are called that are kept beside their captures.
const EXTENSIONS: [&str; 3] = ["keys", "keylog", "sslkeylog"];
/// How compressed captures end.
const COMPRESSED: [&str; 3] = ["gz", "zst", "xz"];
/// Bytes at the beginning of a file that show whether it is one.
const BEGINNING: usize = 4 << 10;

/// The log of TLS keys that was named, or else the only one that lies beside these captures: `upload.keys`, `.keylog` or `.sslkeylog`
/// beside `upload.pcap`. `tell`: say so.
pub(crate) fn of(named: Option<&Path>, captures: &[PathBuf], tell: bool) -> Option<PathBuf> {
    if let Some(path) = named {
        return (path != Path::new(NONE)).then(|| path.to_owned());
    }
    let mut found = captures.iter().flat_map(|capture| beside(capture)).filter(|path| is_key_log(path));
    let only = found.next().filter(|_| found.next().is_none())?;
    if tell {
        view::note(&format!("TLS keys of {} are used (`--keylog {NONE}`: of none)", only.display()));
    }
    Some(only)
}

fn beside(capture: &Path) -> impl Iterator<Item = PathBuf> {
    let compressed = |extension: &OsStr| COMPRESSED.iter().any(|known| extension.eq_ignore_ascii_case(known));
    let plain = if capture.extension().is_some_and(compressed) {
        capture.with_extension("")
    } else {
        capture.to_owned()
    };
    EXTENSIONS.into_iter().map(move |extension| plain.with_extension(extension))
}

/// A file whose first line that is no comment is a label and two hexadecimal numbers (NSS key log format).
fn is_key_log(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = || File::open(path)?.take(BEGINNING as u64).read_to_end(&mut beginning);
    if !path.is_file() || { read }().is_err() {
        return false;
    }
    let line = beginning
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let is_number = |word: &[u8]| word.len() >= 32 && word.iter().all(u8::is_ascii_hexdigit);
    let words: Vec<&[u8]> = line.unwrap_or_default().split(|byte| *byte == b' ').collect();
    // The last word may go on behind what was read.
    matches!(words.as_slice(), [label, random, secret]
        if label.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            && is_number(random) && is_number(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_log_beside_a_capture_is_its_log() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let log = format!("# of a browser\nCLIENT_RANDOM {} {}\n", "0a".repeat(32), "1b".repeat(48));
        let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("a file");
        write("a.pcap", "");
        write("b.pcap.gz", "");
        write("b.keys", &log);
        write("c.pcap", "");
        write("c.keylog", "-----BEGIN PRIVATE KEY-----\nMIIE\n");
        let [a, b, c, other] = ["a.pcap", "b.pcap.gz", "c.pcap", "other.txt"].map(path);
        for (named, captures, expected) in [
            (None, vec![a.clone()], None),
            (None, vec![b.clone()], Some(path("b.keys"))),
            (None, vec![a.clone(), b.clone(), c.clone()], Some(path("b.keys"))),
            (None, vec![c.clone()], None),
            (Some(other.as_path()), vec![b.clone()], Some(other.clone())),
            (Some(Path::new(NONE)), vec![b.clone()], None),
        ] {
            assert_eq!(of(named, &captures, false), expected, "{named:?} {captures:?}");
        }
        write("c.keys", &log);
        assert_eq!(of(None, &[b, c], false), None, "of two, neither");
    }
}
