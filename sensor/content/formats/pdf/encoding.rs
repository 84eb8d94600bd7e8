//! Character codes of simple fonts: named encodings, differences from them, and glyph names (ISO 32000-2 annex D).
//!
//! Owns: what a glyph's name stands for. Never does: tables; they are those of the PDF library.

use lopdf::{Dictionary, Document, Object};

/// Entries of an encoding's differences that are read; there are 256 codes. 4,096.
const DIFFERENCES: usize = 4_096;

/// What the 256 codes of a simple font stand for; empty: nothing known.
pub(super) type Codes = Vec<String>;

/// The codes of the encoding with this name.
pub(super) fn named(name: &[u8], document: &Document) -> Codes {
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", Object::Name(name.to_vec()));
    let encoding = font.get_font_encoding(document).ok();
    let text = |code: u8| {
        encoding.as_ref().and_then(|encoding| encoding.bytes_to_string(&[code]).ok()).unwrap_or_default()
    };
    (0..=u8::MAX).map(text).collect()
}

/// The text of a glyph name: by the Adobe glyph list, or by the number that the name spells (`uni20AC`, `u1F600`, AGL
/// specification section 2). Suffixes (`a.alt`) do not change it; parts of a ligature (`f_i`) follow each other.
pub(super) fn glyph(name: &[u8], document: &Document) -> Option<String> {
    let plain = name.split(|&byte| byte == b'.').next().filter(|plain| !plain.is_empty())?;
    let parts =
        plain.split(|&byte| byte == b'_').map(|part| listed(part, document).or_else(|| numbered(part)));
    parts.collect()
}

fn listed(name: &[u8], document: &Document) -> Option<String> {
    // The glyph list is reached by a font whose one code is this glyph.
    let mut encoding = Dictionary::new();
    encoding.set("Differences", Object::Array(vec![Object::Integer(0), Object::Name(name.to_vec())]));
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", Object::Dictionary(encoding));
    match font.get_font_encoding(document).ok()? {
        encoding @ lopdf::Encoding::Differences(_) => {
            encoding.bytes_to_string(&[0]).ok().filter(|text| !text.is_empty())
        }
        _ => None,
    }
}

fn numbered(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let hexadecimal = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    if let Some(digits) = name.strip_prefix("uni").filter(|digits| digits.len() >= 4) {
        let units =
            digits.as_bytes().chunks(4).map(|unit| std::str::from_utf8(unit).ok().and_then(hexadecimal));
        return units.collect();
    }
    let digits = name.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len()))?;
    hexadecimal(digits).map(String::from)
}

/// Puts the differences of an encoding dictionary over `codes` (section 9.6.5.1).
pub(super) fn differ(codes: &mut Codes, differences: &[Object], document: &Document) {
    let mut code = 0_usize;
    for difference in differences.iter().take(DIFFERENCES) {
        match difference {
            Object::Integer(number) => code = usize::try_from(*number).unwrap_or(usize::MAX),
            // A name that only spells its code (`a65`) says no more than the encoding that it differs from.
            Object::Name(name) if spells(name, code) => code = code.saturating_add(1),
            Object::Name(name) => {
                put(codes, code, name, document);
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
}

/// Whether a name is a letter and a code.
fn spells(name: &[u8], code: usize) -> bool {
    name.split_first().is_some_and(|(letter, digits)| {
        letter.is_ascii_alphabetic()
            && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse() == Ok(code))
    })
}

/// Puts the encoding that a Type 1 font program holds over `codes`: lines of `dup 65 /A put` in its clear text.
pub(super) fn differ_by_program(codes: &mut Codes, program: &[u8], document: &Document) {
    use super::lexer::{Lexer, Token};
    let clear =
        memchr::memmem::find(program, b"eexec").and_then(|end| program.get(..end)).unwrap_or_default();
    let mut last = None;
    for token in Lexer::new(clear) {
        if let (Some(code), Token::Name(name)) = (last, &token) {
            put(codes, code, name, document);
        }
        last = match token {
            Token::Number(number) if (0.0..256.0).contains(&number) => Some(number as usize),
            _ => None,
        };
    }
}

fn put(codes: &mut Codes, code: usize, name: &[u8], document: &Document) {
    if let Some(place) = codes.get_mut(code) {
        *place = glyph(name, document).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyph_names_stand_for_text() {
        let document = Document::new();
        let cases = [
            ("A", Some("A")),
            ("eacute", Some("é")),
            ("fi", Some("ﬁ")),
            ("f_i", Some("fi")),
            ("a.alt", Some("a")),
            ("uni20AC", Some("€")),
            ("uni00410042", Some("AB")),
            ("u1F600", Some("😀")),
            ("g37", None),
            (".notdef", None),
            ("uniZZZZ", None),
        ];
        for (name, expected) in cases {
            assert_eq!(glyph(name.as_bytes(), &document).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn encodings_are_named_and_differ() {
        let document = Document::new();
        let mut codes = named(b"WinAnsiEncoding", &document);
        assert_eq!((codes[0x41].as_str(), codes[0x80].as_str()), ("A", "€"));
        differ(
            &mut codes,
            &[Object::Integer(0x41), Object::Name(b"B".to_vec()), Object::Name(b"C".to_vec())],
            &document,
        );
        assert_eq!((codes[0x41].as_str(), codes[0x42].as_str(), codes[0x43].as_str()), ("B", "C", "C"));
        // The name says no more than that its code is 68.
        differ(
            &mut codes,
            &[Object::Integer(0x44), Object::Name(b"a68".to_vec()), Object::Name(b"a70".to_vec())],
            &document,
        );
        assert_eq!((codes[0x44].as_str(), codes[0x45].as_str()), ("D", ""));
        differ_by_program(
            &mut codes,
            b"/Encoding 256 array dup 67 /x put readonly def eexec dup 68 /y put",
            &document,
        );
        assert_eq!((codes[67].as_str(), codes[68].as_str()), ("x", "D"));
    }
}
