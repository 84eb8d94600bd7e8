//! Content transfer encodings of mail (RFC 2045 section 6), and others in which people write files as text, undone as the bytes stream by.
//!
//! Owns: base64 and quoted-printable, both lenient, and the line ends of text; hexadecimal digits, base 32, escaped characters; telling
//! that a text is nothing but one of these. Never does: reading of what comes out.

mod base64;
mod escapes;
mod letters;
mod quoted_printable;

use crate::kind::{self, Kind};
use base64::Base64;
use escapes::Escapes;
use letters::{Alphabet, Letters};
use quoted_printable::QuotedPrintable;

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
    Letters(Letters),
    Escapes(Escapes),
}

/// The encodings that a text may be in as a whole, without saying so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apparent {
    Base64,
    Base64Url,
    Base32,
    Hexadecimal,
    Escapes,
}

impl Apparent {
    /// As the path of what comes out has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Base64 | Self::Base64Url => "base64",
            Self::Base32 => "base32",
            Self::Hexadecimal => "hexadecimal",
            Self::Escapes => "escapes",
        }
    }

    /// Its letters make sense as text too, numbers for one.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::Hexadecimal | Self::Escapes)
    }
}

impl TransferEncoding {
    /// Of a text that is encoded as a whole.
    pub(crate) fn apparent(encoding: Apparent) -> Self {
        let encoding = match encoding {
            Apparent::Base64 => Encoding::Base64(Base64::default()),
            Apparent::Base64Url => Encoding::Letters(Letters::new(Alphabet::Base64Url)),
            Apparent::Base32 => Encoding::Letters(Letters::new(Alphabet::Base32)),
            Apparent::Hexadecimal => Encoding::Letters(Letters::new(Alphabet::Hexadecimal)),
            Apparent::Escapes => Encoding::Escapes(Escapes::default()),
        };
        Self { encoding, line_ends: None }
    }

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
    /// Text whose line ends have been changed, on its way out.
    changed: Vec<u8>,
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
        self.changed.clear();
        // One piece for all lines: what reads on works by the piece, not by the line.
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let kept = at + usize::from(rest.get(at + 1) != Some(&b'\n'));
            self.changed.extend_from_slice(rest.get(..kept).unwrap_or_default());
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        if self.changed.is_empty() {
            if !rest.is_empty() {
                sink(rest);
            }
            return;
        }
        self.changed.extend_from_slice(rest);
        sink(&self.changed);
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
            Self::Letters(decoder) => decoder.push(data, sink),
            Self::Escapes(decoder) => decoder.push(data, sink),
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
            Self::Letters(decoder) => decoder.gap(bytes),
            Self::Escapes(decoder) => {
                decoder.finish(sink);
                bytes
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        match self {
            Self::Identity => true,
            Self::Base64(decoder) => decoder.finish(sink),
            Self::QuotedPrintable(decoder) => decoder.finish(sink),
            Self::Letters(decoder) => decoder.finish(),
            Self::Escapes(decoder) => {
                decoder.finish(sink);
                true
            }
        }
    }
}

/// Whether bytes are letters of base64 and line ends (RFC 2045 section 6.8), and nothing else.
pub(crate) fn is_base64(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_letter(*byte) || byte.is_ascii_whitespace())
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Shortest text taken for one that is encoded, letters.
const LETTERS: usize = 64;
/// One in so many bytes of a text of escaped characters belongs to an escape at least.
const ESCAPED: usize = 4;

/// The encoding that a text is in as a whole, if what comes out of it is recognisable.
pub(crate) fn apparent(prefix: &[u8]) -> Option<Apparent> {
    let candidates = [
        (Apparent::Base64, is_all_base64(prefix)),
        (
            Apparent::Base64Url,
            is_all(prefix, Alphabet::Base64Url) && prefix.iter().any(u8::is_ascii_uppercase),
        ),
        (Apparent::Base32, is_all(prefix, Alphabet::Base32)),
        (Apparent::Hexadecimal, is_all(prefix, Alphabet::Hexadecimal)),
        (Apparent::Escapes, prefix.len() >= LETTERS && escapes::count(prefix) * ESCAPED >= prefix.len()),
    ];
    let recognisable = |encoding: Apparent| {
        let mut decoded = Vec::new();
        let mut undo = TransferEncoding::apparent(encoding);
        undo.push(prefix, &mut |piece| decoded.extend_from_slice(piece));
        // The last letters may go on behind the prefix.
        let _cut = undo.finish(&mut |piece| decoded.extend_from_slice(piece));
        kind::recognise(&decoded, None, None).kind != Kind::Binary
    };
    candidates
        .into_iter()
        .find(|(encoding, may_be)| *may_be && recognisable(*encoding))
        .map(|(encoding, _)| encoding)
}

/// Nothing but lines of base64. Other text has a blank soon.
fn is_all_base64(prefix: &[u8]) -> bool {
    let letters = prefix.iter().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    letters.clone().all(|byte| is_letter(*byte))
        && letters.clone().count() >= LETTERS
        && letters.clone().any(u8::is_ascii_uppercase)
}

fn is_all(prefix: &[u8], alphabet: Alphabet) -> bool {
    let is_letter = |byte: &u8| alphabet.value(*byte).is_some();
    prefix.iter().all(|byte| is_letter(byte) || alphabet.separates(*byte))
        && prefix.iter().filter(|byte| is_letter(byte)).count() >= LETTERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::Engine as _;
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
        let letters = ::base64::engine::general_purpose::STANDARD.encode(&bytes);
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
            let encoded = ::base64::engine::general_purpose::STANDARD.encode(&bytes);
            let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
            prop_assert_eq!(decode("base64", &lines.join(&b"\r\n"[..]), cut), (bytes, true));
        }
    }
}
