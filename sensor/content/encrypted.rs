//! Files that are encrypted as a whole, by how they begin: nothing of them can be inspected, and that is what has to be told.
//!
//! Owns: their marks. Never does: judging by the look of the bytes alone, which compressed ones share.

/// Messages of OpenPGP (RFC 9580), CMS (RFC 5652), age, OpenSSL's `enc`, AES Crypt, LUKS and BitLocker, as their media types.
pub(crate) fn media_type(prefix: &[u8]) -> Option<&'static str> {
    /// Texts that stand at the beginning, or somewhere else as told.
    const MARKS: [(usize, &[u8], &str); 8] = [
        (0, b"-----BEGIN PGP MESSAGE-----", OPENPGP),
        (0, b"age-encryption.org/v1\n", "application/x-age"),
        (0, b"-----BEGIN AGE ENCRYPTED FILE-----", "application/x-age"),
        (0, b"Salted__", OPENSSL),
        // The same in base 64.
        (0, b"U2FsdGVkX1", OPENSSL),
        (0, b"AES\x02\0", "application/x-aes-crypt"),
        (0, b"LUKS\xba\xbe", "application/x-luks"),
        (3, b"-FVE-FS-", "application/x-bitlocker"),
    ];
    let marked =
        MARKS.iter().find(|(at, mark, _)| prefix.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
    match marked {
        Some((_, _, media_type)) => Some(media_type),
        None if is_openpgp(prefix) => Some(OPENPGP),
        None if is_enveloped(prefix) => Some("application/pkcs7-mime"),
        None => None,
    }
}

const OPENPGP: &str = "application/pgp-encrypted";
const OPENSSL: &str = "application/x-openssl-enc";

/// Begins with the key of a session, encrypted to a public key or with a password (RFC 9580 sections 5.1 and 5.3).
fn is_openpgp(prefix: &[u8]) -> bool {
    const PUBLIC_KEY: u8 = 1;
    const PASSWORD: u8 = 3;
    let Some((tag, length, body)) = packet(prefix) else { return false };
    match (tag, body) {
        // Version, number of the key, algorithm: RSA, Elgamal, ECDH, X25519, X448.
        (PUBLIC_KEY, [3, rest @ ..]) => length > 10 && matches!(rest.get(8), Some(1 | 2 | 16 | 18 | 25 | 26)),
        // Version, cipher, how the key is made of the password, and a digest.
        (PASSWORD, [4, 1..=13, kind @ (0 | 1 | 3 | 4), digest, ..]) => {
            length < 100 && (*kind == 4 || (1..=14).contains(digest))
        }
        // Version, length of what follows, cipher, mode.
        (PASSWORD, [5 | 6, _, 1..=13, 1..=3, ..]) => length < 200,
        _ => false,
    }
}

/// Tag, length and body of a packet whose header is in either form (section 4.2).
fn packet(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    match *bytes {
        [first @ 0xc0..=0xff, length @ 0..=191, ..] => Some((first & 0x3f, length.into(), bytes.get(2..)?)),
        [first @ 0xc0..=0xff, high @ 192..=223, low, ..] => {
            Some((first & 0x3f, (usize::from(high) - 192) * 256 + usize::from(low) + 192, bytes.get(3..)?))
        }
        [first @ 0x80..=0xbf, length, ..] if first & 3 == 0 => {
            Some((first >> 2 & 0x0f, length.into(), bytes.get(2..)?))
        }
        [first @ 0x80..=0xbf, high, low, ..] if first & 3 == 1 => {
            Some((first >> 2 & 0x0f, u16::from_be_bytes([high, low]).into(), bytes.get(3..)?))
        }
        _ => None,
    }
}

/// A sequence that begins with the type of enveloped data, or of such that is authenticated too (RFC 5652 section 6, RFC 5083).
fn is_enveloped(prefix: &[u8]) -> bool {
    const ENVELOPED: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
    const AUTHENTICATED: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
    let content = match *prefix {
        // The length takes a byte, or says how many bytes it takes; 0x80 is one that is not told.
        [0x30, ..=0x80, ..] => prefix.get(2..),
        [0x30, more @ 0x81..=0x84, ..] => prefix.get(2 + usize::from(more & 0x7f)..),
        _ => None,
    };
    content.is_some_and(|content| content.starts_with(ENVELOPED) || content.starts_with(AUTHENTICATED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_files_are_known_by_their_marks() {
        let enveloped = b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0";
        let of_a_password = b"\x8c\x0d\x04\x09\x03\x08\x75\x0a";
        let to_a_key = b"\x85\x01\x0c\x03\x11\x22\x33\x44\x55\x66\x77\x88\x01\x08\x00";
        let to_a_curve = b"\xc1\x5e\x03\x11\x22\x33\x44\x55\x66\x77\x88\x12\x01\x07";
        let version_six = b"\xc3\x40\x06\x1e\x09\x02\x0b\x03\x08";
        for (bytes, expected) in [
            (&b"-----BEGIN PGP MESSAGE-----\n\nhQ"[..], Some(OPENPGP)),
            (of_a_password, Some(OPENPGP)),
            (to_a_key, Some(OPENPGP)),
            (to_a_curve, Some(OPENPGP)),
            (version_six, Some(OPENPGP)),
            (b"age-encryption.org/v1\n-> X25519", Some("application/x-age")),
            (b"Salted__12345678", Some(OPENSSL)),
            (b"U2FsdGVkX18xMjM0", Some(OPENSSL)),
            (enveloped, Some("application/pkcs7-mime")),
            (b"\xeb\x58\x90-FVE-FS-", Some("application/x-bitlocker")),
            // A signature, a public key, signed data, text.
            (b"-----BEGIN PGP SIGNED MESSAGE-----", None),
            (b"\x99\x01\x0d\x04\x5f\x00\x00\x00", None),
            (b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", None),
            (b"\x85\x01\x0c\x03\x11\x22\x33\x44\x55\x66\x77\x88\x63", None),
            (b"age of encryption", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:02x?}");
        }
    }
}
