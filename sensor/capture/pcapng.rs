//! The pcapng format: sections, interfaces, packets, decryption secrets.
//!
//! Source: draft-ietf-opsawg-pcapng. Blocks of other types are passed over, however long, without being held in memory;
//! of every block both length fields must agree, so that a damaged length cannot silently swallow what follows.

use crate::{
    fields::{ByteOrder, Fields},
    format::{Damage, Record, Step, link_type},
};
use egret_model::{CaptureLimits, LinkType, Timestamp, Truncated};
use std::fmt;

/// The type of a section header block, the same in both byte orders (section 4.1).
pub(crate) const SECTION_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// Type and total length; the total length stands once more at a block's end.
const BLOCK_OVERHEAD_BYTES: usize = 12;
/// What headers and options may add to the longest packet accepted.
const OPTIONS_BYTES: usize = 1 << 20;

/// A Decryption Secrets Block (section 4.7): key material that travels with the packets it opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Index of the capture that holds it; the highest number for what lies beside all of them.
    pub capture: u16,
    /// Secrets type: 0x544c534b is a TLS key log, 0x5353484b an SSH one, 0x57474b4c WireGuard's.
    pub kind: u32,
    /// The key material.
    pub data: Vec<u8>,
}

impl Secret {
    /// The kind of a TLS key log in NSS format.
    pub const TLS_KEY_LOG: u32 = 0x544c_534b;
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capture, kind, data } = self;
        write!(f, "Secret {{ capture: {capture}, kind: {kind:#x}, {} bytes }}", data.len())
    }
}

/// The state carried from block to block.
#[derive(Debug)]
pub(crate) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// The total length to be found again at the end of the block that was just passed over.
    trailer: Option<u32>,
    secrets: Vec<Secret>,
    secrets_bytes: usize,
    secrets_over_limit_bytes: u64,
}

#[derive(Debug)]
struct Interface {
    link: LinkType,
    /// Longest captured packet; 0 is no limit.
    snap_length: u32,
    clock: Clock,
}

impl Default for Pcapng {
    fn default() -> Self {
        Self {
            // Until the first section header sets it.
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            trailer: None,
            secrets: Vec::new(),
            secrets_bytes: 0,
            secrets_over_limit_bytes: 0,
        }
    }
}

impl From<Truncated> for Damage {
    fn from(Truncated { .. }: Truncated) -> Self {
        Self("a block is shorter than its content".to_owned())
    }
}

impl Pcapng {
    /// The secrets met since the last call.
    pub(crate) fn take_secrets(&mut self) -> Vec<Secret> {
        std::mem::take(&mut self.secrets)
    }

    /// Bytes of secrets that were not kept.
    pub(crate) const fn secrets_over_limit_bytes(&self) -> u64 {
        self.secrets_over_limit_bytes
    }

    /// True between blocks.
    pub(crate) const fn may_end(&self) -> bool {
        self.trailer.is_none()
    }

    /// The block that `input` begins with.
    pub(crate) fn next(&mut self, input: &[u8], limits: &CaptureLimits) -> Result<Step, Damage> {
        if let Some(expected) = self.trailer {
            let Ok(found) = Fields::new(input, self.order).u32() else {
                return Ok(Step::Incomplete { bytes: 4 });
            };
            self.trailer = None;
            return same_length(expected, found).map(|()| Step::Pass { bytes: 4 });
        }
        let order = match (input.starts_with(&SECTION_MAGIC), input.get(8..12)) {
            (false, _) => self.order,
            (true, Some([0x4d, 0x3c, 0x2b, 0x1a])) => ByteOrder::Little,
            (true, Some([0x1a, 0x2b, 0x3c, 0x4d])) => ByteOrder::Big,
            (true, Some(_)) => return Err(Damage("a section header without byte-order magic".to_owned())),
            (true, None) => return Ok(Step::Incomplete { bytes: BLOCK_OVERHEAD_BYTES }),
        };
        let mut fields = Fields::new(input, order);
        let (Ok(kind), Ok(total)) = (fields.u32(), fields.u32()) else {
            return Ok(Step::Incomplete { bytes: 8 });
        };
        let bytes = total as usize;
        if bytes < BLOCK_OVERHEAD_BYTES || !bytes.is_multiple_of(4) {
            return Err(Damage(format!("a block (type {kind:#x}) of the impossible length {total}")));
        }
        if !self.holds(kind, bytes, limits) {
            self.trailer = Some(total);
            return Ok(Step::Pass { bytes: u64::from(total - 4) });
        }
        let limit = limits.packet_bytes.saturating_add(OPTIONS_BYTES);
        if kind != SECRETS && bytes > limit {
            return Err(Damage(format!(
                "a block (type {kind:#x}) of {bytes} bytes is over the limit of {limit}"
            )));
        }
        let Some(block) = input.get(..bytes) else {
            return Ok(Step::Incomplete { bytes });
        };
        let (content, trailer) = block.split_at(bytes - 4);
        same_length(total, Fields::new(trailer, order).u32()?)?;
        let mut fields = Fields::new(content, order);
        fields.skip(8)?;
        match kind {
            SECTION => self.section(fields, order)?,
            INTERFACE => self.interface(fields, limits)?,
            SECRETS => self.secret(fields)?,
            SIMPLE_PACKET => return Ok(Step::Packet(self.simple_packet(fields, bytes, limits)?)),
            _ => return Ok(Step::Packet(self.packet(kind, fields, bytes, limits)?)),
        }
        Ok(Step::Pass { bytes: u64::from(total) })
    }

