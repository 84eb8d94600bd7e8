//! Private keys in their textual encodings (RFC 7468, RFC 4716, OpenPGP's armor): a real one has a body.

use super::{Subject, Validator, ValueForm, Verdict, entropy};

/// `private-key`.
pub(super) const VALIDATOR: Validator =
    Validator { name: "private-key", check, value: ValueForm::Alphanumeric };

/// Least signs of base 64 in a body; an Ed25519 key has 64.
const BODY: usize = 40;

fn check(subject: &Subject<'_>) -> Verdict {
    let Some(dashes) = subject.matched.windows(5).skip(5).position(|window| window == b"-----") else {
        return Verdict::Invalid;
    };
    let body = subject.matched.get(dashes + 10..).unwrap_or_default();
    // Line ends may be escaped, as in JSON and in program text.
    let mut longest = 0;
    for line in body.split(|byte| matches!(byte, b'\n' | b'\r' | b'\\' | b' ' | b'"' | b'\'')) {
        let line = line.strip_prefix(b"n").filter(|_| line.len() == 65).unwrap_or(line);
        let keylike =
            line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        if keylike && line.len() > longest && entropy::bits(line) > 3.0 {
            longest = line.len();
        }
    }
    if longest >= BODY { Verdict::Valid("header and body of a key") } else { Verdict::Invalid }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_header_alone_is_no_key() {
        let body = "MIIEpAIBAAKCAQEAvkkCV0Tryyt4P6S9HrFvSIJR160GX07IP2mCEEiZddlndpKc";
        for valid in [
            format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n"),
            format!("-----BEGIN PRIVATE KEY-----\\n{body}\\n"),
            format!(
                "-----BEGIN EC PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,00\r\n\r\n{body}\r\n"
            ),
        ] {
            assert!(matches!(check(&VALIDATOR, &valid), Verdict::Valid(_)), "{valid}");
        }
        for invalid in
            ["-----BEGIN PRIVATE KEY-----\n...\n", "-----BEGIN PRIVATE KEY-----", "-----", &"-".repeat(80)]
        {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
