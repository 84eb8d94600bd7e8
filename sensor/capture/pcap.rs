//! The classic pcap format, in all variants that are in use.
//!
//! Source: draft-ietf-opsawg-pcap. Beside it, from practice: the magic 0xa1b2cd34 of the "modified" format, whose record
//! headers are eight bytes longer, and writers before version 2.4, which swap the two lengths.

use crate::{
    fields::{ByteOrder, Fields},
    format::{Damage, Record, Step, link_type},
};
use egret_model::{CaptureLimits, LinkType, Timestamp, Truncated};

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;

/// What the file header says of all records.
#[derive(Debug)]
pub(crate) struct Pcap {
    order: ByteOrder,
    nanos_per_tick: i64,
    record_header_bytes: usize,
    lengths: Lengths,
    link: LinkType,
}

/// Which of a record's lengths comes first.
#[derive(Debug)]
enum Lengths {
    /// The captured length, as specified.
    InOrder,
    /// The original length: versions up to 2.2.
    Swapped,
    /// Either; the captured length is the smaller: version 2.3.
    Either,
}

impl Pcap {
    /// Bytes before the first record.
    pub(crate) const FILE_HEADER_BYTES: usize = 24;

    /// Reads the file header (section 4): None when `head` begins with no pcap magic.
    pub(crate) fn recognise(head: &[u8]) -> Option<Result<Self, Truncated>> {
        let magic = head.first_chunk()?;
        let known = |magic| matches!(magic, MAGIC_MICROSECONDS | MAGIC_NANOSECONDS | MAGIC_MODIFIED);
        let (order, magic) = match (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic)) {
            (magic, _) if known(magic) => (ByteOrder::Little, magic),
            (_, magic) if known(magic) => (ByteOrder::Big, magic),
            _ => return None,
        };
        Some(Self::file_header(head, order, magic))
    }

    fn file_header(head: &[u8], order: ByteOrder, magic: u32) -> Result<Self, Truncated> {
        let mut fields = Fields::new(head, order);
        fields.skip(4)?;
        let version = (fields.u16()?, fields.u16()?);
        // Time zone, accuracy and snap length: nobody keeps to them.
        fields.skip(12)?;
        // The upper half tells whether frames end in a check sequence. It stays on them: decoders see a trailer.
        let link = fields.u32()? & 0xffff;
        Ok(Self {
            order,
            nanos_per_tick: if magic == MAGIC_NANOSECONDS { 1 } else { 1000 },
            record_header_bytes: if magic == MAGIC_MODIFIED { 24 } else { 16 },
            lengths: match version {
                (2, 0..=2) => Lengths::Swapped,
                (2, 3) => Lengths::Either,
                _ => Lengths::InOrder,
            },
            link: link_type(u16::try_from(link).unwrap_or_default()),
        })
    }

    /// The record that `input` begins with (section 5).
    pub(crate) fn next(&self, input: &[u8], limits: &CaptureLimits) -> Result<Step, Damage> {
        let Ok([seconds, fraction, first, second]) = self.record_header(input) else {
            return Ok(Step::Incomplete { bytes: self.record_header_bytes });
        };
        let (captured, original_length) = match self.lengths {
            Lengths::InOrder => (first, second),
            Lengths::Swapped => (second, first),
            Lengths::Either => (first.min(second), first.max(second)),
        };
        let length = captured as usize;
        if length > limits.packet_bytes {
            let limit = limits.packet_bytes;
            return Err(Damage(format!("a packet of {length} bytes is over the limit of {limit}")));
        }
        let bytes = self.record_header_bytes + length;
        if input.len() < bytes {
            return Ok(Step::Incomplete { bytes });
        }
        Ok(Step::Packet(Record {
            bytes,
            start: self.record_header_bytes,
            length: captured,
            original_length,
            at: Timestamp::from_seconds(i64::from(seconds)).plus(i64::from(fraction) * self.nanos_per_tick),
            link: self.link,
        }))
    }

    fn record_header(&self, input: &[u8]) -> Result<[u32; 4], Truncated> {
        let mut fields = Fields::new(input, self.order);
        Ok([fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?])
    }
}
