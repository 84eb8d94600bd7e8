//! Egret: a network sensor against data loss.
//!
//! Owns: the process: arguments in, exit status out. Never does: work, which is in `cli` and the stage crates.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

// Thousands of short-lived transfers allocate on several threads: measured a quarter faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
