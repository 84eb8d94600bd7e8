//! Messages of DNS form (RFC 1035 section 4), as far as they announce a host: RFC 6762 sections 6 and 8, RFC 4795 section 2.1.1, RFC
//! 1002 section 4.2. NetBIOS datagrams (section 4.4) begin with who sends them.

use egret_model::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which protocol it is, by its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Multicast,
    LinkLocal,
    NetBios,
    NetBiosDatagram,
}

/// A host and one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) host: String,
    pub(super) ip: IpAddr,
}

/// Records of one message that are looked at.
const MOST_RECORDS: usize = 64;
const A: u16 = 1;
const AAAA: u16 = 28;
const NB: u16 = 32;

/// The hosts that a message announces. None: it is no message of this form. Damaged records hide those behind them.
pub(super) fn announced(dialect: Dialect, message: &[u8]) -> Option<Vec<Announced>> {
    if dialect == Dialect::NetBiosDatagram {
        return sender(message);
    }
    let mut input = Cursor::new(message);
    input.skip(2).ok()?;
    let flags = input.u16_be().ok()?;
    let mut count = || input.u16_be().ok().map(usize::from);
    let (questions, answers, authorities, additional) = (count()?, count()?, count()?, count()?);
    let (response, operation, code) = (flags & 0x8000 != 0, flags >> 11 & 0xf, flags & 0xf);
    let records = answers + authorities + additional;
    if questions > MOST_RECORDS || records > 16 * MOST_RECORDS || questions + records == 0 {
        return None;
    }
    let mut at = message.len() - input.rest().len();
    for _ in 0..questions {
        at = name(message, at)?.1.checked_add(4)?;
    }
    message.get(..at)?;
    let tells = match dialect {
        // A host that is about to take a name puts its records into the question (section 8.2).
        Dialect::Multicast => operation == 0 && code == 0,
        Dialect::LinkLocal => response && operation == 0 && code == 0,
        // Answers, and registrations (5, 15) or refreshes (8, 9).
        Dialect::NetBios => {
            response && operation == 0 && code == 0 || !response && matches!(operation, 5 | 8 | 9 | 15)
        }
        Dialect::NetBiosDatagram => false,
    };
    let mut found = Vec::new();
    for _ in 0..if tells { records.min(MOST_RECORDS) } else { 0 } {
        let Some((record, next)) = record(message, at) else { break };
        at = next;
        record.announce(dialect, &mut found);
    }
    Some(found)
}

/// Who sends a NetBIOS datagram, as the browser service does every few minutes (RFC 1002 section 4.4.1): type, flags, number, address
/// and port of the sender, length, offset, the sender's name, the receiver's.
fn sender(message: &[u8]) -> Option<Vec<Announced>> {
    const TO_ONE_GROUP_OR_ALL: std::ops::RangeInclusive<u8> = 0x10..=0x12;
    const FIRST_FRAGMENT: u8 = 0x02;
    const NAME: usize = 14;
    let [kind, flags, _, _, a, b, c, d, ..] = message.first_chunk::<NAME>()?;
    if !TO_ONE_GROUP_OR_ALL.contains(kind) || flags & FIRST_FRAGMENT == 0 {
        return None;
    }
    let (labels, behind) = name(message, NAME)?;
    name(message, behind)?;
    let ip: IpAddr = Ipv4Addr::new(*a, *b, *c, *d).into();
    let host = labels.first().and_then(|label| netbios_host(label)).filter(|_| !ip.is_unspecified());
    Some(host.map(|host| Announced { host, ip }).into_iter().collect())
}

struct Record<'a> {
    labels: Vec<&'a [u8]>,
    kind: u16,
    data: &'a [u8],
}

fn record(message: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let (labels, at) = name(message, at)?;
    let mut input = Cursor::new(message.get(at..)?);
    let kind = input.u16_be().ok()?;
    input.skip(6).ok()?;
    let length = usize::from(input.u16_be().ok()?);
    let data = input.take(length).ok()?;
    Some((Record { labels, kind, data }, at + 10 + length))
}

/// The labels of the name at `at`, and where it ends. Pointers (section 4.1.4) lead back only, so that no name is endless.
fn name(message: &[u8], at: usize) -> Option<(Vec<&[u8]>, usize)> {
    const MOST_LABELS: usize = 32;
    let (mut labels, mut place, mut end) = (Vec::new(), at, None);
    loop {
        match usize::from(*message.get(place)?) {
            0 => return Some((labels, end.unwrap_or(place + 1))),
            high @ 0xc0.. => {
                let target = (high & 0x3f) << 8 | usize::from(*message.get(place + 1)?);
                end = end.or(Some(place + 2));
                if target >= place {
                    return None;
                }
                place = target;
            }
            length @ ..=63 => {
                labels.push(message.get(place + 1..place + 1 + length)?);
                place += 1 + length;
            }
            _ => return None,
        }
        if labels.len() > MOST_LABELS {
            return None;
        }
    }
}

impl Record<'_> {
    fn announce(&self, dialect: Dialect, found: &mut Vec<Announced>) {
        if dialect == Dialect::NetBios {
            return self.announce_netbios(found);
        }
        let ip: IpAddr = match (self.kind, self.data) {
            (A, &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).into(),
            (AAAA, data) => match <[u8; 16]>::try_from(data) {
                Ok(octets) => Ipv6Addr::from(octets).into(),
                Err(_) => return,
            },
            _ => return,
        };
        // A host's own name: one label, or one below `local`.
        let host = match self.labels.as_slice() {
            [host] => host,
            [host, zone] if zone.eq_ignore_ascii_case(b"local") => host,
            _ => return,
        };
        found.extend(host_name(host).filter(|_| !ip.is_unspecified()).map(|host| Announced { host, ip }));
    }

    fn announce_netbios(&self, found: &mut Vec<Announced>) {
        const GROUP: u8 = 0x80;
        let (NB, [encoded, ..]) = (self.kind, self.labels.as_slice()) else { return };
        let Some(host) = netbios_host(encoded) else { return };
        for entry in self.data.chunks_exact(6) {
            if let &[flags, _, a, b, c, d] = entry
                && flags & GROUP == 0
            {
                let ip: IpAddr = Ipv4Addr::new(a, b, c, d).into();
                if !ip.is_unspecified() {
                    found.push(Announced { host: host.clone(), ip });
                }
            }
        }
    }
}

/// The host whose name this is: fifteen characters and a suffix that tells what the name is for, in half octets as letters (RFC 1001
/// section 14.1).
fn netbios_host(encoded: &[u8]) -> Option<String> {
    let octets: Option<Vec<u8>> = encoded
        .chunks(2)
        .map(|pair| match pair {
            &[high @ b'A'..=b'P', low @ b'A'..=b'P'] => Some((high - b'A') << 4 | (low - b'A')),
            _ => None,
        })
        .collect();
    let octets = octets?;
    let (name, suffix) = octets.split_at_checked(15)?;
    // Of a workstation (0) or a file server (0x20); others are of programs, users and groups.
    matches!(suffix, [0 | 0x20]).then(|| host_name(name))?
}

/// A host name, if it is printable text.
fn host_name(label: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(label).ok()?.trim_end_matches(['\0', ' ']);
    let printable =
        !name.is_empty() && !name.starts_with('*') && !name.chars().any(|c| c.is_control() || c == '\u{1}');
    printable.then(|| name.to_owned())
}
