//! Fonts: from bytes shown to text and widths (ISO 32000-2 sections 9.5 to 9.10).
//!
//! Owns: which of a font's maps is believed: the document's own first, then what its font program says. Never does: reading of programs,
//! apart from the encoding that a Type 1 font spells out.

use super::Source;
use super::cmap::{self, CharacterMap};
use super::encoding::{self, Codes};
use super::program::Program;
use lopdf::{Dictionary, Document, Object};
use std::collections::BTreeMap;

/// Widths that are kept of one font; further glyphs have the default width. 100,000.
const WIDTHS: usize = 100_000;

/// A font as text extraction needs it.
#[derive(Debug)]
pub(super) struct Font {
    map: CharacterMap,
    codes: Codes,
    /// What the font program says of codes of two bytes, where the document says nothing.
    glyphs: BTreeMap<u32, String>,
    /// A predefined map whose codes are a character set of their own.
    charset: Option<&'static encoding_rs::Encoding>,
    /// Bytes of a code where the map does not say. 1 for simple fonts, 2 for composite ones.
    code_length: usize,
    /// By code, in units of the font size.
    widths: BTreeMap<u32, f64>,
    default_width: Option<f64>,
}

/// One character code that was shown.
pub(super) struct Shown<'a> {
    /// Its bytes.
    pub(super) code: &'a [u8],
    /// What it stands for; None where nothing says.
    pub(super) text: Option<String>,
    /// How far it moves on, in units of the font size.
    pub(super) width: f64,
}

impl Font {
    /// The font of a font dictionary.
    pub(super) fn read(font: &Dictionary, source: &Source) -> Self {
        let map = source
            .unpack_entry(font, b"ToUnicode")
            .map(|data| CharacterMap::parse(&data))
            .unwrap_or_default();
        let is_composite = font.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Type0");
        if is_composite { Self::composite(font, map, source) } else { Self::simple(font, map, source) }
    }

