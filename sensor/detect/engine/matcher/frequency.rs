//! How common a piece of text is in ordinary text.
//!
//! Owns: a small model, shipped with the program: how often each sign follows the two before it, and how common the
//! commonest runs of four letters, digits and gaps and of eight bytes are. It decides which part of a literal is looked for, so how fast
//! a search is, never what it finds. `benches/frequency.py` makes the table.

use super::filter::hash;

/// Classes of bytes that the model tells apart.
const SIGNS: usize = 32;
/// Sixteenths of bits: of each sign, of each behind another, of each behind two others.
const TRIPLES: usize = SIGNS + SIGNS * SIGNS + SIGNS * SIGNS * SIGNS;
/// Cells of the commonest runs of four, each of which is at two of them.
const GRAM_CELLS: usize = 1 << 16;
/// Cells of the commonest runs of eight bytes.
const WINDOW_CELLS: usize = 1 << 16;
const TABLE: &[u8; TRIPLES + GRAM_CELLS + WINDOW_CELLS] = include_bytes!("frequency.bin");

fn sign(byte: u8) -> usize {
    usize::from(match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => byte - b'A',
        b'0'..=b'9' => 26,
        b' ' | b'\t' | b'\r' | b'\n' => 27,
        b'-' | b'_' => 28,
        0x80.. => 29,
        b'.' | b',' | b'/' | b':' | b'=' | b'"' | b'\'' | b'(' | b')' => 30,
        _ => 31,
    })
}

fn entry(at: usize) -> u32 {
    TABLE.get(at).copied().map_or(0, u32::from)
}

/// Sixteenths of bits that say how rare four folded bytes are (see `grams`): 16 more are half as often.
pub(super) fn gram_rarity(gram: [u8; 4]) -> u32 {
    let spaced = gram.map(|byte| if byte == 0 { b' ' } else { byte });
    let key = u64::from(u32::from_le_bytes(gram));
    listed(key, TRIPLES, GRAM_CELLS).unwrap_or_else(|| UNLISTED_GRAM + rarity(&spaced) / 8)
}

/// The same of fewer folded bytes, by signs alone.
pub(super) fn folded_rarity(bytes: &[u8]) -> u32 {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    rarity(&spaced)
}

/// The same of eight bytes.
pub(super) fn window_rarity(key: u64, window: &[u8]) -> u32 {
    listed(key, TRIPLES + GRAM_CELLS, WINDOW_CELLS).unwrap_or_else(|| UNLISTED_WINDOW + rarity(window) / 8)
}

/// What a table of the commonest says of a key: of its two cells, another one may have marked one.
fn listed(key: u64, begin: usize, cells: usize) -> Option<u32> {
    let spread = hash(key);
    let cell = |at: u64| TABLE.get(begin + (at as usize & 0xffff) % cells).copied().unwrap_or(u8::MAX);
    let level = cell(spread >> 48).max(cell(spread >> 32));
    (level < u8::MAX).then(|| u32::from(level) * 2)
}

/// Rarer than the rarest run of four of the table; what the signs say serves to choose among such.
const UNLISTED_GRAM: u32 = 17 * 16;
/// Rarer than the rarest run of eight bytes of the table.
const UNLISTED_WINDOW: u32 = 17 * 16;

/// Sixteenths of bits by signs alone.
pub(super) fn rarity(piece: &[u8]) -> u32 {
    let mut signs = piece.iter().map(|byte| sign(*byte));
    let Some(first) = signs.next() else { return 0 };
    let mut sum = entry(first);
    let Some(second) = signs.next() else { return sum };
    sum += entry(SIGNS + first * SIGNS + second);
    let (mut before, mut last) = (first, second);
    for sign in signs {
        sum += entry(SIGNS + SIGNS * SIGNS + (before * SIGNS + last) * SIGNS + sign);
        (before, last) = (last, sign);
    }
    sum
}

/// How often, by signs alone, a byte that is one of `firsts` is followed by one that is one of `seconds`.
pub(super) fn rate(firsts: &dyn Fn(u8) -> bool, seconds: &dyn Fn(u8) -> bool) -> f64 {
    let shares = |among: &dyn Fn(u8) -> bool| {
        let (mut some, mut all) = ([0.0; SIGNS], [0.0; SIGNS]);
        for byte in 0..=u8::MAX {
            all.iter_mut().skip(sign(byte)).take(1).for_each(|count| *count += 1.0);
            some.iter_mut()
                .skip(sign(byte))
                .take(1)
                .for_each(|count| *count += f64::from(u8::from(among(byte))));
        }
        some.iter_mut().zip(all).for_each(|(some, all)| *some /= all);
        some
    };
    let mut sum = 0.0;
    let (firsts, seconds) = (shares(firsts), shares(seconds));
    for (first, of_first) in firsts.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        for (second, of_second) in seconds.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let rarity = f64::from(entry(first) + entry(SIGNS + first * SIGNS + second));
            sum += of_first * of_second * (-rarity / 16.0).exp2();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_words_are_commoner_than_others() {
        for (common, rare) in [
            (" the ", " zqx "),
            ("tion", "qfzx"),
            (" number ", " zorgle "),
            ("password", "xvqgkjwp"),
            ("and the ", "7fq-zk9x"),
            ("e", "q"),
        ] {
            assert!(rarity(common.as_bytes()) + 16 < rarity(rare.as_bytes()), "{common:?} {rare:?}");
        }
        let gram = |gram: &[u8; 4]| gram_rarity(*gram);
        for common in [b"the\0", b"tion", b"\0for"] {
            assert!(gram(common) < UNLISTED_GRAM && UNLISTED_GRAM < gram(b"zorg"), "{common:?}");
        }
        assert!(gram(b"the\0") + 16 < gram(b"word"));
        let window = |window: &[u8; 8]| window_rarity(u64::from_le_bytes(*window), window);
        assert!(window(b"and the ") < UNLISTED_WINDOW && UNLISTED_WINDOW < window(b"zq7-xvkw"));
        assert_eq!(rarity(b""), 0);
        let rate = |first: u8, second: u8| rate(&|byte| byte == first, &|byte| byte == second);
        assert!(rate(b't', b'h') > 100.0 * rate(b't', b'$'));
        assert_eq!(rarity(b"Word"), rarity(b"wORD"));
    }
}
