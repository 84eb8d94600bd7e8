//! Multipart bodies (RFC 2046 section 5.1, RFC 7578) cut into parts as the bytes stream by.
//!
//! Owns: finding boundaries across any cut of the input, and collecting each part's header. Never does: decoding of a part, which is
//! its object's work.

use memchr::memmem::{Finder, find};

/// Longest header of a part, bytes; what is longer is taken for content.
const HEADER_BYTES: usize = 64 << 10;

/// What comes out of a multipart body.
#[derive(Clone, Copy)]
pub(crate) enum PartEvent<'a> {
    /// A part begins; its raw header.
    Begin(&'a [u8]),
    /// Its next bytes, still in their transfer encoding.
    Data(&'a [u8]),
    /// It ended at a boundary.
    End,
    /// Bytes outside any part: before the first boundary or behind the last one.
    Outside(&'a [u8]),
}

/// The machine.
pub(crate) struct Multipart {
    /// Line end, two hyphens, boundary.
    delimiter: Finder<'static>,
    state: State,
    /// Bytes not disposed of: the tail that may begin a delimiter, or an unfinished header.
    held: Vec<u8>,
    /// Bytes of an unfinished header that were searched for its end.
    searched: usize,
    /// The line end before the input was not taken off what goes out of the preamble.
    begun: bool,
}

/// Where a delimiter is.
enum Found {
    At(usize),
    /// The input ends right behind it.
    Perhaps(usize),
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// Right behind a boundary: either the end of its line or the two hyphens of the last one.
    Boundary,
    Header,
    Body,
    /// Behind the last boundary.
    Epilogue,
}

impl Multipart {
    /// For the boundary that the content type declares.
    pub(crate) fn new(boundary: &str) -> Self {
        // The first boundary may stand at the very start: a line end is put before the input.
        let delimiter = format!("\n--{boundary}").into_bytes();
        Self {
            delimiter: Finder::new(&delimiter).into_owned(),
            state: State::Preamble,
            held: vec![b'\n'],
            searched: 0,
            begun: false,
        }
    }

    /// Bytes are missing here: what was held goes out, and an unfinished header ends.
    pub(crate) fn gap(&mut self, sink: &mut dyn FnMut(PartEvent<'_>)) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Header => {
                sink(PartEvent::Begin(&held));
                self.state = State::Body;
                self.searched = 0;
            }
            State::Body => sink(PartEvent::Data(&held)),
            State::Preamble => self.outside(&held, sink),
            State::Boundary | State::Epilogue => {}
        }
    }

    /// Hands out bytes of the preamble, without the line end that was put before the input.
    fn outside(&mut self, data: &[u8], sink: &mut dyn FnMut(PartEvent<'_>)) {
        let data = if self.begun { data } else { data.get(1..).unwrap_or_default() };
        self.begun = true;
        if !data.is_empty() {
            sink(PartEvent::Outside(data));
        }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(PartEvent<'_>)) {
        if self.held.is_empty() && self.state == State::Body {
            // The long inside of a part: what cannot begin a delimiter goes on uncopied.
            let rest = self.run(data, sink);
            let kept = data.len() - rest;
            self.held.extend_from_slice(data.get(kept..).unwrap_or_default());
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(data);
        let rest = self.run(&held, sink);
        held.drain(..held.len() - rest);
        self.held = held;
    }

    /// The end of input: what was held goes out. True when the last boundary was seen.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(PartEvent<'_>)) -> bool {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Header => {
                sink(PartEvent::Begin(&held));
                sink(PartEvent::End);
            }
            State::Body => {
                sink(PartEvent::Data(&held));
                sink(PartEvent::End);
            }
            State::Preamble => self.outside(&held, sink),
            State::Boundary | State::Epilogue => {}
        }
        let complete = self.state == State::Epilogue;
        self.state = State::Epilogue;
        complete
    }

    /// Works through `data` and returns how many bytes at its end are to be held.
    fn run(&mut self, mut data: &[u8], sink: &mut dyn FnMut(PartEvent<'_>)) -> usize {
        loop {
            match self.state {
                State::Epilogue => {
                    if !data.is_empty() {
                        sink(PartEvent::Outside(data));
                    }
                    return 0;
                }
                State::Preamble => match self.find_delimiter(data) {
                    Found::At(at) => {
                        self.outside(data.get(..at).unwrap_or_default(), sink);
                        data = data.get(at + self.delimiter.needle().len()..).unwrap_or_default();
                        self.state = State::Boundary;
                    }
                    nowhere => {
                        let held = match nowhere {
                            Found::Perhaps(at) => data.len() - at,
                            _ => self.possible_delimiter(data),
                        };
                        if held < data.len() {
                            self.outside(data.get(..data.len() - held).unwrap_or_default(), sink);
                        }
                        return held;
                    }
                },
                State::Boundary => {
                    // Transport padding may stand before the end of the line (RFC 2046 section 5.1.1).
                    if let Some(behind) = data.strip_prefix(b"--") {
                        data = behind;
                        self.state = State::Epilogue;
                        continue;
                    }
                    let Some(end) = memchr::memchr(b'\n', data) else {
                        return data.len().min(HEADER_BYTES);
                    };
                    data = data.get(end + 1..).unwrap_or_default();
                    self.state = State::Header;
                }
                State::Header => {
                    let Some((header, body)) = header_end(data, self.searched) else {
                        self.searched = data.len();
                        return data.len();
                    };
                    self.searched = 0;
                    sink(PartEvent::Begin(header));
                    // The line end before a delimiter that follows at once belongs to the header's blank line.
                    data = body;
                    self.state = State::Body;
                    if data.get(..self.delimiter.needle().len() - 1) == self.delimiter.needle().get(1..) {
                        sink(PartEvent::End);
                        data = data.get(self.delimiter.needle().len() - 1..).unwrap_or_default();
                        self.state = State::Boundary;
                    }
                }
                State::Body => match self.find_delimiter(data) {
                    Found::At(at) => {
                        let body = data.get(..at).unwrap_or_default();
                        sink(PartEvent::Data(body.strip_suffix(b"\r").unwrap_or(body)));
                        sink(PartEvent::End);
                        data = data.get(at + self.delimiter.needle().len()..).unwrap_or_default();
                        self.state = State::Boundary;
                    }
                    nowhere => {
                        let held = match nowhere {
                            Found::Perhaps(at) => with_carriage_return(data, at),
                            _ => self.possible_delimiter(data),
                        };
                        let safe = data.get(..data.len() - held).unwrap_or_default();
                        if !safe.is_empty() {
                            sink(PartEvent::Data(safe));
                        }
                        return held;
                    }
                },
            }
        }
    }

    /// A delimiter is one only if its line ends behind it: a boundary may begin like a longer one that is nested in its part.
    fn find_delimiter(&self, data: &[u8]) -> Found {
        let length = self.delimiter.needle().len();
        for at in self.delimiter.find_iter(data) {
            match data.get(at + length) {
                Some(b'\r' | b'\n' | b' ' | b'\t' | b'-') => return Found::At(at),
                Some(_) => {}
                None => return Found::Perhaps(at),
            }
        }
        Found::Nothing
    }

    /// How many bytes at the end of `data` may begin a delimiter, the carriage return before it included.
    fn possible_delimiter(&self, data: &[u8]) -> usize {
        let needle = self.delimiter.needle();
        let window = data.get(data.len().saturating_sub(needle.len())..).unwrap_or_default();
        let begins = memchr::memchr_iter(b'\n', window)
            .find(|at| window.get(*at..).is_some_and(|tail| needle.starts_with(tail)))
            .map(|at| window.len() - at);
        match begins {
            Some(length) => with_carriage_return(data, data.len() - length),
            None => usize::from(data.last() == Some(&b'\r')),
        }
    }
}

/// Bytes from `at` to the end of `data`, and a carriage return before them.
fn with_carriage_return(data: &[u8], at: usize) -> usize {
    let carriage_return = at.checked_sub(1).and_then(|before| data.get(before)) == Some(&b'\r');
    data.len() - at + usize::from(carriage_return)
}

/// Splits a header from its body at the first blank line; a header that is too long ends where it is. `searched`: bytes
/// that are known to hold no blank line.
pub(crate) fn header_end(data: &[u8], searched: usize) -> Option<(&[u8], &[u8])> {
    if let Some(body) = data.strip_prefix(b"\r\n").or_else(|| data.strip_prefix(b"\n")) {
        return Some((&[], body));
    }
    // A blank line may have begun in the last two bytes.
    let from = searched.saturating_sub(2);
    let fresh = data.get(from..).unwrap_or_default();
    let crlf = find(fresh, b"\n\r\n").map(|at| from + at + 3);
    let lf = find(fresh, b"\n\n").map(|at| from + at + 2);
    let end = match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (end, None) | (None, end) => end,
    };
    end.or((data.len() > HEADER_BYTES).then_some(HEADER_BYTES)).and_then(|at| data.split_at_checked(at))
}

/// The boundary by which a body is cut that does not say so: its first line, where a header field follows.
pub(crate) fn apparent_boundary(prefix: &[u8]) -> Option<String> {
    let line_end = memchr::memchr(b'\n', prefix)?;
    let (line, rest) = prefix.split_at_checked(line_end + 1)?;
    let boundary = line.trim_ascii_end().strip_prefix(b"--")?;
    let field = rest.get(..8)?.eq_ignore_ascii_case(b"content-");
    // RFC 2046 section 5.1.1: 1 to 70 characters.
    let fits = (1..=70).contains(&boundary.len()) && boundary.iter().all(|byte| matches!(byte, b' '..=b'~'));
    (fits && field).then(|| String::from_utf8_lossy(boundary).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(body: &[u8], cuts: &[usize]) -> (Vec<(String, Vec<u8>)>, bool) {
        let mut machine = Multipart::new("xyz");
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        let mut outside = Vec::new();
        let mut sink = |event: PartEvent<'_>| match event {
            PartEvent::Begin(header) => {
                parts.push((String::from_utf8_lossy(header).into_owned(), Vec::new()));
            }
            PartEvent::Data(data) => parts.last_mut().unwrap().1.extend_from_slice(data),
            PartEvent::End => {}
            PartEvent::Outside(data) => outside.extend_from_slice(data),
        };
        let mut start = 0;
        for &cut in cuts.iter().chain([&body.len()]) {
            let cut = cut.clamp(start, body.len());
            machine.push(&body[start..cut], &mut sink);
            start = cut;
        }
        let complete = machine.finish(&mut sink);
        parts.push(("outside".to_owned(), outside));
        (parts, complete)
    }

    const BODY: &[u8] = b"preamble\r\n--xyz\r\nA: 1\r\n\r\none\r\n--xy\r\n\r\n--xyz  \r\n\r\nsecond\n\r\n--xyz\r\nB: 2\r\n\r\n\r\n--xyz--\r\nepilogue";

    #[test]
    fn parts_are_cut_at_their_boundaries() {
        let (found, complete) = parts(BODY, &[]);
        assert!(complete);
        let expected: [(&str, &[u8]); 4] = [
            ("A: 1\r\n\r\n", b"one\r\n--xy\r\n"),
            ("", b"second\n"),
            ("B: 2\r\n\r\n", b""),
            ("outside", b"preamble\r\r\nepilogue"),
        ];
        assert_eq!(found.len(), 4);
        for ((header, data), (expected_header, expected_data)) in found.iter().zip(expected) {
            assert_eq!(header, expected_header);
            assert_eq!(data, expected_data);
        }
    }

    #[test]
    fn a_longer_boundary_in_a_part_is_content() {
        let (found, _) = parts(b"--xyz\r\n\r\na\r\n--xyz2\r\nb\r\n--xyz--\r\n", &[]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1, b"a\r\n--xyz2\r\nb");
    }

    #[test]
    fn a_cut_body_keeps_its_last_part() {
        let (found, complete) = parts(b"--xyz\r\nA: 1\r\n\r\nhalf\r\n--x", &[]);
        assert!(!complete);
        assert_eq!(found[0].1, b"half\r\n--x");
    }

    #[test]
    fn a_boundary_that_never_comes_hides_nothing() {
        let text = "id,card\r\n1,4111111111111111\r\n".repeat(9);
        for cuts in [vec![], (0..text.len()).collect()] {
            assert_eq!(parts(text.as_bytes(), &cuts).0, [("outside".to_owned(), text.clone().into_bytes())]);
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_parts(mut cuts in prop::collection::vec(0..BODY.len(), 0..12)) {
            cuts.sort_unstable();
            prop_assert_eq!(parts(BODY, &cuts), parts(BODY, &[]));
        }
    }
}
