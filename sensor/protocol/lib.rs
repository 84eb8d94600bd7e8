//! Protocols: from the in-order bytes of a flow to transfers of content and evidence of identity.
//!
//! Owns: recognising a protocol by its bytes, and one folder a protocol. Never does: reassembly, content codings, matching,
//! I/O, clocks, threads. Adding a protocol touches its folder and one line of [`registry`].

#![forbid(unsafe_code)]

mod analyzer;

pub use analyzer::{Analyzer, Context};
