//! GitHub tokens: the last six signs are a CRC-32 of the thirty before, in base 62 (GitHub engineering, "Behind GitHub's
//! new authentication token formats", April 2021).

use super::{Subject, Validator, ValueForm, Verdict, entropy};

/// `github-token`.
pub(super) const VALIDATOR: Validator = Validator { name: "github-token", check, value: ValueForm::Exact };

fn check(subject: &Subject<'_>) -> Verdict {
    let Some(line) = subject.matched.iter().position(|byte| *byte == b'_') else { return Verdict::Invalid };
    let Some((_, body)) = subject.matched.split_at_checked(line + 1) else { return Verdict::Invalid };
    if entropy::is_placeholder(body) || entropy::bits(body) < 3.0 {
        return Verdict::Invalid;
    }
    match body.split_at_checked(30) {
        Some((random, sum)) if body.len() == 36 && sum == base62(crc32(random)) => Verdict::Valid("checksum"),
        _ if subject.matched.starts_with(b"github_pat_") => Verdict::Valid("looks random"),
        _ => Verdict::Doubtful("its checksum does not fit"),
    }
}

/// CRC-32 as in IEEE 802.3, bit by bit: tokens are rare and short.
fn crc32(bytes: &[u8]) -> u32 {
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
    use super::super::check;
    use super::*;

    #[test]
    fn the_checksum_decides_how_sure() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        // Made up, with a checksum of independent making.
        assert_eq!(check(&VALIDATOR, "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"), Verdict::Valid("checksum"));
        assert!(matches!(
            check(&VALIDATOR, "ghp_XJSalUJv1BS25emniY72xAAhKxMtjO3KEucz"),
            Verdict::Doubtful(_)
        ));
        assert_eq!(check(&VALIDATOR, "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), Verdict::Invalid);
    }
}
