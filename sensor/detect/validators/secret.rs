//! Values that stand where a secret stands: after a name like `api_key`, in a header, in a tag.
//!
//! Owns: what the name before a value says, for three validators: `secret` for values after a telling name, `service-key`
//! for values after the name of a service, `password` for values that people choose.

use super::{
    Subject, Validator, ValueForm, Verdict, entropy,
    randomness::{Nature, is_dotted, is_template, nature},
};

/// `secret`: the value looks random and its name does not say that it is something else.
pub(super) const SECRET: Validator = Validator { name: "secret", check: secret, value: ValueForm::Exact };
/// `service-key`: the same; without a telling name between the service and the value it is doubtful.
pub(super) const SERVICE_KEY: Validator =
    Validator { name: "service-key", check: service_key, value: ValueForm::Exact };
/// `password`: no stand-in, no name of a variable, not the word "password" again.
pub(super) const PASSWORD: Validator =
    Validator { name: "password", check: password, value: ValueForm::Exact };

/// How far back a name may stand, bytes.
const NAME_BYTES: usize = 64;

/// Parts of names whose values look random and are no secrets: hashes, identifiers, public halves.
const HARMLESS: [&str; 44] = [
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "sha-",
    "md5",
    "checksum",
    "chksum",
    "digest",
    "integrity",
    "fingerprint",
    "commit",
    "revision",
    "etag",
    "thumbprint",
    "public",
    "pubkey",
    "pub_key",
    "guid",
    "uuid",
    "keyid",
    "key_id",
    "key-id",
    "key id",
    "serial",
    "csrf",
    "primary_key",
    "cache",
    "foreign",
    "hostkey",
    "host key",
    "sitekey",
    "site_key",
    "asset",
    "keytoken",
    "boundary",
    "message-id",
    "content-id",
    "nonce",
    "data-key",
    "sourcekey",
    "credentialsid",
    "keyframe",
    "hash",
];

/// Parts of names that say that a secret follows.
const TELLING: [&str; 17] = [
    "key",
    "token",
    "secret",
    "passw",
    "pwd",
    "passphrase",
    "auth",
    "bearer",
    "credential",
    "access",
    "private",
    "apik",
    "login",
    "sid",
    "client",
    "webhook",
    "license",
];

fn secret(subject: &Subject<'_>) -> Verdict {
    if is_harmless(&name(subject))
        || is_dotted(subject.matched)
        || names_a_type(subject.matched)
        || is_type(subject.before)
    {
        return Verdict::Invalid;
    }
    match judged(subject) {
        Verdict::Valid(_) if !subject.matched.iter().any(u8::is_ascii_digit) => {
            Verdict::Doubtful("letters alone, which could be a name")
        }
        verdict => verdict,
    }
}

/// The value is itself the name of a type that holds a secret (`ed25519.Ed25519PrivateKey`).
fn names_a_type(value: &[u8]) -> bool {
    const HELD: [&[u8]; 6] = [b"Key", b"Token", b"Secret", b"Password", b"Credential", b"Credentials"];
    let body = HELD.iter().find_map(|held| value.strip_suffix(*held));
    let last = body.and_then(<[u8]>::last);
    last.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

/// The value belongs to the name of a type (`"AWS::ApiGateway::ApiKey": "…"`), which has hashes and versions, no secrets.
fn is_type(before: &[u8]) -> bool {
    let quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let key = before.trim_ascii_end();
    let key = key.strip_suffix(b"\"").or_else(|| key.strip_suffix(b"'")).unwrap_or(key).trim_ascii_end();
    let Some(key) = key.strip_suffix(b":").and_then(|key| key.trim_ascii_end().split_last()) else {
        return false;
    };
    let name = key.1.rsplit(quote).next().unwrap_or_default();
    quote(key.0) && name.windows(2).any(|pair| pair == b"::")
}

fn service_key(subject: &Subject<'_>) -> Verdict {
    let name = name(subject);
    if is_harmless(&name) {
        return Verdict::Invalid;
    }
    match judged(subject) {
        Verdict::Valid(_) if !TELLING.iter().any(|part| name.contains(part)) => {
            Verdict::Doubtful("looks random, but nothing says that it is a secret")
        }
        // A service that gives out such keys is named, so that the form alone is no reason for doubt.
        Verdict::Doubtful(_) if TELLING.iter().any(|part| name.contains(part)) => {
            Verdict::Valid("a UUID as its key")
        }
        Verdict::Invalid if is_number(subject.matched) && TELLING.iter().any(|part| name.contains(part)) => {
            Verdict::Doubtful("digits alone: numbers of applications look like this too")
        }
        verdict => verdict,
    }
}

fn judged(subject: &Subject<'_>) -> Verdict {
    match nature(subject.matched.trim_ascii()) {
        Nature::Random => Verdict::Valid("looks random"),
        Nature::Uuid => Verdict::Doubtful("a UUID: identifiers look like this too"),
        Nature::MadeUp => Verdict::Sample("made up: it counts or repeats itself"),
        Nature::Words | Nature::Placeholder | Nature::Plain => Verdict::Invalid,
    }
}

/// Digits alone, many and unlike enough to have been given out.
fn is_number(value: &[u8]) -> bool {
    const SHORTEST: usize = 15;
    value.len() >= SHORTEST
        && value.iter().all(u8::is_ascii_digit)
        && entropy::bits(value) > 2.2
        && !entropy::is_counting(value)
}

/// What stands on the same line before the value, in lower case.
fn name(subject: &Subject<'_>) -> String {
    let from = subject.before.len().saturating_sub(NAME_BYTES);
    let before = subject.before.get(from..).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).to_ascii_lowercase()
}

