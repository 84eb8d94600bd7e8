//! The decompressors of container formats, as readers over a slice.
//!
//! Owns: which decoder serves which method, and the memory each may take. Never does: capping of output, which whoever pulls
//! from the reader does by no longer pulling.

use egret_model::{Cursor, Truncated};
use std::io::{self, Read};

/// Largest window or dictionary that a decoder may allocate, in KiB; what needs more fails as malformed. 128 MiB.
const WINDOW_KIB: u32 = 128 << 10;

/// How bytes were compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Not at all.
    Stored,
    /// RFC 1951.
    Deflate,
    /// Deflate with a 64 KiB window.
    Deflate64,
    /// RFC 1950.
    Zlib,
    /// gzip members, one after the other (RFC 1952).
    Gzip,
    /// One or more bzip2 streams.
    Bzip2,
    /// One or more Zstandard frames (RFC 8878).
    Zstandard,
    /// One or more xz streams.
    Xz,
    /// Raw LZMA behind the four-byte header and five properties of APPNOTE section 5.8.8.
    ZipLzma {
        /// Uncompressed size, where the container knows it.
        size: Option<u64>,
    },
}

/// A reader of what `data` decompresses to. Errors surface from its `read`.
pub(crate) fn decoder(method: Method, data: &[u8]) -> Box<dyn Read + '_> {
    match method {
        Method::Stored => Box::new(data),
        Method::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(data)),
        Method::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(data)),
        Method::Deflate64 => Box::new(deflate64::Deflate64Decoder::with_buffer(data)),
        Method::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(data)),
        Method::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(data)),
        Method::Zstandard => Box::new(Frames { data, frame: None }),
        Method::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(data, true, WINDOW_KIB)),
        Method::ZipLzma { size } => match zip_lzma(data, size) {
            Ok(reader) => Box::new(reader),
            Err(error) => Box::new(Failed(Some(error))),
        },
    }
}

/// APPNOTE section 5.8.8: version (2 bytes), length of the properties (2), properties byte, dictionary size (4).
fn zip_lzma(data: &[u8], size: Option<u64>) -> io::Result<lzma_rust2::LzmaReader<&[u8]>> {
    let mut cursor = Cursor::new(data);
    let truncated = |_: Truncated| io::Error::from(io::ErrorKind::UnexpectedEof);
    cursor.skip(2).map_err(truncated)?;
    let properties_length = cursor.u16_le().map_err(truncated)?;
    let mut properties = cursor.sub(properties_length.into()).map_err(truncated)?;
    let byte = properties.u8().map_err(truncated)?;
    let dictionary = properties.u32_le().map_err(truncated)?;
    if dictionary > WINDOW_KIB << 10 {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    lzma_rust2::LzmaReader::new_with_props(cursor.rest(), size.unwrap_or(u64::MAX), byte, dictionary, None)
}

/// A reader that only fails, once.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[expect(clippy::disallowed_types, reason = "this is the module that wraps it")]
type Frame<'a> = ruzstd::decoding::StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>;

/// Zstandard frames one after the other; skippable frames (RFC 8878 section 3.1.2) are passed over.
struct Frames<'a> {
    data: &'a [u8],
    frame: Option<Box<Frame<'a>>>,
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.data = *frame.get_ref();
                self.frame = None;
            }
            self.data = after_skippable_frames(self.data);
            if self.data.is_empty() {
                return Ok(0);
            }
            let frame = Frame::new(self.data).map_err(io::Error::other)?;
            self.frame = Some(Box::new(frame));
        }
    }
}

/// `data` from the first frame on that is not skippable (magic 0x184D2A5?, RFC 8878 section 3.1.2).
fn after_skippable_frames(data: &[u8]) -> &[u8] {
    let mut cursor = Cursor::new(data);
    loop {
        let rest = cursor.rest();
        let skipped = match cursor.u32_le() {
            Ok(magic) if magic & 0xffff_fff0 == 0x184d_2a50 => {
                cursor.u32_le().and_then(|length| cursor.skip(length as usize))
            }
            _ => return rest,
        };
        if skipped.is_err() {
            return &[];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skippable_frames_are_passed_over() {
        assert_eq!(after_skippable_frames(b"\x50\x2a\x4d\x18\x02\0\0\0xxrest"), b"rest");
        assert_eq!(after_skippable_frames(b"\x5f\x2a\x4d\x18\x09\0\0\0xx"), b"");
        assert_eq!(after_skippable_frames(b"plain"), b"plain");
    }

    #[test]
    fn damaged_input_is_an_error_not_a_panic() {
        let methods = [
            Method::Deflate,
            Method::Deflate64,
            Method::Gzip,
            Method::Bzip2,
            Method::Zstandard,
            Method::Xz,
            Method::ZipLzma { size: None },
            Method::ZipLzma { size: Some(9) },
        ];
        for method in methods {
            let mut out = Vec::new();
            let result = decoder(method, b"\xff\xfe\xfd\xfc not compressed at all, whatever it says")
                .read_to_end(&mut out);
            assert!(result.is_err(), "{method:?}");
        }
    }
}
