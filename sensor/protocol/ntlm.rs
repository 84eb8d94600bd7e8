//! NTLM (MS-NLMP): whom its AUTHENTICATE message names. It travels within other protocols, which tell whether it was accepted.
//!
//! Owns: finding the message in bytes that may wrap it (SPNEGO, RFC 4178) and reading its names. Never does: keeping any response
//! or key.

use egret_model::{Cursor, Truncated};

/// What every message begins with (MS-NLMP section 2.2.1).
pub(crate) const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Longest name that is believed, bytes: DNS allows 255, and they are UTF-16.
const LONGEST_NAME: usize = 512;

/// The names in an AUTHENTICATE message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) user: String,
    pub(crate) domain: Option<String>,
    /// The computer that the client calls itself.
    pub(crate) workstation: Option<String>,
}

/// A message, as far as it tells anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Negotiate,
    Challenge,
    /// `None`: an anonymous session, or names that can't be read.
    Authenticate(Option<Names>),
}

/// The first message in `bytes`.
pub(crate) fn find(bytes: &[u8]) -> Option<Message> {
    let start = bytes.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)?;
    let message = bytes.get(start..)?;
    match Cursor::new(message.get(SIGNATURE.len()..)?).u32_le().ok()? {
        1 => Some(Message::Negotiate),
        2 => Some(Message::Challenge),
        3 => Some(Message::Authenticate(authenticate(message).ok().flatten())),
        _ => None,
    }
}

/// Reads an AUTHENTICATE message (MS-NLMP section 2.2.1.3).
fn authenticate(message: &[u8]) -> Result<Option<Names>, Truncated> {
    const NEGOTIATE_UNICODE: u32 = 1;
    let mut head = Cursor::new(message);
    head.skip(12)?;
    let _lm_response = field(&mut head)?;
    let _nt_response = field(&mut head)?;
    let domain = field(&mut head)?;
    let user = field(&mut head)?;
    let workstation = field(&mut head)?;
    let _session_key = field(&mut head)?;
    let unicode = head.u32_le()? & NEGOTIATE_UNICODE != 0;
    let name = |(offset, length): (usize, usize)| {
        let bytes = message.get(offset..offset.checked_add(length)?)?;
        text(bytes, unicode)
    };
    Ok(name(user).map(|user| Names { user, domain: name(domain), workstation: name(workstation) }))
}

/// Offset and length of a payload field (MS-NLMP section 2.2.1.3, the Fields structures).
fn field(head: &mut Cursor<'_>) -> Result<(usize, usize), Truncated> {
    let length = usize::from(head.u16_le()?);
    let _allocated = head.u16_le()?;
    let offset = head.u32_le()? as usize;
    Ok((offset, length))
}

fn text(bytes: &[u8], unicode: bool) -> Option<String> {
    if bytes.is_empty() || bytes.len() > LONGEST_NAME {
        return None;
    }
    let text = if unicode {
        let units =
            bytes.chunks_exact(2).map(|pair| pair.iter().rev().fold(0, |sum, b| sum << 8 | u16::from(*b)));
        char::decode_utf16(units).collect::<Result<String, _>>().ok()?
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    let name = text.trim().trim_start_matches("\\\\");
    (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

#[cfg(test)]
pub(crate) mod samples {
    /// An AUTHENTICATE message of a user of a domain on a computer.
    pub(crate) fn authenticate(user: &str, domain: &str, workstation: &str) -> Vec<u8> {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let parts = [vec![0; 24], vec![0; 24], wide(domain), wide(user), wide(workstation), Vec::new()];
        let mut message = [super::SIGNATURE.as_slice(), &[3, 0, 0, 0]].concat();
        let mut offset = 64_u32;
        for part in &parts {
            let length = u16::try_from(part.len()).unwrap().to_le_bytes();
            message.extend_from_slice(&[length, length].concat());
            message.extend_from_slice(&offset.to_le_bytes());
            offset += u32::try_from(part.len()).unwrap();
        }
        message.extend_from_slice(&1_u32.to_le_bytes());
        message.extend(parts.concat());
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_wherever_the_message_stands() {
        let message =
            [b"\xa1\x82wrapped".as_slice(), &samples::authenticate("alice", "CORP", "ALICE-LT")].concat();
        let names =
            Names { user: "alice".into(), domain: Some("CORP".into()), workstation: Some("ALICE-LT".into()) };
        assert_eq!(find(&message), Some(Message::Authenticate(Some(names))));
        assert_eq!(find(&samples::authenticate("", "", "X")), Some(Message::Authenticate(None)));
        assert_eq!(find(b"NTLMSSP\0\x01\0\0\0"), Some(Message::Negotiate));
        assert_eq!(find(b"NTLMSSP"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = find(&[SIGNATURE.as_slice(), &[3, 0, 0, 0], &bytes].concat());
        }
    }
}
