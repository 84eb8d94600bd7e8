//! JA4: the fingerprint of a client's TLS or QUIC software, from its ClientHello (FoxIO, JA4 technical details, 2023; BSD 3-clause).
//!
//! Owns: the fingerprint. Never does: naming the software.

use egret_model::{Cursor, Truncated};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const PROTOCOLS: u16 = 16;
const VERSIONS: u16 = 43;

/// What carries a hello, as the first letter of its fingerprint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Tcp,
    Quic,
}

/// The fingerprint of a ClientHello message, its header included; None when it does not hold together.
pub(super) fn of(message: &[u8], carrier: Carrier) -> Option<String> {
    Parts::read(message).ok().map(|parts| parts.fingerprint(carrier))
}

/// Of a hello, what the fingerprint is made of; reserved values (GREASE, RFC 8701) are left out.
#[derive(Default)]
struct Parts {
    version: u16,
    named: bool,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    signatures: Vec<u16>,
    /// First and last character of the first application protocol.
    protocol: Option<(u8, u8)>,
}

const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

impl Parts {
    fn read(message: &[u8]) -> Result<Self, Truncated> {
        let mut cursor = Cursor::new(message);
        cursor.skip(4)?;
        let mut parts = Self { version: cursor.u16_be()?, ..Self::default() };
        cursor.skip(32)?;
        let session = cursor.u8()?;
        cursor.skip(usize::from(session))?;
        let ciphers = cursor.u16_be()?;
        parts.ciphers = numbers(&mut cursor.sub(usize::from(ciphers))?)?;
        let compressions = cursor.u8()?;
        cursor.skip(usize::from(compressions))?;
        if cursor.is_empty() {
            return Ok(parts);
        }
        let extensions = cursor.u16_be()?;
        let mut extensions = cursor.sub(usize::from(extensions))?;
        while !extensions.is_empty() {
            let kind = extensions.u16_be()?;
            let length = extensions.u16_be()?;
            let mut extension = extensions.sub(usize::from(length))?;
            if is_grease(kind) {
                continue;
            }
            parts.extensions.push(kind);
            match kind {
                SERVER_NAME => parts.named = true,
                SIGNATURE_ALGORITHMS => {
                    extension.skip(2)?;
                    parts.signatures = numbers(&mut extension)?;
                }
                PROTOCOLS => {
                    extension.skip(2)?;
                    let length = extension.u8()?;
                    let name = extension.take(usize::from(length))?;
                    parts.protocol = name.first().copied().zip(name.last().copied());
                }
                VERSIONS => {
                    extension.skip(1)?;
                    let newest = numbers(&mut extension)?.into_iter().max();
                    parts.version = newest.unwrap_or(parts.version);
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    fn fingerprint(mut self, carrier: Carrier) -> String {
        let carrier = match carrier {
            Carrier::Tcp => 't',
            Carrier::Quic => 'q',
        };
        let version = match self.version {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        };
        let named = if self.named { 'd' } else { 'i' };
        let protocol = match self.protocol {
            None => "00".to_owned(),
            Some((first, last)) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
                format!("{}{}", char::from(first), char::from(last))
            }
            // Not for print: the first and last digit of its hexadecimal form.
            Some((first, last)) => format!("{:x}{:x}", first >> 4, last & 0xf),
        };
        let (ciphers, extensions) = (self.ciphers.len().min(99), self.extensions.len().min(99));
        self.ciphers.sort_unstable();
        self.extensions.retain(|kind| ![SERVER_NAME, PROTOCOLS].contains(kind));
        self.extensions.sort_unstable();
        let mut behind = list(&self.extensions);
        if !self.signatures.is_empty() {
            let _ = write!(behind, "_{}", list(&self.signatures));
        }
        let (before, behind) = (short_hash(&list(&self.ciphers)), short_hash(&behind));
        format!("{carrier}{version}{named}{ciphers:02}{extensions:02}{protocol}_{before}_{behind}")
    }
}

fn numbers(cursor: &mut Cursor<'_>) -> Result<Vec<u16>, Truncated> {
    let mut numbers = Vec::with_capacity(cursor.remaining() / 2);
    while !cursor.is_empty() {
        let number = cursor.u16_be()?;
        if !is_grease(number) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn list(numbers: &[u16]) -> String {
    numbers.iter().map(|number| format!("{number:04x}")).collect::<Vec<_>>().join(",")
}

/// The first twelve hexadecimal digits of the SHA-256; zeros for nothing.
fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).fold(String::with_capacity(12), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_the_published_example() {
        // The example of the technical details: Chrome over TCP.
        let ciphers = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035";
        let extensions = "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015";
        let signatures = "0403,0804,0401,0503,0805,0501,0806,0601";
        let read = |text: &str| text.split(',').map(|n| u16::from_str_radix(n, 16).unwrap()).collect();
        let parts = Parts {
            version: 0x0304,
            named: true,
            ciphers: read(ciphers),
            extensions: read(extensions),
            signatures: read(signatures),
            protocol: Some((b'h', b'2')),
        };
        assert_eq!(parts.fingerprint(Carrier::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn hellos_are_read_and_broken_ones_refused() {
        let hello = super::super::parse::hello_for("a.example");
        let print = of(&hello, Carrier::Tcp).unwrap();
        assert!(print.starts_with("t12d010200_"), "{print}");
        assert_eq!(of(&hello, Carrier::Quic).unwrap(), print.replacen('t', "q", 1));
        for cut in 1..hello.len() {
            assert!(of(&hello[..cut], Carrier::Tcp).is_none_or(|short| short != print), "cut at {cut}");
        }
        assert!(is_grease(0x0a0a) && is_grease(0xfafa) && !is_grease(0x1301));
    }
}