/// Only the last name counts: `hash` in the middle of a line says nothing of the key at its end.
fn is_harmless(name: &str) -> bool {
    let trimmed = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let last = trimmed.rsplit([',', ';', '{', '&', '?', '(']).next().unwrap_or_default();
    let secret_hash = last.contains("password") || last.contains("passwd");
    !secret_hash && HARMLESS.iter().any(|part| last.contains(part))
}

/// Values that stand for a password in examples and programs.
const STAND_INS: [&str; 46] = [
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "token",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "test",
    "testing",
    "changeit",
    "change-me",
    "change_me",
    "string",
    "required",
    "optional",
    "hidden",
    "empty",
    "text",
    "value",
    "default",
    "prompt",
    "username",
    "user",
    "your",
    "enter",
    "confirm",
    "invalid",
    "incorrect",
    "reset",
    "forgot",
    "redacted",
    "masked",
    "removed",
    "foobar",
    "foo",
    "bar",
    "field",
    "input",
    "label",
    "mypassword",
    "mysecret",
];

fn password(subject: &Subject<'_>) -> Verdict {
    let value = subject.matched.trim_ascii();
    if is_template(value) || entropy::is_placeholder(value) {
        return Verdict::Invalid;
    }
    let lower = value.to_ascii_lowercase();
    let plain: Vec<u8> = lower.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    if plain.len() < 4
        || plain.windows(4).any(|window| window.iter().all(|byte| window.first() == Some(byte)))
    {
        return Verdict::Invalid;
    }
    if STAND_INS.iter().any(|word| plain == word.as_bytes()) {
        return Verdict::Invalid;
    }
    let says_so = ["password", "passwd"]
        .iter()
        .any(|word| lower.windows(word.len()).any(|window| window == word.as_bytes()));
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let signs = value.len() - digits - upper - lower;
    // A call, an index, a path, a sentence: what stands in a program or a manual.
    if value.iter().any(|byte| matches!(byte, b'(' | b'[' | b'{'))
        && value.iter().any(|byte| matches!(byte, b')' | b']' | b'}'))
        || value.starts_with(b"/")
        || value.windows(3).any(|window| window == b"://")
        || value.split(|byte| *byte == b' ').count() > 3
    {
        return Verdict::Invalid;
    }
    // Names of programs are made of letters, digits and these; a sign beyond them, or all three, is chosen.
    let odd =
        value.iter().any(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'.' | b' '));
    if !says_so
        && value.len() >= 8
        && digits > 0
        && upper + lower > 0
        && signs < value.len() / 2
        && (odd || upper > 0 && lower > 0)
    {
        Verdict::Valid("looks like a chosen password")
    } else if says_so && value.iter().any(|byte| b" ._-#/:".contains(byte)) {
        // The name of what holds it.
        Verdict::Invalid
    } else if says_so {
        Verdict::Doubtful("says that it is a password")
    } else {
        Verdict::Doubtful("could be a word of the program")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_within;
    use super::*;

    #[test]
    fn names_decide_what_a_random_value_is() {
        let random = "da5a2e65d83a40d6cebaac60ef01803f";
        for (before, expected) in [
            ("api_key = \"", true),
            ("commit hash 12\nsecret: ", true),
            ("password_hash=", true),
            ("sha256sum = ", false),
            ("integrity: ", false),
            ("public_key = ", false),
            ("token: x, etag: \"", false),
        ] {
            let verdict = check_within(&SECRET, before, random, "\"");
            assert_eq!(matches!(verdict, Verdict::Valid(_)), expected, "{before}");
        }
        assert!(matches!(check_within(&SERVICE_KEY, "acme key = ", random, ""), Verdict::Valid(_)));
        assert!(matches!(check_within(&SERVICE_KEY, "acme ", random, ""), Verdict::Doubtful(_)));
        let uuid = "64176f2e-e1da-3e29-2a08-19fa8bcb1838";
        assert!(matches!(check_within(&SERVICE_KEY, "acme token: ", uuid, ""), Verdict::Valid(_)));
        assert!(matches!(check_within(&SECRET, "acme token: ", uuid, ""), Verdict::Doubtful(_)));
        let number = "086716184219537277";
        assert!(matches!(check_within(&SERVICE_KEY, "acme token: ", number, ""), Verdict::Doubtful(_)));
        assert_eq!(check_within(&SERVICE_KEY, "acme ", number, ""), Verdict::Invalid);
        assert!(matches!(check_within(&SECRET, "key=", "abcdef1234567890abcdef", ""), Verdict::Sample(_)));
    }

    #[test]
    fn passwords_are_told_from_words_of_programs() {
        for valid in ["D1fficultP%40ssw0rd", "gets0m3#", "s2Tf2k@rLMy", "Winter2024!"] {
            assert!(matches!(check_within(&PASSWORD, "", valid, ""), Verdict::Valid(_)), "{valid}");
        }
        for doubtful in ["super$ecret", "open sesame", "logmein", "goodspec", "CleartextPassword1"] {
            assert!(matches!(check_within(&PASSWORD, "", doubtful, ""), Verdict::Doubtful(_)), "{doubtful}");
        }
        for invalid in [
            "password",
            "${PASSWORD}",
            "your_password",
            "xxxx",
            "getPass()",
            "/etc/pass",
            "",
            "Enter",
            "Enter a password",
            "env.SERVICE_PASSWORD",
            "#add-password",
        ] {
            assert_eq!(check_within(&PASSWORD, "", invalid, ""), Verdict::Invalid, "{invalid}");
        }
    }
}
