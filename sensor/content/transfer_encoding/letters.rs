//! Bytes written in hexadecimal digits, as dumps and source code have them, in base 32, or in base 64 for addresses (RFC 4648 sections 5, 6
//! and 8).
//!
//! Owns: undoing both as they stream by. Never does: judging whether something is written so.

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Hexadecimal,
    Base32,
    Base64Url,
}

/// A decoder. What is no letter stands between them.
pub(super) struct Letters {
    alphabet: Alphabet,
    /// Bits that do not make a byte yet.
    value: u16,
    count: u8,
    decoded: Vec<u8>,
}

impl Letters {
    pub(super) const fn new(alphabet: Alphabet) -> Self {
        Self { alphabet, value: 0, count: 0, decoded: Vec::new() }
    }

    pub(super) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.decoded.clear();
        let bits = self.alphabet.bits();
        for byte in data {
            match self.alphabet.value(*byte) {
                Some(value) => {
                    self.value = self.value << bits | u16::from(value);
                    self.count += bits;
                    if self.count >= 8 {
                        self.count -= 8;
                        self.decoded.push((self.value >> self.count) as u8);
                        self.value &= (1 << self.count) - 1;
                    }
                }
                // The zero of `0x` is no digit.
                None if self.alphabet == Alphabet::Hexadecimal && byte.eq_ignore_ascii_case(&b'x') => {
                    self.reset();
                }
                None => {}
            }
        }
        if !self.decoded.is_empty() {
            sink(&self.decoded);
        }
    }

    /// Letters are missing: what comes behind them begins anew. Gives the bytes that `letters` stand for.
    pub(super) const fn gap(&mut self, letters: u64) -> u64 {
        self.reset();
        letters / 8 * self.alphabet.bits() as u64
    }

    /// False when a byte is not whole.
    pub(super) const fn finish(&mut self) -> bool {
        let whole = self.value == 0;
        self.reset();
        whole
    }

    const fn reset(&mut self) {
        (self.value, self.count) = (0, 0);
    }
}

impl Alphabet {
    const fn bits(self) -> u8 {
        match self {
            Self::Hexadecimal => 4,
            Self::Base32 => 5,
            Self::Base64Url => 6,
        }
    }

    pub(super) const fn value(self, letter: u8) -> Option<u8> {
        let lower = letter.to_ascii_lowercase();
        match (self, if matches!(self, Self::Base64Url) { letter } else { lower }) {
            (Self::Base64Url, b'A'..=b'Z') => Some(letter - b'A'),
            (Self::Base64Url, b'a'..=b'z') => Some(letter - b'a' + 26),
            (Self::Base64Url, b'0'..=b'9') => Some(letter - b'0' + 52),
            (Self::Base64Url, b'-') => Some(62),
            (Self::Base64Url, b'_') => Some(63),
            (Self::Hexadecimal, b'0'..=b'9') => Some(lower - b'0'),
            (Self::Hexadecimal, b'a'..=b'f') => Some(lower - b'a' + 10),
            (Self::Base32, b'a'..=b'z') => Some(lower - b'a'),
            (Self::Base32, b'2'..=b'7') => Some(lower - b'2' + 26),
            _ => None,
        }
    }

    /// What may stand between letters.
    pub(super) const fn separates(self, byte: u8) -> bool {
        match self {
            Self::Hexadecimal => {
                byte.is_ascii_whitespace()
                    || matches!(
                        byte,
                        b',' | b';'
                            | b':'
                            | b'-'
                            | b'"'
                            | b'\''
                            | b'\\'
                            | b'x'
                            | b'X'
                            | b'{'
                            | b'}'
                            | b'['
                            | b']'
                    )
            }
            Self::Base32 | Self::Base64Url => matches!(byte, b'\r' | b'\n' | b'='),
        }
    }
}
