//! Any text as a signature file, and as the dictionary that it may name: read, checked, compiled, tested, explained.

use egret_detect::SignatureSet;

/// Longest text that is tried as a signature file; longer ones only take longer.
const TEXT_BYTES: usize = 16 << 10;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data.get(..TEXT_BYTES).unwrap_or(data)).into_owned();
    let family = text.contains("signature") || text.contains("override");
    let dictionary = ("fuzz.txt".into(), text.clone());
    let (set, problems) = SignatureSet::from_texts(&[("fuzz.toml".into(), text), dictionary]);
    for problem in &problems {
        assert!(!problem.to_string().is_empty() && !problem.one_line().contains('\n'));
    }
    let dictionary_faults = problems.iter().filter(|problem| problem.file == "fuzz.txt").count();
    let one = set.signatures().is_empty() || problems.len() == dictionary_faults;
    assert!(family || one, "one signature is in force or has a problem");
}
