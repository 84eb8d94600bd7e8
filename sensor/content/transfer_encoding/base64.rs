//! Base64 (RFC 4648 section 4) as mail carries it, undone as the bytes stream by.
//!
//! Owns: leniency, and where decoding goes on behind a gap. Never does: guessing that something is base64.

use ::base64::Engine as _;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Accepts letters with or without padding at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &::base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Letters decoded at once where there is anything else among them.
const BLOCK: usize = 16 << 10;

/// Decoded bytes that go out at once.
const PIECE: usize = BLOCK / 4 * 3;

/// Base64 (RFC 4648 section 4); line ends and anything outside the alphabet are passed over (RFC 2045 section 6.8).
#[derive(Default)]
pub(super) struct Base64 {
    /// What is not decoded yet, line ends left out: as a rule less than a quantum.
    letters: Vec<u8>,
    /// Memory for a filtered copy of it.
    filtered: Vec<u8>,
    decoded: Decoded,
    strange: bool,
    /// Encoded bytes so far, those missing included.
    position: u64,
    /// Decoded bytes so far, those missing included.
    yielded: u64,
    /// Length of the first line with its end, once it is known.
    line: Option<u64>,
    /// Bytes behind a gap that belong to a quantum or line cut by it.
    skip: Skip,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Skip {
    #[default]
    Nothing,
    /// Up to the next line end.
    Line,
    /// So many letters: the encoding has no lines.
    Letters(u64),
}

impl Base64 {
    /// A line holds whole quanta (RFC 2045 section 6.8 asks for at most 76 letters, and no encoder cuts a quantum): decoding
    /// goes on with the next one.
    pub(super) fn gap(&mut self, bytes: u64, sink: &mut dyn FnMut(&[u8])) -> u64 {
        self.decode_quanta(sink);
        self.filter(sink);
        self.letters.clear();
        self.position = self.position.saturating_add(bytes);
        let next = match self.line {
            Some(line) => {
                self.skip = Skip::Line;
                self.position.div_ceil(line).saturating_mul(line.saturating_sub(2) / 4 * 3)
            }
            None => {
                let quanta = self.position.div_ceil(4);
                self.skip = Skip::Letters((quanta * 4).saturating_sub(self.position));
                quanta.saturating_mul(3)
            }
        };
        if let (Skip::Line, Some(line)) = (self.skip, self.line)
            && self.position.is_multiple_of(line)
        {
            self.skip = Skip::Nothing;
        }
        let missing = next.saturating_sub(self.yielded);
        self.yielded = self.yielded.saturating_add(missing);
        missing
    }

    /// What of `data` is to be decoded: behind a gap, not its first bytes.
    fn aligned<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let from = match self.skip {
            Skip::Nothing => return data,
            Skip::Line => match memchr::memchr(b'\n', data) {
                Some(end) => end + 1,
                None => return &[],
            },
            Skip::Letters(count) if count > data.len() as u64 => {
                self.skip = Skip::Letters(count - data.len() as u64);
                return &[];
            }
            Skip::Letters(count) => usize::try_from(count).unwrap_or(data.len()),
        };
        self.skip = Skip::Nothing;
        data.get(from..).unwrap_or_default()
    }

