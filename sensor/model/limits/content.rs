//! Limits of the `content` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `content` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContentLimits {
    /// Containers within containers; a deeper object is over-limit. Mails and multiparts, which expand nothing, may nest sixteen
    /// times as deep. Default 8.
    pub depth: usize,
    /// Objects unpacked from one transfer; further ones are over-limit. Default 10,000.
    pub objects: usize,
    /// Bytes of one unpacked object that are read. Default 256 MiB.
    pub object_bytes: u64,
    /// Unpacked bytes of one transfer, all objects together. Default 1 GiB.
    pub transfer_bytes: u64,
    /// Unpacked bytes per packed byte, once a megabyte has come out; beyond it the object is over-limit. Default 1,000.
    pub ratio: u64,
    /// Largest container held in memory to be unpacked whole; a larger one is hashed, scanned raw and over-limit. Default 64 MiB.
    pub buffer_bytes: usize,
    /// Memory that one shard keeps of documents it has read, for the next ones; what is over is given back. Default 2 MiB.
    pub spare_bytes: usize,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self {
            depth: 8,
            objects: 10_000,
            object_bytes: 256 << 20,
            transfer_bytes: 1 << 30,
            ratio: 1_000,
            buffer_bytes: 64 << 20,
            spare_bytes: 2 << 20,
        }
    }
}
