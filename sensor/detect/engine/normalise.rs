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

/// A text in the form in which it is matched.
#[must_use]
pub fn normalised(text: &[u8]) -> Vec<u8> {
    let (mut normaliser, mut normalised) = (Normaliser::default(), Vec::with_capacity(text.len()));
    normaliser.append(text, &mut normalised);
    normaliser.finish(&mut normalised);
    normalised
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
        let (mut at, mut kept) = (0, 0);
        loop {
            at += ascii_run(bytes.get(at..).unwrap_or_default());
            let rest = bytes.get(at..).unwrap_or_default();
            match decode(rest) {
                Decoded::End => break,
                Decoded::Partial => {
                    self.copy(bytes.get(kept..at).unwrap_or_default(), text);
                    self.partial.extend_from_slice(rest);
                    return;
                }
                Decoded::Invalid => {
                    self.wide = true;
                    at += 1;
                }
                Decoded::Character(c) => {
                    let before = bytes.get(kept..at).and_then(<[u8]>::last).or(text.last()).copied();
                    let form = form(c, before);
                    let width = c.len_utf8();
                    if matches!(form, Form::Same) {
                        self.wide = true;
                    } else {
                        self.copy(bytes.get(kept..at).unwrap_or_default(), text);
                        self.replace(width as u64, &form, text);
                        kept = at + width;
                    }
                    at += width;
                }
            }
        }
        self.copy(bytes.get(kept..).unwrap_or_default(), text);
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

    /// Appends a byte of ASCII, and drops as many given bytes behind it.
    pub(super) fn append_before(&mut self, byte: u8, dropped: u64, text: &mut Vec<u8>) {
        self.finish(text);
        self.copy(&[byte], text);
        self.replace(dropped, &Form::Nothing, text);
    }

    fn copy(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        text.extend_from_slice(bytes);
        self.original += bytes.len() as u64;
        self.normalised += bytes.len() as u64;
    }

    /// Writes a character of `width` bytes in another form.
    fn replace(&mut self, width: u64, form: &Form, text: &mut Vec<u8>) {
        if let Form::Ascii(byte) = form {
            text.push(*byte);
            // Within the replaced character, the way back leads to its start.
            self.shifts.push(Shift { normalised: self.normalised, original: self.original });
            self.normalised += 1;
        }
        self.original += width;
        self.shifts.push(Shift { normalised: self.normalised, original: self.original });
    }
}

/// Bytes of ASCII that come first, sixteen at a time where they can be.
fn ascii_run(bytes: &[u8]) -> usize {
    if bytes.first().is_none_or(|byte| !byte.is_ascii()) {
        return 0;
    }
    let whole = bytes.chunks_exact(16).take_while(|chunk| chunk.is_ascii()).count() * 16;
    let rest = bytes.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

/// What stands at the start of some bytes.
enum Decoded {
    End,
    Character(char),
    /// A character that the bytes end within.
    Partial,
    /// A byte that is no part of a character.
    Invalid,
}

/// Reads one character (RFC 3629 section 4).
fn decode(bytes: &[u8]) -> Decoded {
    let Some(first) = bytes.first().copied() else { return Decoded::End };
    let (width, least) = match first {
        0..=0x7f => return Decoded::Character(char::from(first)),
        0xc2..=0xdf => (2, 0x80),
        0xe0..=0xef => (3, 0x800),
        0xf0..=0xf4 => (4, 0x1_0000),
        _ => return Decoded::Invalid,
    };
    let mut code = u32::from(first) & (0x7f >> width);
    for at in 1..width {
        match bytes.get(at) {
            Some(byte) if byte & 0xc0 == 0x80 => code = code << 6 | u32::from(byte & 0x3f),
            Some(_) => return Decoded::Invalid,
            None => return if may_go_on(bytes) { Decoded::Partial } else { Decoded::Invalid },
        }
    }
    // Neither longer than needed, nor a surrogate, nor beyond the last character.
    char::from_u32(code).filter(|_| code >= least).map_or(Decoded::Invalid, Decoded::Character)
}

/// Whether more bytes may make `bytes` a character.
fn may_go_on(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn form(c: char, before: Option<u8>) -> Form {
    let code = u32::from(c);
    match c {
        // Latin letters; kana, Chinese and Hangul.
        '\u{c0}'..='\u{24f}' | '\u{3040}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7af}' => Form::Same,
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

    fn in_pieces(pieces: &[&[u8]]) -> (Vec<u8>, Normaliser) {
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
            assert_eq!(str::from_utf8(&in_pieces(&[given.as_bytes()]).0), Ok(expected), "{given}");
        }
        assert_eq!(in_pieces(&[b"a\xff\xfeb\xc3"]).0, b"a\xff\xfeb\xc3");
    }

    #[test]
    fn offsets_lead_back() {
        let given = "x\u{200b}４1\u{a0}é2";
        let (text, normaliser) = in_pieces(&[given.as_bytes()]);
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
            let (whole, straight) = in_pieces(&[bytes]);
            let (parts, pieced) = in_pieces(&pieces);
            prop_assert_eq!(&whole, &parts);
            for at in 0..=whole.len() as u64 {
                prop_assert_eq!(straight.original(at), pieced.original(at));
            }
        }
    }
}
