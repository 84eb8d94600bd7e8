//! Where a body ends and what of its bytes is content (RFC 9112 sections 6 and 7).
//!
//! Owns: the three framings. Never does: choosing one; holding content.

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// By the last chunk (section 7.1).
    Chunked,
    /// By the end of the connection (section 6.3, item 8).
    UntilClose,
}

/// What a push or a gap came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More may follow.
    More,
    /// The body has ended; `rest` bytes of the push stand behind it (of a gap: bytes missing behind it).
    Done { rest: u64 },
    /// The chunks make no sense, or cannot be told any more: `rest` bytes of the push were not handed out.
    Broken { rest: u64 },
}

/// Bytes that belong neither before nor behind the digits of a chunk size and are passed over all the same.
const LONGEST_ODDITY: usize = 8;

/// One body.
#[derive(Debug)]
pub(super) struct Body {
    state: State,
    /// Longest chunk-size line, and all trailers together, bytes.
    line_limit: usize,
}

#[derive(Debug)]
enum State {
    Length {
        left: u64,
    },
    UntilClose,
    /// In the line that tells a chunk's size; what has come of it is held, since broken chunks are content after all.
    Size {
        line: Vec<u8>,
    },
    Chunk {
        left: u64,
    },
    /// Behind a chunk, before the end of its line.
    ChunkEnd,
    /// In the trailer section: bytes so far, and whether the line is blank until here.
    Trailers {
        seen: usize,
        blank: bool,
    },
}

impl Body {
    pub(super) const fn new(framing: Framing, line_limit: usize) -> Self {
        let state = match framing {
            Framing::Length(left) => State::Length { left },
            Framing::Chunked => State::Size { line: Vec::new() },
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, line_limit }
    }

    /// True when the end of the connection is a proper end.
    pub(super) const fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Reads `data`; content goes to `content` in slices of it.
    pub(super) fn push(&mut self, data: &[u8], content: &mut impl FnMut(&[u8])) -> Progress {
        let mut rest = data;
        loop {
            match &mut self.state {
                State::UntilClose => {
                    content(rest);
                    return Progress::More;
                }
                State::Length { left } => {
                    content(split(&mut rest, left));
                    let done = *left == 0;
                    return if done { Progress::Done { rest: rest.len() as u64 } } else { Progress::More };
                }
                State::Chunk { left } => {
                    content(split(&mut rest, left));
                    if *left == 0 {
                        self.state = State::ChunkEnd;
                    }
                }
                State::ChunkEnd => match rest.split_first() {
                    Some((b'\r', behind)) => rest = behind,
                    Some((b'\n', behind)) => {
                        rest = behind;
                        self.state = State::Size { line: Vec::new() };
                    }
                    // Some senders leave the line end out; a size may stand here at once.
                    Some(_) => self.state = State::Size { line: Vec::new() },
                    None => {}
                },
                State::Size { line } => {
                    let end =
                        rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |place| place + 1);
                    let (head, behind) = rest.split_at(end);
                    let complete = head.ends_with(b"\n");
                    let whole = if complete && line.is_empty() {
                        head
                    } else {
                        line.extend_from_slice(head);
                        &*line
                    };
                    let size = chunk_size(whole, complete);
                    if size == Size::Wrong || whole.len() > self.line_limit {
                        content(whole);
                        line.clear();
                        return Progress::Broken { rest: behind.len() as u64 };
                    }
                    rest = behind;
                    match size {
                        Size::Told(0) => self.state = State::Trailers { seen: 0, blank: true },
                        Size::Told(left) => self.state = State::Chunk { left },
                        Size::Open | Size::Wrong => {}
                    }
                }
                State::Trailers { seen, blank } => {
                    if let Some((byte, behind)) = rest.split_first() {
                        rest = behind;
                        *seen += 1;
                        match byte {
                            b'\n' if *blank => return Progress::Done { rest: rest.len() as u64 },
                            b'\n' => *blank = true,
                            b'\r' => {}
                            _ => *blank = false,
                        }
                        if *seen > self.line_limit {
                            return Progress::Broken { rest: rest.len() as u64 };
                        }
                    }
                }
            }
            if rest.is_empty() {
                return Progress::More;
            }
        }
    }

    /// `bytes` bytes are missing here; as many of them as belong to the content go to `missing`.
    pub(super) fn gap(&mut self, bytes: u64, missing: &mut impl FnMut(u64)) -> Progress {
        match &mut self.state {
            State::UntilClose => {
                missing(bytes);
                Progress::More
            }
            State::Length { left } => {
                let inside = bytes.min(*left);
                missing(inside);
                *left -= inside;
                if *left == 0 { Progress::Done { rest: bytes - inside } } else { Progress::More }
            }
            State::Chunk { left } if bytes <= *left => {
                missing(bytes);
                *left -= bytes;
                if *left == 0 {
                    self.state = State::ChunkEnd;
                }
                Progress::More
            }
            State::Trailers { .. } => Progress::Done { rest: bytes },
            State::Size { .. } | State::Chunk { .. } | State::ChunkEnd => {
                missing(bytes);
                Progress::Broken { rest: 0 }
            }
        }
    }
}

