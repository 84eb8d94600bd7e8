//! Text that ends with a lone dot (RFC 5321 sections 4.1.1.4 and 4.5.2; RFC 1939 section 3): dots removed, end found, whatever the
//! cuts.
//!
//! Owns: the position within a line. Never does: deciding whether a doubtful end is one.

/// What a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All bytes were content; more may follow.
    More,
    /// The content ended with CRLF.CRLF; `rest` bytes of the push stand behind it.
    End { rest: usize },
    /// A line with a lone dot, but not between two CRLFs: an end for some receivers, content for others. It is withheld;
    /// the next push or flush takes it for content. `rest` bytes stand behind it.
    Doubtful { rest: usize },
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// After CRLF, or at the start of the content.
    #[default]
    LineStart,
    /// After CRLF and a dot, which is withheld.
    Dot,
    /// After CRLF, dot and CR, both withheld.
    DotReturn,
    /// Within a line.
    Within,
    /// Within a line, after a CR.
    Return,
    /// After a bare LF.
    BareStart,
    /// After a bare LF and a dot, which is withheld.
    BareDot,
    /// After a bare LF, dot and CR, both withheld.
    BareDotReturn,
    /// A doubtful end: dot and LF are withheld.
    DoubtfulFeed,
    /// A doubtful end: dot, CR and LF are withheld.
    DoubtfulReturnFeed,
}

/// Takes the content of one mail apart.
#[derive(Debug, Default)]
pub(crate) struct Unstuffer {
    place: Place,
}

impl Unstuffer {
    /// An unstuffer that starts somewhere within a line.
    pub(crate) const fn within_line() -> Self {
        Self { place: Place::Within }
    }

    /// Bytes are missing here.
    pub(crate) const fn gap(&mut self) {
        self.place = Place::Within;
    }

    /// Reads `data`; its content goes to `content` in order, as slices of `data` wherever that is possible; some may be empty.
    pub(crate) fn push(&mut self, data: &[u8], content: &mut impl FnMut(&[u8])) -> Progress {
        self.restore_doubtful(content);
        let mut rest = data;
        // Content that has been passed over and not yet handed out begins here.
        let mut pending = data;
        while let Some((&byte, behind)) = rest.split_first() {
            // Only a dot at the start of a line matters; lines are passed over as many at once as have none.
            if self.place.passes(byte) {
                let length = line_dot(rest).unwrap_or(rest.len());
                let (lines, from_dot) = rest.split_at(length);
                self.place = self.place.behind(lines);
                rest = from_dot;
                continue;
            }
            let (next, event) = self.place.step(byte);
            let rest_length = rest.len();
            self.place = next;
            rest = behind;
            match event {
                Event::Pass => {}
                Event::Withhold => {
                    content(pending.get(..pending.len().saturating_sub(rest_length)).unwrap_or_default());
                    pending = behind;
                }
                // The byte itself is content too: `pending` begins with it, since something was withheld before it.
                Event::Restore(withheld) => content(withheld),
                Event::End => return Progress::End { rest: behind.len() },
                Event::Doubt => return Progress::Doubtful { rest: behind.len() },
            }
        }
        content(pending);
        Progress::More
    }

    /// A doubtful end was content after all.
    fn restore_doubtful(&mut self, content: &mut impl FnMut(&[u8])) {
        let (withheld, place): (&[u8], _) = match self.place {
            Place::DoubtfulFeed => (b".\n", Place::BareStart),
            Place::DoubtfulReturnFeed => (b".\r\n", Place::LineStart),
            _ => return,
        };
        content(withheld);
        self.place = place;
    }

    /// The content stops here without an end: what is withheld of an unfinished line was content.
    pub(crate) fn flush(&mut self, content: &mut impl FnMut(&[u8])) {
        self.restore_doubtful(content);
        match self.place {
            Place::Dot | Place::BareDot => content(b"."),
            Place::DotReturn | Place::BareDotReturn => content(b".\r"),
            _ => return,
        }
        self.place = Place::Within;
    }
}

/// Where a dot follows a line feed.
fn line_dot(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'.', bytes)
        .find(|dot| bytes.get(..*dot).is_some_and(|before| before.ends_with(b"\n")))
}

/// What one byte means.
enum Event {
    /// Content.
    Pass,
    /// Perhaps part of an end: not handed out.
    Withhold,
    /// Content, and so is what was withheld before it, as far as it is given here.
    Restore(&'static [u8]),
    End,
    Doubt,
}

impl Place {
    /// True where nothing is withheld, unless `byte` is next and begins to be.
    const fn passes(self, byte: u8) -> bool {
        match self {
            Self::Within | Self::Return => true,
            Self::LineStart | Self::BareStart => byte != b'.',
            _ => false,
        }
    }

    /// The place behind `lines`, of which none begins with a dot and nothing is withheld.
    fn behind(self, lines: &[u8]) -> Self {
        match lines {
            [] => self,
            [b'\n'] if self == Self::Return => Self::LineStart,
            [.., b'\r', b'\n'] => Self::LineStart,
            [.., last] => Self::after(*last),
        }
    }

    /// The place behind `byte`, were it content within a line.
    const fn after(byte: u8) -> Self {
        match byte {
            b'\r' => Self::Return,
            b'\n' => Self::BareStart,
            _ => Self::Within,
        }
    }

