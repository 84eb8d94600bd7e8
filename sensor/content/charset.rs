//! Character sets: text becomes UTF-8 as it streams by.
//!
//! Owns: choosing a character set (byte order mark, declaration, detection) and decoding with it. Never does: judging whether
//! something is text.

use encoding_rs::{CoderResult, Decoder, Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes, from the first on that is not ASCII, by which a character set is chosen.
const WINDOW_BYTES: usize = 4096;

/// ASCII before those bytes that the detector sees as well: the beginning of a word.
const BEFORE_BYTES: usize = 32;

/// Decodes one text. ASCII and UTF-8 pass through without a copy.
pub(crate) struct TextDecoder {
    declared: Option<&'static Encoding>,
    state: State,
    output: Vec<u8>,
}

enum State {
    /// All was ASCII; from the first other byte on, bytes are held until there are enough to choose by.
    Open {
        before: Vec<u8>,
        held: Vec<u8>,
    },
    Utf8,
    Other {
        decoder: Box<Decoder>,
        /// An odd number of bytes was decoded, those missing included.
        odd: bool,
        /// The next byte is the second half of a UTF-16 unit whose first half is missing.
        skip: bool,
    },
}

impl State {
    fn new(encoding: &'static Encoding, decoder: Decoder) -> Self {
        if encoding == UTF_8 {
            Self::Utf8
        } else {
            Self::Other { decoder: Box::new(decoder), odd: false, skip: false }
        }
    }
}

impl TextDecoder {
    /// Chooses at once where the first bytes of the text tell (byte order mark, UTF-16), else when the first byte comes
    /// that is not ASCII. `declared` is a label as in `charset=…`.
    pub(crate) fn new(prefix: &[u8], declared: Option<&str>) -> Self {
        let declared = declared.and_then(|label| Encoding::for_label_no_replacement(label.trim().as_bytes()));
        let plain = prefix.is_ascii() && !prefix.contains(&0);
        let certain =
            Encoding::for_bom(prefix).map(|(encoding, _)| encoding).or_else(|| utf16(prefix)).or_else(|| {
                // ASCII bytes mean something else in these; but nobody's UTF-16 consists of nothing but them.
                declared
                    .filter(|encoding| *encoding == ISO_2022_JP || !encoding.is_ascii_compatible() && !plain)
            });
        let state = match certain {
            Some(encoding) => State::new(encoding, encoding.new_decoder_with_bom_removal()),
            None => State::Open { before: Vec::new(), held: Vec::new() },
        };
        Self { declared, state, output: Vec::new() }
    }

    /// The next bytes as UTF-8.
    pub(crate) fn decode(&mut self, data: &[u8], last: bool, sink: &mut dyn FnMut(&[u8])) {
        let State::Open { before, held } = &mut self.state else { return self.convert(data, last, sink) };
        let mut data = data;
        if held.is_empty() {
            // Nearly all text is nothing else, which is quicker to find out than where it ends.
            let end = if data.is_ascii() { data.len() } else { Encoding::ascii_valid_up_to(data) };
            let (ascii, rest) = data.split_at(end);
            if !ascii.is_empty() {
                sink(ascii);
                match ascii.last_chunk::<BEFORE_BYTES>() {
                    Some(kept) => {
                        before.clear();
                        before.extend_from_slice(kept);
                    }
                    None => {
                        before.extend_from_slice(ascii);
                        before.drain(..before.len().saturating_sub(BEFORE_BYTES));
                    }
                }
            }
            data = rest;
        }
        if held.is_empty() && data.len() >= WINDOW_BYTES {
            self.choose(data);
            return self.convert(data, last, sink);
        }
        held.extend_from_slice(data);
        if held.len() >= WINDOW_BYTES || (last && !held.is_empty()) {
            let held = std::mem::take(held);
            self.choose(&held);
            self.convert(&held, last, sink);
        }
    }

    /// `missing` bytes are not there: a character that they cut is given up, the character set stays.
    pub(crate) fn gap(&mut self, missing: u64, sink: &mut dyn FnMut(&[u8])) {
        self.decode(&[], true, sink);
        if let State::Other { decoder, odd, skip } = &mut self.state {
            let encoding = decoder.encoding();
            **decoder = encoding.new_decoder_without_bom_handling();
            *odd ^= missing % 2 == 1;
            *skip = *odd && (encoding == UTF_16LE || encoding == UTF_16BE);
        }
    }

    /// Chooses by the bytes from the first on that is not ASCII.
    fn choose(&mut self, data: &[u8]) {
        let State::Open { before, .. } = &self.state else { return };
        let window = data.get(..WINDOW_BYTES.min(data.len())).unwrap_or_default();
        let encoding = chosen(before, window, self.declared);
        self.state = State::new(encoding, encoding.new_decoder_without_bom_handling());
    }

    fn convert(&mut self, data: &[u8], last: bool, sink: &mut dyn FnMut(&[u8])) {
        let State::Other { decoder, odd, skip } = &mut self.state else {
            if !data.is_empty() {
                sink(data);
            }
            return;
        };
        *odd ^= data.len() % 2 == 1;
        let mut rest = data;
        if *skip && !data.is_empty() {
            *skip = false;
            rest = data.get(1..).unwrap_or_default();
        }
        self.output.resize(16 << 10, 0);
        loop {
            let (result, read, written, _) = decoder.decode_to_utf8(rest, &mut self.output, last);
            if written > 0 {
                sink(self.output.get(..written).unwrap_or_default());
            }
            rest = rest.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }
}

/// UTF-8 where the bytes are, else what was declared, else what they look like.
fn chosen(before: &[u8], window: &[u8], declared: Option<&'static Encoding>) -> &'static Encoding {
    match std::str::from_utf8(window) {
        Ok(_) => return UTF_8,
        // A character cut at the end of the window is no fault.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => return UTF_8,
        Err(_) => {}
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8 && encoding.is_ascii_compatible()) {
        return encoding;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(before, false);
    detector.feed(window, true);
    detector.guess(None, chardetng::Utf8Detection::Allow)
}

/// UTF-16 without a mark: nearly every other byte is zero, as in Latin text.
pub(crate) fn utf16(prefix: &[u8]) -> Option<&'static Encoding> {
    let pairs = prefix.len() / 2;
    // Nearly all text has no zero at all.
    if pairs < 8 || memchr::memchr(0, prefix).is_none() {
        return None;
    }
    let zeros =
        |start: usize| prefix.iter().skip(start).step_by(2).take(pairs).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    if odd * 10 >= pairs * 8 && even * 50 <= pairs {
        Some(UTF_16LE)
    } else if even * 10 >= pairs * 8 && odd * 50 <= pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], declared: Option<&str>, cut: usize) -> String {
        let mut decoder = TextDecoder::new(bytes, declared);
        let mut out = Vec::new();
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        decoder.decode(head, false, &mut |text| out.extend_from_slice(text));
        decoder.decode(tail, true, &mut |text| out.extend_from_slice(text));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_becomes_utf8_wherever_it_is_cut() {
        let utf16: Vec<u8> = "Gehälter: vertraulich".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: [(&[u8], Option<&str>, &str); 6] = [
            (b"plain", None, "plain"),
            ("Gehälter".as_bytes(), Some("iso-8859-1"), "Gehälter"),
            (b"Geh\xe4lter und Zulagen", Some("ISO-8859-1"), "Gehälter und Zulagen"),
            (b"\x8c\xda\x8bq", Some("shift_jis"), "顧客"),
            (&utf16, None, "Gehälter: vertraulich"),
            (b"\xfe\xff\0a\0b", None, "ab"),
        ];
        for (bytes, declared, expected) in cases {
            for cut in 0..=bytes.len() {
                assert_eq!(decoded(bytes, declared, cut), expected);
            }
        }
    }

    #[test]
    fn undeclared_legacy_text_is_detected() {
        let text = "Клиенты и их договоры, строго конфиденциально";
        let (koi8, _, _) = encoding_rs::KOI8_R.encode(text);
        assert_eq!(decoded(&koi8, None, 7), text);
    }

    #[test]
    fn a_character_set_that_begins_late_is_detected() {
        let text = "Клиенты и их договоры, строго конфиденциально";
        let (koi8, _, _) = encoding_rs::KOI8_R.encode(text);
        let whole = [vec![b'x'; 9000], koi8.to_vec()].concat();
        for cut in [0, 5, 8990, 9001, 9020] {
            let out = decoded(&whole, None, cut);
            assert_eq!(out.get(9000..), Some(text));
        }
    }

    #[test]
    fn a_false_declaration_loses_nothing() {
        assert_eq!(decoded(b"card 4111", Some("utf-16"), 3), "card 4111");
        assert_eq!(decoded(b"card 4111", Some("iso-2022-kr"), 3), "card 4111");
        assert_eq!(decoded(b"\x1b$B8\\\x1b(B", Some("iso-2022-jp"), 3), "顧");
    }

    #[test]
    fn utf16_goes_on_behind_an_odd_gap() {
        let utf16: Vec<u8> = "before it; behind it".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut decoder = TextDecoder::new(&utf16, None);
        let mut out = Vec::new();
        decoder.decode(&utf16[..12], false, &mut |text| out.extend_from_slice(text));
        decoder.gap(11, &mut |text| out.extend_from_slice(text));
        decoder.decode(&utf16[23..], true, &mut |text| out.extend_from_slice(text));
        assert_eq!(String::from_utf8(out).unwrap(), "beforeehind it");
    }
}
