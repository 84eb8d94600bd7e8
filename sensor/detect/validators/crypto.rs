//! Addresses of crypto wallets: base58 with a checksum, bech32 (BIP 173, BIP 350), and Ethereum's (EIP-55).

use super::{Subject, Validator, ValueForm, Verdict};
use sha2::{Digest as _, Sha256};

/// `bitcoin-address`.
pub(super) const BITCOIN: Validator =
    Validator { name: "bitcoin-address", check: bitcoin, value: ValueForm::Exact };
/// `ethereum-address`.
pub(super) const ETHEREUM: Validator =
    Validator { name: "ethereum-address", check: ethereum, value: ValueForm::Words };

/// Version, hash and checksum of a base58 address.
const ADDRESS_BYTES: usize = 25;

fn bitcoin(subject: &Subject<'_>) -> Verdict {
    let matched = subject.matched;
    let segwit = matched.get(..3).is_some_and(|lead| lead.eq_ignore_ascii_case(b"bc1"));
    let valid = if segwit {
        bech32(matched)
    } else {
        (26..=35).contains(&matched.len()) && matches!(matched.first(), Some(b'1' | b'3')) && base58(matched)
    };
    if valid { Verdict::Valid("checksum") } else { Verdict::Invalid }
}

/// The last four bytes are the first of a double SHA-256 of the others.
fn base58(text: &[u8]) -> bool {
    let mut bytes = [0; ADDRESS_BYTES];
    let decoded = bs58::decode(text).onto(&mut bytes).is_ok_and(|count| count == ADDRESS_BYTES);
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return false };
    decoded && Sha256::digest(Sha256::digest(body)).starts_with(sum)
}

/// The polynomial of BIP 173; 1 remains for version 0, another constant for later versions (BIP 350).
fn bech32(text: &[u8]) -> bool {
    const SIGNS: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ value;
        (0..)
            .zip(GENERATOR)
            .fold(shifted, |sum, (bit, term)| if top >> bit & 1 == 1 { sum ^ term } else { sum })
    };
    let mut sum = [3, 3, 0, 2, 3].into_iter().fold(1, step);
    for sign in text.get(3..).unwrap_or_default() {
        let Some(value) = SIGNS.iter().position(|known| *known == sign.to_ascii_lowercase()) else {
            return false;
        };
        sum = step(sum, u32::try_from(value).unwrap_or(0));
    }
    (14..=74).contains(&text.len()) && (sum == 1 || sum == 0x2bc8_30a3)
}

fn ethereum(subject: &Subject<'_>) -> Verdict {
    let digits = subject.matched.strip_prefix(b"0x").unwrap_or_default();
    let distinct = digits.iter().fold(0_u32, |seen, digit| seen | 1 << (digit % 32)).count_ones();
    if digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit) && distinct >= 8 {
        Verdict::Valid("forty hexadecimal digits")
    } else {
        Verdict::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn checksums_decide() {
        // Examples of BIP 173 and BIP 350, and of the first block.
        for valid in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        ] {
            assert!(matches!(check(&BITCOIN, valid), Verdict::Valid(_)), "{valid}");
        }
        for invalid in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
            "bc1",
            "10000000000000000000000000",
            "",
        ] {
            assert_eq!(check(&BITCOIN, invalid), Verdict::Invalid, "{invalid}");
        }
        assert!(matches!(check(&ETHEREUM, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Verdict::Valid(_)));
        assert_eq!(check(&ETHEREUM, "0x0000000000000000000000000000000000000000"), Verdict::Invalid);
    }
}
