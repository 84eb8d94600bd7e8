//! MPLS label stacks (RFC 3032) and what lies below them: IP, or Ethernet as a pseudowire (RFC 4448).
//!
//! Owns: the guess at the payload, which no field tells. Never does: guessing against the evidence: a payload that proves
//! neither to be IP nor Ethernet is counted.

use crate::frame::{Frame, Header, Step};
use crate::layer::{Fault, Layer, Part};
use crate::plausible;
use crate::tally::Cause;
use crate::tunnel::Hop;

/// Reads the whole stack.
pub(crate) fn read<'a>(mut layer: Layer<'a>, frame: &mut Frame) -> Result<Step<'a>, Fault> {
    loop {
        let entry = u32::from_be_bytes(layer.array(Part::Mpls)?);
        frame.enter(Hop::Mpls(entry >> 12), &layer)?;
        if entry & 0x100 != 0 {
            return below(layer);
        }
    }
}

fn below(layer: Layer<'_>) -> Result<Step<'_>, Fault> {
    /// An associated channel of operation and maintenance (RFC 4385 section 5).
    const ASSOCIATED_CHANNEL: u8 = 1;
    /// With fewer bytes than these of a longer payload, there is no telling: control word, Ethernet, a few tags, IP.
    const PROOF_BYTES: usize = 40;
    let Some([first]) = layer.peek() else { return Err(layer.short(Part::Mpls)) };
    if plausible::ip(&layer) {
        return Ok(Step::Header(Header::Ip, layer));
    }
    // A control word begins with four zero bits (RFC 4385 section 3), which an Ethernet address may do too.
    if first >> 4 == 0 {
        let mut behind = layer;
        behind.array::<4>(Part::Mpls)?;
        if plausible::ethernet(&behind) {
            return Ok(Step::Header(Header::Ethernet, behind));
        }
    }
    if plausible::ethernet(&layer) {
        return Ok(Step::Header(Header::Ethernet, layer));
    }
    match first >> 4 {
        ASSOCIATED_CHANNEL => Ok(Step::Control),
        // Broken IP is told as such.
        4 | 6 => Ok(Step::Header(Header::Ip, layer)),
        _ if layer.missing() > 0 && layer.bytes().len() < PROOF_BYTES => Err(layer.short(Part::Mpls)),
        _ => Err(layer.refuse(Cause::MplsPayload)),
    }
}
