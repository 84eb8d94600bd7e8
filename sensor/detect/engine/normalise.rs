//! Text as it is matched: one form of each character, with a map back to where it stood.
//!
//! Owns: full-width and mathematical letters, digits of every script, typographic blanks, hyphens and quotes to ASCII;
//! invisible characters removed; Cyrillic and Greek look-alikes inside Latin words to Latin. Each character is treated
//! alone (a look-alike also by the byte before it), so that the result does not depend on how the text came in pieces.
//! Never does: charset conversion; bytes that are no UTF-8 pass through unchanged.

/// From here on, `original - normalised` is what these two say.
#[derive(Clone, Copy, Debug)]
struct Shift {
    normalised: u64,
    original: u64,
}

/// Appends normalised text and remembers the way back.
#[derive(Debug, Default)]
pub(crate) struct Normaliser {
    partial: Vec<u8>,
    shifts: Vec<Shift>,
    original: u64,
    normalised: u64,
    wide: bool,
}

/// What becomes of a character.
enum Form {
    Same,
    Ascii(u8),
    Nothing,
}

impl Normaliser {
    /// Forgets everything but its memory.
    pub(crate) fn clear(&mut self) {
        self.partial.clear();
        self.shifts.clear();
        (self.original, self.normalised, self.wide) = (0, 0, false);
    }

    /// Whether any byte written so far was not ASCII.
    pub(crate) const fn is_wide(&self) -> bool {
        self.wide
    }

    /// Appends `bytes` to `text`, normalised.
    pub(crate) fn append(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        if self.partial.is_empty() && bytes.is_ascii() {
            self.copy(bytes, text);
            return;
        }
        let joined;
        let bytes = if self.partial.is_empty() {
            bytes
        } else {
            joined = [self.partial.as_slice(), bytes].concat();
            self.partial.clear();
            &joined
        };
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.valid(chunk.valid(), text);
            if chunks.peek().is_none() && may_go_on(chunk.invalid()) {
                self.partial.extend_from_slice(chunk.invalid());
            } else {
                self.wide |= !chunk.invalid().is_empty();
                self.copy(chunk.invalid(), text);
            }
        }
    }

    /// Appends what was held back in the hope of the rest of a character.
    pub(crate) fn finish(&mut self, text: &mut Vec<u8>) {
        let partial = std::mem::take(&mut self.partial);
        self.wide |= !partial.is_empty();
        self.copy(&partial, text);
    }

    /// The offset in the given text of an offset in the normalised text that [`Normaliser::forget_before`] has not passed.
    pub(crate) fn original(&self, normalised: u64) -> u64 {
        let after = self.shifts.partition_point(|shift| shift.normalised <= normalised);
        match after.checked_sub(1).and_then(|at| self.shifts.get(at)) {
            Some(shift) => shift.original.saturating_add(normalised.saturating_sub(shift.normalised)),
            None => normalised,
        }
    }

    /// Drops what only serves offsets before `normalised`.
    pub(crate) fn forget_before(&mut self, normalised: u64) {
        let after = self.shifts.partition_point(|shift| shift.normalised <= normalised);
        self.shifts.drain(..after.saturating_sub(1));
    }

    fn copy(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        text.extend_from_slice(bytes);
        self.original += bytes.len() as u64;
        self.normalised += bytes.len() as u64;
    }

    fn valid(&mut self, valid: &str, text: &mut Vec<u8>) {
        let mut kept = 0;
        for (at, c) in valid.char_indices().filter(|(_, c)| !c.is_ascii()) {
            let before = valid.as_bytes().get(kept..at).and_then(<[u8]>::last).or(text.last()).copied();
            let form = form(c, before);
            if matches!(form, Form::Same) {
                self.wide = true;
                continue;
            }
            self.copy(valid.as_bytes().get(kept..at).unwrap_or_default(), text);
            kept = at + c.len_utf8();
            self.original += c.len_utf8() as u64;
            if let Form::Ascii(byte) = form {
                text.push(byte);
                // Within the replaced character, the way back leads to its start.
                self.shifts.push(Shift {
                    normalised: self.normalised,
                    original: self.original - c.len_utf8() as u64,
                });
                self.normalised += 1;
            }
            self.shifts.push(Shift { normalised: self.normalised, original: self.original });
        }
        self.copy(valid.as_bytes().get(kept..).unwrap_or_default(), text);
    }
}