    fn simple(font: &Dictionary, map: CharacterMap, source: &Source) -> Self {
        let document = &source.document;
        let descriptor = dictionary(font, b"FontDescriptor", document);
        let encoding = font.get_deref(b"Encoding", document).ok();
        let base = match encoding {
            Some(Object::Name(name)) => Some(name.as_slice()),
            Some(Object::Dictionary(encoding)) => {
                encoding.get(b"BaseEncoding").and_then(Object::as_name).ok()
            }
            _ => None,
        };
        let is_truetype =
            font.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"TrueType");
        let otherwise: &[u8] = if is_truetype { b"WinAnsiEncoding" } else { b"StandardEncoding" };
        let mut codes = encoding::named(base.unwrap_or(otherwise), document);
        if base.is_none()
            && let Some(program) = descriptor.and_then(|font| source.unpack_entry(font, b"FontFile"))
        {
            encoding::differ_by_program(&mut codes, &program, document);
        }
        if let Some(Object::Dictionary(encoding)) = encoding
            && let Ok(Object::Array(differences)) = encoding.get_deref(b"Differences", document)
        {
            encoding::differ(&mut codes, differences, document);
        }
        if map.is_empty()
            && encoding.is_none()
            && let Some(program) = descriptor.and_then(|font| source.program(font))
        {
            differ_by_glyphs(&mut codes, &program, document);
        }
        let mut widths = BTreeMap::new();
        // A Type 3 font has its own scale.
        let scale = match font.get_deref(b"FontMatrix", document) {
            Ok(Object::Array(matrix)) => matrix.first().and_then(number).unwrap_or(0.001).abs(),
            _ => 0.001,
        };
        let first =
            font.get_deref(b"FirstChar", document).ok().and_then(|first| first.as_i64().ok()).unwrap_or(0);
        if let Ok(Object::Array(list)) = font.get_deref(b"Widths", document) {
            let codes = u32::try_from(first).unwrap_or(0)..=u32::from(u8::MAX);
            for (code, width) in codes.zip(list) {
                if let Some(width) = resolved(width, document).and_then(number) {
                    widths.insert(code, width * scale);
                }
            }
        }
        let missing =
            descriptor.and_then(|font| font.get_deref(b"MissingWidth", document).ok()).and_then(number);
        let default_width = if widths.is_empty() { None } else { Some(missing.unwrap_or(0.0) * scale) };
        let glyphs = BTreeMap::new();
        Self { map, codes, glyphs, charset: None, code_length: 1, widths, default_width }
    }

    fn composite(font: &Dictionary, map: CharacterMap, source: &Source) -> Self {
        let document = &source.document;
        let descendant = match font.get_deref(b"DescendantFonts", document) {
            Ok(Object::Array(fonts)) => fonts.first().and_then(|font| resolved(font, document)),
            _ => None,
        };
        let descendant = descendant.and_then(|font| font.as_dict().ok());
        let (mut charset, mut spaces) = (None, None);
        let mut glyphs = BTreeMap::new();
        match font.get_deref(b"Encoding", document) {
            Ok(Object::Name(name)) if name.starts_with(b"Identity") => {
                if let Some(descendant) = descendant.filter(|_| map.is_empty()) {
                    glyphs = composite_glyphs(descendant, source);
                }
            }
            Ok(Object::Name(name)) => charset = predefined(name),
            Ok(Object::Stream(_)) => {
                spaces = source.unpack_entry(font, b"Encoding").map(|data| CharacterMap::parse(&data));
            }
            _ => {}
        }
        // The map of codes to glyphs knows the lengths of codes best.
        let code_length = spaces.map_or(2, |spaces| spaces.code_length(&[0, 0, 0, 0], 2));
        let default_width = descendant
            .and_then(|font| font.get_deref(b"DW", document).ok())
            .and_then(number)
            .unwrap_or(1000.0);
        let widths = match descendant.map(|font| font.get_deref(b"W", document)) {
            Some(Ok(Object::Array(list))) => composite_widths(list, document),
            _ => BTreeMap::new(),
        };
        Self {
            map,
            codes: Codes::new(),
            glyphs,
            charset,
            code_length,
            widths,
            default_width: Some(default_width / 1000.0),
        }
    }

    /// Splits a string that is shown into its codes.
    pub(super) fn codes<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Shown<'a>> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let length = match self.charset {
                Some(charset) => charset_code_length(charset, rest),
                None if self.code_length == 1 && self.codes.len() == 256 => 1,
                None => self.map.code_length(rest, self.code_length),
            };
            let (code, after) = rest.split_at_checked(length.clamp(1, rest.len().max(1)))?;
            rest = after;
            let value = cmap::number(code);
            let text = self.text(code, value);
            let width = self.width(value, text.as_deref());
            Some(Shown { code, text, width })
        })
    }

    fn text(&self, code: &[u8], value: u32) -> Option<String> {
        if let Some(text) = self.map.find(value) {
            return Some(text);
        }
        if let Some(charset) = self.charset {
            return charset
                .decode_without_bom_handling_and_without_replacement(code)
                .map(std::borrow::Cow::into_owned);
        }
        if let Some(text) = self.glyphs.get(&value) {
            return Some(text.clone());
        }
        let text = self.codes.get(usize::try_from(value).ok()?)?;
        (!text.is_empty()).then(|| text.clone())
    }

    fn width(&self, value: u32, text: Option<&str>) -> f64 {
        let known = self.widths.get(&value).copied().or(self.default_width);
        known.unwrap_or_else(|| usual_width(text.and_then(|text| text.chars().next())))
    }
}

/// Puts what a program says of its own codes over `codes`.
fn differ_by_glyphs(codes: &mut Codes, program: &[u8], document: &Document) {
    let Some(program) = Program::parse(program) else { return };
    let glyphs = program.glyphs(document);
    for (code, place) in (0..=u8::MAX).zip(codes) {
        if let Some(text) = program.glyph_of(code).and_then(|glyph| glyphs.get(&glyph)) {
            place.clone_from(text);
        }
    }
}

