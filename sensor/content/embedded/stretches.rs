//! Long stretches of letters in a text that streams by.
//!
//! Owns: finding them. Never does: what they are.
//!
//! Ordinary text has a blank or a sign every few letters. So a stretch of [`SHORTEST`] letters is looked for from its end: the last
//! byte that is no letter tells where the next one may begin at the earliest, and most of the text is never looked at.

/// Letters of the shortest stretch.
pub(super) const SHORTEST: usize = 256;

/// What is found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stretch<'a> {
    Letters(&'a [u8]),
    End,
}

/// Looks for stretches in a text that streams by.
#[derive(Debug)]
pub(super) struct Stretches {
    is_letter: fn(u8) -> bool,
    /// Letters at the end of what has come, too few yet.
    held: Vec<u8>,
    within: bool,
}

impl Default for Stretches {
    fn default() -> Self {
        Self::of(is_letter)
    }
}

impl Stretches {
    /// Of bytes that are letters by `is_letter`.
    pub(super) const fn of(is_letter: fn(u8) -> bool) -> Self {
        Self { is_letter, held: Vec::new(), within: false }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, mut data: &[u8], sink: &mut dyn FnMut(Stretch<'_>)) {
        while !data.is_empty() {
            if self.within {
                let length = data.iter().position(|byte| !(self.is_letter)(*byte)).unwrap_or(data.len());
                let (letters, rest) = data.split_at(length);
                if !letters.is_empty() {
                    sink(Stretch::Letters(letters));
                }
                data = rest;
                if !rest.is_empty() {
                    self.within = false;
                    sink(Stretch::End);
                }
            } else if let Some(begin) = self.begin(data) {
                let held = std::mem::take(&mut self.held);
                self.within = true;
                if !held.is_empty() {
                    sink(Stretch::Letters(&held));
                }
                data = data.get(begin..).unwrap_or_default();
            } else {
                return;
            }
        }
    }

    /// The text ends here, or bytes are missing.
    pub(super) fn end(&mut self, sink: &mut dyn FnMut(Stretch<'_>)) {
        self.held.clear();
        if std::mem::take(&mut self.within) {
            sink(Stretch::End);
        }
    }

    /// Where a stretch begins in `data`, behind what is held, if it does; else what may begin one at its end is held.
    fn begin(&mut self, data: &[u8]) -> Option<usize> {
        let mut at = 0;
        if !self.held.is_empty() {
            let more = data
                .iter()
                .take(SHORTEST - self.held.len())
                .take_while(|byte| (self.is_letter)(**byte))
                .count();
            if self.held.len() + more == SHORTEST {
                return Some(0);
            }
            if more == data.len() {
                self.held.extend_from_slice(data);
                return None;
            }
            self.held.clear();
            at = more + 1;
        }
        while let Some(window) = data.get(at..at + SHORTEST) {
            match window.iter().rposition(|byte| !(self.is_letter)(*byte)) {
                Some(other) => at += other + 1,
                None => return Some(at),
            }
        }
        let rest = data.get(at..).unwrap_or_default();
        let tail = rest.iter().rposition(|byte| !(self.is_letter)(*byte)).map_or(0, |other| other + 1);
        self.held.extend_from_slice(rest.get(tail..).unwrap_or_default());
        None
    }
}

/// Letters of base64, and of what has fewer.
pub(super) const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stretches(text: &[u8], cut: usize) -> Vec<Vec<u8>> {
        let (mut embedded, mut found, mut open) = (Stretches::default(), Vec::new(), Vec::new());
        let mut sink = |stretch: Stretch<'_>| match stretch {
            Stretch::Letters(letters) => open.extend_from_slice(letters),
            Stretch::End => found.push(std::mem::take(&mut open)),
        };
        for piece in text.chunks(cut) {
            embedded.push(piece, &mut sink);
        }
        embedded.end(&mut sink);
        found
    }

    #[test]
    fn long_stretches_are_found_however_they_come() {
        let letters = "Ab1/".repeat(100);
        let armoured = "abc+".repeat(16) + "\r\n";
        let second = "Q".repeat(300) + "==";
        let (words, armoured) = ("short ".repeat(99), armoured.repeat(9));
        let text =
            format!("var x = atob(\"{letters}\");\n{words}\n-----BEGIN-----\n{second}\nnext --- {armoured}");
        for cut in [1, 7, 255, 256, 257, 100_000] {
            let found = stretches(text.as_bytes(), cut);
            // Lines of 64 letters are too short for the beginning of one.
            assert_eq!(found, [letters.as_bytes(), second.as_bytes()], "in pieces of {cut}");
        }
        assert!(stretches("word ".repeat(1000).as_bytes(), 99).is_empty());
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(parts in prop::collection::vec(("[a-zA-Z0-9+/=]{0,300}", "[ \n,]{0,2}"), 0..8), cut in 1..400_usize) {
            let text: String = parts.into_iter().map(|(letters, other)| letters + &other).collect();
            prop_assert_eq!(stretches(text.as_bytes(), cut), stretches(text.as_bytes(), usize::MAX));
        }
    }
}
