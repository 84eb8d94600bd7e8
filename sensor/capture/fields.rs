//! Fields in the byte order of the machine that wrote the capture.

use egret_model::{Cursor, Truncated};

/// The byte order of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

/// Reads numbers in one byte order.
pub(crate) struct Fields<'a> {
    cursor: Cursor<'a>,
    order: ByteOrder,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(input: &'a [u8], order: ByteOrder) -> Self {
        Self { cursor: Cursor::new(input), order }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Truncated> {
        match self.order {
            ByteOrder::Little => self.cursor.u16_le(),
            ByteOrder::Big => self.cursor.u16_be(),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Truncated> {
        match self.order {
            ByteOrder::Little => self.cursor.u32_le(),
            ByteOrder::Big => self.cursor.u32_be(),
        }
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Truncated> {
        match self.order {
            ByteOrder::Little => self.cursor.u64_le(),
            ByteOrder::Big => self.cursor.u64_be(),
        }
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Truncated> {
        self.cursor.take(bytes)
    }

    pub(crate) fn skip(&mut self, bytes: usize) -> Result<(), Truncated> {
        self.cursor.skip(bytes)
    }

    pub(crate) fn position(&self) -> usize {
        self.cursor.position()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.cursor.remaining()
    }
}
