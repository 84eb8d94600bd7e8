//! JSON web tokens (RFC 7519): the first part is the base64url of a JSON object that names an algorithm (RFC 7515
//! section 4.1.1, RFC 7516 section 4.1.1).

use super::{Subject, Validator, ValueForm, Verdict};

/// `jwt`.
pub(super) const VALIDATOR: Validator = Validator { name: "jwt", check, value: ValueForm::Exact };

fn check(subject: &Subject<'_>) -> Verdict {
    let header = subject.matched.split(|byte| *byte == b'.').next().unwrap_or_default();
    let Some(header) = base64url(header) else { return Verdict::Invalid };
    let Ok(header) = str::from_utf8(&header) else { return Verdict::Invalid };
    let object = header.trim_start().starts_with('{') && header.trim_end().ends_with('}');
    let squeezed: String = header.chars().filter(|c| !c.is_whitespace()).collect();
    if object && squeezed.contains("\"alg\":\"") {
        Verdict::Valid("its header names an algorithm")
    } else {
        Verdict::Invalid
    }
}

/// Decodes base64url without padding (RFC 4648 section 5).
pub(super) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            // The mask keeps what is left of the eight bits above `held`.
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn the_header_is_read() {
        let rfc7519 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0K.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(matches!(check(&VALIDATOR, rfc7519), Verdict::Valid(_)));
        for invalid in ["eyJhIjoxfQ.eyJhIjoxfQ.x", "eyJ0.eyJ0.x", "ab+c.d.e", ""] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
