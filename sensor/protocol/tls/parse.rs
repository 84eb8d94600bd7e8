//! Record headers and the ClientHello (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3).
//!
//! Owns: stateless reading. Never does: verification.

use crate::registry::Verdict;
use egret_model::{Cursor, Truncated};

pub(super) const HEADER_LENGTH: usize = 5;
/// 2^14 bytes of content and at most 2,048 of protection (RFC 5246 section 6.2.3).
const LONGEST_RECORD: usize = (1 << 14) + 2048;

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    Heartbeat,
}

impl ContentType {
    pub(super) const fn of(kind: u8) -> Option<Self> {
        Some(match kind {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            24 => Self::Heartbeat,
            _ => return None,
        })
    }
}

/// Header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: ContentType,
    pub(super) length: usize,
}

impl Header {
    /// Reads a whole header; None when it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [kind, 3, 0..=4, high, low, ..] = bytes else { return None };
        let kind = ContentType::of(*kind)?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        (length <= LONGEST_RECORD).then_some(Self { kind, length })
    }
}

/// Does a record begin here? Behind a gap, only what is sure counts.
pub(super) fn begins_record(bytes: &[u8]) -> bool {
    Header::parse(bytes).is_some_and(|header| header.length > 0)
}

/// Does a connection begin here, or with `midstream` go on?
pub(super) fn verdict(bytes: &[u8], midstream: bool) -> Verdict {
    let known = match bytes {
        [22, ..] => true,
        [23, ..] => midstream,
        _ => false,
    };
    let version_fits =
        bytes.get(1).is_none_or(|major| *major == 3) && bytes.get(2).is_none_or(|minor| *minor <= 4);
    if !known || !version_fits {
        return Verdict::No;
    }
    let Some(header) = Header::parse(bytes) else {
        return if bytes.len() < HEADER_LENGTH { Verdict::NeedMore } else { Verdict::No };
    };
    let behind = bytes.get(HEADER_LENGTH + header.length..).unwrap_or_default();
    match (header.kind, bytes.get(HEADER_LENGTH)) {
        (ContentType::Handshake, None) => Verdict::NeedMore,
        // ClientHello or ServerHello.
        (ContentType::Handshake, Some(1 | 2)) if header.length >= 4 => Verdict::Yes,
        (ContentType::ApplicationData, _) if header.length > 0 && (behind.is_empty() || follows(behind)) => {
            Verdict::Yes
        }
        _ => Verdict::No,
    }
}

/// The bytes behind a record begin another one, as far as they go.
fn follows(bytes: &[u8]) -> bool {
    if bytes.len() < HEADER_LENGTH {
        matches!(bytes, [20..=24] | [20..=24, 3, ..])
    } else {
        Header::parse(bytes).is_some()
    }
}

/// True when `bytes` hold the whole of a handshake message.
pub(super) fn handshake_is_complete(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.u8().and_then(|_| cursor.u24_be());
    length.is_ok_and(|length| cursor.remaining() as u64 >= u64::from(length))
}

/// What is wanted of a ClientHello.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// What key logs name the connection by.
    pub(super) random: Option<[u8; 32]>,
    pub(super) server_name: Option<String>,
}

/// Reads a handshake message. None: it is no ClientHello.
pub(super) fn client_hello(message: &[u8]) -> Option<ClientHello> {
    let mut cursor = Cursor::new(message);
    if cursor.u8() != Ok(1) {
        return None;
    }
    let random = message.get(6..).and_then(|rest| rest.first_chunk()).copied();
    let server_name = cursor.u24_be().and_then(|_| server_name(&mut cursor)).ok().flatten();
    Some(ClientHello { random, server_name })
}

/// What is wanted of a ServerHello.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    /// As it stands in the message, which TLS 1.3 writes as TLS 1.2.
    pub(super) version: u16,
    pub(super) suite: u16,
    /// Encrypt-then-MAC (RFC 7366).
    pub(super) mac_is_last: bool,
}

impl ServerHello {
    /// The server asks for another ClientHello (RFC 8446 section 4.1.3).
    pub(super) fn is_retry(&self) -> bool {
        /// SHA-256 of "HelloRetryRequest".
        const RETRY: [u8; 8] = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];
        self.random.starts_with(&RETRY)
    }
}

/// Reads a handshake message. None: it is no ServerHello, or of a version before TLS 1.0.
pub(super) fn server_hello(message: &[u8]) -> Option<ServerHello> {
    const ENCRYPT_THEN_MAC: u16 = 22;
    let read = || -> Result<Option<ServerHello>, Truncated> {
        let mut cursor = Cursor::new(message);
        let (kind, _length, version) = (cursor.u8()?, cursor.u24_be()?, cursor.u16_be()?);
        let random = cursor.array()?;
        let session = cursor.u8()?;
        cursor.skip(usize::from(session))?;
        let suite = cursor.u16_be()?;
        cursor.skip(1)?;
        let mut mac_is_last = false;
        if let Ok(length) = cursor.u16_be() {
            let mut extensions = cursor.sub(usize::from(length))?;
            while !extensions.is_empty() {
                let kind = extensions.u16_be()?;
                let length = extensions.u16_be()?;
                extensions.skip(usize::from(length))?;
                mac_is_last |= kind == ENCRYPT_THEN_MAC;
            }
        }
        let known = kind == 2 && matches!(version, 0x0301..=0x0303);
        Ok(known.then_some(ServerHello { random, version, suite, mac_is_last }))
    };
    read().ok().flatten()
}

