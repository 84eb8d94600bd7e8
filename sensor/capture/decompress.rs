//! Compressed captures: the one place of this crate that touches raw decompressors.
//!
//! Owns: gzip (with members), zstd (with frames) and xz (with streams), recognised by magic and read as streams. Memory is
//! capped by the window a stream may ask for; output is taken block by block, so no ratio can fill memory.
//! Never does: holding a whole stream.

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use std::io::{self, BufReader, Cursor, Read};

/// A source of bytes.
pub(crate) type Source = Box<dyn Read + Send>;

/// What a stream is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Xz,
}

impl Compression {
    /// By the first bytes of a stream (RFC 1952 section 2.3.1, RFC 8878 section 3.1, the .xz file format section 2.1.1).
    pub(crate) fn recognise(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A skippable frame may come first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }

    /// The unpacked bytes of `source`; streams that ask for a window of more than `window_bytes` are refused.
    pub(crate) fn unpack(self, source: Source, window_bytes: usize) -> Source {
        let source = Filling::new(BufReader::with_capacity(INPUT_BYTES, source));
        match self {
            Self::Gzip => gzip(source),
            Self::Zstd => Box::new(Zstd::new(source, window_bytes)),
            Self::Xz => {
                let limit_kib = u32::try_from(window_bytes >> 10).unwrap_or(u32::MAX);
                Box::new(Sips(lzma_rust2::XzReader::new_mem_limit(source, true, limit_kib)))
            }
        }
    }
}

/// Compressed bytes read at once.
const INPUT_BYTES: usize = 64 << 10;
/// Bytes unpacked at once where damage costs all of them.
const OUTPUT_BYTES: usize = 16 << 10;

#[expect(clippy::disallowed_types, reason = "this module is the capped wrapper: deflate's window is 32 KiB")]
fn gzip(source: impl Read + Send + 'static) -> Source {
    Box::new(Sips(flate2::read::MultiGzDecoder::new(source)))
}

/// Reads a little at a time: decoders lose what they have unpacked for a read when that read meets damage.
struct Sips<R>(R);

impl<R: Read> Read for Sips<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(OUTPUT_BYTES);
        self.0.read(buffer.get_mut(..bytes).unwrap_or_default())
    }
}

/// Fills the buffer it is given unless the end is reached: decoders that take a short read for the end exist, and whoever
/// reads in blocks wants whole ones. An error after some bytes is told at the next read.
pub(crate) struct Filling<R> {
    inner: R,
    failure: Option<io::Error>,
}

impl<R> Filling<R> {
    pub(crate) const fn new(inner: R) -> Self {
        Self { inner, failure: None }
    }

    /// The error that made the last read fall short, if it was one.
    pub(crate) const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl<R: Read> Read for Filling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}

/// The frames of a zstd stream, one after the other.
struct Zstd {
    source: Filling<BufReader<Source>>,
    decoder: FrameDecoder,
    /// Why decoding stopped; told once all that precedes it has been read.
    failure: Option<io::Error>,
}

/// A last block without content, and a checksum that is not looked at.
const CLOSING_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl Zstd {
    fn new(source: Filling<BufReader<Source>>, window_bytes: usize) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window_bytes as u64);
        Self { source, decoder, failure: None }
    }

    /// Opens the next frame, past skippable ones; false at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = [0; 4];
            match self.source.read(&mut magic)? {
                0 => return Ok(false),
                4 => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            match self.decoder.reset(Cursor::new(magic).chain(&mut self.source)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Decodes until something can be read. The decoder holds back a window's worth of bytes until its frame ends; when the
    /// frame breaks off, closing it in its stead makes them readable.
    fn decode(&mut self) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let step = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
            if let Err(error) = step {
                self.failure = Some(io::Error::other(error));
                // An empty block cannot fail, and if it did there would be nothing more to read.
                let _closed = self.decoder.decode_blocks(&CLOSING_BLOCK[..], BlockDecodingStrategy::All);
                break;
            }
        }
    }

    fn checksum_holds(&self) -> bool {
        let expected = self.decoder.get_checksum_from_data();
        expected.is_none() || expected == self.decoder.get_calculated_checksum()
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.failure.is_none() {
                self.decode();
            }
            let bytes = self.decoder.read(buffer)?;
            if bytes > 0 || buffer.is_empty() {
                return Ok(bytes);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if !self.checksum_holds() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of a frame is wrong"));
            }
            if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}
