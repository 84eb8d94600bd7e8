//! BSD loopback (LINKTYPE_NULL, LINKTYPE_LOOP): a 4-byte address family before the packet.
//!
//! Owns: the families as each system numbers them. Never does: trusting a capture to say which byte order it was made in.

use crate::frame::{Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::tally::Cause;

/// `AF_INET` is 2 everywhere.
const INTERNET: u32 = 2;
/// `AF_INET6`: Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
const INTERNET_SIX: [u32; 5] = [10, 23, 24, 28, 30];

/// Reads the family, in either byte order: a family is a small number, so the order shows.
pub(crate) fn read(mut layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    let bytes = layer.array(Part::Loopback)?;
    let family = u32::from_be_bytes(bytes).min(u32::from_le_bytes(bytes));
    if family == INTERNET || INTERNET_SIX.contains(&family) {
        Ok(Step::Header(Header::Ip, layer))
    } else {
        Err(layer.refuse(Cause::AddressFamily(family)))
    }
}
