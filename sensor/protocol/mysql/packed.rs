//! The compressed protocol (MySQL internals manual, "Compression"): packets in frames that are compressed each for itself, with zlib
//! or Zstandard.
//!
//! Owns: frames across cuts and gaps. Never does: packets, which begin and end anywhere in the frames.

use crate::zstandard::Zstandard;
use flate2::{Decompress, FlushDecompress, Status};

/// In front of every frame: three bytes of its length, one of sequence, three of the length of its content, which is 0 where that
/// was not compressed.
const HEAD: usize = 7;

/// Bytes put out at once.
const STEP_BYTES: usize = 16 << 10;

/// What comes out of the frames of one side.
pub(super) enum Unpacked<'a> {
    /// The next bytes of packets.
    Content(&'a [u8]),
    /// So many bytes of packets are missing.
    Missing(u64),
    /// So many bytes of frames could not be read.
    Unreadable(u64),
}

/// The frames of one side.
#[derive(Default)]
pub(super) struct Packed {
    /// What has come of a frame's head.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// No frame is known to begin with the next byte.
    lost: bool,
}

/// A frame on its way.
struct Frame {
    /// Bytes of it that have not come.
    left: usize,
    /// Bytes that it will have held.
    content: u64,
    method: Method,
}

enum Method {
    /// Its first byte will tell.
    Unknown,
    Stored,
    Zlib(Box<Decompress>),
    Zstandard(Box<Zstandard>),
    /// It cannot be read, or not any more.
    Broken,
}

impl Packed {
    /// Reads the next bytes. `window`: what Zstandard may hold back at most.
    pub(super) fn push(&mut self, window: u64, data: &[u8], sink: &mut dyn FnMut(Unpacked<'_>)) {
        let mut rest = data;
        if self.lost {
            if !begins(rest) {
                return sink(Unpacked::Unreadable(rest.len() as u64));
            }
            self.lost = false;
        }
        while !rest.is_empty() {
            let Some(frame) = &mut self.frame else {
                let (head, behind) = rest.split_at((HEAD - self.head.len()).min(rest.len()));
                self.head.extend_from_slice(head);
                rest = behind;
                if let &[a, b, c, _, d, e, f] = self.head.as_slice() {
                    self.head.clear();
                    self.frame = Frame::new([a, b, c], [d, e, f]);
                }
                continue;
            };
            let (part, behind) = rest.split_at(frame.left.min(rest.len()));
            rest = behind;
            frame.left -= part.len();
            frame.push(window, part, sink);
            if frame.left == 0 {
                frame.end(sink);
                self.frame = None;
            }
        }
    }

    /// Bytes are missing; returns how many bytes of packets are, if that is known.
    pub(super) fn gap(&mut self, bytes: u64) -> Option<u64> {
        let left = self.frame.as_ref().map_or(0, |frame| frame.left as u64);
        if self.head.is_empty()
            && bytes <= left
            && let Some(frame) = &mut self.frame
        {
            frame.left -= usize::try_from(bytes).unwrap_or_default();
            let missing = match frame.method {
                Method::Stored => {
                    frame.content = frame.content.saturating_sub(bytes);
                    bytes
                }
                _ => std::mem::take(&mut frame.content),
            };
            if !matches!(frame.method, Method::Stored) {
                frame.method = Method::Broken;
            }
            if frame.left == 0 {
                self.frame = None;
            }
            return Some(missing);
        }
        (self.frame, self.lost) = (None, true);
        self.head.clear();
        None
    }
}

impl Frame {
    /// By the lengths in its head; None for an empty one.
    fn new([a, b, c]: [u8; 3], [d, e, f]: [u8; 3]) -> Option<Self> {
        let left = u32::from_le_bytes([a, b, c, 0]) as usize;
        let content = u64::from(u32::from_le_bytes([d, e, f, 0]));
        (left > 0).then_some(match content {
            0 => Self { left, content: left as u64, method: Method::Stored },
            content => Self { left, content, method: Method::Unknown },
        })
    }

    fn push(&mut self, window: u64, data: &[u8], sink: &mut dyn FnMut(Unpacked<'_>)) {
        if let (Method::Unknown, Some(first)) = (&self.method, data.first()) {
            self.method = match first {
                0x28 => Method::Zstandard(Box::new(Zstandard::new(window))),
                _ => Method::Zlib(Box::new(Decompress::new(true))),
            };
        }
        let left = &mut self.content;
        // No more than was promised.
        let mut hand_on = |content: &[u8]| {
            let most = usize::try_from(*left).unwrap_or(usize::MAX).min(content.len());
            let content = content.get(..most).unwrap_or_default();
            *left -= content.len() as u64;
            if !content.is_empty() {
                sink(Unpacked::Content(content));
            }
        };
        let sound = match &mut self.method {
            Method::Stored => {
                hand_on(data);
                true
            }
            Method::Zlib(state) => inflate(state, data, &mut hand_on),
            Method::Zstandard(state) => state.push(data, &mut hand_on),
            Method::Unknown | Method::Broken => false,
        };
        if !sound {
            self.method = Method::Broken;
            sink(Unpacked::Unreadable(data.len() as u64));
        }
    }

    /// All of it has come.
    fn end(&mut self, sink: &mut dyn FnMut(Unpacked<'_>)) {
        if let Method::Zstandard(state) = &mut self.method {
            let left = &mut self.content;
            state.finish(&mut |content| {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(content.len());
                *left -= most as u64;
                sink(Unpacked::Content(content.get(..most).unwrap_or_default()));
            });
        }
        if self.content > 0 {
            sink(Unpacked::Missing(self.content));
        }
    }
}

/// Decompresses the next bytes of a stream. False: it is broken.
fn inflate(state: &mut Decompress, data: &[u8], content: &mut dyn FnMut(&[u8])) -> bool {
    let mut output = vec![0; STEP_BYTES];
    let mut rest = data;
    loop {
        let (read, written) = (state.total_in(), state.total_out());
        let status = state.decompress(rest, &mut output, FlushDecompress::None);
        let read = usize::try_from(state.total_in() - read).unwrap_or(usize::MAX);
        let written = usize::try_from(state.total_out() - written).unwrap_or(usize::MAX);
        rest = rest.get(read..).unwrap_or_default();
        content(output.get(..written).unwrap_or_default());
        match status {
            Err(_) => return false,
            Ok(Status::StreamEnd) => return true,
            Ok(Status::Ok | Status::BufError) => {}
        }
        if written < output.len() && (rest.is_empty() || read == 0) {
            return true;
        }
    }
}

/// Behind lost bytes: is this a frame that is whole, or one that begins like zlib or Zstandard?
fn begins(data: &[u8]) -> bool {
    let Some((&[a, b, c, _, d, e, f], content)) = data.split_first_chunk::<HEAD>() else { return false };
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    let stored = [d, e, f] == [0; 3];
    let marked =
        stored || matches!(content, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]);
    marked && (length == content.len() || !stored && length > content.len())
}