    pub(super) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if self.line.is_none() {
            self.line = memchr::memchr(b'\n', data).map(|end| self.position + end as u64 + 1);
        }
        self.position = self.position.saturating_add(data.len() as u64);
        let mut rest = self.aligned(data);
        while !rest.is_empty() {
            let (line, behind) = self.next_line(rest);
            rest = behind;
            self.line(line);
            if self.decoded.length >= PIECE {
                self.hand_out(sink);
            }
            if self.letters.len() >= BLOCK {
                self.decode_quanta(sink);
            }
        }
    }

    /// The next line without its end, and what is behind it.
    fn next_line<'a>(&self, rest: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        // Nearly every line is as long as the first. Should an end stand within it, it is no letter, and is found out.
        let usual = self.line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
        let end = usual
            .filter(|end| rest.get(*end) == Some(&b'\n') && self.letters.is_empty())
            .or_else(|| memchr::memchr(b'\n', rest));
        let (line, behind) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        (line.strip_suffix(b"\r").unwrap_or(line), behind.get(1..).unwrap_or_default())
    }

    /// Decodes the whole quanta of a line where it stands, if they are nothing but letters; what is not decoded is kept.
    fn line(&mut self, mut line: &[u8]) {
        // Letters before it that make no quantum are filled up to one.
        if (1..4).contains(&self.letters.len()) {
            let (first, rest) = line.split_at((4 - self.letters.len()).min(line.len()));
            self.letters.extend_from_slice(first);
            line = rest;
            if self.letters.len() == 4 && self.decoded.quanta(&self.letters) {
                self.letters.clear();
            }
        }
        if self.letters.is_empty() {
            let (quanta, rest) = line.split_at(line.len() / 4 * 4);
            if self.decoded.quanta(quanta) {
                line = rest;
            }
        }
        self.letters.extend_from_slice(line);
    }

    /// The end. False when letters were left over or something else stood between them.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        self.decode_quanta(sink);
        self.filter(sink);
        self.decode(self.letters.len(), sink);
        !self.strange
    }

    /// Decodes what makes whole quanta of what is kept. Nearly always that is the end, with its padding.
    fn decode_quanta(&mut self, sink: &mut dyn FnMut(&[u8])) {
        self.hand_out(sink);
        let whole = self.letters.len() / 4 * 4;
        if self.decoded.lenient(self.letters.get(..whole).unwrap_or_default()) {
            self.letters.drain(..whole);
            self.hand_out(sink);
        } else {
            self.filter(sink);
        }
    }

    /// Decodes what makes whole quanta once everything but letters is left out; fewer than four letters stay.
    fn filter(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let mut mixed = std::mem::replace(&mut self.letters, std::mem::take(&mut self.filtered));
        for byte in &mixed {
            match byte {
                // Padding in the middle ends one run of base64; another may follow.
                b'=' => {
                    if !self.letters.len().is_multiple_of(4) {
                        self.decode(self.letters.len(), sink);
                    }
                }
                byte if value_of(*byte).is_some() => self.letters.push(*byte),
                byte => self.strange |= !byte.is_ascii_whitespace(),
            }
        }
        self.decode(self.letters.len() / 4 * 4, sink);
        mixed.clear();
        self.filtered = mixed;
    }

    /// Decodes the first `count` bytes, which are letters all.
    fn decode(&mut self, count: usize, sink: &mut dyn FnMut(&[u8])) {
        // One letter over carries no whole byte.
        let usable = if count % 4 == 1 { count - 1 } else { count };
        self.strange |= usable < count;
        self.strange |= !self.decoded.lenient(self.letters.get(..usable).unwrap_or_default());
        self.letters.drain(..count);
        self.hand_out(sink);
    }

    fn hand_out(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let decoded = self.decoded.bytes.get(..self.decoded.length).unwrap_or_default();
        if !decoded.is_empty() {
            self.yielded = self.yielded.saturating_add(decoded.len() as u64);
            sink(decoded);
            self.decoded.length = 0;
        }
    }
}

/// Decoded bytes on their way out.
#[derive(Default)]
struct Decoded {
    /// Memory that is written to, as long as it has ever been.
    bytes: Vec<u8>,
    /// Bytes of it that are decoded ones.
    length: usize,
}

impl Decoded {
    /// Appends what whole quanta decode to. False, and nothing, where there is anything but letters.
    fn quanta(&mut self, quanta: &[u8]) -> bool {
        let end = self.length + quanta.len() / 4 * 3;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let good = decode_letters(quanta, self.bytes.get_mut(self.length..end).unwrap_or_default());
        if good {
            self.length = end;
        }
        good
    }

