//! Keeps the house in order: what the invariants of sensor/README.md say, where a test can see it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

/// Stages in the order in which data flows; `model` stands before and `pipeline` behind all of them.
const STAGES: [&str; 11] = [
    "capture", "decode", "stream", "protocol", "content", "detect", "identity", "behavior", "incident",
    "store", "output",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["sensor", "fuzz", "benches"] {
        sources(&support::file(folder), &mut found);
    }
    found.sort();
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).expect("UTF-8 source"))).collect()
}

#[test]
fn a_stage_depends_on_the_model_and_on_no_other_stage() {
    for stage in STAGES {
        let manifest = fs::read_to_string(support::file(&format!("sensor/{stage}/Cargo.toml"))).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for other in STAGES.iter().chain(&["pipeline"]).filter(|other| **other != stage) {
            assert!(!dependencies.contains(&format!("egret-{other}")), "{stage} depends on {other}");
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_but_in_the_modules_named_here() {
    /// The crate, which denies it in its root; the file that expects it, and how often.
    const EXCEPTIONS: [(&str, &str, usize); 2] = [
        ("capture", "sensor/capture/live/linux/mod.rs", 1),
        ("detect", "sensor/detect/engine/instructions.rs", 2),
    ];
    for member in STAGES.iter().chain(&["model", "context", "pipeline", "sandbox"]) {
        let text = fs::read_to_string(support::file(&format!("sensor/{member}/lib.rs"))).unwrap();
        let exception = EXCEPTIONS.iter().find(|(name, ..)| name == member);
        let rule = if exception.is_some() { "#![deny(unsafe_code)]" } else { "#![forbid(unsafe_code)]" };
        assert!(text.contains(rule), "{member}");
    }
    for (path, text) in all_sources() {
        let exceptions =
            text.matches("expect(unsafe_code").count() + text.matches("allow(unsafe_code").count();
        let expected = EXCEPTIONS.iter().find(|(_, file, _)| path == support::file(file));
        assert_eq!(exceptions, expected.map_or(0, |(.., count)| *count), "{}", path.display());
    }
}

#[test]
fn every_module_says_what_it_owns() {
    let mute: Vec<PathBuf> = all_sources()
        .into_iter()
        .filter(|(path, text)| !text.starts_with("//!") && !path.ends_with("tests.rs"))
        .map(|(path, _)| path)
        .collect();
    assert!(mute.is_empty(), "no module documentation: {mute:?}");
}

#[test]
fn nothing_is_left_behind() {
    for (path, text) in all_sources() {
        for word in ["TODO", "FIXME", "XXX:", "dbg!(", "todo!(", "unimplemented!("] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn stages_own_no_thread_and_read_no_clock() {
    for (path, text) in all_sources() {
        let stage = STAGES.iter().any(|stage| path.starts_with(support::file(&format!("sensor/{stage}"))));
        // Interfaces are looked at now and then, whether packets come or not.
        let waits_for_interfaces = path == support::file("sensor/capture/live/pace.rs");
        let is_test =
            path.ends_with("tests.rs") || path.parent().is_some_and(|folder| folder.ends_with("tests"));
        if stage && !waits_for_interfaces && !is_test {
            for word in ["std::thread", "SystemTime::now", "Instant::now"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}
