//! Decompression of a stream or of the messages of one (RFC 7692 section 7.2.2, RFC 4978).
//!
//! Owns: one window over all messages of a direction; it does no harm where the sender begins anew with each.
//! Never does: holding content: what comes out is handed on in small pieces.

use flate2::{Decompress, FlushDecompress, Status};

/// What the sender has cut off the end of each message.
pub(crate) const MESSAGE_END: [u8; 4] = [0, 0, 0xff, 0xff];

/// Bytes put out at once.
const STEP_BYTES: usize = 16 << 10;

/// The decompressor of one direction.
pub(crate) struct Inflate {
    /// None once it is broken.
    state: Option<Decompress>,
    output: Vec<u8>,
}

impl Default for Inflate {
    fn default() -> Self {
        Self { state: Some(Decompress::new(false)), output: vec![0; STEP_BYTES] }
    }
}

impl Inflate {
    /// Decompresses the next bytes. False: these and all that follow cannot be read.
    pub(crate) fn push(&mut self, data: &[u8], content: &mut impl FnMut(&[u8])) -> bool {
        let Some(state) = &mut self.state else { return false };
        let mut rest = data;
        loop {
            let (read, written) = (state.total_in(), state.total_out());
            let status = state.decompress(rest, &mut self.output, FlushDecompress::Sync);
            let read = usize::try_from(state.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(state.total_out() - written).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
            if written > 0 {
                content(self.output.get(..written).unwrap_or_default());
            }
            match status {
                Err(_) => {
                    self.state = None;
                    return false;
                }
                // A sender may close the stream; the next bytes begin another.
                Ok(Status::StreamEnd) => state.reset(false),
                Ok(Status::Ok | Status::BufError) => {}
            }
            if written < self.output.len() && (rest.is_empty() || read == 0) {
                return true;
            }
        }
    }

    /// Bytes are missing: the window is no longer what the sender has.
    pub(crate) fn lose(&mut self) {
        self.state = None;
    }
}
