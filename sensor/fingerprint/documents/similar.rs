//! Similarity of binary files: TLSH digests (Oliver, Cheng and Chen, 2013), compared by their distance.
//!
//! Owns: digests over a stream, their text, their distance. Never does: what counts as similar.

use tlsh::{FuzzyHashType as _, GeneratorType as _, Tlsh, TlshGenerator};

/// Bytes of a digest.
pub(crate) const DIGEST: usize = 35;
/// Smallest file whose digest says something, bytes.
const SMALLEST: u64 = 512;

/// The digest of a stream on its way.
pub struct Similarity {
    generator: TlshGenerator,
    bytes: u64,
}

impl Default for Similarity {
    fn default() -> Self {
        Self { generator: TlshGenerator::new(), bytes: 0 }
    }
}

impl std::fmt::Debug for Similarity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Similarity({} bytes)", self.bytes)
    }
}

impl Similarity {
    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.generator.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The digest; None for what is too small or too uniform to have one.
    #[must_use]
    pub fn finish(&self) -> Option<[u8; DIGEST]> {
        if self.bytes < SMALLEST {
            return None;
        }
        bytes_of(&self.generator.finalize().ok()?)
    }
}

fn bytes_of(digest: &Tlsh) -> Option<[u8; DIGEST]> {
    let mut bytes = [0; DIGEST];
    digest.store_into_bytes(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads a digest as people write it: `T1` and 70 hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> Option<[u8; DIGEST]> {
    bytes_of(&text.trim().parse().ok()?)
}

/// How far two digests are apart: 0 for the same, up to 30 for much the same, beyond 100 for unrelated files.
#[must_use]
pub fn distance(a: &[u8; DIGEST], b: &[u8; DIGEST]) -> Option<u32> {
    Some(Tlsh::try_from(a).ok()?.compare(&Tlsh::try_from(b).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<[u8; DIGEST]> {
        let mut similarity = Similarity::default();
        bytes.chunks(700).for_each(|chunk| similarity.push(chunk));
        similarity.finish()
    }

    fn noise(seed: u64, length: u64) -> Vec<u8> {
        (0..length)
            .map(|n| ((n ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 45) as u8 & 0x5f)
            .collect()
    }

    #[test]
    fn a_changed_file_is_near_and_another_far() {
        let file = noise(1, 20_000);
        let mut changed = file.clone();
        changed.splice(5_000..5_100, noise(9, 300));
        let (a, b, c) =
            (of(&file).expect("a digest"), of(&changed).expect("a digest"), of(&noise(7, 20_000)));
        assert_eq!(distance(&a, &a), Some(0));
        assert!(distance(&a, &b).is_some_and(|distance| distance < 30));
        assert!(c.is_some_and(|c| distance(&a, &c) > distance(&a, &b)));
        let written = Tlsh::try_from(&a).expect("its own bytes").to_string();
        assert_eq!(digest(&written), Some(a));
    }

    #[test]
    fn what_says_nothing_has_no_digest() {
        assert_eq!(of(b"short"), None);
        assert_eq!(of(&[0; 10_000]), None);
        assert_eq!(digest("T1zz"), None);
    }
}
