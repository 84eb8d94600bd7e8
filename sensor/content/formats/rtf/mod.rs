//! Rich Text Format 1.9.1: text, headers, notes, fields, properties; pictures and embedded objects as inner objects.
//!
//! Owns: groups, code pages, Unicode with its fallbacks. Never does: leaving out hidden or deleted text.

mod charset;
mod lexer;

use super::text::Text;
use crate::{Inner, Output};
pub(super) use charset::by_code_page;
use charset::by_font;
use egret_model::ObjectState;
use encoding_rs::{Encoding, WINDOWS_1252};
use lexer::{Lexer, Token};
use std::collections::BTreeMap;

/// Groups within groups that are kept apart; deeper ones share the state of their ancestor. 1,000.
const GROUPS: usize = 1_000;
/// Fonts whose character set is remembered. 10,000.
const FONTS: usize = 10_000;

/// Reads a document. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut document = Document::new(Text::new(output));
    for token in Lexer::new(data) {
        document.take(token);
    }
    document.flush();
    document.end_binary();
    let open = document.groups.len();
    let mut text = document.text;
    text.line();
    if open > 0 {
        // The last groups were never closed: the file was cut.
        text.output().degrade(ObjectState::Partial, 0);
    }
    text.finish(data.len());
}

/// What becomes of the text of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    /// It is shown.
    Shown,
    /// It is no content.
    Hidden,
    /// The font table: only character sets are taken.
    Fonts,
    /// Hexadecimal bytes of a picture or object.
    Binary,
}

/// The state that a group inherits and that ends with it.
#[derive(Clone, Copy, Debug)]
struct Group {
    destination: Destination,
    /// Characters that follow each `\u` for readers without Unicode.
    fallback: usize,
    encoding: Option<&'static Encoding>,
    /// It is a line of its own: a property, a note, a header.
    ends_line: bool,
}

struct Document<'a> {
    text: Text<'a>,
    current: Group,
    groups: Vec<Group>,
    /// Groups opened beyond `GROUPS`.
    deeper: usize,
    /// The last control symbol was `\*`: an unknown destination is to be ignored.
    optional: bool,
    /// Characters still to be passed over behind a `\u`.
    to_skip: usize,
    /// Bytes in the current code page that wait to be decoded, since characters may have several.
    pending: Vec<u8>,
    surrogate: Option<u16>,
    default_encoding: &'static Encoding,
    fonts: BTreeMap<i32, &'static Encoding>,
    /// The font that the font table speaks of.
    defined_font: i32,
    binary: Option<Binary>,
    objects: usize,
}

/// The picture or object that is being unpacked.
struct Binary {
    half: Option<u8>,
    bytes: Vec<u8>,
    wanted: bool,
    stored: u64,
}

