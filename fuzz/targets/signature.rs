//! Any text as a signature file: read, checked, compiled, tested, explained.

use egret_detect::SignatureSet;

/// Longest text that is tried as a signature file; longer ones only take longer.
const TEXT_BYTES: usize = 16 << 10;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data.get(..TEXT_BYTES).unwrap_or(data)).into_owned();
    let (set, problems) = SignatureSet::from_texts(&[("fuzz.toml".into(), text)]);
    for problem in &problems {
        assert!(!problem.to_string().is_empty() && !problem.one_line().contains('\n'));
    }
    assert!(set.signatures().is_empty() || problems.is_empty(), "one file is one signature or one problem");
}
