//! Credentials of HTTP's basic scheme: the base64 of a name, a colon and a password (RFC 7617 section 2).

use super::{Subject, Validator, ValueForm, Verdict, entropy, jwt::base64url};

/// `basic-credentials`.
pub(super) const VALIDATOR: Validator =
    Validator { name: "basic-credentials", check, value: ValueForm::Exact };

/// Words after the colon that only show how it is done.
const STAND_INS: [&str; 4] = ["password", "pass", "open sesame", "secret"];

fn check(subject: &Subject<'_>) -> Verdict {
    let plain = |byte: &u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    };
    let text: Vec<u8> = subject.matched.iter().filter(|byte| **byte != b'=').map(plain).collect();
    let Some(bytes) = base64url(&text) else { return Verdict::Invalid };
    let Ok(clear) = str::from_utf8(&bytes) else { return Verdict::Invalid };
    match clear.split_once(':') {
        Some((_, password)) if clear.chars().any(char::is_control) || password.len() < 3 => Verdict::Invalid,
        Some((_, password))
            if STAND_INS.contains(&password) || entropy::is_placeholder(password.as_bytes()) =>
        {
            Verdict::Sample("an example from the documentation")
        }
        Some(_) => Verdict::Valid("a user name and a password"),
        None => Verdict::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_name_and_a_password_are_inside() {
        assert!(matches!(check(&VALIDATOR, "cmVwb3J0aW5nOldxNyF6clRwbG0="), Verdict::Valid(_)));
        // RFC 7617's own example: Aladdin:open sesame.
        assert!(matches!(check(&VALIDATOR, "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Verdict::Sample(_)));
        for invalid in ["cmVwb3J0aW5n", "AAAAAAAAAAAA", "Basic", "", "/w=="] {
            assert_eq!(check(&VALIDATOR, invalid), Verdict::Invalid, "{invalid}");
        }
    }
}
