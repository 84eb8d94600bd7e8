//! Messages of DHCP (RFC 2131, options of RFC 2132 and 4702) and DHCPv6 (RFC 8415, names of RFC 4704), as far as they tell
//! who has which address.

use egret_model::{Cursor, MacAddress, Truncated};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and who has it, or wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// None: the client has none yet (DISCOVER); it tells its name all the same.
    pub(super) ip: Option<IpAddr>,
    pub(super) mac: Option<MacAddress>,
    pub(super) host: Option<String>,
    /// The server says so; otherwise the client asks for it, or says that it has it.
    pub(super) granted: bool,
    /// Seconds from now on; `None` when not told or without end.
    pub(super) seconds: Option<u32>,
}

/// Octets 236 to 239 of every DHCP message (RFC 2131 section 3).
const MAGIC: [u8; 4] = [99, 130, 83, 99];

/// True for a DHCP message over IPv4: a BOOTP header with the magic cookie.
pub(super) fn is_v4(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(1 | 2)) && datagram.get(236..240) == Some(&MAGIC)
}

/// Options of DHCP that matter here.
#[derive(Default)]
struct Options<'a> {
    message: Option<u8>,
    host: Option<&'a [u8]>,
    fqdn: Option<&'a [u8]>,
    requested: Option<Ipv4Addr>,
    seconds: Option<u32>,
    overload: u8,
}

/// The address that a DHCP message speaks of. `None`: it speaks of none, or is damaged before it does.
pub(super) fn v4(datagram: &[u8]) -> Option<Lease> {
    const DISCOVER: u8 = 1;
    const REQUEST: u8 = 3;
    const ACK: u8 = 5;
    const RELEASE: u8 = 7;
    const INFORM: u8 = 8;
    let mut header = Cursor::new(datagram);
    let [_operation, hardware_type, hardware_length, _hops] = header.array().ok()?;
    header.skip(8).ok()?;
    let client_address = Ipv4Addr::from(header.u32_be().ok()?);
    let your_address = Ipv4Addr::from(header.u32_be().ok()?);
    header.skip(8).ok()?;
    let hardware_address = header.array::<16>().ok()?;
    let server_name = header.take(64).ok()?;
    let file = header.take(128).ok()?;
    header.skip(MAGIC.len()).ok()?;

    let mut options = Options::default();
    // A damaged option hides those behind it; what came before it still counts.
    let _ = v4_options(&mut header, &mut options);
    // RFC 2132 section 9.3: options may go on in the two fields.
    if options.overload & 1 != 0 {
        let _ = v4_options(&mut Cursor::new(file), &mut options);
    }
    if options.overload & 2 != 0 {
        let _ = v4_options(&mut Cursor::new(server_name), &mut options);
    }
    let address = match options.message? {
        ACK => Some(your_address).filter(|address| !address.is_unspecified()).or(Some(client_address)),
        REQUEST | INFORM => options.requested.or(Some(client_address)),
        DISCOVER => None,
        // The client gives its address back: the lease ends now.
        RELEASE => Some(client_address),
        _ => return None,
    };
    let released = options.message == Some(RELEASE);
    let granted = released || options.message == Some(ACK);
    let [a, b, c, d, e, f, ..] = hardware_address;
    let mac = (hardware_type == 1 && hardware_length == 6).then_some(MacAddress([a, b, c, d, e, f]));
    let possible = address.is_none_or(|address| !address.is_unspecified() && !address.is_broadcast());
    possible.then(|| Lease {
        ip: address.map(IpAddr::V4),
        mac,
        host: options.host.and_then(host).or_else(|| options.fqdn.and_then(v4_fqdn)),
        granted,
        seconds: if released {
            Some(0)
        } else {
            options.seconds.filter(|seconds| granted && *seconds != u32::MAX)
        },
    })
}

fn v4_options<'a>(input: &mut Cursor<'a>, options: &mut Options<'a>) -> Result<(), Truncated> {
    while !input.is_empty() {
        let code = match input.u8()? {
            0 => continue,
            255 => break,
            code => code,
        };
        let length = input.u8()?;
        let mut value = input.sub(usize::from(length))?;
        match code {
            12 => options.host = Some(value.take_rest()),
            50 => options.requested = Some(value.u32_be()?.into()),
            51 => options.seconds = Some(value.u32_be()?),
            52 => options.overload = value.u8()?,
            53 => options.message = Some(value.u8()?),
            81 => options.fqdn = Some(value.take_rest()),
            _ => {}
        }
    }
    Ok(())
}

