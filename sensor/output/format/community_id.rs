//! Community ID: a name for a flow that many tools know (specification version 1, seed 0).
//!
//! Owns: the hash. Never does: deciding what a flow is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use std::net::IpAddr;

/// The id of a flow between two ends over `tcp`, `udp`, `icmp` or another transport, whose ports don't count then. The same whichever
/// end is named first. None when the addresses are of two families.
///
/// ```
/// use egret_output::community_id;
/// let end = |ip: &str, port| (ip.parse().unwrap(), port);
/// let id = community_id("tcp", end("128.232.110.120", 34855), end("66.35.250.204", 80));
/// assert_eq!(id.as_deref(), Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg="));
/// ```
#[must_use]
pub fn community_id(transport: &str, from: (IpAddr, u16), to: (IpAddr, u16)) -> Option<String> {
    let v6 = match (from.0, to.0) {
        (IpAddr::V4(_), IpAddr::V4(_)) => false,
        (IpAddr::V6(_), IpAddr::V6(_)) => true,
        _ => return None,
    };
    let (protocol, ports) = match transport {
        "tcp" => (6_u8, Some((from.1, to.1))),
        "udp" => (17, Some((from.1, to.1))),
        // An echo request, and the reply that answers it, stand in the place of ports.
        "icmp" if v6 => (58, Some((128, 129))),
        "icmp" => (1, Some((8, 0))),
        _ => return None,
    };
    let (mut one, mut other) = ((octets(from.0), from.1), (octets(to.0), to.1));
    if let Some((first, second)) = ports {
        (one.1, other.1) = (first, second);
    }
    if other < one {
        std::mem::swap(&mut one, &mut other);
    }
    let mut digest = Sha1::new();
    digest.update([0, 0]);
    digest.update(&one.0);
    digest.update(&other.0);
    digest.update([protocol, 0]);
    digest.update(one.1.to_be_bytes());
    digest.update(other.1.to_be_bytes());
    Some(format!("1:{}", STANDARD.encode(digest.finalize())))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_come_out() {
        for (transport, from, to, expected) in [
            ("tcp", ("66.35.250.204", 80), ("128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            ("udp", ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            ("udp", ("8.8.8.8", 53), ("192.168.1.52", 54585), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            ("icmp", ("192.168.0.89", 8), ("192.168.0.1", 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        ] {
            let end = |(ip, port): (&str, u16)| (ip.parse().unwrap(), port);
            assert_eq!(community_id(transport, end(from), end(to)).as_deref(), Some(expected));
        }
        assert_eq!(community_id("tcp", ("10.0.0.1".parse().unwrap(), 1), ("::1".parse().unwrap(), 2)), None);
    }
}
