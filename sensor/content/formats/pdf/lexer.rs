//! The tokens that content streams, character maps and Type 1 font headers have in common (ISO 32000-2 section 7.2).

use egret_model::Cursor;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    /// A name, without its slash.
    Name(&'a [u8]),
    /// A literal or hexadecimal string, decoded.
    String(Vec<u8>),
    ArrayOpen,
    ArrayClose,
    /// An operator or keyword.
    Word(&'a [u8]),
}

/// Tokens of a stream. Dictionary brackets, stray closing brackets and comments are passed over.
pub(super) struct Lexer<'a> {
    cursor: Cursor<'a>,
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

const fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(data) }
    }

    /// Passes over the data of an inline image, behind `ID`: up to `EI` between white space (section 8.9.7).
    pub(super) fn skip_inline_image(&mut self) {
        let rest = self.cursor.rest();
        let ends = |position: usize| {
            let before = position
                .checked_sub(1)
                .and_then(|before| rest.get(before))
                .is_none_or(|&byte| is_space(byte));
            // Behind it stands an operator, which is text; image data seldom looks so for long.
            let behind = rest.get(position.saturating_add(2)..).unwrap_or_default();
            let is_text = |byte: &u8| is_space(*byte) && *byte != 0 || (0x20..0x7f).contains(byte);
            before && behind.first().is_none_or(|&byte| is_space(byte)) && behind.iter().take(12).all(is_text)
        };
        let end = memchr::memmem::find_iter(rest, b"EI").find(|&position| ends(position));
        // Without an end the image is all that is left.
        let count = end.map_or(rest.len(), |position| position.saturating_add(2));
        let _ = self.cursor.skip(count);
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.cursor.rest();
        let count = rest.iter().position(|&byte| !wanted(byte)).unwrap_or(rest.len());
        self.cursor.take(count).unwrap_or_default()
    }

    /// A literal string, behind its opening parenthesis (section 7.3.4.2). One that never closes ends with the data.
    fn literal(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 1_usize;
        while let Ok(byte) = self.cursor.u8() {
            match byte {
                b'(' => depth = depth.saturating_add(1),
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    out.extend(self.escaped());
                    continue;
                }
                _ => {}
            }
            out.push(byte);
        }
        out
    }

    fn escaped(&mut self) -> Option<u8> {
        Some(match self.cursor.u8().ok()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\n' => return None,
            b'\r' => {
                if self.cursor.rest().first() == Some(&b'\n') {
                    self.cursor.skip(1).ok()?;
                }
                return None;
            }
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    match self.cursor.rest().first() {
                        Some(&digit @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(digit - b'0');
                            self.cursor.skip(1).ok()?;
                        }
                        _ => break,
                    }
                }
                (value & 0xff) as u8
            }
            byte => byte,
        })
    }

    /// A hexadecimal string, behind its opening bracket (section 7.3.4.3).
    fn hexadecimal(&mut self) -> Vec<u8> {
        let digits = self.take_while(|byte| byte != b'>');
        let _ = self.cursor.skip(1);
        let values: Vec<u8> = digits
            .iter()
            .filter_map(|&byte| char::from(byte).to_digit(16))
            .map(|digit| digit as u8)
            .collect();
        values
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit) << (4 * (2 - pair.len())))
            .collect()
    }

    fn word(&mut self) -> Option<Token<'a>> {
        let word = self.take_while(is_regular);
        if word.is_empty() {
            // A stray bracket.
            self.cursor.skip(1).ok()?;
            return self.next();
        }
        let starts_number = word.first().is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
        if starts_number && let Some(number) = number(word) {
            return Some(Token::Number(number));
        }
        Some(Token::Word(word))
    }
}

/// A number; damaged ones (`--5`, `1.2.3`, `0.00-35`) as far as they can be read, as viewers do.
fn number(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    if !word.iter().all(|byte| byte.is_ascii_digit() || b"+-.".contains(byte)) {
        return None;
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    let end = unsigned.find(['+', '-']).unwrap_or(unsigned.len());
    let digits = unsigned.get(..end)?;
    let end = digits.match_indices('.').nth(1).map_or(digits.len(), |(position, _)| position);
    let value = digits.get(..end)?.parse::<f64>().unwrap_or(0.0);
    Some(if text.starts_with('-') { -value } else { value })
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.take_while(is_space);
            let rest = self.cursor.rest();
            let token = match rest.first()? {
                b'%' => {
                    self.take_while(|byte| byte != b'\n' && byte != b'\r');
                    continue;
                }
                b'(' => {
                    self.cursor.skip(1).ok()?;
                    Token::String(self.literal())
                }
                b'<' if rest.get(1) == Some(&b'<') => {
                    self.cursor.skip(2).ok()?;
                    continue;
                }
                b'<' => {
                    self.cursor.skip(1).ok()?;
                    Token::String(self.hexadecimal())
                }
                b'>' | b')' | b'{' | b'}' => {
                    self.cursor.skip(1).ok()?;
                    continue;
                }
                b'[' => {
                    self.cursor.skip(1).ok()?;
                    Token::ArrayOpen
                }
                b']' => {
                    self.cursor.skip(1).ok()?;
                    Token::ArrayClose
                }
                b'/' => {
                    self.cursor.skip(1).ok()?;
                    Token::Name(self.take_while(is_regular))
                }
                _ => return self.word(),
            };
            return Some(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data: &[u8]) -> String {
        Lexer::new(data)
            .map(|token| match token {
                Token::Number(number) => format!("{number} "),
                Token::Name(name) => format!("/{} ", String::from_utf8_lossy(name)),
                Token::String(bytes) => format!("({}) ", String::from_utf8_lossy(&bytes)),
                Token::ArrayOpen => "[ ".to_owned(),
                Token::ArrayClose => "] ".to_owned(),
                Token::Word(word) => format!("{} ", String::from_utf8_lossy(word)),
            })
            .collect()
    }

    #[test]
    fn tokens_are_told_apart() {
        let cases: &[(&[u8], &str)] = &[
            (b"BT /F1 12 Tf [(A) -120.5(B)]TJ ET % comment\nQ", "BT /F1 12 Tf [ (A) -120.5 (B) ] TJ ET Q "),
            (b"(a(b)\\)\\\\\\101\\7\\\nx) Tj", "(a(b))\\A\u{7}x) Tj "),
            (b"<48656C6c6> Tj <</MCID 0>> BDC", "(Hell`) Tj /MCID 0 BDC "),
            (b"-.5 +3 --5 1.2.3 0.00-35 4. T* ' \"", "-0.5 3 -5 1.2 0 4 T* ' \" "),
            (b") > } (open", "(open) "),
            (b"1e400 e", "1e400 e "),
        ];
        for (data, expected) in cases {
            assert_eq!(shown(data), *expected, "{}", String::from_utf8_lossy(data));
        }
    }

    #[test]
    fn inline_images_are_passed_over() {
        let mut lexer = Lexer::new(b"BI /W 1 ID \x00\xffEI\x01 EI Q (text) Tj");
        assert!(lexer.any(|token| token == Token::Word(b"ID")));
        lexer.skip_inline_image();
        assert_eq!(lexer.next(), Some(Token::Word(b"Q")));
    }
}
