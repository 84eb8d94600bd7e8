//! Lines of a text protocol, put together from bytes that are cut anywhere.
//!
//! Owns: the part of a line whose end has not come. Never does: interpreting a line.

use std::borrow::Cow;

/// The unfinished line of one side of a flow.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    held: Vec<u8>,
}

/// A line is longer than the limit: what was held, which includes all that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) Vec<u8>);

impl LineBuffer {
    /// The next line of `data`, its LF included, with what was held of it in front; `data` moves on behind it. `None`: the
    /// line goes on, and all of `data` is held. A line of more than `limit` bytes is given back in pieces.
    pub(crate) fn next<'a>(
        &mut self,
        data: &mut &'a [u8],
        limit: usize,
    ) -> Option<Result<Cow<'a, [u8]>, TooLong>> {
        let end = data.iter().position(|byte| *byte == b'\n').map_or(data.len(), |place| place + 1);
        let (head, rest) = data.split_at(end);
        *data = rest;
        let complete = head.ends_with(b"\n");
        if complete && self.held.is_empty() && head.len() <= limit {
            return Some(Ok(Cow::Borrowed(head)));
        }
        self.held.extend_from_slice(head);
        if self.held.len() > limit {
            return Some(Err(TooLong(self.take())));
        }
        complete.then(|| Ok(Cow::Owned(self.take())))
    }

    /// What is held of the unfinished line, which is empty after that.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// True when no part of a line is held.
    pub(crate) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// `line` without its line end: CRLF, or the bare LF that some implementations send.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_same_however_it_is_cut() {
        let text = b"EHLO a\r\n\nMAIL FROM:<a@b>\nrest";
        for cut in 0..=text.len() {
            let mut lines = LineBuffer::default();
            let mut seen = Vec::new();
            for mut piece in [&text[..cut], &text[cut..]] {
                while let Some(line) = lines.next(&mut piece, 64) {
                    seen.push(without_end(&line.expect("shorter than the limit")).to_vec());
                }
            }
            assert_eq!(seen, [&b"EHLO a"[..], b"", b"MAIL FROM:<a@b>"], "cut at {cut}");
            assert_eq!(lines.take(), b"rest", "cut at {cut}");
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_given_back_whole() {
        let mut lines = LineBuffer::default();
        let mut data: &[u8] = b"0123";
        assert!(lines.next(&mut data, 6).is_none());
        data = b"4567\r\n";
        assert_eq!(lines.next(&mut data, 6), Some(Err(TooLong(b"01234567\r\n".to_vec()))));
        assert!(data.is_empty() && lines.is_empty());
    }
}
