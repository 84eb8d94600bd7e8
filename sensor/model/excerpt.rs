//! Excerpts: what stood around a match, in clear text, on its way into the seal.
//!
//! Owns: a text that cannot be printed, logged or serialised by accident. Never does: sealing, which is `output`'s.

use std::fmt;

/// Clear text of a content. Shows nothing of itself but its length; who takes it out seals it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClearText(Vec<u8>);

impl ClearText {
    /// Closes over `bytes`.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The text itself, for a seal.
    #[must_use]
    pub fn to_be_sealed(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ClearText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of clear text", self.0.len())
    }
}

/// What stood around one match of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Index of the case.
    pub case: usize,
    /// Index of the finding within the case.
    pub finding: usize,
    /// Index of the match within the finding.
    pub matched: usize,
    /// Text before the match.
    pub before: ClearText,
    /// The match.
    pub text: ClearText,
    /// Text after the match; empty where the match was cut.
    pub after: ClearText,
    /// The match is longer than what is shown of it.
    pub cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_does_not_show_itself() {
        let shown = format!("{:?}", ClearText::new(b"4539 1488 0343 6467".to_vec()));
        assert_eq!(shown, "19 bytes of clear text");
    }
}
