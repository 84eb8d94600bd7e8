//! Any bytes as what loading of signatures has kept, as they are and with a head that fits them: no panic, and what was read is written so that
//! it can be read again. Such bytes lie in a folder of the user's, where something else may have written.

use egret_detect::Kept;
use sha2::{Digest as _, Sha256};

/// Bytes of the checksum before the payload.
const CHECKSUM: usize = 32;

pub(crate) fn run(data: &[u8]) {
    let _ = Kept::read(data);
    // What this build writes of nothing: its head, a checksum and two empty lists.
    let empty = Kept::default().to_bytes();
    let head = empty.get(..empty.len() - CHECKSUM - 2).unwrap_or_default();
    let sealed = [head, &Sha256::digest(data), data].concat();
    if let Some(kept) = Kept::read(&sealed) {
        assert!(!kept.has_news(), "nothing was loaded");
        let written = kept.to_bytes();
        assert!(Kept::read(&written).is_some_and(|kept| kept.to_bytes() == written));
    }
}
