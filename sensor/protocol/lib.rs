//! Protocols: from the in-order bytes of a flow to transfers of content and evidence of identity.
//!
//! Owns: recognising a protocol by its bytes, and one folder a protocol. Never does: reassembly, content codings, matching,
//! I/O, clocks, threads. Adding a protocol touches its folder and one line of `registry.rs`.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod account;
mod analyzer;
mod cookies;
mod dcerpc;
mod dhcp;
mod dns;
mod engine;
mod expected;
mod ftp;
mod gathered;
mod hostname;
mod http;
mod http1;
mod http2;
mod http3;
mod imap;
mod in_order;
mod inflate;
mod inner_flow;
mod irc;
mod kerberos;
mod key_log;
mod ldap;
mod line_ends;
mod lines;
mod link;
mod logins;
mod lpd;
mod mailbox;
mod mysql;
mod names;
mod nfs;
mod ntlm;
mod pop3;
mod postgresql;
mod ptunnel;
mod quic;
mod radius;
mod raw;
mod rdp;
mod recognise;
mod registry;
mod rounds;
mod rsync;
mod sasl;
mod shared;
mod sip;
mod smb;
mod smtp;
mod socks;
mod ssh;
mod statements;
mod tacacs;
mod tds;
mod telnet;
#[cfg(test)]
mod testing;
mod tftp;
mod tls;
mod tns;
mod unstuff;
mod websocket;
mod witness;
mod zstandard;

pub use analyzer::{Analyzer, Context, Nesting, Successor};
pub use engine::{Engine, Session};
pub use key_log::KeyLog;
pub use link::LinkWatch;
pub use shared::Shared;