/// The host in the option of RFC 4702: in DNS form if its E bit is set, else as text.
fn v4_fqdn(option: &[u8]) -> Option<String> {
    let mut input = Cursor::new(option);
    let [flags, _, _] = input.array().ok()?;
    if flags & 4 != 0 {
        first_label(input.rest())
    } else {
        host(input.rest().split(|byte| *byte == b'.').next()?)
    }
}

/// The first label of a name in DNS form (RFC 1035 section 3.1).
fn first_label(name: &[u8]) -> Option<String> {
    let mut input = Cursor::new(name);
    let length = input.u8().ok().filter(|length| (1..=63).contains(length))?;
    host(input.take(usize::from(length)).ok()?)
}

/// A host name, if it is printable text.
fn host(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim().trim_end_matches('.');
    let printable = !name.is_empty() && name.len() <= 253 && !name.chars().any(char::is_control);
    printable.then(|| name.to_owned())
}

/// Relays that a message may have passed (RFC 8415 section 7.6, HOP_COUNT_LIMIT).
const RELAYS: usize = 8;

/// The addresses that a DHCPv6 message speaks of. `None`: this is no DHCPv6 message.
pub(super) fn v6(datagram: &[u8]) -> Option<Vec<Lease>> {
    let mut message = datagram;
    for _ in 0..=RELAYS {
        let mut input = Cursor::new(message);
        match input.u8().ok()? {
            12 | 13 => {
                // Hop count, link address, peer address.
                input.skip(33).ok()?;
                message = v6_options(input.rest()).ok()?.into_iter().find(|(code, _)| *code == 9)?.1;
            }
            kind @ 1..=11 => {
                input.skip(3).ok()?;
                return v6_message(kind, &v6_options(input.rest()).ok()?);
            }
            _ => return None,
        }
    }
    None
}

type V6Option<'a> = (u16, &'a [u8]);

fn v6_options(input: &[u8]) -> Result<Vec<V6Option<'_>>, Truncated> {
    let mut input = Cursor::new(input);
    let mut options = Vec::new();
    while !input.is_empty() {
        let code = input.u16_be()?;
        let length = input.u16_be()?;
        options.push((code, input.take(usize::from(length))?));
    }
    Ok(options)
}

fn v6_message(kind: u8, options: &[V6Option<'_>]) -> Option<Vec<Lease>> {
    const CLIENT_ID: u16 = 1;
    const IA_NA: u16 = 3;
    const FQDN: u16 = 39;
    const RELEASE: u8 = 8;
    let find = |wanted: u16| options.iter().find(|(code, _)| *code == wanted).map(|(_, value)| *value);
    // Only a request for information may lack it (RFC 8415 section 16.12).
    let client = match find(CLIENT_ID) {
        Some(client) => client,
        None if kind == 11 => return Some(Vec::new()),
        None => return None,
    };
    let granted = match kind {
        7 | RELEASE => true,
        // Request, confirm, renew, rebind.
        3..=6 => false,
        _ => return Some(Vec::new()),
    };
    let mac = link_address(client);
    let host = find(FQDN).and_then(|option| first_label(option.get(1..)?));
    let associations = options.iter().filter(|(code, _)| *code == IA_NA);
    let addresses =
        associations.filter_map(|(_, association)| v6_options(association.get(12..)?).ok()).flatten();
    let leases = addresses.filter_map(|(code, value)| v6_address(code, value)).map(|(ip, seconds)| Lease {
        ip: Some(ip.into()),
        mac,
        host: host.clone(),
        granted,
        seconds: Some(if kind == RELEASE { 0 } else { seconds })
            .filter(|seconds| granted && *seconds != u32::MAX),
    });
    Some(leases.collect())
}

/// Address and valid lifetime of an IA Address option.
fn v6_address(code: u16, value: &[u8]) -> Option<(Ipv6Addr, u32)> {
    const IA_ADDRESS: u16 = 5;
    let mut input = Cursor::new(value);
    let address = Ipv6Addr::from(input.array::<16>().ok()?);
    let _preferred = input.u32_be().ok()?;
    let valid = input.u32_be().ok()?;
    (code == IA_ADDRESS && !address.is_unspecified()).then_some((address, valid))
}

/// The Ethernet address in a DUID (RFC 8415 sections 11.2 and 11.4).
fn link_address(duid: &[u8]) -> Option<MacAddress> {
    let mut input = Cursor::new(duid);
    match (input.u16_be().ok()?, input.u16_be().ok()?) {
        (1, 1) => input.skip(4).ok()?,
        (3, 1) => {}
        _ => return None,
    }
    input.array().ok().filter(|_| input.is_empty()).map(MacAddress)
}
