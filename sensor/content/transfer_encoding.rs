//! Content transfer encodings of mail (RFC 2045 section 6) undone as the bytes stream by.
//!
//! Owns: base64 and quoted-printable, both lenient, and the line ends of text. Never does: guessing that something is encoded.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The encoding of one part.
pub(crate) struct TransferEncoding {
    encoding: Encoding,
    line_ends: Option<LineEnds>,
}

enum Encoding {
    /// 7bit, 8bit, binary: the bytes are what they are.
    Identity,
    Base64(Base64),
    QuotedPrintable(QuotedPrintable),
}

impl TransferEncoding {
    /// By the value of a Content-Transfer-Encoding field.
    pub(crate) fn named(name: Option<&str>) -> Self {
        let encoding = match name.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
            Some("base64") => Encoding::Base64(Base64::default()),
            Some("quoted-printable") => Encoding::QuotedPrintable(QuotedPrintable::default()),
            _ => Encoding::Identity,
        };
        Self { encoding, line_ends: None }
    }

    /// The same for text of a mail, whose lines end with CRLF on the wire (RFC 2046 section 4.1.1) and with LF in the file that was
    /// attached. Base64 carries a file's own line ends.
    pub(crate) fn of_mail(name: Option<&str>, media_type: Option<&str>) -> Self {
        let mut this = Self::named(name);
        let text = media_type.is_none_or(|media_type| media_type.starts_with("text/"));
        if text && !matches!(this.encoding, Encoding::Base64(_)) {
            this.line_ends = Some(LineEnds::default());
        }
        this
    }

    pub(crate) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let Self { encoding, line_ends } = self;
        match line_ends {
            Some(line_ends) => encoding.push(data, &mut |decoded| line_ends.push(decoded, sink)),
            None => encoding.push(data, sink),
        }
    }

    /// `bytes` encoded bytes are missing: what is held goes out. Returns how many decoded bytes that makes, as exactly
    /// as the length of lines tells; decoding goes on where bytes are aligned again.
    pub(crate) fn gap(&mut self, bytes: u64, sink: &mut dyn FnMut(&[u8])) -> u64 {
        let Self { encoding, line_ends } = self;
        match line_ends {
            Some(line_ends) => {
                let missing = encoding.gap(bytes, &mut |decoded| line_ends.push(decoded, sink));
                line_ends.finish(sink);
                missing
            }
            None => encoding.gap(bytes, sink),
        }
    }

    /// The end of the part. False when encoded bytes were left over or broke the rules.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        let Self { encoding, line_ends } = self;
        match line_ends {
            Some(line_ends) => {
                let good = encoding.finish(&mut |decoded| line_ends.push(decoded, sink));
                line_ends.finish(sink);
                good
            }
            None => encoding.finish(sink),
        }
    }
}

/// CRLF becomes LF; a carriage return alone stays.
#[derive(Default)]
struct LineEnds {
    carriage_return: bool,
}

impl LineEnds {
    fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if data.is_empty() {
            return;
        }
        if self.carriage_return && data.first() != Some(&b'\n') {
            sink(b"\r");
        }
        self.carriage_return = data.last() == Some(&b'\r');
        let mut rest =
            if self.carriage_return { data.get(..data.len() - 1).unwrap_or_default() } else { data };
        while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
            if at > 0 {
                sink(rest.get(..at).unwrap_or_default());
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            sink(rest);
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        if std::mem::take(&mut self.carriage_return) {
            sink(b"\r");
        }
    }
}

