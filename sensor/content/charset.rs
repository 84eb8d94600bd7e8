//! Character sets: text becomes UTF-8 as it streams by.
//!
//! Owns: choosing a character set (byte order mark, declaration, detection) and decoding with it. Never does: judging whether
//! something is text.

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Decodes one text. ASCII and UTF-8 pass through without a copy.
pub(crate) struct TextDecoder {
    decoder: Option<Box<Decoder>>,
    output: Vec<u8>,
}

impl TextDecoder {
    /// Chooses by the first bytes of the text and what was declared (a label as in `charset=…`).
    pub(crate) fn new(prefix: &[u8], declared: Option<&str>) -> Self {
        let encoding = choose(prefix, declared);
        let decoder = (encoding != UTF_8).then(|| Box::new(encoding.new_decoder_with_bom_removal()));
        Self { decoder, output: Vec::new() }
    }

    /// The next bytes as UTF-8.
    pub(crate) fn decode(&mut self, data: &[u8], last: bool, sink: &mut dyn FnMut(&[u8])) {
        let Some(decoder) = &mut self.decoder else {
            if !data.is_empty() {
                sink(data);
            }
            return;
        };
        self.output.resize(16 << 10, 0);
        let mut rest = data;
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

fn choose(prefix: &[u8], declared: Option<&str>) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(prefix) {
        return encoding;
    }
    if let Some(encoding) = utf16(prefix) {
        return encoding;
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    if prefix.is_ascii() {
        // Nothing in the first bytes says otherwise: believe the declaration, it matters for what follows.
        return declared.unwrap_or(UTF_8);
    }
    match std::str::from_utf8(prefix) {
        Ok(_) => return UTF_8,
        // A character cut at the end of the prefix is no fault.
        Err(error) if error.error_len().is_none() => return UTF_8,
        Err(_) => {}
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8) {
        return encoding;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(prefix, true);
    detector.guess(None, chardetng::Utf8Detection::Allow)
}

/// UTF-16 without a mark: nearly every other byte is zero, as in Latin text.
pub(crate) fn utf16(prefix: &[u8]) -> Option<&'static Encoding> {
    let pairs = prefix.len() / 2;
    if pairs < 8 {
        return None;
    }
    let zeros = |start: usize| prefix.iter().skip(start).step_by(2).take(pairs).filter(|byte| **byte == 0).count();
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
}