/// The text of codes that are glyph numbers, or lead to them by a table of the font (section 9.7.4.2).
fn composite_glyphs(descendant: &Dictionary, source: &Source) -> BTreeMap<u32, String> {
    let document = &source.document;
    let descriptor = dictionary(descendant, b"FontDescriptor", document);
    let program = descriptor.and_then(|descriptor| source.program(descriptor));
    let Some(program) = program.as_deref().and_then(Program::parse) else { return BTreeMap::new() };
    let mut glyphs = program.glyphs(document);
    match source.unpack_entry(descendant, b"CIDToGIDMap") {
        None => glyphs.into_iter().map(|(glyph, text)| (glyph.into(), text)).collect(),
        Some(table) => (0_u32..)
            .zip(table.as_chunks::<2>().0)
            .filter_map(|(code, glyph)| Some((code, glyphs.remove(&u16::from_be_bytes(*glyph))?)))
            .collect(),
    }
}

/// Widths of a standard font that brings none: those of its most common kind, roughly.
fn usual_width(character: Option<char>) -> f64 {
    match character {
        Some(
            'i' | 'j' | 'l' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'f' | 't' | 'r' | '('
            | ')' | '-',
        ) => 0.28,
        Some('m' | 'w' | 'M' | 'W' | '%' | '@') => 0.83,
        Some('A'..='Z') => 0.68,
        _ => 0.55,
    }
}

/// The `W` array: `c [w1 w2 …]` and `first last w` (section 9.7.4.3).
fn composite_widths(list: &[Object], document: &Document) -> BTreeMap<u32, f64> {
    let mut widths = BTreeMap::new();
    let mut items = list.iter().filter_map(|item| resolved(item, document));
    while let Some(first) = items.next().and_then(|first| u32::try_from(first.as_i64().ok()?).ok()) {
        match items.next() {
            Some(Object::Array(each)) => {
                for (code, width) in (first..).zip(each) {
                    if let Some(width) = number(width) {
                        widths.insert(code, width / 1000.0);
                    }
                }
            }
            Some(last) => {
                let last = last.as_i64().ok().and_then(|last| u32::try_from(last).ok()).unwrap_or(first);
                let Some(width) = items.next().and_then(number) else { break };
                let room = WIDTHS.saturating_sub(widths.len());
                widths.extend((first..=last).take(room).map(|code| (code, width / 1000.0)));
            }
            None => break,
        }
    }
    widths
}

/// The character set of a predefined map's codes (section 9.7.5.2), where it is one that is decoded elsewhere too.
fn predefined(name: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let name = std::str::from_utf8(name).ok()?;
    let has = |part: &str| name.contains(part);
    if has("UCS2") || has("UTF16") {
        Some(encoding_rs::UTF_16BE)
    } else if has("RKSJ") {
        Some(encoding_rs::SHIFT_JIS)
    } else if has("GBK") || has("GBpc") || has("GB-EUC") {
        Some(encoding_rs::GBK)
    } else if has("KSC") {
        Some(encoding_rs::EUC_KR)
    } else if has("B5") {
        Some(encoding_rs::BIG5)
    } else {
        None
    }
}

/// Bytes of the code that `bytes` starts with: two, or one for the single bytes of a mixed character set.
fn charset_code_length(charset: &'static encoding_rs::Encoding, bytes: &[u8]) -> usize {
    let is_single =
        |byte: u8| byte < 0x80 || charset == encoding_rs::SHIFT_JIS && (0xa0..0xe0).contains(&byte);
    if charset != encoding_rs::UTF_16BE && bytes.first().is_some_and(|&byte| is_single(byte)) { 1 } else { 2 }
}

fn dictionary<'a>(of: &'a Dictionary, key: &[u8], document: &'a Document) -> Option<&'a Dictionary> {
    of.get_deref(key, document).and_then(Object::as_dict).ok()
}

fn resolved<'a>(object: &'a Object, document: &'a Document) -> Option<&'a Object> {
    document.dereference(object).ok().map(|(_, object)| object)
}

fn number(object: &Object) -> Option<f64> {
    object.as_float().ok().map(f64::from)
}
