//! Which format a capture has, by its first bytes, and what its parsers have in common.
//!
//! Owns: recognition and dispatch. Never does: reading; parsers see slices and say how much more they need.

use crate::{
    pcap::Pcap,
    pcapng::{self, Pcapng},
};
use egret_model::{CaptureLimits, LinkType, Timestamp};

/// A capture's format, with the state its parser carries from record to record.
#[derive(Debug)]
pub(crate) enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What stands at the start of a slice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A packet.
    Packet(Record),
    /// `bytes` bytes that hold no packet; may reach beyond the slice.
    Pass { bytes: u64 },
    /// The start of a record that takes `bytes` bytes, more than the slice holds.
    Incomplete { bytes: usize },
}

/// A whole packet record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its length with headers and padding.
    pub(crate) bytes: usize,
    /// Where the packet begins in it.
    pub(crate) start: usize,
    /// Bytes captured; they lie within the record.
    pub(crate) length: u32,
    pub(crate) original_length: u32,
    pub(crate) at: Timestamp,
    pub(crate) link: LinkType,
}

/// The reason why a record cannot be what it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damage(pub(crate) String);

/// What the first bytes of a capture show.
pub(crate) enum Recognised {
    /// A format, and how many bytes its file header takes.
    As(Format, usize),
    /// A capture that ends within its file header.
    CutShort,
    /// Something else.
    Unknown(&'static str),
}

impl Format {
    /// Recognises a capture by `head`, its first [`HEAD_BYTES`] bytes, or all there are.
    pub(crate) fn recognise(head: &[u8]) -> Recognised {
        if head.starts_with(&pcapng::SECTION_MAGIC) {
            return Recognised::As(Self::Pcapng(Pcapng::default()), 0);
        }
        match Pcap::recognise(head) {
            Some(Ok(pcap)) => Recognised::As(Self::Pcap(pcap), Pcap::FILE_HEADER_BYTES),
            Some(Err(_)) => Recognised::CutShort,
            None => Recognised::Unknown(looks_like(head)),
        }
    }

    /// What `input` begins with.
    pub(crate) fn next(&mut self, input: &[u8], limits: &CaptureLimits) -> Result<Step, Damage> {
        match self {
            Self::Pcap(pcap) => pcap.next(input, limits),
            Self::Pcapng(pcapng) => pcapng.next(input, limits),
        }
    }

    /// False when more must follow, though no record has begun.
    pub(crate) const fn may_end(&self) -> bool {
        match self {
            Self::Pcap(_) => true,
            Self::Pcapng(pcapng) => pcapng.may_end(),
        }
    }
}

/// A link type as captures number it. Some writers put the raw-IP numbers of their own system in place of the registry's.
pub(crate) const fn link_type(number: u16) -> LinkType {
    match number {
        12 | 14 => LinkType::RAW,
        _ => LinkType(number),
    }
}

/// Bytes looked at to tell what a file is.
pub(crate) const HEAD_BYTES: usize = 512;

/// The beginnings of files that are taken for captures by mistake, with what they are.
const LOOK_ALIKES: &[(&[u8], &str)] = &[
    (b"snoop\0\0\0", "a snoop capture (convert it with editcap)"),
    (b"GMBU", "a Network Monitor capture (convert it with editcap)"),
    (b"RTSS", "a Network Monitor 1 capture (convert it with editcap)"),
    (b"TRSNIFF data", "a Sniffer capture (convert it with editcap)"),
    (b"XCP\0", "a NetXRay capture (convert it with editcap)"),
    (b"\x54\x52\x00\x64", "a Network Instruments capture (convert it with editcap)"),
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "bzip2-compressed data (unpack it first)"),
    (b"\x04\x22\x4d\x18", "lz4-compressed data (unpack it first)"),
    (b"\x1f\x8b", "gzip-compressed data within compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data within compressed data"),
    (b"\xfd7zXZ\0", "xz-compressed data within compressed data"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x89PNG", "an image"),
    (b"SQLite format 3\0", "a database"),
];

/// What bytes that are no capture look like, in words for a message.
fn looks_like(head: &[u8]) -> &'static str {
    if let Some((_, what)) = LOOK_ALIKES.iter().find(|(magic, _)| head.starts_with(magic)) {
        return what;
    }
    if head.get(257..262) == Some(b"ustar") {
        return "a tar archive (unpack it first)";
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character cut at the end of the head is no sign of binary data.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return "binary data of another format",
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c')) {
        return "binary data of another format";
    }
    match text.trim_start().chars().next() {
        Some('{' | '[') => "JSON",
        Some('<') => "HTML or XML",
        _ => "text",
    }
}
