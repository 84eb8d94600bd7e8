//! One layer of a frame: the bytes that were captured of it, and how many were not.
//!
//! Owns: reading headers off the front, and telling "cut off by the snap length" from "malformed". Never does: knowing any
//! header.

use crate::tally::Cause;
use std::fmt;

/// A header, as named in the tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the header it names")]
pub enum Part {
    Ethernet,
    Llc,
    Vlan,
    VnTag,
    MacSec,
    Mpls,
    Pppoe,
    Ppp,
    Hdlc,
    FrameRelay,
    Cooked,
    NetfilterLog,
    PacketTap,
    ExtensibleRecord,
    SwitchTag,
    Loopback,
    Wireless,
    Ipv4,
    Ipv6,
    Ipv6Extension,
    Authentication,
    Fragment,
    Gre,
    Erspan,
    Tcp,
    Udp,
    Icmp,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ethernet => "Ethernet",
            Self::Llc => "LLC",
            Self::Vlan => "VLAN tag",
            Self::VnTag => "VN-Tag",
            Self::MacSec => "MACsec",
            Self::Mpls => "MPLS",
            Self::Pppoe => "PPPoE",
            Self::Ppp => "PPP",
            Self::Hdlc => "HDLC",
            Self::FrameRelay => "Frame Relay",
            Self::Cooked => "Linux cooked",
            Self::NetfilterLog => "NFLOG",
            Self::PacketTap => "PKTAP",
            Self::ExtensibleRecord => "ERF",
            Self::SwitchTag => "switch tag",
            Self::Loopback => "loopback",
            Self::Wireless => "IEEE 802.11",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension",
            Self::Authentication => "IP authentication",
            Self::Fragment => "IP fragment",
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
        })
    }
}

/// Why a frame, or the rest of it, could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) cause: Cause,
    /// Bytes that stay unread, those not captured included.
    pub(crate) bytes: u64,
    /// Where in the frame (or in the reassembled datagram) the unread part begins.
    pub(crate) offset: usize,
}

/// What is left of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    bytes: &'a [u8],
    offset: usize,
    missing: usize,
}

impl<'a> Layer<'a> {
    /// `bytes`, behind which `missing` more belong that were not captured.
    pub(crate) const fn new(bytes: &'a [u8], missing: usize) -> Self {
        Self { bytes, offset: 0, missing }
    }

    /// What was captured.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes at the end that were not captured.
    pub(crate) const fn missing(&self) -> usize {
        self.missing
    }

    /// All bytes of the layer, captured or not.
    pub(crate) const fn promised(&self) -> usize {
        self.bytes.len().saturating_add(self.missing)
    }

    /// The next `N` bytes, which stay.
    pub(crate) fn peek<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.first_chunk()
    }

    /// The next `N` bytes, which belong to the header `part`.
    pub(crate) fn array<const N: usize>(&mut self, part: Part) -> Result<[u8; N], Fault> {
        let (header, rest) = self.bytes.split_first_chunk().ok_or_else(|| self.short(part))?;
        self.bytes = rest;
        self.offset += N;
        Ok(*header)
    }

    /// The next `count` bytes, which belong to the header `part`.
    pub(crate) fn take(&mut self, count: usize, part: Part) -> Result<&'a [u8], Fault> {
        let (header, rest) = self.bytes.split_at_checked(count).ok_or_else(|| self.short(part))?;
        self.bytes = rest;
        self.offset += count;
        Ok(header)
    }

    /// Ends the layer after `length` bytes from here, as a length field promises, captured or not. A promise beyond what was on
    /// the wire is not believed: a frame that was captured whole misses nothing.
    pub(crate) fn limit(&mut self, length: usize) {
        match self.bytes.get(..length) {
            Some(bytes) => (self.bytes, self.missing) = (bytes, 0),
            None => self.missing = self.missing.min(length - self.bytes.len()),
        }
    }

    /// The header `part` does not fit: the rest was not captured, or was never there.
    pub(crate) const fn short(&self, part: Part) -> Fault {
        self.refuse(if self.missing > 0 { Cause::Cut(part) } else { Cause::Malformed(part) })
    }

    /// The header `part` breaks its rules.
    pub(crate) const fn malformed(&self, part: Part) -> Fault {
        self.refuse(Cause::Malformed(part))
    }

    /// What is left of the layer stays unread because of `cause`.
    pub(crate) const fn refuse(&self, cause: Cause) -> Fault {
        Fault { cause, bytes: self.promised() as u64, offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_field_bounds_what_was_captured_and_tells_what_was_not() {
        let mut layer = Layer::new(&[1, 2, 3, 4, 5, 6], 10);
        layer.limit(9);
        assert_eq!((layer.bytes().len(), layer.missing(), layer.promised()), (6, 3, 9));
        layer.limit(4);
        assert_eq!((layer.bytes(), layer.missing()), (&[1, 2, 3, 4][..], 0));
        layer.limit(7);
        assert_eq!((layer.bytes().len(), layer.missing()), (4, 0), "the wire held no more");
    }

    #[test]
    fn cut_and_malformed_differ() {
        let mut cut = Layer::new(&[1, 2, 3], 40);
        assert_eq!(cut.array::<2>(Part::Udp), Ok([1, 2]));
        let fault = Fault { cause: Cause::Cut(Part::Udp), bytes: 41, offset: 2 };
        assert_eq!(cut.array::<8>(Part::Udp), Err(fault));
        let mut whole = Layer::new(&[1, 2, 3], 0);
        assert_eq!(whole.take(4, Part::Udp).map_err(|fault| fault.cause), Err(Cause::Malformed(Part::Udp)));
    }
}
