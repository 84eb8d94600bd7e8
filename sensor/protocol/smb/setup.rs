//! Session set-ups of both dialects (MS-SMB2 section 2.2.5, MS-CIFS section 2.2.4.53): whom they name and whether the server accepted.
//!
//! Owns: stateless reading. Never does: keeping any response or key.

use super::parse::{SMB1, SMB2};
use crate::account::Account;
use crate::ntlm;
use egret_model::{Cursor, Truncated};

/// What a session set-up tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// Whom the client names, if this message does.
    Request(Option<Account>),
    /// Whether the server accepted; None: it asks for more.
    Response { accepted: Option<bool> },
}

/// Reads a message, if it sets up a session.
pub(super) fn session_setup(message: &[u8]) -> Option<Setup> {
    const SETUP_1: u8 = 0x73;
    match message.first_chunk::<4>()? {
        magic if *magic == SMB2 && message.get(12..14) == Some(&[1, 0]) => smb2(message).ok(),
        magic if *magic == SMB1 && message.get(4) == Some(&SETUP_1) => smb1(message).ok(),
        _ => None,
    }
}

/// Whether a client asks to join a session of another connection (MS-SMB2 section 2.2.5, SMB2_SESSION_FLAG_BINDING). None: this is
/// no request for a session.
pub(super) fn joins(message: &[u8]) -> Option<bool> {
    const FLAGS_AT: usize = 66;
    let is_request = message.get(16)? & 1 == 0;
    let sets_up = message.starts_with(&SMB2) && message.get(12..14) == Some(&[1, 0]) && is_request;
    sets_up.then(|| message.get(FLAGS_AT).is_some_and(|flags| flags & 1 != 0))
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
