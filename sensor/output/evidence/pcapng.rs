//! Writing pcapng: sections, interfaces, packets, comments (draft-ietf-opsawg-pcapng).
//!
//! Owns: blocks and options. Never does: reading them, which is `capture`'s.

use egret_model::{LinkType, Packet};
use std::io::{self, Write};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
/// Longest option, bytes.
const OPTION: usize = 60_000;

/// Options (sections 3.5, 4.1 and 4.2).
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const USER_APPLICATION: u16 = 4;
    pub(super) const INTERFACE_DESCRIPTION: u16 = 3;
    pub(super) const TIME_RESOLUTION: u16 = 9;
}

/// A capture in the making.
pub(super) struct Writer<W> {
    out: W,
    /// By capture and link type: interfaces in the order of their ids.
    interfaces: Vec<(u16, LinkType)>,
}

impl<W: Write> Writer<W> {
    /// Begins a section that says of itself what made it and what it is about.
    pub(super) fn begin(out: W, application: &str, comment: &str) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: Vec::new() };
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        body.extend((-1_i64).to_le_bytes());
        add_option(&mut body, option::COMMENT, comment.as_bytes());
        add_option(&mut body, option::USER_APPLICATION, application.as_bytes());
        add_option(&mut body, option::END, b"");
        writer.block(SECTION, &body)?;
        Ok(writer)
    }

    /// Adds a packet of the capture with this index and name.
    pub(super) fn packet(
        &mut self,
        (capture, name): (u16, &str),
        packet: &Packet<'_>,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let key = (capture, packet.link);
        let interface = match self.interfaces.iter().position(|known| *known == key) {
            Some(interface) => interface,
            None => {
                self.interface(packet.link, name)?;
                self.interfaces.push(key);
                self.interfaces.len() - 1
            }
        };
        let nanos = packet.at.nanos().cast_unsigned();
        let word = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let mut body = Vec::with_capacity(packet.data.len() + 64);
        body.extend(word(interface as u64));
        body.extend(word(nanos >> 32));
        body.extend(word(nanos & 0xffff_ffff));
        body.extend(word(packet.data.len() as u64));
        body.extend(packet.original_length.to_le_bytes());
        body.extend(packet.data);
        pad(&mut body);
        if let Some(comment) = comment {
            add_option(&mut body, option::COMMENT, comment.as_bytes());
            add_option(&mut body, option::END, b"");
        }
        self.block(ENHANCED_PACKET, &body)
    }

    /// Hands everything on.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn interface(&mut self, link: LinkType, name: &str) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(link.0.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        body.extend(0_u32.to_le_bytes());
        add_option(&mut body, option::INTERFACE_DESCRIPTION, name.as_bytes());
        // Ten to the power of minus nine seconds.
        add_option(&mut body, option::TIME_RESOLUTION, &[9]);
        add_option(&mut body, option::END, b"");
        self.block(INTERFACE, &body)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 12).map_err(io::Error::other)?.to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length)?;
        self.out.write_all(body)?;
        self.out.write_all(&length)
    }
}

fn add_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..OPTION).unwrap_or(value);
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
