//! Line ends of the network virtual terminal (RFC 854, page 11), made those of a POSIX host.
//!
//! Owns: CR LF to LF, over any cut. Never does: character sets.

/// What a return without a line feed stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoneReturn {
    /// Itself, whatever follows: how FTP servers store a file of TYPE A.
    AsItIs,
    /// Itself, written with a NUL behind it that is no content (RFC 764, which RFC 1350 cites).
    BeforeNul,
}

/// Undoes the line ends of one content.
#[derive(Debug)]
pub(crate) struct LineEnds {
    lone_return: LoneReturn,
    /// The last byte was a return; what follows tells what it means.
    held: bool,
}

impl LineEnds {
    pub(crate) const fn new(lone_return: LoneReturn) -> Self {
        Self { lone_return, held: false }
    }

    /// The content of the next bytes.
    pub(crate) fn push(&mut self, data: &[u8]) -> Vec<u8> {
        let mut content = Vec::with_capacity(data.len().saturating_add(1));
        for byte in data {
            let after_return = std::mem::replace(&mut self.held, *byte == b'\r');
            match byte {
                b'\n' if after_return => content.push(b'\n'),
                0 if after_return && self.lone_return == LoneReturn::BeforeNul => content.push(b'\r'),
                _ => {
                    if after_return {
                        content.push(b'\r');
                    }
                    if *byte != b'\r' {
                        content.push(*byte);
                    }
                }
            }
        }
        content
    }

    /// The return that was held back, if one was: the end, or something missing, has come in place of its line feed.
    pub(crate) const fn settle(&mut self) -> Option<&'static [u8]> {
        if std::mem::replace(&mut self.held, false) { Some(b"\r") } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lone_return: LoneReturn, pieces: &[&[u8]]) -> Vec<u8> {
        let mut line_ends = LineEnds::new(lone_return);
        let mut content: Vec<u8> = pieces.iter().flat_map(|piece| line_ends.push(piece)).collect();
        content.extend_from_slice(line_ends.settle().unwrap_or_default());
        content
    }

    #[test]
    fn returns_are_told_apart() {
        // The wire, the content in TFTP, the content in FTP.
        let cases: &[(&str, &str, &str)] = &[
            ("a\r\nb\r\n", "a\nb\n", "a\nb\n"),
            ("a\r\0b", "a\rb", "a\r\0b"),
            ("\r\r\n", "\r\n", "\r\n"),
            ("\n\r", "\n\r", "\n\r"),
            ("\ra\0\n", "\ra\0\n", "\ra\0\n"),
            ("", "", ""),
        ];
        for (wire, tftp, ftp) in cases {
            assert_eq!(read(LoneReturn::BeforeNul, &[wire.as_bytes()]), tftp.as_bytes(), "{wire:?}");
            assert_eq!(read(LoneReturn::AsItIs, &[wire.as_bytes()]), ftp.as_bytes(), "{wire:?}");
        }
    }

    proptest! {
        #[test]
        fn any_content_comes_back_over_any_cut(
            content in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), Just(b'a')], 0..40),
            cut in 0usize..80,
        ) {
            let mut wire = Vec::new();
            for byte in &content {
                match byte {
                    b'\n' => wire.extend_from_slice(b"\r\n"),
                    b'\r' => wire.extend_from_slice(b"\r\0"),
                    other => wire.push(*other),
                }
            }
            let (head, tail) = wire.split_at(cut.min(wire.len()));
            prop_assert_eq!(read(LoneReturn::BeforeNul, &[head, tail]), content);
        }
    }
}
