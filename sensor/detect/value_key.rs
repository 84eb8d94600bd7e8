//! Tokens of values: names by which a value can be excepted without anybody writing it down.
//!
//! Owns: the key, which lies in the user's folder of signatures and nowhere else, and the tokens: whoever holds records but not the
//! key learns nothing of the values, however few there may be. Never does: anything with values beyond that.

use crate::{engine::normal_value, validators::ValueForm};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::{fmt::Write as _, fs, io, path::Path};

/// Bytes of the key, drawn from the system's generator.
const KEY_BYTES: usize = 32;
/// Bytes of a token: 96 bits, so that no two values of a company share one.
const TOKEN_BYTES: usize = 12;

/// A key for tokens of values.
#[derive(Clone)]
pub struct ValueKey([u8; KEY_BYTES]);

impl std::fmt::Debug for ValueKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ValueKey")
    }
}

impl ValueKey {
    /// Its file in a folder of signatures.
    pub const FILE: &str = ".egret-value-key";

    /// The key of a folder, if it has one that can be read: 64 hexadecimal digits.
    #[must_use]
    pub fn of_folder(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(Self::FILE)).ok()?;
        let text = text.trim();
        let digits = text
            .as_bytes()
            .chunks(2)
            .map(|pair| str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()));
        let bytes: Vec<u8> = digits.collect::<Option<_>>()?;
        bytes.try_into().ok().map(Self)
    }

    /// From bytes of a good generator.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Writes the key into a folder that has none, readable by its owner only.
    pub fn store(&self, folder: &Path) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(folder.join(Self::FILE))?;
        io::Write::write_all(&mut file, format!("{}\n", hexadecimal(&self.0)).as_bytes())
    }

    /// The token of a value: the same for every way of writing it.
    pub(crate) fn token(&self, form: ValueForm, matched: &[u8]) -> String {
        let mut value = Vec::new();
        normal_value(form, matched, &mut value);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&value);
        let full = mac.finalize().into_bytes();
        hexadecimal(full.get(..TOKEN_BYTES).unwrap_or_default())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_depend_on_the_key_and_not_on_the_writing() {
        let (one, other) = (ValueKey::new([1; 32]), ValueKey::new([2; 32]));
        let token = one.token(ValueForm::Digits, b"4539 1488 0343 6467");
        assert_eq!(token, one.token(ValueForm::Digits, b"4539-1488-0343-6467"));
        assert_ne!(token, other.token(ValueForm::Digits, b"4539148803436467"));
        assert_eq!(token.len(), 2 * TOKEN_BYTES);
    }
}
