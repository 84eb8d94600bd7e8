//! Splits RTF into groups, control words and text (RTF 1.9.1, "RTF syntax").

use egret_model::Cursor;

/// What an RTF file consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// A control word with its number: `\par`, `\u8364`.
    Word(&'a [u8], Option<i32>),
    /// A control symbol: `\~`.
    Symbol(u8),
    /// A byte written as `\'hh`.
    Byte(u8),
    /// Plain text.
    Bytes(&'a [u8]),
    /// Raw bytes behind `\bin`.
    Binary(&'a [u8]),
}

/// The tokens of a file.
pub(super) struct Lexer<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(data) }
    }

    /// Takes the bytes that `wanted` holds for.
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.cursor.rest();
        let count = rest.iter().position(|&byte| !wanted(byte)).unwrap_or(rest.len());
        self.cursor.take(count).unwrap_or_default()
    }

    /// What stands behind a backslash.
    fn control(&mut self) -> Option<Token<'a>> {
        let word = self.take_while(|byte| byte.is_ascii_alphabetic());
        if word.is_empty() {
            let symbol = self.cursor.u8().ok()?;
            return Some(match symbol {
                b'\'' => Token::Byte(self.hexadecimal()?),
                symbol => Token::Symbol(symbol),
            });
        }
        let is_negative = self.cursor.rest().first() == Some(&b'-')
            && self.cursor.rest().get(1).is_some_and(u8::is_ascii_digit)
            && self.cursor.skip(1).is_ok();
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i32>().ok());
        let number = number.map(|number| if is_negative { -number } else { number });
        if self.cursor.rest().first() == Some(&b' ') {
            self.cursor.skip(1).ok()?;
        }
        if word == b"bin" {
            let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(self.cursor.remaining());
            return self.cursor.take(length).ok().map(Token::Binary);
        }
        Some(Token::Word(word, number))
    }

    fn hexadecimal(&mut self) -> Option<u8> {
        let mut value = 0;
        for _ in 0..2 {
            if let Some(digit) = self.cursor.rest().first().and_then(|&byte| char::from(byte).to_digit(16)) {
                value = value << 4 | digit as u8;
                self.cursor.skip(1).ok()?;
            }
        }
        Some(value)
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let text = self.take_while(|byte| !matches!(byte, b'{' | b'}' | b'\\' | b'\r' | b'\n' | 0));
            if !text.is_empty() {
                return Some(Token::Bytes(text));
            }
            match self.cursor.u8().ok()? {
                b'{' => return Some(Token::Open),
                b'}' => return Some(Token::Close),
                b'\\' => return self.control(),
                // Line ends of the file itself mean nothing.
                _ => {}
            }
        }
    }
}
