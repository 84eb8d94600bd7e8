//! The instruction set that inner loops are compiled for, chosen when the program runs.
//!
//! Owns: detection, and the only unsafe code of this crate: loads of whole vectors, and calls into functions that are
//! compiled for more than the baseline. Never does: decisions. The loops themselves are safe code, the same source for every
//! set; only the classes of bytes have twins for each set, which a property test holds to the baseline.
//!
//! Why: a compiler that may use the baseline only tells digits sixteen bytes at a time, and has no instruction that looks up
//! many words of a table at once: the set of grams is asked for sixteen places by one, which measured four times as fast as a
//! loop over places.

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
    /// Places where a pair may stand: its first byte there, its second one at the same place of the other chunk.
    fn pairs(self, chunks: [&[u8; CHUNK]; 2], filter: &PairFilter) -> u64;
    /// Even places at which four bytes begin that may be in the set.
    fn grams(self, window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) -> u64;
}

/// A set of pairs of bytes that says of each "surely not" or "perhaps". Each pair is in one of eight buckets, a bit each; two halves
/// of either byte are asked for theirs, which one instruction does for many bytes (the way of Hyperscan's Teddy).
#[derive(Clone, Debug, Default)]
pub(crate) struct PairFilter {
    /// By the lower and the upper half of the first byte, and of the second one.
    tables: [[u8; 16]; 4],
}

impl PairFilter {
    /// Buckets.
    pub(crate) const BUCKETS: usize = 8;

    /// Adds what another holds, in the same bucket.
    pub(crate) fn merge(&mut self, other: &Self) {
        let halves = self.tables.iter_mut().flatten().zip(other.tables.iter().flatten());
        halves.for_each(|(bits, more)| *bits |= more);
    }

    /// Moves what is in the first bucket to another.
    pub(crate) fn moved(mut self, bucket: usize) -> Self {
        self.tables.iter_mut().flatten().for_each(|bits| *bits <<= bucket % Self::BUCKETS);
        self
    }

    /// Whether a byte passes as the first of a pair, and as the second.
    pub(crate) fn halves_pass(&self, byte: u8) -> [bool; 2] {
        let [first_low, first_high, second_low, second_high] = &self.tables;
        let bits = |table: &[u8; 16], half: u8| table.get(usize::from(half)).copied().unwrap_or(0);
        let pass = |low, high| bits(low, byte & 15) & bits(high, byte >> 4) != 0;
        [pass(first_low, first_high), pass(second_low, second_high)]
    }

    /// Adds a pair of any of these bytes; a pair without a second byte stands before whatever byte.
    pub(crate) fn add(&mut self, bucket: usize, first: &[u8], second: Option<&[u8]>) {
        let bit = 1 << (bucket % Self::BUCKETS);
        let [first_low, first_high, second_low, second_high] = &mut self.tables;
        let note = |low: &mut [u8; 16], high: &mut [u8; 16], byte: u8| {
            low.iter_mut().skip(usize::from(byte & 15)).take(1).for_each(|bits| *bits |= bit);
            high.iter_mut().skip(usize::from(byte >> 4)).take(1).for_each(|bits| *bits |= bit);
        };
        first.iter().for_each(|byte| note(first_low, first_high, *byte));
        match second {
            Some(second) => second.iter().for_each(|byte| note(second_low, second_high, *byte)),
            None => (0..16).for_each(|half| note(second_low, second_high, half << 4 | half)),
        }
    }

    /// Whether a pair may be in the set.
    #[inline(always)]
    fn passes(&self, first: u8, second: u8) -> bool {
        let [first_low, first_high, second_low, second_high] = &self.tables;
        let bits = |low: &[u8; 16], high: &[u8; 16], byte: u8| {
            low.get(usize::from(byte & 15)).copied().unwrap_or(0)
                & high.get(usize::from(byte >> 4)).copied().unwrap_or(0)
        };
        bits(first_low, first_high, first) & bits(second_low, second_high, second) != 0
    }
}

/// Bytes of what [`GramFilter`] holds.
pub(crate) const GRAM: usize = 4;
/// Bytes from one look-up to the next.
pub(crate) const GRAM_STRIDE: usize = 2;

/// A set of runs of four bytes that says of each "surely not" or "perhaps": two bits in one word for each.
#[derive(Debug)]
pub(crate) struct GramFilter {
    /// As many as `shift` leaves numbers for, which is what look-ups without a check of bounds rely on.
    words: Vec<u32>,
    shift: u32,
}

impl GramFilter {
    /// Bits for each gram, so that one foreign gram in two hundred passes, or fewer.
    const BITS_A_GRAM: usize = 32;
    /// Words: 4 KiB at least, 512 KiB at most, which fits the second-level cache of a server's core.
    const WORDS: std::ops::RangeInclusive<usize> = 1 << 10..=1 << 17;

