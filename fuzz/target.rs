//! One libFuzzer program for every target: EGRET_FUZZ_TARGET names which.
//!
//! Owns: the entry point. Never does: parsing.

#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<egret_fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("EGRET_FUZZ_TARGET").unwrap_or_default();
    let known = egret_fuzz::TARGETS.iter().find(|(target, _)| *target == name);
    let names: Vec<&str> = egret_fuzz::TARGETS.iter().map(|(target, _)| *target).collect();
    known.unwrap_or_else(|| panic!("EGRET_FUZZ_TARGET must be one of: {}", names.join(", "))).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
