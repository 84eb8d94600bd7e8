//! Messages of RADIUS (RFC 2865 section 3, attributes of section 5 and of RFC 2866, RFC 3162, RFC 8044).

use crate::account::Account;
use egret_model::{Cursor, MacAddress};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a message is. Others tell nothing of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    AccessRequest,
    AccessAccept,
    AccessReject,
    AccountingRequest,
    AccountingResponse,
    AccessChallenge,
}

/// What an accounting request reports (RFC 2866 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Start,
    Stop,
    Interim,
}

/// A message, as far as it tells who has which address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) code: Code,
    pub(super) identifier: u8,
    pub(super) user: Option<Account>,
    /// The user's name is text throughout; one that is damaged proves nobody.
    pub(super) legible: bool,
    /// The address that the user was given.
    pub(super) address: Option<IpAddr>,
    /// The link address of the user's device.
    pub(super) station: Option<MacAddress>,
    pub(super) status: Option<Status>,
}

impl Message {
    /// The request, with what its answer adds: the server may put the user's name right and tell the address.
    pub(super) fn answered(self, answer: Self) -> Self {
        let corrected = answer.user.is_some() && answer.legible;
        let (user, legible) = if corrected { (answer.user, true) } else { (self.user, self.legible) };
        Self { user, legible, address: answer.address.or(self.address), ..self }
    }
}

/// Reads a message. `None`: this is none, or one that tells nothing of users. Damaged attributes hide those behind them.
pub(super) fn message(datagram: &[u8]) -> Option<Message> {
    /// Header and authenticator; the longest message (RFC 2865 section 3).
    const LENGTHS: std::ops::RangeInclusive<usize> = 20..=4096;
    let mut input = Cursor::new(datagram);
    let code = match input.u8().ok()? {
        1 => Code::AccessRequest,
        2 => Code::AccessAccept,
        3 => Code::AccessReject,
        4 => Code::AccountingRequest,
        5 => Code::AccountingResponse,
        11 => Code::AccessChallenge,
        _ => return None,
    };
    let identifier = input.u8().ok()?;
    let length = usize::from(input.u16_be().ok()?);
    if !LENGTHS.contains(&length) || length > datagram.len() || datagram.len() > length + 64 {
        return None;
    }
    input.skip(16).ok()?;
    let mut attributes = input.sub(length - 20).ok()?;
    let (user, legible, address, station, status) = (None, true, None, None, None);
    let mut message = Message { code, identifier, user, legible, address, station, status };
    let mut read = 0;
    while let (Ok(kind), Ok(length)) = (attributes.u8(), attributes.u8()) {
        let Some(value) = usize::from(length).checked_sub(2).and_then(|length| attributes.take(length).ok())
        else {
            break;
        };
        message.attribute(kind, value);
        read += 1;
    }
    // A request names somebody; without a single attribute in order this is something else that looks like it.
    let request = matches!(code, Code::AccessRequest | Code::AccountingRequest);
    (read > 0 || !request && length == 20).then_some(message)
}

impl Message {
    fn attribute(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (1, name) => {
                if (self.user.is_none() || !self.legible)
                    && let Some((account, legible)) = Account::lenient(name)
                {
                    (self.user, self.legible) = (Some(account), legible);
                }
            }
            (8, &[a, b, c, d]) => {
                self.address = framed(Ipv4Addr::new(a, b, c, d)).map(IpAddr::V4).or(self.address);
            }
            // EAP-Message (RFC 3579 section 3.1) with an identity in it: all that some requests tell (RFC 3748 section 5.1).
            (79, [2, _, _, _, 1, name @ ..]) => {
                if self.user.is_none()
                    && let Some((account, _)) = Account::lenient(name)
                {
                    (self.user, self.legible) = (Some(account), false);
                }
            }
            (31, station) => self.station = self.station.or_else(|| link_address(station)),
            (40, &[0, 0, 0, status]) => {
                self.status = match status {
                    1 => Some(Status::Start),
                    2 => Some(Status::Stop),
                    3 => Some(Status::Interim),
                    _ => self.status,
                }
            }
            // Framed-IPv6-Address (RFC 6911 section 3.1).
            (168, bytes) => {
                let address = <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from).ok();
                self.address = self.address.or(address.map(IpAddr::V6));
            }
            _ => {}
        }
    }
}

/// An address that is really given: two values leave the choice to others (RFC 2865 section 5.8).
fn framed(address: Ipv4Addr) -> Option<Ipv4Addr> {
    let chosen = u32::from(address) >= 0xffff_fffe || address.is_unspecified();
    (!chosen).then_some(address)
}

/// The link address in a Calling-Station-Id: six pairs of hexadecimal digits with or without separators (RFC 3580 section 3.21).
fn link_address(station: &[u8]) -> Option<MacAddress> {
    let text = station.split(|byte| *byte == b'\0').next()?;
    let digits: Vec<u8> = text
        .iter()
        .filter(|byte| !matches!(byte, b':' | b'-' | b'.'))
        .map(|byte| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let octets: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
    (digits.len() == 12).then(|| octets.try_into().ok().map(MacAddress)).flatten()
}
