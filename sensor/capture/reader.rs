//! One capture, read block by block.
//!
//! Owns: the bytes between the source and the parser: blocks, the unfinished record carried from one to the next, offsets
//! and packet numbers, and the one error that ends a capture. Never does: parsing, merging.

use crate::{
    CaptureError, Offset, PacketBatch, Secret,
    batch::PacketHead,
    decompress::{Compression, Filling, Source},
    format::{Damage, Format, HEAD_BYTES, Recognised, Step},
};
use egret_model::CaptureLimits;
use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

/// One capture: a file or a stream of pcap or pcapng, compressed or not, recognised by content.
pub struct Capture {
    name: String,
    index: u16,
    limits: CaptureLimits,
    source: Filling<Source>,
    compression: Option<Compression>,
    /// Length of an uncompressed file, as far as known.
    length: Option<u64>,
    format: Format,
    /// The start of a record that the last block broke off.
    carry: Vec<u8>,
    /// Bytes that record takes in all.
    wanted: usize,
    /// Bytes still to be passed over.
    pass: u64,
    /// Offset of the next byte to be parsed, in the unpacked stream.
    offset: u64,
    packets: u64,
    over: bool,
    /// What ended the capture; told once the packets before it have been taken.
    failure: Option<CaptureError>,
}

/// What followed the bytes of a block.
enum Tail {
    More,
    End,
    Failed(std::io::Error),
}

impl Capture {
    /// Opens the file at `path`, compressed or not.
    pub fn open(path: &Path, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        let name = display_name(path);
        let failed = |source| CaptureError::Open { name: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self::from_reader(&name, Box::new(file), limits)?.with_length(length))
    }

    /// Reads a capture from `source`; `name` is how messages call it.
    pub fn from_reader(name: &str, source: Source, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        let (mut head, mut source) = Self::head(name, source)?;
        let compression = Compression::recognise(&head);
        if let Some(compression) = compression {
            let packed = Box::new(Cursor::new(head).chain(source));
            (head, source) = Self::head(name, compression.unpack(packed, limits.window_bytes))
                .map_err(|error| unreadable(error, compression))?;
        }
        let (format, header_bytes) = match Format::recognise(&head) {
            Recognised::As(format, header_bytes) => (format, header_bytes),
            Recognised::CutShort => {
                return Err(CaptureError::Truncated {
                    name: name.to_owned(),
                    at: Offset { bytes: 0, unpacked: compression.is_some() },
                    packets: 0,
                    lost_bytes: head.len() as u64,
                });
            }
            Recognised::Unknown(looks_like) => {
                return Err(CaptureError::NotACapture { name: name.to_owned(), looks_like });
            }
        };
        head.drain(..header_bytes.min(head.len()));
        Ok(Self {
            name: name.to_owned(),
            index: 0,
            limits: limits.clone(),
            source,
            compression,
            length: None,
            format,
            carry: head,
            wanted: 0,
            pass: 0,
            offset: header_bytes as u64,
            packets: 0,
            over: false,
            failure: None,
        })
    }

    /// The name given at opening.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Packets given out so far.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Fills `batch` with the next packets; false, and no packets, at the end. On damage all packets before it come first,
    /// then the error, once; then the end.
    pub fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, CaptureError> {
        batch.clear();
        let first = self.packets;
        while batch.is_empty() && !self.over {
            let (filled, tail) = self.fill(batch);
            self.parse(batch, filled, tail);
        }
        batch.number_from(first);
        match self.failure.take_if(|_| batch.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(!batch.is_empty()),
        }
    }

    /// The decryption secrets met since the last call.
    pub fn take_secrets(&mut self) -> Vec<Secret> {
        let Format::Pcapng(pcapng) = &mut self.format else { return Vec::new() };
        let mut secrets = pcapng.take_secrets();
        secrets.iter_mut().for_each(|secret| secret.capture = self.index);
        secrets
    }

    /// True of a format in which secrets travel with the packets.
    pub(crate) const fn may_hold_secrets(&self) -> bool {
        matches!(self.format, Format::Pcapng(_))
    }

    /// Bytes of decryption secrets that were over the limit and have not been kept.
    #[must_use]
    pub const fn secrets_over_limit_bytes(&self) -> u64 {
        match &self.format {
            Format::Pcapng(pcapng) => pcapng.secrets_over_limit_bytes(),
            Format::Pcap(_) => 0,
        }
    }

    /// Tells the capture its index in the run, for its packets' references.
    pub(crate) const fn set_index(&mut self, index: u16) {
        self.index = index;
    }

    /// Tells the capture how long its file is, for the count of bytes lost by damage.
    pub(crate) fn with_length(mut self, bytes: u64) -> Self {
        self.length = self.compression.is_none().then_some(bytes);
        self
    }

