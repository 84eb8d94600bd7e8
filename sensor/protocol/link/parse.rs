//! Frames of IEEE 802.1X with EAP (RFC 3748), ARP (RFC 826) and neighbour discovery (RFC 4861), read without state.

use egret_model::{Cursor, MacAddress, Truncated};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is wanted of an EAPOL frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eapol<'a> {
    /// The station names itself (RFC 3748 section 5.1).
    Identity {
        identifier: u8,
        name: &'a [u8],
    },
    /// The station answers within a method.
    Response {
        identifier: u8,
    },
    /// It is let in, or not (section 4.2).
    Success {
        identifier: u8,
    },
    Failure {
        identifier: u8,
    },
    /// It goes (IEEE 802.1X-2020 clause 11.3.2).
    Logoff,
}

/// Reads an EAPOL frame. None for one that says nothing of who is there, and for a broken one.
pub(super) fn eapol(frame: &[u8]) -> Option<Eapol<'_>> {
    const EAP: u8 = 0;
    const LOGOFF: u8 = 2;
    const LATEST_VERSION: u8 = 3;
    let read = || -> Result<Option<Eapol<'_>>, Truncated> {
        let mut cursor = Cursor::new(frame);
        let (version, kind, length) = (cursor.u8()?, cursor.u8()?, cursor.u16_be()?);
        if version == 0 || version > LATEST_VERSION {
            return Ok(None);
        }
        if kind == LOGOFF {
            return Ok(Some(Eapol::Logoff));
        }
        if kind != EAP {
            return Ok(None);
        }
        // A frame is cut to its first bytes, and padded to the shortest that Ethernet carries.
        let packet = cursor.take(usize::from(length).min(cursor.remaining()))?;
        eap(packet)
    };
    read().ok().flatten()
}

fn eap(packet: &[u8]) -> Result<Option<Eapol<'_>>, Truncated> {
    const RESPONSE: u8 = 2;
    const SUCCESS: u8 = 3;
    const FAILURE: u8 = 4;
    const IDENTITY: u8 = 1;
    const HEADER: usize = 5;
    let mut cursor = Cursor::new(packet);
    let (code, identifier, length) = (cursor.u8()?, cursor.u8()?, usize::from(cursor.u16_be()?));
    Ok(match code {
        RESPONSE if cursor.u8()? != IDENTITY => Some(Eapol::Response { identifier }),
        // A name that was cut off would be another's.
        RESPONSE if length < HEADER || length > packet.len() => None,
        RESPONSE => {
            let name = cursor.take(length - HEADER)?;
            // Behind a zero stand options for the other side.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(Eapol::Identity { identifier, name })
        }
        SUCCESS => Some(Eapol::Success { identifier }),
        FAILURE => Some(Eapol::Failure { identifier }),
        _ => None,
    })
}

/// The sender's addresses in an ARP packet, request or reply. None for a probe (RFC 5227), which has none yet.
pub(super) fn arp(packet: &[u8]) -> Option<(MacAddress, IpAddr)> {
    /// Ethernet and IPv4, and their lengths.
    const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
    let read = || -> Result<Option<(MacAddress, IpAddr)>, Truncated> {
        let mut cursor = Cursor::new(packet);
        let (kinds, operation): ([u8; 6], u16) = (cursor.array()?, cursor.u16_be()?);
        let (mac, ip): ([u8; 6], [u8; 4]) = (cursor.array()?, cursor.array()?);
        let ip = Ipv4Addr::from(ip);
        let good = kinds == ETHERNET_IPV4 && (operation == 1 || operation == 2) && !ip.is_unspecified();
        Ok(good.then_some((MacAddress(mac), ip.into())))
    };
    read().ok().flatten()
}

/// The addresses that a neighbour solicitation of `source`, or an advertisement, tells of its sender.
pub(super) fn neighbour(message: &[u8], source: IpAddr) -> Option<(MacAddress, IpAddr)> {
    const SOLICITATION: u8 = 135;
    /// Options (RFC 4861 section 4.6.1), in units of eight bytes.
    const SOURCE_ADDRESS: u8 = 1;
    const TARGET_ADDRESS: u8 = 2;
    let read = || -> Result<Option<(MacAddress, IpAddr)>, Truncated> {
        let mut cursor = Cursor::new(message);
        let kind = cursor.u8()?;
        cursor.skip(7)?;
        let target: [u8; 16] = cursor.array()?;
        let (wanted, ip) = match kind {
            SOLICITATION => (SOURCE_ADDRESS, source),
            _ => (TARGET_ADDRESS, Ipv6Addr::from(target).into()),
        };
        loop {
            let (option, units) = (cursor.u8()?, cursor.u8()?);
            if units == 0 {
                return Ok(None);
            }
            let mut value = Cursor::new(cursor.take(usize::from(units) * 8 - 2)?);
            if option == wanted {
                return Ok((!ip.is_unspecified()).then_some((MacAddress(value.array()?), ip)));
            }
        }
    };
    read().ok().flatten()
}
