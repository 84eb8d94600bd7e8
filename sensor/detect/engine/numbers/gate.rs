//! Passes over text with few digits at many bytes a cycle.
//!
//! Owns: telling the groups of digits of some chunks of text. Never does: looking at what they are.

use super::BATCH;
use crate::engine::instructions::{CHUNK, Classes, Work};

/// A group of digits in a piece of text, after which as many digits come as a number may have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    /// Where it begins in the piece.
    pub(super) at: u16,
    /// Its digits in the chunk that it begins in.
    pub(super) length: u8,
    /// Digits from its first one on that a number may take.
    pub(super) coming: u8,
}

/// Most groups of [`BATCH`] chunks: every other byte is a digit.
pub(super) const MOST_GROUPS: usize = BATCH * CHUNK / 2;

/// Tells the groups of digits that begin in [`BATCH`] chunks.
pub(super) struct Gate<'a> {
    pub(super) text: &'a [u8],
    /// Whether the byte before the text is a digit.
    pub(super) inside: bool,
    /// Groups with fewer digits to come are left out.
    pub(super) fewest: u32,
    pub(super) groups: &'a mut [Group; MOST_GROUPS],
}

impl Work for Gate<'_> {
    /// How many there are.
    type Output = usize;

    #[inline(always)]
    fn run(self, classes: impl Classes) -> usize {
        let (chunks, rest) = self.text.as_chunks::<CHUNK>();
        let mut padded = [0; CHUNK];
        padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let chunk =
            |index| chunks.get(index).unwrap_or(if index == chunks.len() { &padded } else { &[0; CHUNK] });
        let (mut count, mut inside, mut ahead) = (0, u64::from(self.inside), classes.digits(chunk(0)));
        for index in 0..BATCH.min(chunks.len() + 1) {
            let bits = ahead;
            ahead = classes.digits(chunk(index + 1));
            let mut starts = bits & !(bits << 1 | inside);
            inside = bits >> (CHUNK - 1);
            while starts != 0 {
                let bit = starts.trailing_zeros();
                starts &= starts - 1;
                // As many bytes from there on as a number may take.
                let coming = (bits >> bit | ahead << 1 << (CHUNK as u32 - 1 - bit)).count_ones();
                if coming >= self.fewest
                    && let Some(group) = self.groups.get_mut(count)
                {
                    let length = (bits >> bit).trailing_ones();
                    *group = Group {
                        at: (index * CHUNK) as u16 + bit as u16,
                        length: length as u8,
                        coming: coming as u8,
                    };
                    count += 1;
                }
            }
        }
        count
    }
}
