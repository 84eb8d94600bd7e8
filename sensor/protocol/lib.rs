//! Protocols: from the in-order bytes of a flow to transfers of content and evidence of identity.
//!
//! Owns: recognising a protocol by its bytes, and one folder a protocol. Never does: reassembly, content codings, matching,
//! I/O, clocks, threads. Adding a protocol touches its folder and one line of `registry.rs`.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod account;
mod analyzer;
mod dhcp;
mod engine;
mod expected;
mod ftp;
mod http1;
mod line_ends;
mod lines;
mod names;
mod quic;
mod raw;
mod recognise;
mod registry;
mod shared;
mod smtp;
mod ssh;
#[cfg(test)]
mod testing;
mod tftp;
mod tls;
mod websocket;

pub use analyzer::{Analyzer, Context, Nesting, Successor};
pub use engine::{Engine, Session};
pub use shared::Shared;