/// Whether `bytes`, found invalid at the end of a piece, may be the beginning of a character.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn form(c: char, before: Option<u8>) -> Form {
    let code = u32::from(c);
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Form::Ascii(b' ')
        }
        '\u{85}' | '\u{2028}' | '\u{2029}' => Form::Ascii(b'\n'),
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => {
            Form::Nothing
        }
        '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => {
            Form::Nothing
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Form::Ascii(b'-'),
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => Form::Ascii(b'\''),
        '\u{201c}'..='\u{201f}' => Form::Ascii(b'"'),
        '\u{ff01}'..='\u{ff5e}' => ascii(code - 0xff01 + 0x21),
        '\u{1d400}'..='\u{1d6a3}' => mathematical(code - 0x1d400),
        '\u{1d7ce}'..='\u{1d7ff}' => ascii((code - 0x1d7ce) % 10 + 0x30),
        _ => match digit(code) {
            Some(value) => ascii(value + 0x30),
            None => match look_alike(c) {
                Some(latin) if before.is_some_and(|byte| byte.is_ascii_alphabetic()) => Form::Ascii(latin),
                _ => Form::Same,
            },
        },
    }
}

fn ascii(code: u32) -> Form {
    u8::try_from(code).map_or(Form::Same, Form::Ascii)
}

/// Mathematical alphanumeric symbols: thirteen alphabets of 52 letters.
fn mathematical(index: u32) -> Form {
    let letter = index % 52;
    ascii(if letter < 26 { letter + 0x41 } else { letter - 26 + 0x61 })
}

/// Zeros of the decimal digits of scripts in use (Unicode general category Nd); nine more follow each.
const ZEROS: [u32; 27] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0xa8d0, 0xa9d0,
];

fn digit(code: u32) -> Option<u32> {
    let after = ZEROS.partition_point(|zero| *zero <= code);
    let value = code - ZEROS.get(after.checked_sub(1)?)?;
    (value < 10).then_some(value)
}

/// The Latin letter that a Cyrillic or Greek letter can't be told from by eye.
fn look_alike(c: char) -> Option<u8> {
    Some(match c {
        'а' | 'α' => b'a',
        'е' => b'e',
        'о' | 'ο' => b'o',
        'р' | 'ρ' => b'p',
        'с' => b'c',
        'х' => b'x',
        'у' => b'y',
        'і' => b'i',
        'ј' => b'j',
        'ѕ' => b's',
        'ν' => b'v',
        'А' | 'Α' => b'A',
        'В' | 'Β' => b'B',
        'Е' | 'Ε' => b'E',
        'К' | 'Κ' => b'K',
        'М' | 'Μ' => b'M',
        'Н' | 'Η' => b'H',
        'О' | 'Ο' => b'O',
        'Р' | 'Ρ' => b'P',
        'С' => b'C',
        'Т' | 'Τ' => b'T',
        'Х' | 'Χ' => b'X',
        'Ζ' => b'Z',
        'І' | 'Ι' => b'I',
        'Ν' => b'N',
        'Υ' => b'Y',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalised(pieces: &[&[u8]]) -> (Vec<u8>, Normaliser) {
        let (mut normaliser, mut text) = (Normaliser::default(), Vec::new());
        for piece in pieces {
            normaliser.append(piece, &mut text);
        }
        normaliser.finish(&mut text);
        (text, normaliser)
    }

    #[test]
    fn disguises_come_off() {
        for (given, expected) in [
            ("４１１１\u{3000}１１１１", "4111 1111"),
            ("41\u{200b}11\u{ad}", "4111"),
            ("٤١١١ ۴۱", "4111 41"),
            ("𝟜𝟙 𝐂𝐚𝐫𝐝", "41 Card"),
            ("a\u{a0}b—c “d”", "a b-c \"d\""),
            ("pаsswоrd", "password"),
            ("карта", "карта"),
            ("naïve ß", "naïve ß"),
        ] {
            assert_eq!(str::from_utf8(&normalised(&[given.as_bytes()]).0), Ok(expected), "{given}");
        }
        assert_eq!(normalised(&[b"a\xff\xfeb\xc3"]).0, b"a\xff\xfeb\xc3");
    }

    #[test]
    fn offsets_lead_back() {
        let given = "x\u{200b}４1\u{a0}é2";
        let (text, normaliser) = normalised(&[given.as_bytes()]);
        assert_eq!(str::from_utf8(&text), Ok("x41 é2"));
        let back: Vec<u64> = (0..=text.len() as u64).map(|at| normaliser.original(at)).collect();
        assert_eq!(back, [0, 4, 7, 8, 10, 11, 12, 13]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[aе４٣\u{200b}\u{a0}é漢z ]{0,40}", cuts in prop::collection::vec(0_usize..120, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut from = 0;
            let pieces: Vec<&[u8]> = cuts.iter().map(|cut| { let piece = &bytes[from..*cut]; from = *cut; piece }).collect();
            let (whole, straight) = normalised(&[bytes]);
            let (parts, pieced) = normalised(&pieces);
            prop_assert_eq!(&whole, &parts);
            for at in 0..=whole.len() as u64 {
                prop_assert_eq!(straight.original(at), pieced.original(at));
            }
        }
    }
}