impl Encoding {
    fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Identity => sink(data),
            Self::Base64(decoder) => decoder.push(data, sink),
            Self::QuotedPrintable(decoder) => decoder.push(data, sink),
        }
    }

    fn gap(&mut self, bytes: u64, sink: &mut dyn FnMut(&[u8])) -> u64 {
        match self {
            Self::Identity => bytes,
            Self::Base64(decoder) => decoder.gap(bytes, sink),
            Self::QuotedPrintable(decoder) => {
                decoder.finish(sink);
                decoder.held.clear();
                bytes
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        match self {
            Self::Identity => true,
            Self::Base64(decoder) => decoder.finish(sink),
            Self::QuotedPrintable(decoder) => decoder.finish(sink),
        }
    }
}

/// Letters decoded at once.
const BLOCK: usize = 16 << 10;

/// Base64 (RFC 4648 section 4); line ends and anything outside the alphabet are passed over (RFC 2045 section 6.8).
#[derive(Default)]
pub(crate) struct Base64 {
    letters: Vec<u8>,
    decoded: Vec<u8>,
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
    fn gap(&mut self, bytes: u64, sink: &mut dyn FnMut(&[u8])) -> u64 {
        self.decode(self.letters.len() / 4 * 4, sink);
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

    fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if self.line.is_none() {
            self.line = memchr::memchr(b'\n', data).map(|end| self.position + end as u64 + 1);
        }
        self.position = self.position.saturating_add(data.len() as u64);
        let data = self.aligned(data);
        for line in data.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.iter().all(|byte| IN_ALPHABET.get(usize::from(*byte)).copied().unwrap_or_default()) {
                self.letters.extend_from_slice(line);
            } else {
                for byte in line {
                    match byte {
                        // Padding in the middle ends one run of base64; another may follow.
                        b'=' => {
                            if !self.letters.len().is_multiple_of(4) {
                                self.decode(self.letters.len(), sink);
                            }
                        }
                        byte if IN_ALPHABET.get(usize::from(*byte)).copied().unwrap_or_default() => {
                            self.letters.push(*byte);
                        }
                        byte => self.strange |= !byte.is_ascii_whitespace(),
                    }
                }
            }
            if self.letters.len() >= BLOCK {
                self.decode(self.letters.len() / 4 * 4, sink);
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        self.decode(self.letters.len(), sink);
        !self.strange
    }

    /// Decodes the first `count` letters.
    fn decode(&mut self, count: usize, sink: &mut dyn FnMut(&[u8])) {
        // One letter over carries no whole byte.
        let usable = if count % 4 == 1 { count - 1 } else { count };
        self.strange |= usable < count;
        self.decoded.clear();
        let letters = self.letters.get(..usable).unwrap_or_default();
        if LENIENT.decode_vec(letters, &mut self.decoded).is_err() {
            self.strange = true;
        }
        self.letters.drain(..count);
        if !self.decoded.is_empty() {
            self.yielded = self.yielded.saturating_add(self.decoded.len() as u64);
            sink(&self.decoded);
        }
    }
}

const IN_ALPHABET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/');
        byte += 1;
    }
    table
};

/// Quoted-printable (RFC 2045 section 6.7).
#[derive(Default)]
pub(crate) struct QuotedPrintable {
    /// An escape or trailing white space that the next bytes decide about.
    held: Vec<u8>,
    decoded: Vec<u8>,
    strange: bool,
}

/// Trailing white space of one line that is held until the line ends; more is kept as content.
const HELD_MOST: usize = 1024;

impl QuotedPrintable {
    fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.decoded.clear();
        for &byte in data {
            self.byte(byte);
        }
        if !self.decoded.is_empty() {
            sink(&self.decoded);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (self.held.first(), byte) {
            (Some(b'='), _) => self.escape(byte),
            // White space at the end of a line is not content.
            (Some(b' ' | b'\t'), b'\r' | b'\n') => {
                self.held.clear();
                self.decoded.push(byte);
            }
            (Some(_), b' ' | b'\t') if self.held.len() < HELD_MOST => self.held.push(byte),
            (first, b'=' | b' ' | b'\t') => {
                if first.is_some() {
                    self.decoded.append(&mut self.held);
                }
                self.held.push(byte);
            }
            _ => {
                self.decoded.append(&mut self.held);
                self.decoded.push(byte);
            }
        }
    }