    /// Grams as numbers, the first byte the lowest.
    pub(crate) fn new(grams: impl ExactSizeIterator<Item = u32>) -> Self {
        let wanted = (grams.len() * Self::BITS_A_GRAM / 32).next_power_of_two();
        let size = wanted.clamp(*Self::WORDS.start(), *Self::WORDS.end());
        let mut filter = Self { words: vec![0; size], shift: u32::BITS - size.trailing_zeros() };
        for gram in grams {
            let spread = spread(gram);
            if let Some(word) = filter.words.get_mut((spread >> filter.shift) as usize) {
                *word |= gram_bits(spread);
            }
        }
        filter
    }

    /// Whether a gram may be in the set.
    #[inline(always)]
    fn passes(&self, gram: u32) -> bool {
        let spread = spread(gram);
        let word = self.words.get((spread >> self.shift) as usize).copied().unwrap_or_default();
        word & gram_bits(spread) == gram_bits(spread)
    }
}

/// An odd number whose bits are spread evenly (2^32 divided by the golden ratio).
const GRAM_MULTIPLIER: u32 = 0x9e37_79b1;

/// The high bits depend on the whole gram; the low ones do not.
#[inline(always)]
const fn spread(gram: u32) -> u32 {
    gram.wrapping_mul(GRAM_MULTIPLIER)
}