/// Takes at most `left` bytes off the front of `rest`, and counts them.
fn split<'a>(rest: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
    let (head, behind) = rest.split_at(count);
    *rest = behind;
    *left -= count as u64;
    head
}

/// What a chunk-size line says so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// The line goes on.
    Open,
    Told(u64),
    /// Not a chunk size.
    Wrong,
}

/// Reads a chunk-size line (section 7.1): hexadecimal digits, then perhaps blanks and extensions. What receivers that read numbers as
/// C does let pass is a size too: white space and controls before the digits, `0x`, a few odd bytes behind them.
fn chunk_size(line: &[u8], complete: bool) -> Size {
    let blank = line.iter().take_while(|byte| is_blank(**byte)).count();
    let digits = line.get(blank..).unwrap_or_default();
    let digits = match digits {
        [b'0', b'x' | b'X'] if !complete => return Size::Open,
        [b'0', b'x' | b'X', after @ ..] if after.first().is_some_and(u8::is_ascii_hexdigit) => after,
        digits => digits,
    };
    let mut size: Option<u64> = None;
    let mut behind = digits;
    while let Some((byte @ (b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F'), rest)) = behind.split_first() {
        let digit = (*byte as char).to_digit(16).unwrap_or_default();
        let Some(next) = size.unwrap_or_default().checked_mul(16) else { return Size::Wrong };
        size = Some(next | u64::from(digit));
        behind = rest;
    }
    let Some(size) = size else {
        let may_follow = behind.is_empty() && !complete && line.len() <= LONGEST_ODDITY;
        return if may_follow { Size::Open } else { Size::Wrong };
    };
    let odd = match behind {
        [] | [b';' | b' ' | b'\t' | b'\r' | b'\n', ..] => false,
        _ => behind.trim_ascii_end().len() > LONGEST_ODDITY,
    };
    match (odd || blank > LONGEST_ODDITY, complete) {
        (true, _) => Size::Wrong,
        (false, true) => Size::Told(size),
        (false, false) => Size::Open,
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Content and outcome of `pieces` up to the first end; the rest counts all bytes behind it.
    fn read(framing: Framing, pieces: &[&[u8]]) -> (Vec<u8>, Progress) {
        let mut body = Body::new(framing, 64);
        let mut content = Vec::new();
        let mut behind: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        for piece in pieces {
            behind -= piece.len() as u64;
            match body.push(piece, &mut |bytes| content.extend_from_slice(bytes)) {
                Progress::More => {}
                Progress::Done { rest } => return (content, Progress::Done { rest: rest + behind }),
                Progress::Broken { rest } => return (content, Progress::Broken { rest: rest + behind }),
            }
        }
        (content, Progress::More)
    }

    #[test]
    fn bodies() {
        let cases: &[(Framing, &[u8], &[u8], Progress)] = &[
            (Framing::Length(3), b"abcd", b"abc", Progress::Done { rest: 1 }),
            (Framing::Length(3), b"ab", b"ab", Progress::More),
            (Framing::Length(0), b"ab", b"", Progress::Done { rest: 2 }),
            (Framing::UntilClose, b"ab", b"ab", Progress::More),
            (Framing::Chunked, b"3\r\nabc\r\n0\r\n\r\nX", b"abc", Progress::Done { rest: 1 }),
            (Framing::Chunked, b"3\nabc\n0\n\nX", b"abc", Progress::Done { rest: 1 }),
            (
                Framing::Chunked,
                b"0003;a=b\r\nabc\r\n1 \r\nd\r\n0\r\nT: v\r\n\r\n",
                b"abcd",
                Progress::Done { rest: 0 },
            ),
            (Framing::Chunked, b"A\r\n0123456789\r\n", b"0123456789", Progress::More),
            (Framing::Chunked, b"0x3\r\nabc\r\n0x\r\n\r\n", b"abc", Progress::Done { rest: 0 }),
            (Framing::Chunked, b"3x\r\nabc\r\n0\r\n\r\n", b"abc", Progress::Done { rest: 0 }),
            (Framing::Chunked, b"\x0b3\0\r\nabc\r\n0\r\n\r\n", b"abc", Progress::Done { rest: 0 }),
            (Framing::Chunked, b"3 is a crowd\r\nabc", b"abc", Progress::More),
            (Framing::Chunked, b"3isacrowdtoo\r\nab", b"3isacrowdtoo\r\n", Progress::Broken { rest: 2 }),
            (Framing::Chunked, b"3\r\nabc0\r\n\r\n", b"abc", Progress::Done { rest: 0 }),
            (Framing::Chunked, b"xyz\r\nabc", b"xyz\r\n", Progress::Broken { rest: 3 }),
            (Framing::Chunked, b"-1\r\nabc", b"-1\r\n", Progress::Broken { rest: 3 }),
            (Framing::Chunked, b"\r\nabc", b"\r\n", Progress::Broken { rest: 3 }),
            (
                Framing::Chunked,
                b"11111111111111111\r\n",
                b"11111111111111111\r\n",
                Progress::Broken { rest: 0 },
            ),
            (Framing::Chunked, b"ffffffffffffffff\r\nab", b"ab", Progress::More),
        ];
        for (framing, wire, content, progress) in cases {
            let seen = read(*framing, &[wire]);
            assert_eq!(seen, (content.to_vec(), *progress), "{:?}", String::from_utf8_lossy(wire));
        }
    }

    #[test]
    fn overlong_lines_break_the_chunks() {
        let line = [&b"1;"[..], &[b'x'; 80]].concat();
        assert_eq!(read(Framing::Chunked, &[&line, b"\r\na"]), (line, Progress::Broken { rest: 3 }));
    }

    #[test]
    fn gaps_stay_in_step_where_a_length_is_known() {
        let mut missing = 0;
        let mut body = Body::new(Framing::Length(10), 64);
        assert_eq!(body.gap(4, &mut |bytes| missing += bytes), Progress::More);
        assert_eq!(body.gap(8, &mut |bytes| missing += bytes), Progress::Done { rest: 2 });
        assert_eq!(missing, 10);

        let mut content = Vec::new();
        let mut body = Body::new(Framing::Chunked, 64);
        body.push(b"5\r\na", &mut |bytes| content.extend_from_slice(bytes));
        assert_eq!(body.gap(4, &mut |_| {}), Progress::More);
        assert_eq!(
            body.push(b"\r\n1\r\nb\r\n0\r\n\r\n", &mut |bytes| content.extend_from_slice(bytes)),
            Progress::Done { rest: 0 }
        );
        assert_eq!(content, b"ab");
        let mut body = Body::new(Framing::Chunked, 64);
        body.push(b"5\r\na", &mut |_| {});
        assert_eq!(body.gap(5, &mut |_| {}), Progress::Broken { rest: 0 });
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            wire in proptest::collection::vec(prop_oneof![
                Just(b'0'), Just(b'1'), Just(b'a'), Just(b'\r'), Just(b'\n'), Just(b';'), Just(b'x')
            ], 0..32),
            cut in 0usize..32,
        ) {
            let cut = cut.min(wire.len());
            let (content, progress) = read(Framing::Chunked, &[&wire]);
            let (cut_content, cut_progress) = read(Framing::Chunked, &[&wire[..cut], &wire[cut..]]);
            // Broken chunks may break earlier in a line that is cut; nothing but what is handed out with it differs.
            match (progress, cut_progress) {
                (Progress::Broken { rest }, Progress::Broken { rest: cut_rest }) => {
                    let whole = [&content[..], &wire[wire.len() - rest as usize..]].concat();
                    let in_pieces = [&cut_content[..], &wire[wire.len() - cut_rest as usize..]].concat();
                    prop_assert_eq!(whole, in_pieces);
                }
                _ => prop_assert_eq!((content, progress), (cut_content, cut_progress)),
            }
        }
    }
}
