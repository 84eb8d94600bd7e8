//! Frames of HTTP/2 (RFC 9113 sections 3.4, 4.1 and 6).
//!
//! Owns: recognition, and reading of headers of frames. Never does: state; payloads.

use crate::registry::Verdict;

/// What a client sends first (section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of a frame's header, bytes.
pub(super) const HEADER_LENGTH: usize = 9;

/// Longest payload that a receiver takes unless it has said otherwise (section 6.5.2), bytes.
const COMMON_LENGTH: u32 = 1 << 14;

/// The type of a frame (section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Of an extension (section 5.5).
    Other,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Bytes of payload.
    pub(super) length: u32,
    pub(super) kind: Kind,
    flags: u8,
    pub(super) stream: u32,
}

impl FrameHeader {
    pub(super) const END_STREAM: u8 = 0x1;
    pub(super) const END_HEADERS: u8 = 0x4;
    pub(super) const PADDED: u8 = 0x8;
    pub(super) const PRIORITY: u8 = 0x20;

    /// Reads a header. None: no receiver would take it for one.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *bytes.first_chunk::<HEADER_LENGTH>()?;
        let length = u32::from_be_bytes([0, l1, l2, l3]);
        let stream = u32::from_be_bytes([s1 & 0x7f, s2, s3, s4]);
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::Reset,
            4 => Kind::Settings,
            5 => Kind::PushPromise,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            _ => Kind::Other,
        };
        let sound = match kind {
            Kind::Data | Kind::Headers | Kind::PushPromise | Kind::Continuation => stream != 0,
            Kind::Priority => stream != 0 && length == 5,
            Kind::Reset => stream != 0 && length == 4,
            Kind::Settings => stream == 0 && length.is_multiple_of(6),
            Kind::Ping => stream == 0 && length == 8,
            Kind::GoAway => stream == 0 && length >= 8,
            Kind::WindowUpdate => length == 4,
            Kind::Other => true,
        };
        sound.then_some(Self { length, kind, flags, stream })
    }

    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether this is as a frame would be of which nothing before was seen.
    fn is_ordinary(self) -> bool {
        let flags = match self.kind {
            Kind::Data => Self::END_STREAM | Self::PADDED,
            Kind::Headers => Self::END_STREAM | Self::END_HEADERS | Self::PADDED | Self::PRIORITY,
            Kind::PushPromise => Self::END_HEADERS | Self::PADDED,
            Kind::Settings | Kind::Ping => Self::END_STREAM,
            Kind::Continuation => Self::END_HEADERS,
            Kind::Priority | Kind::Reset | Kind::GoAway | Kind::WindowUpdate => 0,
            Kind::Other => return false,
        };
        self.flags & !flags == 0 && self.length <= COMMON_LENGTH
    }
}

/// Recognises the first bytes of both sides; `midstream`: what came before was not captured.
pub(super) fn verdict(client: &[u8], server: &[u8], midstream: bool) -> Verdict {
    if midstream && [client, server].into_iter().any(begins_in_step) {
        return Verdict::Yes;
    }
    if !client.is_empty() {
        return match () {
            () if client.starts_with(PREFACE) => Verdict::Yes,
            () if PREFACE.starts_with(client) => Verdict::NeedMore,
            () => Verdict::No,
        };
    }
    server_verdict(server)
}

/// A server begins with its settings (section 3.4).
fn server_verdict(server: &[u8]) -> Verdict {
    /// More settings than anybody was seen to send at once.
    const MOST_SETTINGS: u32 = 32;
    let Some((header, rest)) = server.split_at_checked(HEADER_LENGTH) else {
        // Three bytes of length, the type.
        let pattern = [Some(0), Some(0), None, Some(4), Some(0), Some(0), Some(0), Some(0), Some(0)];
        let may =
            server.iter().zip(pattern).all(|(byte, expected)| expected.is_none_or(|known| known == *byte));
        return if may { Verdict::NeedMore } else { Verdict::No };
    };
    let settings = FrameHeader::parse(header).filter(|frame| {
        frame.kind == Kind::Settings && frame.flags == 0 && frame.length <= MOST_SETTINGS * 6
    });
    // Settings that are registered have small numbers.
    let known = rest.chunks_exact(6).take(1).all(|setting| matches!(setting, [0, 1..=16, ..]));
    if settings.is_some() && known { Verdict::Yes } else { Verdict::No }
}

