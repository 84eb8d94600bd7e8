//! The instruction set that inner loops are compiled for, chosen when the program runs.
//!
//! Owns: detection, and the only unsafe code of this crate: loads of whole vectors, and calls into functions that are
//! compiled for more than the baseline. Never does: decisions. The loops themselves are safe code, the same source for every
//! set; only the classes of bytes have twins for each set, which a property test holds to the baseline.
//!
//! Why: a compiler that may use the baseline only tells digits sixteen bytes at a time, and spells out in several instructions
//! the bit scans and shifts of the walk over words that are single ones in BMI. What each set
//! gains by itself has no benchmark yet.

/// Bytes whose classes are told at once, a bit each.
pub(crate) const CHUNK: usize = 64;

/// A loop that gains from newer instructions. Mark [`Work::run`] `#[inline(always)]`: only what is inlined is compiled
/// for the chosen set.
pub(crate) trait Work {
    /// What it gives.
    type Output;
    /// Runs the loop.
    fn run(self, classes: impl Classes) -> Self::Output;
}

/// Classes of the bytes of a chunk: a bit each, the first byte's the lowest.
pub(crate) trait Classes: Copy {
    /// ASCII digits.
    fn digits(self, chunk: &[u8; CHUNK]) -> u64;
    /// ASCII letters and digits.
    fn alphanumerics(self, chunk: &[u8; CHUNK]) -> u64;
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instructions(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// The best set of this processor.
    pub(crate) fn best() -> Self {
        Self::available().next_back().unwrap_or(Self(Set::Baseline))
    }

    /// Every set of this processor, from the baseline to the best.
    pub(crate) fn available() -> impl DoubleEndedIterator<Item = Self> {
        let mut sets = vec![Self(Set::Baseline)];
        #[cfg(target_arch = "x86_64")]
        {
            let bits = is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            if bits && is_x86_feature_detected!("avx2") {
                sets.push(Self(Set::Avx2));
                if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                    sets.push(Self(Set::Avx512));
                }
            }
        }
        sets.into_iter()
    }

    /// Runs the loop, compiled for this set.
    #[cfg_attr(
        target_arch = "x86_64",
        expect(unsafe_code, reason = "a function compiled for instructions that this processor has")
    )]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Set::Baseline => work.run(Baseline),
            // SAFETY: the value can't be made but by `available`, which has seen that the processor has these features.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { x86::avx512(work) },
        }
    }
}

/// What every processor has.
#[derive(Clone, Copy)]
struct Baseline;

impl Classes for Baseline {
    #[inline(always)]
    fn digits(self, chunk: &[u8; CHUNK]) -> u64 {
        bits(chunk, |byte| byte.wrapping_sub(b'0') < 10)
    }

    #[inline(always)]
    fn alphanumerics(self, chunk: &[u8; CHUNK]) -> u64 {
        bits(chunk, |byte| ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10))
    }
}

