//! Character references of HTML and XML.

use std::borrow::Cow;

/// The longest named reference of HTML is `CounterClockwiseContourIntegral`.
const LONGEST_NAME: usize = 31;

/// `text` with its character references resolved. What is none stays as it is.
pub(super) fn resolved(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match reference(after) {
            Some((length, value)) => {
                out.push_str(&value);
                rest = after.get(length..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The reference that `text` (behind the ampersand) starts with: its length and what it stands for.
fn reference(text: &str) -> Option<(usize, Cow<'static, str>)> {
    let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '#';
    let length = text.chars().take(LONGEST_NAME + 1).take_while(is_name).count();
    let name = text.get(..length)?;
    // The semicolon may be missing after numbers, and after the oldest names unless they may be a query's (`?a=1&copy=2`).
    let closed = text.as_bytes().get(length) == Some(&b';');
    let whole = length + usize::from(closed);
    if let Some(digits) = name.strip_prefix('#') {
        let (digits, radix) = match digits.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (digits, 10),
        };
        let character = u32::from_str_radix(digits, radix).ok().and_then(numeric)?;
        return Some((whole, character.to_string().into()));
    }
    let is_old = matches!(name, "amp" | "lt" | "gt" | "quot" | "nbsp" | "copy" | "reg" | "shy");
    if closed || is_old && text.as_bytes().get(length) != Some(&b'=') {
        let value = quick_xml::escape::resolve_html5_entity(name)?;
        return Some((whole, value.into()));
    }
    None
}

/// Numbers 128 to 159 mean windows-1252, as the HTML standard has it.
fn numeric(number: u32) -> Option<char> {
    match u8::try_from(number) {
        Ok(byte @ 0x80..=0x9f) => {
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next()
        }
        _ => char::from_u32(number).filter(|&character| character != '\0'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        for (text, expected) in [
            ("a &amp; b", "a & b"),
            ("&lt;&#65;&#x42;&#X43;&gt;", "<ABC>"),
            ("&#150;&#8211;&eacute;&rarr;", "––é→"),
            ("AT&T & &unknown; &#xd800; &", "AT&T & &unknown; &#xd800; &"),
            ("&amp &nbsp&#48 &copy=2 &", "& \u{a0}0 &copy=2 &"),
            ("plain", "plain"),
        ] {
            assert_eq!(resolved(text), expected, "{text}");
        }
    }
}
