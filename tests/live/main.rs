//! Live capture in network namespaces that the tests make themselves: no packet leaves the machine, or comes from elsewhere.
//!
//! This needs root, `ip`, `tcpreplay`, `tcpdump`, `curl` and Python. Where something is missing, the tests say so aloud and pass.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod network;
mod run;
mod sensor;
mod sources;
