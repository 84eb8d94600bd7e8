//! How much of the input has been read, for a progress bar on another thread.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Bytes on disk: of compressed captures, compressed bytes.
#[derive(Debug, Default)]
pub struct Progress {
    total: AtomicU64,
    /// A stream, whose length nobody knows, is among the captures.
    endless: AtomicBool,
    consumed: AtomicU64,
}

impl Progress {
    /// Adds a capture of `length` bytes; None is a stream.
    pub(crate) fn expect(&self, length: Option<u64>) {
        match length {
            Some(bytes) => _ = self.total.fetch_add(bytes, Ordering::Relaxed),
            None => self.endless.store(true, Ordering::Relaxed),
        }
    }

    /// Bytes of all captures together; None when one of them is a stream.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        (!self.endless.load(Ordering::Relaxed)).then(|| self.total.load(Ordering::Relaxed))
    }

    /// Bytes read so far. What is not read because of damage counts as read, so that the total is reached.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

/// Counts what is read through it.
pub(crate) struct Counted<R> {
    inner: R,
    /// Bytes that are expected still.
    left: u64,
    progress: Arc<Progress>,
}

impl<R> Counted<R> {
    pub(crate) const fn new(inner: R, length: u64, progress: Arc<Progress>) -> Self {
        Self { inner, left: length, progress }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(bytes as u64);
        self.progress.consumed.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

impl<R> Drop for Counted<R> {
    fn drop(&mut self) {
        self.progress.consumed.fetch_add(self.left, Ordering::Relaxed);
    }
}