    /// Appends what letters decode to, with padding at their end or without. False, and nothing, where there is anything else.
    fn lenient(&mut self, letters: &[u8]) -> bool {
        self.bytes.truncate(self.length);
        let good = LENIENT.decode_vec(letters, &mut self.bytes).is_ok();
        if good {
            self.length = self.bytes.len();
        }
        good
    }
}

/// Decodes whole quanta to three bytes each. False where there is anything but letters.
fn decode_letters(quanta: &[u8], bytes: &mut [u8]) -> bool {
    let [first, second, third, fourth] = &VALUES;
    let value =
        |values: &[u32; 256], letter: u8| values.get(usize::from(letter)).copied().unwrap_or_default();
    let (quanta, _) = quanta.as_chunks::<4>();
    let (bytes, _) = bytes.as_chunks_mut::<3>();
    let mut all = 0;
    for (bytes, [a, b, c, d]) in bytes.iter_mut().zip(quanta) {
        let word = value(first, *a) | value(second, *b) | value(third, *c) | value(fourth, *d);
        all |= word;
        let [x, y, z, _] = word.to_le_bytes();
        *bytes = [x, y, z];
    }
    all < NO_LETTER
}

/// In a word of [`VALUES`]: its letter is none.
const NO_LETTER: u32 = 1 << 24;

/// What each letter of a quantum adds to its three bytes, the first one lowest.
static VALUES: [[u32; 256]; 4] = {
    let mut tables = [[NO_LETTER; 256]; 4];
    let mut letter = 0;
    while letter < 256 {
        if let Some(value) = value_of(letter as u8) {
            let mut place = 0;
            while place < 4 {
                // The three bytes as a number whose first byte is its highest, and then the other way round.
                let [_, x, y, z] = (value << (18 - 6 * place)).to_be_bytes();
                tables[place][letter] = u32::from_le_bytes([x, y, z, 0]);
                place += 1;
            }
        }
        letter += 1;
    }
    tables
};

/// The value of a letter (RFC 4648 table 1).
const fn value_of(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Base64 as it was first written down: letter by letter.
    fn reference(encoded: &[u8]) -> (Vec<u8>, bool) {
        let (mut run, mut out, mut strange) = (Vec::new(), Vec::new(), false);
        let mut end_run = |run: &mut Vec<u8>, strange: &mut bool| {
            let usable = if run.len() % 4 == 1 { run.len() - 1 } else { run.len() };
            *strange |= usable < run.len();
            *strange |= LENIENT.decode_vec(&run[..usable], &mut out).is_err();
            run.clear();
        };
        for byte in encoded {
            match byte {
                b'=' if run.len().is_multiple_of(4) => {}
                b'=' => end_run(&mut run, &mut strange),
                byte if value_of(*byte).is_some() => run.push(*byte),
                byte => strange |= !byte.is_ascii_whitespace(),
            }
        }
        end_run(&mut run, &mut strange);
        (out, !strange)
    }

    proptest! {
        #[test]
        fn blocks_decode_as_letters_do(
            pieces in prop::collection::vec(
                prop_oneof![
                    6 => "[A-Za-z0-9+/]{1,40}",
                    2 => Just("\r\n".to_owned()),
                    1 => "[=]{1,3}",
                    1 => "[ \t\r\n#-]{1,2}",
                ],
                0..24,
            ),
            repeats in prop_oneof![Just(1_usize), Just(700)],
            cut in 1_usize..3000,
        ) {
            let encoded = pieces.concat().repeat(repeats);
            let (mut decoder, mut out) = (Base64::default(), Vec::new());
            for piece in encoded.as_bytes().chunks(cut) {
                decoder.push(piece, &mut |decoded| out.extend_from_slice(decoded));
            }
            let good = decoder.finish(&mut |decoded| out.extend_from_slice(decoded));
            prop_assert_eq!((out, good), reference(encoded.as_bytes()));
        }
    }
}
