//! Compressed rich text ([MS-OXRTFCP]).
//!
//! Owns: expanding it. Never does: reading of the text.

use crate::Output;
use egret_model::{Cursor, ObjectState, Truncated};

/// What the window holds before the first byte (section 2.1.2.1).
const BEGINNING: &[u8; 207] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Bytes of the window (section 2.2).
const WINDOW: usize = 4096;

/// `LZFu` and `MELA` (section 2.1.3.1).
const COMPRESSED: u32 = 0x7546_5a4c;
const PLAIN: u32 = 0x414c_454d;

/// Hands the text to the object that is open, and says what became of it.
pub(super) fn expand(data: &[u8], output: &mut dyn Output) -> ObjectState {
    let mut rest = Cursor::new(data);
    let head = |rest: &mut Cursor<'_>| -> Result<(usize, u32), Truncated> {
        rest.skip(4)?;
        let size = rest.u32_le()? as usize;
        let method = rest.u32_le()?;
        rest.skip(4)?;
        Ok((size, method))
    };
    match head(&mut rest) {
        Ok((size, PLAIN)) => {
            let text = rest.rest().get(..size).unwrap_or(rest.rest());
            super::hand_over(text, text.len() < size, output)
        }
        Ok((size, COMPRESSED)) => Window::new(output).expand(rest, size),
        Ok(_) => ObjectState::Malformed,
        Err(_) => ObjectState::Partial,
    }
}

/// The last bytes that came out, in a ring.
struct Window<'o> {
    ring: Box<[u8; WINDOW]>,
    place: usize,
    /// Of those, what has not been handed on.
    pending: Vec<u8>,
    written: usize,
    output: &'o mut dyn Output,
}

impl<'o> Window<'o> {
    fn new(output: &'o mut dyn Output) -> Self {
        let mut ring = Box::new([b' '; WINDOW]);
        for (to, from) in ring.iter_mut().zip(BEGINNING) {
            *to = *from;
        }
        Self { ring, place: BEGINNING.len(), pending: Vec::new(), written: 0, output }
    }

    /// Runs of eight tokens behind a byte that tells which of them are references (section 2.2.2.2).
    fn expand(mut self, mut rest: Cursor<'_>, size: usize) -> ObjectState {
        let state = 'tokens: loop {
            let Ok(kinds) = rest.u8() else { break ObjectState::Partial };
            for bit in 0..8 {
                if kinds >> bit & 1 == 0 {
                    let Ok(byte) = rest.u8() else { break 'tokens ObjectState::Partial };
                    self.write(byte);
                } else {
                    let Ok(reference) = rest.u16_be() else { break 'tokens ObjectState::Partial };
                    let (from, length) = (usize::from(reference >> 4), usize::from(reference & 15) + 2);
                    // A reference to what is not yet written is the end.
                    if from == self.place {
                        break 'tokens ObjectState::Inspected;
                    }
                    for at in from..from + length {
                        let byte = self.ring.get(at % WINDOW).copied().unwrap_or_default();
                        self.write(byte);
                    }
                }
            }
            if self.pending.len() >= WINDOW && !self.flush() {
                return ObjectState::OverLimit;
            }
        };
        if !self.flush() {
            return ObjectState::OverLimit;
        }
        // Some writers leave out the end.
        if self.written >= size { ObjectState::Inspected } else { state }
    }

    fn write(&mut self, byte: u8) {
        if let Some(slot) = self.ring.get_mut(self.place) {
            *slot = byte;
        }
        self.place = (self.place + 1) % WINDOW;
        self.pending.push(byte);
    }

    fn flush(&mut self) -> bool {
        self.written += self.pending.len();
        let taken = self.output.data(&self.pending);
        self.pending.clear();
        taken
    }
}
