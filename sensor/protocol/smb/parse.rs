//! Messages of SMB 2 and 3, as far as they move files: MS-SMB2 section 2.2; the frames around them are those of RFC 1002 section 4.3.1.
//!
//! Owns: stateless reading. Never does: session set-ups, which `setup` reads.

use crate::registry::Verdict;
use egret_model::{Cursor, Truncated};

pub(super) const SMB1: [u8; 4] = *b"\xffSMB";
pub(super) const SMB2: [u8; 4] = *b"\xfeSMB";
/// An encrypted message (MS-SMB2 section 2.2.41).
pub(super) const ENCRYPTED: [u8; 4] = *b"\xfdSMB";
/// A compressed message (section 2.2.42).
pub(super) const COMPRESSED: [u8; 4] = *b"\xfcSMB";
/// NetBIOS session packets other than messages (RFC 1002 section 4.3.1): request, answers, keep-alive.
const SESSION_PACKETS: std::ops::RangeInclusive<u8> = 0x81..=0x85;
/// Bytes in front of every message.
pub(super) const FRAME_HEAD: usize = 4;
/// Bytes of an SMB2 header.
pub(super) const HEADER: usize = 64;
/// Header and fixed part of a WRITE request, behind which the content stands.
const WRITE_REQUEST: usize = HEADER + 48;
/// The same of a READ response.
const READ_RESPONSE: usize = HEADER + 16;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A message, or several in a chain, of so many bytes.
    Message(usize),
    /// Something of the session layer, which tells nothing.
    Session(usize),
}

/// Reads the head of a frame.
pub(super) fn frame(head: [u8; FRAME_HEAD]) -> Option<Frame> {
    let [kind, a, b, c] = head;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    match kind {
        0 => Some(Frame::Message(length)),
        kind if SESSION_PACKETS.contains(&kind) => Some(Frame::Session(length)),
        _ => None,
    }
}

/// Recognises the first bytes of a side.
pub(super) fn verdict(bytes: &[u8]) -> Verdict {
    let mut rest = bytes;
    // A NetBIOS session request and its answer.
    if rest.first().is_some_and(|kind| SESSION_PACKETS.contains(kind)) {
        let Some(head) = rest.first_chunk() else { return Verdict::NeedMore };
        match frame(*head) {
            Some(Frame::Session(length)) if length <= 252 => match rest.get(FRAME_HEAD + length..) {
                Some(behind) => rest = behind,
                None => return Verdict::NeedMore,
            },
            _ => return Verdict::No,
        }
    }
    match (rest.first(), rest.get(4..8)) {
        (Some(0), Some(magic)) if [SMB1, SMB2, ENCRYPTED, COMPRESSED].iter().any(|known| magic == known) => {
            Verdict::Yes
        }
        (Some(0) | None, None) => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// Where a frame with a message in the clear begins in bytes of which the beginning was lost.
pub(super) fn find_frame(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(bytes.get(from..)?, b"SMB") {
        let at = from + found;
        let start = at.checked_sub(1 + FRAME_HEAD);
        let marked = start.is_some_and(|start| matches!(bytes.get(start + FRAME_HEAD), Some(0xfe | 0xff)));
        if marked && start.is_some_and(|start| bytes.get(start) == Some(&0)) {
            return start;
        }
        from = at + 1;
    }
    None
}

/// The commands that are taken apart (MS-SMB2 section 2.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    SessionSetup,
    TreeConnect,
    Create,
    Close,
    Read,
    Write,
    Ioctl,
    SetInfo,
    Other,
}

/// Header of a message (sections 2.2.1.1 and 2.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// It is a message of the old dialect, whose terms `old` translates.
    pub(super) old: bool,
    pub(super) command: Command,
    /// 0 in requests.
    pub(super) status: u32,
    pub(super) response: bool,
    /// The chain goes on with what the message before it opened.
    pub(super) related: bool,
    /// Offset of the next message of the chain; 0: this is the last one.
    pub(super) next: usize,
    pub(super) id: u64,
    /// Of a message that is not answered in two steps.
    pub(super) tree: u32,
    pub(super) session: u64,
}

