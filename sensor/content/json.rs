//! JSON (RFC 8259) as text: escapes undone, embedded base64 taken out as objects.
//!
//! Owns: reading strings wherever they stand, so that damaged and line-delimited JSON is read as well. Never does: a tree.

use crate::kind::{self, Kind};
use crate::{Inner, Output, path};
use base64::Engine as _;
use egret_model::ObjectState;

/// Shortest string that may be embedded base64, characters.
const BASE64_CHARACTERS: usize = 64;

/// Text handed on at once, bytes.
const PIECE_BYTES: usize = 16 << 10;

/// Reads JSON. [`crate::Reader`].
pub(crate) fn read(data: &[u8], output: &mut dyn Output) {
    let mut text = Vec::with_capacity(data.len().min(2 * PIECE_BYTES));
    let mut name: &[u8] = b"";
    let mut rest = data;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        text.extend_from_slice(rest.get(..=quote).unwrap_or_default());
        rest = rest.get(quote + 1..).unwrap_or_default();
        let length = string_length(rest);
        let string = rest.get(..length).unwrap_or_default();
        rest = rest.get(length..).unwrap_or_default();
        match embedded(string) {
            Some(decoded) => object(name, &decoded, string.len(), output),
            None => unescape(string, &mut text),
        }
        let behind = rest.get(1..).unwrap_or_default().trim_ascii_start();
        if behind.first() == Some(&b':') {
            name = string;
        }
        if let Some(closing) = rest.get(..1) {
            text.extend_from_slice(closing);
            rest = rest.get(1..).unwrap_or_default();
        }
        if text.len() >= PIECE_BYTES {
            flush(&mut text, output);
        }
    }
    text.extend_from_slice(rest);
    flush(&mut text, output);
}

fn flush(text: &mut Vec<u8>, output: &mut dyn Output) {
    // Nearly all JSON is valid UTF-8, which is much faster to find out than to repair.
    match std::str::from_utf8(text) {
        Ok(valid) => output.text(valid),
        Err(_) => output.text(&String::from_utf8_lossy(text)),
    }
    text.clear();
}

/// Bytes up to the closing quote, or all where there is none.
fn string_length(rest: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) =
        rest.get(from..).and_then(|tail| memchr::memchr2(b'"', b'\\', tail)).map(|at| from + at)
    {
        if rest.get(at) == Some(&b'"') {
            return at;
        }
        from = at + 2;
    }
    rest.len()
}

/// RFC 8259 section 7.
fn unescape(string: &[u8], text: &mut Vec<u8>) {
    let mut rest = string;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(rest.get(..at).unwrap_or_default());
        let escape = rest.get(at + 1).copied();
        let mut used = 2;
        match escape {
            Some(b'n') => text.push(b'\n'),
            Some(b't') => text.push(b'\t'),
            Some(b'r') => text.push(b'\r'),
            Some(b'b' | b'f') => text.push(b' '),
            Some(b'u') => {
                let (character, length) = unicode(rest.get(at..).unwrap_or_default());
                used = length;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(other) => text.push(other),
            None => used = 1,
        }
        rest = rest.get(at + used..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}

/// `\u00e4`, or a surrogate pair; the character and how many bytes stand for it.
fn unicode(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u16> {
        let text = std::str::from_utf8(escape.get(at..at + 6)?).ok()?;
        u16::from_str_radix(text.strip_prefix("\\u")?, 16).ok()
    };
    let Some(first) = unit(0) else { return ('u', 2) };
    let pair = [first, unit(6).unwrap_or_default()];
    let units = if (0xd800..0xdc00).contains(&first) { &pair[..] } else { &pair[..1] };
    match char::decode_utf16(units.iter().copied()).next() {
        Some(Ok(character)) => (character, 6 * units.len()),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// What a string holds as base64, a `data:` URI (RFC 2397) included, if that is something recognisable.
fn embedded(string: &[u8]) -> Option<Vec<u8>> {
    if string.len() < BASE64_CHARACTERS {
        return None;
    }
    let body = match string.strip_prefix(b"data:") {
        Some(uri) => uri.get(memchr::memmem::find(uri.get(..128.min(uri.len()))?, b";base64,")? + 8..)?,
        None => string,
    };
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\');
    if !body.get(..BASE64_CHARACTERS.min(body.len()))?.iter().all(alphabet) {
        return None;
    }
    // Slashes may be escaped, and some encoders break lines.
    let mut plain = Vec::with_capacity(body.len());
    unescape(body, &mut plain);
    plain.retain(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    let decoded = base64::engine::general_purpose::STANDARD_NO_PAD.decode(&plain).ok()?;
    let prefix = decoded.get(..kind::PREFIX_BYTES.min(decoded.len()))?;
    (kind::recognise(prefix, None, None).kind != Kind::Binary).then_some(decoded)
}

fn object(name: &[u8], decoded: &[u8], stored: usize, output: &mut dyn Output) {
    let name = path::segment(&String::from_utf8_lossy(name));
    let name = if name.is_empty() { "base64".to_owned() } else { name };
    output.begin(Inner { name, filename: None, media_type: None });
    let state = if output.data(decoded) { ObjectState::Inspected } else { ObjectState::OverLimit };
    output.end(state, stored as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    #[test]
    fn escapes_are_undone() {
        let recording = Recording::of(read, br#"{"n\u00e4me":"a\/b \"q\" \ud83d\ude00 \u12 \\", "x": 1}"#);
        assert_eq!(recording.text, "{\"näme\":\"a/b \"q\" 😀 u12 \\\", \"x\": 1}");
    }

    #[test]
    fn embedded_files_are_objects() {
        let file = base64::engine::general_purpose::STANDARD.encode("customer,card\n".repeat(20));
        let json =
            format!(r#"{{"filename":"a.csv","content":"{file}","uri":"data:text/csv;base64,{file}"}}"#);
        let recording = Recording::of(read, json.as_bytes());
        assert_eq!(recording.object("content").data, "customer,card\n".repeat(20).as_bytes());
        assert_eq!(recording.object("uri").data.len(), 280);
        assert_eq!(recording.text, r#"{"filename":"a.csv","content":"","uri":""}"#);
    }

    #[test]
    fn damaged_json_is_text_all_the_same() {
        assert_eq!(Recording::of(read, b"{\"a\": \"open \\").text, "{\"a\": \"open ");
        assert_eq!(Recording::of(read, b"{\"a\":1}\n{\"a\":2}\n").text, "{\"a\":1}\n{\"a\":2}\n");
    }
}
