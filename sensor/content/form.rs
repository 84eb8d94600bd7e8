//! URL-encoded forms (WHATWG URL Standard, section 5.1): every field becomes an object.
//!
//! Owns: the format. Never does: deciding that a body is one.

use crate::{Inner, Output, path};
use egret_model::ObjectState;

/// Fields that become objects; what follows is text of the form. A form of a thousand fields is no form that people fill in.
const FIELDS: usize = 1_000;

/// Reads a form. [`crate::Reader`].
pub(crate) fn read(data: &[u8], output: &mut dyn Output) {
    let mut fields = data.split(|byte| *byte == b'&');
    for field in fields.by_ref().take(FIELDS).filter(|field| !field.is_empty()) {
        let mut halves = field.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let Some(value) = halves.next() else {
            // A lone word is content without a name.
            output.text(&String::from_utf8_lossy(&decoded(name)));
            output.text("\n");
            continue;
        };
        let name = path::segment(&String::from_utf8_lossy(&decoded(name)));
        output.begin(Inner { name, filename: None, media_type: None });
        let value_decoded = decoded(value);
        let state = if output.data(&value_decoded) { ObjectState::Inspected } else { ObjectState::OverLimit };
        output.end(state, value.len() as u64);
    }
    for field in fields {
        output.text(&String::from_utf8_lossy(&decoded(field)));
        output.text("\n");
    }
}

/// Plus signs are blanks, `%41` is `A`; a percent sign without two digits stands for itself.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| {
                    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or_default()
                };
                out.push(digit(*high) << 4 | digit(*low));
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => out.push(first),
        }
    }
    out
}

/// Whether bytes may be a form: no white space, quotes or angle brackets, which every encoder escapes, and a field at least.
/// Clients send any file under this type when they are told no other.
pub(crate) fn plausible(prefix: &[u8]) -> bool {
    prefix.contains(&b'=')
        && prefix
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    #[test]
    fn every_field_is_an_object() {
        let recording = Recording::of(read, b"name=J%C3%BCrgen+K&note=a%2&lone&file/x=%00");
        assert_eq!(recording.object("name").data, "Jürgen K".as_bytes());
        assert_eq!(recording.object("note").data, b"a%2");
        assert_eq!(recording.object("file_x").data, b"\0");
        assert_eq!(recording.text, "lone\n");
    }

    #[test]
    fn a_file_under_the_type_of_a_form_is_no_form() {
        assert!(plausible(b"a=1&b=%20"));
        assert!(!plausible(b"id,name\r\n1,x=2\r\n"));
        assert!(!plausible(b"{\"a\":\"=\"}"));
    }
}