/// The extension of a kind of a ClientHello, from its version on.
fn extension<'a>(cursor: &mut Cursor<'a>, wanted: u16) -> Result<Option<Cursor<'a>>, Truncated> {
    cursor.skip(2 + 32)?;
    let session = cursor.u8()?;
    cursor.skip(usize::from(session))?;
    let ciphers = cursor.u16_be()?;
    cursor.skip(usize::from(ciphers))?;
    let compressions = cursor.u8()?;
    cursor.skip(usize::from(compressions))?;
    let extensions = cursor.u16_be()?;
    let mut extensions = cursor.sub(usize::from(extensions))?;
    while !extensions.is_empty() {
        let kind = extensions.u16_be()?;
        let length = extensions.u16_be()?;
        let extension = extensions.sub(usize::from(length))?;
        if kind == wanted {
            return Ok(Some(extension));
        }
    }
    Ok(None)
}

/// The host name among the extensions of a ClientHello, from its version on.
fn server_name(cursor: &mut Cursor<'_>) -> Result<Option<String>, Truncated> {
    let Some(mut extension) = extension(cursor, 0)? else { return Ok(None) };
    let _list_length = extension.u16_be()?;
    while !extension.is_empty() {
        let kind = extension.u8()?;
        let length = extension.u16_be()?;
        let name = extension.take(usize::from(length))?;
        if kind == 0 {
            let believable = name.iter().all(u8::is_ascii_graphic);
            let name = String::from_utf8_lossy(name).trim_end_matches('.').to_ascii_lowercase();
            return Ok((believable && !name.is_empty() && name.len() <= 255).then_some(name));
        }
    }
    Ok(None)
}

/// The protocol that a ClientHello names first (RFC 7301 section 3.1).
pub(super) fn first_protocol(message: &[u8]) -> Option<Vec<u8>> {
    const PROTOCOLS: u16 = 16;
    let mut cursor = Cursor::new(message);
    cursor.skip(4).ok()?;
    let mut protocols = extension(&mut cursor, PROTOCOLS).ok()??;
    let _list_length = protocols.u16_be().ok()?;
    let length = protocols.u8().ok()?;
    Some(protocols.take(usize::from(length)).ok()?.to_vec())
}

/// A ClientHello for `name`.
#[cfg(test)]
pub(super) fn hello_for(name: &str) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let host = [&[0], &length(name.len())[..], name.as_bytes()].concat();
    let list = [&length(host.len())[..], &host].concat();
    let extension = [&[0x00, 0x17, 0, 0, 0, 0][..], &length(list.len()), &list].concat();
    let body =
        [&[3, 3][..], &[7; 32], &[1, 9], &[0, 2, 0x13, 1], &[1, 0], &length(extension.len()), &extension]
            .concat();
    [&[1, 0][..], &length(body.len()), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_hellos() {
        let hello = hello_for("Upload.Example.");
        assert_eq!(
            client_hello(&hello),
            Some(ClientHello { random: Some([7; 32]), server_name: Some("upload.example".to_owned()) })
        );
        assert_eq!(client_hello(&hello_for("a b")).unwrap().server_name, None);
        assert_eq!(client_hello(&[2, 0, 0, 0]), None);
        for cut in 1..hello.len() {
            assert_eq!(client_hello(&hello[..cut]).unwrap().server_name, None, "cut at {cut}");
            assert!(!handshake_is_complete(&hello[..cut]));
        }
        assert!(handshake_is_complete(&hello));
    }

    #[test]
    fn connections_are_recognised() {
        let cases: &[(&[u8], bool, Verdict)] = &[
            (&[22, 3, 1, 2, 0, 1], false, Verdict::Yes),
            (&[22, 3, 3, 0, 40, 2], false, Verdict::Yes),
            (&[22], false, Verdict::NeedMore),
            (&[22, 3, 1, 2], false, Verdict::NeedMore),
            (&[22, 3, 1, 2, 0], false, Verdict::NeedMore),
            (&[22, 3, 1, 2, 0, 9], false, Verdict::No),
            (&[22, 3, 1, 0, 0, 1], false, Verdict::No),
            (&[22, 9], false, Verdict::No),
            (&[23, 3, 3, 0, 9], false, Verdict::No),
            (&[23, 3, 3, 0, 9], true, Verdict::Yes),
            (&[23, 3, 3, 0, 1, 0, 23, 3], true, Verdict::Yes),
            (&[23, 3, 3, 0, 1, 0, 99, 3], true, Verdict::No),
            (&[23, 3, 3, 255, 255], true, Verdict::No),
            (b"GET /", true, Verdict::No),
        ];
        for (bytes, midstream, expected) in cases {
            assert_eq!(verdict(bytes, *midstream), *expected, "{bytes:?}");
        }
    }
}