    /// Whether a block is to be read whole; others are passed over.
    fn holds(&mut self, kind: u32, bytes: usize, limits: &CaptureLimits) -> bool {
        match kind {
            SECTION | INTERFACE | PACKET | SIMPLE_PACKET | ENHANCED_PACKET => true,
            SECRETS if bytes <= limits.secrets_bytes.saturating_sub(self.secrets_bytes) => true,
            SECRETS => {
                self.secrets_over_limit_bytes = self.secrets_over_limit_bytes.saturating_add(bytes as u64);
                false
            }
            _ => false,
        }
    }

    /// Section Header Block (section 4.1). Its section length is not needed: the blocks tell their own.
    fn section(&mut self, mut fields: Fields<'_>, order: ByteOrder) -> Result<(), Damage> {
        fields.skip(4)?;
        let (major, minor) = (fields.u16()?, fields.u16()?);
        if major != 1 {
            return Err(Damage(format!("a section of the unknown version {major}.{minor}")));
        }
        self.order = order;
        self.interfaces.clear();
        Ok(())
    }

    /// Interface Description Block (section 4.2).
    fn interface(&mut self, mut fields: Fields<'_>, limits: &CaptureLimits) -> Result<(), Damage> {
        if self.interfaces.len() >= limits.interfaces {
            return Err(Damage(format!("a section with more than {} interfaces", limits.interfaces)));
        }
        let link = link_type(fields.u16()?);
        fields.skip(2)?;
        let snap_length = fields.u32()?;
        let clock = Clock::from_options(fields)?;
        self.interfaces.push(Interface { link, snap_length, clock });
        Ok(())
    }

    /// Enhanced Packet Block (section 4.3) and the obsolete Packet Block (appendix A), which differ in their first word.
    fn packet(
        &self,
        kind: u32,
        mut fields: Fields<'_>,
        bytes: usize,
        limits: &CaptureLimits,
    ) -> Result<Record, Damage> {
        let interface = if kind == PACKET {
            let interface = fields.u16()?;
            fields.skip(2)?;
            u32::from(interface)
        } else {
            fields.u32()?
        };
        let ticks = (u64::from(fields.u32()?) << 32) | u64::from(fields.u32()?);
        let (length, original_length) = (fields.u32()?, fields.u32()?);
        let start = fields.position();
        if length as usize > fields.remaining() {
            return Err(Damage(format!("a packet of {length} bytes in a block of {bytes}")));
        }
        check_packet_length(length, limits)?;
        let interface = self.interface_of(interface)?;
        let at = interface.clock.time(ticks);
        Ok(Record { bytes, start, length, original_length, at, link: interface.link })
    }