    const fn step(self, byte: u8) -> (Self, Event) {
        match (self, byte) {
            (Self::LineStart, b'.') => (Self::Dot, Event::Withhold),
            (Self::BareStart, b'.') => (Self::BareDot, Event::Withhold),
            (Self::Return, b'\n') => (Self::LineStart, Event::Pass),
            (Self::LineStart | Self::BareStart | Self::Within | Self::Return, _) => {
                (Self::after(byte), Event::Pass)
            }
            (Self::Dot, b'\r') => (Self::DotReturn, Event::Withhold),
            (Self::Dot | Self::BareDot, b'\n') => (Self::DoubtfulFeed, Event::Doubt),
            // A dot in front of other characters was put there by the sender (section 4.5.2).
            (Self::Dot, _) => (Self::after(byte), Event::Restore(b"")),
            (Self::DotReturn, b'\n') => (Self::LineStart, Event::End),
            (Self::DotReturn, _) => (Self::after(byte), Event::Restore(b"\r")),
            (Self::BareDot, b'\r') => (Self::BareDotReturn, Event::Withhold),
            // A bare LF ends no line, so the dot behind it is the sender's own.
            (Self::BareDot, _) => (Self::after(byte), Event::Restore(b".")),
            (Self::BareDotReturn, b'\n') => (Self::DoubtfulReturnFeed, Event::Doubt),
            (Self::BareDotReturn, _) => (Self::after(byte), Event::Restore(b".\r")),
            (Self::DoubtfulFeed | Self::DoubtfulReturnFeed, _) => (Self::after(byte), Event::Pass),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Content and outcome of `pieces`, up to the first end.
    fn unstuff(pieces: &[&[u8]]) -> (Vec<u8>, Progress) {
        let mut unstuffer = Unstuffer::default();
        let mut content = Vec::new();
        let mut following = 0;
        for (place, piece) in pieces.iter().enumerate() {
            let progress = unstuffer.push(piece, &mut |bytes| content.extend_from_slice(bytes));
            following = pieces[place + 1..].iter().map(|piece| piece.len()).sum();
            match progress {
                Progress::More => {}
                Progress::End { rest } => return (content, Progress::End { rest: rest + following }),
                Progress::Doubtful { rest } => {
                    return (content, Progress::Doubtful { rest: rest + following });
                }
            }
        }
        assert_eq!(following, 0);
        unstuffer.flush(&mut |bytes| content.extend_from_slice(bytes));
        (content, Progress::More)
    }

    #[test]
    fn ends_and_dots() {
        let cases: &[(&[u8], &[u8], Progress)] = &[
            (b".\r\n", b"", Progress::End { rest: 0 }),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Progress::End { rest: 6 }),
            (b"..a\r\n.b\r\n...\r\n.\r\n", b".a\r\nb\r\n..\r\n", Progress::End { rest: 0 }),
            (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n", Progress::End { rest: 0 }),
            (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", Progress::End { rest: 0 }),
            (b"a\n.b\r\n.\r\n", b"a\n.b\r\n", Progress::End { rest: 0 }),
            (b"a\n..\r\n.\r\n", b"a\n..\r\n", Progress::End { rest: 0 }),
            (b"a\n.\rb\r\n.\r\n", b"a\n.\rb\r\n", Progress::End { rest: 0 }),
            (b"a\r\r\n.\r\n", b"a\r\r\n", Progress::End { rest: 0 }),
            (b"a\n.\nQUIT\n", b"a\n", Progress::Doubtful { rest: 5 }),
            (b"a\n.\r\nb", b"a\n", Progress::Doubtful { rest: 1 }),
            (b"a\r\n.\nb", b"a\r\n", Progress::Doubtful { rest: 1 }),
            (b"a\r\n.", b"a\r\n.", Progress::More),
            (b"a\r\n.\r", b"a\r\n.\r", Progress::More),
            (b"", b"", Progress::More),
        ];
        for (wire, content, progress) in cases {
            assert_eq!(
                unstuff(&[wire]),
                (content.to_vec(), *progress),
                "{:?}",
                String::from_utf8_lossy(wire)
            );
        }
    }

    #[test]
    fn a_doubtful_end_can_be_content() {
        let mut unstuffer = Unstuffer::default();
        let mut content = Vec::new();
        let mut data: &[u8] = b"a\n.\nb\r\n.\r\n";
        while let Progress::Doubtful { rest } =
            unstuffer.push(data, &mut |bytes| content.extend_from_slice(bytes))
        {
            data = &data[data.len() - rest..];
        }
        assert_eq!(content, b"a\n.\nb\r\n");
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            wire in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a')], 0..24),
            cuts in proptest::collection::vec(0usize..24, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= wire.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut start = 0;
            for cut in cuts {
                pieces.push(&wire[start..cut]);
                start = cut;
            }
            pieces.push(&wire[start..]);
            prop_assert_eq!(unstuff(&pieces), unstuff(&[&wire]));
        }

        #[test]
        fn what_is_stuffed_comes_out(lines in proptest::collection::vec("[.a\r]{0,3}[.a]{1}|", 0..8)) {
            let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let wire: String = lines
                .iter()
                .map(|line| format!("{}{line}\r\n", if line.starts_with('.') { "." } else { "" }))
                .chain([".\r\n".to_owned()])
                .collect();
            prop_assert_eq!(unstuff(&[wire.as_bytes()]), (content.into_bytes(), Progress::End { rest: 0 }));
        }
    }
}
