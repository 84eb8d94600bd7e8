//! Frames of content (RFC 9000 section 19, RFC 9221).
//!
//! Owns: stateless reading. Never does: the order of what they carry.

use super::parse::{acknowledgement, integer};
use egret_model::{Cursor, Truncated};

/// A frame that says something of a stream, or carries content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Stream {
        stream: u64,
        offset: u64,
        data: &'a [u8],
        /// It ends with this data.
        ends: bool,
    },
    /// The sender breaks the stream off.
    Reset { stream: u64 },
    /// Content apart from any stream.
    Datagram(&'a [u8]),
}

/// Shows the frames of a packet that matter. Returns what stands behind the last frame that is known.
pub(super) fn read<'a>(payload: &'a [u8], show: &mut dyn FnMut(Frame<'a>)) -> &'a [u8] {
    let mut rest = Cursor::new(payload);
    while !rest.is_empty() {
        let here = rest.rest();
        match frame(&mut rest) {
            Ok(Some(Some(frame))) => show(frame),
            Ok(Some(None)) => {}
            Ok(None) | Err(Truncated { .. }) => return here,
        }
    }
    &[]
}

/// A frame; inside, None: it tells nothing. None: it is not known.
fn frame<'a>(rest: &mut Cursor<'a>) -> Result<Option<Option<Frame<'a>>>, Truncated> {
    let long = |length: u64| usize::try_from(length).unwrap_or(usize::MAX);
    let integers = |rest: &mut Cursor<'a>, count: usize| -> Result<(), Truncated> {
        for _ in 0..count {
            integer(rest)?;
        }
        Ok(())
    };
    let kind = integer(rest)?;
    match kind {
        // PADDING, PING, IMMEDIATE_ACK, HANDSHAKE_DONE.
        0 | 1 | 0x1f | 0x1e => {}
        2 | 3 => acknowledgement(rest, kind == 3)?,
        4 => {
            let stream = integer(rest)?;
            integers(rest, 2)?;
            return Ok(Some(Some(Frame::Reset { stream })));
        }
        // STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
        5 | 0x11 | 0x15 => integers(rest, 2)?,
        // CRYPTO: tickets for another session.
        6 => {
            integers(rest, 1)?;
            let length = integer(rest)?;
            rest.skip(long(length))?;
        }
        // NEW_TOKEN.
        7 => {
            let length = integer(rest)?;
            rest.skip(long(length))?;
        }
        8..=0x0f => {
            let stream = integer(rest)?;
            let offset = if kind & 4 != 0 { integer(rest)? } else { 0 };
            let data = if kind & 2 != 0 {
                let length = integer(rest)?;
                rest.take(long(length))?
            } else {
                rest.take_rest()
            };
            return Ok(Some(Some(Frame::Stream { stream, offset, data, ends: kind & 1 != 0 })));
        }
        // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID.
        0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => integers(rest, 1)?,
        // NEW_CONNECTION_ID.
        0x18 => {
            integers(rest, 2)?;
            let length = rest.u8()?;
            rest.skip(usize::from(length) + 16)?;
        }
        // PATH_CHALLENGE, PATH_RESPONSE.
        0x1a | 0x1b => rest.skip(8)?,
        // CONNECTION_CLOSE.
        0x1c | 0x1d => {
            integers(rest, if kind == 0x1c { 2 } else { 1 })?;
            let length = integer(rest)?;
            rest.skip(long(length))?;
        }
        0x30 => return Ok(Some(Some(Frame::Datagram(rest.take_rest())))),
        0x31 => {
            let length = integer(rest)?;
            return Ok(Some(Some(Frame::Datagram(rest.take(long(length))?))));
        }
        // ACK_FREQUENCY (draft-ietf-quic-ack-frequency).
        0xaf => integers(rest, 4)?,
        _ => return Ok(None),
    }
    Ok(Some(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn streams_are_found_among_other_frames() {
        let frames: &[&[u8]] = &[
            &[0, 0, 1, 0x1e],
            &[2, 9, 0, 1, 0, 2, 3],
            &[0x0a, 4, 2, b'h', b'i'],
            &[6, 0, 1, b'x'],
            &[7, 1, 9],
            &[0x18, 1, 0, 2, 8, 8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[0x0f, 8, 5, 1, b'y'],
            &[4, 12, 0, 3],
            &[0x1c, 0, 6, 1, b'r'],
            &[0x31, 2, b'd', b'g'],
            &[0x40, 0xaf, 1, 2, 3, 4],
            &[8, 16, b'r', b'e', b's', b't'],
        ];
        let mut seen = Vec::new();
        assert!(read(&frames.concat(), &mut |frame| seen.push(format!("{frame:?}"))).is_empty());
        let expected = [
            Frame::Stream { stream: 4, offset: 0, data: b"hi", ends: false },
            Frame::Stream { stream: 8, offset: 5, data: b"y", ends: true },
            Frame::Reset { stream: 12 },
            Frame::Datagram(b"dg"),
            Frame::Stream { stream: 16, offset: 0, data: b"rest", ends: false },
        ];
        assert_eq!(seen, expected.map(|frame| format!("{frame:?}")));
        for unknown in [&[0x2f, 1, 2][..], &[0x0a, 4, 9, 1], &[0x1a, 1]] {
            assert_eq!(read(unknown, &mut |_| unreachable!()), unknown);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(prop_oneof![0_u8..0x32, any::<u8>()], 0..80)) {
            let mut shown = 0;
            let rest = read(&bytes, &mut |frame| {
                if let Frame::Stream { data, .. } | Frame::Datagram(data) = frame {
                    shown += data.len();
                }
            });
            prop_assert!(shown + rest.len() <= bytes.len());
        }
    }
}