/// Reads the header of an SMB2 message.
pub(super) fn header(message: &[u8]) -> Result<Header, Truncated> {
    const RESPONSE: u32 = 1;
    const RELATED: u32 = 4;
    let mut head = Cursor::new(message);
    head.skip(8)?;
    let status = head.u32_le()?;
    let command = match head.u16_le()? {
        1 => Command::SessionSetup,
        3 => Command::TreeConnect,
        5 => Command::Create,
        6 => Command::Close,
        8 => Command::Read,
        9 => Command::Write,
        11 => Command::Ioctl,
        17 => Command::SetInfo,
        _ => Command::Other,
    };
    head.skip(2)?;
    let flags = head.u32_le()?;
    let next = head.u32_le()? as usize;
    let id = head.u64_le()?;
    head.skip(4)?;
    let tree = head.u32_le()?;
    let session = head.u64_le()?;
    head.skip(16)?;
    let (response, related) = (flags & RESPONSE != 0, flags & RELATED != 0);
    let status = if response { status } else { 0 };
    Ok(Header { old: false, command, status, response, related, next, id, tree, session })
}

impl Header {
    /// The server will answer later (STATUS_PENDING, section 2.2.1.1).
    pub(super) const fn is_interim(&self) -> bool {
        self.response && self.status == 0x103
    }

    /// It has what its command asks for: no error, or a part of what is there (STATUS_BUFFER_OVERFLOW, of pipes).
    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 0 | 0x8000_0005)
    }

    /// How much of a message must be held to take it apart; content behind it is not held. None: all of it.
    pub(super) const fn wanted(&self) -> Option<usize> {
        match self.command {
            Command::Write if !self.response => Some(WRITE_REQUEST),
            Command::Read if self.response && self.is_success() => Some(READ_RESPONSE),
            _ => None,
        }
    }
}

/// Offset and length of the content within a message, of which [`Header::wanted`] bytes are here.
pub(super) fn content(header: &Header, message: &[u8]) -> Option<(usize, usize)> {
    header.wanted()?;
    let read = || -> Result<(usize, usize), Truncated> {
        let mut body = Cursor::new(message);
        body.skip(HEADER + 2)?;
        Ok(if header.response {
            let offset = usize::from(body.u8()?);
            body.skip(1)?;
            (offset, body.u32_le()? as usize)
        } else {
            (usize::from(body.u16_le()?), body.u32_le()? as usize)
        })
    };
    read().ok()
}

/// What names an open file: a persistent and a volatile half (section 2.2.14.1).
pub(super) type FileId = [u8; 16];
/// In a chain: the file of the message before.
pub(super) const RELATED_FILE: FileId = [0xff; 16];

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) offset: u64,
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// To set up a session.
    Session,
    /// To connect to a share, by its path.
    Tree(String),
    /// To open a file; without a name, where that cannot be read.
    Create(Option<String>),
    Read(Place),
    /// To write what follows.
    Write(Place),
    /// To write this to a pipe and read its answer.
    Pipe(FileId, &'a [u8]),
    Rename(FileId, String),
    Close(FileId),
}

/// What a request asks for, if it is taken apart.
pub(super) fn asked<'a>(header: &Header, message: &'a [u8]) -> Option<Asked<'a>> {
    Some(match header.command {
        Command::SessionSetup => Asked::Session,
        Command::TreeConnect => Asked::Tree(tree_connect(message)?),
        Command::Create => Asked::Create(create(message)),
        Command::Read => Asked::Read(read(message).ok()?),
        Command::Write => Asked::Write(write(message).ok()?),
        Command::Ioctl => {
            let (id, data) = transceived(header, message)?;
            Asked::Pipe(id, data)
        }
        Command::SetInfo => {
            let (id, name) = renamed(message)?;
            Asked::Rename(id, name)
        }
        Command::Close => Asked::Close(close(message).ok()?),
        Command::Other => return None,
    })
}

/// Of a WRITE request, where its content goes (section 2.2.21).
fn write(message: &[u8]) -> Result<Place, Truncated> {
    let mut body = Cursor::new(message);
    body.skip(HEADER + 8)?;
    Ok(Place { offset: body.u64_le()?, file: body.array()? })
}