impl<'a> Document<'a> {
    fn new(text: Text<'a>) -> Self {
        Self {
            text,
            current: Group { destination: Destination::Shown, fallback: 1, encoding: None, ends_line: false },
            groups: Vec::new(),
            deeper: 0,
            optional: false,
            to_skip: 0,
            pending: Vec::new(),
            surrogate: None,
            default_encoding: WINDOWS_1252,
            fonts: BTreeMap::new(),
            defined_font: 0,
            binary: None,
            objects: 0,
        }
    }

    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Open => {
                self.flush();
                self.to_skip = 0;
                if self.groups.len() < GROUPS {
                    self.groups.push(self.current);
                } else {
                    self.deeper = self.deeper.saturating_add(1);
                }
                self.current.ends_line = false;
            }
            Token::Close => self.close(),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Word(word, number) => self.word(word, number),
            Token::Byte(byte) => self.byte(byte),
            Token::Bytes(bytes) => bytes.iter().for_each(|&byte| self.byte(byte)),
            Token::Binary(bytes) => self.binary_piece(bytes),
        }
        if !matches!(token, Token::Symbol(b'*')) {
            self.optional = false;
        }
    }

    fn close(&mut self) {
        self.flush();
        self.to_skip = 0;
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        if self.current.ends_line {
            self.break_line();
        }
        if let Some(outer) = self.groups.pop() {
            self.current = outer;
        }
        if self.current.destination != Destination::Binary {
            self.end_binary();
        }
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'*' => self.optional = true,
            b'~' => self.show(" "),
            b'_' => self.show("-"),
            b'\r' | b'\n' => self.break_line(),
            b'{' | b'}' | b'\\' => self.byte(symbol),
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8], number: Option<i32>) {
        match (word, number) {
            (b"u", Some(number)) => self.unicode(number),
            (b"uc", Some(number)) => self.current.fallback = usize::try_from(number).unwrap_or(0).min(16),
            (b"ansicpg", Some(number)) => {
                self.default_encoding = by_code_page(number).unwrap_or(WINDOWS_1252);
            }
            (b"mac", _) => self.default_encoding = encoding_rs::MACINTOSH,
            (b"f", Some(number)) => {
                self.flush();
                self.defined_font = number;
                self.current.encoding = self.fonts.get(&number).copied();
            }
            (b"fcharset", Some(number)) => {
                if self.current.destination == Destination::Fonts
                    && self.fonts.len() < FONTS
                    && let Some(encoding) = by_font(number)
                {
                    self.fonts.insert(self.defined_font, encoding);
                }
            }
            (b"plain", _) => {
                self.flush();
                self.current.encoding = None;
            }
            (b"par" | b"line" | b"row" | b"sect" | b"page" | b"column" | b"nestrow", _) => self.break_line(),
            (b"cell" | b"nestcell" | b"tab", _) => self.show("\t"),
            _ => match character(word) {
                Some(text) => self.show(text),
                None => self.destination(word),
            },
        }
    }

    /// A control word that begins a destination, if it is one.
    fn destination(&mut self, word: &[u8]) {
        if matches!(self.current.destination, Destination::Hidden | Destination::Binary) {
            return;
        }
        self.flush();
        self.current.destination = match word {
            b"fonttbl" => Destination::Fonts,
            b"pict" | b"objdata" => {
                self.begin_binary();
                Destination::Binary
            }
            // The same picture once more, for older readers.
            b"colortbl" | b"stylesheet" | b"filetbl" | b"nonshppict" | b"listtable"
            | b"listoverridetable" => Destination::Hidden,
            b"title" | b"subject" | b"author" | b"keywords" | b"doccomm" | b"company" | b"manager"
            | b"operator" | b"category" | b"hlinkbase" | b"propname" | b"staticval" | b"footnote"
            | b"annotation" | b"header" | b"footer" => {
                self.break_line();
                self.current.ends_line = true;
                return;
            }
            b"fldinst" | b"shpinst" | b"shptxt" | b"shppict" | b"userprops" | b"docvar" | b"ud"
            | b"background" | b"moMath" | b"picprop" | b"object" | b"result" | b"atnauthor" => return,
            _ if self.optional => Destination::Hidden,
            _ => return,
        };
    }

    /// One character of text in the current code page, or a digit of a picture.
    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        match self.current.destination {
            Destination::Shown => self.pending.push(byte),
            Destination::Binary => self.hexadecimal(byte),
            Destination::Hidden | Destination::Fonts => {}
        }
    }

    fn unicode(&mut self, number: i32) {
        self.flush();
        self.to_skip = self.current.fallback;
        if self.current.destination != Destination::Shown {
            return;
        }
        // Values above 32767 are written as negative ones.
        let unit = (number & 0xffff) as u16;
        let high = self.surrogate.take();
        if (0xd800..0xdc00).contains(&unit) {
            self.surrogate = Some(unit);
            return;
        }
        for character in char::decode_utf16(high.into_iter().chain([unit])).flatten() {
            self.text.push_char(character);
        }
    }

    fn show(&mut self, text: &str) {
        self.flush();
        if self.current.destination == Destination::Shown {
            self.text.push(text);
        }
    }

    fn break_line(&mut self) {
        self.flush();
        if self.current.destination == Destination::Shown {
            self.text.line();
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let encoding = self.current.encoding.unwrap_or(self.default_encoding);
            self.text.push(&encoding.decode_without_bom_handling(&self.pending).0);
            self.pending.clear();
        }
    }

    fn begin_binary(&mut self) {
        if self.binary.is_some() {
            return;
        }
        self.objects = self.objects.saturating_add(1);
        let name = format!("object-{}", self.objects);
        self.text.output().begin(Inner { name, filename: None, media_type: None });
        self.binary = Some(Binary { half: None, bytes: Vec::new(), wanted: true, stored: 0 });
    }

    fn hexadecimal(&mut self, byte: u8) {
        let (Some(binary), Some(digit)) = (&mut self.binary, char::from(byte).to_digit(16)) else { return };
        let digit = digit as u8;
        match binary.half.take() {
            None => binary.half = Some(digit),
            Some(high) => binary.bytes.push(high << 4 | digit),
        }
        binary.stored = binary.stored.saturating_add(1);
        if binary.bytes.len() >= 64 << 10 {
            self.hand_on_binary();
        }
    }

    fn binary_piece(&mut self, bytes: &[u8]) {
        if self.current.destination == Destination::Binary {
            self.hand_on_binary();
            if let Some(binary) = &mut self.binary {
                binary.stored = binary.stored.saturating_add(bytes.len() as u64);
                binary.wanted = binary.wanted && self.text.output().data(bytes);
            }
        }
    }

    fn hand_on_binary(&mut self) {
        if let Some(binary) = &mut self.binary
            && !binary.bytes.is_empty()
        {
            binary.wanted = binary.wanted && self.text.output().data(&binary.bytes);
            binary.bytes.clear();
        }
    }

    fn end_binary(&mut self) {
        self.hand_on_binary();
        if let Some(binary) = self.binary.take() {
            let state = if binary.wanted { ObjectState::Inspected } else { ObjectState::OverLimit };
            self.text.output().end(state, binary.stored);
        }
    }
}

/// Control words that stand for a character.
const fn character(word: &[u8]) -> Option<&'static str> {
    Some(match word {
        b"emdash" => "—",
        b"endash" => "–",
        b"lquote" => "‘",
        b"rquote" => "’",
        b"ldblquote" => "“",
        b"rdblquote" => "”",
        b"bullet" => "•",
        b"emspace" | b"enspace" | b"qmspace" => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
