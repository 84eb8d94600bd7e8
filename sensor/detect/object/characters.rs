//! Places in characters.
//!
//! Owns: counting from one place to the next. Never does: a count from the start where one from nearby will do.

use std::ops::Range;

/// Counts characters up to positions that mostly lie near each other.
pub(super) struct Characters {
    pub(super) wide: bool,
    /// The last position, and the characters up to it. Without wide text positions are counts, and these stay at the start.
    pub(super) at: usize,
    pub(super) count: u64,
    pub(super) base: u64,
}

impl Characters {
    pub(super) fn at(&mut self, text: &[u8], position: usize) -> u64 {
        if !self.wide {
            return self.base + position as u64;
        }
        if position >= self.at {
            self.count += count(text, self.at..position);
        } else if self.at - position < position {
            self.count -= count(text, position..self.at);
        } else {
            self.count = self.base + count(text, 0..position);
        }
        self.at = position;
        self.count
    }
}

/// Characters that begin in a part of a text: every byte but the continuation bytes of UTF-8 begins one.
fn count(text: &[u8], range: Range<usize>) -> u64 {
    // Chunks whose count fits a byte make vectors.
    let begin = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(byte & 0xc0 != 0x80)).sum::<u8>();
    let chunks = text.get(range).unwrap_or_default().chunks(usize::from(u8::MAX));
    chunks.map(|chunk| u64::from(begin(chunk))).sum()
}
