//! Fuzz targets: one function per parser of untrusted bytes, shared by libFuzzer and by the replay of the corpus.
//!
//! Owns: the targets and their registry. Never does: parsing of its own.

#![forbid(unsafe_code)]

mod targets {
    pub(super) mod capture;
    pub(super) mod content;
    pub(super) mod databases;
    pub(super) mod decode;
    pub(super) mod dhcp;
    mod dialogue;
    pub(super) mod dns;
    pub(super) mod engine;
    pub(super) mod feed;
    pub(super) mod fingerprint;
    pub(super) mod formats;
    pub(super) mod ftp;
    pub(super) mod hostname;
    pub(super) mod http1;
    pub(super) mod http2;
    pub(super) mod identity;
    pub(super) mod kept;
    pub(super) mod link;
    pub(super) mod mailbox;
    pub(super) mod matcher;
    pub(super) mod quic;
    #[cfg(target_os = "linux")]
    pub(super) mod ring;
    pub(super) mod scan;
    pub(super) mod signature;
    pub(super) mod smb;
    pub(super) mod smtp;
    pub(super) mod stream;
    pub(super) mod tftp;
    pub(super) mod tls;
}

/// A target: takes any bytes, must return without panic, hang or unbounded memory.
pub type Target = fn(&[u8]);

/// Every target by name; its corpus lies in `fuzz/corpus/NAME/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("capture", targets::capture::run),
    ("content", targets::content::run),
    ("databases", targets::databases::run),
    ("decode", targets::decode::run),
    ("dhcp", targets::dhcp::run),
    ("dns", targets::dns::run),
    ("engine", targets::engine::run),
    ("feed", targets::feed::run),
    ("fingerprint", targets::fingerprint::run),
    ("formats", targets::formats::run),
    ("ftp", targets::ftp::run),
    ("hostname", targets::hostname::run),
    ("http1", targets::http1::run),
    ("http2", targets::http2::run),
    ("identity", targets::identity::run),
    ("kept", targets::kept::run),
    ("link", targets::link::run),
    ("mailbox", targets::mailbox::run),
    ("matcher", targets::matcher::run),
    ("quic", targets::quic::run),
    #[cfg(target_os = "linux")]
    ("ring", targets::ring::run),
    ("scan", targets::scan::run),
    ("signature", targets::signature::run),
    ("smb", targets::smb::run),
    ("smtp", targets::smtp::run),
    ("stream", targets::stream::run),
    ("tftp", targets::tftp::run),
    ("tls", targets::tls::run),
];
