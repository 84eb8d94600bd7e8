//! Frames, kinds of streams and settings of HTTP/3 (RFC 9114 sections 6.2 and 7.2).
//!
//! Owns: stateless reading. Never does: streams.

use crate::quic::integer;
use egret_model::{Cursor, Truncated};

/// Longest head of a frame, or kind of a stream: two integers (RFC 9000 section 16).
pub(super) const LONGEST_HEAD: usize = 16;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Data,
    Headers,
    Settings,
    /// Numbers for the receiver, or nothing at all (section 7.2.8).
    Other,
    /// Frames of an extension.
    Unknown,
}

/// What one side sends alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Control,
    /// Entries of the sender's table of fields, or answers to the other's (RFC 9204 section 4.2).
    Encoder,
    Decoder,
    /// A response that nobody asked for, or an extension.
    Unknown,
}

/// The head of a frame: what it holds, and of how many bytes.
pub(super) fn frame(cursor: &mut Cursor<'_>) -> Result<(Frame, u64), Truncated> {
    let frame = match integer(cursor)? {
        0 => Frame::Data,
        1 => Frame::Headers,
        4 => Frame::Settings,
        3 | 7 | 0x0d => Frame::Other,
        number if is_reserved(number) => Frame::Other,
        _ => Frame::Unknown,
    };
    Ok((frame, integer(cursor)?))
}

pub(super) fn kind(cursor: &mut Cursor<'_>) -> Result<Kind, Truncated> {
    Ok(match integer(cursor)? {
        0 => Kind::Control,
        2 => Kind::Encoder,
        3 => Kind::Decoder,
        _ => Kind::Unknown,
    })
}

/// The largest table of fields that the sender of these settings allows (RFC 9204 section 5).
pub(super) fn table_bytes(settings: &[u8]) -> Option<u64> {
    const MOST_TABLE: u64 = 1;
    let mut cursor = Cursor::new(settings);
    while !cursor.is_empty() {
        let (setting, value) = (integer(&mut cursor).ok()?, integer(&mut cursor).ok()?);
        if setting == MOST_TABLE {
            return Some(value);
        }
    }
    Some(0)
}

/// Numbers that mean nothing, so that nobody is surprised by those that will (section 7.2.8).
const fn is_reserved(number: u64) -> bool {
    number >= 0x21 && (number - 0x21).is_multiple_of(0x1f)
}
