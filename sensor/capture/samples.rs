//! Captures built in memory, for tests.

use crate::fields::ByteOrder;
use std::io::{self, Read};

/// A packet: nanoseconds since 1970 and bytes.
pub(crate) type Sample = (i64, Vec<u8>);

/// Packets of various lengths, empty and long ones among them, a microsecond and more apart.
pub(crate) fn packets(count: usize) -> Vec<Sample> {
    (0..count)
        .map(|i| {
            let bytes = (0..i * 37 % 200).map(|byte| (byte ^ i) as u8).collect();
            (1_700_000_000_000_000_000 + i as i64 * 1_001_000, bytes)
        })
        .collect()
}

/// What makes one pcap file differ from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PcapVariant {
    pub(crate) order: ByteOrder,
    pub(crate) magic: u32,
    pub(crate) version: (u16, u16),
    pub(crate) network: u32,
}

impl Default for PcapVariant {
    fn default() -> Self {
        Self { order: ByteOrder::Little, magic: 0xa1b2_c3d4, version: (2, 4), network: 1 }
    }
}

pub(crate) fn pcap(variant: PcapVariant, packets: &[Sample]) -> Vec<u8> {
    let PcapVariant { order, magic, version, network } = variant;
    let mut file = Bytes::new(order);
    file.u32(magic).u16(version.0).u16(version.1).u32(0).u32(0).u32(65_535).u32(network);
    for (at, data) in packets {
        let nanos = (at % 1_000_000_000) as u32;
        let fraction = if magic == 0xa1b2_3c4d { nanos } else { nanos / 1000 };
        let (captured, original) = (data.len() as u32, data.len() as u32 + 10);
        let (first, second) = if version.1 < 3 { (original, captured) } else { (captured, original) };
        file.u32((at / 1_000_000_000) as u32).u32(fraction).u32(first).u32(second);
        if magic == 0xa1b2_cd34 {
            file.u32(3).u32(0x0800_0000);
        }
        file.raw(data);
    }
    file.bytes
}

/// Numbers in one byte order, one after the other.
pub(crate) struct Bytes {
    order: ByteOrder,
    pub(crate) bytes: Vec<u8>,
}

impl Bytes {
    pub(crate) fn new(order: ByteOrder) -> Self {
        Self { order, bytes: Vec::new() }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u16(&mut self, number: u16) -> &mut Self {
        match self.order {
            ByteOrder::Little => self.raw(&number.to_le_bytes()),
            ByteOrder::Big => self.raw(&number.to_be_bytes()),
        }
    }

    pub(crate) fn u32(&mut self, number: u32) -> &mut Self {
        match self.order {
            ByteOrder::Little => self.raw(&number.to_le_bytes()),
            ByteOrder::Big => self.raw(&number.to_be_bytes()),
        }
    }

    pub(crate) fn u64(&mut self, number: u64) -> &mut Self {
        match self.order {
            ByteOrder::Little => self.raw(&number.to_le_bytes()),
            ByteOrder::Big => self.raw(&number.to_be_bytes()),
        }
    }

    /// A pcapng block around `content`, padded.
    pub(crate) fn block(&mut self, kind: u32, content: &[u8]) -> &mut Self {
        let total = 12 + content.len().next_multiple_of(4) as u32;
        self.u32(kind).u32(total).padded(content).u32(total)
    }

    pub(crate) fn section(&mut self, order: ByteOrder) -> &mut Self {
        self.order = order;
        let content = Self::new(order).u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX).bytes.clone();
        self.block(0x0a0d_0d0a, &content)
    }

    /// An interface with options as (code, value).
    pub(crate) fn interface(&mut self, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> &mut Self {
        let mut content = Self::new(self.order);
        content.u16(link).u16(0).u32(snap_length);
        for (code, value) in options {
            content.u16(*code).u16(value.len() as u16).padded(value);
        }
        self.block(1, &content.bytes)
    }

    pub(crate) fn enhanced(&mut self, interface: u32, ticks: u64, data: &[u8]) -> &mut Self {
        let mut content = Self::new(self.order);
        content.u32(interface).u32((ticks >> 32) as u32).u32(ticks as u32);
        content.u32(data.len() as u32).u32(data.len() as u32 + 10).padded(data);
        // A comment.
        content.u16(1).u16(3).padded(b"ok!").u32(0);
        self.block(6, &content.bytes)
    }

    pub(crate) fn obsolete(&mut self, interface: u16, ticks: u64, data: &[u8]) -> &mut Self {
        let mut content = Self::new(self.order);
        content.u16(interface).u16(9).u32((ticks >> 32) as u32).u32(ticks as u32);
        content.u32(data.len() as u32).u32(data.len() as u32 + 10).padded(data);
        self.block(2, &content.bytes)
    }

    pub(crate) fn simple(&mut self, original_length: u32, data: &[u8]) -> &mut Self {
        let content = Self::new(self.order).u32(original_length).raw(data).bytes.clone();
        self.block(3, &content)
    }

    pub(crate) fn secret(&mut self, kind: u32, data: &[u8]) -> &mut Self {
        let content = Self::new(self.order).u32(kind).u32(data.len() as u32).raw(data).bytes.clone();
        self.block(10, &content)
    }

    fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.raw(bytes);
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        self.bytes.extend(std::iter::repeat_n(0, padding));
        self
    }
}

/// Every kind of block: two sections of either byte order, several interfaces, passed-over blocks short and long.
pub(crate) fn pcapng(packets: &[Sample]) -> Vec<u8> {
    let mut file = Bytes::new(ByteOrder::Big);
    for (section, half) in packets.chunks(packets.len().div_ceil(2).max(1)).enumerate() {
        file.section(if section == 0 { ByteOrder::Big } else { ByteOrder::Little });
        file.interface(1, 0, &[(9, &[9]), (0, &[])]).interface(101, 96, &[]);
        file.secret(0x544c_534b, b"CLIENT_RANDOM 00 11\n").block(4, &[0; 24]).block(0x0bad, &vec![7; 700]);
        for (i, (at, data)) in half.iter().enumerate() {
            match i % 4 {
                0 => file.enhanced(0, *at as u64, data),
                1 => file.enhanced(1, *at as u64 / 1000, data),
                2 => file.obsolete(0, *at as u64, data),
                _ => file.simple(data.len() as u32 + 10, data),
            };
        }
    }
    file.bytes
}

/// Gives a stream in pieces of the given lengths, over and over.
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    position: usize,
    lengths: Vec<usize>,
    reads: usize,
}

impl Pieces {
    pub(crate) fn new(bytes: &[u8], lengths: &[usize]) -> Self {
        Self { bytes: bytes.to_vec(), position: 0, lengths: lengths.to_vec(), reads: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.lengths[self.reads % self.lengths.len()];
        self.reads += 1;
        if piece == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let bytes = (&self.bytes[self.position..]).take(piece as u64).read(buffer)?;
        self.position += bytes;
        Ok(bytes)
    }
}