    /// Simple Packet Block (section 4.4): of the first interface, without a time, cut at its snap length.
    fn simple_packet(
        &self,
        mut fields: Fields<'_>,
        bytes: usize,
        limits: &CaptureLimits,
    ) -> Result<Record, Damage> {
        let original_length = fields.u32()?;
        let interface = self.interface_of(0)?;
        let snapped = if interface.snap_length == 0 {
            original_length
        } else {
            original_length.min(interface.snap_length)
        };
        let start = fields.position();
        let length = snapped.min(u32::try_from(fields.remaining()).unwrap_or(u32::MAX));
        check_packet_length(length, limits)?;
        Ok(Record { bytes, start, length, original_length, at: Timestamp::EPOCH, link: interface.link })
    }

    /// Decryption Secrets Block (section 4.7).
    fn secret(&mut self, mut fields: Fields<'_>) -> Result<(), Damage> {
        let (kind, length) = (fields.u32()?, fields.u32()?);
        let data = fields.take(length as usize)?.to_vec();
        self.secrets_bytes = self.secrets_bytes.saturating_add(BLOCK_OVERHEAD_BYTES + data.len());
        self.secrets.push(Secret { capture: 0, kind, data });
        Ok(())
    }

    fn interface_of(&self, number: u32) -> Result<&Interface, Damage> {
        let unknown =
            || Damage(format!("a packet of interface {number}, which its section does not describe"));
        self.interfaces.get(number as usize).ok_or_else(unknown)
    }
}

fn same_length(first: u32, second: u32) -> Result<(), Damage> {
    if first == second {
        return Ok(());
    }
    Err(Damage(format!("a block says at its start that it is {first} bytes long, at its end {second}")))
}

fn check_packet_length(length: u32, limits: &CaptureLimits) -> Result<(), Damage> {
    if length as usize <= limits.packet_bytes {
        return Ok(());
    }
    Err(Damage(format!("a packet of {length} bytes is over the limit of {}", limits.packet_bytes)))
}

/// How an interface counts time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    tick: Tick,
    /// Added to every time.
    offset_seconds: i64,
}

/// The length of a tick (`if_tsresol`, section 4.2).
#[derive(Debug, PartialEq, Eq)]
enum Tick {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// One nanosecond is so many ticks.
    PerNanosecond(u64),
    /// 2^-n seconds.
    BinaryFraction(u32),
}

impl Clock {
    const OPTION_END: u16 = 0;
    const OPTION_RESOLUTION: u16 = 9;
    const OPTION_OFFSET: u16 = 14;

    /// From an interface's options: microseconds since 1970 unless they say otherwise.
    fn from_options(mut fields: Fields<'_>) -> Result<Self, Damage> {
        let mut clock = Self { tick: Tick::new(6), offset_seconds: 0 };
        while fields.remaining() >= 4 {
            let (code, length) = (fields.u16()?, fields.u16()?);
            if code == Self::OPTION_END {
                break;
            }
            let length = usize::from(length);
            match (code, length) {
                (Self::OPTION_RESOLUTION, 1) => {
                    clock.tick = Tick::new(fields.take(1)?.first().copied().unwrap_or_default());
                }
                (Self::OPTION_OFFSET, 8) => clock.offset_seconds = fields.u64()?.cast_signed(),
                _ => fields.skip(length)?,
            }
            // Values are padded to four bytes; the last padding may be missing.
            fields.skip((length.next_multiple_of(4) - length).min(fields.remaining()))?;
        }
        Ok(clock)
    }

    pub(crate) fn time(&self, ticks: u64) -> Timestamp {
        let nanos = match self.tick {
            Tick::Nanoseconds(nanos) => u128::from(ticks) * u128::from(nanos),
            Tick::PerNanosecond(ticks_per_nano) => u128::from(ticks / ticks_per_nano),
            Tick::BinaryFraction(bits) => (u128::from(ticks) * 1_000_000_000) >> bits,
        };
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Timestamp::from_seconds(self.offset_seconds).plus(nanos)
    }
}

impl Tick {
    const fn new(resolution: u8) -> Self {
        let exponent = (resolution & 0x7f) as u32;
        if resolution & 0x80 != 0 {
            return Self::BinaryFraction(exponent);
        }
        if exponent <= 9 {
            return Self::Nanoseconds(10_u64.pow(9 - exponent));
        }
        // Ticks so short that all of them together are less than a nanosecond make no difference to the sum.
        Self::PerNanosecond(10_u64.saturating_pow(exponent - 9))
    }
}
