//! Content that comes as one Zstandard frame (RFC 8878), perhaps one without an end.
//!
//! Owns: blocks across cuts. Never does: telling apart what the content holds. What is decoded comes out late: as much as the frame's window is
//! held back until more has come, or the end.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::Read as _;

/// Longest header of a frame (RFC 8878 section 3.1.1.1), bytes.
const LONGEST_HEADER: usize = 18;
/// Longest content of a block (section 3.1.1.2.4), bytes.
const LONGEST_BLOCK: usize = 128 << 10;
/// Bytes that may follow the last block (section 3.1.1).
const CHECKSUM: usize = 4;
/// A last block without content, and a checksum that is not looked at.
const CLOSING_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
/// Bytes put out at once.
const STEP_BYTES: usize = 16 << 10;

/// The decoder of one frame.
pub(crate) struct Zstandard {
    decoder: FrameDecoder,
    /// The header of the frame has come.
    begun: bool,
    /// Bytes of what is not complete.
    held: Vec<u8>,
    /// Bytes behind the last block: a checksum that is not looked at.
    behind: Option<usize>,
    broken: bool,
}

impl Zstandard {
    /// `window`: what a frame may ask to be held back at most, bytes.
    pub(crate) fn new(window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { decoder, begun: false, held: Vec::new(), behind: None, broken: false }
    }

    /// Decodes the next bytes. False: these and all that follow cannot be read.
    pub(crate) fn push(&mut self, data: &[u8], content: &mut dyn FnMut(&[u8])) -> bool {
        if self.broken {
            return false;
        }
        if let Some(behind) = &mut self.behind {
            *behind = behind.saturating_add(data.len());
            return *behind <= CHECKSUM;
        }
        self.held.extend_from_slice(data);
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        self.broken = !self.begin(&mut rest) || !self.blocks(&mut rest, content);
        if let Some(behind) = &mut self.behind {
            *behind = rest.len();
            return rest.len() <= CHECKSUM;
        }
        self.held = rest.to_vec();
        !self.broken
    }

    fn begin(&mut self, rest: &mut &[u8]) -> bool {
        if self.begun {
            return true;
        }
        let mut source = *rest;
        match self.decoder.reset(&mut source) {
            Ok(()) => {
                self.begun = true;
                *rest = source;
                true
            }
            // It may be cut.
            Err(_) => rest.len() < LONGEST_HEADER,
        }
    }

    fn blocks(&mut self, rest: &mut &[u8], content: &mut dyn FnMut(&[u8])) -> bool {
        while self.begun
            && self.behind.is_none()
            && let Some([b1, b2, b3]) = rest.first_chunk::<3>()
        {
            let header = usize::from(*b1) | usize::from(*b2) << 8 | usize::from(*b3) << 16;
            // Of a block that repeats one byte, only that is told (section 3.1.1.2.2).
            let length = if header >> 1 & 3 == 1 { 1 } else { header >> 3 };
            if length > LONGEST_BLOCK {
                return false;
            }
            let Some((block, behind)) = rest.split_at_checked(3 + length) else { break };
            let last = header & 1 == 1;
            // The decoder wants the checksum with the last block, and lets its value be.
            let closed = if last { [block, &[0; CHECKSUM]].concat() } else { Vec::new() };
            let block = if last { closed.as_slice() } else { block };
            let decoded = self.decoder.decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1));
            *rest = behind;
            self.behind = last.then_some(0);
            self.drain(content);
            if decoded.is_err() {
                return false;
            }
        }
        true
    }

    fn drain(&mut self, content: &mut dyn FnMut(&[u8])) {
        let mut buffer = vec![0; STEP_BYTES];
        while let Ok(bytes @ 1..) = self.decoder.read(&mut buffer) {
            content(buffer.get(..bytes).unwrap_or_default());
        }
    }

    /// Nothing more comes: what was held back is content.
    pub(crate) fn finish(&mut self, content: &mut dyn FnMut(&[u8])) {
        if self.begun && self.behind.is_none() {
            // An empty block cannot fail, and if it did there would be nothing more to read.
            let _closed = self.decoder.decode_blocks(&CLOSING_BLOCK[..], BlockDecodingStrategy::All);
        }
        self.drain(content);
        self.broken = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    #[test]
    fn a_frame_is_decoded_however_it_is_cut() {
        let plain: Vec<u8> = (0..40_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let coded = compress_to_vec(plain.as_slice(), CompressionLevel::Fastest);
        for step in [1, 1000, 1 << 20] {
            let mut decoder = Zstandard::new(8 << 20);
            let mut read = Vec::new();
            for piece in coded.chunks(step) {
                assert!(decoder.push(piece, &mut |content| read.extend_from_slice(content)));
            }
            assert!(!decoder.push(b"more", &mut |_| panic!("behind the end")));
            decoder.finish(&mut |content| read.extend_from_slice(content));
            assert!(read == plain, "in pieces of {step}");
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut read = Vec::new();
        assert!(
            !Zstandard::new(1 << 20)
                .push(b"no frame of Zstandard", &mut |content| read.extend_from_slice(content))
        );
        assert!(read.is_empty());
    }
}