/// Of a READ request, what it asks for (section 2.2.19).
fn read(message: &[u8]) -> Result<Place, Truncated> {
    write(message)
}

/// The file that a CLOSE request (section 2.2.15) is about.
fn close(message: &[u8]) -> Result<FileId, Truncated> {
    let mut body = Cursor::new(message);
    body.skip(HEADER + 8)?;
    body.array()
}

/// The path that a TREE_CONNECT request names: `\\server\share` (section 2.2.9).
fn tree_connect(message: &[u8]) -> Option<String> {
    let mut body = Cursor::new(message);
    body.skip(HEADER + 4).ok()?;
    let (offset, length) = (body.u16_le().ok()?, body.u16_le().ok()?);
    text(message, usize::from(offset), usize::from(length))
}

/// The name that a CREATE request opens (section 2.2.13); empty for the share itself.
fn create(message: &[u8]) -> Option<String> {
    let mut body = Cursor::new(message);
    body.skip(HEADER + 44).ok()?;
    let (offset, length) = (body.u16_le().ok()?, body.u16_le().ok()?);
    if length == 0 { Some(String::new()) } else { text(message, usize::from(offset), usize::from(length)) }
}

/// Size and id of the file that a CREATE response has opened (section 2.2.14).
pub(super) fn created(message: &[u8]) -> Result<(u64, FileId), Truncated> {
    let mut body = Cursor::new(message);
    body.skip(HEADER + 48)?;
    let size = body.u64_le()?;
    body.skip(8)?;
    Ok((size, body.array()?))
}

/// The file and its new name, of a SET_INFO request that renames it (sections 2.2.39, MS-FSCC 2.4.42).
fn renamed(message: &[u8]) -> Option<(FileId, String)> {
    const FILE: u8 = 1;
    const RENAME: u8 = 10;
    let mut body = Cursor::new(message);
    body.skip(HEADER + 2).ok()?;
    let (kind, class) = (body.u8().ok()?, body.u8().ok()?);
    body.skip(4).ok()?;
    let offset = usize::from(body.u16_le().ok()?);
    body.skip(6).ok()?;
    let file = body.array().ok()?;
    if (kind, class) != (FILE, RENAME) {
        return None;
    }
    let mut name = Cursor::new(message.get(offset..)?);
    name.skip(16).ok()?;
    let length = name.u32_le().ok()? as usize;
    Some((file, text(name.rest(), 0, length)?))
}

/// A request or response that writes to a pipe and reads its answer in one step (FSCTL_PIPE_TRANSCEIVE, MS-FSCC section 2.3.49):
/// the file and what goes over it.
pub(super) fn transceived<'a>(header: &Header, message: &'a [u8]) -> Option<(FileId, &'a [u8])> {
    const PIPE_TRANSCEIVE: u32 = 0x0011_c017;
    let mut body = Cursor::new(message);
    body.skip(HEADER + 4).ok()?;
    if body.u32_le().ok()? != PIPE_TRANSCEIVE {
        return None;
    }
    let file = body.array().ok()?;
    let input = (body.u32_le().ok()?, body.u32_le().ok()?);
    // Sections 2.2.31 and 2.2.32.
    let (offset, length) = if header.response { (body.u32_le().ok()?, body.u32_le().ok()?) } else { input };
    let start = offset as usize;
    Some((file, message.get(start..start.checked_add(length as usize)?)?))
}

/// UTF-16 text at an offset of a message.
pub(super) fn text(message: &[u8], offset: usize, length: usize) -> Option<String> {
    /// Bytes kept of a path, its end, where the name stands; MS-FSCC section 2.1.5 allows sixteen times as much.
    const LONGEST: usize = 4096;
    let bytes = message.get(offset..offset.checked_add(length)?)?;
    let bytes = bytes.get(length.saturating_sub(LONGEST) & !1..).unwrap_or_default();
    let units =
        bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk().map(|pair| u16::from_le_bytes(*pair)));
    let text: String = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .take_while(|c| *c != '\0')
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    (!text.is_empty()).then_some(text)
}
