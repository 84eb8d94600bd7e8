//! Messages of SMB, as far as they set up sessions: headers of MS-SMB2 section 2.2.1 and MS-CIFS section 2.2.3.1.

use crate::account::Account;
use crate::ntlm;
use crate::registry::Verdict;
use crate::witness::Length;
use egret_model::{Cursor, Truncated};

const SMB1: [u8; 4] = *b"\xffSMB";
const SMB2: [u8; 4] = *b"\xfeSMB";
/// Encrypted (MS-SMB2 section 2.2.41) and compressed (section 2.2.42) messages.
const WRAPPED: [[u8; 4]; 2] = [*b"\xfdSMB", *b"\xfcSMB"];
/// NetBIOS session packets other than messages (RFC 1002 section 4.3.1): request, answers, keep-alive.
const SESSION_PACKETS: std::ops::RangeInclusive<u8> = 0x81..=0x85;

/// What a session set-up tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// Whom the client names, if this message does.
    Request(Option<Account>),
    /// Whether the server accepted; None: it asks for more.
    Response { accepted: Option<bool> },
}

/// Recognises the first bytes of a side.
pub(super) fn verdict(bytes: &[u8]) -> Verdict {
    let mut rest = bytes;
    // A NetBIOS session request and its answer.
    if let Some(kind) = rest.first()
        && SESSION_PACKETS.contains(kind)
    {
        match length(rest) {
            Length::Bytes(whole) if whole <= 256 => match rest.get(whole..) {
                Some(behind) => rest = behind,
                None => return Verdict::NeedMore,
            },
            Length::NeedMore => return Verdict::NeedMore,
            Length::Bytes(_) | Length::Skip(_) | Length::Malformed => return Verdict::No,
        }
    }
    match (rest.first(), rest.get(4..8)) {
        (Some(0), Some(magic)) if magic == SMB1 || magic == SMB2 => Verdict::Yes,
        (Some(0) | None, None) => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// Length of a message with the four octets of its length in front (RFC 1002 section 4.3.1, MS-SMB2 section 2.1). Messages that
/// set up no session are passed over by their first bytes.
pub(super) fn length(bytes: &[u8]) -> Length {
    let Some(&[kind, a, b, c]) = bytes.first_chunk::<4>() else { return Length::NeedMore };
    let whole = (u32::from_be_bytes([0, a, b, c]) as usize).saturating_add(4);
    if kind != 0 {
        return if SESSION_PACKETS.contains(&kind) { Length::Bytes(whole) } else { Length::Malformed };
    }
    // Up to and with the command.
    let Some(head) = bytes.get(4..18) else {
        return if whole < 18 { Length::Bytes(whole) } else { Length::NeedMore };
    };
    match command(head) {
        Some(true) => Length::Bytes(whole),
        Some(false) => Length::Skip(whole),
        None => Length::Malformed,
    }
}

/// Whether a message sets up a session; None: it is none of SMB.
fn command(message: &[u8]) -> Option<bool> {
    let magic: [u8; 4] = message.first_chunk().copied()?;
    match magic {
        SMB1 => Some(message.get(4) == Some(&0x73)),
        SMB2 => Some(message.get(12..14) == Some(&[1, 0])),
        magic => WRAPPED.contains(&magic).then_some(false),
    }
}

/// Reads a message with its length in front, if it sets up a session.
pub(super) fn session_setup(message: &[u8]) -> Option<Setup> {
    let message = message.get(4..)?;
    if !command(message)? {
        return None;
    }
    match message.first_chunk::<4>()? {
        magic if *magic == SMB2 => smb2(message).ok(),
        _ => smb1(message).ok(),
    }
}

/// The server's answer by its status: success, more to come, or a refusal (MS-ERREF section 2.3).
const fn answer(status: u32) -> Setup {
    const MORE_PROCESSING_REQUIRED: u32 = 0xc000_0016;
    Setup::Response {
        accepted: match status {
            0 => Some(true),
            MORE_PROCESSING_REQUIRED => None,
            _ => Some(false),
        },
    }
}

fn smb2(message: &[u8]) -> Result<Setup, Truncated> {
    let mut head = Cursor::new(message);
    head.skip(8)?;
    let status = head.u32_le()?;
    head.skip(4)?;
    let flags = head.u32_le()?;
    if flags & 1 != 0 {
        return Ok(answer(status));
    }
    Ok(Setup::Request(named(message)))
}

fn named(message: &[u8]) -> Option<Account> {
    match ntlm::find(message)? {
        ntlm::Message::Authenticate(names) => names.and_then(Account::ntlm),
        ntlm::Message::Negotiate | ntlm::Message::Challenge => None,
    }
}

fn smb1(message: &[u8]) -> Result<Setup, Truncated> {
    const REPLY: u8 = 0x80;
    const UNICODE: u16 = 0x8000;
    let mut head = Cursor::new(message);
    head.skip(5)?;
    let status = head.u32_le()?;
    let flags = head.u8()?;
    let flags2 = head.u16_le()?;
    if flags & REPLY != 0 {
        return Ok(answer(status));
    }
    head.skip(20)?;
    let words = head.u8()?;
    if words != 13 {
        // Extended security (MS-SMB section 2.2.4.6.1).
        return Ok(Setup::Request(named(message)));
    }
    // MS-CIFS section 2.2.4.53.1.
    head.skip(14)?;
    let passwords = usize::from(head.u16_le()?) + usize::from(head.u16_le()?);
    head.skip(8)?;
    let _bytes = head.u16_le()?;
    head.skip(passwords)?;
    let unicode = flags2 & UNICODE != 0;
    if unicode && head.position() % 2 != 0 {
        head.skip(1)?;
    }
    let user = string(&mut head, unicode)?;
    let domain = string(&mut head, unicode).ok().filter(|domain| !domain.is_empty());
    let account = Account::parse(user.as_bytes());
    Ok(Setup::Request(account.map(|account| Account { domain: account.domain.or(domain), ..account })))
}

/// A string that ends with a zero.
fn string(input: &mut Cursor<'_>, unicode: bool) -> Result<String, Truncated> {
    if unicode {
        let mut units = Vec::new();
        loop {
            match input.u16_le()? {
                0 => return Ok(String::from_utf16_lossy(&units)),
                unit => units.push(unit),
            }
        }
    }
    let mut bytes = Vec::new();
    loop {
        match input.u8()? {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            byte => bytes.push(byte),
        }
    }
}