    /// What follows an equals sign: a line end (soft break, maybe behind white space) or two hexadecimal digits.
    fn escape(&mut self, byte: u8) {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (self.held.as_slice(), byte) {
            (_, b'\n') => self.held.clear(),
            ([b'='], b'\r' | b' ' | b'\t') => self.held.push(byte),
            ([b'=', b'\r' | b' ' | b'\t', ..], b' ' | b'\t' | b'\r') if self.held.len() < HELD_MOST => {
                self.held.push(byte);
            }
            ([b'='], _) if digit(byte).is_some() => self.held.push(byte),
            ([b'=', high], _) if digit(*high).is_some() && digit(byte).is_some() => {
                let value = digit(*high).unwrap_or_default() << 4 | digit(byte).unwrap_or_default();
                self.held.clear();
                self.decoded.push(value);
            }
            _ => {
                self.strange = true;
                self.decoded.append(&mut self.held);
                self.byte(byte);
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        // A soft break at the very end loses its line end to the boundary.
        if !self.held.is_empty() && self.held.first() != Some(&b'=') {
            sink(&self.held);
        }
        !self.strange
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(name: &str, encoded: &[u8], cut: usize) -> (Vec<u8>, bool) {
        let mut encoding = TransferEncoding::named(Some(name));
        let mut out = Vec::new();
        for part in encoded.chunks(cut.max(1)) {
            encoding.push(part, &mut |piece| out.extend_from_slice(piece));
        }
        let good = encoding.finish(&mut |piece| out.extend_from_slice(piece));
        (out, good)
    }

    #[test]
    fn quoted_printable_by_the_rules() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"Geh=C3=A4lter", "Gehälter".as_bytes()),
            (b"soft=\r\nbreak", b"softbreak"),
            (b"soft= \t\r\nbreak", b"softbreak"),
            (b"trailing  \r\nnext", b"trailing\r\nnext"),
            (b"a = b =3D c", b"a = b = c"),
            (b"kept =zz", b"kept =zz"),
        ];
        for (encoded, decoded) in cases {
            for cut in 1..6 {
                assert_eq!(decode("Quoted-Printable", encoded, cut).0, decoded, "{encoded:?} {cut}");
            }
        }
    }

    #[test]
    fn base64_is_lenient_and_says_so() {
        assert_eq!(decode("base64", b"aGVs\r\nbG8=\r\n", 3), (b"hello".to_vec(), true));
        assert_eq!(decode("base64", b"aGVsbG8", 2), (b"hello".to_vec(), true));
        assert_eq!(decode("base64", b"aGVs#bG8=", 9), (b"hello".to_vec(), false));
        assert_eq!(decode("base64", b"aGVsbG8=aGVsbG8=", 5), (b"hellohello".to_vec(), true));
    }

    #[test]
    fn base64_goes_on_with_the_line_behind_a_gap() {
        let bytes: Vec<u8> = (0..4000_u32).map(|n| (n / 7 % 251) as u8).collect();
        let letters = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let lines: Vec<&[u8]> = letters.as_bytes().chunks(76).collect();
        for encoded in [lines.join(&b"\r\n"[..]), letters.into_bytes()] {
            for (from, to) in [(301, 302), (300, 1003), (78, 156), (0, 780), (1000, 1001)] {
                let mut encoding = TransferEncoding::named(Some("base64"));
                let out = std::cell::RefCell::new(Vec::new());
                let mut sink = |piece: &[u8]| out.borrow_mut().extend_from_slice(piece);
                encoding.push(&encoded[..from], &mut sink);
                let missing = encoding.gap((to - from) as u64, &mut sink);
                out.borrow_mut().extend(vec![0; missing as usize]);
                encoding.push(&encoded[to..], &mut sink);
                encoding.finish(&mut sink);
                let out = out.into_inner();
                if from > 0 {
                    assert_eq!(out.len(), bytes.len(), "{from} {to}");
                }
                let same = out.iter().rev().zip(bytes.iter().rev()).take_while(|(a, b)| a == b).count();
                assert!(same >= bytes.len() - to * 3 / 4 - 60, "{from} {to} {same}");
            }
        }
    }

    #[test]
    fn lines_of_mail_text_end_as_in_the_file() {
        let cases: [(&str, &[u8], &[u8]); 3] = [
            ("7bit", b"a\r\nb\rc\n\r\n\r", b"a\nb\rc\n\n\r"),
            ("quoted-printable", b"a=3D\r\nb=\r\nc\r\n", b"a=\nbc\n"),
            ("base64", b"YQ0KYg==", b"a\r\nb"),
        ];
        for (name, encoded, expected) in cases {
            for cut in 1..6 {
                let mut encoding = TransferEncoding::of_mail(Some(name), Some("text/csv"));
                let mut out = Vec::new();
                for part in encoded.chunks(cut) {
                    encoding.push(part, &mut |piece| out.extend_from_slice(piece));
                }
                encoding.finish(&mut |piece| out.extend_from_slice(piece));
                assert_eq!(out, expected, "{name} {cut}");
            }
        }
        assert!(TransferEncoding::of_mail(None, Some("application/pdf")).line_ends.is_none());
    }

    proptest! {
        #[test]
        fn base64_comes_back_however_it_is_cut(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1_usize..90) {
            let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
            prop_assert_eq!(decode("base64", &lines.join(&b"\r\n"[..]), cut), (bytes, true));
        }
    }
}
