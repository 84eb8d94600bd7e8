//! The secrets of TLS connections, as captures and key logs tell them.
//!
//! Owns: what has been read of them. Never does: reading of captures, decryption.

use egret_capture::Secret;
use egret_protocol::KeyLog;

/// The secrets read so far.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    log: KeyLog,
    blocks: usize,
}

impl Secrets {
    /// All of them, if more were read since the last call. `all`: every block of secrets that was read, in order.
    pub(crate) fn read(&mut self, all: &[Secret]) -> Option<KeyLog> {
        let new = all.get(self.blocks..).unwrap_or_default();
        self.blocks = all.len();
        let logs = new.iter().filter(|secret| secret.kind == Secret::TLS_KEY_LOG);
        let added: usize = logs.map(|secret| self.log.add(&secret.data)).sum();
        (added > 0).then(|| self.log.clone())
    }
}