    /// The first bytes of a source, and the rest of it.
    fn head(name: &str, source: Source) -> Result<(Vec<u8>, Filling<Source>), CaptureError> {
        let mut source = Filling::new(source);
        let mut head = vec![0; HEAD_BYTES];
        match source.read(&mut head) {
            Ok(0) => Err(CaptureError::Empty { name: name.to_owned() }),
            Ok(bytes) => {
                head.truncate(bytes);
                Ok((head, source))
            }
            Err(source) => Err(CaptureError::Open { name: name.to_owned(), source }),
        }
    }

    /// Reads the next block behind what is carried over. Returns how many bytes of the buffer are filled.
    fn fill(&mut self, batch: &mut PacketBatch) -> (usize, Tail) {
        let carried = self.carry.len();
        let room = batch.room(self.limits.block_bytes.max(self.wanted).max(carried + 1));
        let (front, back) = room.split_at_mut(carried);
        front.copy_from_slice(&self.carry);
        self.carry.clear();
        match self.source.read(back) {
            Ok(bytes) if bytes == back.len() => (carried + bytes, Tail::More),
            Ok(bytes) => (carried + bytes, self.source.take_failure().map_or(Tail::End, Tail::Failed)),
            Err(error) => (carried, Tail::Failed(error)),
        }
    }

    /// Takes the packets out of the filled part of the buffer, and settles what becomes of its end.
    fn parse(&mut self, batch: &mut PacketBatch, filled: usize, tail: Tail) {
        let (block, heads) = batch.written(filled);
        let (position, damage) = self.parse_records(block, heads);
        self.offset = self.offset.saturating_add(position as u64);
        let at = Offset { bytes: self.offset, unpacked: self.compression.is_some() };
        let rest = block.get(position..).unwrap_or_default();
        let reason = match (damage, tail) {
            (Some(Damage(reason)), _) => reason,
            (None, Tail::More) => {
                self.carry.extend_from_slice(rest);
                return;
            }
            (None, Tail::Failed(error)) => match self.compression {
                Some(compression) => format!("{} cannot unpack it: {error}", compression.name()),
                None => format!("it cannot be read: {error}"),
            },
            (None, Tail::End) => {
                self.over = true;
                if !rest.is_empty() || self.pass > 0 || !self.format.may_end() {
                    self.failure = Some(CaptureError::Truncated {
                        name: self.name.clone(),
                        at,
                        packets: self.packets,
                        lost_bytes: rest.len() as u64,
                    });
                }
                return;
            }
        };
        self.over = true;
        let lost_bytes = self.length.map_or(0, |length| length.saturating_sub(self.offset));
        self.failure = Some(CaptureError::Damaged {
            name: self.name.clone(),
            at,
            packets: self.packets,
            reason,
            lost_bytes: lost_bytes.max(rest.len() as u64),
        });
    }

    /// The records of a block: how far they reach, and the damage that ends them, if any.
    fn parse_records(&mut self, block: &[u8], heads: &mut Vec<PacketHead>) -> (usize, Option<Damage>) {
        let mut position = 0;
        loop {
            let rest = block.get(position..).unwrap_or_default();
            if self.pass > 0 {
                let passed = usize::try_from(self.pass).unwrap_or(usize::MAX).min(rest.len());
                position += passed;
                self.pass -= passed as u64;
                if self.pass > 0 {
                    return (position, None);
                }
                continue;
            }
            match self.format.next(rest, &self.limits) {
                Ok(Step::Packet(record)) => {
                    self.packets += 1;
                    heads.push(PacketHead {
                        number: self.packets,
                        at: record.at,
                        start: position + record.start,
                        length: record.length,
                        original_length: record.original_length,
                        link: record.link,
                        capture: self.index,
                    });
                    position += record.bytes;
                }
                Ok(Step::Pass { bytes }) => self.pass = bytes,
                Ok(Step::Incomplete { bytes }) => {
                    self.wanted = bytes;
                    return (position, None);
                }
                Err(damage) => return (position, Some(damage)),
            }
        }
    }
}

/// A path as records and messages show it: as given, without control characters that a terminal might obey.
pub(crate) fn display_name(path: &Path) -> String {
    path.to_string_lossy().replace(char::is_control, "\u{fffd}")
}

/// What it means when not even the first bytes could be unpacked.
fn unreadable(error: CaptureError, compression: Compression) -> CaptureError {
    match error {
        CaptureError::Open { name, source } => CaptureError::Damaged {
            name,
            at: Offset { bytes: 0, unpacked: true },
            packets: 0,
            reason: format!("{} cannot unpack it: {source}", compression.name()),
            lost_bytes: 0,
        },
        other => other,
    }
}
