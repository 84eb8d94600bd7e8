//! Reading untrusted bytes without indexing.

/// The input ended: `needed` more bytes were wanted at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// Offset in the cursor's input at which the read began.
    pub offset: usize,
    /// How many bytes the read wanted beyond what was there.
    pub needed: usize,
}

/// A position in a slice of untrusted bytes. Every read either advances or leaves the cursor where it was.
///
/// ```
/// use egret_model::Cursor;
/// let mut cursor = Cursor::new(&[0x12, 0x34, 0xff]);
/// assert_eq!(cursor.u16_be(), Ok(0x1234));
/// assert_eq!(cursor.rest(), &[0xff]);
/// assert!(cursor.u32_be().is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    input: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0 }
    }

    /// Bytes consumed so far.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest().len()
    }

    /// True when nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// What is left, without consuming it.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.input.get(self.position..).unwrap_or_default()
    }

    /// The next `count` bytes, without consuming them.
    pub fn peek(&self, count: usize) -> Result<&'a [u8], Truncated> {
        let rest = self.rest();
        let short = || Truncated { offset: self.position, needed: count.saturating_sub(rest.len()) };
        rest.get(..count).ok_or_else(short)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let bytes = self.peek(count)?;
        self.position += count;
        Ok(bytes)
    }

    /// Everything that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.position = self.input.len();
        rest
    }

    /// Passes over `count` bytes.
    pub fn skip(&mut self, count: usize) -> Result<(), Truncated> {
        self.take(count).map(|_| ())
    }

    /// A cursor over the next `count` bytes, which this cursor passes over.
    pub fn sub(&mut self, count: usize) -> Result<Cursor<'a>, Truncated> {
        self.take(count).map(Cursor::new)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let position = self.position;
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Truncated { offset: position, needed: N })
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, big-endian.
    pub fn u16_be(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// Two bytes, little-endian.
    pub fn u16_le(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_le_bytes)
    }

    /// Three bytes, big-endian.
    pub fn u24_be(&mut self) -> Result<u32, Truncated> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes, big-endian.
    pub fn u32_be(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// Four bytes, little-endian.
    pub fn u32_le(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn u64_be(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_be_bytes)
    }

    /// Eight bytes, little-endian.
    pub fn u64_le(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_le_bytes)
    }
}