/// The bits in their word, by bits that depend on the whole gram too.
#[inline(always)]
const fn gram_bits(spread: u32) -> u32 {
    let mixed = spread ^ spread >> 16;
    1 << (mixed & 31) | 1 << (mixed >> 5 & 31)
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

    /// As people call it.
    pub(crate) const fn name(self) -> &'static str {
        match self.0 {
            Set::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
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
    fn pairs(self, [here, next]: [&[u8; CHUNK]; 2], filter: &PairFilter) -> u64 {
        let pairs = here.iter().zip(next).rev();
        pairs.fold(0, |bits, (first, second)| bits << 1 | u64::from(filter.passes(*first, *second)))
    }

    #[inline(always)]
    fn grams(self, window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) -> u64 {
        let grams = window.array_windows().step_by(GRAM_STRIDE).rev();
        let grams = grams.map(|gram: &[u8; GRAM]| u32::from_le_bytes(*gram));
        grams.fold(0, |bits, gram| bits << GRAM_STRIDE | u64::from(filter.passes(gram)))
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

    use super::{CHUNK, Classes, GRAM, GRAM_MULTIPLIER, GRAM_STRIDE, GramFilter, PairFilter, Work};
    use std::arch::x86_64::{
        __m256i, __m512i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256,
        _mm256_castsi256_ps, _mm256_cmpeq_epi8, _mm256_cmpeq_epi32, _mm256_i32gather_epi32,
        _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_movemask_ps, _mm256_mullo_epi32,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
        _mm256_sllv_epi32, _mm256_srl_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_sub_epi8,
        _mm256_xor_si256, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi32_mask,
        _mm512_cmplt_epu8_mask, _mm512_i32gather_epi32, _mm512_loadu_si512, _mm512_mullo_epi32,
        _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_sllv_epi32,
        _mm512_srl_epi32, _mm512_srli_epi16, _mm512_srli_epi32, _mm512_sub_epi8, _mm512_test_epi8_mask,
        _mm512_xor_si512, _pdep_u64,
    };

    /// A bit for every fourth byte.
    const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;

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
        fn pairs(self, chunks: [&[u8; CHUNK]; 2], filter: &PairFilter) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { pairs_256(chunks, filter) }
        }

        #[inline(always)]
        fn grams(self, window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) -> u64 {
            // SAFETY: the type is proof of the features.
            unsafe { grams_256(window, filter) }
        }
    }

    impl Classes for Avx512 {
        #[inline(always)]
        fn digits(self, chunk: &[u8; CHUNK]) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { digits_512(chunk) }
        }

        #[inline(always)]
        fn pairs(self, chunks: [&[u8; CHUNK]; 2], filter: &PairFilter) -> u64 {
            // SAFETY: the type is proof of the feature.
            unsafe { pairs_512(chunks, filter) }
        }

        #[inline(always)]
        fn grams(self, window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) -> u64 {
            // SAFETY: the type is proof of the features.
            unsafe { grams_512(window, filter) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn digits_256(chunk: &[u8; CHUNK]) -> u64 {
        let [low, high] = halves(chunk);
        mask(below(low, b'0', 10), below(high, b'0', 10))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pairs_256([here, next]: [&[u8; CHUNK]; 2], filter: &PairFilter) -> u64 {
        let [first_low, first_high, second_low, second_high] = &filter.tables;
        let first = |bytes| buckets_256(bytes, first_low, first_high);
        let second = |bytes| buckets_256(bytes, second_low, second_high);
        let ([here_low, here_high], [next_low, next_high]) = (halves(here), halves(next));
        let none = |here, next| {
            _mm256_cmpeq_epi8(_mm256_and_si256(first(here), second(next)), _mm256_setzero_si256())
        };
        !mask(none(here_low, next_low), none(here_high, next_high))
    }

    /// The buckets of each byte, by its two halves.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn buckets_256(bytes: __m256i, low: &[u8; 16], high: &[u8; 16]) -> __m256i {
        let half = _mm256_set1_epi8(15);
        // SAFETY: each table is 16 bytes, and the loads need no alignment.
        let [low, high] =
            unsafe { [_mm_loadu_si128(low.as_ptr().cast()), _mm_loadu_si128(high.as_ptr().cast())] };
        _mm256_and_si256(
            _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(low), _mm256_and_si256(bytes, half)),
            _mm256_shuffle_epi8(
                _mm256_broadcastsi128_si256(high),
                _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half),
            ),
        )
    }

    /// Eight grams at once, from every fourth byte on.
    #[inline]
    #[target_feature(enable = "avx2,bmi2")]
    fn grams_256(window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) -> u64 {
        let (one, low) = (_mm256_set1_epi32(1), _mm256_set1_epi32(31));
        let shift = _mm_cvtsi32_si128(filter.shift.cast_signed());
        let multiplier = _mm256_set1_epi32(GRAM_MULTIPLIER.cast_signed());
        let mut bits = 0;
        for from in (0..GRAM).step_by(GRAM_STRIDE) {
            let mut passed = 0_u64;
            for half in 0..2 {
                // SAFETY: 32 bytes from `from` plus 0 or 32 on end within the 67 of the window; no alignment is needed.
                let grams = unsafe { _mm256_loadu_si256(window.as_ptr().add(from + half * 32).cast()) };
                let spread = _mm256_mullo_epi32(grams, multiplier);
                let at = _mm256_srl_epi32(spread, shift);
                // SAFETY: the filter has as many words as the shift leaves numbers for.
                let words = unsafe { _mm256_i32gather_epi32::<4>(filter.words.as_ptr().cast(), at) };
                let bit = |by| _mm256_sllv_epi32(one, _mm256_and_si256(by, low));
                let mixed = _mm256_xor_si256(spread, _mm256_srli_epi32::<16>(spread));
                let wanted = _mm256_or_si256(bit(mixed), bit(_mm256_srli_epi32::<5>(mixed)));
                let same = _mm256_cmpeq_epi32(_mm256_and_si256(words, wanted), wanted);
                let eight = _mm256_movemask_ps(_mm256_castsi256_ps(same)).cast_unsigned();
                passed |= u64::from(eight) << (8 * half);
            }
            bits |= _pdep_u64(passed, EVERY_FOURTH << from);
        }
        bits
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
    fn pairs_512([here, next]: [&[u8; CHUNK]; 2], filter: &PairFilter) -> u64 {
        let [first_low, first_high, second_low, second_high] = &filter.tables;
        let first = buckets_512(load(here), first_low, first_high);
        let second = buckets_512(load(next), second_low, second_high);
        _mm512_test_epi8_mask(first, second)
    }

    /// The buckets of each byte, by its two halves.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn buckets_512(bytes: __m512i, low: &[u8; 16], high: &[u8; 16]) -> __m512i {
        let half = _mm512_set1_epi8(15);
        // SAFETY: each table is 16 bytes, and the loads need no alignment.
        let [low, high] =
            unsafe { [_mm_loadu_si128(low.as_ptr().cast()), _mm_loadu_si128(high.as_ptr().cast())] };
        _mm512_and_si512(
            _mm512_shuffle_epi8(_mm512_broadcast_i32x4(low), _mm512_and_si512(bytes, half)),
            _mm512_shuffle_epi8(
                _mm512_broadcast_i32x4(high),
                _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), half),
            ),
        )
    }

    /// Sixteen grams at once, from every fourth byte on.
    #[inline]
    #[target_feature(enable = "avx512bw,bmi2")]
    fn grams_512(window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) -> u64 {
        let (one, low) = (_mm512_set1_epi32(1), _mm512_set1_epi32(31));
        let shift = _mm_cvtsi32_si128(filter.shift.cast_signed());
        let multiplier = _mm512_set1_epi32(GRAM_MULTIPLIER.cast_signed());
        let mut bits = 0;
        for from in (0..GRAM).step_by(GRAM_STRIDE) {
            // SAFETY: 64 bytes from `from`, at most 3, on end within the 67 of the window; no alignment is needed.
            let grams = unsafe { _mm512_loadu_si512(window.as_ptr().add(from).cast()) };
            let spread = _mm512_mullo_epi32(grams, multiplier);
            let at = _mm512_srl_epi32(spread, shift);
            // SAFETY: the filter has as many words as the shift leaves numbers for.
            let words = unsafe { _mm512_i32gather_epi32::<4>(at, filter.words.as_ptr().cast()) };
            let bit = |by| _mm512_sllv_epi32(one, _mm512_and_si512(by, low));
            let mixed = _mm512_xor_si512(spread, _mm512_srli_epi32::<16>(spread));
            let wanted = _mm512_or_si512(bit(mixed), bit(_mm512_srli_epi32::<5>(mixed)));
            let sixteen = _mm512_cmpeq_epi32_mask(_mm512_and_si512(words, wanted), wanted);
            bits |= _pdep_u64(u64::from(sixteen), EVERY_FOURTH << from);
        }
        bits
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

    /// Digits, and pairs and grams that may be in their sets.
    struct All<'a>(&'a [u8; CHUNK + GRAM - 1], &'a GramFilter, &'a PairFilter);

    impl Work for All<'_> {
        type Output = [u64; 3];
        #[inline(always)]
        fn run(self, classes: impl Classes) -> [u64; 3] {
            let chunk = self.0.first_chunk().expect("a chunk");
            let next = self.0.get(1..).and_then(<[u8]>::first_chunk).expect("a chunk");
            let pairs = classes.pairs([chunk, next], self.2);
            [classes.digits(chunk), pairs, classes.grams(self.0, self.1)]
        }
    }

    fn agree(window: &[u8; CHUNK + GRAM - 1], filter: &GramFilter) {
        let mut pairs = PairFilter::default();
        pairs.add(0, b"7", Some(b"8a"));
        pairs.add(1, b"cC", Some(b"6"));
        pairs.add(9, b"b", None);
        let holds = |pair: &[u8]| matches!(pair, [b'7', b'8' | b'a'] | [b'c' | b'C', b'6'] | [b'b', _]);
        let naive = |class: &dyn Fn(usize) -> bool| {
            (0..CHUNK).rev().fold(0_u64, |bits, at| bits << 1 | u64::from(class(at)))
        };
        let gram = |at: usize| u32::from_le_bytes(*window[at..].first_chunk().expect("a gram"));
        let expected = [
            naive(&|at| window[at].is_ascii_digit()),
            naive(&|at| pairs.passes(window[at], window[at + 1])),
            naive(&|at| at % GRAM_STRIDE == 0 && filter.passes(gram(at))),
        ];
        let held = naive(&|at| holds(&window[at..at + 2]));
        assert_eq!(held & expected[1], held, "a pair is lost in {window:?}");
        for set in Instructions::available() {
            assert_eq!(set.run(All(window, filter, &pairs)), expected, "{set:?} {window:?}");
        }
    }

    #[test]
    fn every_set_tells_every_byte() {
        let filter = GramFilter::new([u32::from_le_bytes(*b"6789")].into_iter());
        for byte in 0..=u8::MAX {
            agree(&std::array::from_fn(|at| byte.wrapping_add(u8::try_from(at).unwrap_or(0))), &filter);
        }
    }

    #[test]
    fn every_gram_passes_and_few_others() {
        for count in [1_u32, 1_000, 40_000] {
            let gram = |at: u32| at.wrapping_mul(0x4c95_7f2d) | 1;
            let filter = GramFilter::new((0..count).map(gram).collect::<Vec<_>>().into_iter());
            assert!((0..count).all(|at| filter.passes(gram(at))));
            let passed = (count..count + 10_000).filter(|at| filter.passes(gram(*at))).count();
            assert!(passed < 200, "{passed} of 10,000 with {count} grams");
        }
    }

    proptest! {
        #[test]
        fn every_set_tells_the_same_classes(
            bytes in prop::collection::vec("[67abc]|[\\x00-\\x7f]", CHUNK + GRAM - 1),
            grams in prop::collection::vec("[67abc]{4}", 0..200),
        ) {
            let bytes: Vec<u8> = bytes.concat().into_bytes();
            let grams = grams.iter().map(|gram| u32::from_le_bytes(*gram.as_bytes().first_chunk().expect("four")));
            let filter = GramFilter::new(grams.collect::<Vec<_>>().into_iter());
            agree(bytes.first_chunk().expect("a whole window"), &filter);
        }
    }
}
