//! What can be wrong with an input, each as one line that says what to do.

use std::{fmt, io};

/// Where in a capture something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Bytes from the start.
    pub bytes: u64,
    /// They are counted in what a compressed capture unpacks to.
    pub unpacked: bool,
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.unpacked { " of its unpacked content" } else { "" };
        write!(f, "byte {}{of}", self.bytes)
    }
}

/// Why an input, or part of it, could not be read. What precedes the fault has been read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are named by the messages that print them")]
pub enum CaptureError {
    /// The file cannot be opened, or its folder not listed.
    #[error("{name}: cannot be opened: {source}; check the path and its permissions")]
    Open { name: String, source: io::Error },
    /// No byte in it.
    #[error("{name}: is empty; there is nothing to read in it")]
    Empty { name: String },
    /// Its content is of no known capture format.
    #[error(
        "{name}: not a capture, it looks like {looks_like}; give pcap or pcapng, plain or compressed with gzip, zstd or xz"
    )]
    NotACapture { name: String, looks_like: &'static str },
    /// A directory without captures in it or below it.
    #[error("{name}: no captures in this directory; give one that holds pcap or pcapng files")]
    NoCaptures { name: String },
    /// It ends within a record.
    #[error(
        "{name}: cut short at {at}, after packet {packets}: {lost_bytes} bytes of an unfinished record are lost; \
         the packets before it were read, copy the capture again if the original is whole"
    )]
    Truncated { name: String, at: Offset, packets: u64, lost_bytes: u64 },
    /// Its bytes break the rules of its format, or reading or decompressing them failed.
    #[error(
        "{name}: damaged at {at}, after packet {packets}: {reason}; \
         the packets before it were read, nothing after it: repair the capture or copy it again"
    )]
    Damaged { name: String, at: Offset, packets: u64, reason: String, lost_bytes: u64 },
    /// Decryption secrets beyond the limit.
    #[error(
        "{name}: {bytes} bytes of decryption secrets are over the limit and were not kept; split the capture"
    )]
    SecretsOverLimit { name: String, bytes: u64 },
    /// One run takes 65,536 captures.
    #[error("{name}: not read, since one run takes no more than 65536 captures; merge some or run in parts")]
    TooMany { name: String },
}

impl CaptureError {
    /// Bytes of capture known to be lost by this fault; of a compressed or streamed capture, a lower bound.
    #[must_use]
    pub const fn lost_bytes(&self) -> u64 {
        match self {
            Self::Truncated { lost_bytes, .. } | Self::Damaged { lost_bytes, .. } => *lost_bytes,
            _ => 0,
        }
    }
}