/// Whether frames begin here, in the middle of a connection: several in a row, or one that says enough.
pub(super) fn begins_in_step(bytes: &[u8]) -> bool {
    /// A frame that fills a segment, and more, stands alone in what was seen.
    const LONG: u32 = 256;
    if bytes.starts_with(PREFACE) {
        return true;
    }
    let (mut rest, mut frames) = (bytes, 0);
    while let Some(header) = rest.get(..HEADER_LENGTH) {
        let Some(frame) = FrameHeader::parse(header).filter(|frame| frame.is_ordinary()) else {
            return false;
        };
        if frames == 0 && matches!(frame.kind, Kind::Continuation | Kind::Priority) {
            return false;
        }
        frames += 1;
        let whole = HEADER_LENGTH + usize::try_from(frame.length).unwrap_or(usize::MAX);
        let Some(behind) = rest.get(whole..) else {
            let says_enough = matches!(frame.kind, Kind::Data | Kind::Headers) && frame.length >= LONG;
            return frames > 1 || says_enough;
        };
        rest = behind;
    }
    frames > 1 || (frames == 1 && rest.is_empty())
}

/// A frame, for tests.
#[cfg(test)]
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_impossible_ones_refused() {
        let header = FrameHeader::parse(&frame(0, 9, 0x8000_0003, b"abc")).unwrap();
        assert_eq!((header.length, header.kind, header.stream), (3, Kind::Data, 3));
        assert!(header.has(FrameHeader::END_STREAM) && header.has(FrameHeader::PADDED));
        assert_eq!(FrameHeader::parse(&frame(0x77, 0, 5, b"")).unwrap().kind, Kind::Other);
        let impossible: &[(u8, u32, usize)] = &[
            (0, 0, 3),
            (1, 0, 3),
            (2, 1, 4),
            (3, 1, 5),
            (4, 1, 6),
            (4, 0, 5),
            (6, 0, 7),
            (7, 0, 7),
            (8, 0, 5),
            (9, 0, 1),
        ];
        for (kind, stream, length) in impossible {
            assert_eq!(FrameHeader::parse(&frame(*kind, 0, *stream, &vec![0; *length])), None, "{kind}");
        }
    }

    #[test]
    fn connections_are_recognised() {
        let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]);
        let data = frame(0, 0, 1, &[b'a'; 300]);
        let cases: &[(&[u8], &[u8], bool, Verdict)] = &[
            (PREFACE, b"", false, Verdict::Yes),
            (b"PRI * H", b"", false, Verdict::NeedMore),
            (b"PRI * HTTP/1.1\r\n\r\n", b"", false, Verdict::No),
            (b"", &settings, false, Verdict::Yes),
            (b"", &settings[..9], false, Verdict::Yes),
            (b"", &settings[..5], false, Verdict::NeedMore),
            (b"", &[0, 0, 6, 4, 1, 0, 0, 0, 0], false, Verdict::No),
            (b"", &frame(4, 0, 0, &[9, 9, 0, 0, 0, 100]), false, Verdict::No),
            (b"", b"220 mail.example", false, Verdict::No),
            (&data, b"", false, Verdict::No),
            (&data[..100], b"", true, Verdict::Yes),
            (b"", &[settings.as_slice(), &data].concat(), true, Verdict::Yes),
            (&[0; 64], b"", true, Verdict::No),
            (b"GET / HTTP/1.1\r\n", b"", true, Verdict::No),
            (&frame(9, 4, 1, b"abc"), b"", true, Verdict::No),
        ];
        for (client, server, midstream, expected) in cases {
            assert_eq!(verdict(client, server, *midstream), *expected, "{client:?} {server:?}");
        }
    }
}
