//! The Huffman code of header fields (RFC 7541 section 5.2 and Appendix B).
//!
//! Owns: decoding of one string. Never does: state.
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and the first of a length follows the
//! last of the length before. So the number of codes of each length and the order of the symbols are all of Appendix B.

/// Codes of each length, bits; the last one of the longest is the end of the string, which may not occur.
const CODES: [u16; 31] =
    [0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4];

/// Symbols in the order of their codes.
#[rustfmt::skip]
const SYMBOLS: [u8; 256] = [
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65,
    95, 98, 100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75,
    76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119, 120, 121, 122, 38, 42,
    44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91, 93, 126, 94, 125, 60, 96, 123,
    92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161, 167, 172, 176, 177, 179, 209, 216,
    217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181,
    185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150,
    151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239, 9, 142, 144,
    145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210,
    213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246,
    247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23,
    24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249, 10, 13, 22,
];

/// Decodes a string. None: it holds the code for the end of strings. Bits behind the last whole code are padding, whatever they
/// are: a receiver might be as lenient.
pub(crate) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has five bits.
    let mut decoded = Vec::with_capacity(coded.len().saturating_mul(8) / 5);
    let (mut code, mut length) = (0_u32, 0_usize);
    // The first code of the present length, and how many codes are shorter.
    let (mut first, mut shorter) = (0_u32, 0_u32);
    for byte in coded {
        for place in (0..8).rev() {
            code = code << 1 | u32::from(byte >> place & 1);
            length += 1;
            first <<= 1;
            let codes = u32::from(*CODES.get(length)?);
            match code.checked_sub(first) {
                Some(rank) if rank < codes => {
                    decoded.push(*SYMBOLS.get(usize::try_from(shorter + rank).ok()?)?);
                    (code, length, first, shorter) = (0, 0, 0, 0);
                }
                _ => {
                    first += codes;
                    shorter += codes;
                }
            }
        }
    }
    Some(decoded)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{CODES, SYMBOLS};

    /// Encodes a string.
    pub(crate) fn encode(text: &[u8]) -> Vec<u8> {
        let (mut bits, mut count, mut coded) = (0_u64, 0_usize, Vec::new());
        for byte in text {
            let (code, length) = code(*byte);
            bits = bits << length | u64::from(code);
            count += length;
            while count >= 8 {
                count -= 8;
                coded.push(u8::try_from(bits >> count & 0xff).unwrap());
            }
        }
        if count > 0 {
            let padded = bits << (8 - count) | (0xff >> count);
            coded.push(u8::try_from(padded & 0xff).unwrap());
        }
        coded
    }

    fn code(symbol: u8) -> (u32, usize) {
        let rank = SYMBOLS.iter().position(|known| *known == symbol).unwrap();
        let (mut first, mut shorter) = (0, 0);
        for (length, codes) in CODES.iter().enumerate().map(|(length, codes)| (length, usize::from(*codes))) {
            first <<= 1;
            if rank < shorter + codes {
                return (u32::try_from(first + rank - shorter).unwrap(), length);
            }
            first += codes;
            shorter += codes;
        }
        unreachable!("every symbol has a code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_of_the_standard_are_decoded() {
        // RFC 7541 appendices C.4.1, C.4.3 and C.6.1.
        let cases: &[(&[u8], &str)] = &[
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], "www.example.com"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], "custom-value"),
            (&[0xae, 0xc3, 0x77, 0x1a, 0x4b], "private"),
            (&[], ""),
        ];
        for (coded, text) in cases {
            assert_eq!(decode(coded).as_deref(), Some(text.as_bytes()));
            assert_eq!(testing::encode(text.as_bytes()), *coded);
        }
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff]), None, "the end of strings");
    }

    proptest! {
        #[test]
        fn any_string_comes_back(text in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(decode(&testing::encode(&text)), Some(text));
        }

        #[test]
        fn any_bytes_are_survived(coded in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(decoded) = decode(&coded) {
                prop_assert!(decoded.len() <= coded.len() * 8 / 5);
            }
        }
    }
}
