//! Checksums that issuers put into their tokens.
//!
//! Owns: CRC-32 and the ways in which tokens write it. Never does: decisions about tokens.

/// Whether `sum` is the CRC-32 of `body` in six signs of base 62, as GitHub and npm write it.
pub(super) fn is_base62_of(sum: &[u8], body: &[u8]) -> bool {
    sum == base62(crc32(body))
}

/// Whether `sum` is the CRC-32 of `body` in eight hexadecimal digits.
pub(super) fn is_hex_of(sum: &[u8], body: &[u8]) -> bool {
    str::from_utf8(sum).is_ok_and(|sum| sum.len() == 8 && u32::from_str_radix(sum, 16) == Ok(crc32(body)))
}

/// CRC-32 as in IEEE 802.3, bit by bit: tokens are rare and short.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 },
        )
    })
}

/// Six signs, most significant first: digits, then capitals, then small letters.
fn base62(mut number: u32) -> [u8; 6] {
    let mut text = [b'0'; 6];
    for sign in text.iter_mut().rev() {
        // A remainder by 62 fits a byte.
        let value = (number % 62) as u8;
        number /= 62;
        *sign = match value {
            0..=9 => b'0' + value,
            10..=35 => b'A' + value - 10,
            _ => b'a' + value - 36,
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_as_they_are_published() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert!(is_hex_of(b"cbf43926", b"123456789") && is_hex_of(b"CBF43926", b"123456789"));
        assert!(!is_hex_of(b"cbf43927", b"123456789") && !is_hex_of(b"+bf43926", b"123456789"));
        assert_eq!(base62(0), *b"000000");
        assert_eq!(base62(u32::MAX), *b"4gfFC3");
    }
}