/// A bit for each byte of a class. Written so that it compiles to vector instructions.
#[inline(always)]
fn bits(chunk: &[u8; CHUNK], class: impl Fn(u8) -> bool) -> u64 {
    /// Moves the lowest bits of eight bytes next to each other, into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut flags = [0; CHUNK];
    flags.iter_mut().zip(chunk).for_each(|(flag, byte)| *flag = u8::from(class(*byte)));
    let eights = flags.as_chunks().0.iter().rev();
    eights.fold(0, |bits, eight| bits << 8 | u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(unsafe_code, reason = "loads of vectors, and calls that need a feature which the type proves")]

    use super::{CHUNK, Classes, Work};
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8, _mm512_cmplt_epu8_mask, _mm512_loadu_si512,
        _mm512_or_si512, _mm512_set1_epi8, _mm512_sub_epi8,
    };

    /// Proof that the processor has AVX2: made in [`avx2`] only.
    #[derive(Clone, Copy)]
    struct Avx2(());

    /// Proof that the processor has AVX-512 with bytes: made in [`avx512`] only.
    #[derive(Clone, Copy)]
    struct Avx512(());

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx2<W: Work>(work: W) -> W::Output {
        work.run(Avx2(()))
    }

    #[target_feature(enable = "avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx512<W: Work>(work: W) -> W::Output {
        work.run(Avx512(()))
    }

    impl Classes for Avx2 {
        #[inline(always)]
        fn digits(self, chunk: &[u8; CHUNK]) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { digits_256(chunk) }
        }

        #[inline(always)]
        fn alphanumerics(self, chunk: &[u8; CHUNK]) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { alphanumerics_256(chunk) }
        }
    }

    impl Classes for Avx512 {
        #[inline(always)]
        fn digits(self, chunk: &[u8; CHUNK]) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { digits_512(chunk) }
        }

        #[inline(always)]
        fn alphanumerics(self, chunk: &[u8; CHUNK]) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { alphanumerics_512(chunk) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn digits_256(chunk: &[u8; CHUNK]) -> u64 {
        let [low, high] = halves(chunk).map(|bytes| below(bytes, b'0', 10));
        mask(low, high)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn alphanumerics_256(chunk: &[u8; CHUNK]) -> u64 {
        let small = _mm256_set1_epi8(0x20);
        let [low, high] = halves(chunk).map(|bytes| {
            _mm256_or_si256(below(_mm256_or_si256(bytes, small), b'a', 26), below(bytes, b'0', 10))
        });
        mask(low, high)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(chunk: &[u8; CHUNK]) -> [__m256i; 2] {
        let (low, high) = chunk.split_at(CHUNK / 2);
        // SAFETY: both halves are 32 bytes, and the loads need no alignment.
        unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
    }

    /// All ones in each byte that is one of `count` from `first` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn below(bytes: __m256i, first: u8, count: u8) -> __m256i {
        let distance = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first.cast_signed()));
        _mm256_cmpeq_epi8(_mm256_min_epu8(distance, _mm256_set1_epi8((count - 1).cast_signed())), distance)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask(low: __m256i, high: __m256i) -> u64 {
        let bits = |half| u64::from(_mm256_movemask_epi8(half).cast_unsigned());
        bits(low) | bits(high) << 32
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn digits_512(chunk: &[u8; CHUNK]) -> u64 {
        among(load(chunk), b'0', 10)
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn alphanumerics_512(chunk: &[u8; CHUNK]) -> u64 {
        let bytes = load(chunk);
        among(_mm512_or_si512(bytes, _mm512_set1_epi8(0x20)), b'a', 26) | among(bytes, b'0', 10)
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn load(chunk: &[u8; CHUNK]) -> __m512i {
        // SAFETY: a chunk is 64 bytes, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) }
    }

    /// A bit for each byte that is one of `count` from `first` on.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn among(bytes: __m512i, first: u8, count: u8) -> u64 {
        let distance = _mm512_sub_epi8(bytes, _mm512_set1_epi8(first.cast_signed()));
        _mm512_cmplt_epu8_mask(distance, _mm512_set1_epi8(count.cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Both<'a>(&'a [u8; CHUNK]);

    impl Work for Both<'_> {
        type Output = (u64, u64);
        #[inline(always)]
        fn run(self, classes: impl Classes) -> (u64, u64) {
            (classes.digits(self.0), classes.alphanumerics(self.0))
        }
    }

    fn agree(chunk: &[u8; CHUNK]) {
        let naive = |class: fn(&u8) -> bool| {
            chunk.iter().rev().fold(0_u64, |bits, byte| bits << 1 | u64::from(class(byte)))
        };
        let expected = (naive(u8::is_ascii_digit), naive(u8::is_ascii_alphanumeric));
        for set in Instructions::available() {
            assert_eq!(set.run(Both(chunk)), expected, "{set:?} {chunk:?}");
        }
    }

    #[test]
    fn every_set_tells_every_byte() {
        for byte in 0..=u8::MAX {
            agree(&std::array::from_fn(|at| byte.wrapping_add(u8::try_from(at).unwrap_or(0))));
        }
    }

    proptest! {
        #[test]
        fn every_set_tells_the_same_classes(bytes in prop::collection::vec(any::<u8>(), CHUNK)) {
            agree(bytes.first_chunk().expect("a whole chunk"));
        }
    }
}
