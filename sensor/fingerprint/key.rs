//! The key that makes an index useless to whoever steals it, and the keyed hashes.
//!
//! Owns: the form of a key file, derivation of a key for each purpose, SipHash under it. Never does: files.

use crate::IndexError;
use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;
use std::fmt;

/// What a key file begins with.
const PREFIX: &str = "egret-key-1 ";

/// The secret of a set of indexes: 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// Tells keys apart without telling anything about them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 8]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Key {
    /// A new key from the system's source of randomness.
    pub fn random() -> Result<Self, IndexError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the text of a key file.
    ///
    /// ```
    /// use egret_fingerprint::Key;
    /// let key = Key::from_bytes([7; 32]);
    /// assert_eq!(Key::parse(&key.to_file()).unwrap(), key);
    /// ```
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(IndexError::NotAKey)?.trim();
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(IndexError::NotAKey);
        }
        for (slot, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| IndexError::NotAKey)?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| IndexError::NotAKey)?;
        }
        Ok(Self(bytes))
    }

    /// The text of a key file; to be readable by its owner alone.
    #[must_use]
    pub fn to_file(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{PREFIX}{digits}\n")
    }

    /// Tells this key from others.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut id = [0; 8];
        id.copy_from_slice(self.derive(b"id").first_chunk::<8>().unwrap_or(&[0; 8]));
        KeyId(id)
    }

    /// A hash function of its own for a purpose.
    pub(crate) fn hasher(&self, purpose: &[u8]) -> Hasher {
        let derived = self.derive(purpose);
        Hasher(SipHasher24::new_with_key(derived.first_chunk::<16>().unwrap_or(&[0; 16])))
    }

    fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"egret fingerprint\0");
        digest.update(self.0);
        digest.update(purpose);
        digest.finalize().into()
    }
}

/// SipHash-2-4 under a derived key: a pseudo-random function, so that its values tell nothing to whoever lacks the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hasher(SipHasher24);

impl Hasher {
    /// The hash of some bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u64 {
        self.0.hash(bytes)
    }

    /// The hash of two numbers.
    pub(crate) fn pair(&self, a: u64, b: u64) -> u64 {
        self.0.hash((u128::from(a) << 64 | u128::from(b)).to_le_bytes().as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_are_read_back_and_others_refused() {
        let key = Key::random().expect("randomness");
        assert_eq!(Key::parse(&key.to_file()).expect("its own text"), key);
        assert_ne!(key, Key::random().expect("randomness"));
        for text in ["", "egret-key-1 ", "egret-key-1 00", "egret-key-2 00", &"zz".repeat(40)] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
        assert!(Key::parse(&format!("{PREFIX}{}", "é".repeat(32))).is_err());
    }

    #[test]
    fn a_key_shows_only_its_id() {
        let key = Key::from_bytes([0xab; 32]);
        assert!(!format!("{key:?}").contains("abab"));
        assert_ne!(key.id(), Key::from_bytes([0xac; 32]).id());
    }

    #[test]
    fn purposes_have_hashes_of_their_own() {
        let key = Key::from_bytes([1; 32]);
        assert_ne!(key.hasher(b"a").bytes(b"x"), key.hasher(b"b").bytes(b"x"));
        assert_ne!(key.hasher(b"a").pair(1, 2), key.hasher(b"a").pair(2, 1));
    }
}
